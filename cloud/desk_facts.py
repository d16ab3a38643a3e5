"""Keeps what people at the shops' desks did. Called by `ingest` inside its transaction.

One row for each document of a box; the highest revision wins, of equal ones the latest, whatever
the order in which they come. A box that was restored from a backup may number its revisions anew.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Insert, and_, or_, select

from cloud.bulk import KEYS, Bulk, Question
from cloud.copying import Copy
from cloud.db import upsert
from cloud.facts import New
from cloud.tables import desk_fact
from cloud.tally.marks import Day, Zones, day_of, days_of_visits
from edge.wire.messages import DESK_FIELDS, DeskFact

_KEY: Final = ("store", "box", "what", "id")
_KNOWN: Final = ("rev", "at", "about", "visit", "staff", "told")
Row = tuple[Any, ...]


def save(connection: Connection, zones: Zones, new: Iterable[New]) -> set[Day]:
    """Keep the newest word on each document among new events.

    Returns:
        The days that change: what a document was about, and is; of the visit that it named, and
        names; and of whatever else names that visit.
    """
    latest: dict[Row, Row] = {}
    for _, address, fact in new:
        if fact.kind != DeskFact.KIND:
            continue
        body = fact.body
        key = (address.store, address.box, body.what, body.id)
        told = {name: getattr(body, name) for name in DESK_FIELDS[body.what]}
        row = (body.rev, fact.at, fact.moment, body.visit, body.staff, json.dumps(told))
        if key not in latest or row[:2] > latest[key][:2]:
            latest[key] = row
    if not latest:
        return set()
    before = _STOOD.ask(connection, sorted(latest))
    _KEEP.run(connection, [key + row for key, row in sorted(latest.items())])
    now = [(store, box, row[2], row[3]) for (store, box, *_), row in latest.items()]
    return _days(connection, zones, [*before, *now])


def _days(connection: Connection, zones: Zones, stood: Sequence[Row]) -> set[Day]:
    """Return the days of documents, given as shop, box, moment and visit, and of their visits."""
    days = {(store, day_of(about, zones[store])) for store, _, about, _ in stood}
    visits = {(store, box, visit) for store, box, _, visit in stood if visit is not None}
    return days | days_of_visits(connection, zones, visits)


_STOOD: Final = Question(
    select(desk_fact.c.store, desk_fact.c.box, desk_fact.c.about, desk_fact.c.visit).where(KEYS),
    [desk_fact.c[name] for name in _KEY],
)


def _keep(connection: Connection) -> Insert:
    statement = upsert(connection, desk_fact)
    told, known = statement.excluded, desk_fact.c
    return statement.on_conflict_do_update(
        index_elements=desk_fact.primary_key.columns,
        set_={name: told[name] for name in _KNOWN},
        where=or_(told.rev > known.rev, and_(told.rev == known.rev, told.at > known.at)),
    )


_KEEP: Final = Bulk(_keep, (*_KEY, *_KNOWN), Copy(merged=True))
