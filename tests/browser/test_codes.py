"""Arrival by code in a real browser: typed, scanned, refused, made by the manager."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from edge.core.codes import FAILURES_MAX
from tests.browser.conftest import ShopSite
from tests.browser.looks import seriously_wrong, too_small_to_touch, too_wide

Opener = Callable[..., Any]
_WIDTHS = (375, 768, 1440)
PATIENCE_MS = 60_000


def test_a_code_brings_up_the_card_and_the_form_is_ready_for_the_next(
    shop: ShopSite, open_page: Opener
) -> None:
    box = shop.box
    box.fixed = box.now()  # what became of a code is shown for a minute of the box's time
    member = box.member("王丽华", called="王女士", external_id="C-1001", repair_ready="watch")
    manager: Page = open_page(f"{shop.url}arrivals", language="en").page
    manager.get_by_role("link", name="Make a code").click()
    manager.locator("#make-number").fill("C-1001")
    manager.get_by_role("button", name="Make a code").click()
    code = manager.locator("#shop-code").inner_text()

    page: Page = open_page(f"{shop.url}arrivals", language="en", width=375).page
    expect(page.locator("#live-sign")).to_be_visible()
    page.get_by_label("Code (6 digits)").fill(code)
    page.keyboard.press("Enter")
    expect(page.locator("#code-taken")).to_contain_text("comes in a moment", timeout=PATIENCE_MS)
    expect(page.locator("#code")).to_have_value("")
    box.let_in()
    shop.broadcast.publish()
    card = page.locator(".arrival")
    expect(card).to_contain_text("王女士", timeout=PATIENCE_MS)
    expect(card).to_contain_text("Repair ready to collect: watch")
    expect(card).to_contain_text("By the member's code")
    expect(page.locator("#code-taken")).to_contain_text("the card is below")
    assert box.audited("view") == [("local", member.subject)]


def test_a_scanner_types_and_ends_with_enter_and_a_refusal_stays_on_the_page(
    shop: ShopSite, open_page: Opener
) -> None:
    shop.box.fixed = shop.box.now()
    page: Page = open_page(f"{shop.url}arrivals", language="zh").page
    expect(page.locator("#live-sign")).to_be_visible()
    page.evaluate("window.same = true")
    page.locator("#code").focus()
    for left in range(FAILURES_MAX - 1, 0, -1):
        page.keyboard.type("8000123456")
        page.keyboard.press("Enter")
        expect(page.locator("#code-problem")).to_contain_text(
            f"再错 {left} 次", timeout=PATIENCE_MS
        )
        expect(page.locator("#code")).to_be_focused()
    page.keyboard.type("8000123456")
    page.keyboard.press("Enter")
    expect(page.locator("#code-problem")).to_contain_text(
        "已锁定，请 15 分钟后再试", timeout=PATIENCE_MS
    )
    expect(page.locator("#code-form")).to_have_count(0)
    assert page.evaluate("window.same"), "the page was loaded anew"
    page.get_by_role("link", name="生成会员码").click()
    page.get_by_role("button", name="解锁").click()
    expect(page.locator("#h-locked + ul")).to_contain_text("没有锁定的设备")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_form_and_the_managers_page_hold_at_every_width_and_for_every_reader(
    shop: ShopSite, open_page: Opener, language: str
) -> None:
    shop.box.member("王丽华", external_id="C-1001")
    shop.box.codes.enter("000000", "", "local")
    watched = open_page(f"{shop.url}arrivals", language=language, has_touch=True)
    page: Page = watched.page
    for step in ("form", "phone", "locked"):
        if step == "phone":
            page.goto(f"{shop.url}codes")
            page.locator("#phone-number").fill("C-1001")
            page.locator("#phone-end").fill("8000")
            page.locator("#provide .primary").click()
            expect(page.locator(".qr")).to_be_visible()
        if step == "locked":
            for _ in range(FAILURES_MAX):
                shop.box.codes.enter("000000", "", "local")
            page.goto(f"{shop.url}codes")
            expect(page.locator("#locked-local")).to_be_visible()
        for width in _WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert not too_wide(page), f"{step} scrolls sideways at {width} px"
        page.set_viewport_size({"width": 375, "height": 900})
        assert too_small_to_touch(page) == [], step
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert seriously_wrong(page) == [], step
    assert watched.complaints == []
    assert watched.hosts == {f"127.0.0.1:{shop.port}"}
