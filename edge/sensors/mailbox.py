"""Where cameras leave their newest frames, and how fast they come.

Filled by the reader threads of `camera`, emptied by the eyes' loop.
"""

import threading
from collections import deque
from dataclasses import replace
from typing import Final

from edge.ports import Frame
from edge.shrink import for_motion

BACKLOG: Final = 7
"""Frames of a camera that wait besides the newest: nearly half a second at 15 a second. A crossing
is seen in all of them; they are small (170 kB), so that a busy moment takes no memory."""


class Mailbox:
    """The newest frame of each camera, and behind it those that nobody had time for, made small.

    What does not fit any more is dropped and counted, the oldest first.
    """

    def __init__(self) -> None:
        self._fresh: dict[str, deque[Frame]] = {}
        self._arrived = threading.Condition()
        self._closed = False

    def put(self, frame: Frame) -> bool:
        """Leave a frame; return whether an older one was dropped for it."""
        with self._arrived:
            waiting = self._fresh.setdefault(frame.camera, deque())
            if waiting and waiting[-1].whole:
                before = waiting.pop()
                waiting.append(replace(before, image=for_motion(before.image), whole=False))
            waiting.append(frame)
            dropped = len(waiting) > BACKLOG + 1
            if dropped:
                waiting.popleft()
            self._arrived.notify()
            return dropped

    def take(self, timeout_s: float) -> list[Frame]:
        """Return what each camera has left, in order, after at most `timeout_s`."""
        with self._arrived:
            if not self._fresh and not self._closed:
                self._arrived.wait(timeout_s)
            fresh, self._fresh = self._fresh, {}
            return [frame for waiting in fresh.values() for frame in waiting]

    def close(self) -> None:
        """Wake whoever waits."""
        with self._arrived:
            self._closed = True
            self._arrived.notify_all()


class Pace:
    """Frames a second over about the last five seconds."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._interval_s = 0.0

    def tick(self, now: float) -> None:
        """A frame arrived at `now` (monotonic seconds)."""
        if self._last is not None:
            interval = now - self._last
            weight = min(1.0, interval / 5.0 + 0.02)
            self._interval_s += weight * (interval - self._interval_s)
        self._last = now

    def per_s(self, now: float) -> float:
        """Return frames a second, falling when none arrive."""
        if self._last is None or not self._interval_s:
            return 0.0
        return 1 / max(self._interval_s, now - self._last)
