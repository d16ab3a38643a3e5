"""Head office's page of anomalies in a real browser, and the manager's notice of one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine, insert, select

from cloud.anomalies.look import Lookout
from cloud.anomalies.tables import CHAIN, anomaly
from cloud.app import create_app
from cloud.config import load
from cloud.db import open_engine, reading, writing
from cloud.expect.calendar import EMPTY
from cloud.tables import box, box_order
from tests.browser.conftest import Site
from tests.browser.looks import assert_holds, too_small_to_touch
from tests.support import tallies
from tests.support.databases import make_hub_database
from tests.support.footfall import past

Opener = Callable[..., Any]  # opens conftest.Watched
_HARSH_NAME = "<script>alert(1)</script>南京东路步行街旗舰总店"


@dataclass(frozen=True)
class Office:
    """Head office's own app, and its database."""

    site: Site
    engine: Engine

    @property
    def url(self) -> str:
        return f"{self.site.url}anomalies"


def _row(number: int, store: str, kind: str, reason: str, **more: Any) -> dict[str, Any]:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    ordinary = {"expected": 412.4, "low": 361, "high": 466, "got": 201, "shops": None}
    times = {"since": now - timedelta(hours=30), "opened_at": now, "closed_at": None}
    row = {"id": f"01KAJ3V7Z0AAAAAAAAAAAAAA{number:02}", "store": store, "kind": kind}
    return {**row, "reason": reason, **ordinary, **times, "ended": None, **more}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """A shop with a drop, a silent one, one whose bookings fell, and many at once."""
    make_hub_database(tmp_path / "hub.db")
    engine = open_engine(f"sqlite:///{tmp_path / 'hub.db'}")
    now = datetime.now(UTC)
    with writing(engine) as connection:
        tallies.shop(connection, "nj-002", called=_HARSH_NAME)
        tallies.shop(connection, "sz-001", called="苏州观前街店")
        for shop in ("nj-001", "nj-002"):
            past(connection, shop, now, 40)
        seen = {"state": "online", "last_seen": now, "mode": "count", "cameras": []}
        connection.execute(insert(box), [{"store": "nj-001", "id": "nj-001-a", **seen}])
        over = {"closed_at": now, "ended": "recovered"}
        connection.execute(
            insert(anomaly),
            [
                _row(1, "nj-001", "drop", "fewer"),
                _row(2, "nj-002", "silent", "box_silent", got=None),
                _row(3, "sz-001", "bookings", "down", expected=21.0, low=17, high=25, got=4),
                _row(4, CHAIN, "chain", "fewer", shops=612, expected=90_210.0, got=50_001),
                _row(5, "nj-002", "surge", "more", got=912, **over),
            ],
        )
    Lookout(engine, EMPTY).learn(now)
    config = load(None, {"MENKOU_DATA_DIR": str(tmp_path)})
    site = Site(None, lambda *_: create_app(config, engine), tmp_path)
    site.start()
    yield Office(site, engine)
    site.stop()
    engine.dispose()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_holds_at_every_width_and_for_every_reader(
    office: Office, open_page: Opener, language: str
) -> None:
    watched = open_page(office.url, language=language, has_touch=True)
    page: Page = watched.page
    expect(page.locator(".anomaly")).to_have_count(4)
    for summary in page.locator("summary").all():
        if summary.is_visible():
            summary.click()
    assert_holds(page)
    assert too_small_to_touch(page) == []
    assert watched.complaints == []
    assert watched.hosts == {f"127.0.0.1:{office.site.port}"}


def test_each_says_what_is_the_matter_and_beside_what(office: Office, open_page: Opener) -> None:
    page: Page = open_page(office.url, language="en").page
    cards = page.locator(".anomaly")
    expect(cards.first).to_contain_text("Fewer visitors in many shops at once (612)")
    drop = page.locator("#a-01KAJ3V7Z0AAAAAAAAAAAAAA01")
    expect(drop.locator(".figure")).to_have_text("201")
    expect(drop).to_contain_text("412 expected (usual: 361 to 466)")
    expect(drop).to_contain_text("51 % fewer")
    expect(drop.locator("svg.plot")).to_have_count(1)
    expect(drop.locator("details tbody tr").first).to_be_hidden()
    silent = page.locator("#a-01KAJ3V7Z0AAAAAAAAAAAAAA02")
    expect(silent).to_contain_text("no data is not the same as no guests")
    expect(silent).to_contain_text("no data of this time")
    expect(silent.locator("h2")).to_have_text(_HARSH_NAME)
    bookings = page.locator("#a-01KAJ3V7Z0AAAAAAAAAAAAAA03")
    expect(bookings.locator(".figure")).to_have_text("below 10")
    assert "81 %" not in bookings.inner_text(), "a share would give away what is hidden"
    expect(page.locator(".anomaly-past")).to_contain_text("as usual again")
    page.get_by_role("link", name="Fewer visitors 1").click()
    expect(cards).to_have_count(1)


def test_somebody_takes_it_on_and_tells_the_shop_without_any_script(
    office: Office, open_page: Opener
) -> None:
    page: Page = open_page(office.url, language="en", java_script_enabled=False).page
    drop = page.locator("#a-01KAJ3V7Z0AAAAAAAAAAAAAA01")
    drop.get_by_label("Cause").select_option("works")
    drop.get_by_role("button", name="I look into it").click()
    expect(drop).to_contain_text("Taken on by this machine")
    expect(drop).to_contain_text("Building work or diversion")
    expect(page.locator(".lead-day").first).to_contain_text("3 not taken on yet")
    drop.get_by_role("button", name="Tell the shop").click()
    expect(drop).to_contain_text("its box has not got it yet")
    expect(drop.get_by_role("button")).to_have_count(0)
    with reading(office.engine) as connection:
        (order,) = connection.execute(select(box_order.c.kind, box_order.c.object)).all()
    assert tuple(order) == ("notice", "01KAJ3V7Z0AAAAAAAAAAAAAA01")
    # A shop without a box cannot be told, nor can the whole chain.
    expect(page.get_by_role("button", name="Tell the shop")).to_have_count(0)


def test_the_page_prints_and_is_light(office: Office, open_page: Opener) -> None:
    page: Page = open_page(office.url, language="zh").page
    page.emulate_media(media="print")
    expect(page.locator(".anomaly form").first).to_be_hidden()
    expect(page.locator(".anomaly").first).to_be_visible()
    text = page.request.get(office.url).body()
    assert 5_000 < len(text) < 100_000
