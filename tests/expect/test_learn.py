"""What a shop may expect, learnt of its own past."""

import math
from collections.abc import Callable
from datetime import date, timedelta
from random import Random

import pytest
from msgspec.structs import replace

from cloud.expect.calendar import EMPTY, Calendar, read_calendar
from cloud.expect.feasts import chain_feasts, feast_factor, joined
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


def test_half_of_a_slope_is_believed_and_no_slope_beyond_half_a_percent_a_day() -> None:
    slow = model(days(level=4000, factor=lambda day: math.exp(0.002 * (day - LAST).days)))
    assert slow.slope == pytest.approx(0.001, rel=0.15)
    steep = model(days(120, factor=lambda day: math.exp(0.03 * (day - LAST).days)))
    assert steep.slope == 0.005


def test_no_trend_goes_on_for_ever() -> None:
    rising = replace(model(days()), slope=0.005)
    first, far = (whole(rising, LAST + n * DAY) for n in (1, 1 + 150 * 7))
    # The half of it every 28 days: 0.005 x 28 / ln 2 in all.
    assert far / first == pytest.approx(math.exp(0.005 * 28 / math.log(2)))


def test_a_weekday_of_few_visitors_has_the_hours_of_its_like() -> None:
    def of_mondays(level: int) -> float:
        """Return what Mondays expect at 18 where on them all come at 10, and else at 18."""
        past = []
        for back in range(111, -1, -1):
            hours = [0] * 24
            hours[10 if (LAST - back * DAY).weekday() == 0 else 18] = level
            past.append(DayCount(day=LAST - back * DAY, total=level, hours=hours))
        return model(past).shares[0][18]

    # 16 Mondays of 5 guests beside 300 of their like, four of five of whom come at 18.
    assert of_mondays(5) == pytest.approx(300 * 0.8 / (16 * 5 + 300))
    assert of_mondays(500) < 0.05


def test_a_shop_that_has_visitors_in_a_single_hour_is_learnt_too() -> None:
    past = [
        DayCount(day=one.day, total=one.total, hours=[*[0] * 12, one.total, *[0] * 11])
        for one in days(60)
    ]
    known = model(past)
    plan = plan_of(known, EMPTY, LAST + DAY)
    assert expected(known, plan, 12).mean == pytest.approx(plan.mean)
    assert (expected(known, plan, 13).mean, known.of_hour) == (0, 0.04**2)


def test_no_past_is_so_calm_that_days_and_hours_are_certain() -> None:
    calm = [
        DayCount(day=LAST - back * DAY, total=2400, hours=[100] * 24) for back in range(120, -1, -1)
    ]
    known = model(calm)
    assert (known.of_day, known.of_hour) == (0.06**2, 0.04**2)


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
    # As any day: of a Saturday, as any Saturday.
    assert whole(learnt.model, date(2026, 9, 26), calendar) == pytest.approx(400 * 1.3, rel=0.1)
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


def test_a_shops_own_holidays_are_drawn_to_the_chains_the_more_the_fewer_they_were() -> None:
    chain = {"labour_day+0": (1.0, 10), "new_year+0": (1.4, 10)}
    found = joined({"labour_day+0": (2.0, 1)}, chain)
    assert found == {"labour_day+0": (pytest.approx(2**0.5), 11), "new_year+0": (1.4, 10)}
    assert joined({"labour_day+0": (2.0, 3)}, chain)["labour_day+0"][0] == pytest.approx(2**0.75)
    # One shop-day alone is no word of the chain.
    assert joined({"labour_day+0": (2.0, 3)}, {"labour_day+0": (1.0, 1)})["labour_day+0"][0] == 2.0


def test_of_a_holiday_that_was_seen_once_more_is_doubted_than_of_one_seen_twice() -> None:
    once, twice = (feast_factor({"labour_day+0": (1.5, n)}, "labour_day+0") for n in (1, 2))
    never = feast_factor({}, "labour_day+0")
    assert once.factor == twice.factor == 1.5
    assert twice.doubt < once.doubt < never.doubt


def test_what_is_learnt_of_the_same_past_is_the_same() -> None:
    assert model(days(sigma=0.2)) == model(days(sigma=0.2))
