"""The consultants' work in a real browser: who am I, claim, note, long stay, has left, alerts."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from edge.store.devices import LOCAL
from tests.browser.conftest import ShopSite
from tests.browser.looks import seriously_wrong, too_small_to_touch, too_wide
from tests.browser.test_arrivals import _WIDTHS, _paired, entrance, network

__all__ = ["entrance", "network"]
Opener = Callable[..., Any]
PATIENCE_MS = 60_000
_LISTEN = """
window.alerted = [];
navigator.vibrate = () => window.alerted.push("vibration");
window.AudioContext = class {
  constructor() { this.state = "running"; this.currentTime = 0; this.destination = {}; }
  resume() {}
  createOscillator() {
    window.alerted.push("sound");
    return { frequency: {}, connect: (next) => next, start() {}, stop() {} };
  }
  createGain() {
    return { gain: { setValueAtTime() {}, exponentialRampToValueAtTime() {} }, connect: (n) => n };
  }
};
"""


def _staff(site: ShopSite, *names: str) -> dict[str, str]:
    for name in names:
        assert site.box.floor.people.add(name, "consultant", "2468", LOCAL) is None
    return {one.name: one.id for one in site.box.floor.people.everybody()}


def test_a_guest_is_taken_by_one_tap_and_the_other_screen_sees_by_whom(
    network: ShopSite, open_page: Opener
) -> None:
    _staff(network, "小林", "周敏")
    lin = _paired(network, open_page, "consultant", width=375, has_touch=True)
    zhou = _paired(network, open_page, "consultant", width=768)
    for page, name in ((lin, "小林"), (zhou, "周敏")):
        page.goto(f"{network.url}arrivals")
        page.get_by_role("button", name=name).click()
        expect(page.locator("#at-device")).to_contain_text(
            f"This device: {name}", timeout=PATIENCE_MS
        )
    box = network.box
    visit = box.visit(box.member("王丽华", called="王女士", repair_ready="watch"))
    box.announce(visit)
    network.broadcast.publish()
    asked = lin.locator(f"#ask-{visit.id}")
    expect(asked).to_contain_text("Repair ready to collect: watch", timeout=PATIENCE_MS)
    button = asked.get_by_role("button", name="I'll take this guest")
    place = button.bounding_box()
    assert place
    assert place["height"] >= 48
    assert place["y"] + place["height"] < 400, "a thumb finds it without scrolling"
    button.tap()
    for page, said in ((lin, "You are with this guest"), (zhou, "小林 is with this guest")):
        expect(page.locator(f"#claimed-{visit.id}")).to_contain_text(said, timeout=PATIENCE_MS)
    for page in (lin, zhou):
        expect(page.locator(".asking")).to_have_count(0, timeout=PATIENCE_MS)
        expect(page.get_by_role("button", name="I'll take this guest")).to_have_count(
            0, timeout=PATIENCE_MS
        )
    expect(zhou.get_by_role("button", name="Let others take over")).to_have_count(
        0, timeout=PATIENCE_MS
    )
    lin.get_by_role("button", name="Let others take over").click()
    expect(zhou.locator(f"#claim-{visit.id} button")).to_be_visible(timeout=PATIENCE_MS)


def test_an_alert_sounds_once_a_visit_and_is_gone_after_its_time_even_without_the_box(
    entrance: ShopSite, open_page: Opener, browser: Any
) -> None:
    box = entrance.box
    page: Page = open_page(f"{entrance.url}arrivals", language="en").page
    page.add_init_script(_LISTEN)
    page.reload()
    expect(page.locator("#live-sign")).to_be_visible(timeout=PATIENCE_MS)
    page.locator("#h-arrivals").click()  # browsers want a touch first
    old = box.visit(box.member("张伟"), ago_s=40)
    box.announce(old, ago_s=31)
    visit = box.visit(box.member("王丽华"), ago_s=26)
    box.announce(visit, ago_s=26)
    entrance.broadcast.publish()
    expect(page.locator(f"#ask-{visit.id}")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator(f"#visit-{old.id}")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator(f"#ask-{old.id}")).to_have_count(0, timeout=PATIENCE_MS)
    assert page.evaluate("window.alerted") == ["sound", "sound", "vibration"], "two tones, a shake"
    passer = box.visit()
    entrance.broadcast.publish()
    expect(page.locator(f"#visit-{passer.id}")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator(f"#ask-{visit.id}")).to_be_visible(timeout=PATIENCE_MS)
    page.wait_for_timeout(200)
    assert len(page.evaluate("window.alerted")) == 3, "what changes beside it makes no sound"
    page.context.set_offline(True)
    expect(page.locator(f"#ask-{visit.id}")).to_have_count(0, timeout=20_000)
    expect(page.locator(f"#visit-{visit.id}")).to_be_visible(timeout=PATIENCE_MS)
    page.context.set_offline(False)
    box.floor.people.set_alerts(LOCAL, sound=False, vibration=True)
    another = box.visit(box.member("李娜"))
    box.announce(another)
    entrance.broadcast.publish()
    expect(page.locator(f"#ask-{another.id}")).to_be_visible(timeout=PATIENCE_MS)
    assert page.evaluate("window.alerted")[3:] == ["vibration"]


def test_a_note_a_cup_of_tea_and_good_bye(entrance: ShopSite, open_page: Opener) -> None:
    box = entrance.box
    visit = box.visit(box.member("王丽华"), ago_s=1500)
    page: Page = open_page(f"{entrance.url}arrivals", language="zh", width=375).page
    expect(page.locator("#live-sign")).to_be_visible(timeout=PATIENCE_MS)
    card = page.locator(f"#visit-{visit.id}")
    card.get_by_text("记一笔", exact=True).first.click()
    card.get_by_label("记一笔").fill("<b>下周</b>带先生来")
    card.get_by_role("button", name="记下").click()
    expect(page.locator(f"#notes-{visit.id}")).to_contain_text(
        "<b>下周</b>带先生来", timeout=PATIENCE_MS
    )
    due = page.locator(f"#stay-{visit.id}")
    expect(due).to_contain_text("到店 25 分钟，可以上茶了", timeout=PATIENCE_MS)
    due.get_by_role("button", name="已送上").click()
    expect(page.locator("#staying")).to_have_count(0, timeout=PATIENCE_MS)
    card.locator(f"#end-{visit.id} summary").click()
    card.get_by_role("button", name="已离店").click()
    expect(card).to_contain_text("正在结束", timeout=PATIENCE_MS)
    box.correct()
    entrance.broadcast.publish()
    expect(card.locator(".marks")).to_contain_text("已离店", timeout=PATIENCE_MS)
    expect(card.get_by_role("button", name="我来接待")).to_have_count(0, timeout=PATIENCE_MS)


def test_without_scripts_a_guest_is_taken_and_noted_and_who_comes_second_sees_by_whom(
    entrance: ShopSite, open_page: Opener
) -> None:
    box, ids = entrance.box, _staff(entrance, "小林", "周敏")
    visit = box.visit(ago_s=5)
    url = f"{entrance.url}arrivals"
    page: Page = open_page(url, language="en", java_script_enabled=False).page
    page.get_by_role("button", name="周敏").click()
    row = page.locator(f"#visit-{visit.id}")
    expect(row.get_by_role("button", name="I'll take this guest")).to_be_visible(
        timeout=PATIENCE_MS
    )
    box.floor.people.choose("phone", ids["小林"], "")
    box.floor.guests.claim(visit.id, "phone")  # a moment sooner
    row.get_by_role("button", name="I'll take this guest").click()
    expect(row).to_contain_text("小林 is with this guest", timeout=PATIENCE_MS)
    row.get_by_text("Note", exact=True).first.click()
    row.get_by_label("Note").fill("blue scarf")
    row.get_by_role("button", name="Keep the note").click()
    expect(page.locator(f"#notes-{visit.id}")).to_contain_text("blue scarf", timeout=PATIENCE_MS)
    assert page.url == url


def test_a_shared_tablet_asks_for_the_pin(network: ShopSite, open_page: Opener) -> None:
    manager = _paired(network, open_page, "manager")
    tablet = _paired(network, open_page, "consultant", width=768)
    manager.goto(f"{network.url}devices")
    manager.get_by_role("link", name="Staff and long stays").click()
    for name, pin in (("小林", "2468"), ("周敏", "")):
        manager.locator("#name").fill(name)
        manager.locator("#pin").fill(pin)
        manager.get_by_role("button", name="Add", exact=True).click()
        expect(manager.locator(".device").filter(has_text=name)).to_be_visible(timeout=PATIENCE_MS)
    manager.locator("#tea").fill("15")
    manager.locator("#thresholds .primary").click()
    expect(manager.locator("#tea")).to_have_value("15", timeout=PATIENCE_MS)
    manager.goto(f"{network.url}devices")
    device = manager.locator(".device").filter(
        has=manager.get_by_role("heading", name="consultant")
    )
    device.get_by_role("button", name="Make it shared").click()
    expect(device).to_contain_text("Shared: asks for a PIN", timeout=PATIENCE_MS)
    tablet.goto(f"{network.url}arrivals")
    tablet.get_by_role("link", name="Choose your name, enter your PIN").click()
    for pin, said in (("1111", "Wrong PIN"), ("2468", "This device: 小林")):
        tablet.get_by_text("小林").click()
        tablet.get_by_label("PIN", exact=True).fill(pin)
        tablet.get_by_role("button", name="That's me").click()
        expect(tablet.locator("main")).to_contain_text(said, timeout=PATIENCE_MS)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_desk_holds_at_every_width_and_for_every_reader(
    entrance: ShopSite, open_page: Opener, language: str
) -> None:
    box = entrance.box
    ids = _staff(entrance, "小林", "欧阳娜娜·爱新觉罗·伊丽莎白", "<script>alert(1)</script>")
    box.floor.people.choose(LOCAL, ids["欧阳娜娜·爱新觉罗·伊丽莎白"], "")
    for visit in (box.visit(ago_s=1500), box.visit(box.member("王丽华"), ago_s=6000)):
        box.floor.guests.claim(visit.id, LOCAL)
        box.floor.guests.note(visit.id, "长" * 400 + "\n<script>alert(1)</script>", LOCAL)
    box.visit(ago_s=50)
    visit = box.visit(box.member("张伟", repair_ready="表"), sure=False)
    box.fixed = box.now()
    box.announce(visit)
    watched = open_page(f"{entrance.url}arrivals", language=language, has_touch=True)
    page: Page = watched.page
    for step in ("arrivals", "me", "staff"):
        if step == "me":  # the fuller of its two forms
            box.floor.people.share(LOCAL, shared=True, actor=LOCAL)
        if step != "arrivals":
            page.goto(f"{entrance.url}{step}")
        page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        for width in _WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert not too_wide(page), f"{step} scrolls sideways at {width} px"
        page.set_viewport_size({"width": 375, "height": 900})
        assert too_small_to_touch(page) == [], step
        for scheme in ("light", "dark") if language == "zh" else ():
            page.emulate_media(color_scheme=scheme)
            assert seriously_wrong(page) == [], step
    assert watched.complaints == []
    assert watched.hosts == {f"127.0.0.1:{entrance.port}"}


def test_esc_closes_the_menu_of_more_places_and_gives_the_focus_back(
    entrance: ShopSite, open_page: Opener
) -> None:
    page: Page = open_page(f"{entrance.url}members", language="en", width=375).page
    more = page.locator(".places-more")
    more.locator("summary").click()
    page.keyboard.press("Tab")
    expect(more.get_by_role("link").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(more.get_by_role("link").first).to_be_hidden()
    expect(more.locator("summary")).to_be_focused()
