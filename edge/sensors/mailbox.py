"""Where cameras leave their newest frames, and how fast they come.

Filled by the reader threads of `camera`, emptied by the eyes' loop.
"""

import threading

from edge.ports import Frame


class Mailbox:
    """The newest frame of each camera. An older one that nobody took is dropped and counted."""

    def __init__(self) -> None:
        self._fresh: dict[str, Frame] = {}
        self._arrived = threading.Condition()
        self._closed = False

    def put(self, frame: Frame) -> bool:
        """Leave a frame; return whether it took the place of one that nobody had taken."""
        with self._arrived:
            replaced = frame.camera in self._fresh
            self._fresh[frame.camera] = frame
            self._arrived.notify()
            return replaced

    def take(self, timeout_s: float) -> list[Frame]:
        """Return the newest frame of each camera that has one, after at most `timeout_s`."""
        with self._arrived:
            if not self._fresh and not self._closed:
                self._arrived.wait(timeout_s)
            fresh, self._fresh = self._fresh, {}
            return list(fresh.values())

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
