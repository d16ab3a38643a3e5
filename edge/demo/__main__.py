"""`python -m edge.demo`: what `scripts/demo` runs."""

import argparse
import sys
from collections.abc import Sequence

from edge.demo.show import demo_folder, play_live, play_once, prepared
from menkou.errors import MenkouFault


def main(argv: Sequence[str] | None = None) -> int:
    """Show a running shop; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="A running shop on this machine: embedded broker, hub, and one box on a clip.",
        epilog="example:\n  scripts/demo --once",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--once", action="store_true", help="run the clip through, print the summary, exit"
    )
    arguments = parser.parse_args(argv)
    way = "once" if arguments.once else "live"
    try:
        with prepared(demo_folder(), way) as stage:
            return play_once(stage) if arguments.once else play_live(stage)
    except KeyboardInterrupt:
        print("scripts/demo: stopped", file=sys.stderr)
        return 1
    except MenkouFault as exc:
        print(f"scripts/demo: {exc}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
