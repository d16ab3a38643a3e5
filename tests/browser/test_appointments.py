"""Appointments in a real browser: a booking by phone, who comes, who does not; every width."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NOW, ShopSite
from tests.browser.looks import seriously_wrong, too_small_to_touch, too_wide
from tests.web.shopbox import ShopBox

Opener = Callable[..., Any]
PATIENCE_MS = 60_000


@pytest.fixture
def day(shop: ShopSite, tmp_path: Path) -> ShopSite:
    """A shop at 16:25 on its day, whenever the test runs."""
    shop.stop()
    shop.box = ShopBox(tmp_path / "day", now=NOW)
    shop.box.wake = lambda: shop.broadcast.publish()  # type: ignore[method-assign]
    shop.start()
    return shop


def _book(box: ShopBox, at: datetime, **more: str) -> str:
    texts = {"at": at.isoformat(), "what": "试戴对戒", "consultant": "小林", **more}
    booked = box.appointments.book(texts, "local")
    assert booked.problem is None
    return booked.id


def test_a_booking_is_entered_and_a_member_who_comes_is_marked_by_the_box(
    day: ShopSite, open_page: Opener
) -> None:
    member = day.box.member("王丽华", external_id="C-1")
    _book(day.box, NOW + timedelta(minutes=5), member="C-1", channel="app")
    watched = open_page(f"{day.url}appointments", language="en", width=375)
    page: Page = watched.page
    expect(page.locator("#live-sign")).to_be_visible()
    page.get_by_role("link", name="Enter a booking").click()
    page.get_by_label("Time").fill("16:00")
    page.get_by_label("Name").fill("孙悦")
    page.get_by_label("Phone number").fill("12")
    page.get_by_role("button", name="Enter").click()
    expect(page.locator("#problem")).to_contain_text("no phone number")
    page.get_by_label("Phone number").fill("137 0013 7000")
    page.get_by_role("button", name="Enter").click()
    sun = page.locator(".booking", has_text="孙悦")
    expect(sun).to_contain_text("25 min late", timeout=PATIENCE_MS)
    assert "13700137000" not in page.content()

    day.box.visit(member)
    assert day.box.appointments.watch.follow() == 1
    day.broadcast.publish()
    wang = page.locator(".booking", has_text="王丽华")
    expect(wang).to_contain_text("noted by itself", timeout=PATIENCE_MS)
    wang.get_by_role("button", name="Done: 王丽华").click()
    expect(wang).to_contain_text("Kept", timeout=PATIENCE_MS)

    sun.get_by_text("Did not come").click()
    sun.get_by_role("button", name="forgot").click()
    expect(sun).to_contain_text("Did not come: forgot", timeout=PATIENCE_MS)
    sun.get_by_text("Correct").click()
    sun.get_by_role("button", name="Came after all").click()
    expect(sun).to_contain_text("Is here", timeout=PATIENCE_MS)
    page.goto(f"{day.url}arrivals")
    expect(page.locator(".why")).to_contain_text("Appointment today at 16:30: 试戴对戒 App")
    (refused,) = watched.complaints
    assert "409" in refused, "the form with a phone number that is none"
    assert watched.hosts == {f"127.0.0.1:{day.port}"}


def _fill(box: ShopBox) -> None:
    """One appointment of each state and channel, and a file with a broken row."""
    box.member("欧阳娜娜·阿卜杜热西提", external_id="C-2")
    ended = [_book(box, NOW - timedelta(hours=n), name=f"客{n}", channel="web") for n in (1, 2, 3)]
    box.appointments.tap(ended[0], "no_show", "bought_elsewhere", "local")
    box.appointments.tap(ended[1], "kept", "", "local")
    box.appointments.tap(ended[2], "cancelled", "", "local")
    _book(box, NOW - timedelta(minutes=30), name="<b>李明</b>", phone="13900139000", channel="shop")
    here = _book(box, NOW - timedelta(minutes=10), member="C-2", channel="app")
    box.appointments.tap(here, "arrived", "", "local")
    for name in ("周杰伦", "赵云"):
        _book(box, NOW + timedelta(hours=2), name=name, channel="other")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_appointments_hold_at_every_width_and_for_every_reader(
    day: ShopSite, open_page: Opener, language: str, tmp_path: Path
) -> None:
    _fill(day.box)
    file = tmp_path / "today.csv"
    file.write_bytes("预约号,时间,日期,姓名\n1,18:00,2026-11-21,王丽\n2,,,\n3\n".encode("gbk"))
    watched = open_page(f"{day.url}appointments", language=language, has_touch=True)
    page: Page = watched.page
    for path in ("appointments", "appointments/new", "appointments/file"):
        page.goto(f"{day.url}{path}")
        if path.endswith("file"):
            page.locator("#file").set_input_files(file)
            page.locator("#load button").click()
            expect(page.locator("#faults li")).to_have_count(3)
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        for width in (375, 768, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            assert not too_wide(page), f"{path} scrolls sideways at {width} px"
        page.set_viewport_size({"width": 375, "height": 900})
        assert too_small_to_touch(page) == [], path
        ticks = page.locator(".tick input").evaluate_all("all => all.map(one => one.clientWidth)")
        assert all(width < 30 for width in ticks), "a tick leaves room for its words"
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert seriously_wrong(page) == [], path
    assert watched.complaints == []
