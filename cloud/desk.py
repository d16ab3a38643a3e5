"""Keeps what people at the shops' desks did. Called by `ingest` inside its transaction.

One row for each document of a box; the highest revision wins, of equal ones the latest, whatever
the order in which they come. A box that was restored from a backup may number its revisions anew.
"""

import json
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection, Insert, and_, or_

from cloud.bulk import Bulk
from cloud.copying import Copy
from cloud.db import upsert
from cloud.facts import New
from cloud.tables import desk_fact
from edge.wire.messages import DESK_FIELDS, DeskFact

_KEY: Final = ("store", "box", "what", "id")
_KNOWN: Final = ("rev", "at", "about", "visit", "staff", "told")
Row = tuple[Any, ...]


def save(connection: Connection, new: Iterable[New]) -> None:
    """Keep the newest word on each document among new events."""
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
    _KEEP.run(connection, [key + row for key, row in sorted(latest.items())])


def _keep(connection: Connection) -> Insert:
    statement = upsert(connection, desk_fact)
    told, known = statement.excluded, desk_fact.c
    return statement.on_conflict_do_update(
        index_elements=desk_fact.primary_key.columns,
        set_={name: told[name] for name in _KNOWN},
        where=or_(told.rev > known.rev, and_(told.rev == known.rev, told.at > known.at)),
    )


_KEEP: Final = Bulk(_keep, (*_KEY, *_KNOWN), Copy(merged=True))
