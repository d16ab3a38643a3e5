"""Head office's accounts in a real browser: begin, sign in, the company's provider, every page."""

from base64 import b32decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from cloud.db import open_engine
from menkou.totp import code_at, step_at
from tests.browser.conftest import Site
from tests.browser.looks import seriously_wrong, too_small_to_touch, too_wide
from tests.support.accounts import PASSWORD, HubOffice, Person, cheaply
from tests.support.databases import make_hub_database
from tests.support.processes import free_port
from tests.support.provider import SECRET, Provider

Watched = Any  # conftest.Watched
Opener = Callable[..., Watched]
_BY_CLAIMS = 'role_claim = "groups"\n[oidc.roles]\n"retail-head" = "head_office"\n'


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Site, HubOffice]]:
    """A hub that is served, with two shops, a provider to sign in by, and nobody in it."""
    cheaply(monkeypatch)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    provider = Provider(tmp_path, url)
    provider.know({"1": {"name": "李娜", "preferred_username": "li", "groups": ["retail-head"]}})
    (tmp_path / "oidc.secret").write_text(SECRET, encoding="utf-8")
    text = f'[hub]\nurl = "{url}"\n{provider.settings(label="Example SSO")}'
    (tmp_path / "hub.toml").write_text(text + _BY_CLAIMS, encoding="utf-8")
    make_hub_database(tmp_path / "hub.db")
    engine = open_engine(f"sqlite:///{tmp_path / 'hub.db'}")
    office = HubOffice(engine, tmp_path, settings=tmp_path / "hub.toml")
    office.shops("nj-001", "nj-002")
    site = Site(provider, lambda *_: office.app, tmp_path, port=port)
    site.start()
    yield site, office
    site.stop()
    provider.stop()
    engine.dispose()


def _holds(page: Page, path: str, url: str, *, thoroughly: bool) -> None:
    """Look at a page at each width; thoroughly: also as somebody who cannot see it."""
    page.goto(url + path)
    for width in (375, 768, 1440, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        assert not too_wide(page), f"{path} scrolls sideways at {width} px"
    page.set_viewport_size({"width": 375, "height": 900})
    assert too_small_to_touch(page) == [], path
    if not thoroughly:
        return
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert seriously_wrong(page) == [], path


def _fill(page: Page, person: Person, **typed: str) -> None:
    form = {"name": person.account.name, "password": person.password, "code": person.code()}
    for name, text in {**form, **typed}.items():
        page.fill(f"#{name}", text)
    page.click("button.primary")


def test_somebody_begins_by_a_link_and_signs_in_with_the_phones_code(
    hub: tuple[Site, HubOffice], open_page: Opener
) -> None:
    site, office = hub
    watched = open_page(f"{site.url}welcome#{office.invited('li@example.com')}")
    page: Page = watched.page
    expect(page.locator("#invite")).not_to_have_value("")
    assert "#" not in page.url
    page.click("button.primary")
    expect(page.locator("svg.qr")).to_be_visible()
    page.locator("summary").click()
    secret = page.locator("#app-secret").inner_text().replace(" ", "")
    assert seriously_wrong(page) == []
    page.fill("#password", PASSWORD)
    page.fill("#code", "000000")
    page.click("button.primary")
    expect(page.locator("#problem")).to_be_visible()
    page.fill("#password", PASSWORD)
    page.fill("#code", code_at(_bytes(secret), step_at(office.clock.now())))
    page.click("button.primary")
    expect(page.locator("#papers li")).to_have_count(10)
    assert seriously_wrong(page) == []
    assert not too_wide(page)
    page.click("#onward")
    expect(page.locator(".greeting")).to_be_visible()
    page.click("text=退出登录")
    expect(page.locator("#code")).to_be_visible()
    office.clock.go(seconds=30)
    person = office.person("wang")
    _fill(page, person, code="000000")
    expect(page.get_by_role("alert")).to_be_visible()
    assert seriously_wrong(page) == []
    _fill(page, person)
    expect(page.locator(".greeting")).to_contain_text("上次登录")
    assert watched.hosts == {site.url.split("/")[2]}
    assert [text for text in watched.complaints if "403" not in text and "409" not in text] == []


def _bytes(secret: str) -> bytes:
    return b32decode(secret + "=" * (-len(secret) % 8))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_of_accounts_holds_at_every_width_and_for_every_reader(
    hub: tuple[Site, HubOffice], open_page: Opener, language: str
) -> None:
    site, office = hub
    person = office.person("li@example.com")
    office.person(
        "a.very.long.name.of.a.regional.manager@subsidiary.example.com", "region", "nj-001"
    )
    page: Page = open_page(f"{site.url}login", language=language, has_touch=True).page
    thoroughly = language == "zh"  # the other language is as the first but for its length
    _holds(page, "login", site.url, thoroughly=thoroughly)
    _holds(page, "welcome", site.url, thoroughly=thoroughly)
    page.goto(f"{site.url}login")
    _fill(page, person)
    office.clock.go(seconds=30)
    for path in ("me", "me/keys", "people", "programs", "audit", "me/prove"):
        _holds(page, path, site.url, thoroughly=thoroughly)
    page.goto(f"{site.url}people")
    for summary in page.locator("summary").all():
        summary.click()
    assert not too_wide(page)
    page.locator("form[action='/people/add'] #name").fill("chen")
    page.locator("form[action='/people/add'] textarea").fill("nj-001")
    page.locator("form[action='/people/add'] button").click()
    expect(page.locator("#link")).to_contain_text("/welcome#menkou_")
    assert not too_wide(page)
    page.goto(f"{site.url}programs")
    page.fill("#name", "bi")
    page.click("form[action='/programs/add'] button")
    expect(page.locator("#token-text")).to_contain_text("menkou_")


def test_a_person_comes_in_by_the_companys_provider_and_goes_out_there_too(
    hub: tuple[Site, HubOffice], open_page: Opener
) -> None:
    site, office = hub
    office.invited("first")
    provider: Provider = site.shown
    provider.start()
    page: Page = open_page(f"{site.url}login?next=/street").page
    page.click("#provider")
    page.fill("input[name=login]", "1")
    page.fill("input[name=password]", "any")
    page.click("button[type=submit]")
    page.click("button[type=submit]")  # the provider asks whether it may
    page.wait_for_url(f"{site.url}street")
    expect(page.locator(".site-tools")).to_contain_text("李娜")
    page.goto(f"{site.url}people")
    expect(page.locator("h1")).to_be_visible()
    page.click("text=退出登录")
    page.wait_for_url(f"{provider.issuer}/session/end**")
    page.click("button[value=yes]")
    page.wait_for_url(f"{site.url}login**")
    expect(page.locator("#provider")).to_be_visible()
