"""Head office's first page in a real browser: what is read in the morning, at every width."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Connection, insert

from cloud.app import create_app
from cloud.config import load
from cloud.db import open_engine, writing
from cloud.tables import box
from cloud.tally.tables import bin_tally
from tests.browser.conftest import Site
from tests.browser.looks import assert_holds, seriously_wrong, too_small_to_touch, too_wide
from tests.support import tallies
from tests.support.databases import make_hub_database

Opener = Callable[..., Any]  # opens conftest.Watched
_HARSH_NAME = "<script>alert(1)</script>南京东路步行街旗舰总店"


def _fill(connection: Connection) -> None:
    """Two shops counted by entries, of which one is silent, and one by guests; for nine weeks."""
    day = datetime.now(UTC).date() - timedelta(days=1)
    names = {"nj-001": "南京东路店", "nj-002": _HARSH_NAME, "sz-001": "苏州观前街店"}
    for shop, name in names.items():
        tallies.shop(connection, shop, called=name, zone="UTC")
        silent = timedelta(days=3 if shop == "nj-002" else -1)
        row = {"state": "online", "last_seen": datetime.now(UTC) - silent, "mode": "count"}
        told = {"store": shop, "id": f"{shop}-a", "clock": "ok", "cameras": [["door", "lost"]]}
        connection.execute(insert(box), [{**row, **told}])
    for back in (*range(1, 64), 364):
        on = day - timedelta(days=back - 1)
        busy = 400 if on == day else 1_000 + 10 * (back % 5)
        counts = {"visitors": busy, "till_visitors": busy, "sales": busy // 9, "booked": 30}
        people = {"members_new": 20, "members_back": 30, "kept": 25, "no_show": 5, "served": 80}
        tallies.day(connection, "nj-001", on, **{**counts, **people})  # type: ignore[arg-type]
        if back > 3:
            tallies.day(connection, "nj-002", on, visitors=12_345)
        guests = {"faces_visitors": 300, "members": 50, "passers": 4_000, "captured": 300}
        tallies.day(connection, "sz-001", on, basis="distinct", visitors=300, **guests)
        wait = {"store": "nj-001", "day": on, "measure": "wait", "bin": 3, "count": 80}
        tallies.rows(connection, bin_tally, wait)
    tallies.sum_chain(connection)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Site]:
    """Head office's own app over a database with a chain of three shops."""
    make_hub_database(tmp_path / "hub.db")
    engine = open_engine(f"sqlite:///{tmp_path / 'hub.db'}")
    with writing(engine) as connection:
        _fill(connection)
    config = load(None, {"MENKOU_DATA_DIR": str(tmp_path)})
    site = Site(None, lambda *_: create_app(config, engine), tmp_path)
    site.start()
    yield site
    site.stop()
    engine.dispose()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_first_page_holds_at_every_width_and_for_every_reader(
    office: Site, open_page: Opener, language: str
) -> None:
    watched = open_page(office.url, language=language, has_touch=True)
    page: Page = watched.page
    assert_holds(page)
    for summary in page.locator("summary").all():
        summary.click()
    assert not too_wide(page)
    assert too_small_to_touch(page) == []
    assert seriously_wrong(page) == []
    assert watched.complaints == []
    assert watched.hosts == {f"127.0.0.1:{office.port}"}


def test_one_look_tells_what_is_low_and_what_is_missing(office: Site, open_page: Opener) -> None:
    page: Page = open_page(office.url, language="en").page
    entries = page.get_by_role("region", name="Counted by entries").first
    guests = page.get_by_role("region", name="Counted by guests").first
    visitors = entries.locator("#crossings-visitors")
    expect(visitors.locator(".figure")).to_have_text("400")
    expect(visitors).to_contain_text("Below usual")
    expect(visitors).to_contain_text("data missing from 1 shop")
    expect(guests.locator("#distinct-visitors .figure")).to_have_text("300")
    expect(guests.locator("#distinct-visitors")).to_contain_text("As usual")
    expect(guests).not_to_contain_text("data missing")
    expect(entries.locator("#crossings-capture_rate")).to_contain_text("No shop knows")
    expect(page.locator("#wait_median")).to_contain_text("38 s")
    expect(page.get_by_role("list").filter(has_text="shop out of contact").first).to_be_visible()
    expect(page.locator(".overview-grid h3").nth(1)).to_have_text(_HARSH_NAME)
    expect(page.locator(".overview-grid li").nth(1)).to_contain_text("no data")


def test_a_shop_is_found_and_the_day_before_is_one_step_away(
    office: Site, open_page: Opener
) -> None:
    page: Page = open_page(office.url, language="en", java_script_enabled=False).page
    page.get_by_role("link", name="Day before").click()
    before = datetime.now(UTC).date() - timedelta(days=2)
    expect(page.locator("#day")).to_have_value(before.isoformat())
    expect(page.locator("#crossings-visitors .figure")).to_have_text("1,020")
    page.fill("#q", "观前")
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".overview-grid li")).to_have_count(1)
    expect(page.locator("#day")).to_have_value(before.isoformat())
    page.get_by_role("link", name="中文").click()
    expect(page.locator(".overview-grid li")).to_have_count(1)
    expect(page.locator("h1")).to_have_text("全部门店一览")


def test_the_menu_of_a_phone_needs_no_script_and_covers_nothing(
    office: Site, open_page: Opener
) -> None:
    page: Page = open_page(office.url, language="en", width=375, java_script_enabled=False).page
    menu = page.locator(".places-menu")
    expect(menu.locator("summary")).to_contain_text("Overview")
    expect(page.locator(".places-row")).to_be_hidden()
    menu.locator("summary").click()
    main, last = page.locator("main").bounding_box(), menu.bounding_box()
    assert main is not None
    assert last is not None
    assert last["y"] + last["height"] <= main["y"]
    menu.get_by_role("link", name="Today").click()
    expect(page.locator("h1")).to_have_text("All shops today")
    expect(page.locator(".places-menu summary")).to_contain_text("Today")


def test_at_a_desk_all_places_stand_in_one_row(office: Site, open_page: Opener) -> None:
    page: Page = open_page(office.url, language="en").page
    expect(page.locator(".places-menu")).to_be_hidden()
    links = page.locator(".places-row a")
    assert links.count() >= 3
    assert len({link.bounding_box()["y"] for link in links.all()}) == 1  # type: ignore[index]
    expect(page.locator(".places-row [aria-current=page]")).to_have_text("Overview")


def test_the_first_page_is_light(office: Site, open_page: Opener) -> None:
    page: Page = open_page(office.url).page
    size: int = page.evaluate(
        """() => [...performance.getEntriesByType('navigation'),
        ...performance.getEntriesByType('resource')]
        .reduce((sum, e) => sum + e.transferSize, 0)"""
    )
    assert 5_000 < size < 200_000
