"""What the hub does with what boxes send: once only, acknowledged after it is written."""

import itertools
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import DBAPIError

from cloud import tables
from cloud.aside import meters
from cloud.db import reading, writing
from cloud.ingest import Ingest
from cloud.rollup import rollup
from edge.wire.checks import INTEGER_MAX
from edge.wire.codec import encode
from edge.wire.messages import Ack, EpochAck, EpochSpan, Event, Hello, VisitOpened
from tests.hub.conftest import MINUTE, NOW, FakeBox, acks, ulid


def rows(engine: Engine, table: Any) -> list[Any]:
    with reading(engine) as connection:
        return list(connection.execute(select(table)).all())


def seqs(engine: Engine) -> list[int]:
    with reading(engine) as connection:
        statement = select(tables.event.c.seq).order_by(tables.event.c.seq)
        return list(connection.execute(statement).scalars())


def epoch_ack(through: int, *missing: tuple[int, int], epoch: str = "e" * 32) -> EpochAck:
    return EpochAck(epoch=epoch, through=through, missing=missing)


def test_a_batch_is_kept_and_acknowledged(engine: Engine, ingest: Ingest, box: FakeBox) -> None:
    replies = ingest.take([box.batch(box.opened(), box.crossed())])
    assert [topic for topic, _ in replies] == ["menkou/v1/nj-001/nj-001-a/ack"]
    assert acks(replies) == [Ack(hello=None, epochs=(epoch_ack(2),))]
    assert [(row.seq, row.kind, row.at) for row in rows(engine, tables.event)] == [
        (1, "visit_opened", NOW),
        (2, "crossing_minute", NOW),
    ]


def test_a_plain_acknowledgement_is_written_as_the_codec_writes_it(
    ingest: Ingest, box: FakeBox
) -> None:
    ((_, payload),) = ingest.take([box.batch(box.opened(), box.crossed())])
    assert payload == encode(Ack(hello=None, epochs=(epoch_ack(2),)))


def test_an_event_keeps_all_that_its_body_said(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    ingest.take([box.batch(box.revised(box.opened(who="member")))])
    (row,) = rows(engine, tables.event)
    body = json.loads(row.body)
    assert body["opened_at"] == "2026-11-21T04:30:00.000Z"
    assert set(body) == {
        *("visit", "rev", "opened_at", "camera", "who", "reentry", "first_visit"),
        *("basis", "counted", "void", "reason"),
    }
    assert row.subject == ulid(7), "in a column of its own, where an erasure finds it"


def test_what_comes_late_is_kept_and_acknowledged_like_anything_else(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    events = [box.crossed(rev=n) for n in range(1, 5)]
    _, late, at = box.batch(*events[:3])
    messages = [box.batch(*events[2:]), box.sends("late", late, at)]
    replies = ingest.take(messages)
    assert {topic for topic, _ in replies} == {"menkou/v1/nj-001/nj-001-a/ack"}
    assert acks(replies)[-1] == Ack(hello=None, epochs=(epoch_ack(4),))
    assert seqs(engine) == [1, 2, 3, 4]


def test_nothing_but_batches_comes_late(engine: Engine, ingest: Ingest, box: FakeBox) -> None:
    _, hello, at = box.hello((1, 2))
    assert ingest.take([box.sends("late", hello, at)]) == []
    assert "late: expected a batch, got Hello" in rows(engine, tables.set_aside)[0].reason


def test_what_arrives_twice_is_kept_once(engine: Engine, ingest: Ingest, box: FakeBox) -> None:
    message = box.batch(box.opened(), box.crossed())
    for messages in ([message], [message, message]):
        assert acks(ingest.take(messages)) == [Ack(hello=None, epochs=(epoch_ack(2),))]
    assert seqs(engine) == [1, 2]


def test_of_two_events_with_one_identity_the_first_is_the_fact(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    ingest.take([box.batch(box.opened())])
    restored = FakeBox()  # its database was set back, and it broke the rule of a new epoch
    ingest.take([restored.batch(restored.opened())])
    assert seqs(engine) == [1]
    assert len(rows(engine, tables.visit)) == 1


def test_a_hello_is_told_every_range_that_is_missing(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    events = [box.crossed(rev=n) for n in range(1, 11)]
    ingest.take([box.batch(*events[:2]), box.batch(*events[4:6])])
    (ack,) = acks(ingest.take([box.hello((1, 10))]))
    assert ack == Ack(hello=box.session, epochs=(epoch_ack(2, (3, 4), (7, 10)),))
    (ack,) = acks(ingest.take([box.batch(*events)]))
    assert ack.epochs == (epoch_ack(10),)
    assert seqs(engine) == list(range(1, 11))


def test_a_hello_of_an_unknown_epoch_is_asked_for_all_of_it(ingest: Ingest, box: FakeBox) -> None:
    (ack,) = acks(ingest.take([box.hello((1, 7))]))
    assert ack.epochs == (epoch_ack(0, (1, 7)),)


def test_a_hello_without_any_event_is_answered_too(ingest: Ingest, box: FakeBox) -> None:
    assert acks(ingest.take([box.hello()])) == [Ack(hello=box.session, epochs=())]


def test_what_the_box_no_longer_holds_is_not_asked_for(ingest: Ingest, box: FakeBox) -> None:
    (ack,) = acks(ingest.take([box.hello((41, 43))]))
    assert ack.epochs == (epoch_ack(40, (41, 43)),)


def test_an_event_below_what_was_given_up_is_still_kept(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    early = box.crossed()
    ingest.take([box.hello((5, 6))])
    ingest.take([box.batch(early)])
    assert seqs(engine) == [1]


def test_an_acknowledgement_names_the_gaps_around_what_came_ahead_of_one(
    ingest: Ingest, box: FakeBox
) -> None:
    events = [box.crossed(rev=n) for n in range(1, 10)]

    def answer(*numbers: int) -> EpochAck:
        batch = box.batch(*(events[number - 1] for number in numbers))
        return acks(ingest.take([batch]))[0].epochs[0]

    assert answer(7) == epoch_ack(0, (1, 6), (8, INTEGER_MAX))
    assert answer(8, 9) == epoch_ack(0, (1, 6), (10, INTEGER_MAX)), "it goes on ahead of the gap"
    assert answer(3, 5) == epoch_ack(0, (1, 2), (4, 4), (6, 6)), "it lies within the gap"
    assert answer(5) == epoch_ack(0, (4, 4), (6, 6)), "it is here already"
    assert answer(1) == epoch_ack(1), "it is no longer ahead"
    assert answer(2, 4) == epoch_ack(5)
    assert acks(ingest.take([box.hello((1, 9))]))[0].epochs == (epoch_ack(5, (6, 6)),)


def test_an_epoch_of_very_many_gaps_is_asked_for_in_a_thousand_ranges(
    ingest: Ingest, box: FakeBox
) -> None:
    every_other(ingest, box, 2400)
    (ack,) = acks(ingest.take([box.hello((1, 2400))]))
    ranges = ack.epochs[0].missing
    assert len(ranges) == 1000
    asked = {n for low, high in ranges for n in range(low, high + 1)}
    assert set(range(2, 2401, 2)) <= asked, "what is missing must not be taken for safe"


def test_no_acknowledgement_holds_more_than_a_thousand_ranges(ingest: Ingest, box: FakeBox) -> None:
    epochs = ["a" * 32, "b" * 32, "c" * 32]
    for box.epoch in epochs:
        every_other(ingest, box, 1200)
    spans = tuple(EpochSpan(epoch=epoch, first=1, last=1200) for epoch in epochs)
    hello = Hello(session=box.session, name="x", timezone="UTC", version="1.0", epochs=spans)
    answers = acks(ingest.take([box.sends("up", encode(hello))]))
    assert [len(ack.epochs) for ack in answers] == [1, 1, 1]
    assert [ack.epochs[0].epoch for ack in answers] == epochs
    assert all(len(ack.epochs[0].missing) == 600 for ack in answers)


def every_other(ingest: Ingest, box: FakeBox, count: int) -> None:
    """Send 1, 3, 5 and so on of so many events."""
    events = [box.crossed(rev=1 + n) for n in range(count)]
    for start in range(0, count, 400):
        ingest.take([box.batch(*events[start : start + 400 : 2])])


def test_each_epoch_is_numbered_by_itself(engine: Engine, ingest: Ingest, box: FakeBox) -> None:
    old = box.crossed(rev=1)
    box.epoch = "f" * 32
    new = box.crossed(rev=2)
    assert (old.seq, new.seq) == (1, 1)
    (ack,) = acks(ingest.take([box.batch(old, new)]))
    assert ack.epochs == (epoch_ack(1), epoch_ack(1, epoch="f" * 32))
    assert seqs(engine) == [1, 1]


def test_a_box_that_moves_to_another_shop_is_another_box(engine: Engine, ingest: Ingest) -> None:
    here, there = FakeBox(store="nj-001"), FakeBox(store="sh-002")
    ingest.take([here.batch(here.opened()), there.batch(there.opened())])
    assert [(row.store, row.id) for row in rows(engine, tables.box)] == [
        ("nj-001", "nj-001-a"),
        ("sh-002", "nj-001-a"),
    ]
    assert seqs(engine) == [1, 1]


def test_the_highest_revision_wins_whatever_the_order(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    opening = box.opened()
    first = box.revised(opening, 1, who="member")
    second = box.revised(opening, 2, who="staff")
    for event in (second, opening, first):
        ingest.take([box.batch(event)])
    (visit,) = rows(engine, tables.visit)
    assert (visit.rev, visit.who) == (2, "staff")


def in_any_order(count: int) -> pytest.MarkDecorator:
    """Events are written in the order of their numbers: it is these that are changed about."""
    orders = list(itertools.permutations(range(count)))
    return pytest.mark.parametrize("order", orders, ids=str)


@in_any_order(4)
@pytest.mark.parametrize("together", [1, 2, 4])
def test_however_events_of_a_visit_are_ordered_and_gathered_the_same_comes_of_it(
    engine: Engine, ingest: Ingest, box: FakeBox, order: tuple[int, ...], together: int
) -> None:
    """All at once, one after the other, and what is told and closed in one set."""
    known = FakeBox().opened()
    tell: list[Callable[[], Event]] = [
        lambda: box.opened(visit=visit_of(known)),
        lambda: box.revised(known, 1, who="member", subject=ulid(7)),
        lambda: box.revised(known, 2, who="staff", opened_at=NOW - MINUTE),
        lambda: box.closed(known, NOW + MINUTE),
    ]
    messages = [box.batch(tell[index]()) for index in order]
    for start in range(0, 4, together):
        ingest.take(messages[start : start + together])
    (visit,) = rows(engine, tables.visit)
    assert (visit.rev, visit.who, visit.subject) == (2, "staff", None)
    assert (visit.opened_at, visit.closed_at) == (NOW - MINUTE, NOW + MINUTE)


def visit_of(event: Event) -> str:
    assert isinstance(event.body, VisitOpened)
    return event.body.visit


@in_any_order(3)
@pytest.mark.parametrize("together", [1, 2, 3])
def test_the_latest_close_wins_whatever_the_order(
    engine: Engine, ingest: Ingest, box: FakeBox, order: tuple[int, ...], together: int
) -> None:
    opening = box.opened()
    closings = [box.batch(box.closed(opening, NOW + n * MINUTE)) for n in order]
    for start in range(0, 3, together):
        ingest.take(closings[start : start + together])
    ingest.take([box.batch(opening)])
    (visit,) = rows(engine, tables.visit)
    assert (visit.rev, visit.closed_at) == (0, NOW + 2 * MINUTE)


@in_any_order(3)
@pytest.mark.parametrize("together", [1, 2, 3])
def test_the_highest_revision_of_a_minute_wins_whatever_the_order(
    engine: Engine, ingest: Ingest, box: FakeBox, order: tuple[int, ...], together: int
) -> None:
    told = [box.batch(box.crossed(rev=rev + 1, entered=rev * 10)) for rev in order]
    for start in range(0, 3, together):
        ingest.take(told[start : start + together])
    (minute,) = rows(engine, tables.crossing_minute)
    assert (minute.rev, minute.entered) == (3, 20)


def test_a_visit_told_and_closed_in_one_set_never_undoes_what_was_known(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    opening = box.opened()
    first = box.revised(opening, 1, who="member", subject=ulid(7))
    late_close, early_close = (box.closed(opening, NOW + n * MINUTE) for n in (5, 1))
    second = box.revised(opening, 2, who="staff")
    ingest.take([box.batch(second, late_close)])
    ingest.take([box.batch(opening, first, early_close)])
    (visit,) = rows(engine, tables.visit)
    assert (visit.rev, visit.who, visit.closed_at) == (2, "staff", NOW + 5 * MINUTE)


def test_a_close_may_come_before_the_opening(engine: Engine, ingest: Ingest, box: FakeBox) -> None:
    opening = box.opened()
    closing = box.closed(opening, NOW + MINUTE)
    ingest.take([box.batch(closing)])
    (visit,) = rows(engine, tables.visit)
    assert (visit.rev, visit.opened_at, visit.closed_at) == (-1, None, NOW + MINUTE)
    ingest.take([box.batch(opening)])
    (visit,) = rows(engine, tables.visit)
    assert (visit.rev, visit.opened_at) == (0, NOW)
    assert (visit.closed_at, visit.close_reason) == (NOW + MINUTE, "tap")


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_of_two_words_on_a_close_the_higher_revision_wins_whatever_the_order(
    engine: Engine, ingest: Ingest, box: FakeBox, order: tuple[int, ...]
) -> None:
    """A box whose clock was ahead takes a close back to where it was."""
    opening = box.opened()
    told = [opening, box.closed(opening, NOW + 500 * MINUTE), box.closed(opening, NOW, rev=1)]
    for number in order:
        ingest.take([box.batch(told[number])])
    (visit,) = rows(engine, tables.visit)
    assert (visit.rev, visit.closed_at, visit.closed_rev) == (0, NOW, 1)


def test_of_two_closes_of_one_revision_the_latest_wins(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    opening = box.opened()
    closes = [box.closed(opening, NOW + MINUTE), box.closed(opening, NOW)]
    ingest.take([box.batch(opening, *closes)])
    (visit,) = rows(engine, tables.visit)
    assert visit.closed_at == NOW + MINUTE


def test_facts_that_a_box_moves_to_another_day_are_counted_there_and_only_there(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    box.timezone = "UTC"
    wrong, right = NOW - timedelta(days=2), NOW
    opening = box.opened(wrong)
    box.crossed(wrong, rev=1, entered=1)
    ingest.take([box.hello(), box.batch(*box.events)])
    rollup(engine)
    fixed = [
        box.revised(opening, opened_at=right, reason="clock_fixed"),
        box.crossed(wrong, rev=2, entered=0),
        box.crossed(right, rev=1, entered=1),
    ]
    ingest.take([box.batch(*fixed)])
    rollup(engine)
    with reading(engine) as connection:
        days = connection.execute(select(tables.daily).order_by(tables.daily.c.day)).all()
    assert [(d.day.day, d.visitors, d.entered) for d in days] == [(19, 0, 0), (21, 1, 1)]


def test_a_visit_that_moves_makes_both_hours_dirty(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    box.timezone = "UTC"
    opening = box.opened()
    ingest.take([box.batch(opening)])
    with writing(engine) as connection:
        connection.execute(tables.dirty.delete())
    earlier = NOW - timedelta(hours=3)
    ingest.take([box.batch(box.revised(opening, opened_at=earlier))])
    hours = {row.hour for row in rows(engine, tables.dirty)}
    assert hours == {int(NOW.timestamp()) - 1800, int(earlier.timestamp()) - 1800}


def test_the_crossings_of_a_minute_are_those_of_the_highest_revision(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    told = [box.crossed(rev=rev, entered=rev * 10) for rev in (2, 3, 1, 2)]
    ingest.take([box.batch(told[0])])
    ingest.take([box.batch(told[1], told[2])])
    ingest.take([box.batch(told[3])])
    (minute,) = rows(engine, tables.crossing_minute)
    assert (minute.rev, minute.entered) == (3, 30)


def test_a_new_time_zone_makes_every_hour_of_the_shop_dirty(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    opening = box.opened()
    ingest.take([box.hello(), box.batch(opening, box.crossed(NOW - timedelta(hours=5)))])
    with writing(engine) as connection:
        connection.execute(tables.dirty.delete())
    ingest.take([box.hello()])
    assert rows(engine, tables.dirty) == []
    box.timezone = "Asia/Kolkata"
    ingest.take([box.hello()])
    hours = {row.hour for row in rows(engine, tables.dirty)}
    assert hours == {int(NOW.timestamp()), int(NOW.timestamp()) - 5 * 3600}


def test_a_zone_that_does_not_exist_leaves_the_one_that_was(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    ingest.take([box.hello()])
    box.timezone = "Mars/Olympus"
    assert len(ingest.take([box.hello()])) == 1
    (shop,) = rows(engine, tables.store)
    assert (shop.name, shop.timezone) == ("南京东路店", "Asia/Shanghai")
    assert "Mars/Olympus" in rows(engine, tables.set_aside)[0].reason


def test_a_late_will_of_an_old_connection_is_ignored(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    ingest.take([box.status("online", "a" * 32)])
    ingest.take([box.status("online", "b" * 32), box.status("offline", "a" * 32)])
    assert rows(engine, tables.box)[0].state == "online"
    ingest.take([box.status("offline", "b" * 32)])
    assert rows(engine, tables.box)[0].state == "offline"
    ingest.take([box.hello(session="c" * 32), box.status("offline", "b" * 32)])
    assert rows(engine, tables.box)[0].state == "online"


def test_a_heartbeat_tells_how_the_box_is(engine: Engine, ingest: Ingest, box: FakeBox) -> None:
    ingest.take([box.hello(), box.heartbeat()])
    (row,) = rows(engine, tables.box)
    assert (row.version, row.mode, row.mode_wanted, row.backlog, row.occupancy) == (
        *("1.2.4", "count", "entrance", 3, 4),
    )
    assert row.mode_why == "declaration_missing"
    ingest.take([box.heartbeat(mode_why=None)])
    assert rows(engine, tables.box)[0].mode_why is None
    assert row.cameras == [["door", "ok"]]


def test_a_heartbeat_of_an_old_connection_is_ignored(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    ingest.take([box.hello(), box.heartbeat(session="0" * 32, backlog=99)])
    assert rows(engine, tables.box)[0].backlog is None


def test_a_retained_heartbeat_of_a_dead_box_does_not_make_it_seem_alive(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    dead_since = NOW - timedelta(days=2)
    ingest.take([box.status("online"), box.heartbeat(at=dead_since)])
    assert rows(engine, tables.box)[0].last_seen == dead_since


def poison(engine: Engine, when: str, condition: str) -> None:
    """Let the database itself refuse some rows."""
    with writing(engine) as connection:
        if engine.dialect.name == "sqlite":
            does = "BEGIN SELECT RAISE(ABORT, 'poisoned'); END"
            connection.execute(text(f"CREATE TRIGGER poison {when} WHEN {condition} {does}"))
            return
        connection.execute(
            text(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE 'poisoned' USING ERRCODE = 'check_violation'; END $$"
            )
        )
        does = f"FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION refuse()"
        connection.execute(text(f"CREATE TRIGGER poison {when} {does}"))


def test_one_event_that_cannot_be_written_does_not_lose_the_others(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    poison(engine, "BEFORE INSERT ON event", "NEW.seq = 3")
    other = FakeBox(store="sh-002", box="b")
    events = [box.crossed(rev=n) for n in range(1, 6)]
    messages = [box.batch(*events[:4]), other.batch(other.opened()), box.batch(events[4])]
    replies = ingest.take([box.hello((1, 5)), *messages])
    assert seqs(engine) == [1, 1, 2, 4, 5]
    (culprit,) = rows(engine, tables.set_aside)
    assert (culprit.epoch, culprit.seq) == (box.epoch, 3)
    assert "poisoned" in culprit.reason
    assert json.loads(culprit.payload)["body"]["rev"] == 3
    mine = [ack for topic, ack in zip(replies, acks(replies), strict=True) if "nj-001" in topic[0]]
    assert mine[-1].epochs == (epoch_ack(5),), "or the box would send it for ever"


def test_a_message_that_cannot_be_written_does_not_lose_the_others(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    poison(engine, "BEFORE UPDATE ON box", "NEW.backlog = 66")
    ingest.take([box.heartbeat(backlog=66), box.batch(box.opened())])
    assert seqs(engine) == [1]
    assert "poisoned" in rows(engine, tables.set_aside)[0].reason


def test_a_database_that_cannot_write_acknowledges_nothing(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    message = box.batch(box.opened())
    with writing(engine) as connection:
        connection.execute(text("ALTER TABLE visit RENAME TO away"))
    with pytest.raises(DBAPIError):
        ingest.take([message])
    with writing(engine) as connection:
        connection.execute(text("ALTER TABLE away RENAME TO visit"))
    assert seqs(engine) == []
    assert len(ingest.take([message])) == 1
    assert seqs(engine) == [1]


def test_ingest_says_that_it_is_alive_and_what_it_dropped(engine: Engine, ingest: Ingest) -> None:
    ingest.beat(NOW, dropped=2)
    ingest.beat(NOW + MINUTE, dropped=3, database_errors=1)
    with reading(engine) as connection:
        counters = meters(connection)
        count = connection.execute(select(func.count()).select_from(tables.meter)).scalar()
    assert (counters["dropped"], counters["database_errors"], count) == (5, 1, 3)
    assert counters["ingest_seen"] == (NOW + MINUTE).timestamp() * 1000
