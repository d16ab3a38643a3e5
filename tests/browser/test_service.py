"""Where-from and service tickets in a real browser: two taps each, on cards and on their pages."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from edge.core.sources import Answer
from edge.store.devices import LOCAL
from tests.browser.conftest import ShopSite
from tests.browser.looks import seriously_wrong, too_small_to_touch, too_wide
from tests.browser.test_arrivals import _WIDTHS, entrance
from tests.web.shopbox import SHANGHAI

__all__ = ["entrance"]
Opener = Callable[..., Any]
PATIENCE_MS = 15_000


def test_a_walk_in_is_asked_with_two_taps_and_corrected(
    entrance: ShopSite, open_page: Opener
) -> None:
    box = entrance.box
    visit = box.visit(ago_s=40).id
    box.floor.guests.claim(visit, LOCAL)
    watched = open_page(f"{entrance.url}arrivals", language="zh", width=375, has_touch=True)
    page: Page = watched.page
    part = page.locator(f"#from-{visit}")
    part.get_by_role("button", name="小红书").tap()
    part.get_by_role("button", name="双十一笔记").tap(timeout=PATIENCE_MS)
    expect(part).to_contain_text("小红书，双十一笔记", timeout=PATIENCE_MS)
    expect(part.get_by_role("button")).to_have_count(0)
    part.locator("summary").tap()
    part.get_by_role("button", name="客人不清楚").tap()
    expect(part.locator("summary")).to_contain_text("客人不清楚", timeout=PATIENCE_MS)
    assert box.desk.arrivals(LOCAL).cards[0].served.source == Answer(channel="unknown")
    page.get_by_role("link", name="摄像头没拍到的客人").tap()
    page.get_by_role("button", name="小红书").tap()
    page.get_by_role("button", name="记不清哪条").tap()
    expect(page.locator("#noted")).to_contain_text("小红书，记不清哪条")
    page.get_by_role("link", name="下一位").tap()
    expect(page.locator("#noted")).to_have_count(0)
    assert [one.answer.advert for one in box.sources.today()] == ["unknown"]
    assert watched.complaints == []
    assert watched.hosts == {f"127.0.0.1:{entrance.port}"}


def test_a_repair_is_taken_in_on_the_card_and_collected(
    entrance: ShopSite, open_page: Opener
) -> None:
    box = entrance.box
    visit = box.visit(box.member("王丽华", called="王女士"), ago_s=40).id
    watched = open_page(f"{entrance.url}arrivals", language="en", width=375)
    page: Page = watched.page
    card = page.locator(f"#visit-{visit}")
    expect(page.locator("#live-sign")).to_be_visible(timeout=PATIENCE_MS)
    card.locator(f"#ticket-{visit} summary").click()
    card.get_by_label("What is it").fill("ring")
    page.keyboard.press("Enter")  # makes no ticket of whatever kind stands first
    card.get_by_role("button", name="Out of stock").click()
    expect(card.locator(".services")).to_contain_text("asked for", timeout=PATIENCE_MS)
    assert [row[0] for row in box.db.execute("SELECT kind FROM service")] == ["stock"]

    page.locator(".places summary").click()
    page.get_by_role("link", name="Service").click()
    line = page.locator(".ticket")
    expect(line).to_contain_text("王女士")
    line.get_by_text("Move on").click()
    line.get_by_role("button", name="Is ready").click()
    expect(page.locator("#stock-ready")).to_contain_text("Please call", timeout=PATIENCE_MS)
    page.get_by_role("link", name="Arrivals").click()
    expect(card.locator(".why")).to_contain_text("Arrived for this guest: ring")
    card.locator(".services summary").click()
    card.get_by_role("button", name="Collected").click()
    expect(card.locator(".services")).to_have_count(0, timeout=PATIENCE_MS)
    expect(card.locator(".why")).not_to_contain_text("ring", timeout=PATIENCE_MS)
    assert watched.complaints == []


def _fill(site: ShopSite) -> None:
    """Answers and tickets in every state that shows differently, with words that do harm."""
    box, service = site.box, site.box.service
    harsh = "<script>alert(1)</script> 欧阳娜娜·爱新觉罗·伊丽莎白·亚历山德拉"
    today = box.now().astimezone(SHANGHAI)
    member = box.member("王丽华", called=harsh[:80], external_id="V-1", repair_ready="欧米茄手表")
    visits = [box.visit(one, ago_s=30).id for one in (member, None, None)]
    for visit in visits:
        box.floor.guests.claim(visit, LOCAL)
    box.sources.answer(visits[-1], "xiaohongshu", "", LOCAL)
    box.sources.add_channel("tv", harsh[:40], "", LOCAL)
    box.sources.enter("entry-0001", "xiaohongshu", "", LOCAL)
    box.sources.enter("entry-0002", "xiaohongshu", "xhs-2026-11", LOCAL)
    for number, kind in enumerate(("repair", "return", "stock", "styling")):
        due = (today + timedelta(days=number - 1)).date().isoformat()
        made = service.take_in(kind, device=LOCAL, member="V-1", what=harsh, due=due)
        assert made.problem is None
        other = service.take_in(kind, device=LOCAL, name=harsh, phone="13800138000", due=due)
        service.move(other.ticket, "ready", LOCAL)
        over = service.take_in(kind, device=LOCAL, name="李", what=harsh)
        service.move(over.ticket, "cancelled", LOCAL)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_pages_hold_at_every_width_and_for_every_reader(
    entrance: ShopSite, open_page: Opener, language: str
) -> None:
    _fill(entrance)
    watched = open_page(f"{entrance.url}arrivals", language=language, has_touch=True)
    page: Page = watched.page
    for path, schemes in (
        ("arrivals", ("light",)),
        ("tickets", ("dark", "light")),
        ("sources?entry=entry-0001", ("light",)),
        ("sources/list", ("light",)),
    ):
        page.goto(f"{entrance.url}{path}")
        page.evaluate("document.querySelectorAll('main details').forEach(one => one.open = true)")
        for width in reversed(_WIDTHS):
            page.set_viewport_size({"width": width, "height": 900})
            assert not too_wide(page), f"{path} scrolls sideways at {width} px"
        assert too_small_to_touch(page) == [], path
        clocks = page.locator(".ended .figures").evaluate_all(
            "all => all.map(one => one.clientHeight)"
        )
        assert all(height < 30 for height in clocks), "a clock time stands in one line"
        for scheme in schemes if language == "zh" else ():  # both are drawn by the same templates
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            assert seriously_wrong(page) == [], path
    assert watched.complaints == []
    assert watched.hosts == {f"127.0.0.1:{entrance.port}"}
