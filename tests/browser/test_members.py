"""Members in a real browser: a guest joins and decides; a consultant finds and changes."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from edge.store.people import People
from tests.browser.conftest import ShopSite
from tests.browser.looks import seriously_wrong, too_small_to_touch, too_wide
from tests.support import people

Opener = Callable[..., Any]
PATIENCE_MS = 60_000
LONG = "欧阳娜娜·阿卜杜热西提·买买提明"


def _picture(folder: Path) -> Path:
    from PIL import Image

    path = folder / "selfie.png"
    Image.effect_noise((1900, 1200), 80).save(path)
    return path


def test_a_guest_joins_decides_and_has_photos_taken_and_a_consultant_finds_them(
    shop: ShopSite, open_page: Opener, tmp_path: Path
) -> None:
    watched = open_page(f"{shop.url}members/join", language="en", width=768)
    guest: Page = watched.page
    guest.locator("#here").click()
    guest.get_by_label("What shall we call you?").fill("王女士")
    guest.get_by_label("Phone number").fill("138 0013 8000")
    guest.get_by_role("button", name="Join", exact=True).click()
    expect(guest.get_by_role("heading", name="You are a member")).to_be_visible()
    guest.get_by_role("link", name="Read about it").click()
    expect(guest.locator("#text")).to_contain_text("You are free to decide")
    guest.get_by_label("18 or older").check()
    guest.get_by_role("button", name="I agree", exact=True).click()
    picture = _picture(tmp_path)
    shop.box.posing.script = ["blurred", "ok", "ok", "ok"]
    guest.locator("#file").set_input_files(picture)
    expect(guest.locator("#look-blurred")).to_be_visible(timeout=PATIENCE_MS)
    for n in (1, 2):
        guest.locator("#file").set_input_files(picture)
        expect(guest.locator("#look-ok")).to_contain_text(f"{n} of 3", timeout=PATIENCE_MS)
    guest.locator("#file").set_input_files(picture)
    guest.locator("#finish").click()
    expect(guest.locator("#bye")).to_be_visible()
    sent = shop.box.posing.seen[-1]
    assert sent[:3] == b"\xff\xd8\xff"  # a JPEG that the page made
    assert len(sent) < 2_000_000
    assert shop.box.db.table("template").count == 1

    page: Page = open_page(f"{shop.url}members", language="en", width=375).page
    page.get_by_label("Name, member number or phone").fill("8000")
    page.keyboard.press("Enter")
    page.locator(".roll-line").click()
    expect(page.locator("#consent")).to_contain_text("of 3 photos")
    page.locator("#change summary").first.click()
    page.get_by_label("Tier").fill("Gold")
    page.locator("#change").get_by_role("button", name="Save").click()
    expect(page.locator(".tier")).to_have_text("Gold")
    page.locator("#withdraw summary").click()
    page.get_by_role("button", name="Take back, delete the template").click()
    expect(page.locator("#consent")).to_contain_text("Not agreed")
    page.get_by_role("button", name="Let the guest decide").click()
    expect(page.locator("#own-screen svg")).to_be_visible()
    assert shop.box.db.table("template").count == 0
    assert watched.complaints == []
    assert watched.hosts == {f"127.0.0.1:{shop.port}"}


def _fill(shop: ShopSite) -> str:
    """A member with all that a page may have to show; the id."""
    box = shop.box
    member = box.member(
        LONG,
        called="欧阳女士",
        external_id="C-2026-000000001001",
        tier="铂金卡会员",
        note="喜欢素圈，戒指 52 号\n第二行",
        phone="+8613800138000",
        claimed_id="V-1",
    )
    box.register.enrol(
        member.id,
        box.now(),
        consent=people.consent(now=box.now()),
        template=people.template(member.subject),
    )
    visit = box.visit(member).id
    box.floor.guests.note(visit, "上次看的那枚戒指要留着，" * 8, "local")
    table = f"姓名,会员号,生日\n李雷,C-1,13-40\n{LONG},C-2,\n,C-3,\n"
    assert box.imports.begin(table.encode(), "local") is None
    box.imports.wait(20)
    return member.id


def _joining(shop: ShopSite, page: Page) -> list[str]:
    """Join on this page; the paths of the guest's screens from there on."""
    page.goto(f"{shop.url}join/{shop.box.join.link().token}")
    page.locator("#called").fill(LONG)
    page.locator("#join button").click()
    page.wait_for_url(re.compile("/join/next"))
    return ["join/next", "join/consent"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_members_pages_hold_at_every_width_and_for_every_reader(
    shop: ShopSite, open_page: Opener, language: str
) -> None:
    member = _fill(shop)
    watched = open_page(f"{shop.url}members", language=language, has_touch=True)
    page: Page = watched.page
    paths = ["members", f"members/{member}", "members/new", "members/import"]
    paths += ["members/import/state", "members/join", *_joining(shop, page), "join/photos"]
    for path in paths:
        if path == "join/photos":
            page.locator("[value=adult]").check()
            page.locator("#yes").click()
            page.wait_for_url(re.compile("/join/photos"))
        else:
            page.goto(f"{shop.url}{path}")
        for summary in page.locator("main summary").all():
            summary.click()
        for width in (375, 768, 1440) if language == "zh" else (375,):
            page.set_viewport_size({"width": width, "height": 900})
            assert not too_wide(page), f"{path} scrolls sideways at {width} px"
        if language == "en":
            continue
        page.set_viewport_size({"width": 375, "height": 900})
        assert too_small_to_touch(page) == [], path
        in_the_dark = path in (f"members/{member}", "join/photos")
        for scheme in ("light", "dark") if in_the_dark else ("light",):
            page.emulate_media(color_scheme=scheme)
            assert seriously_wrong(page) == [], path
    assert watched.complaints == []
    assert watched.hosts == {f"127.0.0.1:{shop.port}"}
    known = {one.profile.name for one in People(shop.box.db, shop.box.keys).everybody().members}
    assert known == {LONG}
