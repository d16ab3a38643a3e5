"""Which days today is compared with, and what they say."""

from datetime import date, timedelta
from typing import Any

from edge.core.weekday import (
    DAYS_MOST,
    Day,
    Passed,
    conversion,
    earlier,
    usual,
    why_not,
)

TODAY = date(2026, 11, 21)
NOON = 12 * 60


def day(weeks: int, count: int = 10, **more: Any) -> Day:
    """A day so many weeks ago, on which somebody came every six minutes from eleven on."""
    told: dict[str, Any] = {
        "visitors": tuple(11 * 60 + 6 * n for n in range(count)),
        "members": (),
        "passed": (),
        "watched": 1.0,
        "alike": True,
    }
    return Day(day=TODAY - timedelta(weeks=weeks), **{**told, **more})


def test_only_the_same_weekday_of_the_last_eight_weeks_is_looked_at() -> None:
    days = earlier(TODAY)
    assert len(days) == 8
    assert {one.weekday() for one in days} == {TODAY.weekday()}
    assert days[0] == TODAY - timedelta(days=7)


def test_the_newest_four_fit_days_are_compared_with() -> None:
    told = usual([day(week) for week in range(1, 9)], NOON)
    assert told.days == tuple(TODAY - timedelta(weeks=week) for week in range(1, DAYS_MOST + 1))
    assert told.left_out == ()


def test_days_that_were_closed_unwatched_or_counted_otherwise_are_left_out_and_named() -> None:
    days = [
        day(1, watched=None),
        day(2, watched=0.94),
        day(3, alike=False),
        day(4, watched=0.951),
    ]
    told = usual(days, NOON)
    assert [one.why for one in told.left_out] == ["closed", "unwatched", "basis"]
    assert told.days == (days[3].day,)
    assert [why_not(one) for one in days] == ["closed", "unwatched", "basis", None]


def test_the_band_is_from_the_least_to_the_most_up_to_the_same_time_of_day() -> None:
    told = usual([day(1, 4), day(2, 10), day(3, 16)], NOON)
    assert told.visitors
    # At noon the visitor of 12:00 has come, later ones have not.
    assert (told.visitors.low, told.visitors.mean, told.visitors.high) == (4, 25 / 3, 11)
    assert told.visitors.says(3) == "below"
    assert told.visitors.says(11) == "within"
    assert told.visitors.says(12) == "above"
    assert (told.hours[11].low, told.hours[11].high) == (4, 10)
    assert (told.hours[12].low, told.hours[12].high) == (0, 6)


def test_without_a_fit_day_nothing_is_usual() -> None:
    told = usual([day(1, watched=0.5)], NOON)
    assert (told.days, told.visitors, told.hours) == ((), None, ())


def test_people_in_the_shop_are_those_whom_the_doors_counted_by_then() -> None:
    passed = (
        Passed(minute=600, entered=5, left=0),
        Passed(minute=660, entered=0, left=2),
        Passed(minute=720, entered=0, left=9),
        Passed(minute=780, entered=1, left=0),
    )
    one = day(1, passed=passed)
    assert [one.people_at(minute) for minute in (599, 600, 660, 720, 780)] == [0, 5, 3, 0, 1]


def test_conversion_is_receipts_of_visitors_and_unknown_without_a_till() -> None:
    assert conversion(day(1), NOON) is None
    assert conversion(day(1, 0, receipts=(700,)), NOON) is None
    with_till = day(1, receipts=(11 * 60 + 30, 12 * 60, 13 * 60))
    assert conversion(with_till, NOON) == 100 * 2 / 10
    told = usual([with_till, day(2)], NOON)
    assert told.conversion
    assert told.conversion.mean == 20
