"""What every process of the box is put together with."""

import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import NoReturn

from sqlite_utils import Database

from edge.clock import SteadyClock, SystemClock, boot_id, in_virtual_machine
from edge.config import EdgeConfig
from edge.desired import laid_as_far
from edge.drawn import drawn_over
from edge.ports import Clock
from edge.store.database import FILE_NAME, StoreBusy, StoreLock, connect, migrate
from edge.store.drawing import drawings
from edge.store.orders import wish_of
from edge.store.outbox import Reading
from edge.store.schema import migrations
from edge.store.timelines import Timelines

log = logging.getLogger(__name__)


def stop_on_signals() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def begin_anew(why: str) -> NoReturn:
    """Replace this process by a new one of the same part."""
    log.warning("%s", why)
    os.execv(sys.executable, [sys.executable, "-m", "edge", *sys.argv[1:]])


def run_dir(config: EdgeConfig) -> Path:
    """Return where the box's processes meet."""
    return config.data_dir / "run"


def kept_clock(config: EdgeConfig) -> SystemClock:
    """Return the system's clock, believed as far as the settings or the machine say."""
    kept_by = config.box.clock or ("host" if in_virtual_machine() else "kernel")
    return SystemClock(trusted=kept_by == "host")


def timelines(db: Database) -> Timelines:
    """Return what this start of the machine dates by."""
    return Timelines(db, boot_id())


def steady_clock(config: EdgeConfig, db: Database) -> SteadyClock:
    """Return the box's clock as it stands now; it steps when it is told to."""
    kernel = kept_clock(config)
    return SteadyClock(kernel, timelines(db).follow(kernel))


def settings_in_force(config: EdgeConfig, db: Database) -> EdgeConfig:
    """Return the box's settings with what the manager drew and head office laid over them."""
    drawn = {name: one.drawing for name, one in drawings(db).items() if one.drawing is not None}
    return laid_as_far(drawn_over(config, drawn), wish_of(db))


def ready_store(data_dir: Path) -> Database:
    """Open the store for a command; make it, or bring it up to date, where no box has done so.

    Raises:
        StoreBusy: it must be changed, and a running box works in it.
    """
    if (data_dir / FILE_NAME).exists():
        db = connect(data_dir)
        if not _pending(db):
            return db
        db.close()
    try:
        lock = StoreLock(data_dir)
    except StoreBusy:
        # A box that starts just now makes its tables under the lock that it holds.
        if (data_dir / FILE_NAME).exists() and not _pending(db := connect(data_dir)):
            return db
        raise
    try:
        db = connect(data_dir)
        migrate(db)
    finally:
        lock.release()
    return db


def _pending(db: Database) -> bool:
    return bool(list(migrations.pending(db)))


def reading_of(clock: Clock) -> Reading:
    """Return the clocks as they stand now."""
    return Reading(at=clock.now(), mono=clock.mono(), clock=clock.state())
