"""`menkou-hub config` and `menkou-hub member`: what head office orders of its boxes.

Called by `cli`. A command only writes the database; `ingest` sends within a second or two, and to
boxes that are offline when they come back.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from cloud import desired, erasures
from cloud.command_line import Commands, command, database, takes_config
from cloud.db import reading, writing
from cloud.desired import Standing
from cloud.orders import WHOLE_SHOP, Issuer
from edge.wire.codec import utc_text
from edge.wire.topics import ID_PATTERN, BoxAddress

Place = tuple[str, str]


def add(commands: Commands) -> None:
    """Add the commands to `menkou-hub`'s."""
    _add_config(commands)
    _add_member(commands)


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
        "erase members everywhere",
        "member erase 01ARZ3NDEKTSV4RRFFQ69G5FAV --yes --config hub.toml",
    )
    actions = group.add_subparsers(dest="action", required=True, metavar="ACTION")
    erase = command(
        actions,
        "erase",
        "erase a member here and in every box that may hold the member",
        "member erase 01ARZ3NDEKTSV4RRFFQ69G5FAV --yes --config hub.toml",
    )
    erase.add_argument("subject", type=_subject, metavar="SUBJECT", help="the member's random id")
    erase.add_argument(
        "--store",
        type=_store,
        metavar="S",
        help="also the boxes of this shop, though none of them ever named the member",
    )
    erase.add_argument("--yes", action="store_true", help="really: it cannot be undone")
    takes_config(erase)
    erase.set_defaults(run=_member_erase)


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
    with database(arguments) as engine, writing(engine) as connection:
        ordered = erasures.erase(
            connection, Issuer(), arguments.subject, arguments.store, datetime.now(UTC)
        )
    print(
        f"erased here; {_boxes(ordered)} ordered to do the same, those that are offline when they"
        " come back",
        file=sys.stderr,
    )
    return 0
