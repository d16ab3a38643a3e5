"""Which wall time belongs to which second of the machine's monotonic clock. Pure.

CLOCK_BOOTTIME never steps and goes on while the machine sleeps; the wall clock is that, plus a
constant until somebody sets it. Such a stretch without a step is a `Timeline`; a step begins the
next one. Used by `edge.clock`, kept by `edge.store.timelines`.

    wall = zero + seconds since the machine started
           └── whose word: the kernel's (synchronised), a person's, or nobody's
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

Word = Literal["nobody", "person", "kernel"]
"""Who says that a timeline is right. Nobody's is `suspect`."""
STEP: Final = timedelta(seconds=1.5)
"""What is less than this is no step: a leap second is one second."""
MOVED_FROM: Final = timedelta(seconds=2)
"""Facts that were dated wrongly by less than this stay where they are."""
RELEASED: Final = datetime(2026, 11, 1, tzinfo=UTC)
"""No box ran this code before it was written: the time cannot be earlier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A stretch of one start of the machine in which the wall clock did not step.

    `zero` is the aware wall time at monotonic second 0; `id` is 0 while it is not kept.
    """

    id: int
    zero: datetime
    word: Word

    def at(self, mono: float) -> datetime:
        """Return the wall time at a monotonic second."""
        return self.zero + timedelta(seconds=mono)

    @property
    def sure(self) -> bool:
        """Whether nothing dated by it will ever be moved."""
        return self.word == "kernel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoning:
    """What the kernel's clocks say: the wall time at monotonic second 0, and if it is right."""

    zero: datetime
    synchronised: bool


def due(
    last: Timeline | None, kernel: Reckoning, *, mono: float, floor: datetime | None
) -> Timeline | None:
    """Return the timeline that is to begin now; None: the last one goes on.

    A synchronised clock is believed at once, wherever it steps. One that is not synchronised
    (any more) is not followed at all: CLOCK_BOOTTIME carries on what was known, and so whatever
    is dated by a timeline that nobody vouches for is wrong by one and the same amount.

    Args:
        last: the last timeline of this start of the machine, None: there is none yet.
        kernel: the kernel's clocks.
        mono: the monotonic second.
        floor: the last committed event: a clock that nobody vouches for begins at or after it.
    """
    if kernel.synchronised:
        if last is not None and last.sure and abs(kernel.zero - last.zero) <= STEP:
            return None
        return Timeline(id=0, zero=kernel.zero, word="kernel")
    if last is not None:
        return None
    earliest = max(floor or RELEASED, RELEASED) - timedelta(seconds=mono)
    return Timeline(id=0, zero=max(kernel.zero, earliest), word="nobody")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """The wall clock moved. `redated`: what was dated by the old timeline is moved with it."""

    by: timedelta
    redated: bool


def moved(before: Timeline, after: Timeline) -> Moved | None:
    """Return how the wall clock moved from one timeline to the next one of a start, if it did."""
    by = after.zero - before.zero
    if not by:
        return None
    redated = not before.sure and after.word != "nobody" and abs(by) >= MOVED_FROM
    return Moved(by=by, redated=redated)
