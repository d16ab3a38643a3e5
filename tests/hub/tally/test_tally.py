"""Days counted from the facts: what is known, what is final, what is counted anew and how often."""

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, Table, delete, insert, select

from cloud import retention
from cloud.db import reading, writing
from cloud.ingest import Ingest
from cloud.office.people import link
from cloud.rollup import rollup
from cloud.tables import presence_daily
from cloud.tally import recount as recount_module
from cloud.tally import tables as tallies
from cloud.tally.day import count_day
from cloud.tally.marks import mark_days, one_counts
from cloud.tally.recount import Counting, recount
from edge.wire.messages import DeskFact, Event
from edge.wire.topics import BoxAddress
from tests.hub.conftest import MINUTE, NOW, FakeBox, on_postgresql, on_sqlite, ulid
from tests.support import tallies as made

TODAY = date(2026, 11, 21)
DAY = timedelta(days=1)
LIN, ZHOU = ulid(901), ulid(902)


def said(box: FakeBox, what: str, about: datetime = NOW, **known: Any) -> Event:
    """Let a box tell a document."""
    first: dict[str, Any] = {"id": ulid(77), "rev": 1, "visit": None, "staff": None}
    return box.tell(DeskFact(**{**first, "what": what, "about": about, **known}), about)


def sold(box: FakeBox, about: datetime = NOW, **known: Any) -> Event:
    first: dict[str, Any] = {"state": "kept", "kind": "sale", "value": 9_900, "currency": "CNY"}
    first |= {"items": 1, "tied": "none", "buyer": "guest", "id": ulid(int(about.timestamp()))}
    return said(box, "receipt", about, **{**first, **known})


def take(engine: Engine, ingest: Ingest, box: FakeBox, *events: Event, now: datetime = NOW) -> None:
    """Take events in and count what they change."""
    ingest.take([box.hello(), box.batch(*events)])
    rollup(engine)
    recount(engine, now=now)


def rows(engine: Engine, table: Table) -> list[dict[str, Any]]:
    with reading(engine) as connection:
        return [dict(row) for row in connection.execute(select(table)).mappings()]


def counted(engine: Engine, day: date = TODAY, store: str = "nj-001") -> dict[str, Any]:
    (row,) = (
        row for row in rows(engine, tallies.day_tally) if (row["store"], row["day"]) == (store, day)
    )
    return row


def days(engine: Engine) -> list[date]:
    return sorted(row["day"] for row in rows(engine, tallies.day_tally))


# What a shop can know


def test_a_shop_without_a_till_has_no_sales_and_no_visitors_to_share_them(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    take(engine, ingest, box, box.opened())
    row = counted(engine)
    assert (row["visitors"], row["sales"], row["till_visitors"]) == (1, None, None)


def test_a_first_receipt_makes_the_28_days_after_it_known_also_those_counted_before(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    there = [box.opened(NOW + n * DAY) for n in (-1, 0, 28, 29)]
    take(engine, ingest, box, *there)
    take(engine, ingest, box, sold(box))
    known = {day: counted(engine, day)["sales"] for day in days(engine)}
    assert known == {TODAY - DAY: None, TODAY: 1, TODAY + 28 * DAY: 0, TODAY + 29 * DAY: None}
    with reading(engine) as connection:
        (sums,) = connection.execute(
            select(tallies.chain_tally.c.sales).where(tallies.chain_tally.c.day == TODAY + 28 * DAY)
        ).scalars()
    assert sums == 0, "the chain's sum follows"


def test_a_voided_receipt_was_told_all_the_same(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    take(engine, ingest, box, box.opened(), sold(box), sold(box, rev=2, state="voided"))
    assert (counted(engine)["sales"], counted(engine)["till_visitors"]) == (0, 1)


def test_a_receipt_that_turns_out_to_be_of_another_day_takes_back_what_it_made_known(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    number = ulid(5)
    take(engine, ingest, box, box.opened(NOW + 3 * DAY), sold(box, id=number))
    assert counted(engine, TODAY + 3 * DAY)["sales"] == 0
    take(engine, ingest, box, sold(box, NOW + 5 * DAY, id=number, rev=2))
    assert days(engine) == [TODAY + 3 * DAY, TODAY + 5 * DAY]
    assert counted(engine, TODAY + 3 * DAY)["sales"] is None


def test_a_day_that_is_booked_ahead_has_bookings_and_no_footfall(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    ahead = NOW + 9 * DAY
    take(engine, ingest, box, said(box, "appointment", ahead, state="expected", channel="app"))
    row = counted(engine, TODAY + 9 * DAY)
    assert (row["booked"], row["kept"], row["visitors"], row["basis"]) == (1, 0, None, None)


def test_an_appointment_that_moves_leaves_its_old_day(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    take(engine, ingest, box, said(box, "appointment", state="expected"))
    moved = said(box, "appointment", NOW + DAY, rev=2, state="expected")
    take(engine, ingest, box, moved)
    assert days(engine) == [TODAY + DAY]
    assert [row["day"] for row in rows(engine, tallies.booking_tally)] == [TODAY + DAY]


@on_sqlite
@pytest.mark.parametrize("lacking", ["passers", "captured"])
def test_passers_by_and_visitors_among_them_are_known_together_or_not(
    engine: Engine, ingest: Ingest, box: FakeBox, lacking: str
) -> None:
    take(engine, ingest, box, box.opened())
    sensed: dict[str, Any] = {one.name: 0 for one in presence_daily.c if not one.nullable}
    sensed |= {"store": "nj-001", "day": TODAY, "basis": "crossings", "passers": 50, "captured": 5}
    for known, expected in ((sensed, (50, 5)), ({**sensed, lacking: None}, (None, None))):
        with writing(engine) as connection:
            connection.execute(delete(presence_daily))
            connection.execute(insert(presence_daily), [known])
            mark_days(connection, [("nj-001", TODAY)])
        recount(engine, now=NOW)
        row = counted(engine)
        assert (row["passers"], row["captured"]) == expected


# Visits and what is said of them


def test_a_claim_counts_on_the_day_on_which_its_visit_began(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    before_midnight = datetime(2026, 11, 21, 15, 59, 50, tzinfo=UTC)
    opening = box.opened(before_midnight)
    known = {"id": opening.body.visit, "visit": opening.body.visit, "staff": LIN}  # type: ignore[union-attr]
    claim = said(box, "claim", before_midnight + timedelta(seconds=25), state="taken", **known)
    take(engine, ingest, box, claim)
    take(engine, ingest, box, opening)
    row = counted(engine)
    assert (row["served"], row["greeted_30s"], row["desk_visitors"]) == (1, 1, 1)
    (bin_row,) = rows(engine, tallies.bin_tally)
    assert (bin_row["day"], bin_row["measure"], bin_row["bin"]) == (TODAY, "wait", 2)


def test_an_end_that_comes_alone_is_counted_on_the_day_of_its_visit(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    opening = box.opened(NOW - DAY)
    take(engine, ingest, box, opening)
    assert rows(engine, tallies.bin_tally) == []
    take(engine, ingest, box, box.closed(opening, NOW - DAY + 7 * MINUTE))
    (row,) = rows(engine, tallies.bin_tally)
    assert (row["day"], row["measure"], row["bin"], row["count"]) == (TODAY - DAY, "dwell", 5, 1)


def test_a_receipt_of_the_next_day_makes_who_asked_a_buyer_of_the_day_of_the_visit(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    opening = box.opened(NOW)
    visit = opening.body.visit  # type: ignore[union-attr]
    source = said(box, "source", id=visit, visit=visit, channel="note", advert="n-1")
    claim = said(box, "claim", id=visit, visit=visit, staff=LIN, state="taken")
    take(engine, ingest, box, opening, source, claim)
    take(engine, ingest, box, sold(box, NOW + DAY, visit=visit))
    (channel,) = rows(engine, tallies.channel_tally)
    assert (channel["day"], channel["asked"], channel["sales"]) == (TODAY, 1, 1)
    (money,) = rows(engine, tallies.channel_money)
    assert (money["day"], money["value"]) == (TODAY, 9_900)
    (staff,) = rows(engine, tallies.staff_tally)
    assert (staff["staff"], staff["greeted"], staff["sales"]) == (LIN, 1, 1)
    assert counted(engine, TODAY + DAY)["sales"] == 1


@on_sqlite
def test_who_was_asked_twice_bought_once(engine: Engine, ingest: Ingest, box: FakeBox) -> None:
    opening = box.opened(NOW)
    visit = opening.body.visit  # type: ignore[union-attr]
    asked = [
        said(box, "source", id=ulid(n), visit=visit, channel=channel, advert="n-1")
        for n, channel in ((1, "note"), (2, "friend"))
    ]
    take(engine, ingest, box, opening, *asked, sold(box, visit=visit))
    found = {row["channel"]: row["sales"] for row in rows(engine, tallies.channel_tally)}
    assert found == {"note": 1, "friend": 1}
    assert {row["value"] for row in rows(engine, tallies.channel_money)} == {9_900}


@on_sqlite
def test_a_receipt_changes_the_day_of_who_was_asked_though_the_visit_is_not_known(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    visit = ulid(55)
    source = said(box, "source", id=visit, visit=visit, channel="note", advert="n-1")
    take(engine, ingest, box, source)
    take(engine, ingest, box, sold(box, NOW + DAY, visit=visit))
    (channel,) = rows(engine, tallies.channel_tally)
    assert (channel["day"], channel["sales"]) == (TODAY, 1)


@on_sqlite
def test_an_appointment_that_was_cancelled_is_none_of_who_asked(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    opening = box.opened(NOW)
    visit = opening.body.visit  # type: ignore[union-attr]
    source = said(box, "source", id=visit, visit=visit, channel="note", advert="n-1")
    cancelled = said(box, "appointment", NOW, id=ulid(3), visit=visit, state="cancelled")
    take(engine, ingest, box, opening, source, cancelled)
    assert [row["booked"] for row in rows(engine, tallies.channel_tally)] == [0]
    take(engine, ingest, box, said(box, "appointment", NOW, id=ulid(4), visit=visit, state="kept"))
    assert [row["booked"] for row in rows(engine, tallies.channel_tally)] == [1]
    assert (counted(engine)["booked"], counted(engine)["cancelled"]) == (1, 1)


@on_sqlite
def test_a_visit_that_never_was_makes_nobody_a_member_at_the_till(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    opening = box.opened(NOW, who="member", subject=ulid(9))
    visit = opening.body.visit  # type: ignore[union-attr]
    take(engine, ingest, box, came(box, -1, ulid(8)), opening, sold(box, visit=visit))
    assert (counted(engine)["sales"], counted(engine)["sales_members"]) == (1, 1)
    take(engine, ingest, box, box.revised(opening, void=True))
    assert (counted(engine)["sales"], counted(engine)["sales_members"]) == (1, 0)


@on_sqlite
def test_a_wrong_person_is_one_of_who_turned_out_to_be_of_the_staff_too(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    opening = box.opened(NOW, who="member", subject=ulid(9))
    revised = box.revised(opening, who="staff", subject=None, reason="wrong_person")
    take(engine, ingest, box, came(box, -1, ulid(8)), box.opened(NOW), opening, revised)
    row = counted(engine)
    assert (row["visitors"], row["members"], row["wrong_person"]) == (1, 0, 1)


@on_sqlite
def test_who_was_called_waited_and_who_left_the_queue_did_not(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    told = [
        said(box, "queue", id=ulid(n), state=state, waited_s=waited)
        for n, (state, waited) in enumerate(
            (("waiting", None), ("back", 70), ("served", 80), ("gone", 90), ("served", None))
        )
    ]
    take(engine, ingest, box, box.opened(), *told)
    row = counted(engine)
    assert (row["queued"], row["queue_back"], row["queue_gone"]) == (5, 3, 1)
    (waits,) = rows(engine, tallies.bin_tally)
    assert (waits["measure"], waits["bin"], waits["count"]) == ("queue", 1, 2)


def test_what_a_visit_turns_out_to_be_changes_the_day_of_a_receipt(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    opening = box.opened(NOW)
    visit = opening.body.visit  # type: ignore[union-attr]
    take(engine, ingest, box, came(box, -1, ulid(8)), opening, sold(box, NOW + DAY, visit=visit))
    assert counted(engine, TODAY + DAY)["sales_members"] == 0
    take(engine, ingest, box, box.revised(opening, who="member", subject=ulid(9)))
    assert counted(engine, TODAY + DAY)["sales_members"] == 1


def test_money_that_is_paid_back_is_positive_whatever_the_tills_sign(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    back = [
        sold(box, NOW + n * MINUTE, kind="return", value=value)
        for n, value in enumerate((-500, 700))
    ]
    take(engine, ingest, box, sold(box, NOW + 9 * MINUTE), *back)
    (row,) = rows(engine, tallies.money_tally)
    assert (row["sales"], row["value"], row["back"]) == (1, 9_900, 1_200)


# Who came back


def came(box: FakeBox, day: int, subject: str) -> Event:
    return box.opened(NOW + day * DAY, who="member", subject=subject)


def returns(engine: Engine, day: int, store: str = "nj-001") -> tuple[int, ...]:
    row = counted(engine, TODAY + day * DAY, store)
    names = ("members_new", "members_back", "members_due", "members_returned")
    return tuple(row[name] for name in names)


def test_who_comes_again_within_90_days_is_back_and_makes_the_first_visit_one_with_a_return(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    later = NOW + 300 * DAY
    take(engine, ingest, box, *(came(box, day, ulid(9)) for day in (0, 90)), now=later)
    take(engine, ingest, box, *(came(box, day, ulid(8)) for day in (1, 92)), now=later)
    assert returns(engine, 0) == (1, 0, 1, 1)
    assert returns(engine, 90) == (0, 1, 1, 0)
    assert returns(engine, 1) == (1, 0, 1, 0)
    assert returns(engine, 92) == (1, 0, 1, 0)


def test_a_visit_falls_due_once_its_90_days_are_over_without_any_new_fact(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    take(engine, ingest, box, came(box, 0, ulid(9)), now=NOW + 90 * DAY)
    assert returns(engine, 0) == (1, 0, 0, 0)
    assert recount(engine, now=NOW + 90 * DAY) == 0
    assert recount(engine, now=NOW + 91 * DAY) > 0
    assert returns(engine, 0) == (1, 0, 1, 0)


@on_sqlite
def test_a_clock_that_was_ahead_leaves_no_visit_due_too_early_or_never(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    take(engine, ingest, box, came(box, 0, ulid(9)), now=NOW)
    recount(engine, now=NOW + 4_000 * DAY)
    assert returns(engine, 0) == (1, 0, 1, 0)
    recount(engine, now=NOW + DAY)
    assert returns(engine, 0) == (1, 0, 0, 0)
    recount(engine, now=NOW + 91 * DAY)
    assert returns(engine, 0) == (1, 0, 1, 0)


def test_a_member_whom_two_shops_know_is_one_person_once_that_is_known(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    other = FakeBox(store="sh-001", box="sh-001-a")
    take(engine, ingest, box, came(box, 0, ulid(9)))
    take(engine, ingest, other, came(other, 5, ulid(10)))
    assert returns(engine, 5, "sh-001") == (1, 0, 0, 0)
    with writing(engine) as connection:
        link(connection, box.address, ulid(9), ulid(50))
        link(connection, other.address, ulid(10), ulid(50))
    recount(engine, now=NOW)
    assert returns(engine, 5, "sh-001") == (0, 1, 0, 0)


def test_one_shops_word_on_who_a_member_is_counts_nothing_anew(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    take(engine, ingest, box, came(box, 0, ulid(9)))
    with writing(engine) as connection:
        link(connection, BoxAddress(store="x", box="x"), ulid(9), ulid(50))
    assert rows(engine, tallies.dirty_day) == []


def test_an_erased_member_leaves_the_days_at_once_and_the_visits_stay(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    take(engine, ingest, box, came(box, 0, ulid(9)), came(box, 3, ulid(9)))
    ingest.take([box.batch(box.member(ulid(9), "erased"))])
    assert rows(engine, tallies.subject_day) == [], "before anything is counted"
    recount(engine, now=NOW)
    assert (counted(engine)["members"], returns(engine, 0)) == (1, (0, 0, 0, 0))
    assert returns(engine, 3) == (0, 0, 0, 0)


# Kept, final, counted again


def test_a_day_whose_facts_are_gone_stays_as_it_was_counted(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    opening = box.opened(NOW - 100 * DAY)
    take(engine, ingest, box, opening, sold(box, NOW - 100 * DAY))
    before = counted(engine, TODAY - 100 * DAY)
    retention.retain(engine, timedelta(days=31), NOW, threading.Event())
    with writing(engine) as connection:
        mark_days(connection, [("nj-001", TODAY - 100 * DAY)])
    recount(engine, now=NOW)
    assert counted(engine, TODAY - 100 * DAY) == before
    assert rows(engine, tallies.dirty_day) == []


def test_of_a_day_whose_facts_went_before_it_was_counted_footfall_is_kept(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    """As after the migration: years of `daily` are there."""
    ingest.take([box.hello(), box.batch(box.opened(NOW - 100 * DAY), sold(box, NOW - 100 * DAY))])
    rollup(engine)
    retention.retain(engine, timedelta(days=31), NOW, threading.Event())
    recount(engine, now=NOW)
    row = counted(engine, TODAY - 100 * DAY)
    assert (row["visitors"], row["basis"], row["sales"]) == (1, "crossings", None)


def test_who_came_when_is_kept_for_92_days_longer_than_the_facts_and_no_more(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    take(engine, ingest, box, *(came(box, -day, ulid(9)) for day in (60, 140, 180)))
    revised = box.revised(came(box, -60, ulid(9)), reason="wrong_person")
    take(engine, ingest, box, revised)
    retention.retain(engine, timedelta(days=31), NOW, threading.Event())
    held = sorted(row["day"] for row in rows(engine, tallies.subject_day))
    assert held == [TODAY - 140 * DAY, TODAY - 60 * DAY]
    assert rows(engine, tallies.correction) == []


def test_a_new_time_zone_leaves_nothing_of_the_old_days(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    late = datetime(2026, 11, 21, 17, tzinfo=UTC)  # the 22nd in Shanghai, the 21st in Berlin
    take(engine, ingest, box, box.opened(late, who="member"), sold(box, late))
    assert days(engine) == [TODAY + DAY]
    box.timezone = "Europe/Berlin"
    ingest.take([box.hello()])
    rollup(engine)
    recount(engine, now=NOW)
    assert days(engine) == [TODAY]
    for table in (*tallies.OF_DAYS, tallies.subject_day, tallies.told_day, tallies.chain_tally):
        assert {row["day"] for row in rows(engine, table)} <= {TODAY}, table.name
    assert (counted(engine)["sales"], counted(engine)["members"]) == (1, 1)


def test_counting_again_changes_nothing(engine: Engine, ingest: Ingest, box: FakeBox) -> None:
    take(engine, ingest, box, came(box, 0, ulid(9)), sold(box))
    once = [rows(engine, table) for table in (*tallies.OF_DAYS, tallies.chain_tally)]
    assert recount(engine, now=NOW) == 0
    with writing(engine) as connection:
        mark_days(connection, [("nj-001", TODAY)])
    assert recount(engine, now=NOW) == 2, "the shop's day and the chain's"
    assert [rows(engine, table) for table in (*tallies.OF_DAYS, tallies.chain_tally)] == once


def test_a_count_that_is_killed_is_done_again(
    engine: Engine, ingest: Ingest, box: FakeBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest.take([box.hello(), box.batch(box.opened(), sold(box))])
    rollup(engine)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(recount_module, "count_up", die)  # after everything is written
        with pytest.raises(KeyboardInterrupt):
            recount(engine, now=NOW)
    assert rows(engine, tallies.day_tally) == []
    recount(engine, now=NOW)
    assert counted(engine)["sales"] == 1


def test_a_mark_set_while_the_day_is_counted_stays(
    engine: Engine, ingest: Ingest, box: FakeBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a server whose writers run side by side: the count misses what comes meanwhile."""
    ingest.take([box.hello(), box.batch(box.opened())])
    rollup(engine)
    seen: list[date] = []

    def count_and_mark(connection: Any, day: Any, today: date) -> Any:
        seen.append(day.day)
        if len(seen) == 1:
            mark_days(connection, [(day.store, day.day)])
        return count_day(connection, day, today)

    monkeypatch.setattr(recount_module, "count_day", count_and_mark)
    recount(engine, now=NOW)
    assert seen == [TODAY, TODAY], "counted, marked meanwhile, counted again"
    assert rows(engine, tallies.dirty_day) == []


def test_facts_that_arrive_while_several_count_are_all_counted(
    engine: Engine, ingest: Ingest
) -> None:
    done = threading.Event()
    faults: list[BaseException] = []

    def count() -> None:
        try:
            while not done.is_set():
                rollup(engine)
                recount(engine, now=NOW)
        except BaseException as exc:  # noqa: BLE001 - handed to the test
            faults.append(exc)

    counters = [threading.Thread(target=count) for _ in range(2)]
    for counter in counters:
        counter.start()
    boxes = [FakeBox(store=f"s{n}") for n in range(3)]
    for box in boxes:
        ingest.take([box.hello()])
    for n in range(30):
        at = NOW + n * MINUTE
        ingest.take([box.batch(came(box, n % 3, ulid(9)), sold(box, at)) for box in boxes])
    done.set()
    for counter in counters:
        counter.join()
    rollup(engine)
    recount(engine, now=NOW)
    assert faults == []
    for box in boxes:
        assert counted(engine, store=box.store)["sales"] == 30
        assert returns(engine, 0, box.store)[:2] == (10, 0)
        assert returns(engine, 2, box.store)[:2] == (0, 10)


# How often


@on_sqlite
def test_a_day_that_was_counted_rests_and_a_new_one_does_not(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    clock = [1_000.0]
    counting = Counting(engine, clock=lambda: clock[0])

    def told(event: Event) -> int:
        ingest.take([box.hello(), box.batch(event)])
        rollup(engine)
        return counting.run(lambda: None, NOW)

    assert told(box.opened()) == 2
    assert told(box.opened()) == 0, "counted a moment ago"
    assert told(box.opened(NOW - DAY)) == 2
    clock[0] += 5
    assert counting.run(lambda: None, NOW) == 2
    assert counted(engine)["visitors"] == 2


@on_sqlite
def test_the_more_days_are_counted_the_longer_they_rest(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    clock = [1_000.0]
    counting = Counting(engine, clock=lambda: clock[0])
    ingest.take([box.hello(), box.batch(*(box.opened(NOW - n * DAY) for n in range(40)))])
    rollup(engine)
    assert counting.run(lambda: None, NOW) == 80
    ingest.take([box.batch(box.opened())])
    rollup(engine)
    for later, expected in ((11, 0), (2, 2)):  # 80 of 0.15 s each: 12 s
        clock[0] += later
        assert counting.run(lambda: None, NOW) == expected


@on_sqlite
def test_a_long_count_lets_the_live_board_go_first_every_half_second(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    ticks = iter(n / 10 for n in range(10_000))
    counting = Counting(engine, clock=lambda: next(ticks))
    ingest.take([box.hello(), box.batch(*(box.opened(NOW - n * DAY) for n in range(12)))])
    rollup(engine)
    runs, early = 0, False
    while counting.run(lambda: None, NOW):
        runs += 1
        waiting = rows(engine, tallies.dirty_day)
        early = early or bool(waiting and rows(engine, tallies.chain_tally))
    assert runs > 3
    assert early, "the chain's sums do not wait for the last day of the last shop"
    assert len(days(engine)) == len(rows(engine, tallies.chain_tally)) == 12


@on_postgresql
def test_while_another_process_counts_nobody_asks_for_each_shop(engine: Engine) -> None:
    with writing(engine) as connection:
        for number in range(6):
            made.shop(connection, f"s-{number}")
        mark_days(connection, {(f"s-{number}", NOW.date()) for number in range(6)})
    asked: list[int] = []
    with writing(engine) as other:
        assert one_counts(other)
        assert Counting(engine).run(lambda: asked.append(1), NOW) == 0
    assert len(asked) == 1
    # Six days of shops, and the one of the chain; at a clock that stands its turn has no end.
    assert Counting(engine, lambda: 0.0).run(lambda: None, NOW) == 7, "nothing is lost by it"


@on_sqlite
def test_all_days_of_a_shop_are_placed_before_one_is_counted(
    engine: Engine, ingest: Ingest, box: FakeBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or each would be counted again for every later day on which one of its members came."""
    seen: list[date] = []

    def note(connection: Any, day: Any, today: date) -> Any:
        seen.append(day.day)
        return count_day(connection, day, today)

    monkeypatch.setattr(recount_module, "count_day", note)
    ingest.take([box.hello(), box.batch(*(came(box, -n, ulid(9)) for n in range(60)))])
    rollup(engine)
    recount(engine, now=NOW + 200 * DAY)
    assert len(seen) == len(set(seen)) == 60
    assert returns(engine, -30) == (0, 1, 1, 1)
