"""Pages stay as new as the server, and say so when they cannot."""

import dataclasses
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

Opener = Callable[..., Any]  # opens conftest.Watched
Site = Any  # conftest.Site


def test_a_change_appears_within_two_seconds_and_disturbs_nobody(
    shop: Site, open_page: Opener
) -> None:
    page = open_page(shop.url, width=375).page
    page.evaluate("window.kept = document.getElementById('visitors')")
    table = page.locator("details.table")
    table.locator("summary").click()
    scrolled = page.evaluate("scrollY")
    shop.show(dataclasses.replace(shop.shown, visitors=4321))
    expect(page.locator("#visitors")).to_have_text("4,321", timeout=10_000)
    assert page.evaluate("window.kept === document.getElementById('visitors')"), "made anew"
    assert table.get_attribute("open") is not None
    assert page.evaluate("document.activeElement.nodeName") == "SUMMARY"
    assert page.evaluate("scrollY") == scrolled


def test_a_burst_of_changes_asks_for_few_pages_and_ends_with_the_last(
    shop: Site, open_page: Opener
) -> None:
    page = open_page(shop.url).page
    expect(page.locator("#live-sign")).to_be_visible()
    asked: list[float] = []
    page.on("request", lambda r: asked.append(time.monotonic()) if "/live" in r.url else None)
    for number in range(2000, 2101):
        shop.show(dataclasses.replace(shop.shown, visitors=number))
        page.wait_for_timeout(10)
    expect(page.locator("#visitors")).to_have_text("2,100")
    # 101 changes over at least 1 s; with a tenth of a second at least between two.
    assert len(asked) <= 10 * (asked[-1] - asked[0]) + 2


@pytest.mark.parametrize(
    ("language", "words"),
    [
        pytest.param("zh", r"未连接 · 显示的是 \d\d:\d\d 的内容", id="zh"),
        pytest.param("en", r"Not connected · as of \d\d:\d\d", id="en"),
    ],
)
def test_a_lost_server_is_told_and_its_return_needs_no_reload(
    shop: Site, open_page: Opener, language: str, words: str
) -> None:
    page = open_page(shop.url, language=language).page
    bar = page.locator("#lost")
    expect(page.locator("#live-sign")).to_be_visible()
    expect(bar).to_be_hidden()
    page.evaluate("window.kept = true")
    shop.stop()
    expect(bar).to_be_visible(timeout=10_000)
    expect(bar).to_have_text(re.compile(words))
    expect(page.locator("#visitors")).to_have_text("1,305")
    shop.shown = dataclasses.replace(shop.shown, visitors=1400)
    shop.start()
    expect(bar).to_be_hidden(timeout=60_000)
    expect(page.locator("#visitors")).to_have_text("1,400")
    assert page.evaluate("window.kept") is True


def test_figures_that_cannot_be_fetched_are_told_though_the_stream_lives(
    shop: Site, open_page: Opener
) -> None:
    page = open_page(shop.url).page
    expect(page.locator("#live-sign")).to_be_visible()
    good = shop.shown
    shop.show(None)
    expect(page.locator("#lost")).to_be_visible(timeout=10_000)
    shop.show(good)
    expect(page.locator("#lost")).to_be_hidden()


def test_a_new_shop_appears_by_itself(chain: Site, open_page: Opener) -> None:
    shops = chain.shown.shops
    chain.shown = dataclasses.replace(chain.shown, shops=())
    page = open_page(chain.home).page
    expect(page.locator(".empty")).to_be_visible()
    chain.show(dataclasses.replace(chain.shown, shops=shops))
    expect(page.locator("#shop-nj-002")).to_be_visible(timeout=10_000)
