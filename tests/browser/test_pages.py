"""Both sides' pages in a real browser: what a person sees, in both languages, at every width."""

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs
from playwright.sync_api import Page, expect

from tests.browser.conftest import shop_day
from tests.browser.looks import seriously_wrong, too_small_to_touch, too_wide
from tests.support.street import street_view

Watched = Any  # conftest.Watched
Opener = Callable[..., Watched]
Site = Any  # conftest.Site
_WIDTHS = (375, 768, 1440, 1920)
_HARSH_NAME = "<script>alert(1)</script>"


def _faulty(shop: Site) -> None:
    """Make everything wrong at once that can be."""
    view = shop.shown
    door, side = view.cameras
    eyes, front = view.parts
    shop.shown = dataclasses.replace(
        view,
        store_name=f"{_HARSH_NAME} 老凤祥银楼南京东路步行街旗舰总店（二楼珠宝与钟表维修）",
        notices=("hub_unreachable", "clock_suspect", "disk_full", "something_new"),
        cameras=(
            dataclasses.replace(door, state="lost"),
            dataclasses.replace(side, name="side-entrance-near-escalators", state="frozen"),
        ),
        parts=(dataclasses.replace(eyes, state="restarting", restarts=4), front),
        uplink="offline",
        street=street_view(passers=None, captured=None, error=None, learnt=12),
        backlog=48_213,
        occupancy=12_345,
        visitors=98_765,
    )


def _faulty_chain(chain: Site) -> None:
    """One shop silent since before noon, one silent for days, one behind, one counted otherwise."""
    today = chain.shown
    first, second, third = today.shops
    then = today.now - timedelta(hours=5)
    box = first.boxes[0]
    silent = structs.replace(box, state="silent", last_seen=then)
    long = structs.replace(silent, last_seen=then - timedelta(days=3))
    behind = structs.replace(box, backlog=3120, missing=4, cameras=(("door", "lost"),))
    zero = tuple(structs.replace(hour, visitors=0) for hour in first.hours)
    chain.shown = dataclasses.replace(
        today,
        set_aside=3,
        ingest_seen_at=then,
        shops=(
            first,
            structs.replace(second, boxes=(silent,), last_fact_at=then),
            structs.replace(
                third, boxes=(long,), last_fact_at=then - timedelta(days=3), hours=zero, visitors=0
            ),
            structs.replace(first, store_id="x-1", name=_HARSH_NAME, boxes=(behind,)),
            structs.replace(first, store_id="x-2", name="客人店", basis="distinct"),
            structs.replace(
                first, store_id="x-3", name="新店", boxes=(), last_fact_at=None, hours=zero
            ),
        ),
    )


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("side", ["shop", "chain"])
@pytest.mark.parametrize("trouble", [False, True], ids=["ordinary", "faults"])
def test_a_page_holds_at_every_width_and_for_every_reader(
    request: pytest.FixtureRequest, open_page: Opener, side: str, language: str, trouble: bool
) -> None:
    site = request.getfixturevalue(side)
    if trouble:
        {"shop": _faulty, "chain": _faulty_chain}[side](site)
    watched = open_page(site.home, language=language, has_touch=True)
    page: Page = watched.page
    expect(page.locator("#live-sign")).to_be_visible()
    for width in _WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert not too_wide(page), f"scrolls sideways at {width} px"
    page.set_viewport_size({"width": 375, "height": 900})
    assert too_small_to_touch(page) == []
    assert seriously_wrong(page) == []
    page.emulate_media(color_scheme="dark")
    assert seriously_wrong(page) == []
    assert page.locator("html").get_attribute("lang") == {"zh": "zh-CN", "en": "en"}[language]
    assert page.locator("h1").count() == 1
    assert watched.complaints == []
    assert watched.hosts == {f"127.0.0.1:{site.port}"}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("path", ["street", "street/nj-001", "street/sz-001"])
def test_a_page_of_passers_by_holds_at_every_width_and_for_every_reader(
    chain: Site, open_page: Opener, path: str, language: str
) -> None:
    watched = open_page(chain.url + path, language=language, width=375, has_touch=True)
    page: Page = watched.page
    expect(page.locator("#live-sign")).to_be_visible()
    assert too_small_to_touch(page) == []
    assert seriously_wrong(page) == []
    for width in _WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert not too_wide(page), f"scrolls sideways at {width} px"
    assert page.locator("h1").count() == 1
    assert watched.complaints == []


@pytest.mark.parametrize(
    ("language", "title", "shown"),
    [
        pytest.param("zh", "南京东路店 今日客流 · 门口", ["今日访客", "只计数", "全部上传完毕"]),
        pytest.param(
            "en",
            "南京东路店: visitors today · Menkou",
            ["Visitors today", "Counting only", "everything is sent"],
        ),
    ],
)
def test_the_shop_page_says_what_a_manager_asks(
    shop: Site, open_page: Opener, language: str, title: str, shown: list[str]
) -> None:
    page = open_page(shop.url, language=language).page
    expect(page).to_have_title(title)
    expect(page.locator("#visitors")).to_have_text("1,305")
    expect(page.locator("#occupancy")).to_have_text("23")
    for text in shown:
        expect(page.locator("main")).to_contain_text(text)


def test_the_language_is_switched_on_the_page_and_stays(shop: Site, open_page: Opener) -> None:
    page = open_page(shop.url, language="zh").page
    page.get_by_role("link", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.goto(shop.url)
    expect(page.locator("#h-visitors")).to_have_text("Visitors today")
    shop.show(dataclasses.replace(shop.shown, visitors=1306))
    expect(page.locator("#visitors")).to_have_text("1,306")
    expect(page.locator("#h-visitors")).to_have_text("Visitors today")


def test_a_lost_camera_is_told_in_words_above_the_figures(shop: Site, open_page: Opener) -> None:
    _faulty(shop)
    page = open_page(shop.url, language="en").page
    notices = page.get_by_role("region", name="Needs attention")
    expect(notices).to_contain_text("Camera door has no picture")
    expect(notices).to_contain_text("check its power and network cable")
    expect(notices).to_contain_text("something_new")
    expect(page.locator(".hero-main")).to_contain_text("may be low")
    expect(page.locator(".states")).to_contain_text("48,213 waiting to be sent")
    expect(page.locator(".states")).to_contain_text("nothing is lost")


def test_a_silent_shop_is_not_a_shop_without_visitors(chain: Site, open_page: Opener) -> None:
    _faulty_chain(chain)
    page = open_page(chain.home, language="en").page
    expect(page.locator("#shop-nj-002")).to_contain_text("No data since 11:25")
    expect(page.locator("#shop-nj-002")).to_contain_text("only until 11:25")
    gap = page.locator("#shop-nj-002 [fill='url(#gap)']")
    expect(gap).to_have_count(1)
    expect(gap).to_have_text("No data in the hours from 11:00 to 16:00")
    long_silent = page.locator("#shop-sz-001")
    expect(long_silent).to_contain_text("No data since 18 November 11:25")
    expect(long_silent.locator(".figure")).to_contain_text("No data today")
    expect(page.locator("#shop-x-3")).to_contain_text("Never reported")
    expect(page.locator("#shop-x-1")).to_contain_text("3,120 records still on their way")
    expect(page.locator("#shop-x-1 h3")).to_have_text(_HARSH_NAME)


def test_on_a_phone_all_totals_come_before_a_long_list_of_shops(
    chain: Site, open_page: Opener
) -> None:
    shops = [shop_day(f"nj-{n:03}", f"第 {n} 店") for n in range(1, 15)]
    guests = [structs.replace(shop_day("sz-001", "客人店"), basis="distinct")]
    chain.show(dataclasses.replace(chain.shown, shops=(*shops, *guests)))
    page = open_page(f"{chain.home}?lang=en", language="en", width=375).page
    long = page.locator("details.shops")
    expect(long).to_have_count(1)  # one shop alone stands open
    expect(page.locator("#shop-nj-014 h3")).to_be_hidden()
    last = page.get_by_role("region", name="Counted by guests").locator(".hero-main")
    assert last.bounding_box()["y"] < 2 * 812
    long.locator("> summary").click()
    expect(page.locator("#shop-nj-014 h3")).to_be_visible()
    page.set_viewport_size({"width": 1440, "height": 900})
    page.reload()
    expect(page.locator("#shop-nj-014 h3")).to_be_visible()
    expect(long.locator("> summary")).to_be_hidden()


def test_who_asks_for_one_shop_finds_it_in_a_folded_list(chain: Site, open_page: Opener) -> None:
    shops = [shop_day(f"nj-{n:03}", f"第 {n} 店") for n in range(1, 15)]
    chain.show(dataclasses.replace(chain.shown, shops=tuple(shops)))
    page = open_page(f"{chain.home}#shop-nj-009", width=375).page
    expect(page.locator("#shop-nj-009 h3")).to_be_visible()
    expect(page.locator("#shop-nj-009 h3")).to_be_in_viewport()


def test_shops_counted_differently_are_never_added(chain: Site, open_page: Opener) -> None:
    _faulty_chain(chain)
    chain.show(dataclasses.replace(chain.shown, ingest_seen_at=chain.shown.now))
    page = open_page(chain.home, language="en").page
    entries = page.get_by_role("region", name="Counted by entries")
    guests = page.get_by_role("region", name="Counted by guests")
    expect(guests.locator(".hero-main .figure")).to_have_text("305")
    # 305 + 488 until its silence + 305; the shop without data today adds nothing.
    expect(entries.locator(".hero-main .figure")).to_have_text("1,098")
    expect(entries.locator(".hero-main")).to_contain_text("1 of 5 shops are complete")


def test_with_no_shop_yet_the_page_says_what_to_do(chain: Site, open_page: Opener) -> None:
    chain.shown = dataclasses.replace(chain.shown, shops=())
    page = open_page(chain.home, language="en").page
    expect(page.locator("main")).to_contain_text("No shop has reported yet")
    expect(page.locator(".empty li")).to_have_count(3)
    assert seriously_wrong(page) == []


@pytest.mark.parametrize("side", ["shop", "chain"])
def test_without_scripts_the_page_still_reads_and_reloads(
    request: pytest.FixtureRequest, open_page: Opener, side: str
) -> None:
    site = request.getfixturevalue(side)
    page = open_page(site.home, java_script_enabled=False).page
    expect(page.locator(".hero-main .figure").first).to_be_visible()
    assert page.locator("noscript meta[http-equiv=refresh]").count() == 1


@pytest.mark.parametrize("side", ["shop", "chain"])
def test_the_first_load_is_light(
    request: pytest.FixtureRequest, open_page: Opener, side: str
) -> None:
    site = request.getfixturevalue(side)
    page = open_page(site.home).page
    size: int = page.evaluate(
        """() => [...performance.getEntriesByType('navigation'),
        ...performance.getEntriesByType('resource')]
        .filter(e => !e.name.includes('/live') && !e.name.includes('/events'))
        .reduce((sum, e) => sum + e.transferSize, 0)"""
    )
    assert 5_000 < size < 60_000


def test_the_keyboard_reaches_everything_and_shows_where_it_is(
    shop: Site, open_page: Opener
) -> None:
    page = open_page(shop.url).page
    reached = []
    places = page.get_by_role("navigation").get_by_role("link").count()
    for _ in range(3 + places):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.className || document.activeElement.localName")
        )
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", reached
    assert reached == ["skip", "tool", *["a"] * places, "summary"]
