"""Old events into one for each hour, when the store is full and the hub was away for long.

Called by `limit`, and by `clockfix` for hours that were told so. A summary is made of the box's own
visits and minutes, not of the events: it is the whole hour, whatever of it the hub has already.

    visit_opened 09:12 ┐                                   ┌ hour_summary 09:00
    crossing_minute    ├ the oldest events of an epoch ──> ┤ alert          both under new
    alert              ┘                                   └                numbers
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from edge.store.database import transaction
from edge.store.keeping import AT_ONCE, delete_some, delete_through
from edge.store.outbox import Outbox, Reading
from edge.wire import codec
from edge.wire.codec import utc_text
from edge.wire.messages import (
    Body,
    CrossingMinute,
    Event,
    Health,
    HourSummary,
    PresenceMinute,
    VisitClosed,
    VisitOpened,
    VisitRevised,
)

YOUNG: Final = timedelta(days=7)
"""Hours that ended less than so long ago keep their events."""
_HOUR: Final = timedelta(hours=1)
_MINUTE_COUNTS: Final = ("staff", "entered", "left", "entered_closed", "left_closed", "turned_back")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prefix:
    """The oldest waiting events of an epoch that may go."""

    epoch: str
    events: Sequence[Event]


def hour_of(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the start of the local hour that holds a moment, in UTC."""
    local = moment.astimezone(zone)
    into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return moment - into


def summarise_some(db: Database, epoch: str, zone: ZoneInfo, now: Reading) -> int:
    """Replace some of the oldest waiting events, in one transaction; return how many are gone.

    Alerts, members' changes and summaries go on under new numbers. Of parts' states and of
    visits' ends nothing is left: they are in no figure; of minutes of Wi-Fi their hours.

    Args:
        db: the box's database.
        epoch: the epoch of this start, which takes up the summaries.
        zone: the shop's.
        now: the clocks.

    Raises:
        edge.store.database.StoreAway: it cannot be done now; nothing was done.
    """
    prefix = _prefix(db, epoch, now.at - YOUNG, zone)
    if prefix is None:
        return 0
    # What comes before, which the hub has, goes too: what is left of an epoch has no gaps.
    delete_through(db, prefix.epoch, prefix.events[0].seq - 1)
    with transaction(db):
        hours = {hour_of(at, zone) for event in prefix.events if (at := _counted_at(event))}
        told = [_summary(db, hour, now.at) for hour in sorted(hours)]
        entries: list[tuple[Body, Reading]] = [(body, now) for body in told if body is not None]
        ahead = db.execute(
            "SELECT low, high FROM acked_ahead WHERE epoch = ?", [prefix.epoch]
        ).fetchall()
        entries += [
            (event.body, Reading(at=event.at, mono=event.mono, clock=event.clock))
            for event in prefix.events
            if _goes_on(event) and not any(low <= event.seq <= high for low, high in ahead)
        ]
        Outbox(db).append(epoch, entries)
        gone = delete_some(db, prefix.epoch, prefix.events[-1].seq, AT_ONCE)
        return gone - len(entries)


def retold(
    db: Database, moments: Iterable[datetime], zone: ZoneInfo, now: datetime
) -> list[HourSummary]:
    """Return, under their next revisions, the summaries that hold moments whose facts moved.

    The hub counts a summary instead of all that it knows of the hour. Of hours that were not
    summarised it is told otherwise. For the caller's transaction, after the facts were moved.
    """
    hours = sorted({hour_of(moment, zone) for moment in moments})
    known = [
        hour
        for hour in hours
        if db.execute("SELECT 1 FROM hour_summary WHERE hour = ?", [utc_text(hour)]).fetchone()
    ]
    return [told for hour in known if (told := _summary(db, hour, now)) is not None]


def drop_some(db: Database, now: datetime) -> int:
    """Delete some of the oldest events of a box without a hub; return how many."""
    young = utc_text(now - YOUNG)
    for name, first, last in sorted(Outbox(db).waiting_spans(), key=_by_age(db)):
        rows = db.execute(
            "SELECT seq, at FROM outbox WHERE epoch = ? AND seq BETWEEN ? AND ?"
            " ORDER BY seq LIMIT ?",
            [name, first, last, AT_ONCE],
        ).fetchall()
        old = [seq for seq, _ in takewhile(lambda row: row[1] < young, rows)]
        if old:
            with transaction(db):
                if gone := delete_some(db, name, old[-1], AT_ONCE):
                    return gone
    return 0


def _by_age(db: Database) -> Any:
    def began(span: tuple[str, int, int]) -> int:
        row = db.execute("SELECT id FROM outbox WHERE epoch = ? AND seq = ?", span[:2]).fetchone()
        return int(row[0])

    return began


def _prefix(db: Database, living: str, before: datetime, zone: ZoneInfo) -> _Prefix | None:
    """Return the oldest events that may go, of the first epoch in which there are some."""
    for name, first, last in sorted(Outbox(db).waiting_spans(), key=_by_age(db)):
        rows = db.execute(
            "SELECT event FROM outbox WHERE epoch = ? AND seq BETWEEN ? AND ?"
            " AND id < (SELECT max(id) FROM outbox) ORDER BY seq LIMIT ?",
            [name, first, last, AT_ONCE],
        )
        events = []
        for (raw,) in rows:
            event = codec.load_event(json.loads(raw))
            at = _counted_at(event) or event.at
            # What this start dated by a doubtful clock may still be set right.
            unsure = event.clock == "suspect" and name == living
            if hour_of(at, zone) + _HOUR > before or unsure:
                break
            events.append(event)
        if any(not _goes_on(event) for event in events):
            return _Prefix(epoch=name, events=events)
    return None


def _counted_at(event: Event) -> datetime | None:
    """Return the moment in whose hour an event is counted; None for one that is in no figure."""
    match event.body:
        case VisitOpened():
            return event.at
        case VisitRevised(opened_at=opened_at):
            return opened_at
        case CrossingMinute(minute=minute):
            return minute
    return None


def _goes_on(event: Event) -> bool:
    counted = _counted_at(event) is not None
    return not counted and not isinstance(event.body, VisitClosed | Health | PresenceMinute)


def _summary(db: Database, hour: datetime, now: datetime) -> HourSummary | None:
    """Return the hour as it stands now, None if that was told already."""
    figures: dict[str, Any] = {**_visits(db, hour), **_minutes(db, hour), "basis": _basis(db, hour)}
    known = db.execute(
        "SELECT rev, figures FROM hour_summary WHERE hour = ?", [utc_text(hour)]
    ).fetchone()
    if known is not None:
        # Of an hour that was summarised before, fewer events may be left to tell the basis.
        figures["basis"] = json.loads(known[1])["basis"]
        if json.loads(known[1]) == figures:
            return None
    rev = known[0] + 1 if known else 1
    db.execute(
        "INSERT OR REPLACE INTO hour_summary (hour, rev, at, figures) VALUES (?, ?, ?, ?)",
        [utc_text(hour), rev, utc_text(now), json.dumps(figures)],
    )
    return HourSummary(hour=hour, rev=rev, **figures)


def _span(hour: datetime) -> list[str]:
    return [utc_text(hour), utc_text(hour + _HOUR)]


def _visits(db: Database, hour: datetime) -> dict[str, int]:
    row = db.execute(
        "SELECT coalesce(sum(who <> 'staff' AND reentry = 0 AND counted = 1), 0),"
        " coalesce(sum(who <> 'staff' AND reentry = 1), 0),"
        " coalesce(sum(who = 'member' AND reentry = 0), 0) FROM visit"
        " WHERE opened_at >= ? AND opened_at < ? AND void = 0 AND origin <> 'private'",
        _span(hour),
    ).fetchone()
    return dict(zip(("visitors", "reentries", "members"), row, strict=True))


def _minutes(db: Database, hour: datetime) -> dict[str, int]:
    sums = ", ".join(f"coalesce(sum({name}), 0)" for name in _MINUTE_COUNTS)
    row = db.execute(
        f"SELECT {sums} FROM crossing_minute WHERE private = 0 AND minute >= ? AND minute < ?",
        _span(hour),
    ).fetchone()
    return dict(zip(_MINUTE_COUNTS, row, strict=True))


def _basis(db: Database, hour: datetime) -> str:
    """Return what the hour's visits are, by those of their events that are left."""
    bases = db.execute(
        "SELECT DISTINCT json_extract(event, '$.body.basis') FROM outbox JOIN epoch USING (epoch)"
        " WHERE kind = 'visit_opened' AND outbox.at >= ? AND outbox.at < ?"
        " AND origin <> 'private'",
        _span(hour),
    ).fetchall()
    return "distinct" if bases == [("distinct",)] else "crossings"
