"""What named days do to shops: learnt of the chain, and of each shop where it has seen them. Pure.

Used by `learn` and `model`. A factor is of the level alone: a holiday that falls on a Tuesday is
no Tuesday.
"""

import re
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Final, NamedTuple

Feasts = dict[str, tuple[float, int]]
"""By the name of a day: the factor, and of how many shop-days it was learnt."""

_NAME: Final = re.compile(r"(\w+?)([+-]\d+)")
_FEW: Final = 2
_KNOWN: Final = 0.15
_ALIKE: Final = 0.3
_UNKNOWN: Final = 0.6
"""Doubt, as the standard deviation of a factor's logarithm: of one that was learnt, of one of a
neighbouring day, of a day of which nothing is known. Ours: wide, since a false alarm on a holiday
costs more than a late one."""


class Feast(NamedTuple):
    """What a named day does; `known`: it was learnt, of this day or one like it."""

    factor: float
    doubt: float
    known: bool


def feast_factor(feasts: Mapping[str, tuple[float, int]], name: str) -> Feast:
    """Return what a named day does, by what is known of it or of the nearest day of its holiday."""
    held = feasts.get(name)
    if held is not None and held[1] >= _FEW:
        return Feast(held[0], _KNOWN, known=True)
    if held is not None:
        return Feast(held[0], _ALIKE, known=True)
    near = _nearest(feasts, name)
    if near is None:
        return Feast(1.0, _UNKNOWN, known=False)
    return Feast(near, _ALIKE, known=True)


def _nearest(feasts: Mapping[str, tuple[float, int]], name: str) -> float | None:
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    holiday, offset = match[1], int(match[2])
    near = [
        (abs(int(found[2]) - offset), -int(found[2]), factor)
        for other, (factor, _) in feasts.items()
        if (found := _NAME.fullmatch(other))
        and found[1] == holiday
        # The days before a holiday say nothing of the holiday itself.
        and (int(found[2]) < 0) == (offset < 0)
    ]
    return min(near)[2] if near else None


def chain_feasts(shops: Iterable[Mapping[str, tuple[float, int]]]) -> Feasts:
    """Return what named days did to the chain: the median of its shops."""
    by_name: dict[str, list[float]] = {}
    for one in shops:
        for name, (factor, _) in one.items():
            by_name.setdefault(name, []).append(factor)
    return {name: (median(found), len(found)) for name, found in sorted(by_name.items())}


def joined(own: Mapping[str, tuple[float, int]], chain: Mapping[str, tuple[float, int]]) -> Feasts:
    """Return a shop's own factors, drawn towards the chain's as far as they rest on few days."""
    found = dict(chain)
    for name, (factor, days) in own.items():
        known = chain.get(name)
        if known is None or known[1] < _FEW:
            found[name] = (factor, days)
            continue
        weight = days / (days + 1)
        found[name] = (factor**weight * known[0] ** (1 - weight), known[1] + days)
    return found
