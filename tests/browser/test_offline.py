"""The network goes and comes back: what a phone shows, keeps, sends, and forgets."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from edge.store.devices import LOCAL
from tests.browser.conftest import ShopSite
from tests.browser.looks import seriously_wrong, too_small_to_touch, too_wide
from tests.browser.test_arrivals import _WIDTHS, entrance, network
from tests.support.processes import until

__all__ = ["entrance", "network"]
Opener = Callable[..., Any]
PATIENCE_MS = 20_000


def _ready(page: Page) -> None:
    """Wait until the page is live and would be shown without a network, too."""
    expect(page.locator("#live-sign")).to_be_visible()
    page.evaluate("navigator.serviceWorker.ready")
    # Asked from here: for `wait_for_function` the page would evaluate text, which it may not.
    until(lambda: page.evaluate("!!navigator.serviceWorker.controller"), what="the controller")


def _lose(site: ShopSite, page: Page) -> None:
    site.stop()
    expect(page.locator("#lost")).to_be_visible(timeout=PATIENCE_MS)


def _claims(site: ShopSite) -> list[tuple[str, str, int]]:
    return list(site.box.db.execute("SELECT visit, state, rev FROM claim"))


def _notes(site: ShopSite) -> int:
    return int(site.box.db.execute("SELECT count(*) FROM note").fetchone()[0])


def test_what_is_tapped_without_a_network_outlives_a_reload_and_is_done_once_it_is_back(
    entrance: ShopSite, open_page: Opener
) -> None:
    box = entrance.box
    visit = box.visit(box.member("王丽华", called="王女士", repair_ready="watch"))
    box.announce(visit)
    watched = open_page(f"{entrance.url}arrivals", language="en", width=375, has_touch=True)
    page: Page = watched.page
    _ready(page)
    _lose(entrance, page)
    expect(page.locator("#lost")).to_have_text(re.compile(r"Not connected · as of \d\d:\d\d"))
    card = page.locator(f"#visit-{visit.id}")
    for _ in range(2):  # the second tap finds that it is kept
        card.locator("form.claim button").dispatch_event("click")
        expect(card.locator("form.claim button")).to_have_text("Kept, sent when connected")
    card.locator("summary", has_text="Note").click()
    card.get_by_label("Note").fill("ring size 52")
    card.get_by_role("button", name="Keep the note").click()
    expect(page.locator("#later li")).to_have_count(2)
    page.reload()
    expect(page.locator("#lost")).to_be_visible(timeout=PATIENCE_MS)
    expect(card).to_contain_text("王女士")
    expect(page.locator("#asking > *")).to_have_count(0)  # what popped up then is no news
    expect(page.locator("#later li")).to_have_count(2)
    expect(page.locator("#later")).to_contain_text("王女士")
    assert "王女士" not in json.dumps(page.evaluate("({...localStorage})"), ensure_ascii=False)
    assert seriously_wrong(page) == []
    for width in _WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert not too_wide(page), f"scrolls sideways at {width} px"
    assert _claims(entrance) == []
    entrance.start()
    expect(card).to_contain_text("You are with this guest", timeout=PATIENCE_MS)
    expect(page.locator("#later")).to_be_hidden(timeout=PATIENCE_MS)
    expect(page.locator("#lost")).to_be_hidden()
    expect(card).to_contain_text("ring size 52", timeout=PATIENCE_MS)
    assert _claims(entrance) == [(visit.id, "taken", 1)]
    assert _notes(entrance) == 1
    assert page.evaluate("sessionStorage.getItem('menkou.state')") is None
    assert watched.hosts == {f"127.0.0.1:{entrance.port}"}


def test_a_guest_whom_somebody_else_took_meanwhile_is_told(
    entrance: ShopSite, open_page: Opener
) -> None:
    box, people = entrance.box, entrance.box.floor.people
    for name in ("小林", "周敏"):
        assert people.add(name, "consultant", "2468", LOCAL) is None
    ids = {one.name: one.id for one in people.everybody()}
    visit = box.visit(box.member("王丽华", called="王女士"))
    page: Page = open_page(f"{entrance.url}arrivals", language="zh", width=375).page
    _ready(page)
    page.get_by_role("button", name="小林").click()
    claim = page.locator(f"#visit-{visit.id} form.claim button")
    expect(claim).to_be_visible(timeout=PATIENCE_MS)  # the box knows who it is
    _lose(entrance, page)
    claim.click()
    told = page.locator("#later li")
    expect(told).to_contain_text("联网后自动发出")
    assert people.choose("another-phone", ids["周敏"], "") == "chosen"
    assert box.floor.guests.claim(visit.id, "another-phone") == "mine"
    entrance.start()
    expect(told).to_contain_text("周敏", timeout=PATIENCE_MS)
    expect(told).to_contain_text("先接待了这位客人")
    told.get_by_role("button", name="知道了").click()
    expect(page.locator("#later")).to_be_hidden()
    assert _claims(entrance) == [(visit.id, "taken", 1)]


def test_after_its_time_the_list_is_gone_from_the_screen_and_from_a_reload(
    entrance: ShopSite, open_page: Opener
) -> None:
    entrance.box.visit(entrance.box.member("王丽华", called="王女士"))
    page: Page = open_page(f"{entrance.url}arrivals", language="en", width=375).page
    _ready(page)
    _lose(entrance, page)
    state = "JSON.parse(sessionStorage['menkou.state'])"
    assert page.evaluate(f"{state}.until - {state}.at") == 1800_000
    page.clock.install()
    page.clock.fast_forward("31:00")
    page.reload()
    expect(page.locator("main")).to_contain_text("The shop's network cannot be reached")
    expect(page.locator("body")).not_to_contain_text("王女士")
    assert page.evaluate("sessionStorage.getItem('menkou.state')") is None


def test_a_device_that_was_revoked_keeps_nothing(network: ShopSite, open_page: Opener) -> None:
    code = network.box.devices().issue(role="consultant", name="", by=LOCAL, now=network.box.now())
    page: Page = open_page(f"{network.url}pair#{code.text}", language="en").page
    page.get_by_role("button", name="Pair").click()
    expect(page.locator("#live-sign")).to_be_visible()
    page.evaluate("localStorage['menkou.later'] = '[]'; sessionStorage['menkou.state'] = '{}'")
    (device,) = network.box.devices().paired(network.box.now())
    network.box.devices().revoke(device.id, by=LOCAL, now=network.box.now())
    network.broadcast.doubt()
    expect(page).to_have_url(f"{network.url}pair", timeout=PATIENCE_MS)
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_app_can_be_installed_and_the_way_to_trust_it_is_told(
    shop: ShopSite, open_page: Opener, language: str
) -> None:
    watched = open_page(f"{shop.url}arrivals", language=language, has_touch=True)
    page: Page = watched.page
    _ready(page)
    devtools = page.context.new_cdp_session(page)
    errors = devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [one["errorId"] for one in errors if one["errorId"] != "in-incognito"] == []
    manifest = json.loads(devtools.send("Page.getAppManifest")["data"])
    assert manifest["short_name"] == {"zh": "门口", "en": "Menkou"}[language]
    page.goto(f"{shop.url}trust")
    for width in _WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert not too_wide(page), f"scrolls sideways at {width} px"
    page.set_viewport_size({"width": 375, "height": 900})
    assert too_small_to_touch(page) == []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert seriously_wrong(page) == []
    assert watched.complaints == []
