"""All pages of head office in a real browser: on a wide screen, on paper, on a phone, and light.

What each page says is tested beside it; here, that all of them can be read everywhere.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Connection, insert

from cloud.accounts.scope import EVERYTHING
from cloud.anomalies.tables import anomaly
from cloud.app import create_app
from cloud.config import load
from cloud.counting.checks import Told, Who, draw_hour, enter
from cloud.db import migrate, open_engine, writing
from cloud.tables import hourly
from tests.browser.conftest import Site
from tests.browser.looks import (
    assert_prints,
    broken_figures,
    seriously_wrong,
    too_small_to_touch,
    too_wide,
)
from tests.support import tallies
from tests.support.counted import open_shop
from tests.support.fleets import boxed

Opener = Callable[..., Any]  # opens conftest.Watched
_DAY = timedelta(days=1)
_SHOPS = [f"nj-{number:03}" for number in range(1, 15)]
_MEMBERS = "sz-001"
_PAGES = (
    "",
    "today",
    "shops",
    f"shops/{_MEMBERS}",
    "shops/nj-002",
    "shops/nj-never",
    "funnel",
    f"funnel?shop={_MEMBERS}",
    "funnel?shop=nj-002",
    "channels",
    "consultants",
    "anomalies",
    "fleet",
    "fleet?show=all",
    "counting",
    "glossary",
)
"""With a shop that knows everything, one with a till but no members that is silent, and one that
never told anything."""


def _days(connection: Connection, now: datetime) -> None:
    people = {"members_new": 20, "members_back": 30, "kept": 25, "no_show": 15, "served": 80}
    for back in (*range(1, 64), 364):
        on = now.date() - back * _DAY
        for shop in _SHOPS:
            tallies.day(connection, shop, on, visitors=1_234, till_visitors=1_234, sales=123)
        more = {"faces_visitors": 300, "members": 50, "passers": 4_000, "captured": 300}
        known = {**people, **more, "booked": 40, "sales": 60, "till_visitors": 300}
        tallies.day(connection, _MEMBERS, on, basis="distinct", visitors=300, **known)
    tallies.sum_chain(connection)


def _anomalies(connection: Connection, now: datetime) -> None:
    for number, shop in enumerate(_SHOPS):
        kind = ("drop", "fewer") if number % 2 else ("silent", "box_silent")
        got = 12_201 if number % 2 else None
        times = {"since": now - 30 * timedelta(hours=1), "opened_at": now, "closed_at": None}
        row = {"id": f"01KAJ3V7Z0AAAAAAAAAAAAAA{number:02}", "store": shop, "got": got}
        usual = {"expected": 20_412.4, "low": 18_361, "high": 22_466}
        kinds = dict(zip(("kind", "reason"), kind, strict=True))
        connection.execute(insert(anomaly).values(**row, **kinds, **usual, **times))


def _fill(connection: Connection, now: datetime) -> None:
    for shop in (*_SHOPS, _MEMBERS):
        late = -_DAY if shop == "nj-002" else timedelta(hours=1)
        cameras = [["door", "lost" if shop == "nj-003" else "ok"]]
        named = f"南京东路步行街旗舰店（新百货一层东门 {shop}）"
        boxed(connection, shop, now, called=named, last_seen=now + late, cameras=cameras)
        basis = "distinct" if shop == _MEMBERS else "crossings"
        nobody = dict.fromkeys([column.name for column in hourly.c], 0)
        row = {"store": shop, "hour": int(now.timestamp()), "entered": 1_321, "basis": basis}
        connection.execute(insert(hourly).values(**{**nobody, **row}))
    tallies.shop(connection, "nj-never", called="还没有装设备的店")
    _days(connection, now)
    _anomalies(connection, now)
    open_shop(connection, "wx-001", now, cameras=("door",))
    who = Who(actor="local", role="head_office", scope=EVERYTHING)
    for _ in range(6):
        check = draw_hour(connection, who, "wx-001", "video", now)
        enter(connection, who, check, Told(entered=60, left=70), now)
    draw_hour(connection, who, "wx-001", "door", now)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Head office's own app over a chain with a shop of every kind; nothing here changes it."""
    folder: Path = tmp_path_factory.mktemp("office")
    engine = open_engine(f"sqlite:///{folder / 'hub.db'}")
    migrate(engine)
    with writing(engine) as connection:
        _fill(connection, datetime.now(UTC).replace(minute=0, second=0, microsecond=0))
    config = load(None, {"MENKOU_DATA_DIR": str(folder)})
    site = Site(None, lambda *_: create_app(config, engine), folder)
    site.start()
    yield site
    site.stop()
    engine.dispose()


@pytest.mark.parametrize("path", _PAGES)
def test_a_wide_screen_is_used_by_a_light_page_that_stands_in_one_line(
    office: Site, open_page: Opener, path: str
) -> None:
    page: Page = open_page(office.url + path, width=1920).page
    edges = [
        page.locator(part).first.evaluate(
            """e => { const box = e.getBoundingClientRect(), style = getComputedStyle(e);
            return [box.left + parseFloat(style.paddingLeft),
                    box.right - parseFloat(style.paddingRight)].map(Math.round); }"""
        )
        for part in (".site", ".office-places", "main")
    ]
    assert edges[0] == edges[1] == edges[2]
    assert edges[0][1] - edges[0][0] > 1500
    assert not too_wide(page)
    assert broken_figures(page) == []
    assert seriously_wrong(page) == []
    size: int = page.evaluate(
        """() => [...performance.getEntriesByType('navigation'),
        ...performance.getEntriesByType('resource')]
        .reduce((sum, e) => sum + e.decodedBodySize, 0)"""
    )
    assert 50_000 < size < 200_000, "before anything is packed"


@pytest.mark.parametrize("path", _PAGES)
def test_a_page_reads_on_paper(office: Site, open_page: Opener, path: str) -> None:
    assert_prints(open_page(office.url + path, language="en").page)  # its words are the longer


@pytest.mark.parametrize(
    "path", ["shops", "funnel", "channels", "consultants", f"shops/{_MEMBERS}"]
)
def test_paper_says_which_days_it_is_about(office: Site, open_page: Opener, path: str) -> None:
    page: Page = open_page(f"{office.url}{path}?from=2026-03-01&to=2026-03-21").page
    page.emulate_media(media="print")
    expect(page.locator("main")).to_contain_text("3月1日")
    expect(page.get_by_text("3月21日").first).to_be_visible()


@pytest.mark.parametrize("width", [375, 768])
@pytest.mark.parametrize("path", _PAGES)
def test_the_open_menu_can_be_read_and_touched(
    office: Site, open_page: Opener, path: str, width: int
) -> None:
    page: Page = open_page(office.url + path, width=width, has_touch=True).page
    page.locator(".places-menu > summary").click()
    for link in page.locator(".places-menu a").all():
        box = link.bounding_box()
        assert box is not None
        assert box["height"] >= 44
        assert 0 <= box["x"] <= width - box["width"]
    assert too_small_to_touch(page) == []
    assert not too_wide(page)
    assert broken_figures(page) == []
    assert seriously_wrong(page) == []


def test_on_a_phone_the_first_page_says_all_great_figures_before_the_list_of_shops(
    office: Site, open_page: Opener
) -> None:
    page: Page = open_page(office.url, width=375).page
    first = page.locator(".overview-group .hero-main").first.bounding_box()
    assert first is not None
    assert first["y"] + first["height"] < 2 * 812
    expect(page.locator(".overview-grid")).to_be_hidden()
    page.locator(".overview-fold > summary").click()
    expect(page.locator(".overview-grid > li")).to_have_count(len(_SHOPS) + 3)
    page.fill("#q", "nj-007")
    page.get_by_role("button", name="搜索").click()
    expect(page.locator(".overview-grid > li")).to_have_count(1)
    expect(page.locator(".overview-grid > li h3")).to_be_visible()
