"""What a wrong clock dated is moved to where it belongs: exactly, once, and told to the hub."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from random import Random
from time import sleep
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlite_utils import Database

from edge.clock import SteadyClock
from edge.core.book import VisitBook
from edge.core.hours import OpeningHours
from edge.core.identity import Fit, Place
from edge.core.timeline import Timeline, moved
from edge.core.visit import Change, Window
from edge.ports import ClockState, Fact
from edge.store import clockfix, figures, summaries
from edge.store.clockfix import ClockFix
from edge.store.database import connect, migrate, transaction
from edge.store.keeping import prune
from edge.store.ledger import SqliteVisitLog
from edge.store.outbox import Outbox, Reading
from edge.store.timelines import Timelines
from edge.wire.messages import Ack, EpochAck

ALWAYS = OpeningHours(zone=ZoneInfo("Asia/Shanghai"), by_weekday=None)
DAILY = OpeningHours(
    zone=ZoneInfo("Asia/Shanghai"), by_weekday=dict.fromkeys(range(7), (time(10), time(22)))
)
TRUTH = datetime(2026, 11, 21, 4, tzinfo=UTC)  # 12:00 in Shanghai, at second 0
ULID = "01M7XXA33GXJBZ1TSAYXW5{:04}"
ANNA = "01M7XXA33GXJBZ1TSAYXW5Y5ZZ"
WRONG_BY = timedelta(hours=-50, minutes=-7, seconds=-13)


class Kernel:
    """The kernel of one start of the machine: its wall clock is wrong by a constant."""

    def __init__(self, wrong_by: timedelta) -> None:
        self.wrong_by = wrong_by
        self.seconds = 0.0
        self.word: ClockState = "suspect" if wrong_by else "ok"

    def now(self) -> datetime:
        return TRUTH + self.wrong_by + timedelta(seconds=self.seconds)

    def mono(self) -> float:
        return self.seconds

    def state(self) -> ClockState:
        return self.word


class Box:
    """A box's eyes without eyes: crossings in, rows and events out, over several epochs."""

    def __init__(
        self,
        folder: Path,
        wrong_by: timedelta = timedelta(),
        hours: OpeningHours = ALWAYS,
        boot: str = "first",
        seconds: float = 0.0,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.hours = hours
        self.boot = boot
        self.kernel = Kernel(wrong_by)
        self.kernel.seconds = seconds
        self.db: Database = connect(folder)
        migrate(self.db)
        self.visits = self.db.table("visit").count
        self.begin()

    def begin(self) -> None:
        """The process starts, as `app.eyes` has it."""
        self.timelines = Timelines(self.db, self.boot)
        self.clock = SteadyClock(self.kernel, self.timelines.follow(self.kernel))
        self.epoch = Outbox(self.db).begin_epoch(self.clock.now(), "run", self.boot)
        self.log = SqliteVisitLog(self.db, self.epoch, "run", boot=self.boot)
        self.fix = ClockFix(self.db, self.epoch, self.hours, self.reading)
        window, now = Window(), self.clock.now()
        self.book = VisitBook(
            hours=self.hours,
            new_id=self.new_id,
            window=window,
            open_visits=self.log.open_visits(),
            recent=self.log.recent_visits(now, window.length),
            alerted=self.log.alerted(now, window.length),
            occupancy=self.log.occupancy(),
            foreign=self.log.foreign(now, window.length),
            in_doubt=lambda: self.clock.state() == "suspect",
        )

    def new_id(self, at: datetime) -> str:
        self.visits += 1
        return ULID.format(self.visits)

    def reading(self) -> Reading:
        return Reading(at=self.clock.now(), mono=self.clock.mono(), clock=self.clock.state())

    def keep(self, changes: Sequence[Change]) -> None:
        mono, state, timeline = self.clock.mono(), self.clock.state(), self.clock.timeline
        self.log.commit(
            [Fact(change=c, mono=mono, clock=state, timeline=timeline) for c in changes]
        )

    def cross(self, way: Any, body: int, *, turned_back: bool = False, staff: bool = False) -> None:
        self.keep(
            self.book.crossing(
                at=self.clock.now(),
                camera="door",
                direction=way,
                track=body,
                staff=staff,
                turned_back=turned_back,
            )
        )

    def member(self, body: int) -> None:
        place, fit = Place(camera="door", body=body), Fit(distance=0.2, sure=True)
        at = self.clock.now()
        self.keep(self.book.member_seen(at=at, place=place, subject=ANNA, fit=fit).changes)

    def look(self) -> None:
        """Take the clock as it is due, as the eyes' timekeeper does."""
        before, after = self.clock.timeline, self.timelines.follow(self.kernel)
        self.take(before, after)

    def take(self, before: Timeline, after: Timeline) -> None:
        self.clock.take(after)
        if (step := moved(before, after)) is not None:
            self.keep(self.book.clock_moved(step, self.clock.now()))

    def synchronise(self) -> None:
        """A time server is reached."""
        self.kernel.wrong_by, self.kernel.word = timedelta(), "ok"
        self.look()

    def person(self, wrong_by: timedelta) -> None:
        """A person sets the time, with a device that is wrong by that much."""
        before = self.clock.timeline
        with transaction(self.db):
            told = Timeline(id=0, zero=TRUTH + wrong_by, word="person")
            after = self.timelines.begin(told)
        self.take(before, after)

    def mend(self) -> int:
        count = 0
        while rows := self.fix.portion():
            count += rows
        return count

    def rows(self) -> dict[str, list[Any]]:
        """Return everything that has a time, minutes without anybody in them left out."""
        queries = {
            "visits": "SELECT id, opened_at, seen_at, closed_at, close_reason, void, reentry,"
            " subject FROM visit ORDER BY id",
            "crossings": "SELECT at, camera, direction, staff, turned_back FROM crossing"
            " ORDER BY id",
            "minutes": "SELECT minute, camera, entered, left, staff, turned_back"
            " FROM crossing_minute WHERE entered + left + staff + turned_back > 0"
            " ORDER BY minute",
            "occupancy": "SELECT at, people FROM occupancy",
            "alerts": "SELECT at, visit FROM alert ORDER BY id",
        }
        return {name: self.db.execute(sql).fetchall() for name, sql in queries.items()}

    def told(self) -> dict[str, list[Any]]:
        """Return what a hub makes of all events: the highest revision wins."""
        visits: dict[str, tuple[int, Any]] = {}
        closes: dict[str, tuple[int, Any]] = {}
        minutes: dict[str, tuple[int, Any]] = {}
        for (raw,) in self.db.execute("SELECT event FROM outbox ORDER BY random()").fetchall():
            event = json.loads(raw)
            body, rev = event["body"], event["body"].get("rev", 0)
            known: tuple[int, Any]
            match event["kind"]:
                case "visit_opened" | "visit_revised":
                    known = (rev, (body.get("opened_at", event["at"]), body.get("void", False)))
                    visits[body["visit"]] = max(visits.get(body["visit"], known), known)
                case "visit_closed":
                    known = (rev, event["at"])
                    closes[body["visit"]] = max(closes.get(body["visit"], known), known)
                case "crossing_minute":
                    counts = (body["entered"], body["left"], body["staff"], body["turned_back"])
                    known = (rev, counts)
                    minutes[body["minute"]] = max(minutes.get(body["minute"], known), known)
        return {
            "visits": sorted((i, at, void) for i, (_, (at, void)) in visits.items()),
            "closes": sorted((i, at) for i, (_, at) in closes.items()),
            "minutes": sorted((m, *counts) for m, (_, counts) in minutes.items() if any(counts)),
        }


def a_day(box: Box, seed: int, *, restarts: bool = True) -> None:
    """An hour and a half in a shop, the same for the same seed."""
    random = Random(seed)
    for body in range(1, 60):
        box.kernel.seconds += random.choice((0.5, 3.0, 200.0)) * random.random()
        kind = random.choice(("in", "in", "out", "turn", "staff", "restart"))
        if kind == "turn":
            box.cross("in", body)
            box.kernel.seconds += 3
            box.cross("out", body, turned_back=True)
        elif kind == "restart":
            if restarts:
                box.begin()
        else:
            box.cross("in" if kind == "staff" else kind, body, staff=kind == "staff")
            if kind == "in" and random.random() < 0.3:
                box.member(body)


def told_as_kept(box: Box) -> None:
    """What the hub knows is what stands in the box's rows."""
    told, rows = box.told(), box.rows()
    assert told["visits"] == [(v[0], v[1], bool(v[5])) for v in rows["visits"]]
    assert told["closes"] == [(v[0], v[3]) for v in rows["visits"] if v[3]]
    assert told["minutes"] == [(m[0], *m[2:]) for m in rows["minutes"]]


@pytest.mark.parametrize("seed", range(8))
def test_once_the_time_is_known_all_stands_where_a_right_clock_would_have_put_it(
    tmp_path: Path, seed: int
) -> None:
    right, wrong = Box(tmp_path / "right"), Box(tmp_path / "wrong", WRONG_BY)
    for box in (right, wrong):
        a_day(box, seed)
    assert wrong.rows() != right.rows()
    wrong.synchronise()
    assert wrong.mend() > 0
    for box in (right, wrong):
        a_day(box, seed + 100)
    assert wrong.rows() == right.rows()
    assert wrong.mend() == 0
    told_as_kept(wrong)


def test_facts_of_several_starts_of_the_process_are_all_moved(tmp_path: Path) -> None:
    box = Box(tmp_path, WRONG_BY)
    for _ in range(3):
        box.cross("in", 1)
        box.kernel.seconds += 100
        box.begin()
    box.synchronise()
    box.mend()
    opened = [visit[1] for visit in box.rows()["visits"]]
    after = [timedelta(), timedelta(seconds=100), timedelta(seconds=200)]
    assert [datetime.fromisoformat(at) for at in opened] == [TRUTH + one for one in after]


def test_what_is_under_way_is_moved_although_its_events_are_not_touched(tmp_path: Path) -> None:
    box = Box(tmp_path, WRONG_BY)
    a_day(box, 1)
    before = box.db.execute("SELECT id, event FROM outbox ORDER BY id").fetchall()
    box.synchronise()
    box.mend()
    after = box.db.execute("SELECT id, event FROM outbox ORDER BY id").fetchall()
    assert after[: len(before)] == before
    reasons = [json.loads(raw)["body"].get("reason") for _, raw in after[len(before) :]]
    assert "clock_fixed" in reasons
    assert {json.loads(raw)["clock"] for _, raw in after[len(before) :]} == {"ok"}


def test_a_day_that_was_wrong_is_empty_afterwards_and_the_right_one_has_it_all(
    tmp_path: Path,
) -> None:
    box = Box(tmp_path, WRONG_BY)
    a_day(box, 2)
    wrong, right = TRUTH + WRONG_BY, TRUTH + timedelta(hours=1)
    before = figures.day_count(box.db, ALWAYS, wrong)
    assert (before.visitors > 0, before.unsure) == (True, True)
    box.synchronise()
    box.mend()
    gone, there = (figures.day_count(box.db, ALWAYS, day) for day in (wrong, right))
    assert (gone.visitors, gone.entered, gone.left, gone.staff) == (0, 0, 0, 0)
    counts = ("visitors", "reentries", "entered", "left", "staff", "turned_back", "members")
    assert [getattr(there, n) for n in counts] == [getattr(before, n) for n in counts]
    assert not there.unsure


def test_of_a_start_whose_time_nobody_ever_knew_nothing_is_moved(tmp_path: Path) -> None:
    box = Box(tmp_path, WRONG_BY)
    a_day(box, 3, restarts=False)
    before = box.rows()
    later = Box(tmp_path, boot="second", seconds=20_000)
    assert later.mend() == 0
    assert later.rows() == before
    day = figures.day_count(later.db, ALWAYS, TRUTH + WRONG_BY)
    assert day.unsure


def test_a_start_whose_time_was_known_at_last_is_put_right_even_after_it(tmp_path: Path) -> None:
    """The power went out between two portions."""
    right, box = Box(tmp_path / "right"), Box(tmp_path / "wrong", WRONG_BY)
    a_day(right, 4)
    a_day(box, 4)
    box.synchronise()
    later = Box(tmp_path / "wrong", WRONG_BY, boot="second")
    assert later.mend() > 0
    assert later.rows() == right.rows()


def test_a_wrong_clock_by_less_than_two_seconds_moves_nothing_and_is_confirmed(
    tmp_path: Path,
) -> None:
    box = Box(tmp_path, timedelta(seconds=-1))
    a_day(box, 5)
    before, events = box.rows(), box.db.table("outbox").count
    box.synchronise()
    assert box.mend() > 0
    assert box.rows() == before
    assert box.db.table("outbox").count == events
    assert not figures.day_count(box.db, ALWAYS, TRUTH).unsure


def test_a_persons_word_moves_what_nobody_vouched_for_and_the_kernels_word_moves_that(
    tmp_path: Path,
) -> None:
    right, box = Box(tmp_path / "right"), Box(tmp_path / "wrong", WRONG_BY)
    a_day(right, 6)
    a_day(box, 6)
    box.person(timedelta(minutes=-3))
    box.mend()
    first = datetime.fromisoformat(box.rows()["crossings"][0][0])
    assert first == datetime.fromisoformat(right.rows()["crossings"][0][0]) - timedelta(minutes=3)
    assert not figures.day_count(box.db, ALWAYS, TRUTH).unsure
    box.synchronise()
    box.mend()
    assert box.rows() == right.rows()
    told_as_kept(box)


def test_a_step_of_a_clock_that_was_right_moves_no_fact(tmp_path: Path) -> None:
    box = Box(tmp_path)
    a_day(box, 7)
    before = box.rows()
    box.kernel.wrong_by = timedelta(hours=2)
    box.look()
    assert box.mend() == 0
    assert box.rows() == before


def test_a_visit_that_is_revised_after_a_step_keeps_the_time_that_was_told(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.cross("in", 1)
    box.kernel.wrong_by = timedelta(days=1)
    box.look()
    box.kernel.seconds += 3
    box.cross("out", 1, turned_back=True)
    (visit,) = box.rows()["visits"]
    assert (visit[1], bool(visit[5])) == ("2026-11-21T04:00:00.000Z", True)
    told_as_kept(box)


@pytest.mark.parametrize("by_h", [-5, 5])
@pytest.mark.parametrize(("away_s", "again"), [(3 * 3600 - 60, True), (3 * 3600 + 60, False)])
def test_a_window_is_as_long_as_it_was_over_a_step_and_a_restart(
    tmp_path: Path, by_h: int, away_s: int, again: bool
) -> None:
    box = Box(tmp_path)
    box.cross("in", 1)
    box.member(1)
    box.kernel.wrong_by = timedelta(hours=by_h)
    box.look()
    box.begin()
    box.kernel.seconds += away_s
    box.begin()
    box.cross("in", 2)
    box.member(2)
    (_, second) = box.rows()["visits"]
    assert bool(second[6]) is again
    assert len(box.rows()["alerts"]) == (1 if again else 2)


def test_a_minute_is_revised_further_when_the_clock_comes_back_to_it(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.cross("in", 1)
    box.kernel.seconds += 120
    box.kernel.wrong_by = timedelta(seconds=-110)
    box.look()
    box.cross("in", 2)
    (minute,) = box.rows()["minutes"]
    assert minute[2] == 2
    told_as_kept(box)


COUNTED = (
    "SELECT sum(entered), sum(entered_closed), (SELECT count(*) FROM visit WHERE void = 0)"
    " FROM crossing_minute"
)


def test_who_comes_while_nobody_knows_the_time_is_a_visitor_even_if_the_clock_says_night(
    tmp_path: Path,
) -> None:
    box = Box(tmp_path, timedelta(hours=-13), DAILY)  # it thinks 23:00, and it is 12:00
    box.cross("in", 1)
    assert box.db.execute(COUNTED).fetchone() == (1, 0, 1)
    box.synchronise()
    box.mend()
    assert box.db.execute(COUNTED).fetchone() == (1, 0, 1)
    told_as_kept(box)


@pytest.mark.parametrize("wrong_by", [timedelta(hours=-11), timedelta(microseconds=1)])
def test_who_came_outside_the_hours_as_is_known_later_is_kept_apart_and_no_visitor(
    wrong_by: timedelta, tmp_path: Path
) -> None:
    box = Box(tmp_path, wrong_by, DAILY, seconds=11 * 3600)  # it is 23:00
    box.cross("in", 1)
    box.cross("in", 2, staff=True)
    assert box.db.execute(COUNTED).fetchone() == (1, 0, 1)
    box.synchronise()
    box.mend()
    assert box.db.execute(COUNTED).fetchone() == (0, 1, 0)
    assert box.db.execute("SELECT hours_open FROM crossing").fetchall() == [(0,), (0,)]
    told_as_kept(box)


def test_a_visit_that_a_wrong_closing_ended_ends_when_the_box_ended_it(tmp_path: Path) -> None:
    box = Box(tmp_path, timedelta(hours=9, minutes=59), DAILY)  # 21:59, and it is 12:00
    box.cross("in", 1)
    box.kernel.seconds += 90
    box.keep(box.book.tick(box.clock.now()))
    assert box.rows()["visits"][0][3] == "2026-11-21T14:00:00.000Z"
    box.synchronise()
    box.mend()
    (visit,) = box.rows()["visits"]
    assert visit[1] == "2026-11-21T04:00:00.000Z"
    assert visit[3] == "2026-11-21T04:01:00.000Z"
    told_as_kept(box)


def test_a_visit_of_a_right_day_that_closed_by_a_wrong_clock_keeps_its_closing(
    tmp_path: Path,
) -> None:
    box = Box(tmp_path, hours=DAILY)
    box.cross("in", 1)  # at noon; then the power goes out, and comes back on the next day
    # It thinks that it is 18:00 of the first day.
    next_day = Box(tmp_path, timedelta(hours=-24), DAILY, boot="second", seconds=30 * 3600)
    next_day.kernel.seconds += 5 * 3600
    next_day.keep(next_day.book.tick(next_day.clock.now()))
    next_day.synchronise()
    next_day.mend()
    (visit,) = next_day.rows()["visits"]
    assert visit[3] == "2026-11-21T14:00:00.000Z"
    told_as_kept(next_day)


_MEND = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from tests.store import test_clockfix as here
from edge.store import clockfix
clockfix.PORTION = 5
box = here.Box(Path(sys.argv[1]))
print("ready", flush=True)
while box.fix.portion():
    time.sleep(0.002)
print("done", flush=True)
"""


@pytest.mark.parametrize("kills", [6])
def test_a_kill_in_the_middle_loses_nothing_and_moves_nothing_twice(
    tmp_path: Path, kills: int
) -> None:
    right, wrong = Box(tmp_path / "right"), Box(tmp_path / "wrong", WRONG_BY)
    for box in (right, wrong):
        for seed in range(10):
            a_day(box, seed)
    wrong.synchronise()
    random = Random(11)
    for _ in range(kills):
        process = subprocess.Popen(
            [sys.executable, "-c", _MEND, str(wrong.folder)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        sleep(random.uniform(0.005, 0.1))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    left = wrong.db.execute("SELECT count(*) FROM crossing WHERE timeline IS NOT NULL").fetchone()
    assert left[0] > 0, "the kills came too late to test anything"
    wrong.begin()
    assert wrong.mend() > 0
    assert wrong.rows() == right.rows()
    told_as_kept(wrong)
    seqs = wrong.db.execute(
        "SELECT epoch, count(*), max(seq), last_seq FROM outbox JOIN epoch USING (epoch)"
        " GROUP BY epoch"
    ).fetchall()
    assert all(count == top == last for _, count, top, last in seqs)


def test_a_portion_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clockfix, "PORTION", 7)
    box = Box(tmp_path, WRONG_BY)
    a_day(box, 9)
    box.synchronise()
    moved = []
    while count := box.fix.portion():
        moved.append(count)
    assert len(moved) > 5
    assert max(moved) <= 7 + 2 * 7


def heard(box: Box) -> dict[str, tuple[int, int, int]]:
    """Return visitors, entries, exits of each hour as a hub counts them: a summary goes first."""
    told = box.told()
    sums: dict[str, tuple[int, tuple[int, int, int]]] = {}
    for (raw,) in box.db.execute("SELECT event FROM outbox WHERE kind = 'hour_summary'"):
        body = json.loads(raw)["body"]
        known = (body["rev"], (body["visitors"], body["entered"], body["left"]))
        sums[body["hour"][:13]] = max(sums.get(body["hour"][:13], known), known)
    hours = {hour: figures for hour, (_, figures) in sums.items()}
    moments = [visit[1] for visit in told["visits"]] + [minute[0] for minute in told["minutes"]]
    for hour in {moment[:13] for moment in moments} - set(hours):
        within = [minute for minute in told["minutes"] if minute[0][:13] == hour]
        visitors = sum(at[:13] == hour for _, at, void in told["visits"] if not void)
        hours[hour] = (visitors, sum(m[1] for m in within), sum(m[2] for m in within))
    return {hour: counted for hour, counted in hours.items() if any(counted)}


@pytest.mark.parametrize("portion", [200, 3])
def test_an_hour_that_was_summarised_is_told_anew_when_facts_leave_it_or_come_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, portion: int
) -> None:
    monkeypatch.setattr(clockfix, "PORTION", portion)
    right = Box(tmp_path)  # people came on this day by a right clock; the hub was away since
    for body in range(4):
        right.cross("in", body)
        right.kernel.seconds += 120
    # The machine starts anew and thinks that it is two hours later.
    box = Box(tmp_path, timedelta(hours=2), boot="second", seconds=600)
    for body in range(5):
        box.cross("in", body)
        box.kernel.seconds += 120
    box.kernel.seconds += 3600
    box.cross("out", 9)
    box.begin()  # the doubtful events are of an epoch that is not the living one
    now = Reading(at=TRUTH + timedelta(days=20), mono=1.0, clock="ok")
    while summaries.summarise_some(box.db, box.epoch, ALWAYS.zone, now) > 0:
        pass
    assert heard(box) == {
        "2026-11-21T04": (4, 4, 0),
        "2026-11-21T06": (5, 5, 0),
        "2026-11-21T07": (0, 0, 1),
    }
    box.synchronise()
    box.mend()
    assert heard(box) == {"2026-11-21T04": (9, 9, 0), "2026-11-21T05": (0, 0, 1)}
    assert box.mend() == 0


MUCH_LATER = timedelta(days=600)
"""So long after its release a machine without a clock may be taken out of its box."""


def a_first_day(folder: Path) -> tuple[Box, Box]:
    """Return a box with a right clock, and one that learned only after its day what time it is.

    The hub has all events: none of them keeps its visit.
    """
    right, wrong = Box(folder / "right", MUCH_LATER), Box(folder / "wrong", WRONG_BY)
    for box in (right, wrong):
        a_day(box, 10, restarts=False)
    acknowledged(wrong, wrong.clock.now())
    wrong.kernel.wrong_by, wrong.kernel.word = MUCH_LATER, "ok"
    wrong.look()
    return right, wrong


def acknowledged(box: Box, now: datetime) -> None:
    epochs = [EpochAck(epoch=span.epoch, through=span.last) for span in Outbox(box.db).spans()]
    Outbox(box.db).acknowledge(Ack(hello=None, epochs=tuple(epochs)), now)


def test_what_is_in_doubt_is_not_pruned_before_it_was_moved(tmp_path: Path) -> None:
    right, wrong = a_first_day(tmp_path)
    prune(wrong.db, wrong.epoch, wrong.clock.now())
    assert wrong.mend() > 0
    assert wrong.rows() == right.rows()
    prune(wrong.db, wrong.epoch, wrong.clock.now() + timedelta(days=100))
    assert not wrong.rows()["crossings"], "what is not in doubt any more is kept no longer"


def test_what_a_person_dated_is_not_pruned_while_a_time_server_may_still_correct_it(
    tmp_path: Path,
) -> None:
    right, box = Box(tmp_path / "right"), Box(tmp_path / "wrong", WRONG_BY)
    box.person(timedelta(minutes=-3))
    for one in (right, box):
        a_day(one, 11, restarts=False)
    prune(box.db, box.epoch, box.clock.now() + timedelta(days=100))
    box.synchronise()
    box.mend()
    assert box.rows() == right.rows()


def test_what_an_earlier_start_left_unmoved_is_not_pruned_either(tmp_path: Path) -> None:
    right, wrong = a_first_day(tmp_path)  # and the power goes out
    later = Box(tmp_path / "wrong", MUCH_LATER, boot="second", seconds=86_400)
    prune(later.db, later.epoch, later.clock.now())
    assert later.mend() > 0
    assert later.rows() == right.rows()
    assert wrong.boot != later.boot


def test_of_a_start_whose_time_nobody_knew_what_is_old_is_pruned_after_it(tmp_path: Path) -> None:
    box = Box(tmp_path, WRONG_BY)
    a_day(box, 3, restarts=False)
    acknowledged(box, TRUTH)
    later = Box(tmp_path, boot="second", seconds=86_400)
    prune(later.db, later.epoch, TRUTH + timedelta(days=500))
    assert not any(later.rows()[name] for name in ("visits", "crossings", "minutes"))
