"""The front process: no thread of it dies unnoticed."""

import threading
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from edge.bus import Bus
from edge.clock import SteadyClock, SystemClock, boot_id
from edge.core.hours import OpeningHours
from edge.front import FrontProcess, PerThread, Shop, ShopFront
from edge.live import LiveState
from edge.store.database import connect, migrate
from edge.store.timelines import Timelines
from menkou.listen import Listen
from menkou.web.stream import Broadcast


class Died(Exception):
    """What a library's thread ended with."""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_a_worker_started_ends_the_process_when_it_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "edge.front.serve", lambda *_, stop, **__: stop.wait(30) or pytest.fail("it went on")
    )
    migrate(connect(tmp_path))

    def worker(stop: threading.Event) -> None:
        def carry() -> None:
            raise Died

        threading.Thread(target=carry).start()
        stop.wait(30)

    kernel = SystemClock(trusted=True)
    times = Timelines(connect(tmp_path), boot_id())
    live = LiveState(("door",))
    shop = Shop(
        store_id="nj-001",
        store_name="南京东路店",
        box_id="nj-001-a",
        mode_wanted="count",
        wifi_wanted=False,
        key_in_file=False,
        hours=OpeningHours(zone=ZoneInfo("Asia/Shanghai"), by_weekday=None),
    )
    db = PerThread(lambda: connect(tmp_path))
    front = ShopFront(
        shop=shop,
        db=db,
        live=live,
        clock=SteadyClock(kernel, times.follow(kernel)),
        follow_time=lambda: None,
        names_locked=lambda: False,
    )
    bus = Bus(tmp_path / "run", "front")
    process = FrontProcess(
        app=Flask("front"),
        listen=Listen(host="127.0.0.1", port=0),
        front=front,
        live=live,
        bus=bus,
        broadcast=Broadcast(),
        beside=[worker],
    )
    with pytest.raises(Died):
        process.run(threading.Event(), ready=lambda _: None)
    bus.close()
