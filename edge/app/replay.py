"""`menkou-edge replay`: recordings through the same rules and stores."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from edge.app.common import stop_on_signals
from edge.app.counting import counting_of
from edge.app.uplink import uplink_of
from edge.clock import SystemClock
from edge.config import EdgeConfig, effective_mode
from edge.pipeline import Recorder
from edge.replay import RecordingClock, Replay
from edge.sensors.recording import Recording, quiet_opencv
from edge.store import figures
from edge.store.database import StoreLock, connect, migrate
from edge.store.ledger import SqliteVisitLog
from edge.store.outbox import Outbox
from edge.uplink.mqtt import Condition
from menkou.errors import MenkouFault


class NotDelivered(MenkouFault):
    """The hub did not acknowledge everything in time; it waits in the outbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRequest:
    """What `menkou-edge replay` was asked for. `start` None: the recording begins now."""

    cameras: Mapping[str, Path]
    start: datetime | None
    emit: Callable[[str], None]


def run_replay(config: EdgeConfig, request: ReplayRequest) -> tuple[dict[str, Any], list[str]]:
    """Replay recordings; return the summary and what was wrong with the recordings.

    Raises:
        edge.sensors.recording.CameraFault: a file cannot be read.
        edge.store.database.StoreFault: the data directory cannot be used.
    """
    quiet_opencv()
    stop = stop_on_signals()
    start = request.start or SystemClock().now()
    recordings = [
        Recording(camera=name, path=path, start=start) for name, path in request.cameras.items()
    ]
    lock = StoreLock(config.data_dir)
    try:
        db = connect(config.data_dir)
        migrate(db)
        clock = RecordingClock(start)
        visits = SqliteVisitLog(db, Outbox(db).begin_epoch(start, "replay"))
        replay = Replay(
            recordings=recordings,
            clock=clock,
            counting=counting_of(config, request.cameras, visits),
            recorder=lambda kept: Recorder(log=visits, clock=clock, kept=kept),
            zone=config.store.zone,
            emit=request.emit,
        )
        return replay.run(stop.is_set), replay.faults
    finally:
        lock.release()


def drain(config: EdgeConfig, timeout_s: float) -> int:
    """Send what waits in the outbox until the hub has all of it; return how much waited.

    Raises:
        NotDelivered: not all of it within `timeout_s`, or no uplink is configured.
        edge.store.database.StoreFault: the data directory cannot be used.
    """
    if config.uplink is None:
        raise NotDelivered("expected an [uplink] section with the broker, got none")
    stop = stop_on_signals()
    lock = StoreLock(config.data_dir)
    try:
        db = connect(config.data_dir)
        migrate(db)
        before = Outbox(db).backlog().events
        condition = Condition(
            mode=effective_mode(config),
            mode_wanted=config.privacy.mode,
            occupancy=figures.occupancy(db),
            cameras=(),
        )
        uplink = uplink_of(
            config,
            config.uplink,
            outbox=lambda: Outbox(db),
            condition=lambda: condition,
            clock=SystemClock(),
        )
        timer = threading.Timer(timeout_s, stop.set)
        timer.daemon = True
        timer.start()
        began = time.monotonic()
        uplink.run(stop, until_empty=True)
        timer.cancel()
        left = Outbox(db).backlog().events
        if left:
            waited_s = time.monotonic() - began
            raise NotDelivered(
                f"{left} of {before} events were not acknowledged by the hub within"
                f" {waited_s:.0f} s; they wait in the outbox and go out with the next run"
            )
        return before
    finally:
        lock.release()
