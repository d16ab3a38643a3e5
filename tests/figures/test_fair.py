"""Consultants compared fairly: busy days, poor days and chance are nobody's fault."""

import doctest
import math
from datetime import date, timedelta
from random import Random

import pytest

from cloud.figures import fair
from cloud.figures.fair import Days, Fair, Greetings, K, weigh
from cloud.figures.fair import fairly as compared
from cloud.simulate.plan import poisson

_FIRST = date(2026, 11, 1)


def _days(*days: dict[str, tuple[int, int]]) -> Days:
    return {
        _FIRST + timedelta(days=number): {
            who: Greetings(greeted=greeted, sales=sales) for who, (greeted, sales) in day.items()
        }
        for number, day in enumerate(days)
    }


def fairly(days: Days) -> dict[str, Fair]:
    """Return the comparison of a shop's days."""
    return compared(weigh(days))


def _simulated(random: Random, staff: int, days: int, better: float = 1.0) -> Days:
    """Return a shop's days, good and poor ones; the first of the staff may sell better."""
    told = []
    for _ in range(days):
        rate = min(0.9, 0.3 * random.lognormvariate(0, 0.4))
        day = {}
        for one in range(staff):
            if random.random() < 0.7:
                chance = min(0.95, rate * (better if one == 0 else 1.0))
                greeted = poisson(random, 8 + 4 * one)
                day[f"s{one}"] = (greeted, sum(random.random() < chance for _ in range(greeted)))
        told.append(day)
    return _days(*told)


def test_the_examples_in_its_words_hold() -> None:
    assert doctest.testmod(fair).failed == 0


def test_what_is_expected_is_a_table_worked_by_hand() -> None:
    """On the first day the others sold to 12 of 40, on the second to 6 of 60: 18 of 100 in all.

    Ann greeted 30 and 20: (12 + 5 x 0.18) / (40 + 5) x 30 = 8.6, and
    (6 + 5 x 0.18) / (60 + 5) x 20 = 2.123.
    """
    assert K == 5
    found = fairly(
        _days(
            {"ann": (30, 9), "bo": (30, 10), "cy": (10, 2)},
            {"ann": (20, 6), "bo": (20, 2), "cy": (40, 4)},
        )
    )["ann"]
    assert found.expected == pytest.approx(10.723, abs=0.001)
    assert found.ratio == pytest.approx(15 / 10.723, abs=0.001)
    assert found.word == "expected"


def test_nobody_is_measured_by_what_they_sold_themselves() -> None:
    """Bo's expected sales are the same, whatever Bo sells."""
    poor, good = (
        fairly(_days(*[{"ann": (40, 12), "bo": (40, sold)}] * 10))["bo"] for sold in (2, 30)
    )
    assert poor.expected == good.expected == pytest.approx(120)
    assert (poor.word, good.word) == ("less", "more")


def test_whoever_works_on_poor_days_is_not_said_to_sell_less() -> None:
    """Ann works on days when 10 % buy, Bo when 50 % do; Cy, always there, does as they."""
    poor = {"ann": (60, 6), "cy": (60, 6)}
    good = {"bo": (60, 30), "cy": (60, 30)}
    found = fairly(_days(*[poor, good] * 10))
    assert {who: one.word for who, one in found.items()} == dict.fromkeys(
        ("ann", "bo", "cy"), "expected"
    )
    assert 60 / 600 < 0.5 * 300 / 600  # plain conversion would have said the contrary


def test_of_few_nothing_is_said() -> None:
    few = fairly(_days({"ann": (9, 9), "bo": (400, 300)}))
    assert (few["ann"].word, few["ann"].ratio) == ("few", None)
    little = fairly(_days(*[{"ann": (20, 3), "bo": (20, 1)}] * 3))
    assert little["ann"].word == "few"  # three sales are to be expected


def test_whoever_has_no_colleague_is_compared_with_nobody() -> None:
    assert fairly(_days({"ann": (90, 30)}, {"ann": (80, 20)}))["ann"].word == "alone"


def test_where_the_others_never_sold_nothing_is_expected() -> None:
    assert fairly(_days({"ann": (90, 30), "bo": (80, 0)}))["ann"].word == "few"


def test_whoever_sold_nothing_has_an_interval_from_zero() -> None:
    found = fairly(_days(*[{"ann": (20, 0), "bo": (60, 20)}] * 5))["ann"]
    assert (found.ratio, found.low, found.word) == (0.0, 0.0, "less")
    assert found.high is not None
    assert 0 < found.high < 1


def test_a_colleague_with_few_sales_makes_the_interval_wider() -> None:
    """The same sales beside the same expected ones, of others who are few or many."""
    few = fairly(_days(*[{"ann": (100, 30), "bo": (10, 3)}] * 5))["ann"]
    many = fairly(_days(*[{"ann": (100, 30), "bo": (1000, 300)}] * 5))["ann"]
    assert few.expected == pytest.approx(many.expected)
    assert few.low is not None
    assert many.low is not None
    assert few.high is not None
    assert many.high is not None
    assert few.low < many.low < 1 < many.high < few.high


@pytest.mark.parametrize("staff", [2, 3, 6])
def test_of_those_who_do_as_all_do_few_are_said_to_differ(staff: int) -> None:
    random, words = Random(5), []
    for _ in range(120):
        words += [one.word for one in fairly(_simulated(random, staff, 28)).values()]
    said = [word for word in words if word in ("more", "less")]
    assert len(said) / len(words) < 0.04


def test_somebody_who_sells_half_as_much_again_is_found() -> None:
    random = Random(6)
    found = [fairly(_simulated(random, 4, 91, better=1.5))["s0"] for _ in range(30)]
    assert sum(one.word == "more" for one in found) >= 27
    ratios = sorted(one.ratio or 0.0 for one in found)
    assert math.isclose(ratios[15], 1.45, abs_tol=0.15)
