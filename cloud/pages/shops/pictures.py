"""The pictures of a shop's page: by hour and weekday, a day beside the usual one. Pure.

Geometry in percent, as in `menkou.web.chart`; every picture has its numbers beside it or in it.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from statistics import median
from typing import Final

from cloud.figures.compare import WEEKS, compare
from cloud.figures.metric import METRICS
from cloud.queries.shop import Hour
from menkou.web.chart import Column, Curve, Tick, columns, curve, ribbon, scale, ticks

STEPS: Final = 5
"""Shades of the table by hour and weekday."""
_HEAD: Final = 12.0
_WEEKDAYS: Final = 7
_AN_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatCell:
    """Visitors in an hour of a weekday, per counted day; None: no such day is counted.

    `step`: from 0, nobody, to `STEPS`, the busiest.
    """

    value: float | None
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """Hours by weekdays. `hours`: each with its cells, Monday first; `days`: how many of each
    weekday are counted; `legend`: from and up to which value each step is.
    """

    hours: tuple[tuple[int, tuple[HeatCell, ...]], ...]
    days: tuple[int, ...]
    legend: tuple[tuple[float, float], ...]


def heat_map(hours: Sequence[Hour], counted: Collection[date]) -> HeatMap | None:
    """Return the table by hour and weekday; None: nobody came on any of the counted days."""
    sums: dict[tuple[int, int], int] = defaultdict(int)
    for hour in hours:
        if hour.start.date() in counted:
            sums[hour.start.hour, hour.start.weekday()] += hour.visitors
    busy = [hour for (hour, _), visitors in sums.items() if visitors]
    if not busy:
        return None
    days = [0] * _WEEKDAYS
    for day in counted:
        days[day.weekday()] += 1
    top = max(sums[key] / days[key[1]] for key in sums)

    def cell(hour: int, weekday: int) -> HeatCell:
        if not days[weekday]:
            return HeatCell(value=None, step=0)
        value = sums[hour, weekday] / days[weekday]
        return HeatCell(value=value, step=min(STEPS, int(STEPS * value / top) + 1) if value else 0)

    return HeatMap(
        hours=tuple(
            (hour, tuple(cell(hour, weekday) for weekday in range(_WEEKDAYS)))
            for hour in range(min(busy), max(busy) + 1)
        ),
        days=tuple(days),
        legend=tuple((top * step / STEPS, top * (step + 1) / STEPS) for step in range(STEPS)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveHour:
    """An hour of a day. `visitors` None: it is still to come, or is `missing`; with a figure, what
    came before the shop fell silent within it.

    `usual`: the median of the weeks before, with its band; None: too few weeks are counted.
    """

    hour: int
    visitors: int | None
    current: bool
    missing: bool
    usual: float | None
    low: float | None
    high: float | None
    column: Column


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCurve:
    """A day by the hour beside what is usual; `weeks`: of how many weeks that is known."""

    day: date
    counted: bool
    weeks: int
    hours: tuple[CurveHour, ...]
    ticks: tuple[Tick, ...]
    band: str
    usual: Curve | None


def day_curve(
    day: date,
    hours: Sequence[Hour],
    usual: Sequence[Hour],
    usual_days: Collection[date],
    now: datetime,
    *,
    counted: bool,
    known_until: datetime | None = None,
) -> DayCurve | None:
    """Return a day's curve; None: there is nothing to draw.

    Args:
        day: which.
        hours: its own.
        usual: those of the same weekday of the weeks before.
        usual_days: which of these days are counted, by the same basis.
        now: local; later hours are still to come.
        counted: whether the day itself is.
        known_until: up to when a shop that is silent was heard; local.
    """
    own: dict[int, int] = defaultdict(int)
    for one in hours:
        own[one.start.hour] += one.visitors
    then: dict[int, dict[date, int]] = defaultdict(lambda: dict.fromkeys(usual_days, 0))
    for one in usual:
        if one.start.date() in usual_days:
            then[one.start.hour][one.start.date()] += one.visitors
    busy = {hour for hour, visitors in own.items() if visitors}
    busy |= {hour for hour, weeks in then.items() if any(weeks.values())}
    if not busy:
        return None
    rows = []
    for hour in range(min(busy), max(busy) + 1):
        to_come = (day, hour) > (now.date(), now.hour)
        ends = min(now, datetime.combine(day, time(hour), now.tzinfo) + _AN_HOUR)
        gone = known_until is not None and known_until < ends
        missing = not to_come and (not counted or gone)
        # Who came before the shop fell silent came; nobody is known not to have come after.
        untold = to_come or not counted or (gone and not own[hour])
        visitors = None if untold else own[hour]
        rows.append((hour, visitors, missing, _usual(day, then[hour])))
    peak = max(max(visitors or 0, *(of or (0.0,))) for _, visitors, _, of in rows)
    lines = scale(round(peak))
    drawn = columns([visitors or 0 for _, visitors, _, _ in rows], lines[-1], head=_HEAD)
    known = [of for _, _, _, of in rows if of is not None]
    lows, highs = [of[1] for of in known], [of[2] for of in known]
    return DayCurve(
        day=day,
        counted=counted,
        weeks=len(usual_days),
        hours=tuple(
            CurveHour(
                hour=hour,
                visitors=visitors,
                current=day == now.date() and hour == now.hour,
                missing=missing,
                usual=of[0] if of else None,
                low=of[1] if of else None,
                high=of[2] if of else None,
                column=column,
            )
            for (hour, visitors, missing, of), column in zip(rows, drawn, strict=True)
        ),
        ticks=ticks(lines, head=_HEAD),
        band=ribbon(lows, highs, lines[-1], head=_HEAD),
        usual=curve([of[0] for of in known], lines[-1], len(known), head=_HEAD) if known else None,
    )


def _usual(day: date, weeks: Mapping[date, int]) -> tuple[float, float, float] | None:
    """Return an hour's median and band (`cloud.figures.compare`); None: too few weeks."""
    found = {
        week: {"visitors": weeks[then]}
        for week in WEEKS
        if (then := day - timedelta(weeks=week)) in weeks
    }
    said = compare(METRICS["visitors"], {"visitors": 0}, found)
    if said.low is None or said.high is None:
        return None
    return float(median(weeks.values())), said.low, said.high
