"""Keeps what could not be taken, and the hub's own counters. Called by `ingest` and `queries`."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select

from cloud.db import upsert
from cloud.inbox import Aside
from cloud.tables import meter, set_aside

ROWS_KEPT: Final = 10_000

SET_ASIDE: Final = "set_aside"
"""All that was ever set aside, kept or not."""
CHANGES: Final = "changes"
"""Counts up with every change that a page may show."""
DROPPED: Final = "dropped"
"""Messages that were dropped because the queue was full; the boxes send them again."""
DATABASE_ERRORS: Final = "database_errors"
"""How often a set of messages could not be written at once."""
KEYS_DENIED: Final = "keys_denied"
"""Requests for keys that were not answered: too many, malformed, or the secret is not there."""
INGEST_SEEN: Final = "ingest_seen"
"""Milliseconds since 1970 at which an ingest process last said that it is alive."""


def keep(connection: Connection, asides: Sequence[Aside]) -> None:
    """Keep what could not be taken; only the newest 10,000 stay, but all are counted."""
    if not asides:
        return
    connection.execute(
        insert(set_aside),
        [
            {
                "at": one.at,
                "topic": one.topic,
                "reason": one.reason,
                "payload": one.payload,
                "epoch": one.epoch,
                "seq": one.seq,
            }
            for one in asides
        ],
    )
    newest = connection.execute(select(func.max(set_aside.c.id))).scalar_one()
    connection.execute(delete(set_aside).where(set_aside.c.id <= newest - ROWS_KEPT))
    count_up(connection, {SET_ASIDE: len(asides)})


def count_up(connection: Connection, by: Mapping[str, int]) -> None:
    """Add to counters. Call it last in a transaction: the rows are everybody's."""
    rows = [{"name": name, "value": value} for name, value in sorted(by.items()) if value]
    if rows:
        statement = upsert(connection, meter)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=[meter.c.name],
                set_={"value": meter.c.value + statement.excluded.value},
            ),
            rows,
        )


def note_alive(connection: Connection, now: datetime) -> None:
    """Note that ingest is alive."""
    statement = upsert(connection, meter)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[meter.c.name], set_={"value": statement.excluded.value}
        ),
        {"name": INGEST_SEEN, "value": int(now.timestamp() * 1000)},
    )


def meters(connection: Connection) -> dict[str, int]:
    """Return all counters."""
    return {row.name: row.value for row in connection.execute(select(meter))}


def seen_at(counters: Mapping[str, int]) -> datetime | None:
    """Return when ingest last said that it is alive."""
    value = counters.get(INGEST_SEEN)
    return None if value is None else datetime.fromtimestamp(value / 1000, UTC)
