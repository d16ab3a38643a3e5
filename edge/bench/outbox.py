"""Measures the box's store on this machine: `menkou-edge bench outbox`. Called by edge.bench.

Each case runs in a directory of its own beside its baseline, in the folder for
temporary files (`TMPDIR`): put that on the card in question. Bytes are those that this process
made the kernel write (`write_bytes` of /proc/self/io): log and checkpoints are in it, the file
system's own journal is not. In memory file systems nothing is written; the case is then named as
skipped.
"""

import dataclasses
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from sqlite_utils import Database
from ulid import ULID

from edge.core.visit import (
    Change,
    Closed,
    Crossed,
    Direction,
    Occupied,
    Opened,
    Raised,
    Revised,
    Visit,
)
from edge.pipeline import Recorder
from edge.ports import ClockState
from edge.store.database import FILE_NAME, connect, migrate, transaction
from edge.store.keeping import prune
from edge.store.ledger import SqliteVisitLog
from edge.store.outbox import Outbox, Reading
from edge.uplink.mqtt import MARK_EVERY_S
from edge.wire.messages import Ack, CrossingMinute, EpochAck
from menkou.bench import Result

_SEED: Final = 20261122
_OPENS: Final = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
_OPEN_S: Final = 12 * 3600
_VISITORS: Final = 1_280
"""They make about 5,000 events: openings, crossing minutes, U-turns, alerts, closes."""
_SUBJECT: Final = "01M7XXA33GXJBZ1TSAYXW5Y5ZZ"
_WAITING: Final = 100_000
_AT_MOST_S: Final = 10.0
"""A card on which a day's commits take longer is measured by a part of the day."""


class _DayClock:
    """The time of the day that is played."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0

    def now(self) -> datetime:
        return _OPENS + timedelta(seconds=self.elapsed_s)

    def mono(self) -> float:
        return self.elapsed_s

    def state(self) -> ClockState:
        return "ok"


def cases() -> Iterator[Result | str]:
    """Yield what the store writes and takes; a text says why a case was skipped."""
    yield _day_case()
    yield _appended_case()
    yield _backlog_case()


def _busy_day() -> list[tuple[float, list[Change]]]:
    """Return what becomes known together and when, in seconds of the day."""
    chance = Random(_SEED)
    day: list[tuple[float, list[Change]]] = []
    for _ in range(_VISITORS):
        at_s = chance.uniform(0, _OPEN_S - 3600)
        at = _OPENS + timedelta(seconds=at_s)
        visit = Visit(
            id=str(ULID.from_datetime(at)), rev=0, opened_at=at, camera="door", who="visitor"
        )
        day.append((at_s, [*_crossing(at, "in"), Opened(visit=visit)]))
        stays_s = chance.uniform(60, 3600)
        later = at + timedelta(seconds=2)
        if chance.random() < 0.08:
            void = dataclasses.replace(visit, rev=1, void=True)
            stays_s = 5.0
            day.append((at_s + 5, [Revised(at=later, visit=void, reason="u_turn")]))
        elif chance.random() < 0.06:
            member = dataclasses.replace(visit, rev=1, who="member", subject=_SUBJECT)
            raised = Raised(at=later, kind="member_arrived", visit=visit.id, subject=_SUBJECT)
            revised = Revised(at=later, visit=member, reason="late_identity")
            day.append((at_s + 2, [revised, raised]))
        left = at + timedelta(seconds=stays_s)
        day.append((at_s + stays_s, _crossing(left, "out")))
    return sorted(day, key=lambda entry: entry[0])


def _crossing(at: datetime, direction: Direction) -> list[Change]:
    crossed = Crossed(
        at=at,
        camera="door",
        direction=direction,
        track=1,
        staff=False,
        turned_back=False,
        hours_open=True,
    )
    return [crossed, Occupied(at=at, people=7)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Played:
    """What playing a day took: events and bytes written."""

    events: int
    written: int


class _Box:
    """A store in which a day is played: eyes that commit, an uplink that marks what the hub has."""

    def __init__(self, folder: Path, *, plain: bool) -> None:
        if plain:
            _make_plain(folder)
        self.db, self._link = connect(folder), connect(folder)
        migrate(self.db)
        if plain:
            for db in (self.db, self._link):
                db.execute("PRAGMA wal_autocheckpoint=1000")
        self.clock = _DayClock()
        self._outbox = Outbox(self._link)
        self.epoch = self._outbox.begin_epoch(_OPENS, "run")
        self.log = SqliteVisitLog(self.db, self.epoch, "run")
        self._unmarked_since: float | None = None
        self._marked_at = float("-inf")
        self.recorder = Recorder(log=self.log, clock=self.clock, kept=self._kept)

    def _kept(self, _facts: Sequence[object]) -> None:
        if self._unmarked_since is None:
            self._unmarked_since = self.clock.elapsed_s

    def to(self, at_s: float, mark_every_s: float) -> None:
        """Let time pass; what is due meanwhile is done when it is due."""
        step = 0.1
        while self.recorder.held and self.clock.elapsed_s + step < at_s:
            self.clock.elapsed_s += step
            self.recorder.flush_if_due()
        self.clock.elapsed_s = max(at_s, self.clock.elapsed_s)
        self.mark(mark_every_s)

    def mark(self, every_s: float) -> None:
        """Mark that the hub has everything, if that is due."""
        if self._unmarked_since is None or self.clock.elapsed_s - self._marked_at < every_s:
            return
        (last,) = self.db.execute(
            "SELECT last_seq FROM epoch WHERE epoch = ?", [self.epoch]
        ).fetchone()
        _acknowledge(self._outbox, self.epoch, last, self.clock.now())
        self._marked_at, self._unmarked_since = self.clock.elapsed_s, None

    def close(self) -> None:
        """Close the store; the last checkpoint is done then."""
        self.db.close()
        self._link.close()


def _make_plain(folder: Path) -> None:
    """Make a database with SQLite's usual pages."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as made:
        made.execute("PRAGMA page_size=4096")
        made.execute("VACUUM")


def _acknowledge(outbox: Outbox, epoch: str, through: int, now: datetime) -> None:
    outbox.acknowledge(Ack(hello=None, epochs=(EpochAck(epoch=epoch, through=through),)), now)


def _play(box: _Box, *, singly: bool) -> _Played:
    """Play a day; singly: each change is a commit of its own, and each commit is marked."""
    before, began = _written(), time.monotonic()
    for at_s, changes in _busy_day():
        if time.monotonic() - began > _AT_MOST_S:
            break
        box.to(at_s, 0.0 if singly else MARK_EVERY_S)
        if not singly:
            box.recorder.add(changes)
            box.recorder.flush_if_due()
            continue
        for change in changes:
            box.recorder.add([change])
            box.recorder.flush()
            box.mark(0.0)
    box.recorder.add(
        Closed(at=box.clock.now(), visit=visit.id, reason="closing_time")
        for visit in box.log.open_visits()
    )
    box.recorder.flush()
    box.to(_OPEN_S + 60, 0.0)
    # A box that runs for long deletes each day what it kept a month ago: as much as comes in.
    prune(box.db, box.epoch, box.clock.now() + timedelta(days=100))
    (events,) = box.db.execute("SELECT last_seq FROM epoch").fetchone()
    box.close()
    return _Played(events=events, written=_written() - before)


def _written() -> int:
    for line in Path("/proc/self/io").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == "write_bytes":
            return int(value)
    raise RuntimeError("/proc/self/io: expected a line write_bytes, got none")


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="menkou-bench-") as name:
        yield Path(name)


def _day_case() -> Result | str:
    played = []
    for singly in (False, True):
        with _folder() as folder:
            played.append(_play(_Box(folder, plain=singly), singly=singly))
    # What a slow card had no time for is taken to be like the rest.
    ours, single = (5_000 * one.written / one.events / 1e6 for one in played)
    if not ours:
        return "outbox: bytes of a day: skipped, nothing is written to this file system; set TMPDIR"
    return Result(
        bench="outbox",
        case="bytes written on a day of 5,000 events, log and checkpoints included",
        value=round(ours, 1),
        unit="MB",
        baseline="a commit for each change, SQLite's usual pages and checkpoints",
        baseline_value=round(single, 1),
        ratio=round(single / ours, 2),
    )


def _minutes(count: int) -> list[tuple[CrossingMinute, Reading]]:
    reading = Reading(at=_OPENS, mono=1.0, clock="ok")
    body = CrossingMinute(
        camera="door",
        minute=_OPENS,
        rev=1,
        entered=2,
        left=1,
        entered_closed=0,
        left_closed=0,
        staff=0,
        turned_back=0,
    )
    return [(body, reading)] * count


def _fill(db: Database, count: int) -> None:
    """Put events into the outbox that wait: copies of one, which is all that counting needs."""
    outbox = Outbox(db)
    epoch = outbox.begin_epoch(_OPENS, "run")
    with transaction(db):
        outbox.append(epoch, _minutes(1))
        db.execute(
            "WITH RECURSIVE number (n) AS"
            " (SELECT 2 UNION ALL SELECT n + 1 FROM number WHERE n < ?)"
            " INSERT INTO outbox (epoch, seq, kind, at, event)"
            " SELECT epoch, n, kind, at, event FROM number, outbox WHERE seq = 1",
            [count],
        )
        db.execute("UPDATE epoch SET last_seq = ? WHERE epoch = ?", [count, epoch])


def _filled(db: Database, count: int, together: int) -> float:
    """Append events, some in each commit, each of which is marked; return how many a second."""
    outbox = Outbox(db)
    epoch = outbox.begin_epoch(_OPENS, "run")
    began, done = time.perf_counter(), 0
    while done < count and time.perf_counter() - began < _AT_MOST_S / 2:
        with transaction(db):
            outbox.append(epoch, _minutes(together))
        done += together
        _acknowledge(outbox, epoch, done, _OPENS)
    return done / (time.perf_counter() - began)


def _appended_case() -> Result:
    rates = []
    for count, together in ((20_000, 200), (1_000, 1)):
        with _folder() as folder:
            db = connect(folder)
            migrate(db)
            rates.append(_filled(db, count, together))
            db.close()
    return Result(
        bench="outbox",
        case="events appended and acknowledged, 200 a commit",
        value=round(rates[0]),
        unit="events/s",
        baseline="one a commit",
        baseline_value=round(rates[1]),
        ratio=round(rates[0] / rates[1], 2),
    )


def _backlog_case() -> Result:
    with _folder() as folder:
        db = connect(folder)
        migrate(db)
        _fill(db, _WAITING)
        outbox = Outbox(db)
        ours = _milliseconds(outbox.backlog)
        count = "SELECT count(*), min(at) FROM outbox WHERE seq > 0"
        counted = _milliseconds(lambda: db.execute(count).fetchone())
        db.close()
    return Result(
        bench="outbox",
        case="reading how much waits, of 100,000 events",
        value=round(ours, 3),
        unit="ms",
        baseline="counting the rows",
        baseline_value=round(counted, 3),
        ratio=round(counted / ours, 1),
    )


def _milliseconds(work: Callable[[], object], times: int = 20) -> float:
    """Return the median of how long a piece of work takes."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return sorted(took)[times // 2] * 1000
