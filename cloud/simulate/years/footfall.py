"""The hours and days of a simulated shop's doors, and of its Wi-Fi. Used by `day`.

Visitors are those that the facts of the same day would hold, unless a shop is in trouble
(`habits`); the other figures follow from them by shares.
"""

from collections.abc import Sequence
from datetime import date
from operator import add
from random import Random
from typing import Final, NamedTuple

from cloud.simulate.calendar import clock_hours
from cloud.simulate.chain import Box, Shop
from cloud.simulate.day import MEMBERS, RETURNS, TURNED_BACK
from cloud.simulate.plan import OpenHour, day_random, plan
from cloud.simulate.wifi import LEARNT, NEEDED, classes_of, heard, is_learning, stays
from cloud.simulate.years.rows import Rows
from cloud.tables import FIGURES, daily, hourly, presence_daily, presence_hourly

OFFLINE_S: Final = 5 * 3600
_STAFF_HOURS: Final = 0.3  # share of the hours in which staff cross the door
_OUTSIDE_HOURS: Final = 0.1
_ZEROS: Final = (0,) * len(FIGURES)


class Footfall(NamedTuple):
    """A day of a shop's doors: its figures, visitors by hour, and the share of it that is over."""

    total: Sequence[int]
    visitors: dict[int, int]
    over: float
    street: tuple[int, int] | None


def count(seed: int, shop: Shop, day: date, now: int, sees: float, rows: Rows) -> Footfall:
    """Append a shop's hours of a day up to now, and the day; also of its Wi-Fi.

    Args:
        seed: of the chain.
        shop: the shop.
        day: the day.
        now: seconds since 1970.
        sees: the share of the day's visitors that is counted.
        rows: to append to.
    """
    by_hour: dict[int, list[int]] = {}
    first: list[OpenHour] = []
    for one in shop.boxes:
        random = day_random(seed, one, day)
        until = now - OFFLINE_S if one.fault == "offline" else now
        hours = plan(random, shop, one, day)
        if sees < 1:
            hours = [hour._replace(visitors=round(hour.visitors * sees)) for hour in hours]
        first = first or hours
        for hour in hours:
            if hour.begin < until:
                passed = min(1.0, (until - hour.begin) / (hour.end - hour.begin))
                figures = _figures(random, one, shop, hour, round(hour.visitors * passed))
                known = by_hour.get(hour.start)
                by_hour[hour.start] = _sum(known, figures) if known else figures
    total = _hours(shop, day, now, by_hour, rows)
    street = _heard(seed, shop, day, now, first, rows)
    begin, end = first[0].begin, first[-1].end
    over = min(1.0, max(0.0, (now - begin) / (end - begin)))
    return Footfall(total, {at: by_hour[at][0] for at in sorted(by_hour)}, over, street)


def _hours(
    shop: Shop, day: date, now: int, by_hour: dict[int, list[int]], rows: Rows
) -> Sequence[int]:
    name, basis, hours = shop.id, shop.boxes[0].basis, rows.of(hourly)
    total: Sequence[int] = _ZEROS
    for start, _ in clock_hours(day, shop.zone):
        if start > now:
            break
        if figures := by_hour.get(start):
            total = _sum(total, figures)
            hours.append((name, start, *figures, basis))
        else:
            hours.append((name, start, *_ZEROS, basis))
    rows.of(daily).append((name, day, *total, basis))
    return total


def _heard(
    seed: int, shop: Shop, day: date, now: int, hours: Sequence[OpenHour], rows: Rows
) -> tuple[int, int] | None:
    """Append the closed hours of a shop's Wi-Fi, and the day; what it learnt it has learnt.

    Return how many came by, and how many of them came in.
    """
    first = shop.boxes[0]
    if not first.wifi or is_learning(shop):
        return None
    until = now - OFFLINE_S if first.fault == "offline" else now
    closed = [hour for hour in hours if hour.end <= until]
    if not closed:
        return None
    rest = (first.basis, LEARNT, NEEDED)
    found = [
        (
            *(shop.id, one.start, one.minutes, one.footfall),
            *(classes_of(one.peak), one.footfall // 14),
            *(one.passers, hour.visitors, one.error, *rest, *stays(hour.visitors)),
        )
        for hour, one in zip(closed, heard(seed, shop, first, day, closed), strict=True)
    ]
    rows.of(presence_hourly).extend(found)
    columns = list(zip(*found, strict=True))
    minutes, footfall, probes, passers, captured = (sum(columns[n]) for n in (2, 3, 5, 6, 7))
    peak, error = max(columns[4]), max(columns[8])
    of_day = (minutes, footfall, peak, probes, passers, captured, error)
    rows.of(presence_daily).append((shop.id, day, *of_day, *rest, *stays(captured)))
    return passers, captured


def _sum(one: Sequence[int], other: Sequence[int]) -> list[int]:
    return list(map(add, one, other))


def _figures(random: Random, one: Box, shop: Shop, hour: OpenHour, visitors: int) -> list[int]:
    """Return an hour's figures, in the order of `FIGURES`."""
    chance = random.random()  # one for all: shares of small numbers are rounded by it
    members = int(visitors * MEMBERS + chance) if one.mode == "entrance" else 0
    reentries = int(members * RETURNS + chance)
    turned_back = int(visitors * TURNED_BACK + chance)
    entered = visitors + reentries + turned_back
    staff = shop.staff if chance < _STAFF_HOURS else 0
    outside = int(chance < _OUTSIDE_HOURS)  # a delivery early, somebody who leaves late
    left = max(0, entered - outside)
    return [visitors, reentries, members, staff, entered, left, outside, outside, turned_back]
