"""What the shop's page works out from the shop's figures, and the app around it."""

import dataclasses
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.console.page import shop_page
from edge.console.view import CameraView, GalleryView, HourFigures, ShopView
from menkou.listen import Listen
from tests.web.shopbox import ShopBox

MIDNIGHT = datetime(2026, 11, 21, tzinfo=ZoneInfo("Asia/Shanghai"))
NOW = MIDNIGHT + timedelta(hours=11, minutes=30)


def _hours(*, opens: int, closes: int, busy: dict[int, int]) -> tuple[HourFigures, ...]:
    return tuple(
        HourFigures(
            start=MIDNIGHT + timedelta(hours=hour),
            visitors=busy.get(hour, 0),
            entered=busy.get(hour, 0),
            left=0,
            open=opens <= hour < closes,
            current=hour == NOW.hour,
        )
        for hour in range(24)
    )


def _view(**changes: Any) -> ShopView:
    ordinary = ShopView(
        store_id="nj-001",
        store_name="<script>alert(1)</script>",
        box_id="nj-001-a",
        now=NOW,
        mode="count",
        mode_wanted="count",
        faces_off=False,
        key_in_file=False,
        basis="crossings",
        notices=(),
        minute_entered=0,
        minute_left=0,
        visitors=7,
        reentries=0,
        members=0,
        entered=8,
        left=3,
        occupancy=5,
        turned_back=1,
        staff=0,
        outside_hours=0,
        always_open=False,
        opens=MIDNIGHT + timedelta(hours=10),
        closes=MIDNIGHT + timedelta(hours=22),
        hours=_hours(opens=10, closes=22, busy={10: 3, 11: 4}),
        cameras=(CameraView(name="front", state="ok", since=None, frames_per_s=None),),
        parts=(),
        uplink="connected",
        backlog=0,
        last_crossing=None,
    )
    return dataclasses.replace(ordinary, **changes)


def _shown_hours(view: ShopView) -> list[int]:
    return [column.hour.start.hour for column in shop_page(view).hours]


def test_the_night_is_left_out_but_for_an_hour_on_each_side() -> None:
    assert _shown_hours(_view()) == list(range(9, 23))


def test_whoever_came_at_night_is_shown() -> None:
    night = _hours(opens=10, closes=22, busy={3: 1})
    assert _shown_hours(_view(hours=night))[0] == 2


def test_a_short_day_keeps_enough_hours_to_read() -> None:
    assert len(_shown_hours(_view(hours=_hours(opens=11, closes=12, busy={})))) == 8


def test_with_no_hours_at_all_nothing_is_drawn() -> None:
    page = shop_page(_view(hours=(), opens=None, closes=None))
    assert page.hours == ()
    assert page.is_open is None


@pytest.mark.parametrize(
    ("uplink", "backlog", "said"),
    [
        pytest.param("none", 900, "none", id="no head office"),
        pytest.param("connected", 0, "sent", id="all sent"),
        pytest.param("connected", 3, "sending", id="being sent"),
        pytest.param("offline", 3, "waiting", id="kept"),
        pytest.param("offline", 0, "offline", id="nothing to send"),
    ],
)
def test_the_way_to_head_office_is_one_of_five(uplink: str, backlog: int, said: str) -> None:
    assert shop_page(_view(uplink=uplink, backlog=backlog)).uplink == said


def test_the_worst_notice_comes_first_and_an_unknown_one_is_kept() -> None:
    lost = CameraView(name="door", state="lost", since=None, frames_per_s=None)
    page = shop_page(_view(notices=("clock_suspect", "from_the_future"), cameras=(lost,)))
    assert [notice.code for notice in page.notices] == [
        "camera_lost",
        "clock_suspect",
        "from_the_future",
    ]
    assert page.blind


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ("20,000 of 250,000 members are searched", "About 37 %", "230,000", "1 % of")),
        ("zh", ("250,000 位会员中，有 20,000 位", "37%", "230,000", "误认率为 1%", "一次性码")),
    ],
)
def test_who_is_not_searched_by_face_is_told_with_what_to_expect(
    tmp_path: Path, language: str, said: tuple[str, ...]
) -> None:
    over = GalleryView(members=250_000, searched=20_000, fpir=0.01, missed=0.374, extrapolated=True)
    view = _view(mode="entrance", mode_wanted="entrance", gallery=over)
    client = ShopBox(tmp_path).app(lambda: view, Listen(host="127.0.0.1", port=0)).test_client()
    page = client.get(f"/live?lang={language}").text
    assert [words for words in said if words not in page] == []
    assert 'href="/codes"' in page
    state: Any = client.get("/api/state").json
    assert state["gallery"]["searched"] == 20_000


@pytest.fixture
def client(tmp_path: Path) -> Any:
    app = ShopBox(tmp_path).app(_view, Listen(host="127.0.0.1", port=0))
    return app.test_client()


def test_the_same_figures_are_had_as_json(client: Any) -> None:
    state = client.get("/api/state").json
    assert state["visitors"] == 7
    assert state["now"] == "2026-11-21T11:30:00+08:00"
    assert state["hours"][10]["visitors"] == 3


def test_the_part_is_within_the_page(client: Any) -> None:
    part = client.get("/live?lang=en").text
    assert "<html" not in part
    assert part in client.get("/?lang=en").text


def test_a_name_is_text_and_never_markup(client: Any) -> None:
    page = client.get("/").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_a_camera_named_like_a_part_keeps_its_name(client: Any) -> None:
    assert "Camera front" in client.get("/live?lang=en").text


def test_the_page_may_be_asked_whether_it_lives(client: Any) -> None:
    assert client.get("/healthz").json == {"ok": True}


def test_why_nobody_is_recognised_is_told_on_every_page(tmp_path: Path) -> None:
    view = _view(notices=("declaration_expired",), mode_wanted="entrance")
    client = ShopBox(tmp_path).app(lambda: view, Listen(host="127.0.0.1", port=0)).test_client()
    for path in ("/", "/live", "/arrivals", "/arrivals/live", "/devices"):
        assert "The declaration has expired" in client.get(f"{path}?lang=en").text


@pytest.mark.parametrize(
    ("told", "language", "words"),
    [
        ("left", "en", "Please turn your head slowly to your left"),
        ("left", "zh", "请把头慢慢转向您的左边"),
        ("code", "en", "Use your code, or ask one of us: it works just as well"),
        ("code", "zh", "请使用您的会员码，或联系店员，效果相同"),
        ("pause", "en", "Please check in with one of us"),
        ("pause", "zh", "请到店员处签到"),
        (None, "en", "To check in, please stop here and look at the camera"),
        ("from the future", "en", "To check in, please stop here and look at the camera"),
    ],
)
def test_the_guests_screen_says_what_to_do_and_names_nobody(
    tmp_path: Path, told: str | None, language: str, words: str
) -> None:
    box = ShopBox(tmp_path)
    if told is not None:
        box.told["counter"] = told
    client = box.app(_view, Listen(host="127.0.0.1", port=0)).test_client()
    for path in ("/checkin/counter", "/checkin/counter/live"):
        page = client.get(path, headers={"Accept-Language": language})
        assert page.status_code == 200
        assert words in page.text
    assert 'data-live="/checkin/counter/live' in client.get("/checkin/counter").text


def test_without_a_name_the_guests_screen_is_that_of_the_first_camera(tmp_path: Path) -> None:
    box = ShopBox(tmp_path)
    box.told["desk"] = "right"
    client = box.app(_view, Listen(host="127.0.0.1", port=0)).test_client()
    assert 'data-told="right"' in client.get("/checkin").text
    assert client.get("/checkin/door").status_code == 404
