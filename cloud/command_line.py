"""What every command of `menkou-hub` is made of. Used by `cli` and by the rooms of commands."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from cloud.accounts import audit
from cloud.accounts.audit import Code, What
from cloud.config import HubConfig, load
from cloud.db import check_schema, open_engine
from cloud.db_faults import shown, why_unopened
from cloud.errors import DatabaseFault
from cloud.urls import check_database_url
from menkou import logs

PROGRAM: Final = "menkou-hub"
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def command(commands: Commands, name: str, words: str, example: str) -> argparse.ArgumentParser:
    """Return a new command with help and an example."""
    return commands.add_parser(
        name,
        help=words,
        description=f"{words[0].upper()}{words[1:]}.",
        epilog=f"example:\n  {PROGRAM} {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def action(
    actions: Commands, name: str, run: Callable[[argparse.Namespace], int], words: str, example: str
) -> argparse.ArgumentParser:
    """Return a new command that takes settings and is run by a function."""
    made = command(actions, name, words, f"{example} --config hub.toml")
    takes_config(made)
    made.set_defaults(run=run)
    return made


def actions_of(group: argparse.ArgumentParser) -> Commands:
    """Return the commands of a group, to which some are added."""
    return group.add_subparsers(dest="action", required=True, metavar="ACTION")


def complain(text: str) -> None:
    """Say what went wrong."""
    logs.complain(PROGRAM, text)


def warn(text: str) -> None:
    """Say what may be wrong."""
    logs.complain(PROGRAM, f"warning: {text}", logging.WARNING)


def say(text: str) -> None:
    """Say what was done, or how far it is; data go to stdout."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def head(*names: str) -> None:
    """Name the columns of a list, apart by tabs as they are; stdout holds the rows only."""
    say("\t".join(names))


def takes_config(parser: argparse.ArgumentParser) -> None:
    """Give a command its settings."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="the settings (default: none; MENKOU_... variables win over the file)",
    )


def database_url(text: str) -> str:
    """Return the address of a database, for an argument of that kind."""
    try:
        return check_database_url(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None


def config_of(arguments: argparse.Namespace) -> HubConfig:
    """Return the settings of a command."""
    return load(arguments.config, os.environ)


def record(connection: Connection, what: What, subject: str | None = None, **told: Code) -> None:
    """Note in the audit log what a command changes, in the command's own transaction."""
    audit.append(
        connection,
        at=datetime.now(UTC),
        what=what,
        actor=audit.COMMAND,
        subject=subject,
        detail=told,
    )


@contextmanager
def database(arguments: argparse.Namespace) -> Iterator[Engine]:
    """Open the database of a command; it must be there, and its schema up to date."""
    config = config_of(arguments)
    with opened(config.database_url, config.migrate_command) as engine:
        yield engine


@contextmanager
def opened(url: str, remedy: str | None = None) -> Iterator[Engine]:
    """Open a database that must be there, with an up to date schema.

    Args:
        url: its address.
        remedy: what to run if it is not; None: a command that names the address.

    Raises:
        cloud.errors.DatabaseFault: it cannot be used; says what to do.
    """
    engine = open_engine(url)
    try:
        check_schema(engine, remedy or f"menkou-hub migrate --database {shown(engine.url)}")
        yield engine
    except OperationalError as exc:  # it went away, is full, may not be written
        raise DatabaseFault(why_unopened(engine.url, exc)) from exc
    finally:
        engine.dispose()
