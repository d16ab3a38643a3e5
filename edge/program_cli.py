"""What the commands on programs share: their parsers. Called by `token_cli` and `sender_cli`."""

import argparse
from pathlib import Path
from typing import Any


def add_command(
    sub: Any, group: str, name: str, run: Any, text: str, example: str
) -> argparse.ArgumentParser:
    """Add a command of a group, such as `token add`, that reads the box's settings.

    Args:
        sub: the group's subparsers.
        group: the group's name.
        name: the command's.
        run: what it does with its arguments.
        text: its help.
        example: what follows `--config` in its example.
    """
    parser: argparse.ArgumentParser = sub.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"example:\n  menkou-edge {group} {name} --config /etc/menkou/edge.toml{example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--config", type=Path, required=True, metavar="F", help="the box's settings (edge.toml)"
    )
    parser.set_defaults(run=run)
    return parser
