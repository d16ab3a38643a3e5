"""Minutes and hours of Wi-Fi in the box's store: one transaction, told once, nothing of anybody."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlite_utils import Database

from edge.core.presence import PresenceMinute
from edge.core.visit import Change, Opened, Revised, Visit
from edge.ports import Fact
from edge.store.database import StoreFull, transaction
from edge.store.keeping import USUAL, prune
from edge.store.ledger import RADIO, SqliteVisitLog
from edge.store.outbox import Origin, Outbox, Reading
from edge.store.presence import (
    Hour,
    PresenceLog,
    add_by_hand,
    hours_between,
    known_hours,
    minutes_between,
    note_hour,
    unnoted_since,
    visitors_in,
    worked_since,
)
from edge.store.summaries import summarise_some
from edge.wire import messages
from edge.wire.messages import Health

HOUR = datetime(2026, 11, 21, 4, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
READING = Reading(at=HOUR, mono=5.0, clock="ok")


@pytest.fixture
def epoch(db: Database) -> str:
    return Outbox(db).begin_epoch(HOUR, "run")


def log_of(db: Database, epoch: str, origin: Origin = "run", clock: str = "ok") -> PresenceLog:
    reading = Reading(at=HOUR, mono=5.0, clock=clock)
    return PresenceLog(db, epoch, origin, reading=lambda: reading)


def minute(number: int = 0, *, classes: int = 4, index: float = 6.25) -> PresenceMinute:
    return PresenceMinute(
        minute_s=int(HOUR.timestamp()) + 60 * number,
        classes=classes,
        near=2,
        far=1,
        index=index,
        probes=40,
    )


def told(db: Database) -> list[object]:
    return [row.event.body for row in Outbox(db).waiting(after=0, limit=1000)]


def test_a_minute_and_its_event_are_kept_together(db: Database, epoch: str) -> None:
    assert log_of(db, epoch).keep([minute(), minute(1, classes=0, index=0.0)]) == 2
    assert minutes_between(db, HOUR, HOUR + MINUTE * 60) == [
        minute(),
        minute(1, classes=0, index=0.0),
    ]
    first, empty = told(db)
    assert first == messages.PresenceMinute(
        minute=HOUR, rev=1, classes=4, near=2, far=1, footfall=625, probes=40
    )
    assert isinstance(empty, messages.PresenceMinute)
    assert (empty.minute, empty.footfall) == (HOUR + MINUTE, 0)


def test_nothing_of_a_minute_is_kept_that_the_outbox_could_not_take(
    db: Database, epoch: str
) -> None:
    db.execute(
        "CREATE TRIGGER full BEFORE INSERT ON outbox BEGIN SELECT RAISE(ROLLBACK, 'full'); END"
    )
    with pytest.raises(Exception, match="full"):
        log_of(db, epoch).keep([minute()])
    assert minutes_between(db, HOUR, HOUR + MINUTE) == []
    assert not db.conn.in_transaction


def test_a_store_at_its_limit_says_so_and_can_be_tried_again(db: Database, epoch: str) -> None:
    allowed = 1
    log = PresenceLog(db, epoch, "run", reading=lambda: READING, limit_bytes=lambda: allowed)
    with pytest.raises(StoreFull):
        log.keep([minute(number) for number in range(300)])
    allowed = 10**9
    assert log.keep([minute()]) == 1


def test_a_minute_that_comes_twice_is_told_again_only_if_it_grew(db: Database, epoch: str) -> None:
    """The radio that was started anew within a minute saw only a part of it each time."""
    log = log_of(db, epoch)
    log.keep([minute(classes=4)])
    assert log.keep([minute(classes=3, index=1.0)]) == 0
    assert log.keep([minute(classes=5, index=2.0)]) == 1
    last = told(db)[-1]
    assert isinstance(last, messages.PresenceMinute)
    assert (last.rev, last.classes, last.footfall) == (2, 5, 625)


def test_a_minute_of_a_time_that_nobody_vouches_for_is_counted_and_not_kept(
    db: Database, epoch: str
) -> None:
    log = log_of(db, epoch, clock="suspect")
    assert log.keep([minute(), minute(1)]) == 0
    assert log.unkept == 2
    assert told(db) == []


def test_minutes_of_a_private_replay_are_neither_sent_nor_among_the_shops(
    db: Database, epoch: str
) -> None:
    private = Outbox(db).begin_epoch(HOUR, "private")
    log_of(db, private, "private").keep([minute(classes=9)])
    assert told(db) == []
    assert minutes_between(db, HOUR, HOUR + MINUTE) == []
    log_of(db, epoch).keep([minute(classes=2)])
    assert [one.classes for one in minutes_between(db, HOUR, HOUR + MINUTE)] == [2]


def hour(start: datetime = HOUR, **changes: object) -> Hour:
    fields = {
        "minutes": 60,
        "index": 80.5,
        "classes": 300,
        "near": 200,
        "visitors": 31,
        "basis": "crossings",
    }
    return Hour(start=start, **{**fields, **changes})  # type: ignore[arg-type]


def test_an_hour_is_told_once_and_again_only_when_more_of_it_was_observed(
    db: Database, epoch: str
) -> None:
    note_hour(db, epoch, READING, hour(minutes=20), learnt=3, needed=20)
    note_hour(db, epoch, READING, hour(minutes=20, visitors=99), learnt=3, needed=20)
    note_hour(db, epoch, READING, hour(minutes=55), learnt=3, needed=20)
    bodies = [body for body in told(db) if isinstance(body, messages.PresenceHour)]
    assert [(body.rev, body.minutes, body.visitors) for body in bodies] == [
        (1, 20, 31),
        (2, 55, 31),
    ]
    assert (bodies[0].footfall, bodies[0].passers, bodies[0].learnt) == (8050, None, 3)
    assert [one.minutes for one in hours_between(db, HOUR, HOUR + MINUTE)] == [55]


def test_the_box_learns_from_hours_of_one_basis_whose_visitors_are_known(
    db: Database, epoch: str
) -> None:
    note_hour(db, epoch, READING, hour(), learnt=0, needed=20)
    later = HOUR + timedelta(hours=1)
    note_hour(db, epoch, READING, hour(later, visitors=None), learnt=0, needed=20)
    latest = HOUR + timedelta(hours=2)
    note_hour(db, epoch, READING, hour(latest, basis="distinct"), learnt=0, needed=20)
    assert add_by_hand(db, hour(HOUR, visitors=12))
    assert [one.visitors for one in known_hours(db, "crossings", 10)] == [12, 31]
    assert [one.start for one in known_hours(db, "distinct", 10)] == [latest]
    assert not add_by_hand(db, hour(HOUR, visitors=12)), "the same one by mistake"
    assert add_by_hand(db, hour(HOUR, visitors=12, index=81.0)), "another recording of that time"


def test_minutes_are_taken_into_hours_once(db: Database, epoch: str) -> None:
    log_of(db, epoch).keep([minute(number) for number in (0, 59, 60, 61)])
    end = HOUR + timedelta(hours=3)
    assert len(unnoted_since(db, HOUR - timedelta(days=1), end)) == 4
    note_hour(db, epoch, READING, hour(), learnt=0, needed=20)
    assert unnoted_since(db, HOUR - timedelta(days=1), end) == [
        HOUR + 60 * MINUTE,
        HOUR + 61 * MINUTE,
    ]


def visit(number: int, **changes: object) -> Visit:
    fields = {
        "id": f"01M7XXA33GXJBZ1TSAYXW5Y5{number:02}",
        "rev": 0,
        "opened_at": HOUR + number * MINUTE,
        "camera": "door",
        "who": "visitor",
    }
    return Visit(**{**fields, **changes})  # type: ignore[arg-type]


def test_visitors_of_an_hour_are_counted_as_the_page_counts_them(db: Database, epoch: str) -> None:
    log = SqliteVisitLog(db, epoch, "run", basis="distinct")
    voided = visit(5)
    changes: list[Change] = [
        *(Opened(visit=visit(number)) for number in (0, 1)),
        Opened(visit=visit(2, who="staff")),
        Opened(visit=visit(3, counted=False)),
        Opened(visit=visit(4, reentry=True, first_visit=visit(0).id)),
        Opened(visit=voided),
        Revised(at=HOUR, visit=visit(5, rev=1, void=True), reason="u_turn"),
        Opened(visit=visit(61)),
    ]
    log.commit([Fact(change=change, mono=1.0, clock="ok") for change in changes])
    end = HOUR + timedelta(hours=1)
    assert visitors_in(db, HOUR, end) == (2, "distinct")
    assert visitors_in(db, HOUR + 2 * timedelta(hours=1), end + timedelta(hours=2)) == (
        0,
        "distinct",
    )
    other = SqliteVisitLog(db, epoch, "run", basis="crossings")
    other.commit([Fact(change=Opened(visit=visit(7)), mono=1.0, clock="ok")])
    assert visitors_in(db, HOUR, end)[0] is None, "two bases are never added up"


def test_a_camera_saw_an_hour_only_if_it_was_well_from_its_beginning(
    db: Database, epoch: str
) -> None:
    log = SqliteVisitLog(db, epoch, "run")

    def becomes(part: str, state: str, at: datetime, camera: str | None = None) -> None:
        reading = Reading(at=at, mono=1.0, clock="ok")
        log.health(Health(part=part, camera=camera, state=state), reading)

    assert worked_since(db, HOUR) == set()
    becomes("camera", "ok", HOUR - MINUTE, "door")
    becomes("camera", "ok", HOUR + MINUTE, "side")
    becomes("radio", "ok", HOUR - MINUTE)
    assert worked_since(db, HOUR) == {"door", RADIO}
    becomes("camera", "lost", HOUR + 2 * MINUTE, "door")
    assert worked_since(db, HOUR) == {RADIO}
    becomes("radio", "restarted", HOUR + 3 * MINUTE)
    assert worked_since(db, HOUR) == set()


@pytest.mark.parametrize("what", ["the eyes were started anew", "the box was"])
def test_nobody_saw_anything_until_a_camera_says_so_again(
    db: Database, epoch: str, what: str
) -> None:
    log = SqliteVisitLog(db, epoch, "run")
    reading = Reading(at=HOUR - MINUTE, mono=1.0, clock="ok")
    log.health(Health(part="camera", camera="door", state="ok"), reading)
    log.health(Health(part="radio", camera=None, state="ok"), reading)
    if what == "the box was":
        log.begin()
    else:
        log.health(Health(part="eyes", camera=None, state="restarted"), reading)
    assert worked_since(db, HOUR) == (set() if what == "the box was" else {RADIO})


def test_of_minutes_that_waited_for_weeks_a_full_store_keeps_the_hours(
    db: Database, epoch: str
) -> None:
    """A box that was offline for months: 1,440 events a day would fill it with nothing else."""
    log_of(db, epoch).keep([minute(number) for number in range(120)])
    note_hour(db, epoch, READING, hour(), learnt=0, needed=20)
    living = Outbox(db).begin_epoch(HOUR, "run")
    later = Reading(at=HOUR + timedelta(days=30), mono=5.0, clock="ok")
    Outbox(db).append(living, [(Health(part="radio", camera=None, state="ok"), later)])
    while summarise_some(db, living, ZoneInfo("Asia/Shanghai"), later):
        pass
    bodies = told(db)
    assert [type(body) for body in bodies] == [Health, messages.PresenceHour]
    assert len(minutes_between(db, HOUR, HOUR + 120 * MINUTE)) == 120, "the page still has them"


def test_minutes_go_after_90_days_and_what_a_person_said_stays(db: Database, epoch: str) -> None:
    log_of(db, epoch).keep([minute()])
    note_hour(db, epoch, READING, hour(), learnt=0, needed=20)
    add_by_hand(db, hour(visitors=12))
    prune(db, epoch, HOUR + timedelta(days=91), USUAL)
    assert minutes_between(db, HOUR, HOUR + MINUTE) == []
    assert len(known_hours(db, "crossings", 10)) == 2
    with transaction(db):
        db.execute("DELETE FROM outbox WHERE id < (SELECT max(id) FROM outbox)")
    prune(db, epoch, HOUR + timedelta(days=500), USUAL)
    assert [one.visitors for one in known_hours(db, "crossings", 10)] == [12]


def test_nothing_of_wi_fi_could_be_joined_to_a_member_or_a_device(db: Database) -> None:
    """Exports and erasures need not look here: there is nobody in it."""
    columns = {
        table: {column.name: column.type for column in db.table(table).columns}
        for table in ("presence_minute", "presence_hour")
    }
    texts = {(table, name) for table, of in columns.items() for name in of if of[name] == "TEXT"}
    assert texts == {
        ("presence_minute", "minute"),
        ("presence_hour", "hour"),
        ("presence_hour", "source"),
        ("presence_hour", "basis"),
    }
    assert {kind for of in columns.values() for kind in of.values()} == {"TEXT", "INTEGER"}
    assert not any(db.table(table).foreign_keys for table in columns)
