"""How the box's parts are, since when, for the manager. Called by `edge.desk.corner`.

What has no time of its own is looked at every few seconds, so that since when is known to within
that, or from the start of this process on.
"""

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from edge.desk.corner_view import Condition, Level

LOOK_EVERY_S: Final = 5.0
TIGHT: Final = 0.05
"""Free part of the disk below which somebody is to see to it before the box runs out of room."""
_LEVELS: Final[Mapping[str, Level]] = {
    "ok": "ok",
    "running": "ok",
    "connected": "ok",
    "by_hand": "care",
    "connecting": "wait",
    "restarting": "wait",
    "unknown": "wait",
    "offline": "wait",
    "starting": "wait",
    "ended": "care",
    "off": "none",
    "none": "none",
    "early": "care",
    "hourly": "care",
    "tight": "care",
    "suspect": "care",
    "wifi_channel": "care",
    "refused": "fault",
    "full": "fault",
    "silent": "fault",
    "lost": "fault",
    "frozen": "fault",
    "unreadable": "fault",
    "away": "care",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How one part was found. `since` None: whoever tells does not say."""

    what: str
    name: str
    state: str
    since: datetime | None = None
    count: int = 0


def level_of(state: str) -> Level:
    """Return how a state is marked; one of a newer part, and all that ails the radio, is `care`."""
    return _LEVELS.get(state, "care")


def disk_state(folder: Path, storage: str) -> tuple[str, int]:
    """Return how the disk and the store on it are, and how many percent of the disk are free."""
    found = os.statvfs(folder)
    free = found.f_bavail / max(1, found.f_blocks)
    if storage != "ok":
        return storage, round(100 * free)
    return ("tight" if free < TIGHT else "ok"), round(100 * free)


class Health:
    """Remembers since when each part is as it is.

    Args:
        look: how the parts are now.
        now: the box's time.
    """

    def __init__(self, look: Callable[[], Iterable[Seen]], now: Callable[[], datetime]) -> None:
        self._look = look
        self._now = now
        self._lock = threading.Lock()
        self._since: dict[tuple[str, str], tuple[str, datetime]] = {}

    def conditions(self) -> tuple[Condition, ...]:
        """Return how the parts are, the worst first."""
        found = [self._noted(seen) for seen in self._look()]
        order = ("fault", "care", "wait", "ok", "none")
        return tuple(sorted(found, key=lambda one: order.index(one.level)))

    def run(self, stop: threading.Event) -> None:
        """Look now and then until told to stop."""
        while not stop.wait(LOOK_EVERY_S):
            self.conditions()

    def _noted(self, seen: Seen) -> Condition:
        with self._lock:
            key = seen.what, seen.name
            state, since = self._since.get(key, ("", self._now()))
            if state != seen.state:
                since = self._now() if state else since
                self._since[key] = seen.state, since
        condition = Condition(
            what=seen.what,
            name=seen.name,
            state=seen.state,
            level=level_of(seen.state),
            since=seen.since or since,
            count=seen.count,
        )
        return replace(condition, since=None) if condition.level == "none" else condition
