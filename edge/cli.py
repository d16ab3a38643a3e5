"""`menkou-edge`: the box's commands. Data goes to stdout, words to stderr.

Exit codes: 0 done, 1 failed, 2 usage or configuration.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from edge.config import EdgeConfig, absent_files, effective_mode, load
from menkou import __version__
from menkou.errors import MenkouFault
from menkou.settings import SettingsFault
from menkou.web.password import ask_for_hash

FAILED, USAGE = 1, 2


class CommandFault(MenkouFault):
    """The command cannot go on; its text is for the person who called it."""


class CommandUsage(CommandFault):
    """The command was called wrongly."""


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
        _run,
        "run the box until it is stopped",
        "menkou-edge run --config /etc/menkou/edge.toml",
    )
    _config_option(run)
    check = _command(
        sub,
        "check-config",
        _check_config,
        "check the settings and name every fault",
        "menkou-edge check-config --config edge.toml",
    )
    _config_option(check)
    _replay_parser(sub)
    outbox = _command(
        sub,
        "outbox",
        _outbox,
        "show what waits for the hub, or send it now",
        "menkou-edge outbox --config edge.toml --send 60",
    )
    _config_option(outbox)
    outbox.add_argument(
        "--send", type=float, metavar="SECONDS", help="send it, for at most this long"
    )
    _command(
        sub,
        "hash-password",
        _hash_password,
        "ask for the page's password and print its hash for a password file",
        "menkou-edge hash-password > /etc/menkou/console.password",
    )
    _part_parsers(sub)
    return parser


def _replay_parser(sub: Any) -> None:
    replay = _command(
        sub,
        "replay",
        _replay,
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
        "--start", metavar="ISO8601", help="when the recording began, with offset (default: now)"
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


def _part_parsers(sub: Any) -> None:
    """The parts that the supervisor starts; not for people, so they are not listed."""
    for name, run in (("eyes", _eyes), ("front", _front)):
        part = sub.add_parser(name)
        part.set_defaults(run=run)
        _config_option(part)
        part.add_argument("--epoch", required=True)


def _load(arguments: argparse.Namespace) -> EdgeConfig:
    return load(arguments.config)


def _warn_of_lowered_mode(config: EdgeConfig) -> None:
    mode = effective_mode(config)
    if mode != config.privacy.mode:
        print(
            f"warning: mode {config.privacy.mode!r} was asked for, {mode!r} is run:"
            " this version reads no faces",
            file=sys.stderr,
        )
    if config.wifi.enabled:
        print("warning: this version does not listen to Wi-Fi", file=sys.stderr)


def _run(arguments: argparse.Namespace) -> int:
    config = _load(arguments)
    if absent := absent_files(config, arguments.config):
        raise SettingsFault(absent)
    _warn_of_lowered_mode(config)
    from edge.app.box import run_box  # each process loads only what it runs

    run_box(config, arguments.config.resolve())
    return 0


def _eyes(arguments: argparse.Namespace) -> int:
    from edge.app.eyes import run_eyes

    run_eyes(_load(arguments), arguments.epoch)
    return 0


def _front(arguments: argparse.Namespace) -> int:
    from edge.app.front import run_front_process

    run_front_process(_load(arguments))
    return 0


def _check_config(arguments: argparse.Namespace) -> int:
    config = _load(arguments)
    _warn_of_lowered_mode(config)
    for fault in absent_files(config, arguments.config):
        print(f"warning: {fault}; run needs it", file=sys.stderr)
    print(
        f"{arguments.config}: no fault. Shop {config.store.id} ({config.store.name}),"
        f" box {config.box.id}, {len(config.camera)} camera(s), mode {effective_mode(config)}"
    )
    return 0


def _named_files(pairs: Sequence[str], config: EdgeConfig) -> dict[str, Path]:
    known = [camera.name for camera in config.camera]
    files: dict[str, Path] = {}
    for pair in pairs:
        name, equals, path = pair.partition("=")
        if not (name and equals and path):
            raise CommandUsage(f"--camera: expected NAME=FILE, got {pair!r}")
        if name not in known:
            raise CommandUsage(
                f"--camera: expected one of the configured cameras ({', '.join(known) or 'none'}),"
                f" got {name!r}"
            )
        if name in files:
            raise CommandUsage(f"--camera: {name!r} was given twice; one file a camera")
        files[name] = Path(path)
    if not files:
        raise CommandUsage("--camera: expected at least one NAME=FILE to replay, got none")
    return files


def _start_of(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        start = None
    if start is None or start.tzinfo is None or not 2000 < start.year < 2200:
        raise CommandUsage(
            f"--start: expected a time with offset such as 2026-11-21T10:00:00+08:00, got {text!r}"
        )
    return start


def _replay(arguments: argparse.Namespace) -> int:
    config = _load(arguments)
    files = _named_files(arguments.camera, config)
    start = _start_of(arguments.start)
    if arguments.publish is not None and config.uplink is None:
        raise CommandUsage("--publish: expected an [uplink] section in the settings, got none")
    _warn_of_lowered_mode(config)
    from edge.app.replay import ReplayRequest, run_replay

    def emit(line: dict[str, Any]) -> None:
        if arguments.json:
            print(json.dumps(line, ensure_ascii=False), flush=True)
        elif line["event"] == "summary":
            _print_table(line)

    faults = run_replay(
        config,
        ReplayRequest(cameras=files, start=start, emit=emit, publish_s=arguments.publish),
    )
    for fault in faults:
        print(f"menkou-edge replay: {fault}", file=sys.stderr)
    return FAILED if faults else 0


def _print_table(summary: dict[str, Any]) -> None:
    for key, value in summary.items():
        if key != "event" and value is not None:
            print(f"{key:<18} {value}")


def _outbox(arguments: argparse.Namespace) -> int:
    config = _load(arguments)
    from edge.app.replay import drain
    from edge.store.database import connect
    from edge.store.outbox import Outbox

    if arguments.send is not None:
        print(f"{drain(config, arguments.send)} events were sent and acknowledged")
        return 0
    backlog = Outbox(connect(config.data_dir)).backlog()
    oldest = backlog.oldest_at.astimezone(config.store.zone) if backlog.oldest_at else None
    print(f"{backlog.events} events wait for the hub" + (f", since {oldest}" if oldest else ""))
    return 0


def _hash_password(_arguments: argparse.Namespace) -> int:
    print(ask_for_hash())
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    arguments = build_parser().parse_args(argv)
    os.umask(0o077)  # whatever the box writes is for its own user only
    try:
        code: int = arguments.run(arguments)
    except SettingsFault as exc:
        print(exc, file=sys.stderr)
        return USAGE
    except CommandUsage as exc:
        print(f"menkou-edge {arguments.command}: {exc}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        # Whoever read stdout has gone; what was committed is kept.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except MenkouFault as exc:
        print(f"menkou-edge {arguments.command}: {exc}", file=sys.stderr)
        return FAILED
    return code
