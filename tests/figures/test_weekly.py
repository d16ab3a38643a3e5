"""Bookings week on week: a 40 % drop is told, 5 % never, and chance is not taken for news."""

import doctest
from datetime import date, timedelta
from random import Random

import pytest

from cloud.figures import weekly
from cloud.figures.weekly import WeekOnWeek, week_on_week, weeks_of
from cloud.simulate.plan import poisson

_LAST = date(2026, 11, 22)


def _simulated(mean: float, change: float, times: int, seed: int = 8) -> list[WeekOnWeek]:
    random = Random(f"{seed}/{mean}/{change}")
    return [
        week_on_week(poisson(random, mean * (1 + change)), [poisson(random, mean) for _ in "8" * 8])
        for _ in range(times)
    ]


def _deviate(found: list[WeekOnWeek]) -> float:
    return sum(one.deviates for one in found) / len(found)


def test_the_examples_in_its_words_hold() -> None:
    tried = doctest.testmod(weekly)
    assert (tried.failed, tried.attempted > 1) == (0, True)


def test_a_drop_of_40_percent_is_told_wherever_46_a_week_are_usual() -> None:
    verdicts = {usual: week_on_week(usual * 6 // 10, [usual] * 8).verdict for usual in range(600)}
    assert {verdicts[usual] for usual in range(46, 600)} == {"down"}
    assert verdicts[30] == "usual"


def test_a_rise_of_40_percent_is_told_in_a_shop_with_many() -> None:
    assert week_on_week(140, [100] * 8).verdict == "up"


@pytest.mark.parametrize("percent", [-5, -3, 0, 3, 5])
def test_a_change_of_5_percent_deviates_never_however_many_are_booked(percent: int) -> None:
    for usual in (*range(20, 400, 20), 1_000, 10_000, 1_000_000):
        found = week_on_week(usual * (100 + percent) // 100, [usual] * 8)
        assert (found.verdict, found.reason) == ("usual", "small_change"), usual


def test_what_is_less_than_a_fifth_off_deviates_never_however_sure_it_is() -> None:
    assert week_on_week(80_001, [100_000] * 8).reason == "small_change"
    assert week_on_week(80_000, [100_000] * 8).verdict == "down"


@pytest.mark.parametrize("mean", [15, 30, 60, 100, 150, 200])
@pytest.mark.parametrize("change", [-0.05, 0.0, 0.05])
def test_of_weeks_that_differ_by_5_percent_and_chance_few_deviate(
    mean: float, change: float
) -> None:
    assert _deviate(_simulated(mean, change, 2_000)) < 0.025


@pytest.mark.parametrize(("mean", "odds"), [(30, 0.29), (50, 0.54), (100, 0.9), (150, 0.98)])
def test_a_true_drop_of_40_percent_is_found_with_the_odds_that_it_states(
    mean: float, odds: float
) -> None:
    found = _simulated(mean, -0.4, 2_000)
    assert _deviate(found) == pytest.approx(odds, abs=0.04)
    assert not any(one.verdict == "up" for one in found)


def test_where_fewer_than_ten_are_usual_nothing_deviates() -> None:
    for usual in range(10):
        for booked in (0, 5, 40):
            assert week_on_week(booked, [usual] * 8).reason == "too_few"
    assert week_on_week(3, [10] * 8).reason == "chance"
    assert week_on_week(0, [10] * 8).verdict == "down"


def test_a_week_that_is_not_known_does_not_deviate() -> None:
    found = week_on_week(None, [100] * 8)
    assert (found.verdict, found.reason, found.usual) == ("unknown", "week_unknown", 100)


def test_four_known_weeks_are_needed_to_compare_with() -> None:
    gone: list[int | None] = [None] * 4
    assert week_on_week(60, [100] * 4 + gone).verdict == "down"
    few = week_on_week(60, [100] * 3 + gone)
    assert (few.verdict, few.reason, few.weeks, few.usual) == ("unknown", "before_unknown", 3, None)
    with pytest.raises(ValueError, match="up to 8 weeks, got 9"):
        week_on_week(60, [100] * 9)


def test_an_unknown_week_is_not_a_week_without_bookings() -> None:
    with_gap = week_on_week(60, [100] * 6 + [None, None])
    assert (with_gap.usual, with_gap.weeks, with_gap.verdict) == (100, 6, "down")
    assert week_on_week(60, [100] * 6 + [0, 0]).usual == 75


def test_where_the_weeks_before_scatter_it_takes_more() -> None:
    calm, wild = [100] * 8, [60, 140, 70, 130, 60, 140, 70, 130]
    assert week_on_week(65, calm).verdict == "down"
    assert week_on_week(65, wild).reason == "chance"
    assert week_on_week(0, wild).verdict == "down"
    ordinary = [92, 108, 95, 105, 91, 109, 94, 106]  # no more than chance
    assert week_on_week(65, ordinary).low == week_on_week(65, calm).low


def test_the_interval_holds_the_ratio_and_is_wider_of_fewer() -> None:
    few, many = week_on_week(15, [20] * 8), week_on_week(150, [200] * 8)
    bounds = [few.low, many.low, 0.75, many.high, few.high]
    assert bounds == sorted(bounds, key=lambda bound: bound or 0)
    assert few.ratio == many.ratio == 0.75


def test_the_interval_is_that_of_a_table_worked_by_hand() -> None:
    """60 beside 8 x 100: 60 of 860 are 6.98 %; Wilson's 98 % interval is 5.21 % to 9.28 %."""
    found = week_on_week(60, [100] * 8)
    assert found.low == pytest.approx(8 * 0.052133 / 0.947867, abs=1e-4)
    assert found.high == pytest.approx(8 * 0.092782 / 0.907218, abs=1e-4)


def test_weeks_are_seven_whole_days_that_end_with_the_last() -> None:
    booked: dict[date, int | None] = {_LAST - timedelta(days=back): back for back in range(63)}
    weeks = weeks_of(booked, _LAST)
    assert len(weeks) == 9
    assert (weeks[-1], weeks[-2], weeks[0]) == (21, 70, 413)


def test_half_a_week_is_no_week() -> None:
    booked: dict[date, int | None] = {_LAST - timedelta(days=back): 5 for back in range(63)}
    booked[_LAST - timedelta(days=9)] = None
    del booked[_LAST - timedelta(days=62)]
    assert weeks_of(booked, _LAST) == (None, *[35] * 6, None, 35)
