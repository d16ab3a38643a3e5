"""`menkou-hub config`, `member` and `appointment`: what head office orders of its boxes.

Called by `cli`. A command only writes the database; `ingest` sends within a second or two, and to
boxes that are offline when they come back.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from cloud import desired, erasures, sharing
from cloud.command_line import Commands, command, config_of, database, takes_config
from cloud.db import reading, writing
from cloud.desired import Standing
from cloud.office import Imported, Office
from cloud.office_table import (
    APPOINTMENT_COLUMNS,
    MEMBER_COLUMNS,
    read_appointments,
    read_members,
)
from cloud.orders import WHOLE_SHOP, Issuer, boxes_of
from cloud.shares import master_of
from edge.wire.codec import utc_text
from edge.wire.topics import ID_PATTERN, BoxAddress

Place = tuple[str, str]


def add(commands: Commands) -> None:
    """Add the commands to `menkou-hub`'s."""
    _add_config(commands)
    _add_member(commands)
    _add_appointment(commands)


def _add_config(commands: Commands) -> None:
    group = command(
        commands,
        "config",
        "lay settings over those of shops and boxes, and see what became of them",
        "config list --config hub.toml",
    )
    actions = group.add_subparsers(dest="action", required=True, metavar="ACTION")
    wish = command(
        actions,
        "set",
        "lay settings over a shop's boxes or over one box; an empty file takes all back",
        "config set nj-001 --file desired.toml --config hub.toml",
    )
    wish.add_argument("place", type=_place, metavar="STORE[/BOX]", help="the shop, or one box")
    wish.add_argument(
        "--file", type=Path, required=True, metavar="F", help="what is desired, in TOML"
    )
    wish.set_defaults(run=_config_set)
    show = command(
        actions,
        "show",
        "show what is desired of a shop or of a box, as JSON",
        "config show nj-001/nj-001-a --config hub.toml",
    )
    show.add_argument("place", type=_place, metavar="STORE[/BOX]", help="the shop, or one box")
    show.set_defaults(run=_config_show)
    listed = command(
        actions,
        "list",
        "list the boxes: version desired and reported, state, code, since when",
        "config list --config hub.toml",
    )
    listed.set_defaults(run=_config_list)
    for action in (wish, show, listed):
        takes_config(action)


def _add_member(commands: Commands) -> None:
    group = command(
        commands,
        "member",
        "give members to the boxes of shops, and erase them everywhere",
        "member import members.csv --store nj-001 --config hub.toml",
    )
    actions = group.add_subparsers(dest="action", required=True, metavar="ACTION")
    erase = command(
        actions,
        "erase",
        "erase a member here and in every box that may hold the member",
        "member erase 01ARZ3NDEKTSV4RRFFQ69G5FAV --yes --config hub.toml",
    )
    erase.add_argument(
        "subject", nargs="?", type=_subject, metavar="SUBJECT", help="the member's random id"
    )
    erase.add_argument(
        "--external-id", metavar="ID", help="instead: the member's number in your own systems"
    )
    erase.add_argument(
        "--store",
        type=_store,
        metavar="S",
        help="also the boxes of this shop, though none of them ever named the member",
    )
    erase.add_argument("--yes", action="store_true", help="really: it cannot be undone")
    takes_config(erase)
    erase.set_defaults(run=_member_erase)
    _add_import(actions, "member", _member_import, MEMBER_COLUMNS)
    flow = command(
        actions,
        "shared",
        "count the members that boxes share: from, to, shared, on their way, ends on their way",
        "member shared --config hub.toml",
    )
    takes_config(flow)
    flow.set_defaults(run=_member_shared)


def _add_appointment(commands: Commands) -> None:
    group = command(
        commands,
        "appointment",
        "give appointments to the boxes of a shop",
        "appointment import today.csv --store nj-001 --config hub.toml",
    )
    actions = group.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_import(actions, "appointment", _appointment_import, APPOINTMENT_COLUMNS)


def _add_import(
    actions: Commands,
    name: str,
    run: Callable[[argparse.Namespace], int],
    columns: Iterable[str],
) -> None:
    load = command(
        actions,
        "import",
        f"give the {name}s of a CSV file to a shop's boxes; all rows are taken, or none",
        f"{name} import {name}s.csv --store nj-001 --config hub.toml",
    )
    load.add_argument("file", type=Path, metavar="FILE.csv", help=f"columns: {', '.join(columns)}")
    load.add_argument("--store", type=_store, required=True, metavar="S", help="the shop")
    takes_config(load)
    load.set_defaults(run=run)


def _place(text: str) -> Place:
    store, slash, box = text.partition("/")
    if ID_PATTERN.fullmatch(store) and (ID_PATTERN.fullmatch(box) if slash else True):
        return store, box if slash else WHOLE_SHOP
    raise argparse.ArgumentTypeError(f"expected STORE or STORE/BOX such as nj-001, got {text!r}")


def _store(text: str) -> str:
    if ID_PATTERN.fullmatch(text):
        return text
    raise argparse.ArgumentTypeError(f"expected the id of a shop such as nj-001, got {text!r}")


def _subject(text: str) -> str:
    if erasures.is_subject(text):
        return text
    raise argparse.ArgumentTypeError(
        f"expected a subject, 26 characters such as 01ARZ3NDEKTSV4RRFFQ69G5FAV, got {len(text)}"
    )


def _shown(place: Place) -> str:
    store, box = place
    return f"{store}/{box}" if box else store


def _boxes(ordered: Sequence[BoxAddress]) -> str:
    return "1 box" if len(ordered) == 1 else f"{len(ordered)} boxes"


def _config_set(arguments: argparse.Namespace) -> int:
    place: Place = arguments.place
    wish = desired.read_desired(arguments.file)
    with database(arguments) as engine, writing(engine) as connection:
        known = desired.is_known(connection, place)
        version, ordered = desired.set_desired(connection, Issuer(), place, wish, datetime.now(UTC))
    print(version)
    words = "" if known else "; this hub never heard of it: is the name right?"
    print(f"{_shown(place)}: {_boxes(ordered)} ordered{words}", file=sys.stderr)
    return 0


def _config_show(arguments: argparse.Namespace) -> int:
    place: Place = arguments.place
    store, box = place
    with database(arguments) as engine, reading(engine) as connection:
        if box:
            wish = desired.of_box(connection, BoxAddress(store=store, box=box))
        else:
            wish = desired.of_place(connection, place)
    if wish is None:
        print(f"{_shown(place)}: nothing is desired", file=sys.stderr)
        return 1
    held = {name: value for name, value in asdict(wish).items() if value is not None}
    print(json.dumps(held, ensure_ascii=False))
    return 0


def _config_list(arguments: argparse.Namespace) -> int:
    with database(arguments) as engine, reading(engine) as connection:
        for one in desired.standings(connection):
            print(_line(one))
    return 0


def _line(one: Standing) -> str:
    """Return fields apart by tabs: box, desired, reported, state, code, since when."""
    fields = (
        f"{one.address.store}/{one.address.box}",
        *(one.desired, one.reported, one.state, one.code),
        utc_text(one.at) if one.at else None,
    )
    return "\t".join("-" if field is None else str(field) for field in fields)


def _member_erase(arguments: argparse.Namespace) -> int:
    if not arguments.yes:
        print("--yes: expected it, since what is erased cannot be had back", file=sys.stderr)
        return 2
    if (arguments.subject is None) == (arguments.external_id is None):
        print("expected a SUBJECT or --external-id, and one of them only", file=sys.stderr)
        return 2
    with database(arguments) as engine, writing(engine) as connection:
        subject = arguments.subject or _office(arguments, connection).find(
            connection, arguments.external_id
        )
        if subject is None:
            print("--external-id: expected one that this hub knows, got another", file=sys.stderr)
            return 1
        ordered = erasures.erase(connection, Issuer(), subject, arguments.store, datetime.now(UTC))
    print(
        f"erased here; {_boxes(ordered)} ordered to do the same, those that are offline when they"
        " come back",
        file=sys.stderr,
    )
    return 0


def _member_shared(arguments: argparse.Namespace) -> int:
    with database(arguments) as engine, reading(engine) as connection:
        for one in sharing.flows(connection):
            places = (sharing.place_of(one.sender), sharing.place_of(one.receiver))
            print(*places, one.shared, one.waiting, one.ending, sep="\t")
    return 0


def _office(arguments: argparse.Namespace, connection: Connection) -> Office:
    return Office(master_of(connection, config_of(arguments).share_secret))


def _member_import(arguments: argparse.Namespace) -> int:
    rows = read_members(arguments.file)
    with database(arguments) as engine, writing(engine) as connection:
        office = _office(arguments, connection)
        done = office.take_members(connection, Issuer(), arguments.store, rows, datetime.now(UTC))
        known = bool(boxes_of(connection, arguments.store))
    _tell_import("members", done, arguments.store, known=known)
    return 0


def _appointment_import(arguments: argparse.Namespace) -> int:
    rows = read_appointments(arguments.file)
    with database(arguments) as engine, writing(engine) as connection:
        office = _office(arguments, connection)
        done = office.take_appointments(
            connection, Issuer(), arguments.store, rows, datetime.now(UTC)
        )
        known = bool(boxes_of(connection, arguments.store))
    _tell_import("appointments", done, arguments.store, known=known)
    return 0


def _tell_import(what: str, done: Imported, store: str, *, known: bool) -> None:
    if not known:
        print(f"{store}: this hub never heard of it: is the name right?", file=sys.stderr)
    print(f"{done.added} {what} were added, {done.changed} changed, {done.same} are as they were")
