"""Hours and days, recomputed from the facts: repeatable, and never a mark lost."""

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, select

from cloud import rollup as rollup_module
from cloud import tables
from cloud.db import reading, writing
from cloud.facts import mark_dirty
from cloud.ingest import Ingest
from cloud.rollup import rollup
from edge.wire.codec import encode
from edge.wire.messages import (
    CrossingMinute,
    EpochSpan,
    Event,
    Hello,
    VisitOpened,
    VisitRevised,
)
from tests.hub.conftest import MINUTE, NOW, FakeBox, Message, acks, ulid

HOUR = int(NOW.timestamp()) - 1800
SHANGHAI = ZoneInfo("Asia/Shanghai")


def buckets(engine: Engine, table: Any) -> dict[Any, dict[str, Any]]:
    key = "hour" if table is tables.hourly else "day"
    with reading(engine) as connection:
        rows = connection.execute(select(table)).mappings().all()
    found = {(row["store"], row[key]): dict(row) for row in rows}
    for row in found.values():
        del row["store"], row[key]
    return found


def hour_of(engine: Engine, hour: int = HOUR, store: str = "nj-001") -> dict[str, Any]:
    return buckets(engine, tables.hourly)[store, hour]


def marks(engine: Engine) -> list[Any]:
    with reading(engine) as connection:
        return list(connection.execute(select(tables.dirty)).all())


def test_visitors_are_neither_staff_nor_re_entries_nor_void(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    u_turn, clerk = box.opened(), box.opened()
    box.opened(), box.opened(who="member"), box.opened(who="member", reentry=True)
    box.opened(who="staff")
    box.revised(u_turn, void=True, reason="u_turn")
    box.revised(clerk, who="staff", reason="staff")
    ingest.take([box.hello(), box.batch(*box.events)])
    rollup(engine)
    found = hour_of(engine)
    assert (found["visitors"], found["reentries"], found["members"]) == (2, 1, 1)


def test_a_check_in_without_a_crossing_is_a_members_visit_and_no_visitor(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    box.opened(), box.opened(who="member")
    box.opened(who="member", counted=False), box.opened(who="member", counted=False, reentry=True)
    joined = box.opened(who="member", counted=False)
    box.revised(joined, counted=True)  # it was the guest of a crossing after all
    ingest.take([box.hello(), box.batch(*box.events)])
    rollup(engine)
    found = hour_of(engine)
    assert (found["visitors"], found["members"], found["reentries"]) == (3, 3, 1)


def test_a_check_in_alone_does_not_say_how_visitors_are_counted(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    box.opened(basis="distinct"), box.opened(who="member", basis="crossings", counted=False)
    ingest.take([box.hello(), box.batch(*box.events)])
    rollup(engine)
    assert hour_of(engine)["basis"] == "distinct"
    ingest.take([box.batch(box.opened(who="member", basis="crossings"))])
    rollup(engine)
    assert hour_of(engine)["basis"] == "crossings"


def test_members_and_re_entries_follow_every_revision(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    def figures() -> tuple[int, int, int]:
        rollup(engine)
        found = hour_of(engine)
        return found["visitors"], found["members"], found["reentries"]

    opening = box.opened()
    ingest.take([box.hello(), box.batch(opening)])
    assert figures() == (1, 0, 0)
    for rev, reason, changes, expected in (
        (1, "late_identity", {"who": "member", "subject": ulid(9)}, (1, 1, 0)),
        (2, "wrong_person", {"who": "visitor", "subject": None}, (1, 0, 0)),
        (3, "late_identity", {"who": "member", "reentry": True, "first_visit": ulid(1)}, (0, 0, 1)),
        (4, "wrong_person", {"who": "visitor", "reentry": False}, (1, 0, 0)),
        (5, "staff", {"who": "staff"}, (0, 0, 0)),
    ):
        ingest.take([box.batch(box.revised(opening, rev, reason=reason, **changes))])
        assert figures() == expected, f"after {reason} (rev {rev})"


def test_crossings_are_summed_over_cameras_and_minutes(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    box.crossed(entered=7), box.crossed(entered=9, camera="side"), box.crossed(NOW + MINUTE)
    box.crossed(NOW + 30 * MINUTE)  # already the next hour
    ingest.take([box.hello(), box.batch(*box.events)])
    rollup(engine)
    found = hour_of(engine)
    assert {name: found[name] for name in tables.FIGURES[3:]} == {
        "staff": 15,
        "entered": 17,
        "left": 6,
        "entered_closed": 9,
        "left_closed": 12,
        "turned_back": 0,
    }


def test_a_day_is_the_shops_own(engine: Engine, ingest: Ingest, box: FakeBox) -> None:
    midnight = datetime(2026, 11, 22, tzinfo=SHANGHAI)
    box.opened(midnight - MINUTE), box.opened(midnight), box.opened(midnight + MINUTE)
    ingest.take([box.hello(), box.batch(*box.events)])
    rollup(engine)
    days = {day.isoformat(): row for (_, day), row in buckets(engine, tables.daily).items()}
    assert {day: row["visitors"] for day, row in days.items()} == {"2026-11-21": 1, "2026-11-22": 2}


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        pytest.param("Europe/Berlin", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), id="2:30 twice"),
        pytest.param("America/New_York", datetime(2026, 11, 1, 5, 30, tzinfo=UTC), id="1:30 twice"),
    ],
)
def test_an_hour_that_is_repeated_in_autumn_is_two_rows_of_one_day(
    engine: Engine, ingest: Ingest, box: FakeBox, zone: str, first: datetime
) -> None:
    box.timezone = zone
    box.opened(first), box.opened(first + 60 * MINUTE)
    ingest.take([box.hello(), box.batch(*box.events)])
    rollup(engine)
    hours = buckets(engine, tables.hourly)
    assert sorted(row["visitors"] for row in hours.values()) == [1, 1]
    (day,) = buckets(engine, tables.daily).values()
    assert day["visitors"] == 2


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        pytest.param("Europe/Berlin", "2026-03-29", id="spring"),
        pytest.param("America/New_York", "2026-11-01", id="autumn"),
        pytest.param("Asia/Beirut", "2022-03-27", id="no midnight"),
        pytest.param("America/Sao_Paulo", "2018-11-04", id="no midnight, once"),
        pytest.param("Asia/Shanghai", "2028-02-29", id="leap day"),
    ],
)
def test_nobody_is_moved_to_another_day_by_the_calendar(
    engine: Engine, ingest: Ingest, box: FakeBox, zone: str, day: str
) -> None:
    box.timezone = zone
    noon = datetime.fromisoformat(day).replace(hour=12, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    told = {(noon + n * 30 * MINUTE).astimezone(ZoneInfo(zone)).date(): 0 for n in range(-60, 60)}
    for n in range(-60, 60):
        at = noon + n * 30 * MINUTE
        told[at.astimezone(ZoneInfo(zone)).date()] += 1
        box.opened(at)
    ingest.take([box.hello(), box.batch(*box.events)])
    rollup(engine)
    days = {on: row["visitors"] for (_, on), row in buckets(engine, tables.daily).items()}
    assert days == told


@pytest.mark.parametrize(
    ("bases", "boxes", "basis"),
    [
        pytest.param(["distinct"], 1, "distinct", id="faces"),
        pytest.param(["distinct", "crossings"], 1, "crossings", id="mixed"),
        pytest.param(["distinct"], 2, "crossings", id="two boxes"),
        pytest.param([], 1, "crossings", id="nobody"),
    ],
)
def test_figures_are_distinct_only_if_all_are_and_one_box_counted_them(
    engine: Engine, ingest: Ingest, bases: list[str], boxes: int, basis: str
) -> None:
    for number in range(boxes):
        box = FakeBox(box=f"b{number}")
        box.crossed()
        for one in bases:
            box.opened(basis=one)
        ingest.take([box.hello(), box.batch(*box.events)])
    rollup(engine)
    assert hour_of(engine)["basis"] == basis


def test_a_late_revision_corrects_an_hour_that_was_counted(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    opening = box.opened()
    ingest.take([box.hello(), box.batch(opening)])
    rollup(engine)
    moved = NOW - timedelta(hours=2)
    ingest.take([box.batch(box.revised(opening, opened_at=moved))])
    rollup(engine)
    assert hour_of(engine)["visitors"] == 0
    assert hour_of(engine, HOUR - 7200)["visitors"] == 1


def test_a_new_time_zone_leaves_no_bucket_of_the_old_one(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    ingest.take([box.hello(), box.batch(box.opened(), box.crossed())])
    rollup(engine)
    box.timezone = "Asia/Kolkata"
    ingest.take([box.hello()])
    rollup(engine)
    assert list(buckets(engine, tables.hourly)) == [("nj-001", HOUR + 1800)]
    assert len(buckets(engine, tables.daily)) == 1


def test_rolling_up_again_changes_nothing(engine: Engine, ingest: Ingest, box: FakeBox) -> None:
    ingest.take([box.hello(), box.batch(box.opened(), box.crossed())])
    assert rollup(engine) == 1
    once = buckets(engine, tables.hourly), buckets(engine, tables.daily)
    assert (rollup(engine), marks(engine)) == (0, [])
    with writing(engine) as connection:
        mark_dirty(connection, [("nj-001", HOUR)])
    assert rollup(engine) == 1
    assert (buckets(engine, tables.hourly), buckets(engine, tables.daily)) == once


def test_a_rollup_that_is_killed_is_done_again(
    engine: Engine, ingest: Ingest, box: FakeBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest.take([box.hello(), box.batch(box.opened(), box.opened(NOW - 60 * MINUTE))])

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(rollup_module, "count_up", die)  # after everything is written
        with pytest.raises(KeyboardInterrupt):
            rollup(engine)
    assert len(marks(engine)) == 2
    assert buckets(engine, tables.hourly) == {}
    assert rollup(engine) == 2
    assert hour_of(engine)["visitors"] == 1


def test_a_mark_set_while_the_hour_is_counted_stays(
    engine: Engine, ingest: Ingest, box: FakeBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a server whose writers run side by side: the count misses what comes meanwhile."""
    ingest.take([box.hello(), box.batch(box.opened())])
    count = rollup_module.recompute

    def count_and_mark(connection: Any, *rest: Any) -> None:
        count(connection, *rest)
        mark_dirty(connection, [("nj-001", HOUR)])
        monkeypatch.setattr(rollup_module, "recompute", count)

    monkeypatch.setattr(rollup_module, "recompute", count_and_mark)
    assert rollup(engine) == 2, "counted, marked meanwhile, counted again"
    assert marks(engine) == []


def test_facts_that_arrive_during_rollups_are_all_counted(engine: Engine, ingest: Ingest) -> None:
    done = threading.Event()
    faults: list[BaseException] = []

    def roll() -> None:
        try:
            while not done.is_set():
                rollup(engine)
        except BaseException as exc:  # noqa: BLE001 - handed to the test
            faults.append(exc)

    rollers = [threading.Thread(target=roll) for _ in range(2)]
    for roller in rollers:
        roller.start()
    boxes = [FakeBox(store=f"s{n}") for n in range(3)]
    for box in boxes:
        ingest.take([box.hello()])
    for _ in range(40):
        ingest.take([box.batch(box.opened()) for box in boxes])
    done.set()
    for roller in rollers:
        roller.join()
    rollup(engine)
    assert faults == []
    assert [hour_of(engine, store=box.store)["visitors"] for box in boxes] == [40, 40, 40]


@dataclass
class Sender:
    """A box on a bad link: messages are lost, doubled and shuffled until all is acknowledged."""

    box: FakeBox
    random: Random
    facts: list[Event] = field(default_factory=list)

    def live(self, days: int) -> None:
        for _ in range(120):
            at = NOW - timedelta(minutes=self.random.randrange(days * 1440))
            event = self.box.opened(
                at,
                who=self.random.choice(["visitor", "visitor", "member", "staff"]),
                reentry=self.random.random() < 0.3,
                basis=self.random.choice(["crossings", "distinct"]),
                counted=self.random.random() < 0.8,
            )
            for rev in range(1, self.random.randrange(1, 4)):
                self.box.revised(
                    event,
                    rev,
                    opened_at=at + self.random.randrange(-90, 90) * MINUTE,
                    void=self.random.random() < 0.3,
                    who=self.random.choice(["visitor", "member", "staff"]),
                    counted=self.random.random() < 0.8,
                )
            if self.random.random() < 0.5:
                self.box.closed(event, at + 5 * MINUTE)
        minutes = [NOW - n * 7 * MINUTE for n in range(100)]
        for rev in (1, 2, 3):
            for minute in minutes:
                entered = self.random.randrange(20)
                self.box.crossed(minute, rev=rev, entered=entered)
            self.box.epoch = f"{rev:032x}"  # the box starts again

    def resend_what_is_asked_for(self, ingest: Ingest) -> None:
        """Say hello and send what the hub misses, until it misses nothing."""
        held: dict[str, dict[int, Event]] = {}
        for event in self.box.events:
            held.setdefault(event.epoch, {})[event.seq] = event
        spans = tuple(EpochSpan(epoch=e, first=1, last=max(of)) for e, of in held.items())
        hello = Hello(
            session=self.box.session,
            name="x",
            timezone="Asia/Shanghai",
            version="1.0",
            epochs=spans,
        )
        while True:
            (ack,) = acks(ingest.take([self.box.sends("up", encode(hello))]))
            asked = [
                held[of.epoch][seq]
                for of in ack.epochs
                for low, high in of.missing
                for seq in range(low, high + 1)
            ]
            if not asked:
                return
            for start in range(0, len(asked), 200):
                if self.random.random() < 0.7:
                    ingest.take([self.box.batch(*asked[start : start + 200])])

    def messages(self) -> Iterator[Message]:
        events = [event for event in self.box.events if self.random.random() < 0.8]
        self.random.shuffle(events)
        while events:
            size = self.random.randrange(1, 60)
            message, events = self.box.batch(*events[:size]), events[size:]
            yield from [message] * self.random.choice([0, 1, 1, 2])


def counted_slowly(events: list[Event], of_day: bool) -> dict[Any, dict[str, Any]]:
    """Recompute one shop's buckets of one box the plain way, in memory."""
    visits: dict[str, tuple[int, datetime, Any]] = {}
    minutes: dict[tuple[str, datetime], CrossingMinute] = {}
    for event in events:
        match event.body:
            case VisitOpened() as body:
                visits.setdefault(body.visit, (0, event.at, body))
            case VisitRevised() as body:
                if body.rev > visits.get(body.visit, (-1,))[0]:
                    visits[body.visit] = (body.rev, body.opened_at, body)
            case CrossingMinute() as body:
                key = (body.camera, body.minute)
                if key not in minutes or body.rev > minutes[key].rev:
                    minutes[key] = body

    def bucket(at: datetime) -> Any:
        local = at.astimezone(SHANGHAI)
        return local.date() if of_day else int(at.timestamp()) // 3600 * 3600

    figures: dict[Any, Counter[str]] = {}
    bases: dict[Any, set[str]] = {}
    for _, at, body in visits.values():
        counts = figures.setdefault(bucket(at), Counter())
        if getattr(body, "void", False) or body.who == "staff":
            continue
        counts["members"] += body.who == "member" and not body.reentry
        if not body.counted and not body.reentry:
            continue
        counts["reentries" if body.reentry else "visitors"] += 1
        bases.setdefault(bucket(at), set()).add(body.basis)
    for minute in minutes.values():
        counts = figures.setdefault(bucket(minute.minute), Counter())
        for name in tables.FIGURES[3:]:
            counts[name] += getattr(minute, name)
    return {
        key: {name: counts[name] for name in tables.FIGURES}
        | {"basis": "distinct" if bases.get(key) == {"distinct"} else "crossings"}
        for key, counts in figures.items()
    }


@pytest.mark.parametrize("seed", range(3))
def test_a_bad_link_changes_neither_the_facts_nor_the_figures(
    engine: Engine, ingest: Ingest, seed: int
) -> None:
    random = Random(seed)
    senders = [Sender(FakeBox(store=f"s{n}", box=f"b{n}"), random) for n in range(3)]
    for sender in senders:
        sender.live(days=4)
        ingest.take([sender.box.hello()])
    for _ in range(3):
        messages = [message for sender in senders for message in sender.messages()]
        random.shuffle(messages)
        while messages:
            size = random.randrange(1, 65)
            ingest.take(messages[:size])
            messages = messages[size:]
            if random.random() < 0.3:
                rollup(engine)
    for sender in senders:
        sender.resend_what_is_asked_for(ingest)
    rollup(engine)
    assert stored(engine) == {
        (s.box.store, event.epoch, event.seq, event.body.KIND)
        for s in senders
        for event in s.box.events
    }
    for table, of_day in ((tables.hourly, False), (tables.daily, True)):
        found = buckets(engine, table)
        for sender in senders:
            store = sender.box.store
            expected = counted_slowly(sender.box.events, of_day)
            mine = {key: row for (name, key), row in found.items() if name == store}
            assert {key: mine[key] for key in expected} == expected
            rest = [row for key, row in mine.items() if key not in expected]
            assert not any(row[name] for row in rest for name in tables.FIGURES)


def stored(engine: Engine) -> set[tuple[str, str, int, str]]:
    with reading(engine) as connection:
        rows = connection.execute(
            select(
                tables.epoch.c.store, tables.epoch.c.epoch, tables.event.c.seq, tables.event.c.kind
            ).join(tables.event, tables.event.c.epoch_pk == tables.epoch.c.pk)
        ).all()
    assert len(rows) == len(set(rows))
    return {(row.store, row.epoch, row.seq, row.kind) for row in rows}


def test_an_hour_is_recomputed_from_facts_and_not_from_what_it_was(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    ingest.take([box.hello(), box.batch(box.opened())])
    rollup(engine)
    with writing(engine) as connection:
        connection.execute(tables.hourly.update().values(visitors=99))
        mark_dirty(connection, [("nj-001", HOUR)])
    rollup(engine)
    assert hour_of(engine)["visitors"] == 1
    assert NOW.tzinfo is UTC
