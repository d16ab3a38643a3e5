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

It is about one shop; over a chain, shops are compared by their own figures. One of 20 who do as
all do falls outside all the same.
"""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from cloud.figures.intervals import byar

K: Final = 20.0
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
    staff = sorted({who for of in days.values() for who in of})
    return {who: _compared(who, days) for who in staff}


def _compared(who: str, days: Days) -> Fair:
    mine, others = _apart(who, days)
    greeted = sum(one.greeted for one in others.values())
    if not greeted:
        return Fair(word="alone")
    usual = sum(one.sales for one in others.values()) / greeted
    counted = {day: one for day, one in mine.items() if one.greeted}
    nobody = Greetings(greeted=0, sales=0)
    weights = {
        day: one.greeted / (others.get(day, nobody).greeted + K) for day, one in counted.items()
    }
    borrowed = K * sum(weights.values())
    expected = borrowed * usual + sum(
        weight * others.get(day, nobody).sales for day, weight in weights.items()
    )
    if expected < EXPECTED_LEAST or sum(one.greeted for one in counted.values()) < GREETED_LEAST:
        return Fair(word="few")
    # Each sale of the others counts in `expected` so many times; Poisson counts vary by themselves.
    variance = sum(
        one.sales * (weights.get(day, 0.0) + borrowed / greeted) ** 2 for day, one in others.items()
    )
    return _beside(sum(one.sales for one in mine.values()), expected, expected**2 / variance)


def _apart(who: str, days: Days) -> tuple[dict[date, Greetings], dict[date, Greetings]]:
    """Return somebody's days, and those of all others together."""
    mine: dict[date, Greetings] = {}
    others: dict[date, list[Greetings]] = defaultdict(list)
    for day, of in days.items():
        for one, told in of.items():
            if one == who:
                mine[day] = told
            else:
                others[day].append(told)
    summed = {
        day: Greetings(
            greeted=sum(one.greeted for one in told), sales=sum(one.sales for one in told)
        )
        for day, told in others.items()
    }
    return mine, summed


def _beside(sales: int, expected: float, worth: float) -> Fair:
    """Return sales beside the expected ones, which are as sure as a count of `worth`."""
    ratio = sales / expected
    low, high = byar(sales, expected)
    less, more = byar(round(worth), worth) if worth >= 1 else (0.0, math.inf)
    low = ratio * math.exp(-math.hypot(_log(ratio, low), _log(more, 1.0))) if low else 0.0
    high = (
        high * more
        if not ratio
        else ratio * math.exp(math.hypot(_log(high, ratio), _log(1.0, less)))
    )
    word: Word = "more" if low > 1 else "less" if high < 1 else "expected"
    return Fair(word=word, expected=expected, ratio=ratio, low=low, high=high)


def _log(one: float, other: float) -> float:
    return math.log(one / other) if other else math.inf
