"""Notices of head office for the manager: few, and gone after a week. Written by `edge.app.orders`.

Read by the manager's corner. A notice names nobody: it is about the shop's own figures.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlite_utils import Database

from edge.store.database import transaction
from edge.wire.codec import utc_text
from edge.wire.orders import NoticeOrder

KEPT_FOR: Final = timedelta(days=7)
MOST: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What head office saw: `what` is a code of `edge.wire.orders.NOTICES`."""

    id: str
    what: str
    since: datetime
    expected: int
    got: int | None
    at: datetime


def take(db: Database, order: NoticeOrder, now: datetime) -> None:
    """Keep a notice, or that it is over; one that was seen or is over does not come back."""
    with transaction(db):
        db.execute(
            "INSERT INTO notice VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " state = CASE excluded.state WHEN 'ended' THEN 'ended' ELSE state END",
            [
                *(order.id, order.what, utc_text(order.since), order.expected, order.got),
                *(utc_text(now), "ended" if order.ends else "open"),
            ],
        )
        _forget(db, now)


def _forget(db: Database, now: datetime) -> None:
    db.execute("DELETE FROM notice WHERE at < ?", [utc_text(now - KEPT_FOR)])
    db.execute(
        "DELETE FROM notice WHERE id NOT IN (SELECT id FROM notice ORDER BY at DESC, id DESC"
        " LIMIT ?)",
        [MOST],
    )


def open_notices(db: Database, now: datetime) -> tuple[Notice, ...]:
    """Return what the manager has not seen yet and is not over, the newest first."""
    rows = db.execute(
        "SELECT id, what, since, expected, got, at FROM notice"
        " WHERE state = 'open' AND at >= ? ORDER BY at DESC, id DESC",
        [utc_text(now - KEPT_FOR)],
    ).fetchall()
    return tuple(
        Notice(
            id=name,
            what=what,
            since=datetime.fromisoformat(since),
            expected=expected,
            got=got,
            at=datetime.fromisoformat(at),
        )
        for name, what, since, expected, got, at in rows
    )


def seen(db: Database, notice: str) -> bool:
    """Note that the manager has seen a notice; say whether it was there to be seen."""
    with transaction(db):
        done = db.execute(
            "UPDATE notice SET state = 'seen' WHERE id = ? AND state = 'open'", [notice]
        )
        return bool(done.rowcount)
