"""Marks who has come for an appointment, and takes it back when a visit was somebody else's.

A thread of the front process (`edge.app.front`), by the rules of `edge.core.appointments`: it looks
at what the eyes have committed, so that a restart or a lost word of theirs loses nothing.
"""

import logging
import threading
from datetime import timedelta
from typing import Final

from edge.core.appointments import EARLY, LATE, has_come, opened, taken_back
from edge.desk.means import Means
from edge.store import appointment_book as book
from edge.store import appointments as store
from edge.store.database import StoreAway, transaction

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 2.0
_LOOK_BACK: Final = timedelta(hours=12)
"""A box that was off, or a face that was named late, is caught up with so far."""


class Watch:
    """Looks out for guests who are expected."""

    def __init__(self, means: Means) -> None:
        self._db = means.db
        self._clock = means.clock
        self._teller = means.teller
        self._wake = means.wake

    def run(self, stop: threading.Event) -> None:
        """Mark who has come, until `stop` is set."""
        while not stop.wait(LOOK_EVERY_S):
            try:
                if self.follow():
                    self._wake()
            except StoreAway as exc:
                log.warning("appointments have to wait: %s", exc)

    def follow(self) -> int:
        """Mark who has come, and take back whom a visit named wrongly; return how many.

        Raises:
            edge.store.database.StoreAway: some have to wait.
        """
        if self._clock.state() != "ok":
            return 0  # nobody knows what time it is
        db, now = self._db(), self._clock.now()
        steps = 0
        for one in store.astray(db):
            with transaction(db):
                back = taken_back(one.course)
                steps += book.keep_course(db, one, back, one.staff, self._teller)
        for one in store.expected_between(db, now - _LOOK_BACK, now + EARLY):
            assert one.member is not None, "as the query has it"
            assert one.at is not None, "as the query has it"
            visits = store.visits_of(db, one.member, one.at - EARLY, one.at + LATE)
            came = next((found for found in visits if has_come(one.at, found[1])), None)
            if came is not None:
                with transaction(db):
                    course = opened(one.course, *came)
                    steps += book.keep_course(db, one, course, None, self._teller)
        return steps
