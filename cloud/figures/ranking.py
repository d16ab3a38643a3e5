"""Which shops stand out on a day: against their own usual, and among those of their basis. Pure.

Called by `cloud.queries.morning`. Shops of different basis are never in one list.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from msgspec import Struct

from cloud.figures.compare import Comparison
from cloud.figures.metric import Sums
from cloud.figures.suppress import Hidden, Shown

LISTED: Final = 5
"""So many shops at each end of a list: what somebody looks through in the morning."""


class Standing(Struct, frozen=True, kw_only=True):
    """A shop's day beside its own usual. `conversion`: as it may be shown."""

    store_id: str
    basis: str
    sums: Sums
    compare: Comparison
    conversion: Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The shops of one basis that stand out, the furthest first.

    `best` and `least`: by conversion; of `with_till` shops whose conversion may be shown.
    `left_out`: shops that are not ranked because the day's data may lack something.
    """

    basis: str
    below: tuple[Standing, ...]
    above: tuple[Standing, ...]
    best: tuple[Standing, ...]
    least: tuple[Standing, ...]
    with_till: int
    left_out: int


def rank(basis: str, standings: Iterable[Standing], lacking: Collection[str]) -> Ranking:
    """Rank the shops of one basis.

    Args:
        basis: the shops of another one are passed over.
        standings: the shops' days.
        lacking: shops whose day may lack something: they would rank low for that.
    """
    ours = [one for one in standings if one.basis == basis]
    whole = [one for one in ours if one.store_id not in lacking]
    off = sorted(
        ((far, one) for one in whole if (far := deviation(one.compare)) is not None),
        key=lambda pair: (pair[0], pair[1].store_id),
    )
    below = [one for far, one in off if far < -1]
    above = [one for far, one in reversed(off) if far > 1]
    sold = sorted(
        (one for one in whole if _share(one) is not None),
        key=lambda one: (-(_share(one) or 0.0), one.store_id),
    )
    half = min(LISTED, len(sold) // 2)
    return Ranking(
        basis=basis,
        below=tuple(below[:LISTED]),
        above=tuple(above[:LISTED]),
        best=tuple(sold[:half]),
        least=tuple(reversed(sold[len(sold) - half :])),
        with_till=len(sold),
        left_out=len(ours) - len(whole),
    )


def deviation(compare: Comparison) -> float | None:
    """Return how far a value is from the middle of its band, in half bands; beyond 1 is unusual.

    None: the value or its band is not known, or hidden.
    """
    value, low, high = compare.value, compare.low, compare.high
    if value is None or isinstance(value, Hidden) or low is None or high is None or high <= low:
        return None
    return (value - (low + high) / 2) / ((high - low) / 2)


def _share(one: Standing) -> float | None:
    found = one.conversion
    return None if isinstance(found, Hidden) else found
