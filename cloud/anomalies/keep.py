"""Writes what is told: opens, goes on with and closes anomalies. Called by `look` and `weekly`."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, Row, insert, select, update

from cloud.anomalies.tables import CHAIN, anomaly
from cloud.anomalies.word import tell_over
from cloud.orders import Issuer
from cloud.partitions import ulid_time

_ULID: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
Known = dict[tuple[str, str], Row[Any]]
"""Anomalies that go on, by shop and kind."""


class Told(Struct, frozen=True, kw_only=True):
    """An anomaly as it is told: what, since when, and the comparison."""

    store: str
    kind: str
    reason: str
    since: datetime
    expected: float
    low: int
    high: int
    got: int | None
    shops: int | None = None


def going_on(connection: Connection) -> Known:
    """Return all anomalies that are not over."""
    rows = connection.execute(select(anomaly).where(anomaly.c.closed_at.is_(None)))
    return {(row.store, row.kind): row for row in rows}


def say(connection: Connection, known: Known, told: Told, now: datetime) -> str | None:
    """Open an anomaly, or note how one that goes on stands now; return the id of a new one."""
    row = known.get((told.store, told.kind))
    stands = {
        "expected": told.expected,
        "low": told.low,
        "high": told.high,
        "got": told.got,
        "shops": told.shops,
    }
    if row is not None:
        connection.execute(update(anomaly).where(anomaly.c.id == row.id).values(**stands))
        return None
    name = ulid_time(now) + "".join(random.SystemRandom().choices(_ULID, k=16))
    connection.execute(
        insert(anomaly),
        [
            {
                "id": name,
                "store": told.store,
                "kind": told.kind,
                "reason": told.reason,
                "since": told.since,
                "opened_at": now,
                **stands,
            }
        ],
    )
    return name


def close(
    connection: Connection, issuer: Issuer, rows: Iterable[Row[Any]], why: str, now: datetime
) -> None:
    """Note that anomalies are over, and take them back from shops that were told of them."""
    for row in rows:
        done = connection.execute(
            update(anomaly)
            .where(anomaly.c.id == row.id, anomaly.c.closed_at.is_(None))
            .values(closed_at=now, ended=why)
        )
        if done.rowcount:
            # As it stands now: somebody may have told the shop since it was read.
            fresh = connection.execute(select(anomaly).where(anomaly.c.id == row.id)).one()
            tell_over(connection, issuer, fresh, now)


def last_of_chain(connection: Connection) -> Row[Any] | None:
    """Return the chain's last anomaly that is over, None: there was none."""
    return connection.execute(
        select(anomaly)
        .where(anomaly.c.store == CHAIN, anomaly.c.closed_at.is_not(None))
        .order_by(anomaly.c.closed_at.desc())
        .limit(1)
    ).first()


def moment(second: int) -> datetime:
    """Return a UTC second as a moment."""
    return datetime.fromtimestamp(second, UTC)
