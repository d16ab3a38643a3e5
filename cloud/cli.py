"""`menkou-hub`: the commands of the hub. Data goes to stdout, words to stderr.

Exit codes: 0 done, 1 failed, 2 wrong usage or settings.
"""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from cloud.config import HubConfig, load
from cloud.db import migrate, open_engine
from cloud.run import run_ingest, run_serve
from menkou import __version__
from menkou.errors import MenkouFault
from menkou.settings import SettingsFault
from menkou.web.password import ask_for_hash

_QUIET: Final = ("alembic", "amqtt", "transitions", "uvicorn", "werkzeug", "asyncio")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code."""
    arguments = build_parser().parse_args(argv)
    os.umask(0o077)  # whatever the hub writes is for its own user only
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    run: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return run(arguments)
    except SettingsFault as exc:
        print(exc, file=sys.stderr)
        return 2
    except (MenkouFault, OSError) as exc:
        print(f"menkou-hub {arguments.command}: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with every command; each has help and an example."""
    parser = argparse.ArgumentParser(
        prog="menkou-hub",
        description="Gathers what the boxes in the shops count, and shows it to head office.",
        epilog="example: menkou-hub serve --config hub.toml",
    )
    parser.add_argument("--version", action="version", version=f"menkou-hub {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, run, words, example in (
        ("serve", _serve, "serve head office's pages", "serve --config hub.toml"),
        ("ingest", _ingest, "take facts from the broker", "ingest --config hub.toml"),
        ("migrate", _migrate, "bring the database up to date", "migrate --config hub.toml"),
    ):
        command = _command(commands, name, words, example)
        command.add_argument(
            "--config",
            type=Path,
            metavar="FILE",
            help="the settings (default: none; MENKOU_... variables win over the file)",
        )
        command.set_defaults(run=run)
    command = _command(
        commands,
        "hash-password",
        "print the hash of a password, for [hub] password",
        "hash-password > hub.password",
    )
    command.set_defaults(run=_hash_password)
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    words: str,
    example: str,
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=words,
        description=f"{words[0].upper()}{words[1:]}.",
        epilog=f"example: menkou-hub {example}",
    )


def _config(arguments: argparse.Namespace) -> HubConfig:
    return load(arguments.config, os.environ)


def _serve(arguments: argparse.Namespace) -> int:
    return run_serve(_config(arguments))


def _ingest(arguments: argparse.Namespace) -> int:
    return run_ingest(_config(arguments))


def _migrate(arguments: argparse.Namespace) -> int:
    config = _config(arguments)
    engine = open_engine(config.database_url)
    try:
        migrate(engine)
    finally:
        engine.dispose()
    shown = make_url(config.database_url).render_as_string(hide_password=True)
    print(f"database {shown}: up to date", file=sys.stderr)
    return 0


def _hash_password(_arguments: argparse.Namespace) -> int:
    print(ask_for_hash())
    return 0


if __name__ == "__main__":
    sys.exit(main())
