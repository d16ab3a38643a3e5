"""How many visitors a box's day has in each hour that its shop is open. Pure; drawn from a seed.

Called by `day`, which makes facts of them, and by `years`, which makes rollups of them.
"""

import math
from datetime import date
from random import Random
from typing import Final, NamedTuple

from cloud.simulate.calendar import busyness, clock_hours, shares
from cloud.simulate.chain import Box, Shop

_GAUSS_FROM: Final = 16.0  # a Poisson number of a larger mean is drawn as a rounded normal one


class OpenHour(NamedTuple):
    """An hour of a shop's day (UTC seconds): its start, from when to when the shop is open."""

    start: int
    begin: int
    end: int
    visitors: int


def poisson(random: Random, mean: float) -> int:
    """Return a Poisson number."""
    if mean >= _GAUSS_FROM:
        return max(0, round(random.gauss(mean, math.sqrt(mean))))
    rest, number = random.random(), 0
    chance = math.exp(-mean)
    while rest > chance and chance > 0:
        rest -= chance
        number += 1
        chance *= mean / number
    return number


def plan(random: Random, shop: Shop, box: Box, day: date) -> list[OpenHour]:
    """Return the open hours of a box's day.

    The first numbers that are drawn from `random`: the same whichever way a day is simulated.
    """
    weekday = day.weekday()
    opens, closes = shop.opens[weekday], shop.closes[weekday]
    spread = shares(opens, closes, weekday >= 5)
    mean = shop.visits_a_day * box.share * busyness(day)
    hours = []
    for second, minute in clock_hours(day, shop.zone):
        begin, end = max(opens, minute), min(closes, minute + 60)
        if begin < end:
            begin_s, end_s = second + (begin - minute) * 60, second + (end - minute) * 60
            visitors = poisson(random, mean * spread[minute // 60])
            hours.append(OpenHour(second, begin_s, end_s, visitors))
    return hours


def day_random(seed: int, box: Box, day: date) -> Random:
    """Return the source of a box's day."""
    return Random(f"{seed}/{box.store}/{box.id}/{day.toordinal()}")
