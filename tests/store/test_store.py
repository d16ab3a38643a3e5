"""The box's store: one transaction, gap-free numbers, whole under every fault."""

import dataclasses
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlite_utils import Database

from edge.app.counting import book_of
from edge.clock import SystemClock
from edge.config import load
from edge.core.hours import OpeningHours
from edge.core.occupancy import Balance
from edge.core.visit import (
    Change,
    Closed,
    Crossed,
    Occupied,
    Opened,
    Raised,
    Revised,
    Seen,
    Visit,
)
from edge.pipeline import COMMIT_EVERY_S, HELD_MAX, Recorder
from edge.ports import Fact
from edge.store import figures
from edge.store.database import (
    FILE_NAME,
    StoreBusy,
    StoreFault,
    StoreFull,
    StoreLock,
    StoreLocked,
    connect,
    migrate,
    transaction,
)
from edge.store.keeping import USUAL, prune
from edge.store.ledger import SqliteVisitLog
from edge.store.outbox import EPOCHS_TOLD_MAX, Origin, Outbox
from edge.store.switches import ask, note_done, open_requests
from edge.wire import codec
from edge.wire.messages import (
    Ack,
    CrossingMinute,
    EpochAck,
    Hello,
    VisitClosed,
    VisitRevised,
)

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALWAYS = OpeningHours(zone=ZoneInfo("Asia/Shanghai"), by_weekday=None)
AT = datetime(2026, 11, 21, 4, 0, 30, tzinfo=UTC)
SUBJECT = "01M7XXA33GXJBZ1TSAYXW5Y5ZZ"
VISIT = Visit(id="01M7XXA33GXJBZ1TSAYXW5Y5AK", rev=0, opened_at=AT, camera="door", who="visitor")


def fact(change: Change) -> Fact:
    return Fact(change=change, mono=1.0, clock="ok")


def crossed(direction: str = "in", *, at: datetime = AT, staff: bool = False) -> Crossed:
    return Crossed(
        at=at,
        camera="door",
        direction="in" if direction == "in" else "out",
        track=1,
        staff=staff,
        turned_back=False,
        hours_open=True,
    )


@pytest.fixture
def epoch(db: Database) -> str:
    return Outbox(db).begin_epoch(AT, "run")


@pytest.fixture
def log(db: Database, epoch: str) -> SqliteVisitLog:
    return SqliteVisitLog(db, epoch, "run")


def test_what_closed_days_counted_is_of_guests_of_the_living_shop_less_who_turned_back(
    db: Database, log: SqliteVisitLog
) -> None:
    came, went = crossed(), crossed("out")
    turned = dataclasses.replace(went, turned_back=True)
    before = dataclasses.replace(came, at=AT - timedelta(days=8))
    log.commit([fact(c) for c in (before, came, came, came, turned, went)])
    apart = [
        dataclasses.replace(came, staff=True),
        dataclasses.replace(came, hours_open=False),
        dataclasses.replace(came, at=AT + timedelta(hours=2)),
    ]
    log.commit([fact(c) for c in apart])
    replayed = SqliteVisitLog(db, Outbox(db).begin_epoch(AT, "replay"), "replay")
    replayed.commit([fact(came)])
    assert log.balance(AT + timedelta(hours=1)) == Balance(entered=2, left=1)
    assert log.balance(AT) == Balance(entered=0, left=0)


def test_what_closed_days_counted_is_read_without_the_months_before(
    db: Database, log: SqliteVisitLog
) -> None:
    # The eyes count nothing meanwhile.
    long_ago = codec.utc_text(AT - timedelta(days=30))
    with transaction(db):
        db.conn.executemany(
            "INSERT INTO crossing (at, camera, direction, track, staff, turned_back, hours_open,"
            " origin) VALUES (?, 'door', 'in', 1, 0, 0, 1, 'run')",
            [[long_ago]] * 20_000,
        )
    log.commit([fact(crossed())])
    steps: list[None] = []
    db.conn.set_progress_handler(lambda: steps.append(None), 1_000)
    assert log.balance(AT + timedelta(hours=1)) == Balance(entered=1, left=0)
    db.conn.set_progress_handler(None, 0)
    assert not steps  # of a thousand instructions each


def test_a_crossing_its_visit_and_its_events_are_kept_together(
    db: Database, log: SqliteVisitLog, epoch: str
) -> None:
    log.commit([fact(crossed()), fact(Occupied(at=AT, people=1)), fact(Opened(visit=VISIT))])
    rows = Outbox(db).waiting(after=0, limit=10)
    assert [(w.event.epoch, w.event.seq, w.event.body.KIND) for w in rows] == [
        (epoch, 1, "visit_opened"),
        (epoch, 2, "crossing_minute"),
    ]
    assert db.table("crossing").count == 1
    assert log.open_visits() == [VISIT]
    assert log.occupancy() == Occupied(at=AT, people=1)


def test_a_minute_is_told_as_it_stands_under_a_growing_revision(
    db: Database, log: SqliteVisitLog
) -> None:
    log.commit([fact(crossed()), fact(crossed("out"))])
    log.commit([fact(crossed(staff=True))])
    minutes = [w.event.body for w in Outbox(db).waiting(after=0, limit=10)]
    assert all(isinstance(minute, CrossingMinute) for minute in minutes)
    told = [
        (m.rev, m.entered, m.left, m.staff, m.minute)
        for m in minutes
        if isinstance(m, CrossingMinute)
    ]
    start = AT.replace(second=0)
    assert told == [(1, 1, 1, 0, start), (2, 1, 1, 1, start)]


def test_a_u_turn_voids_the_visit_and_the_closed_one_says_why(
    db: Database, log: SqliteVisitLog
) -> None:
    other = Visit(
        id="01M7XXA33GXJBZ1TSAYXW5Y5AM", rev=0, opened_at=AT, camera="door", who="visitor"
    )
    void = Visit(id=VISIT.id, rev=1, opened_at=AT, camera="door", who="visitor", void=True)
    log.commit([fact(Opened(visit=VISIT)), fact(Opened(visit=other))])
    later = AT + timedelta(seconds=5)
    log.commit(
        [
            fact(Revised(at=later, visit=void, reason="u_turn")),
            fact(Closed(at=later, visit=other.id, reason="closing_time")),
        ]
    )
    assert log.open_visits() == []
    bodies = [w.event.body for w in Outbox(db).waiting(after=2, limit=10)]
    assert isinstance(bodies[0], VisitRevised)
    assert (bodies[0].rev, bodies[0].void, bodies[0].reason) == (1, True, "u_turn")
    assert bodies[1] == VisitClosed(visit=other.id, reason="closing_time", rev=0)


def test_when_one_fact_cannot_be_kept_none_of_its_transaction_is(
    db: Database, log: SqliteVisitLog
) -> None:
    log.commit([fact(Opened(visit=VISIT))])
    with pytest.raises(StoreFault, match="UNIQUE"):
        log.commit([fact(crossed()), fact(Opened(visit=VISIT))])
    assert db.table("crossing").count == 0
    assert [w.event.seq for w in Outbox(db).waiting(after=0, limit=10)] == [1]
    log.commit([fact(crossed())])
    assert [w.event.seq for w in Outbox(db).waiting(after=0, limit=10)] == [1, 2]


def test_every_start_has_an_epoch_of_its_own(db: Database) -> None:
    outbox = Outbox(db)
    epochs = {outbox.begin_epoch(AT, "run") for _ in range(20)}
    assert len(epochs) == 20
    assert all(len(e) == 32 for e in epochs)
    assert outbox.spans() == []


def commit_crossings(log: SqliteVisitLog, count: int) -> None:
    for n in range(count):
        log.commit([fact(crossed(at=AT + timedelta(minutes=n)))])


def test_what_the_hub_has_waits_no_longer_but_is_kept(
    db: Database, log: SqliteVisitLog, epoch: str
) -> None:
    commit_crossings(log, 4)
    outbox = Outbox(db)
    ack = Ack(hello=None, epochs=(EpochAck(epoch=epoch, through=3),))
    assert outbox.acknowledge(ack, AT) == 3
    assert [w.event.seq for w in outbox.waiting(after=0, limit=10)] == [4]
    assert outbox.backlog().events == 1
    assert [(s.first, s.last) for s in outbox.spans()] == [(1, 4)]


def test_what_a_restored_hub_misses_waits_again(
    db: Database, log: SqliteVisitLog, epoch: str
) -> None:
    commit_crossings(log, 4)
    outbox = Outbox(db)
    outbox.acknowledge(Ack(hello=None, epochs=(EpochAck(epoch=epoch, through=4),)), AT)
    lost = EpochAck(epoch=epoch, through=1, missing=((2, 3),))
    outbox.acknowledge(Ack(hello="0" * 32, epochs=(lost,)), AT, {epoch: 4})
    assert outbox.backlog().events == 2
    assert [w.event.seq for w in outbox.waiting(after=0, limit=10)] == [2, 3]


def test_an_acknowledgement_of_an_unknown_epoch_changes_nothing(
    db: Database, log: SqliteVisitLog
) -> None:
    commit_crossings(log, 2)
    ack = Ack(hello=None, epochs=(EpochAck(epoch="f" * 32, through=99),))
    assert Outbox(db).acknowledge(ack, AT) == 0


def test_acknowledged_events_are_deleted_the_day_after_thirty_days_and_waiting_ones_never(
    db: Database, log: SqliteVisitLog, epoch: str
) -> None:
    commit_crossings(log, 3)
    outbox = Outbox(db)
    outbox.acknowledge(Ack(hello=None, epochs=(EpochAck(epoch=epoch, through=2),)), AT)
    assert prune(db, epoch, AT + USUAL.acked) == 0
    assert prune(db, epoch, AT + USUAL.acked + timedelta(days=1)) == 2
    assert [(s.first, s.last) for s in outbox.spans()] == [(3, 3)]


def test_a_private_replay_is_told_to_nobody_and_leaves_the_living_shop_alone(
    db: Database, log: SqliteVisitLog
) -> None:
    log.commit([fact(Opened(visit=VISIT)), fact(Occupied(at=AT, people=1)), fact(crossed())])
    before = figures.day_count(db, ALWAYS, AT)
    outbox = Outbox(db)
    waiting = outbox.backlog().events
    replay = SqliteVisitLog(db, outbox.begin_epoch(AT, "private"), "private")
    other = Visit(
        id="01M7XXA33GXJBZ1TSAYXW5Y5AM", rev=0, opened_at=AT, camera="door", who="visitor"
    )
    later = Occupied(at=AT + timedelta(hours=1), people=7)
    replay.commit([fact(Opened(visit=other)), fact(later), fact(crossed())])
    assert outbox.backlog().events == waiting == len(outbox.waiting(after=0, limit=99))
    assert len(outbox.spans()) == 1
    assert log.open_visits() == [VISIT]
    assert figures.occupancy(db) == 1
    assert figures.day_count(db, ALWAYS, AT) == before
    assert figures.minute_count(db, AT).entered == 1


def test_a_published_replay_is_told_but_its_people_are_not_in_the_living_shop(
    db: Database, log: SqliteVisitLog
) -> None:
    outbox = Outbox(db)
    replay = SqliteVisitLog(db, outbox.begin_epoch(AT, "replay"), "replay")
    replay.commit([fact(Opened(visit=VISIT)), fact(Occupied(at=AT, people=5))])
    assert outbox.backlog().events == 1
    assert log.open_visits() == []
    assert figures.occupancy(db) == 0
    assert figures.day_count(db, ALWAYS, AT).visitors == 1


def test_the_id_of_a_deleted_event_is_never_given_again(
    db: Database, log: SqliteVisitLog, epoch: str
) -> None:
    commit_crossings(log, 3)
    outbox = Outbox(db)
    outbox.acknowledge(Ack(hello=None, epochs=(EpochAck(epoch=epoch, through=3),)), AT)
    assert prune(db, epoch, AT + USUAL.acked + timedelta(days=1)) == 2  # the newest stays
    commit_crossings(log, 1)
    assert [w.id for w in outbox.waiting(after=3, limit=10)] == [4]


def test_a_hello_tells_of_a_bounded_number_of_epochs_those_that_wait_first(db: Database) -> None:
    outbox = Outbox(db)
    waiting = outbox.begin_epoch(AT, "run")
    SqliteVisitLog(db, waiting, "run").commit([fact(crossed())])
    with transaction(db):
        for number in range(EPOCHS_TOLD_MAX + 50):
            name = f"{number:032x}"
            db.execute("INSERT INTO epoch VALUES (?, ?, 'run', 1, NULL)", [name, "2026"])
            db.execute(
                "INSERT INTO outbox (epoch, seq, kind, at, event)"
                " VALUES (?, 1, 'health', '2026', '{}')",
                [name],
            )
            db.execute("INSERT INTO acked VALUES (?, '2026-11-21', 1)", [name])
    spans = outbox.spans()
    assert len(spans) == EPOCHS_TOLD_MAX
    assert spans[0].epoch == waiting
    hello = Hello(
        session="0" * 32,
        name="店" * 80,
        timezone="Asia/Shanghai",
        version="0.1.0",
        epochs=tuple(spans),
    )
    assert codec.decode_up(codec.encode(hello))[0] == hello


def test_a_database_that_another_process_holds_is_away_and_nothing_is_lost(
    db: Database, log: SqliteVisitLog, tmp_path: Path
) -> None:
    db.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    kept: list[int] = []
    recorder = Recorder(log=log, clock=SystemClock(), kept=lambda facts: kept.append(len(facts)))
    recorder.add([crossed()])
    recorder.flush()
    assert isinstance(recorder.away, StoreLocked)
    assert (recorder.held, kept) == (1, [])
    other.execute("ROLLBACK")
    other.close()
    recorder.flush()
    assert recorder.held == 0
    assert kept == [1]


def test_a_store_that_is_held_at_closing_time_does_not_stop_the_counting(
    db: Database, log: SqliteVisitLog, tmp_path: Path
) -> None:
    (tmp_path / "edge.toml").write_text(
        '[store]\nid = "nj-001"\nname = "n"\ntimezone = "Asia/Shanghai"\n'
        '[box]\nid = "nj-001-a"\ndata_dir = "."\nclock = "host"\n'
        "[hours]\n" + "".join(f'{day} = ["10:00", "22:00"]\n' for day in WEEK)
    )
    book = book_of(load(tmp_path / "edge.toml"), log, AT, goes_on=True)
    # Without a write-ahead log a writer keeps readers out, as a broken lock of one does.
    db.execute("PRAGMA journal_mode = DELETE")
    db.execute("PRAGMA busy_timeout = 50")
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreLocked):
            log.balance(AT)
        changes = book.crossing(
            at=AT, camera="door", direction="in", track=1, staff=False, turned_back=False
        )
    assert crossed() in changes
    assert book.occupancy == 1


class HandClock(SystemClock):
    """A clock that a test moves."""

    at_s = 100.0

    def mono(self) -> float:
        return self.at_s


def test_facts_are_gathered_into_one_commit_but_an_alert_does_not_wait(
    db: Database, log: SqliteVisitLog
) -> None:
    clock, commits = HandClock(), list[int]()
    recorder = Recorder(log=log, clock=clock, kept=lambda facts: commits.append(len(facts)))
    recorder.add([crossed(), Opened(visit=dataclasses.replace(VISIT, subject=SUBJECT))])
    recorder.flush_if_due()
    clock.at_s += COMMIT_EVERY_S * 0.9
    recorder.add([crossed("out")])
    recorder.flush_if_due()
    assert (commits, db.table("outbox").count) == ([], 0)  # nor can anybody publish it
    clock.at_s += COMMIT_EVERY_S * 0.2
    recorder.flush_if_due()
    assert commits == [3]
    recorder.add([Raised(at=AT, kind="member_arrived", visit=VISIT.id, subject=SUBJECT)])
    recorder.flush_if_due()
    assert commits == [3, 1]


def test_what_comes_while_too_much_is_held_is_refused_and_counted(
    log: SqliteVisitLog, db: Database, tmp_path: Path
) -> None:
    recorder = Recorder(log=log, clock=SystemClock(), kept=lambda _: None)
    recorder.add([crossed()] * (HELD_MAX + 3))
    assert (recorder.held, recorder.refused) == (HELD_MAX, 3)


def test_nothing_follows_a_visit_whose_opening_was_refused(
    log: SqliteVisitLog, db: Database
) -> None:
    recorder = Recorder(log=log, clock=SystemClock(), kept=lambda _: None)
    recorder.add([crossed()] * HELD_MAX)
    recorder.add([Opened(visit=VISIT)])  # there is no room for it
    recorder.flush()
    later: list[Change] = [
        Raised(at=AT, kind="member_arrived", visit=VISIT.id, subject=SUBJECT),
        Seen(at=AT, visit=VISIT.id),
    ]
    recorder.add(later)
    recorder.flush()
    assert (recorder.held, recorder.refused, recorder.away) == (0, 3, None)
    assert db.table("alert").count == 0


def test_who_was_told_of_and_who_was_not_her_are_known_after_a_restart(
    db: Database, log: SqliteVisitLog
) -> None:
    member = dataclasses.replace(VISIT, who="member", subject=SUBJECT)
    raised = Raised(at=AT, kind="member_arrived", visit=VISIT.id, subject=SUBJECT)
    window, later = timedelta(hours=3), AT + timedelta(minutes=5)
    log.commit([fact(Opened(visit=member)), fact(raised)])
    assert log.alerted(later, window) == {SUBJECT: (AT, VISIT.id)}
    assert log.vetoes(later, window) == {}
    assert ask(db, kind="wrong_person", visit=VISIT.id, actor="device-1", now=AT)
    (request,) = open_requests(db)
    note_done(db, request, AT, SUBJECT)
    corrected = dataclasses.replace(VISIT, rev=1)
    log.commit([fact(Revised(at=AT, visit=corrected, reason="wrong_person"))])
    assert log.alerted(later, window) == {}
    assert log.vetoes(later, window) == {(VISIT.id, SUBJECT): AT}


@pytest.mark.parametrize("wrong_by", [timedelta(days=-40), timedelta(days=40)])
def test_a_correction_made_by_a_wrong_clock_holds_after_the_clock_was_put_right(
    wrong_by: timedelta, db: Database, log: SqliteVisitLog
) -> None:
    log.commit([fact(Opened(visit=dataclasses.replace(VISIT, who="member", subject=SUBJECT)))])
    assert ask(db, kind="wrong_person", visit=VISIT.id, actor="device-1", now=AT + wrong_by)
    (request,) = open_requests(db)
    note_done(db, request, AT + wrong_by, SUBJECT)
    window, later = timedelta(hours=3), AT + timedelta(minutes=5)
    assert log.vetoes(later, window) == {(VISIT.id, SUBJECT): AT}
    assert log.vetoes(later + timedelta(days=30), window) == {}


def test_an_arrival_that_was_a_u_turn_was_none(db: Database, log: SqliteVisitLog) -> None:
    member = dataclasses.replace(VISIT, who="member", subject=SUBJECT)
    raised = Raised(at=AT, kind="member_arrived", visit=VISIT.id, subject=SUBJECT)
    void = dataclasses.replace(member, rev=1, void=True)
    log.commit([fact(Opened(visit=member)), fact(raised)])
    log.commit([fact(Revised(at=AT, visit=void, reason="u_turn"))])
    assert log.alerted(AT + timedelta(minutes=5), timedelta(hours=3)) == {}


def test_a_living_box_never_sees_a_private_replays_visits(db: Database) -> None:
    seen: dict[Origin, SqliteVisitLog] = {}
    origins: tuple[Origin, ...] = ("private", "run")
    for origin in origins:
        epoch = Outbox(db).begin_epoch(AT, origin)
        seen[origin] = SqliteVisitLog(db, epoch, origin)
    member = dataclasses.replace(VISIT, who="member", subject=SUBJECT)
    raised = Raised(at=AT, kind="member_arrived", visit=VISIT.id, subject=SUBJECT)
    seen["private"].commit([fact(Opened(visit=member)), fact(raised)])
    window, later = timedelta(hours=3), AT + timedelta(hours=1)
    assert [v.subject for v in seen["private"].recent_visits(later, window)] == [SUBJECT]
    assert seen["private"].alerted(later, window) != {}
    assert seen["run"].recent_visits(later, window) == []
    assert seen["run"].alerted(later, window) == {}


def test_a_migration_is_applied_once_and_a_newer_database_is_refused(
    db: Database, tmp_path: Path
) -> None:
    migrate(db)
    db.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES (?, ?, ?)",
        ["menkou-edge", "9999_from_the_future", "2030"],
    )
    with pytest.raises(StoreFault, match="written by a newer version of menkou"):
        connect(tmp_path)


def test_a_damaged_database_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(b"this is no database" * 1000)
    before = path.read_bytes()
    with pytest.raises(StoreFault, match=r"menkou\.db: the database is damaged"):
        connect(tmp_path)
    assert path.read_bytes() == before


def test_a_full_database_refuses_loudly_and_stays_whole(db: Database, log: SqliteVisitLog) -> None:
    commit_crossings(log, 1)
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreFull, match="disk is full"):
        commit_crossings(log, 2000)
    kept = db.table("crossing").count
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    last = db.execute("SELECT last_seq FROM epoch").fetchone()[0]
    assert last == kept == db.table("outbox").count
    db.execute("PRAGMA max_page_count = 1000000")
    log.commit([fact(crossed(at=AT + timedelta(days=9)))])
    assert db.table("outbox").count == kept + 1


def test_an_error_in_a_transaction_leaves_no_lock_behind(db: Database, tmp_path: Path) -> None:
    def fail_half_way() -> None:
        with transaction(db):
            db.execute("INSERT INTO occupancy VALUES (1, 'x', 1, NULL)")
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        fail_half_way()
    other = sqlite3.connect(tmp_path / FILE_NAME, timeout=0)
    other.execute("BEGIN IMMEDIATE")
    other.close()
    assert db.table("occupancy").count == 0


def test_a_second_process_on_the_same_data_directory_is_refused(tmp_path: Path) -> None:
    lock = StoreLock(tmp_path)
    with pytest.raises(StoreBusy, match="another menkou-edge works in this data directory"):
        StoreLock(tmp_path, patience_s=0.1)
    lock.release()
    StoreLock(tmp_path, patience_s=0.1).release()


def test_the_directory_is_free_only_when_the_last_child_has_ended(tmp_path: Path) -> None:
    lock = StoreLock(tmp_path)
    child = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[lock.fd]
    )
    lock.release()
    with pytest.raises(StoreBusy):
        StoreLock(tmp_path, patience_s=0.2)
    child.communicate(b"\n")
    StoreLock(tmp_path, patience_s=2).release()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreFault, match="expected a directory that can be written"):
        StoreLock(tmp_path / "file" / "data")


def test_every_commit_is_on_the_disk_before_it_is_told(db: Database) -> None:
    assert db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
