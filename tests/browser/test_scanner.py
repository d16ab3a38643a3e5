"""A guest's code is scanned by the camera, which here films a picture of one."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import segno
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import ShopSite
from tests.browser.looks import seriously_wrong

Filmed = Callable[[str], Browser]
PATIENCE_MS = 20_000


def _film(text: str, path: Path) -> None:
    """Write a film of a QR code, held a little askew before the camera, as motion JPEG."""
    drawn = io.BytesIO()
    segno.make(text, error="m", micro=False).save(drawn, kind="png", scale=9, border=4)
    code = Image.open(drawn).convert("RGB").rotate(7, expand=True, fillcolor="white")
    picture = Image.new("RGB", (640, 480), (94, 88, 80))
    picture.paste(code, ((640 - code.width) // 2, (480 - code.height) // 2))
    frame = io.BytesIO()
    picture.save(frame, "JPEG", quality=85)
    path.write_bytes(frame.getvalue() * 10)


@pytest.fixture
def filmed(tmp_path: Path, start_browser: Callable[..., Browser]) -> Iterator[Filmed]:
    """A function that starts a browser whose camera sees a code."""
    browsers: list[Browser] = []

    def started(text: str) -> Browser:
        film = tmp_path / "camera.mjpeg"
        _film(text, film)
        browsers.append(
            start_browser(
                "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={film}"
            )
        )
        return browsers[-1]

    yield started
    for browser in browsers:
        browser.close()


def test_a_code_before_the_camera_brings_up_the_card(shop: ShopSite, filmed: Filmed) -> None:
    box = shop.box
    box.fixed = box.now()
    box.member("王丽华", called="王女士", external_id="C-1001")
    made = box.codes.make("C-1001", "local")
    assert made.code
    browser = filmed(made.code.text)
    context = browser.new_context(locale="en-GB", viewport={"width": 375, "height": 800})
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page: Page = context.new_page()
    page.goto(f"{shop.url}arrivals")
    expect(page.locator("#live-sign")).to_be_visible()
    page.get_by_role("button", name="Scan").click()
    expect(page.locator("#scan-said")).to_contain_text("does not allow the camera")
    assert not any("vendor" in url for url in asked), "it is loaded only when it is needed"
    assert seriously_wrong(page) == []
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#scanner")).to_be_hidden()
    context.grant_permissions(["camera"])
    page.get_by_role("button", name="Scan").click()
    expect(page.locator("#code-taken")).to_contain_text("comes in a moment", timeout=PATIENCE_MS)
    expect(page.locator("#scanner")).to_be_hidden()
    assert page.evaluate("document.querySelector('#scanner video').srcObject") is None
    assert {url.split("/")[2] for url in asked} == {f"127.0.0.1:{shop.port}"}


def test_another_code_is_not_typed_into_the_form(shop: ShopSite, filmed: Filmed) -> None:
    browser = filmed("otpauth://totp/shop?secret=ABCDEFGH")
    context = browser.new_context(locale="zh-CN", viewport={"width": 375, "height": 800})
    context.grant_permissions(["camera"])
    page: Page = context.new_page()
    page.goto(f"{shop.url}arrivals")
    expect(page.locator("#live-sign")).to_be_visible()
    page.get_by_role("button", name="扫码").click()
    expect(page.locator("#scan-said")).to_contain_text("不是客人的码", timeout=PATIENCE_MS)
    page.keyboard.press("Escape")
    expect(page.locator("#code")).to_have_value("")
