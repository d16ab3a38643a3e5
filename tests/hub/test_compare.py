"""Periods of addresses, figures beside what is usual, and intervals of small numbers."""

import math
from datetime import date, timedelta
from random import Random

import pytest

from cloud.figures.compare import NEEDED, band, compare, weeks_before
from cloud.figures.intervals import byar, wilson
from cloud.figures.metric import METRICS
from cloud.figures.period import DAYS_MOST, Period, PeriodFault, period_of
from cloud.figures.suppress import HIDDEN

TODAY = date(2026, 11, 21)
VISITORS, SALES = METRICS["visitors"], METRICS["sales"]


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ({}, date(2026, 10, 25), TODAY),
        ({"days": "1"}, TODAY, TODAY),
        ({"from": "2026-11-01", "to": "2026-11-07"}, date(2026, 11, 1), date(2026, 11, 7)),
        ({"from": "2026-11-01"}, date(2026, 11, 1), TODAY),
        ({"to": "2026-11-07"}, date(2026, 10, 11), date(2026, 11, 7)),
        ({"to": "2026-11-07", "days": "7"}, date(2026, 11, 1), date(2026, 11, 7)),
        ({"from": "2026-11-01", "days": "7"}, date(2026, 11, 1), date(2026, 11, 7)),
        ({"from": "", "to": "", "days": ""}, date(2026, 10, 25), TODAY),
    ],
    ids=["none", "today", "both", "since", "until", "days until", "days since", "empty fields"],
)
def test_an_address_names_a_period(asked: dict[str, str], first: date, last: date) -> None:
    assert period_of(asked, TODAY) == Period(first=first, last=last)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"from": "2026-02-30"}, "day"),
        ({"from": "20261101"}, "day"),
        ({"to": "yesterday"}, "day"),
        ({"from": "1999-12-31"}, "range"),
        ({"to": "2028-01-01"}, "range"),
        ({"days": "0"}, "days"),
        ({"days": str(DAYS_MOST + 1)}, "days"),
        ({"days": "7.5"}, "days"),
        ({"days": "\u0667"}, "days"),
        ({"from": "2026-11-07", "to": "2026-11-01"}, "order"),
        ({"from": "2020-01-01"}, "long"),
        ({"from": "2026-11-01", "to": "2026-11-07", "days": "7"}, "both"),
    ],
)
def test_an_address_that_names_none_is_told_what_was_expected(
    asked: dict[str, str], code: str
) -> None:
    with pytest.raises(PeriodFault, match=r"expected .*, got") as refused:
        period_of(asked, TODAY)
    assert refused.value.code == code


def test_a_period_is_beside_the_one_before_and_the_same_weekdays_of_last_year() -> None:
    period = Period(first=date(2026, 11, 15), last=TODAY)
    assert period.length == len(list(period.days())) == 7
    assert period.before == period.week_ago
    assert period.year_ago.first.weekday() == period.first.weekday()
    assert period.first - period.year_ago.first == timedelta(days=364)
    assert TODAY in period
    assert TODAY + timedelta(days=1) not in period


def _weeks(*counts: int) -> dict[int, dict[str, int]]:
    return {week: {"visitors": n, "sales": n} for week, n in enumerate(counts, 1)}


def test_a_day_is_beside_the_same_weekday_a_week_and_52_weeks_ago() -> None:
    by_day = {TODAY - timedelta(days=back): {"visitors": back} for back in range(400)}
    history = weeks_before(TODAY, by_day)
    found = compare(VISITORS, {"visitors": 0}, history)
    assert (found.week_ago, found.year_ago) == (7, 364)
    assert set(history) == {*range(1, 9), 52}


@pytest.mark.parametrize(
    ("count", "verdict"), [(60, "below"), (100, "usual"), (108, "usual"), (160, "above")]
)
def test_what_is_outside_the_band_is_said_to_be(count: int, verdict: str) -> None:
    history = _weeks(100, 96, 104, 99, 101, 95, 103, 100)
    assert compare(VISITORS, {"visitors": count}, history).verdict == verdict


def test_one_holiday_among_the_eight_hardly_moves_the_band() -> None:
    plain = compare(VISITORS, {"visitors": 100}, _weeks(100, 96, 104, 99, 101, 95, 103, 100))
    feast = compare(VISITORS, {"visitors": 100}, _weeks(100, 96, 104, 99, 101, 95, 103, 900))
    assert feast.high is not None
    assert plain.high is not None
    assert feast.high < 1.2 * plain.high


def test_a_band_is_never_narrower_than_chance() -> None:
    found = compare(VISITORS, {"visitors": 115}, _weeks(*[100] * 8))
    assert found.verdict == "usual"
    assert found.low == pytest.approx(75)
    rate = compare(
        METRICS["conversion"],
        {"sales": 12, "till_visitors": 100},
        {week: {"sales": 0, "till_visitors": 100} for week in range(1, 9)},
    )
    assert rate.high is not None
    assert 0 < rate.high < 0.12
    assert rate.verdict == "above"


@pytest.mark.parametrize(
    ("known", "reach"),
    [
        # 2.5 x 1.4826 x the median deviation, x what Croux and Rousseeuw (1992) say of so many.
        ((80, 90, 90, 100, 100, 110, 110, 120), 2.5 * 1.4826 * 10 * 1.129),
        ((90, 90, 100, 110, 110, 120, 80), 2.5 * 1.4826 * 10 * 1.140),
        ((90, 90, 110, 110), 2.5 * 1.4826 * 10 * 1.363),
    ],
    ids=["eight", "seven", "four"],
)
def test_a_band_reaches_as_far_as_a_table_worked_by_hand(
    known: tuple[float, ...], reach: float
) -> None:
    assert band(known, 0.0) == pytest.approx((100 - reach, 100 + reach))


def test_no_band_reaches_below_nobody_or_beyond_all() -> None:
    assert compare(VISITORS, {"visitors": 1}, _weeks(*[2] * 8)).low == 0.0
    nearly_all = {week: {"sales": 97, "till_visitors": 100} for week in range(1, 9)}
    bought = compare(METRICS["conversion"], {"sales": 100, "till_visitors": 100}, nearly_all)
    assert (bought.high, bought.verdict) == (1.0, "usual")


def test_with_few_weeks_nothing_is_called_usual() -> None:
    history = _weeks(*[100] * (NEEDED - 1))
    found = compare(VISITORS, {"visitors": 1}, history)
    assert (found.low, found.high, found.verdict) == (None, None, "unknown")
    assert compare(VISITORS, {"visitors": None}, _weeks(*[100] * 8)).verdict == "unknown"


def test_hidden_figures_are_neither_compared_nor_part_of_a_band() -> None:
    found = compare(SALES, {"sales": 3}, _weeks(*[100] * 8))
    assert (found.value, found.verdict, found.low) == (HIDDEN, "unknown", None)
    few = compare(SALES, {"sales": 30}, _weeks(5, 5, 5, 5, 5, 40, 40, 40))
    assert (few.week_ago, few.verdict) == (HIDDEN, "unknown")


def test_nine_of_ten_usual_days_are_called_usual() -> None:
    chance = Random(20261121)
    draws = [
        [sum(chance.random() < 0.05 for _ in range(2000)) for _ in range(9)] for _ in range(150)
    ]
    verdicts = [compare(VISITORS, {"visitors": d[0]}, _weeks(*d[1:])).verdict for d in draws]
    assert verdicts.count("usual") >= 0.93 * len(verdicts)
    drops = [compare(VISITORS, {"visitors": d[0] // 2}, _weeks(*d[1:])).verdict for d in draws]
    assert drops.count("below") >= 0.95 * len(drops)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    # Brown, Cai and DasGupta 2001, and R's binom.confint(method = "wilson").
    [(0, 10, 0.0, 0.2775), (1, 10, 0.0179, 0.4042), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1)],
)
def test_the_interval_of_a_share_is_wilsons(
    successes: int, n: int, low: float, high: float
) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=1e-4)


def test_an_interval_holds_its_share_and_nothing_is_known_of_none() -> None:
    for n in range(1, 60):
        for successes in range(n + 1):
            low, high = wilson(successes, n)
            assert 0 <= low <= successes / n <= high <= 1
    assert wilson(0, 0) == (0, 1)
    for wrong in ((-1, 5), (6, 5)):
        with pytest.raises(ValueError, match="wilson: expected"):
            wilson(*wrong)


@pytest.mark.parametrize(
    ("observed", "low", "high"),
    # The exact Poisson limits (chi-square); Byar's are within 2 % from 5 on.
    [(5, 1.623, 11.668), (20, 12.217, 30.888), (100, 81.364, 121.627)],
)
def test_the_interval_of_a_count_beside_the_expected_is_byars(
    observed: int, low: float, high: float
) -> None:
    assert byar(observed, 1.0) == pytest.approx((low, high), rel=0.02)
    assert byar(observed, 2.0).low == pytest.approx(byar(observed, 1.0).low / 2)


def test_of_nothing_observed_the_interval_begins_at_nothing() -> None:
    low, high = byar(0, 4.0)
    assert low == 0
    assert math.isclose(high, 3.689 / 4, rel_tol=0.02)
    for wrong in ((-1, 5.0), (3, 0.0)):
        with pytest.raises(ValueError, match="byar: expected"):
            byar(*wrong)
