"""What the footfall index is worth in people, learnt from hours that the cameras counted. Pure.

    known hours (index beside visitors) ──> fit ──> people(index), and between which numbers

The index is proportional to people, phones being phones; how many people a unit stands for depends
on the street, the antenna and the walls. Of the box's own hours only the part that was near is set
beside the visitors, who are inside: what they teach then holds for those who only pass, too.
Called by `edge.learning`; calls nothing.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

HOURS_NEEDED: Final = 10
"""An hour of 30 visitors is off by a seventh; ten of them know the scale to a twentieth."""
VISITORS_NEEDED: Final = 100
"""Over all known hours: a scale from empty hours is chance."""
NORMAL_90: Final = 1.645
BUSYNESS: Final = 0.06
"""How far the scale of quiet hours is off in busy ones, and the other way round (ADR 22)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownHour:
    """An hour of which the visitors are known.

    `index` is the sum of its minutes' index, `minutes` how many of them were observed.
    `near_share` is near classes of all classes, summed over its minutes; 1 for an hour by hand,
    when everybody who was heard was counted. `week_hour` is 0 (Monday, midnight) to 167.
    """

    index: float
    visitors: int
    minutes: int
    near_share: float = 1.0
    week_hour: int | None = None

    @property
    def inside(self) -> float:
        """The index of those who were in the shop."""
        return self.index * self.near_share


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """How many people an index stands for, and between which numbers they are in 9 of 10 hours."""

    value: float
    low: float
    high: float

    @property
    def error_percent(self) -> float:
        """Half the interval in percent of the value; 0 for nobody."""
        return 50 * (self.high - self.low) / self.value if self.value else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What a street has taught.

    `scale` is people by unit of index, `factors` what to multiply it with in an hour of the week,
    `spread` the variance of an hour's error by its people, `visitors` those of all known hours,
    `hours` how many of them there are.
    """

    scale: float
    factors: Mapping[int, float]
    spread: float
    visitors: int
    hours: int

    def people(self, index: float, week_hour: int | None = None) -> float:
        """Return how many people an hour's index stands for."""
        factor = 1.0 if week_hour is None else self.factors.get(week_hour, 1.0)
        return self.scale * factor * index

    def estimate(self, index: float, week_hour: int | None = None) -> People:
        """Return the same with its own error."""
        people = self.people(index, week_hour)
        # Whoever happened to come, what the known hours left unsure, and hours unlike them.
        certain = self.spread / self.visitors + BUSYNESS**2
        half = NORMAL_90 * math.sqrt(self.spread * people + certain * people**2)
        return People(value=people, low=max(0.0, people - half), high=people + half)

    @property
    def error_percent(self) -> float:
        """Half the interval in percent, of an hour as busy as the known ones were on average."""
        return self.estimate(self.visitors / self.hours / self.scale).error_percent


def fit(hours: Sequence[KnownHour]) -> Fit | None:
    """Learn the scale, None before there is enough to learn from."""
    visitors, inside = sum(hour.visitors for hour in hours), sum(hour.inside for hour in hours)
    if len(hours) < HOURS_NEEDED or visitors < VISITORS_NEEDED or inside <= 0:
        return None
    scale, spread = visitors / inside, _spread(hours, visitors, inside)
    return Fit(
        scale=scale,
        factors=_factors(hours, scale, spread),
        spread=spread,
        visitors=visitors,
        hours=len(hours),
    )


def _spread(hours: Sequence[KnownHour], visitors: int, inside: float) -> float:
    """Return the mean squared error by people, of each hour by the scale of all the others."""
    errors = []
    for hour in hours:
        others = inside - hour.inside
        if others <= 0:  # whatever was heard was heard in this hour
            continue
        people = hour.inside * (visitors - hour.visitors) / others
        errors.append((hour.visitors - people) ** 2 / max(1.0, people))
    return sum(errors) / len(errors) if errors else 1.0


def _factors(hours: Sequence[KnownHour], scale: float, spread: float) -> dict[int, float]:
    """Return by hour of the week how its own scale differs, shrunk to 1 as far as it is chance.

    Empirical Bayes: what the hours of the week differ in beyond chance is how far each is believed.
    """
    sums: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for hour in hours:
        if hour.week_hour is not None:
            sums[hour.week_hour][0] += hour.visitors
            sums[hour.week_hour][1] += scale * hour.inside
    groups = {key: (seen, due) for key, (seen, due) in sums.items() if due > 0}
    if len(groups) < 2:
        return {}
    differ = {key: seen / due - 1 for key, (seen, due) in groups.items()}
    chance = {key: spread / due for key, (_, due) in groups.items()}
    between = max(0.0, sum(differ[key] ** 2 - chance[key] for key in groups) / len(groups))
    return {
        key: 1 + differ[key] * between / (between + chance[key])
        for key in groups
        if between + chance[key] > 0
    }
