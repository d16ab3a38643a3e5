"""Facts go when their time is over; what was counted of them stays, and nothing comes twice."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, inspect, select, text

from cloud import partitions, retention, tables
from cloud.db import reading, writing
from cloud.ingest import Ingest
from cloud.partitions import ulid_time
from cloud.rollup import rollup
from tests.hub.conftest import NOW, FakeBox, acks, on_postgresql, ulid

KEEP = timedelta(days=31)
LATER = NOW + timedelta(days=75)  # February: November and December are past keeping


def visit_id(at: datetime, number: int = 1) -> str:
    return ulid_time(at) + ulid(number)[10:]


def live(box: FakeBox, at: datetime, number: int = 1) -> None:
    """A member comes and goes."""
    opening = box.opened(at, visit=visit_id(at, number), who="member")
    box.closed(opening, at), box.alerted(opening, at), box.crossed(at.replace(second=0))
    box.member(ulid(7), "consent_given", at)
    box.sensed(at.replace(second=0)), box.compared(at.replace(second=0))


def counts(engine: Engine) -> dict[str, int]:
    with reading(engine) as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (
                *(tables.event, tables.visit, tables.crossing_minute, tables.alert),
                *(tables.member_change, tables.presence_minute, tables.presence_hour),
            )
        }


def rows(engine: Engine, table: Any) -> list[Any]:
    with reading(engine) as connection:
        return list(connection.execute(select(table)).all())


def retain(engine: Engine, now: datetime = LATER) -> retention.Cleared:
    return retention.retain(engine, KEEP, now, threading.Event())


@pytest.fixture
def old_and_new(engine: Engine, ingest: Ingest, box: FakeBox) -> FakeBox:
    """A box that told of a visit in November and one in January, rolled up."""
    live(box, NOW)
    live(box, LATER - timedelta(days=20), 2)
    ingest.take([box.hello((1, 14)), box.batch(*box.events)])
    rollup(engine)
    return box


def test_a_month_past_keeping_goes_whole_and_its_figures_stay(
    engine: Engine, old_and_new: FakeBox
) -> None:
    before = rows(engine, tables.hourly), rows(engine, tables.daily)
    assert set(counts(engine).values()) == {2, 14}
    retain(engine)
    assert counts(engine) == {
        **{"event": 7, "visit": 1, "crossing_minute": 1, "alert": 1, "member_change": 1},
        **{"presence_minute": 1, "presence_hour": 1},
    }
    assert min(row.at for row in rows(engine, tables.event)) >= LATER - timedelta(days=20)
    rollup(engine)
    assert (rows(engine, tables.hourly), rows(engine, tables.daily)) == before


def test_what_is_kept_long_enough_stays_to_the_last_day_of_its_month(
    engine: Engine, old_and_new: FakeBox
) -> None:
    last = datetime(2026, 12, 31, 23, tzinfo=UTC) + KEEP - timedelta(days=31)
    retain(engine, last)
    assert counts(engine)["event"] == 14
    retain(engine, last + timedelta(hours=1) + timedelta(days=1))
    assert counts(engine)["event"] == 7


def test_the_hub_does_not_ask_for_what_it_let_go_and_takes_no_second_copy(
    engine: Engine, ingest: Ingest, old_and_new: FakeBox
) -> None:
    retain(engine)
    kept, figures = counts(engine), rows(engine, tables.daily)
    replies = acks(ingest.take([old_and_new.hello((1, 14))]))
    assert [(one.through, one.missing) for one in replies[0].epochs] == [(14, ())]
    ingest.take([old_and_new.batch(*old_and_new.events)])
    rollup(engine)
    assert counts(engine) == kept
    assert rows(engine, tables.daily) == figures
    assert rows(engine, tables.set_aside) == []


def test_a_fact_that_comes_after_its_time_is_acknowledged_and_set_aside(
    engine: Engine, ingest: Ingest, old_and_new: FakeBox
) -> None:
    retain(engine)
    figures = rows(engine, tables.hourly)
    late = old_and_new.opened(NOW + timedelta(hours=1), who="member", subject=ulid(4711))
    for _ in range(2):
        (ack,) = acks(ingest.take([old_and_new.batch(late)]))
        assert ack.epochs[0].through == 15, "or the box would send it for ever"
    rollup(engine)
    assert rows(engine, tables.hourly) == figures
    (aside,) = rows(engine, tables.set_aside)
    assert "past keeping: expected a fact of 2027-01-01 or later, got 2026-11-21" in aside.reason
    assert (aside.seq, ulid(4711).encode() in aside.payload) == (15, False)


def test_a_revision_of_what_is_gone_changes_no_figure(
    engine: Engine, ingest: Ingest, old_and_new: FakeBox
) -> None:
    retain(engine)
    figures = rows(engine, tables.hourly), rows(engine, tables.daily)
    ingest.take([old_and_new.batch(old_and_new.revised(old_and_new.events[0], void=True))])
    rollup(engine)
    assert (rows(engine, tables.hourly), rows(engine, tables.daily)) == figures


def test_a_mark_of_an_hour_whose_facts_are_gone_is_dropped_uncounted(
    engine: Engine, old_and_new: FakeBox
) -> None:
    retain(engine)
    figures = rows(engine, tables.hourly)
    with writing(engine) as connection:
        hour = figures[0].hour
        connection.execute(tables.dirty.insert(), {"store": "nj-001", "hour": hour, "mark": 1})
    rollup(engine)
    assert rows(engine, tables.hourly) == figures
    assert rows(engine, tables.dirty) == []


def test_a_local_day_whose_first_hours_are_gone_is_final(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    """In Shanghai the year begins eight hours before it does in UTC."""
    new_year = datetime(2027, 1, 1, tzinfo=UTC)
    for hours in (-3, -2, 1):
        at = new_year + timedelta(hours=hours)
        box.opened(at, visit=visit_id(at))
    ingest.take([box.hello(), box.batch(*box.events)])
    rollup(engine)
    retain(engine)
    (day,) = rows(engine, tables.daily)
    assert day.visitors == 3
    at = new_year + timedelta(hours=2)
    ingest.take([box.batch(box.opened(at, visit=visit_id(at)))])
    rollup(engine)
    assert rows(engine, tables.daily) == [day]
    assert len(rows(engine, tables.hourly)) == 4, "the hour itself is whole, and counted"


def test_a_shop_that_moves_to_another_zone_keeps_the_figures_of_what_is_gone(
    engine: Engine, ingest: Ingest, old_and_new: FakeBox
) -> None:
    before = rows(engine, tables.hourly)
    retain(engine)
    old_and_new.timezone = "Asia/Kolkata"
    ingest.take([old_and_new.hello((1, 14))])
    rollup(engine)
    assert before[0] in rows(engine, tables.hourly)
    assert len(rows(engine, tables.hourly)) == 2


def test_letting_go_again_or_with_a_longer_time_brings_nothing_back_and_takes_nothing(
    engine: Engine, old_and_new: FakeBox
) -> None:
    retain(engine)
    kept = counts(engine)
    again = retention.retain(engine, 10 * KEEP, LATER, threading.Event())
    assert again.kept_from == datetime(2027, 1, 1, tzinfo=UTC)
    assert (again.dropped, again.deleted, counts(engine)) == ((), 0, kept)


def test_a_run_that_was_stopped_goes_on_the_next_time(engine: Engine, old_and_new: FakeBox) -> None:
    stopped = threading.Event()
    stopped.set()
    retention.retain(engine, KEEP, LATER, stopped)
    assert counts(engine)["alert"] == 2
    retain(engine)
    assert counts(engine)["alert"] == 1


def test_more_rows_than_a_step_takes_all_go(
    engine: Engine, ingest: Ingest, box: FakeBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_ROWS_AT_ONCE", 3)
    monkeypatch.setattr(retention, "_PAUSE_S", 0.0)
    for number in range(10):
        live(box, NOW + timedelta(minutes=number), number)
    ingest.take([box.hello(), box.batch(*box.events)])
    retain(engine)
    assert set(counts(engine).values()) == {0}


@on_postgresql
def test_months_are_made_ahead_and_a_fact_finds_its_own(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    made = retain(engine, NOW + timedelta(days=365)).made
    assert {"event_2027_11", "visit_2028_02", "crossing_minute_2028_02"} <= set(made)
    assert retain(engine, NOW + timedelta(days=365)).made == ()
    live(box, NOW + timedelta(days=360))
    ingest.take([box.hello(), box.batch(*box.events)])
    with reading(engine) as connection:
        for table in ("event", "visit", "crossing_minute"):
            found = connection.execute(
                text(f"SELECT DISTINCT tableoid::regclass::text FROM {table}")
            )
            assert found.scalars().all() == [f"{table}_2027_11"]


@on_postgresql
def test_a_fact_of_a_clock_that_is_years_off_is_kept_once_and_moves_when_its_month_is_made(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    live(box, datetime(2099, 5, 5, tzinfo=UTC))
    for _ in range(2):
        ingest.take([box.hello(), box.batch(*box.events)])
    assert counts(engine)["event"] == 7
    retain(engine, datetime(2099, 4, 30, tzinfo=UTC))
    with reading(engine) as connection:
        found = connection.execute(text("SELECT DISTINCT tableoid::regclass::text FROM event"))
        assert found.scalars().all() == ["event_2099_05"]
    assert counts(engine)["event"] == 7
    retain(engine, datetime(2100, 1, 1, tzinfo=UTC))
    assert counts(engine)["event"] == 0


@on_postgresql
def test_retention_waits_for_who_reads_and_gives_way(
    engine: Engine, old_and_new: FakeBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_LOCK_WAIT", "50ms")
    monkeypatch.setattr(retention, "_AGAIN_S", 0.05)
    with reading(engine) as connection:
        connection.execute(select(tables.event)).all()
        thread = threading.Thread(target=retain, args=(engine,))
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        assert counts(engine)["event"] == 14, "nobody who reads meanwhile waits behind it"
    thread.join(30)
    assert counts(engine)["event"] == 7


@on_postgresql
def test_several_that_make_the_months_at_once_make_each_once(engine: Engine) -> None:
    done: list[str] = []
    now = NOW + timedelta(days=600)

    def run() -> None:
        done.extend(retain(engine, now).made)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == len(set(done)) > 0
    with reading(engine) as connection:
        names = inspect(connection).get_table_names()
    assert set(done) <= set(names)


@pytest.mark.parametrize(
    ("moment", "after"),
    [
        (datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
    ],
)
def test_after_december_comes_january(moment: datetime, after: datetime) -> None:
    assert partitions.next_month(moment) == after


def test_an_erasure_is_never_too_old(engine: Engine, ingest: Ingest, box: FakeBox) -> None:
    retention.retain(engine, timedelta(days=31), NOW, threading.Event())
    box.opened(NOW - timedelta(days=1), who="member", subject=ulid(7))
    box.member(ulid(7), "erased", NOW - timedelta(days=80))
    ingest.take([box.hello((1, 2)), box.batch(*box.events)])
    with reading(engine) as connection:
        assert connection.execute(select(tables.visit.c.subject)).scalars().all() == [None]
        erased = select(func.count()).select_from(tables.erased_subject)
        assert connection.execute(erased).scalar_one() == 1


def test_a_visit_that_was_dated_anew_stays_as_long_as_it_counts(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    """Its id, by which PostgreSQL parts months, was made by the clock that was wrong."""
    long_ago = NOW - timedelta(days=500)
    opening = box.opened(long_ago, visit=ulid_of(long_ago))
    box.revised(opening, opened_at=NOW, reason="clock_fixed")
    ingest.take([box.hello((1, 2)), box.batch(*box.events)])
    rollup(engine)
    retention.retain(engine, timedelta(days=400), NOW, threading.Event())
    ingest.take([box.batch(box.crossed(NOW))])
    rollup(engine)
    with reading(engine) as connection:
        assert connection.execute(select(func.sum(tables.hourly.c.visitors))).scalar_one() == 1


def ulid_of(moment: datetime) -> str:
    """Return a ULID of a moment."""
    return ulid(int(moment.timestamp() * 1000) << 80)
