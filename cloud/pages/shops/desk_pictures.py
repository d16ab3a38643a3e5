"""The pictures of the work at a shop's desk: how long things took, staff beside traffic. Pure.

Geometry in percent, as in `menkou.web.chart`. Beside `pictures`; called by `board`.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from cloud.figures.bins import EDGES, Measure, quantile
from cloud.figures.cells import small
from cloud.queries.shop import DeskHour, Hour
from menkou.web.chart import Column, Tick, columns, scale, ticks

_HEAD: Final = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long something took. `median` and `p90` in seconds. Of few people nothing is said:
    `few`, and no bars.
    """

    count: int
    few: bool
    median: float | None
    p90: float | None
    bars: tuple["TimeBar", ...]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeBar:
    """A bin: from which second, up to which (None: it has no end), how many; None: a few, which
    are drawn alike whether they are 1 or 9.
    """

    low: int
    high: int | None
    count: int | None
    column: Column


_HALF: Final = 0.5
_MOST: Final = 0.9


def times(
    measure: Measure, counts: Mapping[int, int], least: int, *, hidden: bool = False
) -> Times | None:
    """Return the histogram of times, and its percentiles; None: none were measured.

    `least`: from how many people on a count is shown; `hidden`: how many they are is, whatever.
    """
    total = sum(counts.values())
    if not total:
        return None
    if hidden or small(total, least):
        return Times(count=0, few=True, median=None, p90=None, bars=(), ticks=())
    edges = EDGES[measure]
    values = [counts.get(number, 0) for number in range(len(edges))]
    few = [small(value, least) for value in values]
    heights = [least // 2 if hide else value for value, hide in zip(values, few, strict=True)]
    lines = scale(max(heights))
    drawn = columns(heights, lines[-1], head=_HEAD)
    return Times(
        count=total,
        few=False,
        median=quantile(measure, counts, _HALF),
        p90=quantile(measure, counts, _MOST),
        bars=tuple(
            TimeBar(
                low=low,
                high=edges[number + 1] if number + 1 < len(edges) else None,
                count=None if few[number] else values[number],
                column=column,
            )
            for number, (low, column) in enumerate(zip(edges, drawn, strict=True))
        ),
        ticks=ticks(lines, head=_HEAD),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyHour:
    """An hour of the day, per counted day: visitors, staff on duty, visitors for each of them.

    `each` None: nobody was on duty.
    """

    hour: int
    visitors: float
    on_duty: float
    each: float | None
    visitors_column: Column
    duty_column: Column


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """Traffic beside staff, over the days on which both are counted."""

    days: int
    hours: tuple[DutyHour, ...]
    most_visitors: float
    most_on_duty: float
    busiest: DutyHour | None


def duty(hours: Sequence[Hour], desk: Sequence[DeskHour], both: Collection[date]) -> Duty | None:
    """Return traffic and staff by the hour of the day; None: no day knows both.

    Args:
        hours: visitors.
        desk: who worked.
        both: the days on which both are counted; an hour without a row is then one of nobody.
    """
    came: dict[int, int] = defaultdict(int)
    worked: dict[int, int] = defaultdict(int)
    for hour in hours:
        if hour.start.date() in both:
            came[hour.start.hour] += hour.visitors
    for one in desk:
        if one.start.date() in both:
            worked[one.start.hour] += one.on_duty
    busy = [hour for hour in {*came, *worked} if came[hour] or worked[hour]]
    if not busy or not any(worked.values()):
        return None
    days, span = len(both), range(min(busy), max(busy) + 1)
    drawn = _filled([came[hour] for hour in span]), _filled([worked[hour] for hour in span])
    rows = tuple(
        DutyHour(
            hour=hour,
            visitors=came[hour] / days,
            on_duty=worked[hour] / days,
            each=came[hour] / worked[hour] if worked[hour] else None,
            visitors_column=visitors,
            duty_column=on_duty,
        )
        for hour, visitors, on_duty in zip(span, *drawn, strict=True)
    )
    stretched = [row for row in rows if row.each is not None]
    return Duty(
        days=days,
        hours=rows,
        most_visitors=max(row.visitors for row in rows),
        most_on_duty=max(row.on_duty for row in rows),
        busiest=max(stretched, key=lambda row: row.each or 0.0, default=None),
    )


def _filled(values: Sequence[int]) -> tuple[Column, ...]:
    return columns(values, max(max(values), 1), head=_HEAD)
