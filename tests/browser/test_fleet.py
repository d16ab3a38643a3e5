"""The pages of the fleet and of the counting audit in a real browser."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import Engine, update

from cloud.accounts.scope import EVERYTHING
from cloud.app import create_app
from cloud.config import load
from cloud.counting.checks import Told, Who, draw_hour, enter
from cloud.db import open_engine, writing
from cloud.desired import set_desired
from cloud.orders import Issuer
from cloud.tables import box
from edge.wire.orders import ConfigOrder
from tests.browser.conftest import Site
from tests.browser.looks import seriously_wrong, too_small_to_touch, too_wide
from tests.support.counted import open_shop
from tests.support.databases import make_hub_database
from tests.support.fleets import boxed

Opener = Callable[..., Any]
HOUR = timedelta(hours=1)
WIDTHS = (375, 768, 1440, 1920)


def _fill(engine: Engine, now: datetime) -> None:
    """Sixty boxes, some in every kind of trouble, and two shops that were audited."""
    late = now + HOUR  # while the test looks, nobody else falls silent
    troubles: list[dict[str, Any]] = [
        {"last_seen": now - 30 * HOUR, "called": "南京东路步行街旗舰店（新百货一层东门）"},
        {"last_seen": None, "version": None, "mode": None, "clock": None, "cameras": []},
        {"cameras": [["door", "frozen"], ["side", "ok"]], "clock": "suspect"},
        {"temperature_c": 91, "disk_free_mb": 300, "storage": "refused"},
        {"backlog": 9_000, "oldest_unacked_at": now - 9 * HOUR},
        {"mode_wanted": "entrance", "mode_why": "declaration_expired", "version": "1.3.9"},
    ]
    with writing(engine) as connection:
        for number in range(60):
            changes = troubles[number] if number < len(troubles) else {}
            boxed(connection, f"nj-{number:03}", now, **{"last_seen": late, **changes})
        wish = dict.fromkeys(("hours", "window_s_at_most", "since", "who", "wifi"))
        order = ConfigOrder(version=1, name="新名", mode_at_most="count", **wish)
        set_desired(connection, Issuer(), ("nj-000", ""), order, now)
        who = Who(actor="local", role="head_office", scope=EVERYTHING)
        for shop in ("sz-001", "sz-002"):
            open_shop(connection, shop, now, cameras=("door", "side"))
            connection.execute(update(box).where(box.c.store == shop).values(last_seen=late))
            for _ in range(6):
                check = draw_hour(connection, who, shop, "video", now)
                enter(connection, who, check, Told(entered=60, left=70), now)
        draw_hour(connection, who, "sz-001", "video", now)
        draw_hour(connection, who, "sz-002", "door", now)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    make_hub_database(tmp_path / "hub.db")
    engine = open_engine(f"sqlite:///{tmp_path / 'hub.db'}")
    _fill(engine, datetime.now(UTC).replace(minute=0, second=0, microsecond=0))
    app: Flask = create_app(load(None, {"MENKOU_DATA_DIR": str(tmp_path)}), engine)
    made = Site(None, lambda *_: app, tmp_path)
    made.start()
    yield made
    made.stop()
    engine.dispose()


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("path", ["fleet", "fleet?show=all&page=2", "counting"])
def test_the_pages_hold_at_every_width_and_for_every_reader(
    site: Site, open_page: Opener, path: str, language: str
) -> None:
    watched = open_page(f"{site.url}{path}", language=language, has_touch=True)
    page: Page = watched.page
    for summary in page.locator("main details > summary").all():
        summary.click()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert not too_wide(page), f"scrolls sideways at {width} px"
    page.set_viewport_size({"width": 375, "height": 900})
    assert too_small_to_touch(page) == []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert seriously_wrong(page) == []
    assert watched.complaints == []
    assert watched.hosts == {site.url.split("/")[2]}


def test_the_fleet_is_a_table_on_a_desk_and_cards_on_a_phone_and_says_what_is_wrong(
    site: Site, open_page: Opener
) -> None:
    page: Page = open_page(f"{site.url}fleet").page
    expect(page.locator(".fleet-table tbody tr")).to_have_count(5)
    expect(page.locator(".fleet-table thead")).to_be_in_viewport()
    expect(page.locator(".fleet-strip")).to_contain_text("1 台过热")
    page.get_by_role("link", name="1 台过热").click()
    expect(page.locator(".fleet-table tbody tr")).to_have_count(1)
    expect(page.locator(".fleet-table")).to_contain_text("过热 91 °C")
    page.goto(f"{site.url}fleet?q=nj-000")
    page.locator(".fleet-config summary").click()
    expect(page.locator(".fleet-config")).to_contain_text("应为“新名”")
    page.set_viewport_size({"width": 375, "height": 900})
    row = page.locator(".fleet-table tbody tr").first
    assert row.evaluate("row => getComputedStyle(row).display") == "grid"


def test_an_hour_is_drawn_counted_and_entered_without_a_script(
    site: Site, open_page: Opener
) -> None:
    page: Page = open_page(f"{site.url}counting?lang=zh", java_script_enabled=False).page
    before = page.locator(".counting-open > li").count()
    page.fill("#shop", "sz-002")
    page.get_by_role("button", name="抽取").click()
    expect(page.locator(".counting-open > li")).to_have_count(before + 1)
    form = page.locator(".counting-form").first
    form.locator("[name=entered]").fill("77")
    form.get_by_role("button").click()
    expect(page.locator(".counting-open > li")).to_have_count(before)
    expect(page.locator("main")).to_contain_text("进 77")
