"""A real browser and real servers for the pages, with made-up shops."""

import dataclasses
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from msgspec import structs
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    sync_playwright,
)

from cloud.pages import create_pages, create_street
from cloud.views import BoxView, ChainToday, ShopDay
from cloud.views import HourFigures as ChainHour
from edge.console.view import CameraView, HourFigures, PartView, ShopView
from menkou.listen import Listen
from menkou.web.app import dress
from menkou.web.server import serve
from menkou.web.stream import Broadcast
from tests.support.street import street_minutes, street_today
from tests.web.shopbox import ShopBox

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 21, 16, 25, 30, tzinfo=SHANGHAI)
BY_HOUR = (0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 21, 34, 52, 61, 47, 58, 29, 0, 0, 0, 0, 0, 0, 0)


def _hours(midnight: datetime) -> tuple[HourFigures, ...]:
    return tuple(
        HourFigures(
            start=midnight + timedelta(hours=hour),
            visitors=visitors,
            entered=visitors + visitors // 9,
            left=max(visitors - 2, 0),
            open=10 <= hour < 22,
            current=hour == NOW.hour,
        )
        for hour, visitors in enumerate(BY_HOUR)
    )


def shop_view(**changes: Any) -> ShopView:
    """An ordinary Saturday afternoon in Nanjing."""
    midnight = NOW.replace(hour=0, minute=0, second=0)
    ordinary = ShopView(
        store_id="nj-001",
        store_name="南京东路店",
        box_id="nj-001-a",
        now=NOW,
        mode="count",
        mode_wanted="count",
        faces_off=False,
        key_in_file=False,
        basis="crossings",
        notices=(),
        minute_entered=2,
        minute_left=1,
        visitors=1305,
        reentries=0,
        members=0,
        entered=1431,
        left=1408,
        occupancy=23,
        turned_back=87,
        staff=39,
        outside_hours=6,
        always_open=False,
        opens=midnight.replace(hour=10),
        closes=midnight.replace(hour=22),
        hours=_hours(midnight),
        cameras=(
            CameraView(name="door", state="ok", since=NOW - timedelta(hours=7), frames_per_s=12.0),
            CameraView(name="side", state="ok", since=NOW - timedelta(hours=7), frames_per_s=11.8),
        ),
        parts=(
            PartView(name="eyes", state="running", restarts=0),
            PartView(name="front", state="running", restarts=0),
        ),
        uplink="connected",
        backlog=0,
        last_crossing=NOW - timedelta(seconds=12),
    )
    return dataclasses.replace(ordinary, **changes)


def box_view(box_id: str, **changes: Any) -> BoxView:
    """A box in good health."""
    ordinary = BoxView(
        box_id=box_id,
        state="online",
        last_seen=NOW.astimezone(UTC) - timedelta(seconds=20),
        version="0.1.0",
        mode="count",
        clock="ok",
        backlog=0,
        missing=0,
        cameras=(("door", "ok"),),
    )
    return structs.replace(ordinary, **changes)


def shop_day(store_id: str, name: str, *, factor: float = 1.0, **changes: Any) -> ShopDay:
    """A shop's Saturday, busier or quieter by a factor."""
    midnight = NOW.replace(hour=0, minute=0, second=0)
    visitors = [round(count * factor) for count in BY_HOUR]
    ordinary = ShopDay(
        store_id=store_id,
        name=name,
        timezone="Asia/Shanghai",
        day=NOW.date(),
        basis="crossings",
        visitors=sum(visitors),
        entered=sum(visitors) + 31,
        left=sum(visitors) + 12,
        hours=tuple(
            ChainHour(
                start=midnight + timedelta(hours=hour),
                visitors=count,
                entered=count + 2,
                left=count,
            )
            for hour, count in enumerate(visitors)
        ),
        last_fact_at=NOW.astimezone(UTC) - timedelta(minutes=1),
        boxes=(box_view(f"{store_id}-a"),),
    )
    return structs.replace(ordinary, **changes)


def chain_today(*shops: ShopDay, **changes: Any) -> ChainToday:
    """Head office's view of some shops; three ordinary ones if none are given."""
    ordinary = ChainToday(
        now=NOW.astimezone(UTC),
        shops=shops
        or (
            shop_day("nj-001", "南京东路店"),
            shop_day("nj-002", "新街口店", factor=1.6),
            shop_day("sz-001", "苏州观前街店", factor=0.4),
        ),
        set_aside=0,
        ingest_seen_at=NOW.astimezone(UTC) - timedelta(seconds=5),
    )
    return dataclasses.replace(ordinary, **changes)


@dataclass
class Site:
    """A side being served; `shown` is what its pages show and may be replaced at any time."""

    shown: Any
    make: Callable[["Site", Listen], Flask]
    folder: Path
    url: str = ""
    port: int = 0
    first: str = ""
    """The page that tests of both sides open, below `url`."""
    broadcast: Broadcast = field(default_factory=Broadcast)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    @property
    def home(self) -> str:
        """The address of that page."""
        return self.url + self.first

    def show(self, shown: Any) -> None:
        """Change what the pages show, and say so."""
        self.shown = shown
        self.broadcast.publish()

    def start(self) -> None:
        """Serve on the port of before, or on a free one; returns when connections are taken."""
        listen = Listen(host="127.0.0.1", port=self.port)
        app = self.make(self, listen)
        self._stop, self.broadcast = threading.Event(), Broadcast()
        up = threading.Event()

        def ready(url: str) -> None:
            self.url, self.port = url, int(url.rstrip("/").rpartition(":")[2])
            up.set()

        self._thread = threading.Thread(
            target=serve,
            args=(app, listen),
            kwargs={"broadcast": self.broadcast, "stop": self._stop, "ready": ready},
        )
        self._thread.start()
        assert up.wait(10), "the server did not come up"

    def stop(self) -> None:
        """Stop serving; the port may be taken again."""
        self._stop.set()
        if self._thread:
            self._thread.join(10)
            assert not self._thread.is_alive(), "the server did not stop"


@dataclass
class ShopSite(Site):
    """A box's pages: the figures are what the test shows, who came in lies in a real store."""

    box: ShopBox = field(init=False)

    def __post_init__(self) -> None:
        self.box = ShopBox(self.folder)
        self.box.wake = lambda: self.broadcast.publish()  # type: ignore[method-assign]


def console_app(site: Site, listen: Listen) -> Flask:
    """The box's app over what the site shows."""
    assert isinstance(site, ShopSite)
    return site.box.app(lambda: site.shown, listen)


def hub_app(site: Site, listen: Listen) -> Flask:
    """Head office's app over what the site shows."""
    app = Flask("cloud", static_folder=None)
    app.register_blueprint(create_pages(lambda _page: site.shown))
    street = {shop.store_id: shop for shop in street_today().shops}
    app.register_blueprint(
        create_street(
            lambda _page: street_today(), lambda store_id: street_minutes(street[store_id])
        )
    )
    for name in ("shops", "street"):
        app.add_url_rule(f"/api/v1/{name}", name, lambda: "")  # the pages link to them
    dress(app, listen, secret_file=site.folder / "hub-secret")
    return app


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[ShopSite]:
    site = ShopSite(shop_view(), console_app, tmp_path)
    site.start()
    yield site
    site.stop()


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Site]:
    site = Site(chain_today(), hub_app, tmp_path, first="today")
    site.start()
    yield site
    site.stop()


@pytest.fixture(scope="session")
def start_browser() -> Iterator[Callable[..., Browser]]:
    """A function that starts a browser, with flags of its own if it is given some."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.fail("no chromium on the PATH: the page tests need it (Debian package chromium)")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
    flags += ["--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:

        def started(*more: str) -> Browser:
            try:
                return playwright.chromium.launch(
                    executable_path=path, headless=True, args=[*flags, *more]
                )
            except Error as exc:
                pytest.fail(f"{path} does not start: {exc}")

        yield started


@pytest.fixture(scope="session")
def browser(start_browser: Callable[..., Browser]) -> Iterator[Browser]:
    started = start_browser()
    yield started
    started.close()


@dataclass
class Watched:
    """A page and what it complained of or asked for elsewhere."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def heard(self, message: ConsoleMessage) -> None:
        """Keep what the console calls an error."""
        if message.type == "error":
            self.complaints.append(message.text)


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Watched]]:
    """A function that opens an address in a fresh profile, in a language, at a width."""
    contexts: list[BrowserContext] = []

    def opened(url: str, *, language: str = "zh", width: int = 1440, **more: Any) -> Watched:
        locale = {"zh": "zh-CN", "en": "en-GB"}[language]
        context = browser.new_context(
            locale=locale, viewport={"width": width, "height": 900}, **more
        )
        contexts.append(context)
        watched = Watched(context.new_page())
        page = watched.page
        page.on("console", watched.heard)
        page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        page.on("request", lambda request: watched.hosts.add(request.url.split("/")[2]))
        page.goto(url, wait_until="load")
        return watched

    yield opened
    for context in contexts:
        context.close()
