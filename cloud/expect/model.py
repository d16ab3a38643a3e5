"""A shop's model, and what it expects of an hour. Pure; made by `learn`, used by `cloud.anomalies`.

    visitors of an hour = level x trend x (weekday | what the holiday does) x the hour's share

and around that chance of three kinds, each learnt of the shop's own past: people come one by one
(Poisson); an hour differs from its like (`of_hour`); and a day from its like, all its hours
together, as rain makes it (`of_day`). Sums are so overdispersed as a negative binomial count is.
"""

import math
from collections.abc import Iterable
from datetime import date
from typing import Final

from msgspec import Struct

from cloud.expect.calendar import Calendar
from cloud.expect.feasts import Feasts, feast_factor

_SUNDAY: Final = 6
_HALF: Final = 28.0
"""Days after which a trend goes on by half of what it did: none goes on for ever."""
_FLOOR_Z: Final = 1.6448536269514722
"""A band holds 90 of 100 ordinary cases."""


class Model(Struct, frozen=True, kw_only=True):
    """What was learnt of a shop, on the day `learnt`.

    Attributes:
        learnt: ordinal of the local day for which `level` holds.
        level: visitors of an average ordinary day.
        slope: of the logarithm of the level, a day.
        weekdays: factor by weekday, Monday first; they average 1.
        shares: by weekday, each of its hours' part of the day, 24 numbers.
        of_hour, of_day: variance of an hour and of a day, as a share of the square of its mean.
        feasts: factors of named days, of the shop's own past and the chain's.
        days: ordinary days from which it was learnt.
    """

    learnt: int
    level: float
    slope: float
    weekdays: tuple[float, ...]
    shares: tuple[tuple[float, ...], ...]
    of_hour: float
    of_day: float
    feasts: Feasts
    days: int


class Expected(Struct, frozen=True, kw_only=True):
    """What may be expected of one hour, and of its day (`whole`); `of_day` is the variance that
    the day's hours share.
    """

    day: int
    mean: float
    whole: float
    of_hour: float
    of_day: float


class DayPlan(Struct, frozen=True, kw_only=True):
    """What may be expected of a day: its mean and the hours' shares of it."""

    day: int
    mean: float
    of_day: float
    shares: tuple[float, ...]


def plan_of(model: Model, calendar: Calendar, day: date) -> DayPlan:
    """Return what a day may bring."""
    ahead = day.toordinal() - model.learnt
    # As far as it can go is `slope * _HALF / ln 2`: what the sum of the halving steps comes to.
    run = math.copysign(1 - 0.5 ** (abs(ahead) / _HALF), ahead) * _HALF / math.log(2)
    level = model.level * math.exp(model.slope * run)
    name = calendar.name(day)
    if not name:
        weekday = day.weekday()
        return DayPlan(
            day=day.toordinal(),
            mean=level * model.weekdays[weekday],
            of_day=model.of_day,
            shares=model.shares[weekday],
        )
    feast = feast_factor(model.feasts, name)
    return DayPlan(
        day=day.toordinal(),
        mean=level * feast.factor * (1.0 if feast.known else model.weekdays[day.weekday()]),
        of_day=model.of_day + feast.doubt**2,
        shares=model.shares[_SUNDAY if day in calendar.free else day.weekday()],
    )


def expected(model: Model, plan: DayPlan, hour: int) -> Expected:
    """Return what an hour of the day's wall clock (0 to 23) may bring."""
    return Expected(
        day=plan.day,
        mean=plan.mean * plan.shares[hour],
        whole=plan.mean,
        of_hour=model.of_hour,
        of_day=plan.of_day,
    )


def variance(hours: Iterable[Expected]) -> tuple[float, float]:
    """Return mean and variance of the sum of hours."""
    mean = own = 0.0
    days: dict[int, tuple[float, float]] = {}
    for one in hours:
        mean += one.mean
        own += one.of_hour * one.mean * one.mean
        before, of_day = days.get(one.day, (0.0, one.of_day))
        days[one.day] = (before + one.mean, of_day)
    shared = sum(of_day * held * held for held, of_day in days.values())
    return mean, mean + own + shared


def band(mean: float, spread: float) -> tuple[int, int]:
    """Return between which counts nine of ten ordinary cases lie, of a mean and a variance.

    That of a square root, which is nearly normal with the same spread for every mean.
    """
    if mean <= 0:
        return 0, 0
    middle, sigma = math.sqrt(mean), math.sqrt(spread / mean) / 2
    low, high = max(0.0, middle - _FLOOR_Z * sigma), middle + _FLOOR_Z * sigma
    return math.floor(low * low), math.ceil(high * high)
