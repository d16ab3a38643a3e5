"""Works out what a shop's page draws. Pure.

Called by the room's blueprint; holds codes, the template turns them into words. A shop that is
counted in two ways within the period is drawn by that of its last counted day: `otherwise` says of
how many days nothing is in the figures.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from cloud.figures.bins import EDGES
from cloud.figures.metric import METRICS, OF_TABLES, Sums
from cloud.figures.period import Period
from cloud.figures.staff import SUMS
from cloud.figures.suppress import Hidden
from cloud.figures.yearly import yearly
from cloud.pages.known import Figure, figure_of
from cloud.pages.shops.desk_pictures import Duty, Times, duty, times
from cloud.pages.shops.passing import Street, no_street, street_of
from cloud.pages.shops.pictures import DayCurve, HeatMap, day_curve, heat_map
from cloud.pages.shops.staff import StaffRow, staff_rows
from cloud.queries.days import NOTHING
from cloud.queries.funnel import with_due
from cloud.queries.shop import TIMED, ShopPeriod
from cloud.queries.shops import Named, days_over
from cloud.tally.tables import COUNTS
from menkou.web.chart import Minutes, Tick, minutes, scale, ticks

FIGURES: Final = (
    *("visitors", "conversion", "member_share", "capture_rate", "reentries", "staff"),
    *("served_share", "greeted_share", "return_rate", "queue_left", "members", "served"),
)
_WHOLE: Final = 100
_STAFF_SHOWN: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class DayLine:
    """Visitors day by day. `top`: the greatest; `gaps`: days without a figure; the `ticks` and the
    shape are of the same scale.
    """

    drawn: Minutes
    ticks: tuple[Tick, ...]
    top: int
    top_day: date
    gaps: int
    otherwise: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopBoard:
    """The page of a shop; a picture is None where there is nothing to draw."""

    shop: Named
    now: datetime
    period: Period
    basis: str
    figures: Mapping[str, Figure]
    sums: Sums
    change: float | None
    change_why: str
    days: int
    otherwise: int
    reentry_share: float | None
    line: DayLine | None
    heat: HeatMap | None
    curve: DayCurve | None
    times: Mapping[str, Times | None]
    duty: Duty | None
    served_members: float | None
    staff: tuple[StaffRow, ...]
    staff_more: int
    street: Street | None
    street_why: str
    street_days: tuple[int | None, ...]
    missing: tuple[tuple[str, str], ...]


def shop_board(found: ShopPeriod, now: datetime, known_until: datetime | None = None) -> ShopBoard:
    """Work out the page.

    Args:
        found: what is known of the shop.
        now: an aware moment.
        known_until: up to when the shop was heard, of one that is silent now.
    """
    counted = {on: basis for (on, basis), sums in found.days.items() if _known(sums)}
    basis = counted[max(counted)] if counted else ""
    ours = {on for on, by in counted.items() if by == basis}
    every = _sum([one for (on, by), one in found.days.items() if by == basis])
    sums = with_due(every, found.due.get(basis, NOTHING), COUNTS)
    local = now.astimezone(found.zone)
    change, why = _change(found, basis, ours, local.date())
    hours = [hour for hour in found.hours if hour.basis == basis]
    desk_days = {on for on in ours if found.days[on, basis]["served"] is not None}
    usual_days = {on for on, by in found.usual_days.items() if by == basis}
    least = found.screens.period.least
    street = street_of(found.street, basis)
    screen, shop = found.screens.period, found.shop.store_id
    wholes = {own: screen.hides_shop(of, shop) for own, of in SUMS.items()}
    staff = staff_rows(found.staff, wholes, least)
    worked = duty(hours, found.desk, desk_days) if desk_days else None
    by_day = {day.day: day.passers for day in found.street}
    return ShopBoard(
        shop=found.shop,
        now=local,
        period=found.period,
        basis=basis,
        figures={key: _figure(found, basis, key, sums) for key in FIGURES},
        sums=sums,
        change=change,
        change_why=why,
        days=len(ours),
        otherwise=len(counted) - len(ours),
        reentry_share=_reentry_share(sums, basis),
        line=_line(found, counted, basis),
        heat=heat_map(hours, ours),
        curve=day_curve(
            found.day,
            [hour for hour in found.of_day if hour.basis == basis],
            found.usual,
            usual_days,
            local,
            counted=found.day_basis == basis,
            known_until=known_until.astimezone(found.zone) if known_until else None,
        ),
        times={
            name: times(
                *(name, found.times.get(name, {}), least),
                hidden=name in TIMED and screen.hides_shop(TIMED[name], shop),
            )
            for name in EDGES
        },
        duty=worked,
        served_members=_served_members(found, basis),
        staff=staff[:_STAFF_SHOWN],
        staff_more=max(0, len(staff) - _STAFF_SHOWN),
        street=street,
        street_why="" if street else no_street(found.street),
        street_days=tuple(by_day.get(on) for on in found.period.days()),
        missing=_missing(found, worked, street),
    )


def _change(
    found: ShopPeriod, basis: str, ours: Collection[date], today: date
) -> tuple[float | None, str]:
    """Return by which share visitors changed in a year, of the days that are over, or why not."""
    over = days_over(found.period, today)
    then = {on for (on, by), sums in found.year_ago.items() if by == basis and _known(sums)}
    if over is None or not then:
        return None, "few_days" if over is None else "no_year"
    before = [on for on in over.year_ago.days() if on in then]
    now = [on for on in over.days() if on in ours]
    change = yearly(
        sum(found.days[on, basis]["visitors"] or 0 for on in now),
        len(now),
        sum(found.year_ago[on, basis]["visitors"] or 0 for on in before),
        len(before),
        over.length,
    )
    return change, "" if change is not None else "few_days"


def _known(sums: Sums) -> bool:
    return sums["visitors"] is not None


def _sum(days: Sequence[Sums]) -> Sums:
    """Add days up; what none of them knows is not known."""
    total = dict(NOTHING)
    for one in days:
        for name, count in one.items():
            if count is not None:
                total[name] = (total[name] or 0) + count
    return total


def _reentry_share(sums: Sums, basis: str) -> float | None:
    """Return which share of all visits were re-entries; None: nobody is known again there."""
    visits = (sums["visitors"] or 0) + (sums["reentries"] or 0)
    return (sums["reentries"] or 0) / visits if visits and basis == "distinct" else None


def _line(found: ShopPeriod, counted: Mapping[date, str], basis: str) -> DayLine | None:
    days = list(found.period.days())
    values = [
        found.days[on, basis]["visitors"] if counted.get(on) == basis else None for on in days
    ]
    known = [(value, on) for value, on in zip(values, days, strict=True) if value is not None]
    if not known:
        return None
    top, top_day = max(known)
    lines = scale(top)
    width = _WHOLE / len(days)
    return DayLine(
        drawn=minutes(values, lines[-1]),
        ticks=ticks(lines),
        top=top,
        top_day=top_day,
        gaps=sum(on not in counted for on in days),
        otherwise=tuple(
            (round(place * width, 3), round(width, 3))
            for place, on in enumerate(days)
            if counted.get(on, basis) != basis
        ),
    )


def _figure(found: ShopPeriod, basis: str, key: str, sums: Sums) -> Figure:
    metric = METRICS[key]
    screen = found.screens.of(metric)
    return figure_of(key, screen.of_shop(metric, found.shop.store_id, basis, sums), sums)


_MEMBERS_SERVED: Final = OF_TABLES["members_served"]


def _served_members(found: ShopPeriod, basis: str) -> float | None:
    """Return which share of members' visits was served, on the days that know both."""
    both = [
        sums
        for (_, by), sums in found.days.items()
        if by == basis and sums["members"] is not None and sums["served_members"] is not None
    ]
    screen, shop = found.screens.of(_MEMBERS_SERVED), found.shop.store_id
    value = screen.of_shop(_MEMBERS_SERVED, shop, basis, _sum(both))
    return None if isinstance(value, Hidden) else value


def _missing(
    found: ShopPeriod, worked: Duty | None, street: Street | None
) -> tuple[tuple[str, str], ...]:
    """Return which parts of the page have nothing to show, and why."""
    parts = (
        ("duty", "no_desk", worked is None),
        ("dwell", "no_dwell", "dwell" not in found.times),
        ("waits", "no_times", not {"wait", "queue"} & set(found.times)),
        ("by_whom", "no_desk" if found.single else "not_single", not found.staff),
        ("street", no_street(found.street), street is None),
    )
    return tuple((part, why) for part, why, lacks in parts if lacks)
