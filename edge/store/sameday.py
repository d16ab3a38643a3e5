"""Reads a local day as `core.weekday` compares it. Called by `edge.desk.corner`; writes nothing."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

from sqlite_utils import Database

from edge.core.hours import OpeningHours
from edge.core.weekday import OTHERWISE, Day, Passed
from edge.store.figures import OF_GUESTS
from edge.store.watched import watched_share
from edge.wire.codec import utc_text

Receipts = Callable[[datetime, datetime], tuple[datetime, ...] | None]
"""Returns when the receipts of a time were rung up, from one moment to another; None: no till tells
of any."""


def day_of(db: Database, hours: OpeningHours, day: date, *, basis: str, receipts: Receipts) -> Day:
    """Return what the box holds of a local day.

    Args:
        db: the box's database.
        hours: the shop's.
        day: in the shop's zone.
        basis: what visitors are counted by today.
        receipts: what the till told.
    """
    start, end = bounds(hours, day)
    span = [utc_text(start), utc_text(end)]
    visits = db.execute(
        f"SELECT opened_at, basis FROM visit {OF_GUESTS} AND reentry = 0 AND counted = 1"
        " ORDER BY opened_at",
        span,
    ).fetchall()
    members = db.execute(
        f"SELECT min(opened_at) AS at FROM visit {OF_GUESTS} AND subject IS NOT NULL"
        " GROUP BY subject ORDER BY at",
        span,
    ).fetchall()
    minutes = db.execute(
        "SELECT minute, sum(entered), sum(left) FROM crossing_minute"
        " WHERE private = 0 AND minute >= ? AND minute < ? GROUP BY minute ORDER BY minute",
        span,
    ).fetchall()
    told = receipts(start, end)
    opening = hours.opening_on(day)
    otherwise = sum(one not in (None, basis) for _, one in visits)

    def local(text: str) -> int:
        return minute_of_day(datetime.fromisoformat(text), hours)

    return Day(
        day=day,
        visitors=tuple(sorted(local(at) for at, _ in visits)),
        members=tuple(sorted(local(at) for (at,) in members)),
        passed=tuple(
            Passed(minute=local(at), entered=entered, left=left) for at, entered, left in minutes
        ),
        watched=watched_share(db, opening.opens, opening.closes) if opening else None,
        alike=otherwise <= OTHERWISE * len(visits),
        receipts=None if told is None else tuple(sorted(minute_of_day(at, hours) for at in told)),
    )


def bounds(hours: OpeningHours, day: date) -> tuple[datetime, datetime]:
    """Return the first moment of a local day and of the next one, in UTC."""
    start, end = (
        datetime.combine(day + timedelta(days=days), time(), tzinfo=hours.zone).astimezone(UTC)
        for days in (0, 1)
    )
    return start, end


def minute_of_day(moment: datetime, hours: OpeningHours) -> int:
    """Return the minute of the shop's day, by the clock on its wall."""
    local = moment.astimezone(hours.zone)
    return 60 * local.hour + local.minute


def first_day(db: Database, hours: OpeningHours) -> date | None:
    """Return the first local day that the box holds anything of, None if there is none."""
    (at,) = db.execute(
        "SELECT min(at) FROM (SELECT min(opened_at) AS at FROM visit WHERE origin <> 'private'"
        " UNION ALL SELECT min(minute) FROM crossing_minute WHERE private = 0"
        " UNION ALL SELECT min(quarter) FROM watched)"
    ).fetchone()
    return datetime.fromisoformat(at).astimezone(hours.zone).date() if at else None
