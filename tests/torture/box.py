"""A box without cameras: random crossings, visits and alerts through the real store and uplink.

A process of the torture (`python -m tests.torture.box`), killed at any moment. All from the clock
to MQTT is the box's own; only what happens at its doors is made up.
"""

import argparse
import logging
import random
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from ulid import ULID

from edge.app.common import reading_of, stop_on_signals, timelines
from edge.app.timekeeper import StoreTimekeeper
from edge.app.uplink import uplink_of
from edge.clock import SteadyClock, SystemClock, boot_id
from edge.config import load
from edge.core.visit import (
    Change,
    Closed,
    Crossed,
    Direction,
    Opened,
    Raised,
    Revised,
    ReviseReason,
    Visit,
)
from edge.pipeline import Recorder
from edge.ports import Clock, ClockState, Fact
from edge.store.clockfix import ClockFix
from edge.store.database import StoreLock, connect, fitting, migrate
from edge.store.ledger import SqliteVisitLog
from edge.store.outbox import Outbox
from edge.uplink.link import Condition

_TICK_S = 0.01
_LOOK_S = 0.2
_MEMBERS = 40
_RECENT = 200


class WrongClock:
    """The system's clock, wrong by the seconds that stand in a file, and believed if it says so."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._true = SystemClock(trusted=True)

    def now(self) -> datetime:
        """Return the wrong time."""
        return self._true.now() + timedelta(seconds=int(self._said()[0]))

    def mono(self) -> float:
        """Return seconds of the monotonic clock, which nobody can set."""
        return self._true.mono()

    def state(self) -> ClockState:
        """Return what the kernel says."""
        return "ok" if self._said()[1] == "ok" else "suspect"

    def _said(self) -> list[str]:
        # Written in one go, but perhaps not yet.
        return self._file.read_text().split() or ["0", "suspect"]


class Doors:
    """What happens at the doors of one shop, at a rate at which no book could remember it."""

    def __init__(self, clock: Clock, chance: random.Random) -> None:
        self._clock = clock
        self._chance = chance
        self._track = chance.randrange(1 << 30)
        # The same members at every start of this box.
        self._members = [str(ULID.from_bytes(bytes([n]) * 16)) for n in range(_MEMBERS)]
        self._visits: deque[Visit] = deque(maxlen=_RECENT)

    def happens(self) -> list[Change]:
        """Return what the next thing that happens makes known."""
        chance, at = self._chance, self._clock.now()
        if self._visits and chance.random() < 0.4:
            return self._later(at)
        entered = chance.random() < 0.6
        crossed = self._crossed(at, "in" if entered else "out")
        if not entered or crossed.staff:
            return [crossed]
        visit = Visit(
            id=str(ULID.from_datetime(at)),
            rev=0,
            opened_at=at,
            camera=crossed.camera,
            who="visitor",
        )
        self._visits.append(visit)
        return [crossed, Opened(visit=visit)]

    def _crossed(self, at: datetime, direction: Direction) -> Crossed:
        self._track += 1
        return Crossed(
            at=at,
            camera=self._chance.choice(("door", "side")),
            direction=direction,
            track=self._track,
            staff=self._chance.random() < 0.05,
            turned_back=False,
            hours_open=self._chance.random() < 0.95,
        )

    def _later(self, at: datetime) -> list[Change]:
        """Return what becomes known of a visit afterwards."""
        at_index = self._chance.randrange(len(self._visits))
        visit = self._visits[at_index]
        match self._chance.randrange(4):
            case 0:
                del self._visits[at_index]
                return [Closed(at=at, visit=visit.id, reason="closing_time")]
            case 1:
                changed = replace(visit, rev=visit.rev + 1, void=not visit.void)
                reason: ReviseReason = "u_turn"
            case _:
                subject = self._chance.choice(self._members)
                again = self._chance.random() < 0.3
                changed = replace(
                    visit,
                    rev=visit.rev + 1,
                    who="member",
                    subject=subject,
                    reentry=again,
                    first_visit=visit.id if again else None,
                )
                reason = "late_identity"
        self._visits[at_index] = changed
        changes: list[Change] = [Revised(at=at, visit=changed, reason=reason)]
        if changed.subject is not None and reason == "late_identity":
            changes.append(
                Raised(at=at, kind="member_arrived", visit=changed.id, subject=changed.subject)
            )
        return changes


def main() -> None:
    """Run until SIGTERM; make nothing new up while the file `halt` is there."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--rate", type=float, required=True, help="happenings a second")
    parser.add_argument("--clock", type=Path, required=True, help="by how many seconds it is wrong")
    parser.add_argument("--halt", type=Path, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    config = load(arguments.config)
    assert config.uplink is not None
    stop = stop_on_signals()
    lock = StoreLock(config.data_dir, patience_s=10)
    try:
        limit_bytes = config.box.store_limit
        db = connect(config.data_dir, limit_bytes=limit_bytes)
        migrate(db)
        kernel, times = WrongClock(arguments.clock), timelines(db)
        clock = SteadyClock(kernel, times.follow(kernel))
        epoch = Outbox(db).begin_epoch(clock.now(), "run", boot_id())
        visits = SqliteVisitLog(
            db,
            epoch,
            "run",
            basis="distinct",
            boot=boot_id(),
            limit_bytes=lambda: fitting(config.data_dir, limit_bytes),
        )
        keeper = StoreTimekeeper(
            kernel=kernel,
            clock=clock,
            timelines=times,
            fix=ClockFix(db, epoch, config.opening_hours, lambda: reading_of(clock)),
        )
        keeper.mend_first()
        uplink = uplink_of(
            config,
            config.uplink,
            outbox=lambda: Outbox(connect(config.data_dir)),
            condition=lambda: Condition(mode="count", mode_wanted="count", occupancy=0, cameras=()),
            clock=clock,
        )

        def kept(_facts: Sequence[Fact]) -> None:
            uplink.nudge()

        recorder = Recorder(log=visits, clock=clock, kept=kept, timeline=lambda: clock.timeline)
        doors = Doors(clock, random.Random())
        sender = threading.Thread(target=uplink.run, args=(stop,), name="uplink")
        sender.start()
        _live(recorder, doors, keeper, arguments.rate, arguments.halt, stop)
        recorder.flush()
        sender.join()
    finally:
        lock.release()


def _live(
    recorder: Recorder,
    doors: Doors,
    keeper: StoreTimekeeper,
    rate: float,
    halt: Path,
    stop: threading.Event,
) -> None:
    began, done = time.monotonic(), 0.0
    looked = began
    while not stop.wait(_TICK_S):
        now = time.monotonic()
        if now - looked >= _LOOK_S:
            looked = now
            keeper.look()
            keeper.mend()
        if halt.exists():
            recorder.flush()
            began, done = now, 0.0
            continue
        due = (now - began) * rate
        while done < due:
            recorder.add(doors.happens())
            done += 1
        recorder.flush_if_due()


if __name__ == "__main__":
    main()
