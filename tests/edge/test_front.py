"""The front process: no thread of it dies unnoticed; what it counts for the page."""

import threading
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from edge.bus import Bus, CameraNote, Note, PromptNote
from edge.clock import SteadyClock, SystemClock, boot_id
from edge.core.hours import OpeningHours
from edge.core.misses import expected_fnir
from edge.front import FrontProcess, PerThread, Shop, ShopFront
from edge.live import LiveState
from edge.store.database import connect, migrate
from edge.store.endings import withdraw
from edge.store.register import Register
from edge.store.timelines import Timelines
from menkou.listen import Listen
from menkou.web.stream import Broadcast
from tests.support.people import NOW, joined, profile_keys


class Died(Exception):
    """What a library's thread ended with."""


def front_of(folder: Path, live: LiveState, *, gallery: int = 20_000, **more: str) -> ShopFront:
    kernel = SystemClock(trusted=True)
    shop = Shop(
        store_id="nj-001",
        store_name="南京东路店",
        box_id="nj-001-a",
        mode_wanted="count",
        key_in_file=False,
        wifi=False,
        hours=OpeningHours(zone=ZoneInfo("Asia/Shanghai"), by_weekday=None),
        gallery=gallery,
        fpir=0.01,
        **more,
    )
    return ShopFront(
        shop=shop,
        db=PerThread(lambda: connect(folder)),
        live=live,
        clock=SteadyClock(kernel, Timelines(connect(folder), boot_id()).follow(kernel)),
        follow_time=lambda: None,
        names_locked=lambda: False,
    )


def test_head_office_is_told_who_answers_for_faces(tmp_path: Path) -> None:
    migrate(connect(tmp_path))
    front = front_of(tmp_path, LiveState(("door",)), controller="示例珠宝有限公司")
    assert front.condition().controller == "示例珠宝有限公司"
    assert front_of(tmp_path, LiveState(("door",))).condition().controller is None


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

    live = LiveState(("door",))
    front = front_of(tmp_path, live)
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


def test_who_is_left_out_of_the_search_is_counted_with_what_to_expect(tmp_path: Path) -> None:
    db = connect(tmp_path)
    migrate(db)
    register = Register(db, profile_keys(), actor="local", tell=lambda *_: None)
    ids = [joined(register, f"Member {seed}", seed=seed) for seed in range(3)]
    live = LiveState(("door",))
    front = front_of(tmp_path, live, gallery=2)
    assert front.view().gallery is None  # in `count` nobody is searched
    live.take(Note(sender="eyes", mode="entrance"))
    over = front.view().gallery
    assert over is not None
    assert (over.members, over.searched, over.fpir) == (3, 2, 0.01)
    assert over.missed == expected_fnir({2: 2}, 0.01).fnir
    withdraw(db, ids[0], NOW, actor="local", tell=lambda *_: None)
    assert front.view().gallery is None


def test_the_guests_screen_is_told_by_the_eyes_and_by_nobody_while_its_camera_is_lost() -> None:
    live = LiveState(("desk",))
    assert live.prompt("desk") is None
    for state, told in (("ok", "left"), ("lost", None)):
        camera = CameraNote(
            name="desk", state=state, since="2026-11-22T03:00:00Z", frames_per_s=15.0, dropped=0
        )
        asked = PromptNote(camera="desk", told="left")
        live.take(Note(sender="eyes", cameras=(camera,), prompts=(asked,)))
        assert live.prompt("desk") == told
    assert live.prompt("door") is None


def test_a_pause_of_check_in_and_a_mirrored_camera_are_noticed(tmp_path: Path) -> None:
    migrate(connect(tmp_path))
    live = LiveState(("desk",))
    front = front_of(tmp_path, live)
    prompts = (PromptNote(camera="desk", told="pause"),)
    live.take(Note(sender="eyes", mode="checkin", prompts=prompts, mirrored=True))
    assert {"checkin_paused", "camera_mirrored"} <= set(front.view().notices)
    assert live.prompt("desk") == "pause"
    live.take(Note(sender="eyes", mode="checkin"))
    assert not {"checkin_paused", "camera_mirrored"} & set(front.view().notices)
