"""`menkou-edge replay`: recordings through the same rules and stores."""

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlite_utils import Database

from edge.app.common import reading_of, stop_on_signals
from edge.app.counting import book_of, counting_of
from edge.app.keys import keyring
from edge.app.uplink import uplink_of
from edge.clock import SystemClock
from edge.config import EdgeConfig
from edge.config_sections import UplinkSection
from edge.core.book import VisitBook
from edge.core.visit import Visit
from edge.hardening import seal_process
from edge.keys.errors import KeyFault
from edge.learning import estimate
from edge.memory import STRANGERS_BYTES, SecretMemory, reserve
from edge.modes import MEANING, ModeStatus, basis_of, declared, judge
from edge.pipeline import Recorder
from edge.recognition import Recognition
from edge.replay import Interlude, Lines, RecordingClock, Replay
from edge.sensors.recording import Recording, quiet_opencv
from edge.store import figures
from edge.store.audit import Audit
from edge.store.database import StoreLock, connect, migrate
from edge.store.ledger import SqliteVisitLog
from edge.store.outbox import Origin, Outbox
from edge.store.people import member_of
from edge.store.presence import PresenceLog
from edge.store.switches import FACES, is_off
from edge.threads import one_thread
from edge.uplink.link import Condition
from menkou.errors import MenkouFault
from menkou.progress import Progress

log = logging.getLogger(__name__)
_MARK_EVERY_S: Final = 0.1
"""A command waits for the hub's word."""


class NotDelivered(MenkouFault):
    """The hub did not acknowledge everything in time; it waits in the outbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRequest:
    """What `menkou-edge replay` was asked for. `start` None: the recording begins now; one of
    `probes`, which has times of its own, when it was made, and cameras with it.

    `publish_s` None: nothing is sent; else how long to wait for the hub after the last frame.
    `interludes` are for a demonstration.
    """

    cameras: Mapping[str, Path]
    start: datetime | None
    emit: Callable[[dict[str, Any]], None]
    publish_s: float | None = None
    interludes: tuple[Interlude, ...] = ()
    probes: tuple[Path, ...] = ()


class Sending:
    """An uplink at work beside a command, in a thread of its own."""

    def __init__(self, config: EdgeConfig, section: UplinkSection, db: Database) -> None:
        self._stop = threading.Event()
        self._watch = Outbox(db)
        self._crash: BaseException | None = None
        condition = Condition(
            mode=declared(config, SystemClock().now()).mode,
            mode_wanted=config.privacy.mode,
            occupancy=figures.occupancy(db),
            cameras=(),
            controller=config.declaration.answering if config.declaration else None,
        )
        self._uplink = uplink_of(
            config,
            section,
            outbox=lambda: Outbox(connect(config.data_dir)),
            condition=lambda: condition,
            clock=SystemClock(),
            mark_every_s=_MARK_EVERY_S,
        )
        self._thread = threading.Thread(target=self._run, name="uplink")
        self._thread.start()

    def _run(self) -> None:
        try:
            self._uplink.run(self._stop)
        except BaseException as exc:
            self._crash = exc  # raised by `finish`, in the command's own thread
            raise

    def nudge(self) -> None:
        """Say that there is something new to send."""
        self._uplink.nudge()

    def close(self) -> None:
        """End the uplink."""
        self._stop.set()
        self._thread.join()

    def finish(self, timeout_s: float, given_up: Callable[[], bool]) -> None:
        """Wait until the hub has everything.

        Raises:
            NotDelivered: not all of it within `timeout_s`.
        """
        self._uplink.nudge()
        deadline = time.monotonic() + timeout_s
        progress = Progress(sys.stderr)
        while left := self._watch.backlog().events:
            if self._crash is not None:
                raise self._crash
            if time.monotonic() > deadline or given_up():
                raise NotDelivered(
                    f"{left} events were not acknowledged by the hub within {timeout_s:g} s;"
                    " they wait in the outbox and go out with the next run"
                )
            progress.show(partial("{} events are still to be acknowledged".format, left))
            time.sleep(0.05)
        progress.done()


@contextmanager
def sending(config: EdgeConfig, db: Database, wanted: bool) -> Iterator[Sending | None]:
    """Run an uplink while the block runs, if one is wanted and configured."""
    if not wanted or config.uplink is None:
        yield None
        return
    uplink = Sending(config, config.uplink, db)
    try:
        yield uplink
    finally:
        uplink.close()


@contextmanager
def opened(config: EdgeConfig) -> Iterator[Database]:
    """Hold the data directory and its database, brought up to date."""
    lock = StoreLock(config.data_dir)
    try:
        db = connect(config.data_dir)
        migrate(db)
        yield db
        db.close()
    finally:
        lock.release()


class Permission:
    """Which mode a recording may be played in, on its own clock."""

    def __init__(self, config: EdgeConfig, db: Database) -> None:
        self._config = config
        self._db = db
        self.root: bytes | None = None
        if config.privacy.mode != "count" and config.declaration is not None:
            try:
                self.root = keyring(config, db).root("template")
            except KeyFault as exc:
                log.error("faces cannot be read: %s", exc)

    def judge(self, now: datetime) -> ModeStatus:
        """Judge the mode at a moment of the recording."""
        return judge(
            self._config,
            now=now,
            clock="ok",
            faces_off=is_off(self._db, FACES),
            key=self.root is not None,
        )


def _recognition(
    config: EdgeConfig,
    permission: Permission,
    status: ModeStatus,
    request: ReplayRequest,
    book: VisitBook,
    db: Database,
    start: datetime,
) -> Recognition | None:
    for why in status.why:
        log.warning(
            "mode %s was asked for, %s is run: %s", status.wanted, status.mode, MEANING[why]
        )
    if status.mode == "count" or permission.root is None:
        return None
    from edge.app.faces import recognition_of  # loads the face models: never in `count`

    return recognition_of(
        config,
        status,
        cameras=request.cameras,
        book=book,
        db=db,
        root=permission.root,
        strangers=SecretMemory(reserve(STRANGERS_BYTES)) if status.everybody else None,
        whole=start,
        asked=False,
    )


def run_replay(config: EdgeConfig, request: ReplayRequest) -> list[str]:
    """Replay recordings, print what is kept and a summary; return the recordings' faults.

    Raises:
        edge.sensors.recording.CameraFault: a file cannot be read.
        edge.store.database.StoreFault: the data directory cannot be used.
        NotDelivered: the hub did not acknowledge everything in time.
    """
    seal_process(quietly=True)
    quiet_opencv()
    one_thread()
    stop = stop_on_signals()
    track = None
    if request.probes:
        from edge.app.probes import ProbeTrack  # memory for the day's key: only where it is needed

        track = ProbeTrack(config, request.probes, request.start)
    start = track.began if track else request.start or SystemClock().now()
    recordings = [
        Recording(camera=name, path=path, start=start) for name, path in request.cameras.items()
    ]
    publish = request.publish_s
    with opened(config) as db, sending(config, db, publish is not None) as uplink:
        clock = RecordingClock(start)
        origin: Origin = "private" if publish is None else "replay"
        permission = Permission(config, db)
        status = permission.judge(start)
        audit = Audit(db)

        def named(at: datetime, visit: Visit) -> None:
            detail = {"visit": visit.id, "sure": visit.sure, "origin": origin}
            audit.append(at=at, what="match", actor="replay", subject=visit.subject, detail=detail)

        # A recording has its own people in the shop; those of the living shop go on untouched.
        epoch = Outbox(db).begin_epoch(start, origin)
        visits = SqliteVisitLog(
            db,
            epoch,
            origin,
            basis=basis_of(status.mode),
            named=named,
        )
        keeper = PresenceLog(db, epoch, origin, reading=lambda: reading_of(clock))
        book = book_of(config, visits, start, goes_on=False)
        faces = _recognition(config, permission, status, request, book, db, start)
        counting = counting_of(config, request.cameras, book, faces)
        replay = Replay(
            recordings=recordings,
            clock=clock,
            counting=counting,
            recorder=lambda kept: Recorder(log=visits, clock=clock, kept=kept),
            lines=Lines(
                zone=config.store.zone,
                basis=visits.basis,
                member_of=lambda subject: member_of(db, subject),
                embedded=lambda: counting.embedded,
                devices=lambda index: estimate(db, visits.basis, index, config.store.zone),
            ),
            probes=track,
            keep=keeper.keep,
            emit=request.emit,
            kept=uplink.nudge if uplink else lambda: None,
            allowed=lambda now: permission.judge(now).mode != "count",
            interludes=request.interludes,
        )
        replay.run(stop.is_set)
        if uplink and publish is not None:
            uplink.finish(publish, stop.is_set)
    return replay.faults


def drain(config: EdgeConfig, timeout_s: float) -> int:
    """Send what waits in the outbox until the hub has all of it; return how much waited.

    Raises:
        NotDelivered: not all of it within `timeout_s`, or no uplink is configured.
        edge.store.database.StoreFault: the data directory cannot be used.
    """
    if config.uplink is None:
        raise NotDelivered("expected an [uplink] section with the broker, got none")
    stop = stop_on_signals()
    with opened(config) as db, sending(config, db, wanted=True) as uplink:
        before = Outbox(db).backlog().events
        if uplink:
            uplink.finish(timeout_s, stop.is_set)
        return before
