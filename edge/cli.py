"""`menkou-edge`: the box's commands. Data goes to stdout, words to stderr.

Exit codes: 0 done, 1 failed, 2 usage or configuration.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edge import (
    commands,
    evaluate_cli,
    member_cli,
    model_cli,
    pair_cli,
    sender_cli,
    share_commands,
    token_cli,
    wifi_cli,
)
from edge.commands import FAILED, CommandUsage
from menkou import __version__, logs
from menkou.errors import MenkouFault
from menkou.settings import SettingsFault

USAGE = 2


def _config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, required=True, metavar="F", help="the box's settings (edge.toml)"
    )


def _command(
    sub: Any, name: str, run: Callable[[argparse.Namespace], int], text: str, example: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = sub.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    return parser


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with every command; each has help and an example."""
    parser = argparse.ArgumentParser(
        prog="menkou-edge",
        description="Menkou's box: counts who comes into a shop, and tells the hub.",
        epilog="example:\n  menkou-edge check-config --config edge.toml",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"menkou-edge {__version__}")
    sub = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = _command(
        sub,
        "run",
        commands.run,
        "run the box until it is stopped",
        "menkou-edge run --config /etc/menkou/edge.toml",
    )
    _config_option(run)
    check = _command(
        sub,
        "check-config",
        commands.check_config,
        "check the settings and name every fault",
        "menkou-edge check-config --config edge.toml",
    )
    _config_option(check)
    _replay_parser(sub)
    outbox = _command(
        sub,
        "outbox",
        commands.outbox,
        "show what waits for the hub, or send it now",
        "menkou-edge outbox --config edge.toml --send 60",
    )
    _config_option(outbox)
    outbox.add_argument(
        "--send", type=float, metavar="SECONDS", help="send it, for at most this long"
    )
    _sharing_parser(sub)
    _bench_parser(sub)
    evaluate_cli.add(sub)
    member_cli.add(sub)
    model_cli.add(sub)
    pair_cli.add(sub)
    sender_cli.add(sub)
    token_cli.add(sub)
    wifi_cli.add(sub)
    _part_parsers(sub)
    return parser


def _replay_parser(sub: Any) -> None:
    replay = _command(
        sub,
        "replay",
        commands.replay,
        "run recorded files through the same rules, at full speed",
        "menkou-edge replay --config edge.toml --camera door=door.mp4"
        " --start 2026-11-21T10:00:00+08:00 --json",
    )
    _config_option(replay)
    replay.add_argument(
        "--camera",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="a recording, and the configured camera that it stands for; may be repeated",
    )
    replay.add_argument(
        "--probes",
        action="append",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="recordings of probe requests (pcap, pcapng), merged on one clock; may be repeated",
    )
    replay.add_argument(
        "--start",
        metavar="ISO8601",
        help="when the recording began, with offset (default: now, or as --probes says)",
    )
    replay.add_argument("--json", action="store_true", help="one JSON object a line on stdout")
    replay.add_argument(
        "--publish",
        nargs="?",
        type=float,
        const=60.0,
        metavar="SECONDS",
        help="send everything to the hub; wait at most this long after the last frame (60)",
    )


def _sharing_parser(sub: Any) -> None:
    sharing = _command(
        sub,
        "sharing",
        share_commands.sharing,
        "count the members shared with boxes of other shops, and name missing keys",
        "menkou-edge sharing --config edge.toml",
    )
    _config_option(sharing)
    sharing.add_argument("--json", action="store_true", help="one JSON object a line on stdout")


def _bench_parser(sub: Any) -> None:
    bench = _command(
        sub,
        "bench",
        commands.bench,
        "measure the box on this machine, in a temporary directory and without settings",
        "menkou-edge bench outbox --json",
    )
    names = (
        "console, detect, embed, match, memory, outbox, pipeline, probes or receipts (default: all"
        " there are)"
    )
    bench.add_argument("name", nargs="?", metavar="NAME", help=names)
    bench.add_argument(
        "--members",
        type=int,
        action="append",
        metavar="N",
        help="match: among so many members (1,000 to 100,000); may be repeated",
    )
    bench.add_argument("--json", action="store_true", help="one JSON object a line on stdout")


def _part_parsers(sub: Any) -> None:
    """The parts that the supervisor starts; not for people, so they are not listed."""
    parts = (
        ("eyes", commands.eyes, ("--template-key-fd", "--strangers-fd")),
        ("front", commands.front, ("--profile-key-fd",)),
        ("radio", commands.radio, ()),
    )
    for name, run, descriptors in parts:
        part = sub.add_parser(name)
        part.set_defaults(run=run)
        _config_option(part)
        part.add_argument("--epoch", required=True)
        for descriptor in descriptors:
            part.add_argument(descriptor, type=int)
    sub.add_parser("judge").set_defaults(run=commands.judge)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code."""
    arguments = build_parser().parse_args(argv)
    os.umask(0o077)  # whatever the box writes is for its own user only
    try:
        logs.begin("supervisor" if arguments.command == "run" else arguments.command)
        code: int = arguments.run(arguments)
    except SettingsFault as exc:
        commands.complain(str(exc))
        return USAGE
    except CommandUsage as exc:
        commands.complain(str(exc))
        return USAGE
    except BrokenPipeError:
        # Whoever read stdout has gone; what was committed is kept.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except MenkouFault as exc:
        commands.complain(str(exc))
        return FAILED
    except KeyboardInterrupt:
        return FAILED
    return code
