"""What every command of `menkou-hub` is made of. Used by `cli` and by the rooms of commands."""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from sqlalchemy import Engine

from cloud.config import HubConfig, load
from cloud.db import check_schema, open_engine

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def command(commands: Commands, name: str, words: str, example: str) -> argparse.ArgumentParser:
    """Return a new command with help and an example."""
    return commands.add_parser(
        name,
        help=words,
        description=f"{words[0].upper()}{words[1:]}.",
        epilog=f"example: menkou-hub {example}",
    )


def takes_config(parser: argparse.ArgumentParser) -> None:
    """Give a command its settings."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="the settings (default: none; MENKOU_... variables win over the file)",
    )


def config_of(arguments: argparse.Namespace) -> HubConfig:
    """Return the settings of a command."""
    return load(arguments.config, os.environ)


@contextmanager
def database(arguments: argparse.Namespace) -> Iterator[Engine]:
    """Open the database of a command; its schema must be up to date."""
    engine = open_engine(config_of(arguments).database_url)
    try:
        check_schema(engine)
        yield engine
    finally:
        engine.dispose()
