"""What the hub has and what it misses, when events arrive out of order or a hub was restored."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from edge.store.database import FILE_NAME, connect, migrate, transaction
from edge.store.outbox import Outbox, Reading, Span
from edge.store.schema import migrations
from edge.wire.messages import Ack, Alert, Body, EpochAck, VisitClosed

AT = datetime(2026, 11, 21, 4, 0, 30, tzinfo=UTC)
VISIT = "01M7XXA33GXJBZ1TSAYXW5Y5AK"
CLOSED = VisitClosed(visit=VISIT, reason="closing_time", rev=0)
RAISED = Alert(alert="member_arrived", visit=VISIT, subject=None)
SESSION = "5" * 32


@pytest.fixture
def outbox(db: Database) -> Outbox:
    return Outbox(db)


def filled(db: Database, outbox: Outbox, *bodies: Body) -> str:
    epoch = outbox.begin_epoch(AT, "run")
    with transaction(db):
        outbox.append(
            epoch,
            [
                (body, Reading(at=AT + timedelta(minutes=n), mono=1.0, clock="ok"))
                for n, body in enumerate(bodies, start=1)
            ],
        )
    return epoch


def answer(epoch: str, through: int, *missing: tuple[int, int]) -> Ack:
    return Ack(hello=SESSION, epochs=(EpochAck(epoch=epoch, through=through, missing=missing),))


def numbers(outbox: Outbox, *, alerts: bool = False, alerts_after: int = 0) -> list[int]:
    rows = outbox.waiting(after=0, limit=1_000, alerts=alerts, alerts_after=alerts_after)
    return [row.event.seq for row in rows]


def test_what_the_hub_holds_beyond_a_gap_does_not_wait(db: Database, outbox: Outbox) -> None:
    epoch = filled(db, outbox, *[CLOSED] * 10)
    outbox.acknowledge(answer(epoch, 2, (3, 4), (7, 8)), AT, {epoch: 10})
    assert numbers(outbox) == [3, 4, 7, 8]
    assert outbox.backlog().events == 4
    assert outbox.backlog({epoch: 4}).events == 2
    assert outbox.backlog().oldest_at == AT + timedelta(minutes=3)


def test_an_answer_says_nothing_of_events_that_its_hello_did_not_declare(
    db: Database, outbox: Outbox
) -> None:
    epoch = filled(db, outbox, *[CLOSED] * 10)
    outbox.acknowledge(answer(epoch, 2, (3, 4)), AT, {epoch: 6})
    assert numbers(outbox) == [3, 4, 7, 8, 9, 10]


def test_when_the_gap_is_filled_what_lay_beyond_it_is_forgotten(
    db: Database, outbox: Outbox
) -> None:
    epoch = filled(db, outbox, *[CLOSED] * 10)
    outbox.acknowledge(answer(epoch, 2, (3, 4), (7, 8)), AT, {epoch: 10})
    outbox.acknowledge(Ack(hello=None, epochs=(EpochAck(epoch=epoch, through=6),)), AT)
    assert numbers(outbox) == [7, 8]
    outbox.acknowledge(Ack(hello=None, epochs=(EpochAck(epoch=epoch, through=10),)), AT)
    assert numbers(outbox) == []
    assert db.table("acked_ahead").count == 0


def test_an_acknowledgement_writes_one_row_whatever_it_speaks_of(
    db: Database, outbox: Outbox
) -> None:
    epoch = filled(db, outbox, *[CLOSED] * 500)
    for through in (3, 90, 499):
        before = db.conn.total_changes
        assert outbox.acknowledge(
            Ack(hello=None, epochs=(EpochAck(epoch=epoch, through=through),)), AT
        )
        assert db.conn.total_changes - before == 1
    assert outbox.acknowledge(Ack(hello=None, epochs=(EpochAck(epoch=epoch, through=7),)), AT) == 0
    assert numbers(outbox) == [500]


def test_alerts_are_found_apart_from_the_rest(db: Database, outbox: Outbox) -> None:
    filled(db, outbox, CLOSED, RAISED, CLOSED, RAISED)
    assert numbers(outbox, alerts=True) == [2, 4]
    assert numbers(outbox, alerts_after=4) == [1, 3]
    assert numbers(outbox, alerts_after=2) == [1, 3, 4]
    assert [row.event.seq for row in outbox.waiting(after=1, upto=3, limit=9)] == [2, 3]


def test_events_of_several_starts_wait_in_the_order_in_which_they_became_known(
    db: Database, outbox: Outbox
) -> None:
    first = filled(db, outbox, CLOSED, CLOSED)
    second = filled(db, outbox, CLOSED)
    with transaction(db):
        outbox.append(first, [(RAISED, Reading(at=AT, mono=1.0, clock="ok"))])
    outbox.acknowledge(Ack(hello=None, epochs=(EpochAck(epoch=first, through=1),)), AT)
    told = [(row.event.epoch, row.event.seq) for row in outbox.waiting(after=0, limit=9)]
    assert told == [(first, 2), (second, 1), (first, 3)]
    assert [(span.epoch, span.last) for span in outbox.spans()] == [(first, 3), (second, 1)]


def test_a_box_of_before_keeps_its_events_and_what_the_hub_has_of_them(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as conn:
        old = Database(conn)
        migrations.apply(old, stop_before="0006_bounded")
        for number, epoch in enumerate(("a" * 32, "b" * 32), start=1):
            conn.execute("INSERT INTO epoch VALUES (?, '2026', 'run', 9)", [epoch])
            for seq in range(3, 10):
                day = f"2026-11-2{seq % 2}"
                marked = day if number == 1 or seq < 6 else None
                conn.execute(
                    "INSERT INTO outbox (epoch, seq, kind, at, event, acked_at)"
                    " VALUES (?, ?, 'health', '2026-11-21T00:00:00.000Z', '{}', ?)",
                    [epoch, seq, marked],
                )
        conn.commit()
    db = connect(tmp_path)
    migrate(db)
    assert db.execute("PRAGMA page_size").fetchone() == (4096,)
    assert Outbox(db).backlog().events == 4
    assert [(s.first, s.last) for s in Outbox(db).spans()] == [(3, 9), (3, 9)]
    days = db.execute("SELECT day, through FROM acked WHERE epoch = ?", ["a" * 32]).fetchall()
    assert days == [("2026-11-20", 8), ("2026-11-21", 9)]
    assert db.execute("SELECT max(through) FROM acked WHERE epoch = ?", ["b" * 32]).fetchone() == (
        5,
    )
    db.close()


def test_events_that_another_process_deletes_between_two_readings_are_no_fault(
    db: Database, outbox: Outbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(db, outbox, *[CLOSED] * 5)
    other, spans = connect(tmp_path), outbox.waiting_spans

    def overtaken() -> list[Span]:
        read = spans()
        with transaction(other):
            other.execute("DELETE FROM outbox WHERE seq = (SELECT min(seq) FROM outbox)")
        return read

    monkeypatch.setattr(outbox, "waiting_spans", overtaken)
    assert numbers(outbox) == [2, 3, 4, 5]
    assert outbox.backlog().oldest_at is None
    other.close()
