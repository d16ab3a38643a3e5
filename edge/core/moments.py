"""How long ago something was, whatever became of the clock since. Pure.

A moment is marked by the wall time and by the second of the machine's monotonic clock. Within one
start of the machine the second counts, so no step of the wall clock is felt; beyond it the wall
time does. Used by `core.queue` and `edge.store.outbound`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A moment: the aware time, the start of the machine (`edge.clock.boot_id`), its second."""

    at: datetime
    boot: str
    mono: float


def elapsed(since: Mark, now: Mark) -> timedelta:
    """Return how much time has gone by since a mark, never less than nothing.

    A mark of another start is at least as old as this start: so a clock that was fast when the
    mark was made cannot put off for days what is due within the hour.
    """
    if since.boot == now.boot:
        return timedelta(seconds=max(0.0, now.mono - since.mono))
    return max(now.at - since.at, timedelta(seconds=now.mono))
