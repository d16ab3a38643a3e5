"""Keeps the eyes' clock: implements `edge.eyes.Timekeeper` over kernel and store."""

import logging
import time
from datetime import datetime
from typing import Final

from edge.clock import SteadyClock
from edge.core.timeline import STEP, Moved, Timeline, moved
from edge.ports import Clock
from edge.store.clockfix import ClockFix
from edge.store.database import StoreAway
from edge.store.timelines import Timelines

log = logging.getLogger(__name__)

MEND_FIRST_S: Final = 5.0
"""A starting process puts right what is wrong before it reads it, for so long at most."""


class StoreTimekeeper:
    """The clock of the process that writes visits.

    Args:
        kernel: the system's clocks.
        clock: what the process reads; this alone makes it step.
        timelines: what this start of the machine dates by.
        fix: puts right what was dated wrongly.
    """

    def __init__(
        self, *, kernel: Clock, clock: SteadyClock, timelines: Timelines, fix: ClockFix
    ) -> None:
        self._kernel = kernel
        self._clock = clock
        self._timelines = timelines
        self._fix = fix

    def look(self) -> tuple[Moved, Timeline] | None:
        """See `edge.eyes.Timekeeper`."""
        before, after = self._clock.timeline, self._timelines.follow(self._kernel)
        if after == before:
            return None
        away = after.id == 0  # the store did not take it: read anew, it differs by microseconds
        if away and after.word == before.word and abs(after.zero - before.zero) <= STEP:
            return None
        self._clock.take(after)
        step = moved(before, after)
        if step is None:
            return None
        log.warning("the clock has moved by %.3f s", step.by.total_seconds())
        return step, after

    def at(self, mono: float) -> datetime:
        """See `edge.eyes.Timekeeper`."""
        return self._clock.at(mono)

    def mend(self) -> None:
        """See `edge.eyes.Timekeeper`."""
        try:
            if count := self._fix.portion():
                log.info("%d records were dated anew", count)
        except StoreAway as exc:
            log.warning("what was dated wrongly has to wait: %s", exc)

    def mend_first(self) -> None:
        """Put right what there is before a book is made of it."""
        until = time.monotonic() + MEND_FIRST_S
        try:
            while self._fix.portion() and time.monotonic() < until:
                pass
        except StoreAway as exc:
            log.warning("what was dated wrongly has to wait: %s", exc)
