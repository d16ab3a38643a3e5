"""The guest's screen beside a check-in camera in a real browser: what it asks, what came of it."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ShopSite
from tests.browser.looks import seriously_wrong, too_small_to_touch, too_wide

Opener = Callable[..., Any]
_LEAST_PX = {375: 36, 1440: 64}
"""A letter's height that is read from a metre: 20 minutes of arc (ISO 9241-303)."""
_TOLD = {
    "idle": ("签到请在此停留", "stop here and look at the camera"),
    "front": ("请看向摄像头", "Please look at the camera"),
    "left": ("转向您的左边", "turn your head slowly to your left"),
    "right": ("转向您的右边", "turn your head slowly to your right"),
    "welcome": ("谢谢，您已签到", "you are checked in"),
    "code": ("请使用您的会员码", "Use your code"),
    "pause": ("请到店员处签到", "check in with one of us"),
}


@pytest.mark.parametrize(("language", "place"), [("zh", 0), ("en", 1)])
def test_a_guest_reads_from_a_metre_what_to_do_and_what_came_of_it(
    shop: ShopSite, open_page: Opener, language: str, place: int
) -> None:
    shop.box.visit(shop.box.member("王丽华", called="王女士"))
    watched = open_page(f"{shop.url}checkin/counter", language=language, has_touch=True)
    page: Page = watched.page
    expect(page.locator("#live-sign")).to_be_visible()
    signs = set()
    for told, words in _TOLD.items():
        shop.box.told["counter"] = told
        shop.broadcast.publish()
        expect(page.locator("#told")).to_have_attribute("data-told", told, timeout=60_000)
        expect(page.get_by_role("status").filter(has_text=words[place])).to_be_visible()
        signs.add(page.locator(".turn-sign").inner_html())
        for width, least_px in _LEAST_PX.items():
            page.set_viewport_size({"width": width, "height": 812})
            assert not too_wide(page), f"{told} scrolls sideways at {width} px"
            size = "parseFloat(getComputedStyle(document.querySelector('.turn-words')).fontSize)"
            assert page.evaluate(size) >= least_px, told
            deep = page.evaluate("document.documentElement.scrollHeight - window.innerHeight")
            assert deep <= 0, f"{told} has to be scrolled at {width} px"
    assert len(signs) == 5, "to look, left, right, welcome, code: not by words and colour alone"
    assert "王" not in page.content()
    assert page.locator("nav").count() == 0
    assert page.locator("a:not(.skip)").count() == 1  # the other language
    for told in ("left", "welcome", "code"):
        shop.box.told["counter"] = told
        shop.broadcast.publish()
        expect(page.locator("#told")).to_have_attribute("data-told", told, timeout=60_000)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert seriously_wrong(page) == [], (told, scheme)
    assert too_small_to_touch(page) == []
    assert watched.complaints == []
    assert watched.hosts == {f"127.0.0.1:{shop.port}"}
