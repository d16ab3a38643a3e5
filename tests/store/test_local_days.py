"""The shop's day and its hours where clocks change, days are longer, and midnight is missing."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from sqlite_utils import Database
from ulid import ULID

from edge.core.hours import OpeningHours
from edge.core.visit import Change, Crossed, Opened, Visit
from edge.ports import Fact
from edge.store.figures import day_count, local_hours
from edge.store.ledger import SqliteVisitLog
from edge.store.outbox import Outbox

HALF_HOUR = timedelta(minutes=30)
DAYS = [
    pytest.param("Europe/Berlin", date(2026, 3, 29), 23, id="Berlin, spring"),
    pytest.param("Europe/Berlin", date(2026, 10, 25), 25, id="Berlin, autumn"),
    pytest.param("America/New_York", date(2026, 3, 8), 23, id="New York, spring"),
    pytest.param("America/New_York", date(2026, 11, 1), 25, id="New York, autumn"),
    pytest.param("America/Sao_Paulo", date(2018, 11, 4), 23, id="no midnight"),
    pytest.param("America/Sao_Paulo", date(2018, 2, 17), 25, id="23:00 twice"),
    pytest.param("Asia/Beirut", date(2022, 3, 27), 23, id="no midnight, Beirut"),
    pytest.param("America/Havana", date(2026, 11, 1), 25, id="midnight twice"),
    pytest.param("Australia/Lord_Howe", date(2026, 4, 5), 25, id="half an hour twice"),
    pytest.param("Asia/Shanghai", date(2028, 2, 29), 24, id="leap day"),
    pytest.param("Asia/Shanghai", date(2026, 12, 31), 24, id="the last of the year"),
]


def shop(zone: str) -> OpeningHours:
    return OpeningHours(zone=ZoneInfo(zone), by_weekday=None)


def somebody_every_half_hour(db: Database, begin: datetime, end: datetime) -> int:
    log = SqliteVisitLog(db, Outbox(db).begin_epoch(begin, "run"), "run")
    facts: list[Change] = []
    at = begin
    while at < end:
        crossed = Crossed(
            at=at,
            camera="door",
            direction="in",
            track=1,
            staff=False,
            turned_back=False,
            hours_open=True,
        )
        visit = Visit(
            id=str(ULID.from_datetime(at)), rev=0, opened_at=at, camera="door", who="visitor"
        )
        facts += [crossed, Opened(visit=visit)]
        at += HALF_HOUR
    log.commit([Fact(change=one, mono=1.0, clock="ok") for one in facts])
    return len(facts) // 2


@pytest.mark.parametrize(("zone", "day", "hours"), DAYS)
def test_the_hours_of_a_day_part_it_without_gap_or_overlap(
    zone: str, day: date, hours: int
) -> None:
    spans = local_hours(day, shop(zone))
    assert len(spans) == hours
    assert all(end == after for (_, end), (after, _) in pairwise(spans))
    before, after = (local_hours(day + timedelta(days=n), shop(zone)) for n in (-1, 1))
    assert (before[-1][1], after[0][0]) == (spans[0][0], spans[-1][1])
    assert {start.astimezone(ZoneInfo(zone)).date() for start, _ in spans} == {day}


@pytest.mark.parametrize(("zone", "day", "hours"), DAYS)
def test_everybody_is_counted_on_the_day_and_in_the_hour_of_the_shops_clock(
    db: Database, zone: str, day: date, hours: int
) -> None:
    spans = local_hours(day, shop(zone))
    begin, end = spans[0][0], spans[-1][1]
    somebody_every_half_hour(db, begin - timedelta(hours=3), end + timedelta(hours=3))
    length = (end - begin) / HALF_HOUR
    count = day_count(db, shop(zone), begin + timedelta(hours=12))
    assert (count.visitors, count.entered) == (length, length)
    assert sum(row.visitors for row in count.hours) == length
    assert [row.visitors for row in count.hours] == [(b - a) / HALF_HOUR for a, b in spans]


def test_an_hour_that_is_repeated_in_autumn_is_two_rows(db: Database) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    twice = datetime(2026, 10, 25, 0, tzinfo=UTC)  # 2:00 in summer time, and again an hour later
    somebody_every_half_hour(db, twice, twice + timedelta(hours=1))
    count = day_count(db, shop("Europe/Berlin"), twice)
    rows = [(r.start.astimezone(berlin).hour, r.visitors) for r in count.hours]
    assert rows[2:4] == [(2, 2), (2, 0)]


@pytest.mark.parametrize(("zone", "day", "hours"), DAYS)
def test_a_shop_without_hours_closes_once_a_day_whatever_the_calendar(
    zone: str, day: date, hours: int
) -> None:
    always = shop(zone)
    at = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    for n in range(-36 * 6, 36 * 6):
        moment = at + timedelta(minutes=10 * n)
        midnight = local_hours(moment.astimezone(ZoneInfo(zone)).date(), always)[0][0]
        assert always.last_closing(moment) == midnight
        assert always.is_open(moment)
