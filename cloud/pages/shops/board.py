"""Works out what a shop's page draws. Pure.

Called by the room's blueprint; holds codes, the template turns them into words. A shop that is
counted in two ways within the period is drawn by that of its last counted day: `otherwise` says of
how many days nothing is in the figures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from cloud.figures.bins import EDGES
from cloud.figures.metric import Sums
from cloud.figures.period import Period
from cloud.figures.suppress import Hidden, Screen, suppress_rows
from cloud.figures.yearly import yearly
from cloud.pages.known import Figure, figure
from cloud.pages.shops.desk_pictures import Duty, Times, duty, times
from cloud.pages.shops.pictures import DayCurve, HeatMap, day_curve, heat_map
from cloud.queries.days import NOTHING
from cloud.queries.shop import ShopPeriod, StaffSums, StreetDay
from cloud.queries.shops import Named
from menkou.web.chart import Minutes, Tick, minutes, scale, ticks

FIGURES: Final = (
    *("visitors", "conversion", "member_share", "capture_rate", "reentries", "staff"),
    *("served_share", "greeted_share", "return_rate", "queue_left", "members", "served"),
)
_WHOLE: Final = 100
_CODE: Final = 4
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
class StaffRow:
    """What one of the staff did; None: hidden, because it is of few people."""

    code: str
    greeted: int | None
    members: int | None
    sales: int | None
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Street:
    """Passers-by and the capture rate, as far as both are known by the basis of the page.

    `error`: how far the passers-by may be off, in percent; `low` and `high`: between which the
    rate then lies. `days`: how many days know both.
    """

    passers: int
    captured: int
    rate: float
    error: int
    low: float
    high: float
    days: int


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


def shop_board(found: ShopPeriod, now: datetime) -> ShopBoard:
    """Work out the page; `now` is aware."""
    counted = {on: basis for (on, basis), sums in found.days.items() if _known(sums)}
    basis = counted[max(counted)] if counted else ""
    ours = {on for on, by in counted.items() if by == basis}
    sums = _sum([one for (on, by), one in found.days.items() if by == basis])
    before = [one for (_, by), one in found.year_ago.items() if by == basis and _known(one)]
    then = _sum(before)
    change = yearly(sums["visitors"], len(ours), then["visitors"], len(before), found.period.length)
    hours = [hour for hour in found.hours if hour.basis == basis]
    desk_days = {on for on in ours if found.days[on, basis]["served"] is not None}
    usual_days = {on for on, by in found.usual_days.items() if by == basis}
    local = now.astimezone(found.zone)
    street = _street(found.street, basis)
    staff = _staff(found.staff)
    return ShopBoard(
        shop=found.shop,
        now=local,
        period=found.period,
        basis=basis,
        figures={key: figure(key, sums) for key in FIGURES},
        sums=sums,
        change=change,
        change_why="" if change is not None else "few_days" if before else "no_year",
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
        ),
        times={name: times(name, found.times.get(name, {})) for name in EDGES},
        duty=duty(hours, found.desk, desk_days) if desk_days else None,
        served_members=_served_members(found, basis),
        staff=staff[:_STAFF_SHOWN],
        staff_more=max(0, len(staff) - _STAFF_SHOWN),
        street=street,
        street_why="" if street else _no_street(found.street),
    )


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


def _served_members(found: ShopPeriod, basis: str) -> float | None:
    """Return which share of members' visits was served, on the days that know both."""
    both = [
        sums
        for (_, by), sums in found.days.items()
        if by == basis and sums["members"] is not None and sums["served_members"] is not None
    ]
    sums = _sum(both)
    few = suppress_rows({"shop": {name: sums[name] for name in ("members", "served_members")}})
    if few.hides("shop", "members") or few.hides("shop", "served_members") or not sums["members"]:
        return None
    return (sums["served_members"] or 0) / sums["members"]


def _staff(found: Sequence[StaffSums]) -> tuple[StaffRow, ...]:
    rows = {
        one.staff: {
            "greeted": one.greeted,
            "greeted_30s": one.greeted_30s,
            "members": one.members,
            "sales": one.sales,
        }
        for one in found
    }
    screen: Screen[str] = suppress_rows(rows)
    codes = short_codes(tuple(rows))
    top = max((one.greeted for one in found), default=0)

    def count(staff: str, name: str) -> int | None:
        value = screen.count(staff, name)
        return None if isinstance(value, Hidden) else value

    return tuple(
        StaffRow(
            code=codes[staff],
            greeted=(greeted := count(staff, "greeted")),
            members=count(staff, "members"),
            sales=count(staff, "sales"),
            share=None if greeted is None or not top else greeted / top,
        )
        for staff in rows
    )


def short_codes(ids: Sequence[str]) -> dict[str, str]:
    """Return the last letters of random ids, as many as tell them apart, and at least four.

    >>> short_codes(("01ARZ3NDEKTSV4RRFFQ69G5FAV", "01ARZ3NDEKTSV4RRFFQ69G5FAW"))
    {'01ARZ3NDEKTSV4RRFFQ69G5FAV': '5FAV', '01ARZ3NDEKTSV4RRFFQ69G5FAW': '5FAW'}
    """
    longest = max((len(one) for one in ids), default=_CODE)
    for length in range(_CODE, longest):
        if len({one[-length:] for one in ids}) == len(ids):
            return {one: one[-length:] for one in ids}
    return {one: one for one in ids}


def _street(days: Sequence[StreetDay], basis: str) -> Street | None:
    known = [
        (day.passers, day.captured, day.error or 0)
        for day in days
        if day.basis == basis and day.passers and day.captured is not None
    ]
    passers = sum(one[0] for one in known)
    if not passers:
        return None
    captured = sum(one[1] for one in known)
    # A box learns its scale once: its days are off the same way, and that does not even out.
    error = sum(one[0] * one[2] for one in known) / passers
    rate, off = captured / passers, error / _WHOLE
    return Street(
        passers=passers,
        captured=captured,
        rate=rate,
        error=round(error),
        low=rate / (1 + off),
        high=min(1.0, rate / (1 - off)) if off < 1 else 1.0,
        days=len(known),
    )


def _no_street(days: Sequence[StreetDay]) -> str:
    """Return why there is no capture rate."""
    if not any(day.minutes for day in days):
        return "no_wifi"
    return "no_both" if any(day.passers for day in days) else "learning"
