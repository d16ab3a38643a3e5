"""Which local hour holds a moment, where clocks change and where they stand at half hours."""

from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from cloud.hours import day_bounds, hour_end, hour_start, hours_of_day, local_day, zone_named


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "at", "start"),
    [
        pytest.param("Asia/Shanghai", "2026-11-21T04:59:59.9", "2026-11-21T04:00", id="whole"),
        pytest.param("Asia/Kolkata", "2026-11-21T04:29:59", "2026-11-21T03:30", id="half before"),
        pytest.param("Asia/Kolkata", "2026-11-21T04:30:00", "2026-11-21T04:30", id="half"),
        pytest.param("Asia/Kathmandu", "2026-11-21T04:20", "2026-11-21T04:15", id="quarter"),
        pytest.param("America/New_York", "2026-11-01T05:30", "2026-11-01T05:00", id="first 1 am"),
        pytest.param("America/New_York", "2026-11-01T06:30", "2026-11-01T06:00", id="second 1 am"),
        pytest.param("Australia/Lord_Howe", "2026-04-04T15:10", "2026-04-04T15:00", id="30 min"),
    ],
)
def test_an_hour_is_named_by_the_instant_at_which_it_begins(zone: str, at: str, start: str) -> None:
    assert hour_start(utc(at), ZoneInfo(zone)) == utc(start).timestamp()


@pytest.mark.parametrize(
    ("zone", "day", "count"),
    [
        ("Asia/Shanghai", date(2026, 11, 21), 24),
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("America/Santiago", date(2026, 9, 6), 23),  # midnight itself does not exist
        ("America/Sao_Paulo", date(2018, 11, 4), 23),
        ("Asia/Beirut", date(2022, 3, 27), 23),
        ("Asia/Shanghai", date(2028, 2, 29), 24),
    ],
)
def test_a_day_has_as_many_hours_as_its_clocks_strike(zone: str, day: date, count: int) -> None:
    assert len(list(hours_of_day(day, ZoneInfo(zone)))) == count


@pytest.mark.parametrize(
    "zone", ["America/Santiago", "Australia/Lord_Howe", "Europe/Berlin", "Asia/Kathmandu"]
)
def test_the_hours_of_all_days_part_time_without_gap_or_overlap(zone: str, random: Random) -> None:
    where = ZoneInfo(zone)
    day, last = date(2026, 1, 1), 0
    while day.year == 2026:
        begin, end = day_bounds(day, where)
        hours = list(hours_of_day(day, where))
        assert hours[0] == begin
        assert begin == (last or begin)
        assert [hour_end(hour, where) for hour in hours] == [*hours[1:], end]
        assert {local_day(hour, where) for hour in hours} == {day}
        second = random.randrange(begin, end)
        found = hour_start(datetime.fromtimestamp(second, UTC), where)
        assert found in hours
        assert found <= second < hour_end(found, where)
        day, last = day + timedelta(days=1), end


@pytest.mark.parametrize("name", ["Mars/Olympus", "Asia", "posixrules/../x", "", "tzdata.zi"])
def test_a_zone_that_does_not_exist_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match="expected an IANA time zone"):
        zone_named(name)
