"""Learns from hours in which cameras and Wi-Fi both worked what the index of presence is worth.

    radio ─> LearningLog.keep ─> store (minutes)
                └─ an hour has closed ─> visitors of the cameras beside it ─> store (hours), outbox
    people_in(index) <─ fit (core.footfall) <─ the hours of one basis, box's own and by hand

Called by the radio process, by replay and by `menkou-edge wifi calibrate`; calls `core.footfall`.
An hour teaches only if it was open, every entrance camera saw all of it, and nearly all of its
minutes were observed; an estimate is made only from enough of such hours.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from edge.core import presence
from edge.core.dwell import Dwell
from edge.core.footfall import HOURS_NEEDED, VISITORS_NEEDED, Fit, KnownHour, fit
from edge.core.hours import OpeningHours
from edge.modes import Basis
from edge.store.ledger import RADIO
from edge.store.outbox import Reading
from edge.store.presence import (
    HOUR,
    Hour,
    PresenceLog,
    Stays,
    count_known,
    known_hours,
    minutes_between,
    note_hour,
    unnoted_since,
    visitors_in,
    worked_since,
)
from edge.store.summaries import hour_of

SETTLED: Final = timedelta(minutes=5)
"""After its end an hour's visits may still be revised: a U-turn, a late identity."""
MINUTES_NEEDED: Final = 57
"""Of an hour that teaches or is estimated; the radio may have been deaf for a moment."""
HOURS_MOST: Final = 24 * 7 * 8
"""Of the newest hours the box learns: eight weeks, so that a street that changes is followed."""
_NEEDED_MOST: Final = 9_999
"""Hours that the hub is told of as needed: where nobody comes, they would be more and more."""
_PASSERS_MOST: Final = 1_000_000
"""Of an hour; somebody who makes phones up must not make a number that the wire refuses."""
_LOOKED_BACK: Final = timedelta(days=2)
_MINUTE: Final = timedelta(minutes=1)


def learnt(db: Database, basis: Basis, zone: ZoneInfo) -> Fit | None:
    """Return what has been learnt of one basis, None before it is enough.

    Hours of two bases are never mixed.
    """
    return fit([_known(one, zone) for one in known_hours(db, basis, HOURS_MOST)])


def estimate(db: Database, basis: Basis, index: float, zone: ZoneInfo) -> float | None:
    """Return how many people a sum of the index stands for; None before enough is learnt.

    By what was learnt of this basis, or else of the other: phones are phones, and each scale is of
    one basis.
    """
    other: Basis = "distinct" if basis == "crossings" else "crossings"
    for one in (basis, other):
        if (scale := learnt(db, one, zone)) is not None:
            return round(scale.people(index), 1)
    return None


def learnt_hours(db: Database, basis: Basis, more: int | None = None) -> tuple[int, int]:
    """Return from how many hours the box has learnt, and how many it needs.

    Where few come it needs more of them: as many as bring enough visitors, at the rate so far.

    Args:
        db: the box's database.
        basis: of the hours.
        more: the visitors of an hour that is about to be kept, None: it teaches nothing.
    """
    hours, visitors = count_known(db, basis)
    if more is not None:
        hours, visitors = hours + 1, visitors + more
    hours = min(hours, HOURS_MOST)
    if visitors >= VISITORS_NEEDED:
        return hours, HOURS_NEEDED
    needed = math.ceil(hours * VISITORS_NEEDED / visitors) if visitors else hours + 1
    return hours, max(HOURS_NEEDED, min(_NEEDED_MOST, needed))


def _known(hour: Hour, zone: ZoneInfo) -> KnownHour:
    """Return an hour as it teaches; one told by hand is of a recording, whose clock may be off."""
    if hour.by_hand:
        return KnownHour(index=hour.index, visitors=hour.visitors or 0, minutes=hour.minutes)
    return KnownHour(
        index=hour.index,
        visitors=hour.visitors or 0,
        minutes=hour.minutes,
        near_share=hour.near / hour.classes if hour.classes else 1.0,
        week_hour=_week_hour(hour.start, zone),
    )


def _week_hour(start: datetime, zone: ZoneInfo) -> int:
    local = start.astimezone(zone)
    return local.weekday() * 24 + local.hour


class LearningLog:
    """Keeps minutes as `PresenceLog` does, and closes the hours that are over.

    Args:
        log: where minutes are kept.
        db: the same connection.
        epoch: of this start.
        hours: returns the shop's opening hours as they are now.
        cameras: the entrance cameras' names.
        reading: the clocks as they stand.
        dwell: returns how long guests stayed on the day so far, None while that is not known.
    """

    def __init__(
        self,
        log: PresenceLog,
        db: Database,
        epoch: str,
        *,
        hours: Callable[[], OpeningHours],
        cameras: Sequence[str],
        reading: Callable[[], Reading],
        dwell: Callable[[], Dwell | None] = lambda: None,
    ) -> None:
        self._dwell = dwell
        self._log = log
        self._db = db
        self._epoch = epoch
        self._hours = hours
        self._cameras = cameras
        self._reading = reading
        self._closed: datetime | None = None

    @property
    def unkept(self) -> int:
        """How many minutes were not kept because nobody vouched for the time."""
        return self._log.unkept

    def keep(self, minutes: Sequence[presence.PresenceMinute]) -> int:
        """Keep minutes, and compare the hours that have closed; return how many were news.

        Raises:
            edge.store.database.StoreAway: it cannot be done now; give the same minutes again.
        """
        news = self._log.keep(minutes)
        self._close_hours()
        return news

    def _close_hours(self) -> None:
        reading = self._reading()
        if reading.clock == "suspect":
            return
        hours = self._hours()
        over = hour_of(reading.at - SETTLED, hours.zone)
        if over == self._closed:
            return
        observed = unnoted_since(self._db, over - _LOOKED_BACK, over)
        for start in sorted({hour_of(minute, hours.zone) for minute in observed}):
            self._close(start, reading, hours)
        self._closed = over

    def _close(self, start: datetime, reading: Reading, hours: OpeningHours) -> None:
        end = start + HOUR
        observed = minutes_between(self._db, start, end)
        visitors, basis = visitors_in(self._db, start, end)
        worked = worked_since(self._db, start)
        # A radio that was started anew within the hour has counted part of it twice.
        heard = RADIO in worked and len(observed) >= MINUTES_NEEDED
        seen = bool(self._cameras) and worked.issuperset(self._cameras)
        if not (heard and seen and _open_throughout(hours, start)):
            visitors = None
        index = sum(minute.index for minute in observed)
        hour = Hour(
            start=start,
            minutes=len(observed),
            index=index,
            classes=sum(minute.classes for minute in observed),
            near=sum(minute.near for minute in observed),
            visitors=visitors,
            basis=basis,
            stays=_stays(self._dwell()),
        )
        scale = learnt(self._db, basis, hours.zone) if heard else None
        if scale is not None:
            people = scale.estimate(index, _week_hour(start, hours.zone))
            hour = replace(
                hour,
                passers=min(_PASSERS_MOST, round(people.value)),
                error=min(999, round(people.error_percent)),
            )
        known, needed = learnt_hours(self._db, basis, visitors)
        note_hour(self._db, self._epoch, reading, hour, learnt=known, needed=needed)


def _stays(dwell: Dwell | None) -> Stays | None:
    if dwell is None:
        return None
    first, second, third, last = (round(100 * share) for share in dwell.shares)
    return Stays(count=dwell.stays, percent=(first, second, third, last))


def _open_throughout(hours: OpeningHours, start: datetime) -> bool:
    return hours.is_open(start) and hours.is_open(start + 59 * _MINUTE)
