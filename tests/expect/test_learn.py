"""What a shop may expect, learnt of its own past."""

import math
from collections.abc import Callable
from datetime import date, timedelta
from random import Random

import pytest

from cloud.expect.calendar import EMPTY, Calendar, read_calendar
from cloud.expect.feasts import chain_feasts, feast_factor
from cloud.expect.learn import DayCount, learn
from cloud.expect.model import Model, band, expected, plan_of, variance
from tests.support.measure_anomalies import poisson

LAST = date(2026, 9, 20)
DAY = timedelta(days=1)
SHARES = (*[0.0] * 10, 0.05, 0.07, 0.1, 0.1, 0.08, 0.07, 0.08, 0.1, 0.12, 0.11, 0.08, 0.04, 0, 0)
WEEK = (0.9, 0.9, 0.9, 0.9, 1.0, 1.3, 1.1)
Factor = Callable[[date], float]


def days(
    count: int = 200,
    level: float = 400,
    factor: Factor = lambda day: 1.0,
    sigma: float = 0.0,
    last: date = LAST,
) -> list[DayCount]:
    """Return days of a shop, the last of them `last`."""
    random = Random(7)
    found = []
    for back in range(count - 1, -1, -1):
        day = last - back * DAY
        mood = math.exp(random.gauss(0, sigma))
        mean = level * WEEK[day.weekday()] * factor(day) * mood
        hours = [poisson(random, mean * share) if share else 0 for share in SHARES]
        found.append(DayCount(day=day, total=sum(hours), hours=hours))
    return found


def model(past: list[DayCount], calendar: Calendar = EMPTY) -> Model:
    learnt = learn(past, calendar, chain={})
    assert learnt is not None
    return learnt.model


def whole(of: Model, day: date, calendar: Calendar = EMPTY) -> float:
    return plan_of(of, calendar, day).mean


def test_a_shop_expects_by_weekday_and_hour_what_it_always_had() -> None:
    known = model(days())
    for ahead in range(1, 8):
        day = LAST + ahead * DAY
        assert whole(known, day) == pytest.approx(400 * WEEK[day.weekday()], rel=0.06)
    plan = plan_of(known, EMPTY, LAST + DAY)
    assert expected(known, plan, 18).mean == pytest.approx(400 * 0.9 * 0.12, rel=0.08)
    assert expected(known, plan, 3).mean == 0
    assert sum(plan.shares) == pytest.approx(1)


def test_fewer_than_four_weeks_teach_nothing() -> None:
    assert learn(days(27), EMPTY, chain={}) is None
    assert learn(days(28), EMPTY, chain={}) is not None
    assert learn([], EMPTY, chain={}) is None


def test_days_on_which_all_was_wrong_change_what_is_expected_by_little() -> None:
    broken = {LAST - 3 * DAY, LAST - 9 * DAY, LAST - 20 * DAY}
    known = model(days(factor=lambda day: 0.05 if day in broken else 1.0))
    assert whole(known, LAST + DAY) == pytest.approx(400 * 0.9, rel=0.06)


def test_days_that_are_left_out_teach_nothing() -> None:
    since = LAST - 25 * DAY
    past = days(factor=lambda day: 0.5 if day > since else 1.0)
    without = learn(past, EMPTY, chain={}, leave_out={one.day for one in past if one.day > since})
    assert without is not None
    assert whole(without.model, LAST + DAY) == pytest.approx(360, rel=0.06)
    assert whole(model(past), LAST + DAY) < 300


def test_days_on_which_nobody_came_teach_nothing() -> None:
    closed = {LAST - n * DAY for n in range(3, 60, 4)}
    known = model(days(factor=lambda day: 0.0 if day in closed else 1.0))
    assert whole(known, LAST + DAY) == pytest.approx(400 * 0.9, rel=0.08)


def test_a_slow_trend_is_followed() -> None:
    known = model(days(factor=lambda day: math.exp(0.002 * (day - LAST).days)))
    assert whole(known, LAST + DAY) == pytest.approx(400 * 0.9, rel=0.07)


def test_a_holiday_is_expected_as_it_was_last_year() -> None:
    calendar = read_calendar()

    def factor(day: date) -> float:
        return 2.0 if calendar.name(day).startswith("national_day+") else 1.0

    known = model(days(400, factor=factor), calendar)
    # A Thursday, whose own factor is 0.9; the holiday's is of the level: of a mean weekday, 2.
    assert whole(known, date(2026, 10, 1), calendar) == pytest.approx(400 * 2 * 0.9, rel=0.15)
    assert whole(known, date(2026, 10, 15), calendar) == pytest.approx(360, rel=0.08)


def test_where_a_shop_has_no_holiday_the_chain_s_counts_and_unknown_ones_are_wide() -> None:
    calendar = read_calendar()
    learnt = learn(days(60), calendar, chain={"national_day+0": (1.8, 40)})
    assert learnt is not None
    plan = plan_of(learnt.model, calendar, date(2026, 10, 1))
    assert plan.mean == pytest.approx(400 * 1.8, rel=0.1)
    unknown = plan_of(learnt.model, calendar, date(2026, 9, 25))
    assert unknown.of_day > 0.3
    assert unknown.mean == pytest.approx(400 * WEEK[4], rel=0.1)
    assert plan_of(learnt.model, calendar, date(2026, 9, 22)).of_day < 0.02


def test_a_restless_shop_has_a_wider_band_than_a_calm_one() -> None:
    calm, restless = model(days()), model(days(sigma=0.25))
    assert restless.of_day > 10 * calm.of_day
    spreads = [variance([expected(one, plan_of(one, EMPTY, LAST), 18)]) for one in (calm, restless)]
    widths = [high - low for low, high in (band(*spread) for spread in spreads)]
    assert widths[1] > 1.5 * widths[0]


def test_the_hours_of_a_day_share_its_chance_and_those_of_two_days_do_not() -> None:
    known = model(days(sigma=0.25))
    one, other = (plan_of(known, EMPTY, LAST + n * DAY) for n in (1, 2))
    _, same = variance([expected(known, one, 18), expected(known, one, 19)])
    _, apart = variance([expected(known, one, 18), expected(known, other, 19)])
    assert same > 1.3 * apart


def test_a_band_holds_nine_of_ten_ordinary_counts() -> None:
    random = Random(3)
    low, high = band(60, 60)
    inside = sum(low <= poisson(random, 60) <= high for _ in range(4000))
    assert 0.88 < inside / 4000 < 0.96


def test_the_chain_learns_the_median_of_its_shops_and_neighbouring_days_help() -> None:
    feasts = chain_feasts([{"labour_day+0": (1.5, 1)}, {"labour_day+0": (1.7, 2)}] * 3)
    factor, count = feasts["labour_day+0"]
    assert factor == pytest.approx(1.6)
    assert count == 6
    assert feast_factor(feasts, "labour_day+1").factor == pytest.approx(1.6)
    assert not feast_factor(feasts, "labour_day-1").known


def test_what_is_learnt_of_the_same_past_is_the_same() -> None:
    assert model(days(sigma=0.2)) == model(days(sigma=0.2))
