"""Learns a shop's model from its past. Pure and robust: medians throughout. Used by `anomalies`.

days -> weekly levels and weekdays, in turns -> factors of named days
     -> level now and its trend (Theil 1950, Sen 1968: the median of all slopes)
hours -> each weekday's shares, drawn towards those of its like
what is left over -> chance of an hour and of a day
"""

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from itertools import combinations
from statistics import mean, median
from typing import Final

from msgspec import Struct

from cloud.expect.calendar import Calendar
from cloud.expect.feasts import Feasts, joined
from cloud.expect.model import Model

DAYS_LEAST: Final = 28
"""Ordinary days from which a model can be made: each weekday four times."""
DAYS_USED: Final = 800
HOURS_OF: Final = 112
"""Days: holidays of two years ago help, hours of a season ago do not."""
_RECENT: Final = 182
_LEVEL_OF: Final = 42
_WEEKS_OF_TREND: Final = 16
_DAMPED: Final = 0.5
"""A slope of few restless weeks is half chance: measured, half of it errs least."""
_CUT: Final = 0.2
_STEEPEST: Final = 0.005
_ROUNDS: Final = 3
_LIKE: Final = 300.0
"""Visitors that a weekday's like counts for, beside its own."""
_LEAST_OF_DAY: Final = 0.06**2
_LEAST_OF_HOUR: Final = 0.04**2
_MAD: Final = 1.4826
_PREDICTED: Final = 1.2
"""What is left over of days to which a model was fitted is smaller than of those to come."""
_ALIKE: Final = ((0, 1, 2, 3, 4), (5,), (6,))
_WEEKENDS: Final = ((0, 1, 2, 3, 4), (5, 6), (5, 6))


class DayCount(Struct, frozen=True, kw_only=True):
    """A day of which the visitors are known. `hours`: by the wall clock; None: too long ago."""

    day: date
    total: int
    hours: Sequence[int] | None = None


class Learnt(Struct, frozen=True, kw_only=True):
    """A model, and what the shop itself saw of named days: the chain learns from that."""

    model: Model
    feasts: Feasts


def learn(
    days: Sequence[DayCount],
    calendar: Calendar,
    *,
    chain: Mapping[str, tuple[float, int]],
    leave_out: Collection[date] = (),
) -> Learnt | None:
    """Learn a shop's model for the day after the last one; None: there are too few days.

    Args:
        days: by day, the oldest first; days of which nothing is known are not among them.
        calendar: the days that are not ordinary.
        chain: what named days did to the chain.
        leave_out: days that were not as usual, and shall not become so.
    """
    if not days:
        return None
    today = days[-1].day.toordinal() + 1
    known = [
        one
        for one in days
        if one.total > 0 and one.day not in leave_out and today - one.day.toordinal() <= DAYS_USED
    ]
    ordinary = [one for one in known if not calendar.name(one.day)]
    if len(ordinary) < DAYS_LEAST:
        return None
    weekdays, levels = _weekdays(ordinary, today)
    level, slope = _level(ordinary, weekdays, today)
    own = _feasts(known, calendar, levels, today)
    recent = [
        one for one in ordinary if one.hours and today - one.day.toordinal() <= HOURS_OF
    ] or ordinary
    shares = _shares(recent)
    of_day, of_hour = _chance(ordinary, weekdays, levels, shares, today)
    model = Model(
        learnt=today,
        level=level,
        slope=slope,
        weekdays=weekdays,
        shares=shares,
        of_hour=of_hour,
        of_day=of_day,
        feasts=joined(own, chain),
        days=len(ordinary),
    )
    return Learnt(model=model, feasts=own)


def _weekdays(ordinary: Sequence[DayCount], today: int) -> tuple[tuple[float, ...], list[float]]:
    """Return the weekdays' factors, and the level of each week: how many weeks ago, from 0."""
    count = (today - ordinary[0].day.toordinal()) // 7 + 1
    weeks = [list[tuple[int, int]]() for _ in range(count)]
    for one in ordinary:
        weeks[(today - one.day.toordinal()) // 7].append((one.day.weekday(), one.total))
    factors = [1.0] * 7
    levels = list[float]()
    for _ in range(_ROUNDS):
        raw = [
            median(total / factors[day] for day, total in week) if week else None for week in weeks
        ]
        levels = _smooth(raw)
        ratios = [list[float]() for _ in range(7)]
        for ago, week in enumerate(weeks[: _RECENT // 7]):
            for day, total in week:
                ratios[day].append(total / levels[ago])
        whole = [median(found) if found else 0.0 for found in ratios]
        middle = sum(whole) / sum(one > 0 for one in whole)
        # A weekday on which the shop is closed has no day among these.
        factors = [one / middle or 1e-3 for one in whole]
    return tuple(factors), levels


def _smooth(raw: Sequence[float | None]) -> list[float]:
    """Return the median of each week and the two at either side; gaps take the nearest week's."""
    found: list[float | None] = []
    for place in range(len(raw)):
        near = [one for one in raw[max(0, place - 2) : place + 3] if one is not None]
        found.append(median(near) if near else None)
    last = next(one for one in found if one is not None)
    levels = []
    for one in found:
        last = one if one is not None else last
        levels.append(last)
    return levels


def _level(
    ordinary: Sequence[DayCount], weekdays: Sequence[float], today: int
) -> tuple[float, float]:
    """Return the level of today, and its slope of the logarithm a day."""
    by_week: dict[int, list[float]] = {}
    for one in ordinary:
        ago = today - one.day.toordinal()
        if ago <= 7 * _WEEKS_OF_TREND:
            by_week.setdefault((ago - 1) // 7, []).append(one.total / weekdays[one.day.weekday()])
    weeks = sorted(
        (-7.0 * ago - 4, math.log(median(held))) for ago, held in by_week.items() if len(held) >= 3
    )
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(weeks, 2)]
    slope = _DAMPED * median(slopes) if len(weeks) >= 5 else 0.0
    slope = min(_STEEPEST, max(-_STEEPEST, slope))
    last = [one for one in ordinary if today - one.day.toordinal() <= _LEVEL_OF]
    last = last if len(last) >= 10 else list(ordinary[-14:])
    logs = sorted(
        math.log(one.total / weekdays[one.day.weekday()]) + slope * (today - one.day.toordinal())
        for one in last
    )
    cut = int(_CUT * len(logs))
    return math.exp(mean(logs[cut : len(logs) - cut])), slope


def _feasts(
    known: Sequence[DayCount], calendar: Calendar, levels: Sequence[float], today: int
) -> Feasts:
    by_name: dict[str, list[float]] = {}
    for one in known:
        name = calendar.name(one.day)
        ago = (today - one.day.toordinal()) // 7
        if name and ago < len(levels):
            by_name.setdefault(name, []).append(one.total / levels[ago])
    return {name: (median(found), len(found)) for name, found in sorted(by_name.items())}


def _shares(recent: Sequence[DayCount]) -> tuple[tuple[float, ...], ...]:
    sums = [[0] * 24 for _ in range(7)]
    for one in recent:
        held = sums[one.day.weekday()]
        for hour, count in enumerate(one.hours or ()):
            held[hour] += count
    found: list[tuple[float, ...]] = []
    for weekday in range(7):
        group = next(n for n, days in enumerate(_ALIKE) if weekday in days)
        alike = [sum(sums[day][hour] for day in _WEEKENDS[group]) for hour in range(24)]
        like, own = sum(alike), sum(sums[weekday])
        if not like:
            alike = [sum(sums[day][hour] for day in range(7)) for hour in range(24)]
            like = sum(alike)
        if not like:
            found.append((1 / 24,) * 24)
            continue
        found.append(
            tuple(
                (sums[weekday][hour] + _LIKE * alike[hour] / like) / (own + _LIKE)
                for hour in range(24)
            )
        )
    return tuple(found)


def _chance(
    ordinary: Sequence[DayCount],
    weekdays: Sequence[float],
    levels: Sequence[float],
    shares: Sequence[Sequence[float]],
    today: int,
) -> tuple[float, float]:
    """Return the variance of a day and of an hour beyond that of counting, relative to the mean."""
    off, means = list[float](), list[float]()
    over, squares = 0.0, 0.0
    for one in ordinary:
        ago = today - one.day.toordinal()
        if ago > _RECENT:
            continue
        weekday = one.day.weekday()
        usual = levels[ago // 7] * weekdays[weekday]
        off.append(abs(math.log((one.total + 0.5) / (usual + 0.5))))
        means.append(usual)
        if one.hours is None or ago > HOURS_OF:
            continue
        for count, share in zip(one.hours, shares[weekday], strict=True):
            hour = one.total * share
            if hour >= 1 and share < 1:
                # Within a day whose total is given; one that is far off is cut, not believed. An
                # hour that is all of its day has no chance of its own.
                over += min((count - hour) ** 2, 16 * hour) / (1 - share) - hour
                squares += hour * hour
    of_hour = max(_LEAST_OF_HOUR, over / squares if squares else 0.0)
    whole = (_MAD * _PREDICTED * median(off)) ** 2 if off else 0.0
    hours_own = of_hour * sum(share * share for share in shares[2])
    of_day = whole - 1 / median(means) - hours_own if means else 0.0
    return max(_LEAST_OF_DAY, of_day), of_hour
