"""What a consultant of a shop sold beside what was to be expected of their guests. Pure.

Whoever works on a quiet Tuesday, or at the door where many only look, sells less and is no worse.
So each is compared with the colleagues of the same shop on the same days: had the others greeted
the guests that this one greeted, they would have sold to so many of them

    expected = sum over days of   greeted of one  x  (sales of the others + K x usual)
                                                     ---------------------------------
                                                        (greeted by the others + K)

where `usual` is the others' sales by greeting over the whole period: a day on which the others
greeted few says little of it, and K greetings of the usual kind are added to each (a gamma prior,
Clayton and Kaldor 1987, Biometrics 43, 671-681). The one who is compared is never in it.

The interval of sales / expected is Byar's of the sales (`intervals.byar`), and the chance in the
others' sales is added as MOVER does for a ratio (Zou and Donner 2008, Statistics in Medicine 27,
1693-1702): in a shop of two, what one sold is as much a matter of chance as what the other did.

It is about one shop; over a chain, shops are compared by their own figures. Of those who do as all
do, about two in a hundred fall outside (simulated shops of two to six over two to thirteen weeks).
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from cloud.figures.intervals import byar

K: Final = 5.0
"""Few, so that a poor day stays one: among 60 other greetings they move a rate by a thirteenth."""
EXPECTED_LEAST: Final = 5.0
"""Of fewer expected sales nothing is said. A number of ours, as is K."""
GREETED_LEAST: Final = 10

Word = Literal["more", "expected", "less", "few", "alone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Greetings:
    """How many guests somebody greeted, and how many of them bought."""

    greeted: int
    sales: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fair:
    """Somebody's sales beside the expected ones.

    `word`: more | expected | less; few: too few to say; alone: nobody else greeted anybody. Only of
    the first three there are `expected`, `ratio`, and its interval from `low` to `high`.
    """

    word: Word
    expected: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None


Days = Mapping[date, Mapping[str, Greetings]]
"""A shop's days: each of the staff who greeted somebody on it."""


def fairly(days: Days) -> dict[str, Fair]:
    """Return the comparison of each of a shop's staff.

    >>> some = {"ann": Greetings(greeted=50, sales=10), "bo": Greetings(greeted=50, sales=10)}
    >>> fairly({date(2026, 11, 1): some})["ann"].expected
    10.0
    """
    together = {day: _sum(of.values()) for day, of in days.items()}
    mine: dict[str, dict[date, Greetings]] = defaultdict(dict)
    for day, of in days.items():
        for who, told in of.items():
            mine[who][day] = told
    return {who: _compared(mine[who], together) for who in sorted(mine)}


def _sum(told: Iterable[Greetings]) -> Greetings:
    greeted = sales = 0
    for one in told:
        greeted += one.greeted
        sales += one.sales
    return Greetings(greeted=greeted, sales=sales)


def _compared(mine: Mapping[date, Greetings], together: Mapping[date, Greetings]) -> Fair:
    own, whole = _sum(mine.values()), _sum(together.values())
    greeted = whole.greeted - own.greeted
    if not greeted:
        return Fair(word="alone")
    usual = (whole.sales - own.sales) / greeted
    weights: dict[date, float] = {}
    expected = borrowed = 0.0
    for day, one in mine.items():
        others = together[day]
        weight = one.greeted / (others.greeted - one.greeted + K)
        weights[day] = weight
        borrowed += K * weight
        expected += weight * (others.sales - one.sales + K * usual)
    if expected < EXPECTED_LEAST or own.greeted < GREETED_LEAST:
        return Fair(word="few")
    # Each sale of the others counts in `expected` so many times; Poisson counts vary by themselves.
    each = borrowed / greeted
    variance = sum(
        (one.sales - (mine[day].sales if day in mine else 0)) * (weights.get(day, 0.0) + each) ** 2
        for day, one in together.items()
    )
    return _beside(own.sales, expected, expected**2 / variance)


def _beside(sales: int, expected: float, worth: float) -> Fair:
    """Return sales beside the expected ones, which are as sure as a count of `worth`."""
    ratio = sales / expected
    low, high = byar(sales, expected)
    less, more = byar(round(worth), worth)
    if ratio:
        low = ratio * math.exp(-math.hypot(_log(ratio, low), _log(more, 1.0)))
        high = ratio * math.exp(math.hypot(_log(high, ratio), _log(1.0, less)))
    else:
        high = high * _inverse(less)
    word: Word = "more" if low > 1 else "less" if high < 1 else "expected"
    return Fair(word=word, expected=expected, ratio=ratio, low=low, high=high)


def _log(one: float, other: float) -> float:
    return math.log(one / other) if other else math.inf


def _inverse(value: float) -> float:
    return 1 / value if value else math.inf
