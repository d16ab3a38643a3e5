"""The manager's corner in a real browser: today, drawing by mouse, touch and keys, staff."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from edge.desk.health import Seen
from tests.browser.conftest import ShopSite
from tests.browser.looks import seriously_wrong, too_small_to_touch, too_wide

Opener = Callable[..., Any]
PATIENCE_MS = 60_000


def _picture(shop: ShopSite) -> None:
    """Let the empty scene be learnt."""
    room = np.full((90, 160, 3), 170, np.uint8)
    cv2.rectangle(room, (45, 5), (115, 85), (90, 110, 120), -1)
    shop.box.pictures["door"] = cv2.imencode(".jpg", room)[1].tobytes()


def _middle(page: Page, knob: str) -> tuple[float, float]:
    box = page.locator(knob).locator(".knob-mark").bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def _drag(page: Page, knob: str, across: float, down: float) -> None:
    """Drag a handle by parts of the picture."""
    canvas = page.locator(".drawing").bounding_box()
    assert canvas
    x, y = _middle(page, knob)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + across * canvas["width"] / 2, y + down * canvas["height"] / 2)
    page.mouse.move(x + across * canvas["width"], y + down * canvas["height"])
    page.mouse.up()


def test_the_manager_drags_the_line_undoes_and_saves_and_the_page_says_when_it_counts(
    shop: ShopSite, open_page: Opener
) -> None:
    _picture(shop)
    shop.box.counted_by["door"] = 0
    watched = open_page(f"{shop.url}manager", language="en", width=768)
    page: Page = watched.page
    page.get_by_role("link", name="Cameras, line and areas").click()
    page.get_by_role("link", name="Draw on door").click()
    empty = "/manager/cameras/door/empty.jpg"
    expect(page.locator(".drawing image")).to_have_attribute("href", empty)
    first, second = '[data-what="line"][data-n="0"]', '[data-what="line"][data-n="1"]'

    _drag(page, first, 0.2, -0.1)
    expect(page.locator("#x1")).to_have_value("20")
    expect(page.locator("#y1")).to_have_value("50")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#x1")).to_have_value("0")
    expect(page.locator("#y1")).to_have_value("60")

    page.locator(second).focus()
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#x2")).to_have_value("95")
    expect(page.locator("#y2")).to_have_value("59.5")
    expect(page.locator(second)).to_have_attribute(
        "aria-label", "Counting line, point 2: 95 % across, 59.5 % down"
    )
    page.keyboard.press("Control+z")
    expect(page.locator("#y2")).to_have_value("60")

    page.get_by_role("button", name="New staff area").click()
    page.locator('[data-what="staff"][data-n="0"]').focus()
    page.get_by_role("button", name="Add a corner").click()
    expect(page.locator("#staff_zone")).to_have_value("70,10 82.5,10 95,10 95,40 70,40")
    page.locator('[data-what="staff"][data-n="1"]').focus()
    page.keyboard.press("Delete")
    expect(page.locator("#staff_zone")).to_have_value("70,10 95,10 95,40 70,40")
    page.locator("#zone").fill("20,10 80,10 80,90")
    page.locator("#zone").blur()
    expect(page.locator('[data-what="zone"]')).to_have_count(3)
    page.get_by_role("button", name="Turn inside and outside").click()
    expect(page.get_by_label("Above")).to_be_checked()

    page.get_by_role("button", name="Save").click()
    expect(page.locator("#taking-over")).to_be_visible()
    shop.box.counted_by["door"] = 1
    expect(page.locator("#in-force")).to_contain_text("Counting by this", timeout=PATIENCE_MS)
    drawn = shop.box.corner.camera("door")
    assert drawn
    assert (drawn.drawing.inside, drawn.drawing.line) == ("above", ((0.0, 0.6), (0.95, 0.6)))
    assert (len(drawn.drawing.zone), len(drawn.drawing.staff_zone)) == (3, 4)
    assert watched.complaints == []
    assert watched.hosts == {f"127.0.0.1:{shop.port}"}


def test_a_finger_drags_a_handle_and_not_the_page(shop: ShopSite, open_page: Opener) -> None:
    page: Page = open_page(
        f"{shop.url}manager/cameras/door", language="zh", width=375, has_touch=True
    ).page
    page.locator(".drawing").scroll_into_view_if_needed()
    x, y = _middle(page, '[data-what="line"][data-n="1"]')
    before = page.evaluate("scrollY")
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *points: dict[str, float]) -> None:
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    # A finger is put beside the mark: what takes it is 44 pixels wide.
    touch("touchStart", {"x": x - 14, "y": y + 14})
    for step in range(1, 6):
        touch("touchMove", {"x": x - 20 * step, "y": y - 8 * step})
    touch("touchEnd")
    expect(page.locator("#x2")).not_to_have_value("100")
    expect(page.locator("#y2")).not_to_have_value("60")
    assert page.evaluate("scrollY") == before


def test_an_entry_is_said_to_be_staff_and_a_guest_again(shop: ShopSite, open_page: Opener) -> None:
    visit = shop.box.visit(ago_s=1).id
    page: Page = open_page(f"{shop.url}manager/staff", language="en", width=375).page
    entry = page.locator(f"#entry-{visit}")
    entry.get_by_role("button").click()
    expect(entry).to_contain_text("being changed")
    shop.box.correct()
    page.reload()
    expect(page.locator("#staff-marked")).to_have_text("1")
    entry.get_by_role("button", name="A guest after all").click()
    shop.box.correct()
    page.reload()
    expect(page.locator("#staff-marked")).to_have_text("0")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_corner_holds_at_every_width_and_for_every_reader(
    shop: ShopSite, open_page: Opener, language: str
) -> None:
    _picture(shop)
    shop.box.floor.people.add("欧阳娜娜·阿卜杜热西提", "consultant", "", "local")
    shop.box.visit(ago_s=1)
    shop.box.parts = [
        Seen(what="camera", name="door", state="lost", since=shop.box.now()),
        Seen(what="uplink", name="", state="offline", count=48_213),
        Seen(what="disk", name="", state="tight", count=3),
        Seen(what="radio", name="", state="off"),
    ]
    watched = open_page(f"{shop.url}manager", language=language, has_touch=True)
    page: Page = watched.page
    for path in ("manager", "manager/cameras", "manager/cameras/door", "manager/staff", "staff"):
        page.goto(f"{shop.url}{path}")
        page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        for width in (375, 768, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            assert not too_wide(page), f"{path} scrolls sideways at {width} px"
        if language == "zh":
            continue
        page.set_viewport_size({"width": 375, "height": 900})
        assert too_small_to_touch(page) == [], path
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert seriously_wrong(page) == [], path
    assert watched.complaints == []
    assert watched.hosts == {f"127.0.0.1:{shop.port}"}
