"""How sure a share or a rate is: 95 % intervals. Pure; used by pages of small numbers."""

import math
from typing import Final, NamedTuple

_Z: Final = 1.959963984540054
"""Of the normal distribution, 95 % two-sided."""


class Interval(NamedTuple):
    """From where to where a figure may lie."""

    low: float
    high: float


def wilson(successes: int, n: int) -> Interval:
    """Return the interval of a share, as a fraction of 1: Wilson's score interval.

    Source: Wilson 1927; recommended for small n by Brown, Cai and DasGupta 2001.

    Args:
        successes: how many of them, 0 to n.
        n: how many were looked at; of none nothing is known: 0 to 1.

    Raises:
        ValueError: more successes than were looked at, or fewer than none.

    >>> low, high = wilson(8, 10)
    >>> round(low, 3), round(high, 3)
    (0.49, 0.943)
    """
    if not 0 <= successes <= n:
        raise ValueError(f"wilson: expected 0 to {n} successes of {n}, got {successes}")
    if n == 0:
        return Interval(0.0, 1.0)
    share, square = successes / n, _Z * _Z
    middle = share + square / (2 * n)
    reach = _Z * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    scale = 1 + square / n
    # At the ends the two halves differ by a rounding error only.
    low = 0.0 if successes == 0 else (middle - reach) / scale
    high = 1.0 if successes == n else (middle + reach) / scale
    return Interval(low, high)


def byar(observed: int, expected: float) -> Interval:
    """Return the interval of observed / expected, of a count beside the one to be expected.

    Byar's approximation of the exact Poisson interval. Source: Breslow and Day, Statistical
    Methods in Cancer Research II, 1987, page 69.

    Raises:
        ValueError: a negative count, or nothing was to be expected.

    >>> low, high = byar(20, 10.0)
    >>> round(low, 2), round(high, 2)
    (1.22, 3.09)
    """
    if observed < 0 or expected <= 0:
        raise ValueError(
            f"byar: expected a count of 0 or more beside more than 0, got {observed}, {expected}"
        )
    low = 0.0
    if observed:
        low = observed * (1 - 1 / (9 * observed) - _Z / (3 * math.sqrt(observed))) ** 3
    above = observed + 1
    high = above * (1 - 1 / (9 * above) + _Z / (3 * math.sqrt(above))) ** 3
    return Interval(max(0.0, low) / expected, high / expected)
