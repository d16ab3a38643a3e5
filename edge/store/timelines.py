"""Keeps the timelines of each start of the machine: what every process of the box dates by.

Used by `edge.app` for every clock, by the console when a person sets the time, and by `clockfix`.
The last row of a start is in force; rows never change.
"""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlite_utils import Database

from edge.clock import reckoning
from edge.core.timeline import Timeline, due
from edge.ports import Clock
from edge.store import figures
from edge.store.database import StoreAway, transaction

log = logging.getLogger(__name__)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_COLUMNS: Final = "id, zero_us, word"


class Timelines:
    """The timelines of one start of the machine, through one connection.

    Args:
        db: the box's database.
        boot: names the start (`edge.clock.boot_id`).
    """

    def __init__(self, db: Database, boot: str) -> None:
        self._db = db
        self._boot = boot

    def last(self) -> Timeline | None:
        """Return the timeline in force, None before the first."""
        row = self._db.execute(
            f"SELECT {_COLUMNS} FROM timeline WHERE boot = ? ORDER BY id DESC LIMIT 1", [self._boot]
        ).fetchone()
        if row is None:
            return None
        return Timeline(id=row[0], zero=_EPOCH + row[1] * _MICROSECOND, word=row[2])

    def follow(self, kernel: Clock) -> Timeline:
        """Return the timeline in force now; another one begins if the kernel's clock has stepped.

        Any process may call this, at any time: they agree. While the store is away, a timeline
        that should begin is returned all the same; it is not kept, and its id is 0.
        """
        last = self.last()
        found = self._due(last, kernel)
        if found is None:
            return _known(last)
        try:
            with transaction(self._db):
                last = self.last()  # another process may have been quicker
                again = self._due(last, kernel)
                return _known(last) if again is None else self.begin(again)
        except StoreAway as exc:
            log.warning("the time cannot be kept yet: %s", exc)
            return found

    def _due(self, last: Timeline | None, kernel: Clock) -> Timeline | None:
        floor = figures.last_event_at(self._db) if last is None else None
        return due(last, reckoning(kernel), mono=kernel.mono(), floor=floor)

    def begin(self, timeline: Timeline) -> Timeline:
        """Keep a timeline, in the caller's transaction, and return it with its id."""
        (number,) = self._db.execute(
            "INSERT INTO timeline (boot, zero_us, word) VALUES (?, ?, ?) RETURNING id",
            [self._boot, (timeline.zero - _EPOCH) // _MICROSECOND, timeline.word],
        ).fetchone()
        log.info("the time is now by the word of %s", timeline.word)
        return replace(timeline, id=number)


def _known(timeline: Timeline | None) -> Timeline:
    assert timeline is not None, "a start without a timeline has one that is due"
    return timeline
