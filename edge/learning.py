"""Learns from hours in which cameras and Wi-Fi both worked what the index of presence is worth.

    radio ─> LearningLog.keep ─> store (minutes)
                └─ an hour has closed ─> visitors of the cameras beside it ─> store (hours), outbox
    people_in(index) <─ fit (core.footfall) <─ the hours of one basis, box's own and by hand

Called by the radio process, by replay and by `menkou-edge wifi calibrate`; calls `core.footfall`.
An hour teaches only if it was open, every entrance camera saw all of it, and nearly all of its
minutes were observed; an estimate is made only from enough of such hours.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlite_utils import Database

from edge.core import presence
from edge.core.footfall import HOURS_NEEDED, Fit, KnownHour, fit
from edge.core.hours import OpeningHours
from edge.modes import Basis
from edge.store.ledger import RADIO
from edge.store.outbox import Reading
from edge.store.presence import (
    HOUR,
    Hour,
    PresenceLog,
    known_hours,
    latest_basis,
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
"""Of an hour that teaches: the radio may have been started anew once within it."""
HOURS_MOST: Final = 24 * 7 * 8
"""Of the newest hours the box learns: eight weeks, so that a street that changes is followed."""
_LOOKED_BACK: Final = timedelta(days=2)
_MINUTE: Final = timedelta(minutes=1)


def learnt(db: Database, basis: Basis) -> tuple[Fit | None, int]:
    """Return what has been learnt of one basis, None before it is enough; and from how many hours.

    Hours of two bases are never mixed.
    """
    known = known_hours(db, basis, HOURS_MOST)
    return fit([known_hour(one) for one in known]), len(known)


def estimate(db: Database, basis: Basis, index: float) -> float | None:
    """Return how many people a sum of the index stands for; None before enough is learnt.

    By what was learnt of this basis, or else of the other: phones are phones, and each scale is of
    one basis.
    """
    other: Basis = "distinct" if basis == "crossings" else "crossings"
    for one in (basis, other):
        scale, _ = learnt(db, one)
        if scale is not None:
            return round(scale.people(index), 1)
    return None


def learnt_hours(db: Database, now: datetime) -> tuple[int, int]:
    """Return from how many hours the box has learnt, and how many it needs."""
    return len(known_hours(db, latest_basis(db, now), HOURS_MOST)), HOURS_NEEDED


def known_hour(hour: Hour) -> KnownHour:
    """Return an hour as it teaches."""
    return KnownHour(index=hour.index, visitors=hour.visitors or 0, minutes=hour.minutes)


class LearningLog:
    """Keeps minutes as `PresenceLog` does, and closes the hours that are over.

    Args:
        log: where minutes are kept.
        db: the same connection.
        epoch: of this start.
        hours: returns the shop's opening hours as they are now.
        cameras: the entrance cameras' names.
        reading: the clocks as they stand.
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
    ) -> None:
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
        _, count = learnt(self._db, basis)
        index = sum(minute.index for minute in observed)
        hour = Hour(
            start=start,
            minutes=len(observed),
            index=index,
            visitors=visitors,
            basis=basis,
        )
        count += visitors is not None
        note_hour(self._db, self._epoch, reading, hour, learnt=count, needed=HOURS_NEEDED)


def _open_throughout(hours: OpeningHours, start: datetime) -> bool:
    return hours.is_open(start) and hours.is_open(start + 59 * _MINUTE)
