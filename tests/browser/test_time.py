"""The page of the time in a real browser: two clocks side by side, and one tap."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from edge.clock import SteadyClock
from tests.browser.conftest import ShopSite
from tests.browser.looks import seriously_wrong, too_small_to_touch, too_wide

Opener = Callable[..., Any]


@pytest.fixture
def unsure(shop: ShopSite) -> ShopSite:
    """A box that came up half a day behind, and knows that it may be wrong."""
    hands = shop.box.hands
    hands.word = "suspect"
    hands.now = lambda: datetime.now(UTC) - timedelta(hours=12)
    shop.box.db.execute("DELETE FROM timeline")
    told = SteadyClock(hands, shop.box.timelines().follow(hands))
    shop.box.clock.take(told.timeline)
    return shop


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_holds_at_every_width_and_for_every_reader(
    unsure: ShopSite, open_page: Opener, language: str
) -> None:
    watched = open_page(f"{unsure.url}time", language=language, has_touch=True)
    page: Page = watched.page
    expect(page.locator("#time-set")).to_be_visible()
    for width in (375, 768, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert not too_wide(page), f"scrolls sideways at {width} px"
    page.set_viewport_size({"width": 375, "height": 900})
    assert too_small_to_touch(page) == []
    assert seriously_wrong(page) == []
    page.emulate_media(color_scheme="dark")
    assert seriously_wrong(page) == []
    assert watched.complaints == []


def test_one_tap_makes_this_devices_time_the_boxs(unsure: ShopSite, open_page: Opener) -> None:
    page: Page = open_page(f"{unsure.url}time", language="en").page
    shown = page.locator("#device-time")
    expect(shown).not_to_be_empty()
    assert page.locator("#box-time").inner_text() != shown.inner_text()
    page.get_by_role("button", name="Use this device's time").click()
    expect(page.locator("#time-word")).to_contain_text("Set by hand")
    assert unsure.box.clock.timeline.word == "person"
    # The monotonic hands of this box stand still while the browser works.
    assert abs(unsure.box.clock.now() - datetime.now(UTC)) < timedelta(seconds=30)


def test_without_scripts_the_boxs_time_can_still_be_confirmed(
    unsure: ShopSite, open_page: Opener
) -> None:
    page: Page = open_page(f"{unsure.url}time", language="en", java_script_enabled=False).page
    expect(page.locator("#time-set")).to_be_hidden()
    page.get_by_role("button", name="The box's time is right").click()
    expect(page.locator("#time-word")).to_contain_text("Set by hand")
