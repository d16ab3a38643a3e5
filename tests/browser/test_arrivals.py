"""The consultants' page and the devices' page in a real browser, over a real store."""

import dataclasses
import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from edge.store.devices import LOCAL, Role
from edge.store.switches import FACES, is_off
from menkou.listen import Listen
from tests.browser.conftest import ShopSite, shop_view
from tests.browser.looks import seriously_wrong, too_small_to_touch, too_wide

Opener = Callable[..., Any]
_WIDTHS = (375, 768, 1440)
_HARSH = "<script>alert(1)</script>"


@pytest.fixture
def entrance(shop: ShopSite) -> ShopSite:
    """A box that recognises members."""
    shop.shown = shop_view(mode="entrance", mode_wanted="entrance", basis="distinct", members=2)
    return shop


@pytest.fixture
def network(tmp_path: Path) -> Iterator[ShopSite]:
    """A box that asks for paired devices, as one on the shop's network does."""

    def guarded(site: Any, listen: Listen) -> Any:
        asking = dataclasses.replace(listen, host="box.shop.example", paired_only=True)
        return site.box.app(lambda: site.shown, asking, revoked=lambda: site.broadcast.doubt())

    site = ShopSite(
        shop_view(mode="entrance", mode_wanted="entrance", basis="distinct"), guarded, tmp_path
    )
    site.start()
    yield site
    site.stop()


def _paired(network: ShopSite, open_page: Opener, role: Role, **more: Any) -> Page:
    """Open a browser and pair it as a person does who scanned the code."""
    code = network.box.devices().issue(role=role, name=role, by=LOCAL, now=network.box.now())
    page: Page = open_page(f"{network.url}pair#{code.text}", language="en", **more).page
    expect(page.locator("#code")).to_have_value(code.text)
    assert "#" not in page.url
    page.get_by_role("button", name="Pair").click()
    expect(page.locator("#main")).to_be_visible()
    return page


def _busy(site: ShopSite, *, harsh: bool = False) -> None:
    """Let members and visitors come in, in every way there is."""
    box = site.box
    name = f"{_HARSH} 欧阳娜娜·爱新觉罗·伊丽莎白·亚历山德拉" if harsh else "王女士"
    full = box.member(
        "王丽华",
        called=name[:80],
        tier="金卡会员",
        birthday=f"{box.now() + timedelta(days=1):%m-%d}",
        repair_ready="欧米茄手表，换表带",
        last_purchase="18K 金钻石项链",
        note="喜欢安静的位置\n先生姓陈" + ("，" + "长" * 300 if harsh else ""),
        consultant="小林",
        tags=("对戒", "玫瑰金"),
    )
    erased = box.member("gone")
    box.visit(ago_s=80)
    first = box.visit(erased, ago_s=70)
    box.erase(erased)
    box.visit(box.member("张伟"), ago_s=60, sure=None)
    box.visit(full, ago_s=50, sure=False, reentry=True, first_visit=first.id)
    box.visit(ago_s=40, reentry=True)
    box.visit(full, ago_s=2)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("harsh", [False, True], ids=["ordinary", "harsh"])
def test_the_arrivals_hold_at_every_width_and_for_every_reader(
    entrance: ShopSite, open_page: Opener, language: str, harsh: bool
) -> None:
    _busy(entrance, harsh=harsh)
    if harsh:
        entrance.shown = dataclasses.replace(
            entrance.shown, notices=("names_locked", "declaration_expired", "from_the_future")
        )
    watched = open_page(f"{entrance.url}arrivals", language=language, has_touch=True)
    page: Page = watched.page
    expect(page.locator("#live-sign")).to_be_visible()
    for summary in page.locator("details.confirm summary").all():
        summary.click()
    for width in _WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert not too_wide(page), f"scrolls sideways at {width} px"
    page.set_viewport_size({"width": 375, "height": 900})
    assert too_small_to_touch(page) == []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert seriously_wrong(page) == []
    assert page.locator("h1").count() == 1
    assert watched.complaints == []
    assert watched.hosts == {f"127.0.0.1:{entrance.port}"}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_pairing_and_devices_hold_at_every_width_and_for_every_reader(
    network: ShopSite, open_page: Opener, language: str
) -> None:
    _paired(network, open_page, "consultant")
    code = network.box.devices().issue(role="manager", name="", by=LOCAL, now=network.box.now())
    watched = open_page(f"{network.url}pair", language=language, has_touch=True)
    page: Page = watched.page
    for step in ("pair", "devices", "code"):
        if step == "devices":
            page.locator("#code").fill(code.text.lower())
            page.locator("#name").fill("店长的手机" * 8)
            page.locator("form .primary").click()
            page.goto(f"{network.url}devices")
        if step == "code":
            page.locator("input[value=installer]").check()
            page.locator("form .primary").click()
            expect(page.locator("#pair-code")).to_be_visible()
        for summary in page.locator("details.confirm summary").all():
            summary.click()
        for width in _WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert not too_wide(page), f"{step} scrolls sideways at {width} px"
        page.set_viewport_size({"width": 375, "height": 900})
        assert too_small_to_touch(page) == [], step
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert seriously_wrong(page) == [], step
    assert watched.complaints == []
    assert watched.hosts == {f"127.0.0.1:{network.port}"}


def test_a_card_appears_within_two_seconds_and_disturbs_nobody(
    entrance: ShopSite, open_page: Opener
) -> None:
    box = entrance.box
    before = box.visit(box.member("张伟"), ago_s=50)
    page: Page = open_page(f"{entrance.url}arrivals", language="en", width=375).page
    expect(page.locator("#live-sign")).to_be_visible()
    asking = page.locator(f"#wrong-{before.id}")
    asking.locator("summary").click()
    page.evaluate("window.kept = document.querySelector('.arrival')")
    came = box.visit(box.member("王丽华", called="王女士", repair_ready="watch"))
    entrance.broadcast.publish()
    card = page.locator(f"#visit-{came.id}")
    expect(card).to_contain_text("王女士", timeout=10_000)
    expect(card).to_contain_text("Repair ready to collect: watch")
    expect(card).to_contain_text("Just in")
    expect(page.locator("#newest")).to_have_text("王女士 has just come in")
    expect(page.locator("#arrivals > li").first).to_have_id(f"visit-{came.id}")
    assert asking.get_attribute("open") is not None, "the question was closed under the finger"
    assert page.evaluate("window.kept.isConnected"), "the older card was made anew"
    assert page.evaluate("document.activeElement.closest('li').id") == f"visit-{before.id}"


def test_a_card_stops_being_new_by_itself(entrance: ShopSite, open_page: Opener) -> None:
    visit = entrance.box.visit(entrance.box.member("王丽华"), ago_s=27)
    page: Page = open_page(f"{entrance.url}arrivals", language="en").page
    card = page.locator(f"#visit-{visit.id}")
    expect(card).to_have_class(re.compile("is-new"))
    expect(card).not_to_have_class(re.compile("is-new"), timeout=20_000)
    expect(card).not_to_contain_text("Just in")


def test_wrong_person_takes_two_taps_and_the_card_becomes_a_visitor(
    entrance: ShopSite, open_page: Opener
) -> None:
    box = entrance.box
    visit = box.visit(box.member("王丽华", called="王女士"))
    page: Page = open_page(f"{entrance.url}arrivals", language="zh", width=375).page
    expect(page.locator("#live-sign")).to_be_visible()
    card = page.locator(f"#visit-{visit.id}")
    card.get_by_text("不是这位").click()
    expect(card).to_contain_text("确定不是王女士？")
    card.get_by_role("button", name="是的，认错了").click()
    expect(card).to_contain_text("正在更正", timeout=10_000)
    expect(card.get_by_role("button")).to_have_count(0)
    box.correct()
    entrance.broadcast.publish()
    expect(card).to_have_class(re.compile("passer"), timeout=10_000)
    expect(card).to_contain_text("一位访客")
    expect(page.locator("main")).not_to_contain_text("王女士")


def test_without_scripts_wrong_person_works_too(entrance: ShopSite, open_page: Opener) -> None:
    visit = entrance.box.visit(entrance.box.member("王丽华"))
    url = f"{entrance.url}arrivals"
    page: Page = open_page(url, language="en", java_script_enabled=False).page
    card = page.locator(f"#visit-{visit.id}")
    card.get_by_text("Wrong person", exact=True).click()
    card.get_by_role("button", name="Yes, wrong person").click()
    expect(card).to_contain_text("Being corrected")
    assert page.url == url


def test_faces_are_turned_off_by_one_tap_on_every_screen(
    network: ShopSite, open_page: Opener
) -> None:
    consultant = _paired(network, open_page, "consultant")
    manager = _paired(network, open_page, "manager")
    manager.goto(f"{network.url}arrivals")
    consultant.get_by_role("button", name="Turn faces off").click()
    expect(consultant.locator("#faces-manager")).to_be_visible(timeout=10_000)
    assert is_off(network.box.db, FACES)
    expect(manager.locator(".faces")).to_contain_text("Off; no faces are read", timeout=10_000)
    manager.get_by_text("Turn faces on again").click()
    manager.get_by_role("button", name="Yes, turn on").click()
    expect(consultant.locator("#faces-off")).to_be_visible(timeout=10_000)
    assert not is_off(network.box.db, FACES)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_on_a_phone_faces_are_turned_off_by_one_tap_near_the_top(
    entrance: ShopSite, open_page: Opener, language: str
) -> None:
    _busy(entrance, harsh=True)
    entrance.shown = dataclasses.replace(entrance.shown, notices=("hub_unreachable",))
    url = f"{entrance.url}arrivals"
    page: Page = open_page(url, language=language, width=375, has_touch=True).page
    expect(page.locator("#live-sign")).to_be_visible()
    button = page.locator("#faces-off-now button")
    place = button.bounding_box()
    assert place
    assert place["y"] + place["height"] < 300
    assert place["height"] >= 44
    assert _nearest_control_px(button) >= 16, "easily hit by accident"
    button.tap()
    expect(button).to_have_count(0, timeout=10_000)
    assert is_off(entrance.box.db, FACES)


def test_on_a_phone_the_keyboard_turns_faces_off_too(entrance: ShopSite, open_page: Opener) -> None:
    page: Page = open_page(f"{entrance.url}arrivals", language="en", width=375).page
    expect(page.locator("#live-sign")).to_be_visible()
    button = page.locator("#faces-off-now button")
    places = page.get_by_role("navigation").locator("a:visible, summary:visible").count()
    for _ in range(3 + places):  # past the skip link, the language and the pages
        expect(button).not_to_be_focused()
        page.keyboard.press("Tab")
    expect(button).to_be_focused()
    assert button.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(button).to_have_count(0, timeout=10_000)
    assert is_off(entrance.box.db, FACES)


def test_on_a_wide_screen_faces_are_turned_off_in_one_place_only(
    entrance: ShopSite, open_page: Opener
) -> None:
    page: Page = open_page(f"{entrance.url}arrivals", language="en").page
    expect(page.get_by_role("button", name="Turn faces off")).to_have_count(1)
    expect(page.locator("#faces-off button")).to_be_in_viewport(ratio=1)


def _nearest_control_px(control: Locator) -> float:
    """Return how far away the nearest other control is."""
    found: float = control.evaluate(
        """e => Math.min(...[...document.querySelectorAll('a, button, summary, input')]
        .filter(o => o !== e && o.checkVisibility() && !o.matches('.skip, [type=hidden]'))
        .map(o => [o.getBoundingClientRect(), e.getBoundingClientRect()])
        .map(([a, b]) => Math.hypot(
            Math.max(0, a.left - b.right, b.left - a.right),
            Math.max(0, a.top - b.bottom, b.top - a.bottom))))"""
    )
    return found


def test_two_devices_see_the_same_guest_and_a_revoked_one_is_out(
    network: ShopSite, open_page: Opener
) -> None:
    consultant = _paired(network, open_page, "consultant")
    manager = _paired(network, open_page, "manager")
    manager.goto(f"{network.url}arrivals")
    for page in (consultant, manager):
        expect(page.locator("#live-sign")).to_be_visible()
    network.box.visit(network.box.member("王丽华"))
    network.broadcast.publish()
    for page in (consultant, manager):
        expect(page.locator(".arrival")).to_contain_text("王丽华", timeout=10_000)
    manager.get_by_role("link", name="Manager", exact=True).click()
    manager.get_by_role("link", name="Paired phones and tablets").click()
    row = manager.locator(".device").filter(has=manager.get_by_role("heading", name="consultant"))
    row.get_by_text("Revoke", exact=True).click()
    told = time.monotonic()
    row.get_by_role("button", name="Yes, revoke").click()
    expect(consultant).to_have_url(f"{network.url}pair", timeout=10_000)
    assert time.monotonic() - told < 10
    expect(consultant.locator("body")).not_to_contain_text("王丽华")
    expect(manager.locator(".device")).to_have_count(1)


def test_a_new_device_is_paired_from_the_managers_page(
    network: ShopSite, open_page: Opener
) -> None:
    manager = _paired(network, open_page, "manager")
    manager.goto(f"{network.url}devices")
    manager.locator("input[value=installer]").check()
    manager.get_by_label("Name of the device").fill("installer's phone")
    manager.get_by_role("button", name="Make a code").click()
    expect(manager.get_by_role("img", name="QR code for pairing")).to_be_visible()
    code = manager.locator("#pair-code").inner_text()
    page: Page = open_page(f"{network.url}pair", language="en").page
    page.get_by_label("Pairing code").fill(code)
    page.get_by_role("button", name="Pair").click()
    expect(page.locator("#visitors")).to_be_visible()
    expect(page.get_by_role("navigation", name="Pages").get_by_role("link")).to_have_text(["Today"])
    manager.goto(f"{network.url}devices")
    expect(manager.locator(".device").filter(has_text="installer's phone")).to_have_count(1)


def test_the_places_are_links_and_say_where_one_is(entrance: ShopSite, open_page: Opener) -> None:
    page: Page = open_page(entrance.url, language="en").page
    places = page.get_by_role("navigation", name="Pages")
    every = ["Arrivals", "Appointments", "Queue", "Members", "Service", "Today", "Manager"]
    expect(places.get_by_role("link")).to_have_text(every)
    expect(places.locator("[aria-current=page]:visible")).to_have_text("Today")
    places.get_by_role("link", name="Arrivals").click()
    expect(page.locator("#nobody")).to_contain_text("Nobody has come in")
    expect(places.locator("[aria-current=page]:visible")).to_have_text("Arrivals")
    page.goto(f"{entrance.url}staff")
    expect(places.locator("[aria-current=true]:visible")).to_have_text("Manager")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_on_a_phone_four_places_and_more_are_under_the_thumb(
    entrance: ShopSite, open_page: Opener, language: str
) -> None:
    watched = open_page(f"{entrance.url}tickets", language=language, width=375, has_touch=True)
    page: Page = watched.page
    bar = page.locator(".places")
    more = bar.locator("summary")
    expect(bar.get_by_role("link")).to_have_count(4)
    expect(more).to_contain_text({"zh": "服务", "en": "Service"}[language])  # where one is
    place = bar.bounding_box()
    assert place
    assert place["y"] + place["height"] == 900
    more.focus()
    page.keyboard.press("Enter")
    expect(bar.get_by_role("link")).to_have_count(7)
    assert seriously_wrong(page) == []
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#visitors")).to_be_visible()
    assert not too_wide(page)
    assert watched.complaints == []


def test_a_busy_day_is_light_to_load_and_shown_whole(entrance: ShopSite, open_page: Opener) -> None:
    box = entrance.box
    for number in range(20):
        member = box.member(
            f"王{number}", tier="金卡", note="喜欢安静的位置" * 9, repair_ready="表"
        )
        box.visit(member, ago_s=60 + number)
        box.visit(ago_s=90 + number)
    watched = open_page(f"{entrance.url}arrivals")
    sizes = """() => [...performance.getEntriesByType('navigation'),
        ...performance.getEntriesByType('resource')].reduce((sum, e) => sum + e.transferSize, 0)"""
    expect(watched.page.locator("#arrivals > li")).to_have_count(40, timeout=60_000)
    assert 5_000 < watched.page.evaluate(sizes) < 150_000
    assert watched.complaints == []


def test_a_box_that_only_counts_has_no_faces_to_turn_off(shop: ShopSite, open_page: Opener) -> None:
    shop.box.visit(ago_s=40)
    page: Page = open_page(f"{shop.url}arrivals", language="en").page
    expect(page.locator(".passer")).to_contain_text("A visitor")
    expect(page.locator(".faces, .faces-now")).to_have_count(0)
