"""Deletes what has been kept long enough, in transactions too short for anybody to wait for.

Called by `limit` and by the supervisor. Of each epoch the oldest events go first, so that what
is left of it has no gaps; the newest row of the outbox stays, so that no id comes twice. Consent,
members and the audit log are nobody's to delete here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlite_utils import Database

from edge.store.database import transaction
from edge.store.outbox import Outbox
from edge.wire.codec import utc_text

Going = Callable[[], bool]
"""Asked before each transaction: whether to go on."""
AT_ONCE: Final = 500
"""Rows deleted in one transaction."""
_A_DAY: Final = timedelta(days=1)
_ANOTHERS: Final = (
    "EXISTS (SELECT 1 FROM visit WHERE visit.id = note.visit AND visit.subject IS NOT note.subject)"
)
"""Notes that were written of a guest who turned out to be somebody else than that member."""
_BOUGHT: Final = "EXISTS (SELECT 1 FROM purchase WHERE purchase.receipt = receipt.id)"
_KEYS: Final = {
    "card_view": "(device, visit, subject)",
    "hour_summary": "hour",
    "note_day": "until",
    "presence_minute": "(private, minute)",
    "purchase": "receipt",
}
"""Of tables without row numbers."""
_MAY_MOVE: Final = (
    "SELECT id FROM timeline AS t WHERE word <> 'kernel'"
    " AND (boot = (SELECT boot FROM epoch WHERE epoch = ?)"
    "  OR EXISTS (SELECT 1 FROM timeline AS later WHERE later.boot = t.boot AND later.id > t.id))"
)
"""Timelines whose facts `clockfix` may yet move, by their rows: this start's, and any earlier
start's that gave way to a better one and was not put right to its end. Needs the living epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How long things are kept. Visits and minutes stay longer while their events wait.

    `traces`: alerts and corrections that were made, receipts of nobody; the eyes look back by the
    window for returns, 31 days at most. `tickets`: service tickets that
    have ended.
    """

    acked: timedelta
    crossings: timedelta
    traces: timedelta
    visits: timedelta = timedelta(days=400)
    tickets: timedelta = timedelta(days=90)
    views: timedelta = timedelta(days=3)


USUAL: Final = Keep(
    acked=timedelta(days=30), crossings=timedelta(days=90), traces=timedelta(days=90)
)
"""Acknowledged events: so that a hub restored from a backup can ask again (DESIGN section 5)."""
SHORT: Final = Keep(acked=timedelta(days=1), crossings=timedelta(days=1), traces=timedelta(32))
"""When the store is full."""


def prune(
    db: Database, epoch: str, now: datetime, keep: Keep = USUAL, going: Going = lambda: True
) -> int:
    """Delete what is older than is kept; return how many rows.

    Args:
        db: the box's database.
        epoch: the epoch of this start, which is never forgotten.
        now: the moment.
        keep: how long.
        going: asked before each transaction.

    Raises:
        edge.store.database.StoreAway: it cannot be done now; what was deleted stays deleted.
    """
    deleted = _prune_outbox(db, epoch, now - keep.acked, going)
    for table, condition, values in _old(db, epoch, now, keep):
        deleted += _delete(db, table, condition, values, going)
    return deleted


def _old(
    db: Database, epoch: str, now: datetime, keep: Keep
) -> Iterator[tuple[str, str, list[Any]]]:
    """Yield tables and what of them is too old."""
    crossed, traced, viewed = (
        utc_text(now - span) for span in (keep.crossings, keep.traces, keep.views)
    )
    settled = f"at < ? AND (timeline IS NULL OR timeline NOT IN ({_MAY_MOVE}))"
    yield "crossing", settled, [crossed, epoch]
    yield "presence_minute", "minute < ?", [crossed]
    yield "presence_hour", "hour < ? AND source = 'box'", [utc_text(now - keep.visits)]
    yield "card_view", "at < ?", [viewed]
    yield "alert", settled, [traced, epoch]
    yield "request", "done_at < ?", [traced]
    # Summaries of hours whose events wait are made of these; what may move is moved within them.
    waiting = (Outbox(db).backlog().oldest_at, *_oldest_in_doubt(db, epoch))
    befores = [now - keep.visits, *(at - timedelta(days=1) for at in waiting if at)]
    visited = utc_text(min(befores))
    named = (
        f"NOT EXISTS (SELECT 1 FROM {table} WHERE {table}.visit = visit.id)"
        for table in ("alert", "request")
    )
    yield "visit", f"opened_at < ? AND {' AND '.join(named)}", [visited]
    for table in ("claim", "stay", "note", "source"):
        yield table, "at < ?", [visited]
    yield "purchase", "at < ?", [visited]
    yield "receipt", f"at < ? AND NOT {_BOUGHT}", [traced]
    # What head office goes on calling ready, though it was collected here, is longer remembered.
    yield "service", "ended_at < ? AND office = 0", [utc_text(now - keep.tickets)]
    yield "service", "ended_at < ?", [visited]
    # Of a visitor for the day only, and of whoever was taken for a member no longer either.
    day = utc_text(now)
    yield "note", "until <= ?", [day]
    yield "note_day", "until <= ?", [day]
    yield "note", f"at < ? AND subject IS NOT NULL AND {_ANOTHERS}", [utc_text(now - _A_DAY)]
    yield "crossing_minute", "minute < ?", [visited]
    yield "hour_summary", "hour < ?", [visited]


def _oldest_in_doubt(db: Database, epoch: str) -> Iterator[datetime]:
    """Yield the times of the oldest crossing and the oldest visit that may yet be dated anew."""
    columns = ("opened_timeline", "seen_timeline", "closed_timeline")
    doubtful = " OR ".join(f"{column} IN ({_MAY_MOVE})" for column in columns)
    for query, count in (
        (f"SELECT min(at) FROM crossing WHERE timeline IN ({_MAY_MOVE})", 1),
        (f"SELECT min(opened_at) FROM visit WHERE doubt = 1 AND ({doubtful})", len(columns)),
    ):
        (at,) = db.execute(query, [epoch] * count).fetchone()
        if at is not None:
            yield datetime.fromisoformat(at)


def _delete(db: Database, table: str, condition: str, values: list[Any], going: Going) -> int:
    key = _KEYS.get(table, "rowid")
    columns = key.strip("()")
    deleted, some = 0, AT_ONCE
    while some == AT_ONCE and going():
        with transaction(db):
            some = db.execute(
                f"DELETE FROM {table} WHERE {key} IN"
                f" (SELECT {columns} FROM {table} WHERE {condition} LIMIT {AT_ONCE})",
                values,
            ).rowcount
        deleted += some
    return deleted


def _prune_outbox(db: Database, epoch: str, before: datetime, going: Going) -> int:
    """Delete what was acknowledged on a day before that of `before`, and replays of nobody's."""
    day = utc_text(before)[:10]
    rows = db.execute(
        "SELECT epoch, max(through) FROM acked WHERE day < ? GROUP BY epoch", [day]
    ).fetchall()
    rows += db.execute(
        "SELECT epoch, last_seq FROM epoch WHERE origin = 'private' AND EXISTS"
        " (SELECT 1 FROM outbox WHERE outbox.epoch = epoch.epoch)"
    ).fetchall()
    deleted = sum(delete_through(db, name, through, going) for name, through in rows)
    with transaction(db):
        db.execute(
            "DELETE FROM acked WHERE day < ? AND through < (SELECT max(other.through)"
            " FROM acked AS other WHERE other.epoch = acked.epoch)",
            [day],
        )
    _forget_epochs(db, epoch, before)
    return deleted


def prune_acknowledged(
    db: Database, epoch: str, now: datetime, keep: Keep, going: Going = lambda: True
) -> int:
    """Delete nothing but acknowledged events; return how many. For a clock nobody vouches for.

    Raises:
        edge.store.database.StoreAway: it cannot be done now; what was deleted stays deleted.
    """
    return _prune_outbox(db, epoch, now - keep.acked, going)


def delete_through(db: Database, epoch: str, through: int, going: Going = lambda: True) -> int:
    """Delete the events of an epoch up to a number, but never the newest row of all."""
    deleted, some = 0, AT_ONCE
    while some == AT_ONCE and going():
        with transaction(db):
            some = delete_some(db, epoch, through, AT_ONCE)
        deleted += some
    return deleted


def delete_some(db: Database, epoch: str, through: int, limit: int) -> int:
    """Delete the oldest events of an epoch in the caller's transaction; return how many."""
    return db.execute(
        "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE epoch = ? AND seq <= ?"
        " AND id < (SELECT max(id) FROM outbox) ORDER BY seq LIMIT ?)",
        [epoch, through, limit],
    ).rowcount


def _forget_epochs(db: Database, living: str, before: datetime) -> None:
    """Forget starts of which nothing is left: a box that starts over and over makes many."""
    gone = (
        "SELECT epoch FROM epoch WHERE started_at < ?"
        " AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.epoch = epoch.epoch)"
        " AND epoch <> ?"
    )
    with transaction(db):
        for table in ("acked", "acked_ahead", "epoch"):
            db.execute(f"DELETE FROM {table} WHERE epoch IN ({gone})", [utc_text(before), living])
