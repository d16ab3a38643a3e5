"""What the supervisor does for the store while the box runs, and what the pages say of it."""

import threading
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests

from edge.app import box as box_app
from edge.app import common
from edge.config import EdgeConfig, load
from edge.ports import ClockState
from edge.store.ballast import FILE_NAME
from edge.store.database import connect, migrate, transaction
from edge.store.limit import Bounds
from edge.store.outbox import Outbox
from tests.support.days import BEGAN, keep_days
from tests.support.front import FrontBox
from tests.support.processes import until


def a_box(folder: Path) -> EdgeConfig:
    (folder / "edge.toml").write_text(
        '[store]\nid = "nj-001"\nname = "n"\ntimezone = "Asia/Shanghai"\n'
        '[box]\nid = "nj-001-a"\ndata_dir = "data"\nclock = "host"\n'
    )
    config = load(folder / "edge.toml")
    config.data_dir.mkdir()
    return config


def test_a_running_box_deletes_what_is_old_and_reserves_its_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(box_app, "TIDY_EVERY_S", 0.05)
    config = a_box(tmp_path)
    db = connect(config.data_dir)
    migrate(db)
    # A private replay of long ago, whose events nobody waits for, and the living epoch.
    keep_days(db, Outbox(db).begin_epoch(BEGAN, "private"), 1)
    epoch = Outbox(db).begin_epoch(BEGAN, "run")
    keep_days(db, epoch, 1)
    stop = threading.Event()
    thread = threading.Thread(target=box_app.keep_tidy, args=(config, epoch, stop))
    thread.start()
    try:
        until(
            lambda: db.table("outbox").count == Outbox(db).backlog().events,
            what="the end of the replay's events",
        )
        assert (config.data_dir / FILE_NAME).exists()
    finally:
        stop.set()
        thread.join()
        db.close()


class Kernel:
    """The clock of a machine that thinks it is years later, until a time server is reached."""

    def __init__(self) -> None:
        self.now_at = BEGAN + timedelta(days=2_000)
        self.word: ClockState = "suspect"

    def now(self) -> datetime:
        return self.now_at

    def mono(self) -> float:
        return 5.0

    def state(self) -> ClockState:
        return self.word


def test_what_keeps_the_store_steps_with_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel, looked = Kernel(), list[tuple[datetime, str]]()
    monkeypatch.setattr(box_app, "TIDY_EVERY_S", 0.02)
    monkeypatch.setattr(common, "kept_clock", lambda _: kernel)
    monkeypatch.setattr(box_app, "kept_clock", lambda _: kernel)
    forgot = list[datetime]()
    monkeypatch.setattr(box_app, "forget_past", lambda _, now: forgot.append(now))

    def look(bounds: Bounds) -> None:
        looked.append((bounds._clock.now(), bounds._clock.state()))

    monkeypatch.setattr(Bounds, "look", look)
    config = a_box(tmp_path)
    db = connect(config.data_dir)
    migrate(db)
    stop = threading.Event()
    thread = threading.Thread(target=box_app.keep_tidy, args=(config, "e" * 32, stop))
    thread.start()
    try:
        until(lambda: len(looked) > 1, what="a look by the doubtful clock")
        assert looked[-1] == (BEGAN + timedelta(days=2_000), "suspect")
        assert not forgot, "nothing is past by a clock that nobody vouches for"
        kernel.now_at, kernel.word = BEGAN + timedelta(days=100), "ok"
        until(lambda: looked[-1] == (kernel.now_at, "ok"), what="a look by the right clock")
        until(lambda: kernel.now_at in forgot, what="the past appointments")
    finally:
        stop.set()
        thread.join()
        db.close()


@pytest.mark.parametrize("state", ["early", "hourly", "refused"])
def test_the_shops_page_says_how_full_the_store_is(tmp_path: Path, state: str) -> None:
    with closing(FrontBox(tmp_path)) as front:
        front.start()
        with transaction(front.box.db) as db:
            moment = "2026-11-22T00:00:00.000Z"
            db.execute("INSERT INTO storage VALUES (1, ?, ?)", [state, moment])
        shown = requests.get(f"http://127.0.0.1:{front.port}/api/state", timeout=5).json()
    assert f"storage_{state}" in shown["notices"]
