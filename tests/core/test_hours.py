"""When a shop is open, in its own zone."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from edge.core.hours import OpeningHours

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = time(10), time(22)


def local(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-11-21T09:59:59", False),
        ("2026-11-21T10:00:00", True),
        ("2026-11-21T21:59:59", True),
        ("2026-11-21T22:00:00", False),
        ("2026-11-22T12:00:00", False),
    ],
)
def test_the_shop_is_open_from_opening_until_just_before_closing(at: str, is_open: bool) -> None:
    saturday_only = OpeningHours(zone=SHANGHAI, by_weekday={5: DAY})
    assert saturday_only.is_open(local(at)) is is_open


def test_a_night_belongs_to_the_day_on_which_it_began() -> None:
    bar = OpeningHours(zone=SHANGHAI, by_weekday={5: (time(18), time(2))})
    opening = bar.opening_at(local("2026-11-22T01:30"))
    assert opening == bar.opening_on(date(2026, 11, 21))
    assert not bar.is_open(local("2026-11-22T02:00"))
    assert not bar.is_open(local("2026-11-21T01:30"))


def test_a_shop_without_hours_never_closes_and_ends_its_day_at_midnight() -> None:
    always = OpeningHours(zone=SHANGHAI, by_weekday=None)
    assert always.is_open(local("2026-11-21T03:00"))
    assert always.last_closing(local("2026-11-21T03:00")) == local("2026-11-21T00:00")


def test_the_last_closing_is_found_days_later() -> None:
    saturday_only = OpeningHours(zone=SHANGHAI, by_weekday={5: DAY})
    friday = local("2026-11-27T12:00")
    assert saturday_only.last_closing(friday) == local("2026-11-21T22:00")
    closing = local("2026-11-28T22:00")
    assert saturday_only.last_closing(closing) == closing
    assert saturday_only.last_closing(closing - timedelta(seconds=1)) == local("2026-11-21T22:00")


def test_a_day_has_its_true_length_when_the_clock_changes() -> None:
    berlin = OpeningHours(zone=ZoneInfo("Europe/Berlin"), by_weekday=None)
    lengths = {}
    for day in (date(2026, 3, 29), date(2026, 10, 25)):
        opening = berlin.opening_on(day)
        assert opening is not None
        lengths[day.month] = (opening.closes - opening.opens) / timedelta(hours=1)
    assert lengths == {3: 23, 10: 25}


@pytest.mark.parametrize(("hour", "within"), [(8, False), (9, True), (10, False), (20, False)])
def test_an_hour_in_which_the_shop_opens_is_told(hour: int, within: bool) -> None:
    shop = OpeningHours(zone=SHANGHAI, by_weekday={5: (time(9, 30), time(20, 30))})
    start = local(f"2026-11-21T{hour:02}:00")
    assert shop.opens_within(start, start + timedelta(hours=1)) is within
    assert shop.is_open(start) is (hour in (10, 20))


def test_a_shop_that_is_always_closed_has_no_closing() -> None:
    never = OpeningHours(zone=SHANGHAI, by_weekday={})
    assert never.last_closing(datetime(2026, 11, 21, tzinfo=UTC)) is None
    assert never.opening_on(date(2026, 11, 21)) is None
