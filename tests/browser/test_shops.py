"""The list of shops, a shop's page and the funnel in a real browser, over counted days."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Connection, insert

from cloud.app import create_app
from cloud.config import load
from cloud.db import open_engine, writing
from cloud.hours import day_bounds
from cloud.tables import FIGURES, hourly, presence_daily
from cloud.tally.tables import bin_tally, hour_tally, staff_tally
from tests.browser.conftest import Site
from tests.browser.looks import seriously_wrong, too_wide
from tests.support import tallies
from tests.support.databases import make_hub_database

Opener = Callable[..., Any]
ZONE = ZoneInfo("Asia/Shanghai")
WIDTHS = (375, 768, 1440, 1920)
HARSH = "<script>alert(1)</script> 老凤祥银楼南京东路步行街旗舰总店（二楼珠宝与钟表维修）"
DAY = timedelta(days=1)


def _day(connection: Connection, of: str, on: date, visitors: int, *, everything: bool) -> None:
    more = {}
    if everything:
        more = {
            **{"passers": 9 * visitors, "captured": visitors, "faces_visitors": visitors},
            **{"members": 40, "members_due": 40, "members_returned": 12, "reentries": 7},
            **{"desk_visitors": visitors, "served": 60, "greeted_30s": 45, "served_members": 25},
            **{"till_visitors": visitors, "sales": 15},
        }
    basis = "distinct" if everything else "crossings"
    tallies.day(connection, of, on, basis=basis, **{"visitors": visitors, **more})
    start = day_bounds(on, ZONE)[0]
    for hour in (10, 14, 19):
        row = {**dict.fromkeys(FIGURES, 0), "visitors": visitors // 3, "basis": basis}
        connection.execute(insert(hourly).values(store=of, hour=start + 3600 * hour, **row))
        if everything:
            worked = {"served": 9, "sales": 2, "on_duty": 2}
            tallies.rows(
                connection, hour_tally, {"store": of, "hour": start + 3600 * hour} | worked
            )


def _worked(connection: Connection, of: str, on: date) -> None:
    """Put times, staff and Wi-Fi of a day there."""
    common = {"store": of, "day": on}
    bins = [(3, 40), (6, 25), (9, 4)]
    for measure in ("dwell", "wait", "queue"):
        told = ({**common, "measure": measure, "bin": n, "count": count} for n, count in bins)
        tallies.rows(connection, bin_tally, *told)
    for staff, greeted in (("01ARZ3NDEKTSV4RRFFQ69G5FAV", 40), ("01ARZ3NDEKTSV4RRFFQ69G5FBW", 3)):
        did = dict.fromkeys(("greeted_30s", "members", "sales", "wrong_person", "follow_ups"), 0)
        tallies.rows(connection, staff_tally, {**common, "staff": staff, "greeted": greeted, **did})
    sensed = {"minutes": 600, "footfall": 1, "peak": 1, "probes": 1, "basis": "distinct"}
    sensed |= {"passers": 900, "captured": 100, "error": 18, "learnt": 20, "needed": 20}
    connection.execute(insert(presence_daily).values(**common, **sensed))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Site]:
    """A hub on loopback with 60 shops: one that knows all, one with gaps, the others count."""
    make_hub_database(tmp_path / "hub.db")
    engine = open_engine(f"sqlite:///{tmp_path / 'hub.db'}")
    today = datetime.now(UTC).astimezone(ZONE).date()
    with writing(engine) as connection:
        tallies.shop(connection, "all", called=HARSH)
        for back in (*range(70), *range(91, 130), *range(364, 392)):
            _day(connection, "all", today - back * DAY, 120, everything=True)
            if back % 3:
                _day(connection, "gaps", today - back * DAY, 90, everything=False)
        _worked(connection, "all", today - DAY)
        for number in range(58):
            tallies.day(connection, f"s-{number:02}", today - DAY, visitors=10 * number)
        tallies.sum_chain(connection)
    app = create_app(load(None, {"MENKOU_DATA_DIR": str(tmp_path)}), engine)
    site = Site(None, lambda *_: app, tmp_path)
    site.start()
    yield site
    site.stop()
    engine.dispose()


def _too_small(page: Page) -> list[str]:
    """Return controls below 44 px that stand alone; a name's link to its meaning may be smaller."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll('main a, main button, main summary, main select,'
            + 'main input:not([type=hidden])')]
        .filter(e => e.checkVisibility() && !e.matches('.headed') && !e.closest('.figure-told'))
        .filter(e => e.getBoundingClientRect().height < 43.5)
        .map(e => e.outerHTML.slice(0, 120))"""
    )
    return found


@pytest.mark.parametrize(
    ("path", "language"),
    [
        *(("shops", "zh"), ("shops/all", "zh"), ("funnel", "zh"), ("funnel?shop=all", "zh")),
        *(("shops?sort=visitors&order=down", "en"), ("shops/all", "en"), ("shops/gaps", "en")),
        ("funnel?channel=all", "en"),
    ],
)
def test_a_page_of_shops_holds_at_every_width_and_for_every_reader(
    office: Site, open_page: Opener, path: str, language: str
) -> None:
    watched = open_page(office.url + path, language=language, width=375, has_touch=True)
    page: Page = watched.page
    assert _too_small(page) == []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert seriously_wrong(page) == []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert not too_wide(page), f"scrolls sideways at {width} px"
    assert seriously_wrong(page) == []
    assert page.locator("h1").count() == 1
    assert watched.complaints == []
    assert watched.hosts == {f"127.0.0.1:{office.port}"}
    page.emulate_media(media="print")
    assert not too_wide(page)


def test_a_shop_is_found_sorted_and_opened_by_keys_alone(office: Site, open_page: Opener) -> None:
    page: Page = open_page(f"{office.url}shops", language="en").page
    expect(page.locator("tbody tr")).to_have_count(50)
    page.get_by_role("searchbox").focus()
    page.keyboard.type("s-5")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(8)
    page.get_by_role("link", name="visitors", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("tbody th").first).to_contain_text("s-57")
    assert "q=s-5" in page.url
    page.locator("tbody th a").first.focus()
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("s-57")
    expect(page.locator(".figure-huge")).to_have_text("570")


def test_a_shops_page_says_its_numbers_and_what_it_does_not_know(
    office: Site, open_page: Opener
) -> None:
    page: Page = open_page(f"{office.url}shops/all", language="en").page
    main = page.locator("main")
    expect(main).to_contain_text("4.7 min")  # 34.5 of 69 stays, of which 40 took 3 to 5 minutes
    expect(main).to_contain_text("Passers-by give or take 18 %")
    expect(main).to_contain_text("5FAV")
    expect(main).not_to_contain_text("01ARZ3NDEKTSV4RRFFQ69G5FAV")
    page.locator("details.figure-name summary").first.press("Enter")
    expect(page.locator(".figure-told").first).to_be_visible()
    page.goto(f"{office.url}shops/gaps")
    expect(main).to_contain_text("days without data (not zero)")
    expect(main).to_contain_text("no Wi-Fi sensing")
    expect(main).to_contain_text("no till")


def test_the_funnel_leads_down_to_a_shop_and_its_page_with_the_same_numbers(
    office: Site, open_page: Opener
) -> None:
    page: Page = open_page(f"{office.url}funnel", language="en").page
    row = page.locator("tr", has=page.get_by_role("link", name="老凤祥"))
    came = row.locator("td").nth(1).inner_text().split()[0]
    row.get_by_role("link").click()
    expect(page.locator(".stage-visitors .figure")).to_have_text(came)
    page.get_by_role("link", name="Its own page").click()
    expect(page.locator(".figure-huge")).to_have_text(came)


def test_the_pages_work_without_scripts_and_are_light(office: Site, open_page: Opener) -> None:
    page: Page = open_page(
        f"{office.url}shops/all?days=364", language="zh", java_script_enabled=False
    ).page
    expect(page.locator("table.heat")).to_be_visible()
    sizes = page.context.request.get(f"{office.url}shops/all?days=364").body()
    assert len(sizes) < 100_000
