"""The minutes of crossings: what each camera counted in each, under a revision that grows.

Called by `ledger` and `clockfix` within their transactions.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlite_utils import Database

from edge.core.visit import Crossed
from edge.wire.codec import utc_text
from edge.wire.messages import CrossingMinute

COUNTS: Final = ("entered", "left", "entered_closed", "left_closed", "staff", "turned_back")


def minute_of(moment: datetime) -> datetime:
    """Return the minute that holds a moment."""
    return moment.replace(second=0, microsecond=0)


def counts_of(crossed: Crossed) -> dict[str, int]:
    """Return what one crossing adds to its minute."""
    if crossed.staff:
        return {"staff": 1}
    column = "entered" if crossed.direction == "in" else "left"
    if not crossed.hours_open:
        return {column + "_closed": 1}
    return {column: 1, "turned_back": int(crossed.turned_back)}


def add_crossing(db: Database, crossed: Crossed, *, private: bool) -> None:
    """Count a crossing in its minute."""
    add(db, crossed.camera, minute_of(crossed.at), counts_of(crossed), private=private)


def add(
    db: Database, camera: str, minute: datetime, counts: Mapping[str, int], *, private: bool
) -> None:
    """Add to a minute, or take away from it."""
    added = {**dict.fromkeys(COUNTS, 0), **counts}
    columns = ", ".join(COUNTS)
    sums = ", ".join(f"{name} = {name} + excluded.{name}" for name in COUNTS)
    db.execute(
        f"INSERT INTO crossing_minute (camera, minute, private, rev, {columns})"
        f" VALUES (?, ?, ?, 0, {', '.join('?' * len(COUNTS))})"
        f" ON CONFLICT (minute, camera, private) DO UPDATE SET {sums}",
        [camera, utc_text(minute), private, *added.values()],
    )


def told_minute(db: Database, camera: str, minute: datetime, *, private: bool) -> CrossingMinute:
    """Return a minute as it stands now, under the next revision."""
    row = db.execute(
        "UPDATE crossing_minute SET rev = rev + 1"
        " WHERE minute = ? AND camera = ? AND private = ?"
        f" RETURNING rev, {', '.join(COUNTS)}",
        [utc_text(minute), camera, private],
    ).fetchone()
    counts = dict(zip(COUNTS, row[1:], strict=True))
    return CrossingMinute(camera=camera, minute=minute, rev=row[0], **counts)
