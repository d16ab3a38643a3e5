"""The queue in a real browser: a number, the call, the phone call; and the guests' display."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from edge.store import outbound
from tests.browser.conftest import ShopSite
from tests.browser.looks import seriously_wrong, too_small_to_touch, too_wide

Opener = Callable[..., Any]
PATIENCE_MS = 60_000


def _later(shop: ShopSite, minutes: float) -> None:
    """Let time go by at the box, and do what its clock does then."""
    assert shop.box.fixed
    shop.box.fixed += timedelta(minutes=minutes)
    shop.box.hands.seconds += 60 * minutes
    shop.box.queue.fire()
    shop.broadcast.publish()


def _goes_out(shop: ShopSite) -> None:
    message = outbound.next_for(shop.box.db, "sms")
    assert message
    outbound.end(shop.box.db, message, "sent", shop.box.now())


def test_a_guest_takes_a_number_is_called_and_phoned_and_comes_back(
    shop: ShopSite, open_page: Opener
) -> None:
    shop.box.fixed = shop.box.now()
    watched = open_page(f"{shop.url}queue", language="en", width=375)
    page: Page = watched.page
    board: Page = open_page(f"{shop.url}queue/display", language="zh").page
    expect(board.locator("#board")).to_contain_text("现在没有叫号")
    expect(page.locator("#live-sign")).to_be_visible()
    page.get_by_label("Phone number").fill("138 0013 8000")
    page.keyboard.press("Enter")
    expect(page.locator("#given")).to_contain_text("Number A001", timeout=PATIENCE_MS)
    expect(page.get_by_label("Phone number")).to_have_value("")
    expect(page.locator(".ticket")).to_contain_text("…8000")
    expect(board.locator("#board")).to_contain_text("还有 1 位在等", timeout=PATIENCE_MS)

    _later(shop, 30)
    expect(page.locator("#called .ticket")).to_contain_text("about to go out", timeout=PATIENCE_MS)
    expect(board.locator("#called-A001")).to_be_visible(timeout=PATIENCE_MS)
    _goes_out(shop)
    _later(shop, 0)
    _later(shop, 15)
    task = page.locator("#tasks .ticket")
    expect(task).to_contain_text("Please call", timeout=PATIENCE_MS)
    assert "13800138000" not in page.content()
    task.get_by_role("button", name="Show the number: A001").click()
    expect(task.locator("a")).to_have_attribute("href", "tel:13800138000", timeout=PATIENCE_MS)
    task.get_by_role("button", name="Reached, is coming: A001").click()
    expect(page.locator("#tasks")).to_have_count(0, timeout=PATIENCE_MS)
    page.get_by_role("button", name="Is back: A001").click()
    expect(page.locator("#back .ticket")).to_be_visible(timeout=PATIENCE_MS)
    expect(board.locator("#called-A001")).to_have_count(0, timeout=PATIENCE_MS)
    page.get_by_role("button", name="Served: A001").click()
    expect(page.locator(".ended")).to_contain_text("A001", timeout=PATIENCE_MS)
    assert "13800138000" not in board.content()
    assert watched.complaints == []
    assert watched.hosts == {f"127.0.0.1:{shop.port}"}


def _fill(shop: ShopSite) -> None:
    """One ticket of each state, and a member among them."""
    desk = shop.box.queue
    shop.box.member("欧阳娜娜·阿卜杜热西提", external_id="C-1001")

    def take(phone: str, member: str = "") -> str:
        given = desk.take(phone=phone, code="", member=member, actor="local")
        return str(
            shop.box.db.execute(
                "SELECT id FROM queue_ticket WHERE number = ?", [int(given.number[1:])]
            ).fetchone()[0]
        )

    take("13800138000")
    back, served, gone = (take(f"1390013900{n}") for n in range(3))
    _later(shop, 20)
    take("13700137000", "C-1001")
    _later(shop, 10)
    _goes_out(shop)
    desk.move(back, "back", "local")
    desk.move(served, "served", "local")
    desk.move(gone, "gone", "local")
    _later(shop, 0)
    _later(shop, 15)
    take("13600136000")
    take("", "C-1001")
    desk.take(phone="no", code="", member="", actor="local")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_queue_holds_at_every_width_and_for_every_reader(
    shop: ShopSite, open_page: Opener, language: str
) -> None:
    shop.box.fixed = shop.box.now()
    _fill(shop)
    watched = open_page(f"{shop.url}queue", language=language, has_touch=True)
    page: Page = watched.page
    page.locator("#take-phone").fill("12")
    page.keyboard.press("Enter")
    expect(page.locator("#queue-problem")).to_be_visible(timeout=PATIENCE_MS)
    page.locator("#set-time summary").click()
    for path in ("queue", "queue/display"):
        if path != "queue":
            page.goto(f"{shop.url}{path}")
        for width in (375, 768, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            assert not too_wide(page), f"{path} scrolls sideways at {width} px"
        page.set_viewport_size({"width": 375, "height": 900})
        assert too_small_to_touch(page) == [], path
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert seriously_wrong(page) == [], path
    assert watched.complaints == []
    assert watched.hosts == {f"127.0.0.1:{shop.port}"}
