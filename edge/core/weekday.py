"""Today against the same weekday: which earlier days are fit to compare with, and what they say.

Called by `edge.desk.corner`; calls `core.hours` and `core.occupancy`. Pure.

The rule: the last `DAYS_MOST` days of the same weekday, of the last `WEEKS_BACK` weeks, on which
the shop was open, the cameras at its doors were seen to work for `LEAST_WATCHED` of the opening
time, and visitors were counted as today. Others are left out, and it is said which and why.
Nothing is scaled up. With few days the band is from the least to the most of them, not a deviation.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from edge.core.occupancy import Balance, Occupancy

DAYS_MOST: Final = 4
WEEKS_BACK: Final = 8
LEAST_WATCHED: Final = 0.95
"""Of the opening time. A restart takes seconds, a camera that was unplugged for half an hour of
twelve is more than the differences that are shown."""
OTHERWISE: Final = 0.02
"""Of a day's visits; if more were counted in another way, the day was."""
Why = Literal["closed", "unwatched", "basis"]
"""Why a day is left out: the shop was closed; the cameras were not seen to work all the time;
visitors were counted in another way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """People through the doors in one minute of a day (0: midnight)."""

    minute: int
    entered: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What the box holds of one local day. Minutes are of the day, by the wall clock.

    `visitors` and `members` hold the minute of each, in order; `watched` is the part of the opening
    time that was watched, None on a day on which the shop was closed; `alike`: counted as today.
    `receipts` None: no till tells.
    """

    day: date
    visitors: tuple[int, ...]
    members: tuple[int, ...]
    passed: tuple[Passed, ...]
    watched: float | None
    alike: bool
    receipts: tuple[int, ...] | None = None

    @property
    def by_hour(self) -> tuple[int, ...]:
        """Visitors of the 24 hours of the wall clock."""
        counts = [0] * 24
        for minute in self.visitors:
            counts[minute // 60] += 1
        return tuple(counts)

    def people_at(self, minute: int) -> int:
        """Return how many people were in the shop, as the doors had it at the end of the day.

        The exits are worth what makes this day come out even (`core.occupancy`).
        """
        people = Occupancy()
        entered, left = (sum(getattr(p, name) for p in self.passed) for name in ("entered", "left"))
        people.learn(Balance(entered=entered, left=left))
        for one in self.passed:
            if one.minute > minute:
                break
            for _ in range(one.entered):
                people.enter()
            for _ in range(one.left):
                people.leave()
        return people.people


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """What is usual: the mean of the days, the least and the most of them."""

    mean: float
    low: float
    high: float

    def says(self, value: float) -> Literal["above", "below", "within"]:
        """Say where a value lies."""
        if value > self.high:
            return "above"
        return "below" if value < self.low else "within"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A day that is not compared with."""

    day: date
    why: Why


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What is usual on this weekday: `days` are compared with, the newest first.

    Figures are of so much of the day as has passed today; None: no day says anything.
    `hours` holds the band of each of the 24 hours, empty without days.
    """

    days: tuple[date, ...]
    left_out: tuple[LeftOut, ...]
    visitors: Band | None = None
    members: Band | None = None
    people: Band | None = None
    conversion: Band | None = None
    hours: tuple[Band, ...] = ()


def earlier(today: date) -> tuple[date, ...]:
    """Return the days that may be compared with, the newest first."""
    return tuple(today - timedelta(weeks=week) for week in range(1, WEEKS_BACK + 1))


def why_not(day: Day) -> Why | None:
    """Return why a day is not compared with, None if it is."""
    if day.watched is None:
        return "closed"
    if day.watched < LEAST_WATCHED:
        return "unwatched"
    return None if day.alike else "basis"


def usual(days: Iterable[Day], minute: int) -> Usual:
    """Return what is usual at a minute of the day.

    Args:
        days: the days that the box holds of this weekday, the newest first.
        minute: so many minutes of today have passed.
    """
    taken, left_out = list[Day](), list[LeftOut]()
    for day in days:
        if len(taken) == DAYS_MOST:
            break
        if (why := why_not(day)) is None:
            taken.append(day)
        else:
            left_out.append(LeftOut(day=day.day, why=why))
    if not taken:
        return Usual(days=(), left_out=tuple(left_out))
    hours = [day.by_hour for day in taken]
    rates = [rate for day in taken if (rate := conversion(day, minute)) is not None]
    return Usual(
        days=tuple(day.day for day in taken),
        left_out=tuple(left_out),
        visitors=_band([until(day.visitors, minute) for day in taken]),
        members=_band([until(day.members, minute) for day in taken]),
        people=_band([day.people_at(minute) for day in taken]),
        conversion=_band(rates) if rates else None,
        hours=tuple(_band([of[hour] for of in hours]) for hour in range(24)),
    )


def until(minutes: Sequence[int], minute: int) -> int:
    """Return how many of an ordered list of minutes had begun by a minute."""
    return bisect_right(minutes, minute)


def conversion(day: Day, minute: int) -> float | None:
    """Return receipts in percent of visitors up to a minute; None: no till, or nobody came."""
    visitors = until(day.visitors, minute)
    if day.receipts is None or not visitors:
        return None
    return 100 * until(day.receipts, minute) / visitors


def _band(values: Sequence[float]) -> Band:
    return Band(mean=sum(values) / len(values), low=min(values), high=max(values))
