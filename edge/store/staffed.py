"""Which visits were marked as staff by somebody in the shop, and which may be. Writes nothing.

The eyes alone write visits: `edge.desk.corner` asks them (`store.switches`).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlite_utils import Database

from edge.wire.codec import utc_text

_ANONYMOUS: Final = (
    "v.void = 0 AND v.origin <> 'private' AND v.subject IS NULL AND v.reentry = 0 AND v.counted = 1"
    " AND v.opened_at >= ? AND v.opened_at < ?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Somebody nameless who came in. `staff`: it was staff; `asked`: somebody has just said so, or
    the contrary, and the eyes have not revised the visit yet.
    """

    visit: str
    at: datetime
    camera: str | None
    staff: bool
    asked: bool


def entries(db: Database, start: datetime, end: datetime, *, limit: int) -> tuple[Entry, ...]:
    """Return who came in without a name from one moment to another, the newest first."""
    rows = db.execute(
        "SELECT v.id, v.opened_at, v.camera, v.who = 'staff',"
        " EXISTS (SELECT 1 FROM request AS r WHERE r.visit = v.id AND r.done_at IS NULL"
        "  AND r.kind IN ('staff', 'guest'))"
        f" FROM visit AS v WHERE {_ANONYMOUS} ORDER BY v.opened_at DESC, v.id DESC LIMIT ?",
        [utc_text(start), utc_text(end), limit],
    ).fetchall()
    return tuple(
        Entry(
            visit=row[0],
            at=datetime.fromisoformat(row[1]),
            camera=row[2],
            staff=bool(row[3]),
            asked=bool(row[4]),
        )
        for row in rows
    )


def is_listed(db: Database, visit: str, start: datetime, end: datetime) -> bool:
    """Say whether a visit is one of those that `entries` lists."""
    row = db.execute(
        f"SELECT 1 FROM visit AS v WHERE {_ANONYMOUS} AND v.id = ?",
        [utc_text(start), utc_text(end), visit],
    ).fetchone()
    return row is not None


def first_guests(
    db: Database, start: datetime, end: datetime, count: int, *, newest: bool = False
) -> tuple[str, ...]:
    """Return visits from one moment to another that are nobody's and no staff's yet.

    The first of them, or the `newest`.
    """
    order = "DESC" if newest else "ASC"
    rows = db.execute(
        f"SELECT v.id FROM visit AS v WHERE {_ANONYMOUS} AND v.who = 'visitor'"
        " AND NOT EXISTS (SELECT 1 FROM request AS r WHERE r.visit = v.id AND r.done_at IS NULL)"
        f" ORDER BY v.opened_at {order}, v.id {order} LIMIT ?",
        [utc_text(start), utc_text(end), count],
    ).fetchall()
    return tuple(visit for (visit,) in rows)


def marked(db: Database, start: datetime, end: datetime) -> int:
    """Return how many visits are staff's by somebody's word."""
    (count,) = db.execute(
        "SELECT count(*) FROM visit AS v WHERE v.who = 'staff' AND v.void = 0"
        " AND v.origin <> 'private' AND v.opened_at >= ? AND v.opened_at < ?",
        [utc_text(start), utc_text(end)],
    ).fetchone()
    return int(count)


def left_out(db: Database, start: datetime, end: datetime) -> int:
    """Return how many crossings of staff were left out since they appeared in the staff's area."""
    (count,) = db.execute(
        "SELECT coalesce(sum(staff), 0) FROM crossing_minute"
        " WHERE private = 0 AND minute >= ? AND minute < ?",
        [utc_text(start), utc_text(end)],
    ).fetchone()
    return int(count)
