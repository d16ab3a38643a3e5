"""`menkou-hub`: the commands of the hub. Data goes to stdout, words to stderr.

Exit codes: 0 done, 1 failed, 2 wrong usage or settings.
"""

import argparse
import logging
import os
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from cloud import bench, export, office_cli, retention
from cloud.command_line import command as _command
from cloud.command_line import config_of as _config
from cloud.command_line import database as _database
from cloud.command_line import takes_config as _takes_config
from cloud.db import migrate, open_engine, reading, writing
from cloud.releases import Release, every_release, restore, revoke
from cloud.run import run_ingest, run_serve
from cloud.simulate import arguments as simulate_arguments
from cloud.simulate import command as simulate
from edge.wire.topics import BoxAddress
from menkou import __version__, logs
from menkou.errors import MenkouFault
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
    except SettingsFault as exc:
        logs.complain(str(exc))
        return 2
    except (MenkouFault, OSError) as exc:
        logs.complain(f"menkou-hub {arguments.command}: {exc}")
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
        ("retain", _retain, "let go of facts past [hub] keep_events", "retain --config hub.toml"),
    ):
        command = _command(commands, name, words, example)
        _takes_config(command)
        command.set_defaults(run=run)
    _add_key(commands)
    office_cli.add(commands)
    _add_bench(commands)
    _add_export(commands)
    _add_simulate(commands)
    command = _command(
        commands,
        "hash-password",
        "print the hash of a password, for [hub] password",
        "hash-password > hub.password",
    )
    command.set_defaults(run=_hash_password)
    return parser


def _add_key(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    key = _command(
        commands,
        "key",
        'list and revoke the keys of boxes that have key = "hub"',
        "key list --config hub.toml",
    )
    actions = key.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, run, words in (
        ("list", _key_list, "list the boxes that were given their key, and those revoked"),
        ("revoke", _key_revoke, "give a box no key from now on, if it is stolen, say"),
        ("restore", _key_restore, "give a revoked box its key again"),
    ):
        box = "" if name == "list" else " nj-001/nj-001-a"
        action = _command(actions, name, words, f"key {name}{box} --config hub.toml")
        if box:
            action.add_argument("box", type=_address, metavar="STORE/BOX", help="the box")
        _takes_config(action)
        action.set_defaults(run=run)


def _add_bench(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = _command(
        commands,
        "bench",
        "measure the hub on this machine, in a temporary directory and without settings",
        "bench ingest --json",
    )
    command.add_argument(
        "name", nargs="?", choices=bench.NAMES, metavar="NAME", help=" or ".join(bench.NAMES)
    )
    command.add_argument("--json", action="store_true", help="print one JSON object a line")
    command.add_argument(
        "--events",
        type=_positive,
        metavar="N",
        help="how many events each case takes in (default: what takes some seconds)",
    )
    command.add_argument(
        "--database",
        type=simulate_arguments.database_url,
        metavar="URL",
        help="measure pages on a database that `simulate --years` has filled",
    )
    command.set_defaults(run=_bench)


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
        type=Path,
        metavar="OUT",
        help="a file NAME.parquet, or a new directory, with a folder a month",
    )
    _takes_config(command)
    command.set_defaults(run=_export)


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


def _positive(text: str) -> int:
    if text.isascii() and text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text!r}")


def _address(text: str) -> BoxAddress:
    store, slash, box = text.partition("/")
    try:
        if slash:
            return BoxAddress(store=store, box=box)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None
    raise argparse.ArgumentTypeError(f"expected STORE/BOX such as nj-001/nj-001-a, got {text!r}")


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


def _retain(arguments: argparse.Namespace) -> int:
    keep = _config(arguments).keep_events
    with _database(arguments) as engine:
        cleared = retention.retain(engine, keep, datetime.now(UTC), threading.Event())
    print(f"retain: {retention.words(cleared)}", file=sys.stderr)
    return 0


def _key_list(arguments: argparse.Namespace) -> int:
    with _database(arguments) as engine, reading(engine) as connection:
        for one in every_release(connection):
            print(_release_line(one))
    return 0


def _release_line(one: Release) -> str:
    """Return a line of fields apart by tabs: box, state, first and last release, revocation."""
    moments = (one.first_at, one.last_at, one.revoked_at)
    shown = [at.isoformat(timespec="seconds") if at else "-" for at in moments]
    state = "revoked" if one.revoked_at else "released"
    return "\t".join([f"{one.address.store}/{one.address.box}", state, *shown])


def _key_revoke(arguments: argparse.Namespace) -> int:
    address: BoxAddress = arguments.box
    with _database(arguments) as engine, writing(engine) as connection:
        known = {one.address for one in every_release(connection)}
        revoke(connection, address, datetime.now(UTC))
    name = f"{address.store}/{address.box}"
    words = "" if address in known else "; it never asked for one: is the name right?"
    print(f"{name}: gets no key from its next start on{words}", file=sys.stderr)
    return 0


def _key_restore(arguments: argparse.Namespace) -> int:
    address: BoxAddress = arguments.box
    name = f"{address.store}/{address.box}"
    with _database(arguments) as engine, writing(engine) as connection:
        done = restore(connection, address)
    if not done:
        print(f"{name}: expected a revoked box, got one that is not", file=sys.stderr)
        return 1
    print(f"{name}: gets its key again", file=sys.stderr)
    return 0


def _bench(arguments: argparse.Namespace) -> int:
    logging.getLogger().setLevel(logging.WARNING)
    for result in bench.run(arguments.name, arguments.events, arguments.database):
        print(result.line() if arguments.json else result.words(), flush=True)
    return 0


def _export(arguments: argparse.Namespace) -> int:
    first, last, out = arguments.day_from, arguments.day_to, arguments.out
    if last < first:
        print(f"--to: expected {first} or later, got {last}", file=sys.stderr)
        return 2
    with _database(arguments) as engine:
        rows = export.export(engine, arguments.table, first, last, out, _say)
    _say(f"{out}: {rows:,} rows")
    return 0


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _hash_password(_arguments: argparse.Namespace) -> int:
    print(ask_for_hash())
    return 0


if __name__ == "__main__":
    sys.exit(main())
