"""`menkou-hub config`, `member` and `appointment`: what head office orders of its boxes.

Called by `cli`. A command only writes the database; `ingest` sends within a second or two, and to
boxes that are offline when they come back.
"""

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from cloud import desired, erasures, members, sharing
from cloud.accounts import audit
from cloud.command_line import (
    Commands,
    action,
    actions_of,
    command,
    config_of,
    database,
    head,
    record,
    say,
    warn,
)
from cloud.db import reading, writing
from cloud.desired import Standing
from cloud.desks.members import note_merge
from cloud.errors import HubFault, UsageFault
from cloud.office.people import Imported, Office
from cloud.office.seal import Texts, keys_of
from cloud.office.table import (
    APPOINTMENT_COLUMNS,
    MEMBER_COLUMNS,
    read_appointments,
    read_members,
)
from cloud.orders import WHOLE_SHOP, Issuer, boxes_of
from cloud.shares import master_of
from edge.wire.codec import utc_text
from edge.wire.topics import ID_PATTERN, BoxAddress
from menkou.private_file import create_private
from menkou.words import counted

Place = tuple[str, str]
_Take = Callable[[Office, Connection, Issuer, str, Sequence[Texts], datetime], Imported]
_LINES_SHOWN: Final = 20


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
    actions = actions_of(group)
    wish = action(
        *(actions, "set", _config_set),
        "lay settings over a shop's boxes or over one box; an empty file takes all back",
        "config set nj-001 --file desired.toml",
    )
    show = action(
        *(actions, "show", _config_show),
        "show what is desired of a shop or of a box, as JSON",
        "config show nj-001/nj-001-a",
    )
    for one in (wish, show):
        one.add_argument("place", type=_place, metavar="STORE[/BOX]", help="the shop, or one box")
    wish.add_argument(
        "--file", type=Path, required=True, metavar="F", help="what is desired, in TOML"
    )
    action(
        *(actions, "list", _config_list),
        "list the boxes: version desired and reported, state, code, since when",
        "config list",
    )


def _add_member(commands: Commands) -> None:
    group = command(
        commands,
        "member",
        "give members to the boxes of shops, and erase them everywhere",
        "member import members.csv --store nj-001 --config hub.toml",
    )
    actions = actions_of(group)
    erase = action(
        *(actions, "erase", _member_erase),
        "erase a member here and in every box that may hold the member",
        "member erase 01ARZ3NDEKTSV4RRFFQ69G5FAV --yes",
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
    one = action(
        *(actions, "merge", _member_merge),
        "make two members one, by their external ids: the second leads to the first for ever",
        "member merge C-1 C-2 --yes",
    )
    one.add_argument("keep", metavar="KEEP", help="the external id that stays")
    one.add_argument("gone", metavar="GONE", help="the external id that leads to KEEP from now on")
    one.add_argument("--yes", action="store_true", help="really: it cannot be undone")
    action(
        *(actions, "open-api", _member_open_api),
        "let programs write and read members: put the office's two keys where the pages read them",
        "member open-api",
    )
    _add_import(actions, "member", _member_import, MEMBER_COLUMNS)
    action(
        actions,
        "shared",
        _member_shared,
        "count the members that boxes share: from, to, shared, on their way, ends on their way",
        "member shared",
    )


def _add_appointment(commands: Commands) -> None:
    group = command(
        commands,
        "appointment",
        "give appointments to the boxes of a shop",
        "appointment import today.csv --store nj-001 --config hub.toml",
    )
    _add_import(actions_of(group), "appointment", _appointment_import, APPOINTMENT_COLUMNS)


def _add_import(
    actions: Commands,
    name: str,
    run: Callable[[argparse.Namespace], int],
    columns: Iterable[str],
) -> None:
    load = action(
        *(actions, "import", run),
        f"give the {name}s of a CSV file to a shop's boxes; all rows are taken, or none",
        f"{name} import {name}s.csv --store nj-001",
    )
    load.add_argument("file", type=Path, metavar="FILE.csv", help=f"columns: {', '.join(columns)}")
    load.add_argument("--store", type=_store, required=True, metavar="S", help="the shop")


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


def _ordered(boxes: Sequence[BoxAddress]) -> str:
    return f"{counted(len(boxes), 'box', 'boxes')} ordered"


def _config_set(arguments: argparse.Namespace) -> int:
    place: Place = arguments.place
    wish = desired.read_desired(arguments.file)
    with database(arguments) as engine, writing(engine) as connection:
        known = desired.is_known(connection, place)
        version, ordered = desired.set_desired(connection, Issuer(), place, wish, datetime.now(UTC))
        record(connection, "config", store=place[0], box=place[1] or None, version=version)
    print(version)
    say(f"{_shown(place)}: {_ordered(ordered)}")
    _warn_if_new(_shown(place), known)
    return 0


def _warn_if_new(name: str, known: bool) -> None:
    if not known:
        warn(f"{name}: this hub never heard of it: is the name right?")


def _config_show(arguments: argparse.Namespace) -> int:
    place: Place = arguments.place
    store, box = place
    with database(arguments) as engine, reading(engine) as connection:
        if box:
            wish = desired.of_box(connection, BoxAddress(store=store, box=box))
        else:
            wish = desired.of_place(connection, place)
    if wish is None:
        raise HubFault(f"{_shown(place)}: nothing is desired; `menkou-hub config set` lays it over")
    held = {name: value for name, value in asdict(wish).items() if value is not None}
    print(json.dumps(held, ensure_ascii=False))
    return 0


def _config_list(arguments: argparse.Namespace) -> int:
    with database(arguments) as engine, reading(engine) as connection:
        head("box", "desired", "reported", "state", "code", "since")
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
        raise UsageFault("--yes: expected it, since what is erased cannot be had back")
    if (arguments.subject is None) == (arguments.external_id is None):
        raise UsageFault("expected a SUBJECT or --external-id, and one of them only")
    with database(arguments) as engine, writing(engine) as connection:
        subject = arguments.subject or _office(arguments, connection).find(
            connection, arguments.external_id
        )
        if subject is None:
            raise HubFault("--external-id: expected one that this hub knows, got another")
        ordered = erasures.erase(connection, Issuer(), subject, arguments.store, datetime.now(UTC))
        record(connection, "erase", members.hash_of(subject))
    say(
        f"erased here; {_ordered(ordered)} to do the same, those that are offline when they come"
        " back"
    )
    return 0


def _member_merge(arguments: argparse.Namespace) -> int:
    if not arguments.yes:
        raise UsageFault("--yes: expected it, since members that were merged cannot be told apart")
    now = datetime.now(UTC)
    with database(arguments) as engine, writing(engine) as connection:
        office = _office(arguments, connection)
        done = office.merge(connection, Issuer(), arguments.keep, arguments.gone, now)
        if done is not None:
            note_merge(connection, audit.COMMAND, done.member, now)
    if done is None:
        print("they are one member already")
        return 0
    shops = counted(len(done.shops), "shop", "shops")
    print(f"merged; the boxes of {shops} are told, those that are offline when they come back")
    return 0


def _member_open_api(arguments: argparse.Namespace) -> int:
    config = config_of(arguments)
    with database(arguments) as engine, writing(engine) as connection:
        keys = keys_of(master_of(connection, config.share_secret))
        if not config.office_keys.exists():
            create_private(config.office_keys, keys)
        record(connection, "key", how="members_api")
    print(config.office_keys)
    return 0


def _member_shared(arguments: argparse.Namespace) -> int:
    with database(arguments) as engine, reading(engine) as connection:
        head("from", "to", "shared", "on their way", "ends on their way")
        for one in sharing.flows(connection):
            places = (sharing.place_of(one.sender), sharing.place_of(one.receiver))
            print(*places, one.shared, one.waiting, one.ending, sep="\t")
    return 0


def _office(arguments: argparse.Namespace, connection: Connection) -> Office:
    return Office(master_of(connection, config_of(arguments).share_secret))


def _member_import(arguments: argparse.Namespace) -> int:
    rows = [row.cells for row in read_members(arguments.file)]
    done = _imported(arguments, Office.take_members, rows)
    joined = f"; {done.joined} now also at {arguments.store}" if done.joined else ""
    print(f"{_told(done, 'member')}{joined}")
    return 0


def _appointment_import(arguments: argparse.Namespace) -> int:
    rows = read_appointments(arguments.file)
    done = _imported(arguments, Office.take_appointments, [row.cells for row in rows])
    print(_told(done, "appointment"))
    if done.unknown:
        lines = [str(rows[place].line) for place in done.unknown]
        rest = f" and {len(lines) - _LINES_SHOWN} more" if len(lines) > _LINES_SHOWN else ""
        warn(
            f"line{'s' if len(lines) > 1 else ''} {', '.join(lines[:_LINES_SHOWN])}{rest}: no"
            f" member with this external_id was given to {arguments.store} from here; the boxes"
            " keep these appointments, and show them once they know such a member (`menkou-hub"
            " member import`, or enrolled at the box); is the external_id right?"
        )
    return 0


def _imported(arguments: argparse.Namespace, take: _Take, rows: Sequence[Texts]) -> Imported:
    """Take rows into the database, and say if the shop is one that nobody knows."""
    with database(arguments) as engine, writing(engine) as connection:
        done = take(
            _office(arguments, connection),
            connection,
            Issuer(),
            arguments.store,
            rows,
            datetime.now(UTC),
        )
        known = bool(boxes_of(connection, arguments.store))
        table = arguments.command
        record(connection, "import", table=table, store=arguments.store, rows=len(rows))
    _warn_if_new(arguments.store, known)
    return done


def _told(done: Imported, what: str) -> str:
    return f"{counted(done.added, what)} added, {done.changed} changed, {done.same} as before"
