"""What the supervisor does for the store while the box runs, and what the pages say of it."""

import threading
from contextlib import closing
from pathlib import Path

import pytest
import requests

from edge.app import box as box_app
from edge.config import load
from edge.store.ballast import FILE_NAME
from edge.store.database import connect, migrate, transaction
from edge.store.outbox import Outbox
from tests.support.days import BEGAN, keep_days
from tests.support.front import FrontBox
from tests.support.processes import until


def test_a_running_box_deletes_what_is_old_and_reserves_its_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(box_app, "TIDY_EVERY_S", 0.05)
    (tmp_path / "edge.toml").write_text(
        '[store]\nid = "nj-001"\nname = "n"\ntimezone = "Asia/Shanghai"\n'
        '[box]\nid = "nj-001-a"\ndata_dir = "data"\n'
    )
    config = load(tmp_path / "edge.toml")
    config.data_dir.mkdir()
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


@pytest.mark.parametrize("state", ["early", "hourly", "refused"])
def test_the_shops_page_says_how_full_the_store_is(tmp_path: Path, state: str) -> None:
    with closing(FrontBox(tmp_path)) as front:
        front.start()
        with transaction(front.box.db) as db:
            moment = "2026-11-22T00:00:00.000Z"
            db.execute("INSERT INTO storage VALUES (1, ?, ?)", [state, moment])
        shown = requests.get(f"http://127.0.0.1:{front.port}/api/state", timeout=5).json()
    assert f"storage_{state}" in shown["notices"]
