"""What the till's receipts say of the shop's day: when was sold, and who has paid.

Read by the till's desk, the manager's corner and the figures; writes nothing.
"""

from datetime import datetime
from typing import Final

from sqlite_utils import Database

from edge.wire.codec import utc_text

_AT_ONCE: Final = 200


def paid_since(db: Database, start: datetime, end: datetime) -> list[tuple[str, datetime]]:
    """Return the visits that go on although their guest has paid, with the last time of it; not
    those that the eyes were asked to end before.
    """
    rows = db.execute(
        "SELECT r.visit, max(r.at) FROM receipt AS r JOIN visit AS v ON v.id = r.visit"
        " WHERE r.visit IS NOT NULL AND r.at >= ? AND r.kind = 'sale' AND r.voided = 0"
        " AND v.closed_at IS NULL AND v.void = 0 AND NOT EXISTS"
        "  (SELECT 1 FROM request WHERE request.visit = r.visit AND request.kind = 'paid')"
        " GROUP BY r.visit HAVING max(r.at) <= ? LIMIT ?",
        [utc_text(start), utc_text(end), _AT_ONCE],
    ).fetchall()
    return [(visit, datetime.fromisoformat(at)) for visit, at in rows]


def has_receipts(db: Database) -> bool:
    """Say whether a till ever sent anything."""
    return db.execute("SELECT 1 FROM receipt LIMIT 1").fetchone() is not None


def sale_times(db: Database, start: datetime, end: datetime) -> tuple[datetime, ...] | None:
    """Return when guests bought something that nobody voided; None: no till ever sent anything."""
    if not has_receipts(db):
        return None
    rows = db.execute(
        "SELECT at FROM receipt INDEXED BY receipt_sale"
        " WHERE kind = 'sale' AND buyer = 'guest' AND voided = 0 AND at >= ? AND at < ?"
        " ORDER BY at",
        [utc_text(start), utc_text(end)],
    ).fetchall()
    return tuple(datetime.fromisoformat(at) for (at,) in rows)


def sales_between(db: Database, start: datetime, end: datetime) -> int:
    """Return how many sales to guests there were that nobody voided."""
    (count,) = db.execute(
        "SELECT count(*) FROM receipt INDEXED BY receipt_sale"
        " WHERE kind = 'sale' AND buyer = 'guest' AND voided = 0 AND at >= ? AND at < ?",
        [utc_text(start), utc_text(end)],
    ).fetchone()
    return int(count)
