"""Reads the figures of the shop's page. Called by the console's front process; writes nothing."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile

from sqlite_utils import Database

from edge.core.hours import OpeningHours
from edge.store.sales import has_receipts, sales_between
from edge.wire.codec import utc_text

_COUNTS = "entered, left, entered_closed, left_closed, staff, turned_back"
OF_GUESTS = (
    "WHERE opened_at >= ? AND opened_at < ? AND void = 0 AND who <> 'staff' AND origin <> 'private'"
)
"""Which visits are guests' from one moment to another, as every figure has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HourCount:
    """One local hour; `start` and `end` are aware UTC."""

    start: datetime
    end: datetime
    visitors: int
    entered: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCount:
    """A shop's local day.

    `visitors` are visits that are neither staff, void, a re-entry, nor a check-in without a
    crossing; `members` are the members among the day's visits, each once. `staff` are crossings
    from the staff's area, and visits that somebody marked as staff's. `unsure`: some of all
    this was dated by a clock that nobody vouched for, then or since.
    """

    hours: tuple[HourCount, ...]
    visitors: int
    reentries: int
    members: int
    entered: int
    left: int
    outside_hours: int
    staff: int
    turned_back: int
    unsure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MinuteCount:
    """People through all doors in one minute, whether the shop was open or not."""

    entered: int
    left: int


def local_hours(day: date, hours: OpeningHours) -> list[tuple[datetime, datetime]]:
    """Return the hours of a local day, aware UTC; 23 or 25 of them when the clock changes.

    An hour that is repeated in autumn is two; half an hour that is repeated is a row of its own.
    """
    at = datetime.combine(day, time(), tzinfo=hours.zone).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), time(), tzinfo=hours.zone).astimezone(UTC)
    found = []
    while at < end:
        after = at + timedelta(minutes=60 - at.astimezone(hours.zone).minute)
        found.append((at, min(after, end)))
        at = after
    return found


def day_count(db: Database, hours: OpeningHours, now: datetime) -> DayCount:
    """Return the figures of the local day that holds `now`."""
    spans = local_hours(now.astimezone(hours.zone).date(), hours)
    bounds = [utc_text(spans[0][0]), utc_text(spans[-1][1])]
    minutes = db.execute(
        f"SELECT minute, {_COUNTS} FROM crossing_minute"
        " WHERE private = 0 AND minute >= ? AND minute < ?",
        bounds,
    ).fetchall()
    visits = db.execute(
        f"SELECT opened_at FROM visit {OF_GUESTS} AND reentry = 0 AND counted = 1", bounds
    ).fetchall()
    (marked,) = db.execute(
        "SELECT count(*) FROM visit WHERE opened_at >= ? AND opened_at < ? AND who = 'staff'"
        " AND void = 0 AND origin <> 'private'",
        bounds,
    ).fetchone()
    reentries, members = db.execute(
        f"SELECT coalesce(sum(reentry), 0), count(DISTINCT subject) FROM visit {OF_GUESTS}", bounds
    ).fetchone()
    rows = []
    for start, end in spans:
        low, high = utc_text(start), utc_text(end)
        within = [row for row in minutes if low <= row[0] < high]
        rows.append(
            HourCount(
                start=start,
                end=end,
                visitors=sum(low <= row[0] < high for row in visits),
                entered=sum(row[1] for row in within),
                left=sum(row[2] for row in within),
            )
        )
    return DayCount(
        hours=tuple(rows),
        visitors=len(visits),
        reentries=reentries,
        members=members,
        entered=sum(row[1] for row in minutes),
        left=sum(row[2] for row in minutes),
        outside_hours=sum(row[3] + row[4] for row in minutes),
        staff=sum(row[5] for row in minutes) + marked,
        turned_back=sum(row[6] for row in minutes),
        unsure=_is_unsure(db, bounds),
    )


def sales_of_day(db: Database, hours: OpeningHours, now: datetime) -> int | None:
    """Return the receipts of sales to guests of the local day; None: no till ever sent any."""
    if not has_receipts(db):
        return None
    spans = local_hours(now.astimezone(hours.zone).date(), hours)
    return sales_between(db, spans[0][0], spans[-1][1])


def _is_unsure(db: Database, bounds: list[str]) -> bool:
    by_nobody = "IN (SELECT id FROM timeline WHERE word = 'nobody')"
    (found,) = db.execute(
        f"SELECT EXISTS (SELECT 1 FROM crossing WHERE timeline {by_nobody}"
        "  AND at >= ? AND at < ?)"
        f" OR EXISTS (SELECT 1 FROM visit WHERE doubt = 1 AND opened_timeline {by_nobody}"
        "  AND opened_at >= ? AND opened_at < ?)",
        [*bounds, *bounds],
    ).fetchone()
    return bool(found)


def minute_count(db: Database, now: datetime) -> MinuteCount:
    """Return what crossed in the minute that holds `now`."""
    row = db.execute(
        "SELECT coalesce(sum(entered + entered_closed), 0), coalesce(sum(left + left_closed), 0)"
        " FROM crossing_minute WHERE private = 0 AND minute = ?",
        [utc_text(now.replace(second=0, microsecond=0))],
    ).fetchone()
    return MinuteCount(entered=row[0], left=row[1])


def last_crossing(db: Database) -> datetime | None:
    """Return when somebody last crossed a door, staff included; among the last rows it stands."""
    (at,) = db.execute(
        "SELECT max(at) FROM (SELECT at FROM crossing WHERE origin <> 'private'"
        " ORDER BY id DESC LIMIT 1000)"
    ).fetchone()
    return datetime.fromisoformat(at) if at else None


def occupancy(db: Database) -> int:
    """Return how many people are in the shop, by the count."""
    row = db.execute("SELECT people FROM occupancy WHERE id = 1").fetchone()
    return row[0] if row else 0


def last_event_at(db: Database) -> datetime | None:
    """Return the time of the last event of a running box: its clock never runs below it.

    Replays keep the recording's time and do not count. Rows are in order of commit, so the
    latest time stands among the last ones. What a doubtful clock said counts only until somebody
    knew better: until the time of its start was known, or an event came that was dated surely.
    """
    rows = db.execute(
        "SELECT at, json_extract(event, '$.clock') FROM outbox JOIN epoch USING (epoch)"
        " WHERE origin = 'run' AND NOT (json_extract(event, '$.clock') = 'suspect' AND EXISTS"
        "  (SELECT 1 FROM timeline WHERE timeline.boot = epoch.boot AND word = 'kernel'))"
        " ORDER BY outbox.id DESC LIMIT 1000"
    ).fetchall()
    doubtful = list(takewhile(lambda row: row[1] == "suspect", rows))
    sure = [row for row in rows if row[1] != "suspect"]
    at = max((row[0] for row in doubtful + sure), default=None)
    return datetime.fromisoformat(at) if at else None


def last_sure_event_at(db: Database, boot: str) -> datetime | None:
    """Return the time of the last event that an earlier start of the machine was sure of."""
    (at,) = db.execute(
        "SELECT max(at) FROM (SELECT outbox.at FROM outbox JOIN epoch USING (epoch)"
        " WHERE origin = 'run' AND boot IS NOT ? AND json_extract(event, '$.clock') = 'ok'"
        " ORDER BY outbox.id DESC LIMIT 1000)",
        [boot],
    ).fetchone()
    return datetime.fromisoformat(at) if at else None
