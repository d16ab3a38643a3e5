"""Channels, bookings and consultants in a real browser: at every width, for every reader."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Connection

from cloud.app import create_app
from cloud.config import load
from cloud.db import open_engine, writing
from cloud.tally import tables
from tests.browser.conftest import Site
from tests.browser.looks import assert_holds, seriously_wrong, too_small_to_touch, too_wide
from tests.support import tallies
from tests.support.databases import make_hub_database

Opener = Callable[..., Any]  # opens conftest.Watched
_HARSH_NAME = "<script>alert(1)</script>南京东路步行街旗舰总店（二楼珠宝与钟表维修）"
_ROOMS = ("channels", "channels?shop=nj-001", "consultants", "consultants?shop=nj-001")


def _fill(connection: Connection) -> None:
    """Two shops for nine weeks; in one of them a third of the bookings is left this week."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    tallies.shop(connection, "nj-001", called=_HARSH_NAME, zone="UTC")
    tallies.shop(connection, "sz-001", called="苏州观前街店", zone="UTC")
    for back in range(64):
        on = yesterday - timedelta(days=back)
        for shop, booked in (("nj-001", 10), ("sz-001", 30 if back > 6 else 10)):
            told = {"desk_visitors": 300, "asked": 60, "visitors": 300, "booked": booked}
            tallies.day(connection, shop, on, basis="distinct", **told)
            head = {"store": shop, "day": on}
            tallies.rows(
                connection,
                tables.channel_tally,
                {**head, "channel": "friend", "advert": "", "asked": 40, "booked": 9, "sales": 12},
                *(
                    {**head, "channel": "douyin", "advert": advert, "asked": 9, "booked": 3}
                    | {"sales": 2 if advert == "gold" else 0}
                    for advert in ("gold", "live")
                ),
            )
            tallies.rows(
                connection,
                tables.channel_money,
                {**head, "channel": "friend", "advert": "", "currency": "CNY", "value": 12_888_00},
                {**head, "channel": "friend", "advert": "", "currency": "JPY", "value": 90_000},
                {**head, "channel": "douyin", "advert": "gold", "currency": "CNY", "value": 9_00},
            )
            tallies.rows(
                connection,
                tables.money_tally,
                {**head, "currency": "CNY", "sales": 14, "value": 1, "back": 0},
                {**head, "currency": "JPY", "sales": 3, "value": 1, "back": 0},
            )
            counts = {"kept": booked - 3, "late": 2, "no_show": 3, "cancelled": 1}
            way = {**head, "channel": "app", "booked": booked, **counts}
            tallies.rows(connection, tables.booking_tally, way)
            tallies.rows(
                connection,
                tables.reason_tally,
                {**head, "reason": "forgot", "count": 2},
                {**head, "reason": "", "count": 1},
            )
            work = {"greeted_30s": 9, "members": 5, "wrong_person": 0, "follow_ups": 1}
            tallies.rows(
                connection,
                tables.staff_tally,
                *(
                    {**head, "staff": f"01JD{shop[:2].upper()}{n:020}", **work}
                    | {"greeted": 20, "sales": sales}
                    for n, sales in ((1111, 8), (2222, 4), (3333, 4))
                ),
            )
    tallies.sum_chain(connection)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Site]:
    """Head office's own app over a database with two shops."""
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
@pytest.mark.parametrize("room", _ROOMS)
def test_a_page_holds_at_every_width_and_for_every_reader(
    office: Site, open_page: Opener, language: str, room: str
) -> None:
    watched = open_page(office.url + room, language=language, has_touch=True)
    page: Page = watched.page
    assert_holds(page)
    assert too_small_to_touch(page) == []
    for summary in page.locator("main summary").all():
        summary.click(timeout=5_000)
    assert not too_wide(page)
    assert seriously_wrong(page) == []
    assert watched.complaints == []
    assert watched.hosts == {f"127.0.0.1:{office.port}"}


def test_what_brought_guests_stands_by_value_and_currencies_apart(
    office: Site, open_page: Opener
) -> None:
    page: Page = open_page(f"{office.url}channels?days=29", language="en").page
    table = page.get_by_role("table", name="What brought guests")
    rows = table.get_by_role("row")
    # 28 days of two shops: today has none.
    expect(rows.nth(1)).to_contain_text("A friend")
    expect(rows.nth(1)).to_contain_text("2,240")
    expect(rows.nth(1)).to_contain_text("CN¥721,728")
    expect(rows.nth(1)).to_contain_text("¥5,040,000")
    expect(rows.nth(1)).to_contain_text("30.0 %")
    expect(rows.nth(2)).to_contain_text("Douyin")
    expect(rows.last).to_contain_text("All")
    expect(page.locator("main")).to_contain_text("of 16,800 visitors were asked")


def test_a_shop_whose_bookings_fell_is_listed_and_opened(office: Site, open_page: Opener) -> None:
    page: Page = open_page(f"{office.url}channels", language="en", java_script_enabled=False).page
    shops = page.locator(".week-shops > li")
    expect(shops).to_have_count(1)
    expect(shops.first).to_contain_text("苏州观前街店")
    expect(shops.first).to_contain_text("Fewer than usual")
    expect(shops.first).to_contain_text("70 this week, 210.0 in a usual one")
    shops.first.get_by_role("link").click()
    expect(page.locator("main")).to_contain_text("Appointments of the last nine weeks")
    expect(page.locator(".week-verdict")).to_contain_text("−67 %")
    page.get_by_role("link", name="Show all shops").click()
    expect(page.locator(".week-shops > li")).to_have_count(1)


def test_a_shop_is_chosen_and_the_period_stays(office: Site, open_page: Opener) -> None:
    page: Page = open_page(f"{office.url}consultants?days=7", language="en").page
    page.select_option("#of-shop", "sz-001")
    page.locator(".of-shop button").click()
    assert "days=7" in page.url
    expect(page.locator(".fair-table tbody tr")).to_have_count(3)
    expect(page.locator(".fair-table tbody th").first).to_have_text("1111")
    expect(page.locator(".fair-word").first).to_contain_text("More than expected")
    expect(page.locator(".fair").first).to_have_attribute(
        "aria-label", re.compile("times the expected")
    )
    # Nobody was taken for somebody else: a zero is shown.
    expect(page.locator(".fair-table tbody tr").first).to_contain_text("0.0 %")


def test_the_tables_are_files_too(office: Site, open_page: Opener) -> None:
    page: Page = open_page(f"{office.url}channels", language="en").page
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").first.click()
    told = Path(download.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert told[0].startswith("channel,advert,")
    assert [line.split(",")[0] for line in told[1:]] == ["friend", "douyin", "douyin", "douyin", ""]


@pytest.mark.parametrize("room", _ROOMS)
def test_the_first_load_is_light(office: Site, open_page: Opener, room: str) -> None:
    page: Page = open_page(office.url + room).page
    size: int = page.evaluate(
        """() => [...performance.getEntriesByType('navigation'),
        ...performance.getEntriesByType('resource')]
        .reduce((sum, e) => sum + e.transferSize, 0)"""
    )
    assert 5_000 < size < 120_000
