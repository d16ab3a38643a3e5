"""`menkou-hub bench`: its arguments. Called by `cli`."""

import argparse
import logging

from cloud import bench
from cloud.bench.users import Load
from cloud.command_line import Commands, command, database_url
from cloud.errors import UsageFault
from cloud.simulate.arguments import count, span


def add(commands: Commands) -> None:
    """Declare the command."""
    made = command(
        commands,
        "bench",
        "measure the hub on this machine, in a temporary directory and without settings",
        "bench ingest --json",
    )
    made.add_argument(
        "name",
        nargs="?",
        choices=bench.NAMES,
        metavar="NAME",
        help=f"{' or '.join(bench.NAMES)} (default: all of them)",
    )
    made.add_argument(
        "--json", action="store_true", help="print one JSON object a line (default: words)"
    )
    made.add_argument(
        "--events",
        type=count,
        metavar="N",
        help="how many events each case takes in (default: by case, 50,000 to 200,000)",
    )
    made.add_argument(
        "--database",
        type=database_url,
        metavar="URL",
        help="measure pages on a database that `simulate --years` has filled (default: one of"
        f" {bench.pages.SHOPS} shops, made for the while)",
    )
    made.add_argument(
        "--users", type=count, metavar="N", help="measure pages as so many people use them at once"
    )
    made.add_argument(
        "--every", type=span, metavar="TIME", help="each user opens a page so often (default: 5s)"
    )
    made.add_argument(
        "--for",
        type=span,
        metavar="TIME",
        dest="lasts",
        help="how long it is measured (default: 60s)",
    )
    made.add_argument(
        "--after",
        type=span,
        metavar="TIME",
        help="how long they are there before (default: 30s): a server reads ahead when it begins",
    )
    made.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    logging.getLogger().setLevel(logging.WARNING)
    load = _load(arguments)
    for result in bench.run(arguments.name, arguments.events, arguments.database, load):
        print(result.line() if arguments.json else result.words(), flush=True)
    return 0


def _load(arguments: argparse.Namespace) -> Load | None:
    if arguments.users is None:
        if arguments.every or arguments.lasts or arguments.after is not None:
            raise UsageFault("--every, --for, --after: expected --users as well")
        return None
    return Load(
        users=arguments.users,
        every_s=arguments.every.total_seconds() if arguments.every else 5.0,
        for_s=arguments.lasts.total_seconds() if arguments.lasts else 60.0,
        after_s=arguments.after.total_seconds() if arguments.after is not None else 30.0,
    )
