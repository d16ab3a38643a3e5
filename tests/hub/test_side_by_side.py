"""Several that write at once, as PostgreSQL lets them: a deadlock is no error, nothing is lost."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random

import psycopg
import pytest
from sqlalchemy import Engine, Table, func, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from cloud import db, erasures, facts, tables
from cloud import ingest as ingest_module
from cloud.boxes import lock_boxes
from cloud.db import again, reading, writing
from cloud.inbox import sort_out
from cloud.ingest import Ingest
from cloud.orders import Issuer
from cloud.rollup import rollup
from edge.wire.topics import BoxAddress
from tests.hub.conftest import NOW, FakeBox, Message, on_postgresql, ulid
from tests.hub.test_members import naming

MEMBER = ulid(4711)


@contextmanager
def beside(run: Callable[[], object]) -> Iterator[threading.Thread]:
    """Run something in a thread of its own; hand its error to the test."""
    faults: list[BaseException] = []

    def guarded() -> None:
        try:
            run()
        except BaseException as exc:  # noqa: BLE001 - handed to the test
            faults.append(exc)

    thread = threading.Thread(target=guarded)
    thread.start()
    yield thread
    thread.join(60)
    assert not thread.is_alive()
    assert faults == []


def number_of(engine: Engine, table: Table) -> int:
    with reading(engine) as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


@on_postgresql
def test_a_subject_that_is_erased_beside_a_writer_is_named_by_neither(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    branch = FakeBox(store="sh-002", box="b")
    ingest.take([box.hello(), branch.hello()])
    erasure = sort_out([box.batch(box.member(MEMBER, "erased"))])
    visit = branch.batch(branch.opened(who="member", subject=MEMBER))
    with writing(engine) as connection:
        ingest_module._write(connection, erasure, Issuer())
        with beside(lambda: ingest.take([visit])) as other:
            other.join(0.3)
            connection.commit()
    assert naming(engine, MEMBER) == []
    assert number_of(engine, tables.visit) == 1


@on_postgresql
@pytest.mark.parametrize("by", ["a box", "head office"])
def test_an_erasure_waits_for_the_writer_that_names_the_subject_and_reaches_its_box(
    by: str, engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    branch = FakeBox(store="sh-002", box="b")
    ingest.take([box.hello(), branch.hello()])
    visit = sort_out([branch.batch(branch.opened(who="member", subject=MEMBER))])
    told = box.batch(box.member(MEMBER, "erased"))

    def erase() -> None:
        if by == "a box":
            ingest.take([told])
            return
        with writing(engine) as connection:
            erasures.erase(connection, Issuer(), MEMBER, box.store, NOW)

    with writing(engine) as connection:
        ingest_module._write(connection, visit, Issuer())
        with beside(erase) as other:
            other.join(0.3)
            connection.commit()
    assert naming(engine, MEMBER) == []
    with reading(engine) as connection:
        ordered = connection.execute(select(tables.box_order.c.store)).scalars().all()
    assert sorted(ordered) == [box.store, branch.store]


@on_postgresql
def test_boxes_are_locked_in_the_order_in_which_python_sorts_them(
    engine: Engine, ingest: Ingest
) -> None:
    """A database that sorts as people do would put b before C."""
    names = ["Zug", "a", "B", "c-1", "C_1", "c.2", "ab", "A1"]
    ingest.take([FakeBox(store=name, box="x").hello() for name in names])
    addresses = [BoxAddress(store=name, box="x") for name in sorted(names)]
    with reading(engine) as connection:
        like_people = connection.execute(text("SELECT 'b' < 'C'")).scalar_one()
        assert like_people, "or the test would not see the difference"
        assert [store for store, _ in lock_boxes(connection, addresses)] == sorted(names)


def test_those_that_take_the_same_boxes_never_wait_crosswise(
    engine: Engine, ingest: Ingest, monkeypatch: pytest.MonkeyPatch, random: Random
) -> None:
    """Nothing needs a second try: all lock boxes, hours and counters in the same order."""
    monkeypatch.setattr(db, "_TRIES", 1)
    boxes = [FakeBox(store=f"{name}-{n}", box="x") for n in range(4) for name in ("a", "B", "c")]
    rounds: list[list[Message]] = []
    for _ in range(15):
        random.shuffle(boxes)
        rounds.append([one.batch(one.opened(), one.crossed(rev=1)) for one in boxes])

    def take(some: Sequence[list[Message]]) -> None:
        for messages in some:
            ingest.take(messages)

    with (
        beside(lambda: take(rounds[0::3])),
        beside(lambda: take(rounds[1::3])),
        beside(lambda: take(rounds[2::3])),
        beside(lambda: [rollup(engine) for _ in range(10)]),
    ):
        pass
    rollup(engine)
    with reading(engine) as connection:
        total = connection.execute(select(func.sum(tables.hourly.c.visitors))).scalar()
    assert total == sum(len(one.events) // 2 for one in boxes)
    assert number_of(engine, tables.set_aside) == 0


@pytest.mark.parametrize(
    ("error", "tried"),
    [
        pytest.param(psycopg.errors.DeadlockDetected(), 5, id="deadlock"),
        pytest.param(psycopg.errors.SerializationFailure(), 5, id="serialization"),
        pytest.param(psycopg.errors.DiskFull(), 1, id="disk full"),
    ],
)
def test_only_a_transaction_that_lost_against_another_is_run_again(
    error: psycopg.Error, tried: int
) -> None:
    runs = []

    def fails() -> None:
        runs.append(1)
        raise OperationalError("UPDATE", None, error)

    with pytest.raises(DBAPIError):
        again(fails)
    assert len(runs) == tried


@on_postgresql
def test_a_set_that_loses_a_deadlock_is_taken_all_the_same(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    """Somebody holds the hour that ingest wants, and wants the box that ingest holds."""
    ingest.take([box.hello(), box.batch(box.opened())])
    with engine.connect() as rival:
        rival.execute(text("SET deadlock_timeout = '1min'"))  # so that ingest is the one to lose
        rival.execute(text("SELECT * FROM dirty FOR UPDATE"))
        with beside(lambda: ingest.take([box.batch(box.opened())])) as other:
            other.join(0.3)
            rival.execute(text("SELECT * FROM box FOR UPDATE"))
            rival.commit()
    assert number_of(engine, tables.event) == 2
    assert number_of(engine, tables.set_aside) == 0


@on_postgresql
def test_shops_are_rolled_up_side_by_side(engine: Engine, ingest: Ingest, box: FakeBox) -> None:
    other = FakeBox(store="sh-002", box="b")
    ingest.take([box.batch(box.opened()), other.batch(other.opened())])
    mine = select(tables.store).where(tables.store.c.id == "nj-001")
    with writing(engine) as connection:
        connection.execute(mine.with_for_update(key_share=True))
        assert rollup(engine) == 1, "the other shop's; this one is with somebody else"
    assert rollup(engine) == 1


@on_postgresql
def test_what_the_database_refuses_of_many_rows_at_once_is_found_among_them(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    """Many rows are copied in, past SQLAlchemy: their errors must be told in its terms."""
    with writing(engine) as connection:
        connection.execute(text("ALTER TABLE event ADD CHECK (seq <> 77)"))
    ingest.take([box.hello(), box.batch(*(box.opened() for _ in range(150)))])
    with reading(engine) as connection:
        held = connection.execute(select(tables.event.c.seq).order_by(tables.event.c.seq))
        assert held.scalars().all() == [n for n in range(1, 151) if n != 77]
        (aside,) = connection.execute(select(tables.set_aside)).all()
    assert (aside.seq, "CheckViolation" in aside.reason) == (77, True)


@on_postgresql
def test_a_server_that_goes_away_amid_a_set_is_no_poison(
    engine: Engine, ingest: Ingest, box: FakeBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest.take([box.hello()])
    derive = facts.derive

    def cut_off(*arguments: object) -> object:
        with engine.connect() as killer:
            killer.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        return derive(*arguments)  # type: ignore[arg-type]

    message = box.batch(*(box.opened(NOW) for _ in range(100)))
    with monkeypatch.context() as cut:
        cut.setattr(facts, "derive", cut_off)
        with pytest.raises(OperationalError):
            ingest.take([message])
    assert len(ingest.take([message])) == 1
    assert number_of(engine, tables.visit) == 100
    assert number_of(engine, tables.set_aside) == 0
