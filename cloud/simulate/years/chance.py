"""Numbers drawn at random, and numbers split among parts. Pure; used by the package."""

import math
from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import Final

_ONE_BY_ONE: Final = 12
_GAUSS_FROM: Final = 2.5  # a binomial number of a larger variance is drawn as a rounded normal one


def binomial(random: Random, number: int, share: float) -> int:
    """Return how many of a number it comes to, if each has that chance."""
    if number <= 0 or share <= 0:
        return 0
    if share >= 1:
        return number
    if number <= _ONE_BY_ONE:
        draw = random.random
        return sum([draw() < share for _ in range(number)])
    mean = number * share
    variance = mean * (1 - share)
    if variance >= _GAUSS_FROM:
        return min(number, max(0, round(random.gauss(mean, math.sqrt(variance)))))
    return min(number, _rare(random, mean)) if share < 0.5 else _rest(random, number, share)


def _rest(random: Random, number: int, share: float) -> int:
    return number - min(number, _rare(random, number * (1 - share)))


def _rare(random: Random, mean: float) -> int:
    """Return a Poisson number of a small mean: what many rare chances come to."""
    rest, number, chance = random.random(), 0, math.exp(-mean)
    while rest > chance and chance > 0:
        rest -= chance
        number += 1
        chance *= mean / number
    return number


def log_normal_sum(random: Random, number: int, median: float, spread: float) -> float:
    """Return what a number of log-normal values come to; of many, by their mean and variance."""
    if number <= _ONE_BY_ONE // 2:
        return median * sum([random.lognormvariate(0, spread) for _ in range(number)])
    mean = median * math.exp(spread**2 / 2)
    deviation = mean * math.sqrt(math.expm1(spread**2) * number)
    return max(0.0, random.gauss(mean * number, deviation))


def split(random: Random, number: int, weights: Sequence[float]) -> list[int]:
    """Return a number split among parts by their weights, which need not add up to 1."""
    parts, left = [], number
    rest = sum(weights)
    for weight in weights:
        part = binomial(random, left, weight / rest) if left and rest > 0 else 0
        parts.append(part)
        left -= part
        rest -= weight
    if left and parts:  # what rounding left over
        parts[max(range(len(weights)), key=weights.__getitem__)] += left
    return parts


def bins_of(edges: Sequence[int], median_s: float, spread: float) -> list[float]:
    """Return the share of log-normal times in each bin; the last bin has no end.

    Args:
        edges: where bins begin, in seconds.
        median_s: of the times.
        spread: of their logarithm.
    """
    below = [0.0, *(_below(edge, median_s, spread) for edge in edges[1:]), 1.0]
    return [high - low for low, high in pairwise(below)]


def _below(time_s: float, median_s: float, spread: float) -> float:
    return (1 + math.erf(math.log(time_s / median_s) / spread / math.sqrt(2))) / 2
