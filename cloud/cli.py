"""`menkou-hub`: the commands of the hub. Data goes to stdout, words to stderr.

Exit codes: 0 done, 1 failed, 2 wrong usage or settings.
"""

import argparse
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from cloud import account_cli, bench_cli, export, key_cli, office_cli, retention
from cloud.accounts.scope import EVERYTHING
from cloud.app import digest_writer
from cloud.command_line import command as _command
from cloud.command_line import complain, database_url, record, say, warn
from cloud.command_line import config_of as _config
from cloud.command_line import database as _database
from cloud.command_line import takes_config as _takes_config
from cloud.config import certificate_faults
from cloud.db import migrate, open_engine, writing
from cloud.db_faults import shown
from cloud.digest import command as digest_command
from cloud.errors import UsageFault
from cloud.run import run_ingest, run_serve
from cloud.simulate import arguments as simulate_arguments
from cloud.simulate import command as simulate
from menkou import __version__, logs
from menkou.errors import MenkouFault, told
from menkou.guards import unmakable
from menkou.listen import overlapping
from menkou.settings import SettingsFault
from menkou.web.password import ask_for_hash

_QUIET: Final = ("alembic", "amqtt", "transitions", "uvicorn", "werkzeug", "asyncio")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code."""
    arguments = build_parser().parse_args(argv)
    os.umask(0o077)  # whatever the hub writes is for its own user only
    run: Callable[[argparse.Namespace], int] = arguments.run
    try:
        logs.begin(arguments.command)
        for name in _QUIET:
            logging.getLogger(name).setLevel(logging.WARNING)
        return run(arguments)
    except (SettingsFault, UsageFault) as exc:
        complain(str(exc))
        return 2
    except BrokenPipeError:
        # Whoever read stdout has gone; what was committed is kept.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except MenkouFault as exc:
        complain(str(exc))
        return 1
    except OSError as exc:
        complain(told(exc))
        return 1
    except KeyboardInterrupt:
        return 1


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with every command; each has help and an example."""
    parser = argparse.ArgumentParser(
        prog="menkou-hub",
        description="Gathers what the boxes in the shops count, and shows it to head office.",
        epilog="example:\n  menkou-hub serve --config hub.toml",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"menkou-hub {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, run, words, example in (
        ("serve", _serve, "serve head office's pages", "serve --config hub.toml"),
        ("ingest", _ingest, "take facts from the broker", "ingest --config hub.toml"),
        (
            *("check-config", _check_config, "check the settings and name every fault"),
            "check-config --config hub.toml",
        ),
        (
            *("migrate", _migrate, "make the database, or bring it up to date"),
            "migrate --config hub.toml",
        ),
        ("retain", _retain, "let go of facts past [hub] keep_events", "retain --config hub.toml"),
    ):
        command = _command(commands, name, words, example)
        _takes_config(command)
        command.set_defaults(run=run)
        if name == "migrate":
            command.add_argument(
                "--database",
                type=database_url,
                metavar="URL",
                help="this one (default: that of the settings)",
            )
    account_cli.add(commands)
    key_cli.add(commands)
    office_cli.add(commands)
    bench_cli.add(commands)
    _add_export(commands)
    _add_simulate(commands)
    digest_command.add(commands, _day, digest_writer)
    command = _command(
        commands,
        "hash-password",
        "print the hash of the one password that all share until there are accounts",
        "hash-password > hub.password",
    )
    command.set_defaults(run=_hash_password)
    return parser


def _add_export(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = _command(
        commands,
        "export",
        "write figures, crossings or visits (without who they were) as Parquet",
        "export --table daily --from 2026-01-01 --to 2026-12-31 year.parquet",
    )
    command.add_argument("--table", required=True, choices=export.TABLES, help="what to write")
    for name, words in (("from", "the first day"), ("to", "the last day, included")):
        command.add_argument(
            f"--{name}", type=_day, required=True, dest=f"day_{name}", metavar="DAY", help=words
        )
    command.add_argument(
        "out",
        type=_out,
        metavar="OUT",
        help="a file NAME.parquet, or a new directory, with a folder a month",
    )
    _takes_config(command)
    command.set_defaults(run=_export)


def _out(text: str) -> Path:
    """Return where to write; what looks like a file of another kind is no directory."""
    ending = Path(text).suffix
    is_folder = text.endswith("/") or not re.fullmatch(r"\.[A-Za-z][A-Za-z0-9]{0,7}", ending)
    if is_folder or ending == export.SUFFIX:
        return Path(text)
    raise argparse.ArgumentTypeError(
        f"expected NAME{export.SUFFIX}, or a new directory such as {Path(text).stem}/,"
        f" got {text!r}; only Parquet files are written"
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        expected = f"expected a day such as 2026-11-21, got {text!r}"
        raise argparse.ArgumentTypeError(expected) from None


def _add_simulate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = _command(
        commands,
        "simulate",
        "simulate the shops of a chain, for load, the pages' speed and demonstrations",
        "simulate --broker mqtt://127.0.0.1:1883 --shops 100 --rate 60 --duration 8h",
    )
    _takes_config(command)
    simulate_arguments.add_arguments(command)
    command.set_defaults(run=simulate.run)


def _serve(arguments: argparse.Namespace) -> int:
    return run_serve(_config(arguments))


def _ingest(arguments: argparse.Namespace) -> int:
    return run_ingest(_config(arguments))


def _migrate(arguments: argparse.Namespace) -> int:
    engine = open_engine(arguments.database or _config(arguments).database_url)
    try:
        migrate(engine)
    finally:
        engine.dispose()
    say(f"database {shown(engine.url)}: up to date")
    return 0


def _check_config(arguments: argparse.Namespace) -> int:
    config = _config(arguments)
    for fault in certificate_faults(config, arguments.config):
        warn(str(fault))
    if (why := unmakable(config.data_dir)) is not None:
        warn(f"hub.data_dir: {why}")
    if config.listen.password_hash is not None:
        warn(
            "hub.password: all share it until somebody has an account (menkou-hub account add),"
            " and then it opens nothing; docs/operations.md says how to go over"
        )
    if not config.embedded:
        serve = {"hub.listen": config.listen, "metrics.listen": config.metrics.listen}
        every = {**serve, "metrics.ingest_listen": config.metrics.ingest_listen}
        places = {name: f"{one.host}:{one.port}" for name, one in every.items() if one is not None}
        for name, text in overlapping(places):
            warn(f"{name}: {text}; serve and ingest cannot both run on this machine")
    place = shown(make_url(config.database_url))
    print(
        f"{arguments.config or 'defaults'}: no fault. Pages at {config.listen.url}, database"
        f" {place}, broker {config.broker.shown}{' (embedded)' if config.embedded else ''}"
    )
    return 0


def _retain(arguments: argparse.Namespace) -> int:
    keep = _config(arguments).keep_events
    with _database(arguments) as engine:
        cleared = retention.retain(engine, keep, datetime.now(UTC), threading.Event())
    say(f"retain: {retention.words(cleared)}")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    first, last, out = arguments.day_from, arguments.day_to, arguments.out
    if last < first:
        raise UsageFault(f"--to: expected {first} or later, got {last}")
    with _database(arguments) as engine:
        with writing(engine) as connection:
            record(
                connection,
                "export",
                table=arguments.table,
                first=str(first),
                last=str(last),
            )
        rows = export.export(engine, EVERYTHING, arguments.table, first, last, out, say)
    say(f"{out}: {rows:,} rows")
    return 0


def _hash_password(_arguments: argparse.Namespace) -> int:
    print(ask_for_hash())
    return 0


if __name__ == "__main__":
    sys.exit(main())
