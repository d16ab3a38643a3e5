"""The store stays below its limit: what goes first, what is left, and that it is said."""

import json
import logging
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlite_utils import Database

from edge.core.hours import OpeningHours
from edge.ports import ClockState, Fact
from edge.store import figures
from edge.store.audit import Audit
from edge.store.database import StoreFull, connect, fitting, migrate, transaction
from edge.store.keeping import USUAL, prune
from edge.store.ledger import SqliteVisitLog
from edge.store.limit import Bounds, shown_state, state_of, used_bytes
from edge.store.outbox import Outbox, Reading
from edge.store.switches import ask, note_done, open_requests
from edge.wire.codec import utc_text
from edge.wire.messages import Ack, EpochAck, Health, HourSummary, MemberChanged
from tests.support.days import BEGAN, SUBJECT, day_of, keep_days
from tests.support.disk import small_disk_at

SHANGHAI = ZoneInfo("Asia/Shanghai")
ALWAYS = OpeningHours(zone=SHANGHAI, by_weekday=None)
NOW = BEGAN + timedelta(days=31)
DAYS = 30


class Clock:
    word: ClockState = "ok"

    def now(self) -> datetime:
        return NOW

    def mono(self) -> float:
        return 5.0

    def state(self) -> ClockState:
        return self.word


class Doubtful(Clock):
    """Years ahead, and nobody vouches for it."""

    word = "suspect"

    def now(self) -> datetime:
        return NOW + timedelta(days=2_000)


@pytest.fixture
def epoch(db: Database) -> str:
    db.execute("PRAGMA synchronous=OFF")  # only for the tests' speed
    return Outbox(db).begin_epoch(BEGAN, "run")


Look = Callable[..., str]


@pytest.fixture
def look(db: Database, epoch: str) -> Look:
    def looked(limit_bytes: float, *, sends: bool = True, clock: type[Clock] = Clock) -> str:
        return Bounds(
            db,
            epoch=epoch,
            limit_bytes=lambda: int(limit_bytes),
            zone=SHANGHAI,
            sends=sends,
            clock=clock(),
        ).look()

    return looked


def acknowledged(db: Database, epoch: str, through: int, at: datetime = NOW) -> None:
    Outbox(db).acknowledge(Ack(hello=None, epochs=(EpochAck(epoch=epoch, through=through),)), at)


def kinds(db: Database) -> dict[str, int]:
    rows = db.execute("SELECT kind, count(*) FROM outbox GROUP BY kind").fetchall()
    return dict(rows)


def gap_free(db: Database) -> bool:
    rows = db.execute(
        "SELECT count(*), max(seq) - min(seq) + 1, max(seq), last_seq FROM outbox"
        " JOIN epoch USING (epoch) GROUP BY epoch"
    ).fetchall()
    return all(count == span and last == known for count, span, last, known in rows)


def test_below_eight_tenths_of_the_limit_nothing_happens(
    db: Database, epoch: str, look: Look
) -> None:
    keep_days(db, epoch, DAYS)
    before = kinds(db)
    assert look(used_bytes(db) / 0.79) == "ok"
    assert kinds(db) == before


def test_acknowledged_events_go_first_but_never_those_of_the_last_day(
    db: Database, epoch: str, look: Look, caplog: pytest.LogCaptureFixture
) -> None:
    keep_days(db, epoch, DAYS)
    last = Outbox(db).spans()[0].last
    acknowledged(db, epoch, 300, NOW - timedelta(days=2))
    acknowledged(db, epoch, last // 2, NOW)
    with caplog.at_level(logging.WARNING):
        assert look(used_bytes(db) / 0.81) == "early"
    assert Outbox(db).spans()[0].first == 301
    assert "hour_summary" not in kinds(db)
    assert gap_free(db)
    assert "what nobody waits for is deleted earlier" in caplog.text


def test_the_oldest_waiting_days_become_hours_and_the_last_week_stays_as_it_is(
    db: Database, epoch: str, look: Look
) -> None:
    keep_days(db, epoch, DAYS)
    week = utc_text(NOW - timedelta(days=7))
    told = kinds(db)
    young = "SELECT count(*) FROM outbox WHERE kind LIKE 'visit%' AND at >= ?"
    (kept,) = db.execute(young, [week]).fetchone()
    assert look(used_bytes(db) * 0.6) in ("hourly", "refused")
    left = kinds(db)
    assert left["hour_summary"] > 100
    assert left["crossing_minute"] < told["crossing_minute"] / 2
    assert left["alert"] == told["alert"]  # under new numbers
    assert db.execute(young, [week]).fetchone() == (kept,)
    assert gap_free(db)
    assert Outbox(db).backlog().events == sum(left.values())


def test_the_last_state_is_told_to_the_hub_and_shown_for_a_month(
    db: Database, epoch: str, look: Look
) -> None:
    keep_days(db, epoch, DAYS)
    assert look(used_bytes(db) * 0.85) == "hourly"
    newest = Outbox(db).waiting(after=Outbox(db).newest() - 1, limit=1)[0].event
    assert newest.body == Health(part="storage", camera=None, state="hourly")
    assert look(used_bytes(db) * 2) == state_of(db) == "ok"
    assert shown_state(db, NOW + timedelta(days=29)) == "hourly"
    assert shown_state(db, NOW + timedelta(days=31)) == "ok"


def test_when_nothing_can_go_any_more_the_store_says_that_it_refuses(
    db: Database, epoch: str, look: Look
) -> None:
    keep_days(db, epoch, 3, first=DAYS - 3)
    before = kinds(db)
    assert look(used_bytes(db) * 0.8) == "refused"
    assert kinds(db) == before | {"health": 1}
    assert shown_state(db, NOW) == "refused"


def test_what_goes_on_under_new_numbers_is_not_moved_for_nothing(
    db: Database, epoch: str, look: Look
) -> None:
    erased = MemberChanged(subject=SUBJECT, change="erased")
    with transaction(db):
        Outbox(db).append(epoch, [(erased, Reading(at=BEGAN, mono=1.0, clock="ok"))] * 200)
    assert look(used_bytes(db) * 0.9) == "refused"
    assert Outbox(db).spans()[0].first == 1
    assert kinds(db) == {"member_changed": 200, "health": 1}


def test_erasures_consents_people_and_the_log_outlive_the_limit(
    db: Database, epoch: str, look: Look
) -> None:
    reading = Reading(at=BEGAN, mono=1.0, clock="ok")
    with transaction(db):
        erased = MemberChanged(subject=SUBJECT, change="erased")
        Outbox(db).append(epoch, [(erased, reading)])
        Audit(db).append(at=BEGAN, what="erase", actor="command", subject=SUBJECT)
    keep_days(db, epoch, DAYS)
    look(used_bytes(db) * 0.6)
    assert kinds(db)["member_changed"] == 1
    assert len(Audit(db).entries()) == 1
    assert Audit(db).verify().broken is None


def test_an_hour_is_told_again_only_when_it_has_changed(
    db: Database, epoch: str, look: Look
) -> None:
    keep_days(db, epoch, DAYS)
    look(used_bytes(db) * 0.6)
    first = kinds(db)["hour_summary"]
    # A published replay adds to the first day of all.
    keep_days(db, Outbox(db).begin_epoch(BEGAN, "replay"), 1)
    look(used_bytes(db) * 0.6)
    rows = db.execute("SELECT event FROM outbox WHERE kind = 'hour_summary'").fetchall()
    revised = [json.loads(raw)["body"] for (raw,) in rows if json.loads(raw)["body"]["rev"] == 2]
    assert len(rows) == first + len(revised)
    assert sum(body["entered"] for body in revised) == 40


def test_a_box_without_a_hub_deletes_the_oldest_days_and_says_so(
    db: Database, epoch: str, look: Look
) -> None:
    keep_days(db, epoch, DAYS)
    assert look(used_bytes(db) * 0.85, sends=False) == "early"
    (oldest,) = db.execute("SELECT min(at) FROM outbox").fetchone()
    assert oldest > utc_text(BEGAN + timedelta(days=3))
    assert "hour_summary" not in kinds(db)
    assert gap_free(db)


def test_the_shops_own_page_is_not_touched_by_the_limit(
    db: Database, epoch: str, look: Look
) -> None:
    keep_days(db, epoch, DAYS)
    yesterday = NOW - timedelta(days=2)
    before = figures.day_count(db, ALWAYS, yesterday)
    assert before.visitors > 0
    look(used_bytes(db) * 0.6)
    assert figures.day_count(db, ALWAYS, yesterday) == before


def test_the_eyes_connection_takes_no_more_than_the_limit_and_others_go_on(
    db: Database, epoch: str, tmp_path: Path
) -> None:
    keep_days(db, epoch, 1)
    eyes = connect(tmp_path, limit_bytes=used_bytes(db) + 20_000)
    with pytest.raises(StoreFull):
        keep_days(eyes, epoch, 3, first=1)
    assert gap_free(db)
    with transaction(db):  # an erasure must never fail for a limit
        Audit(db).append(at=NOW, what="erase", actor="command", subject=SUBJECT)
    eyes.close()


def test_a_store_that_grows_to_the_end_of_its_disk_can_still_note_what_the_hub_has(
    tmp_path: Path,
) -> None:
    with small_disk_at(tmp_path / "disk", 256) as disk:
        with (disk / "others").open("wb") as others:
            os.posix_fallocate(others.fileno(), 0, 236_000_000)
        eyes = connect(disk, limit_bytes=2_000_000_000)
        migrate(eyes)
        epoch = Outbox(eyes).begin_epoch(BEGAN, "run")
        with pytest.raises(StoreFull):
            keep_days(eyes, epoch, 400, visitors=100)
        uplink = connect(disk)
        (span,) = Outbox(uplink).waiting_spans()
        assert span.last > 4_000
        for through in range(1, 4_000):
            acknowledged(uplink, epoch, through)
        eyes.close()
        uplink.close()
        (disk / "others").unlink()
        assert fitting(disk, 2_000_000_000) > 200_000_000
        assert fitting(disk, 64_000_000) == 64_000_000


def test_a_limit_that_was_short_of_a_full_disk_follows_the_disk(tmp_path: Path) -> None:
    room = 10_000_000
    db = connect(tmp_path, limit_bytes=0)
    migrate(connect(tmp_path))
    epoch = Outbox(connect(tmp_path)).begin_epoch(BEGAN, "run")
    log = SqliteVisitLog(db, epoch, "run", limit_bytes=lambda: room)
    log.commit(list(facts_of(0, 200)))
    room = 0
    with pytest.raises(StoreFull):
        log.commit(list(facts_of(1, 900)))


def facts_of(day: int, visitors: int) -> Iterator[Fact]:
    for changes in day_of(day, visitors, Random(day)):
        for change in changes:
            yield Fact(change=change, mono=1.0, clock="ok")


def test_every_commit_reaches_the_card_before_it_counts(tmp_path: Path, db: Database) -> None:
    for connection in (connect(tmp_path), connect(tmp_path, limit_bytes=64_000_000)):
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        connection.close()


def aged(db: Database, table: str, column: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] = db.execute(f"SELECT count(*), min({column}) FROM {table}").fetchone()
    return row


def test_tables_are_kept_for_their_time_and_not_longer(db: Database, epoch: str) -> None:
    keep_days(db, epoch, 2)
    (visit,) = db.execute("SELECT visit FROM alert LIMIT 1").fetchone()
    assert ask(db, kind="wrong_person", visit=visit, actor="device-1", now=BEGAN)
    note_done(db, open_requests(db)[0], BEGAN, SUBJECT)
    db.execute("INSERT INTO card_view VALUES ('device-1', ?, ?, ?)", [visit, SUBJECT, BEGAN])
    acknowledged(db, epoch, Outbox(db).spans()[0].last, BEGAN)
    counted = ("crossing", "visit", "crossing_minute", "alert", "request", "card_view")
    assert all(db.table(name).count > 0 for name in counted)
    prune(db, epoch, BEGAN + timedelta(days=89))
    assert [name for name in counted if db.table(name).count == 0] == ["card_view"]
    prune(db, epoch, BEGAN + USUAL.crossings + timedelta(days=2))
    gone = ["crossing", "alert", "request", "card_view"]
    assert [name for name in counted if db.table(name).count == 0] == gone
    prune(db, epoch, BEGAN + USUAL.visits + timedelta(days=2))
    assert all(db.table(name).count == 0 for name in counted)
    assert Outbox(db).newest() > 0


def test_visits_whose_events_still_wait_are_kept_however_old(db: Database, epoch: str) -> None:
    keep_days(db, epoch, 2)
    visits = db.table("visit").count
    prune(db, epoch, BEGAN + timedelta(days=2_000))
    assert db.table("visit").count == visits
    assert db.table("crossing").count == 0


def test_the_events_of_a_finished_private_replay_are_nobodys(db: Database, epoch: str) -> None:
    keep_days(db, Outbox(db).begin_epoch(BEGAN, "private"), 1)
    keep_days(db, epoch, 1, first=1)
    mine = Outbox(db).backlog().events
    prune(db, epoch, BEGAN)
    assert db.table("outbox").count == mine == Outbox(db).backlog().events


def test_starts_of_which_nothing_is_left_are_forgotten_but_not_the_living_one(
    db: Database, epoch: str
) -> None:
    for _ in range(5):
        Outbox(db).begin_epoch(BEGAN, "run")
    keep_days(db, Outbox(db).begin_epoch(BEGAN, "run"), 1)
    prune(db, epoch, BEGAN + timedelta(days=40))
    assert db.table("epoch").count == 2
    assert db.execute("SELECT 1 FROM epoch WHERE epoch = ?", [epoch]).fetchone()


def test_a_summary_counts_what_the_hub_would_count(db: Database, epoch: str, look: Look) -> None:
    keep_days(db, epoch, DAYS)
    day = figures.day_count(db, ALWAYS, BEGAN)
    look(used_bytes(db) * 0.6)
    events = [row.event for row in Outbox(db).waiting(after=0, limit=100_000)]
    hours = [
        event.body
        for event in events
        if isinstance(event.body, HourSummary) and event.body.hour < BEGAN + timedelta(days=1)
    ]
    assert sum(hour.visitors for hour in hours) == day.visitors
    assert sum(hour.entered for hour in hours) == day.entered
    assert sum(hour.left for hour in hours) == day.left
    assert {hour.basis for hour in hours} == {"crossings"}


FACTS = ("crossing", "visit", "crossing_minute", "alert")


def test_by_a_clock_that_nobody_vouches_for_nothing_is_old(
    db: Database, epoch: str, look: Look
) -> None:
    keep_days(db, epoch, DAYS)
    acknowledged(db, epoch, Outbox(db).spans()[0].last, BEGAN)
    before = {name: db.table(name).count for name in (*FACTS, "outbox")}
    assert look(used_bytes(db) * 2, clock=Doubtful) == "ok"
    assert {name: db.table(name).count for name in before} == before


def test_a_full_store_with_a_doubtful_clock_loses_acknowledged_events_only(
    db: Database, epoch: str, look: Look
) -> None:
    keep_days(db, epoch, DAYS)
    acknowledged(db, epoch, 300, BEGAN)
    before = {name: db.table(name).count for name in FACTS}
    waiting = Outbox(db).backlog()
    assert look(used_bytes(db) * 0.9, clock=Doubtful) == "refused"
    assert Outbox(db).spans()[0].first == 301
    assert Outbox(db).backlog().events == waiting.events + 1, "it says that it refuses"
    assert {name: db.table(name).count for name in FACTS} == before
    assert "hour_summary" not in kinds(db)


def test_alerts_that_the_hub_holds_already_are_not_told_again(
    db: Database, epoch: str, look: Look
) -> None:
    keep_days(db, epoch, DAYS)
    rows = db.execute("SELECT seq FROM outbox WHERE kind = 'alert' ORDER BY seq").fetchall()
    alerts, last = [seq for (seq,) in rows], Outbox(db).spans()[0].last
    held = alerts[0]
    missing = ((1, held - 1), (held + 1, last))
    answer = Ack(hello="5" * 32, epochs=(EpochAck(epoch=epoch, through=0, missing=missing),))
    Outbox(db).acknowledge(answer, NOW, {epoch: last})
    look(used_bytes(db) * 0.6)
    assert Outbox(db).spans()[0].first > held
    assert kinds(db)["alert"] == len(alerts) - 1
