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

It takes sums of days alone (`Weighed`), with the weight of a day w = greeted of one / (greeted by
the others + K): so the database adds a year up (`cloud.queries.consultants`), as `weigh` does.

It is about one shop; over a chain, shops are compared by their own figures. Of those who do as all
do, about two in a hundred fall outside (simulated shops of two to six over two to thirteen weeks).
"""

import math
from collections import defaultdict
from collections.abc import Mapping
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """Somebody's days, summed. `weight`: of w; `others`: of w times the others' sales; `spread`: of
    w squared times the others' sales.
    """

    greeted: int
    sales: int
    weight: float
    others: float
    spread: float


Days = Mapping[date, Mapping[str, Greetings]]
"""A shop's days: each of the staff who greeted somebody on it."""


def weigh(days: Days) -> dict[str, Weighed]:
    """Return the sums of each of a shop's staff."""
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0] * 5)
    for of in days.values():
        greeted = sum(one.greeted for one in of.values())
        sales = sum(one.sales for one in of.values())
        for who, one in of.items():
            weight = one.greeted / (greeted - one.greeted + K)
            others = weight * (sales - one.sales)
            told = (one.greeted, one.sales, weight, others, weight * others)
            sums[who] = [a + b for a, b in zip(sums[who], told, strict=True)]
    return {
        who: Weighed(
            greeted=int(told[0]), sales=int(told[1]), weight=told[2], others=told[3], spread=told[4]
        )
        for who, told in sums.items()
    }


def fairly(staff: Mapping[str, Weighed]) -> dict[str, Fair]:
    """Return the comparison of each of a shop's staff.

    >>> some = {"ann": Greetings(greeted=50, sales=10), "bo": Greetings(greeted=50, sales=10)}
    >>> round(fairly(weigh({date(2026, 11, 1): some}))["ann"].expected, 6)
    10.0
    """
    greeted = sum(one.greeted for one in staff.values())
    sales = sum(one.sales for one in staff.values())
    return {
        who: _compared(staff[who], greeted - staff[who].greeted, sales - staff[who].sales)
        for who in sorted(staff)
    }


def _compared(own: Weighed, greeted: int, sales: int) -> Fair:
    """Return the comparison of one; `greeted` and `sales` are the others'."""
    if not greeted:
        return Fair(word="alone")
    borrowed = K * own.weight
    expected = own.others + borrowed * sales / greeted
    if expected < EXPECTED_LEAST or own.greeted < GREETED_LEAST:
        return Fair(word="few")
    # Each sale of the others counts in `expected` w times on its day and `each` times in `usual`;
    # Poisson counts vary by themselves: the sum of sales x (w + each) squared.
    each = borrowed / greeted
    variance = own.spread + 2 * each * own.others + each**2 * sales
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
