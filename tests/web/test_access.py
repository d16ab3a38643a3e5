"""Who may see what: each role on each route, pairing, revoking, and what is refused."""

import dataclasses
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from edge.console.view import ShopView
from edge.ports import ClockState
from edge.store.devices import LOCAL, ROLES, Role
from edge.store.switches import FACES, is_off
from menkou.listen import Listen
from tests.web.shopbox import SHANGHAI, ShopBox
from tests.web.test_console import _view

NOW = datetime(2026, 11, 21, 16, 25, 30, tzinfo=SHANGHAI)
OPEN = Listen(host="192.0.2.9", port=0, cert=Path("a"), key=Path("b"), paired_only=True)
BASE = "https://box.shop.example:8780"
_PAGE = {"Accept": "text/html", "Accept-Language": "en"}
_COOKIE = "__Host-menkou_device"


def _entrance() -> ShopView:
    return _view(mode="entrance", mode_wanted="entrance", basis="distinct")


class Shop:
    """A box that is open to the shop's network, and devices that ask it."""

    def __init__(self, folder: Path, clock: ClockState = "ok") -> None:
        self.box = ShopBox(folder, now=NOW, clock=clock)
        self.seconds = 0.0
        self.doubted: list[bool] = []
        self.notices: tuple[str, ...] = ()
        self.app: Flask = self.box.app(
            lambda: dataclasses.replace(_entrance(), notices=self.notices),
            OPEN,
            revoked=lambda: self.doubted.append(True),
            clock=lambda: self.seconds,
        )

    def device(self, address: str = "192.0.2.20") -> FlaskClient:
        """A browser that was never here."""
        client = self.app.test_client()
        client.environ_base["REMOTE_ADDR"] = address
        client.environ_base["wsgi.url_scheme"] = "https"
        return client

    def code(self, role: Role = "consultant") -> str:
        """A fresh code."""
        return self.box.devices().issue(role=role, name=role, by=LOCAL, now=self.box.now()).text

    def paired(self, role: Role) -> FlaskClient:
        """A browser that was paired."""
        client = self.device()
        assert pair(client, self.code(role)).status_code == 303
        return client


def get(client: FlaskClient, path: str, **headers: str) -> TestResponse:
    return client.get(path, base_url=BASE, headers={**_PAGE, **headers})


def token(client: FlaskClient, path: str = "/pair") -> str:
    found = re.search(r'name="csrf" value="(\w+)"', get(client, path).text)
    assert found, path
    return found[1]


def post(client: FlaskClient, path: str, **form: str) -> TestResponse:
    return client.post(path, base_url=BASE, data=form, headers=_PAGE)


def pair(client: FlaskClient, code: str) -> TestResponse:
    return post(client, "/pair", csrf=token(client), code=code)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


NOBODY = "01JZZZZZZZZZZZZZZZZZZZZZZZ"
FIGURES = ("/", "/live", "/api/state", "/events")
GUESTS = ("/checkin", "/checkin/counter", "/checkin/counter/live", "/queue/display")
MANAGERS = (
    "/devices",
    "/codes",
    "/staff",
    "/members/import",
    "/members/import/state",
    "/sources/list",
    "/manager",
    "/manager/live",
    "/manager/staff",
)
BOOKED = ("/appointments", "/appointments/live", "/appointments/new", "/appointments/file")
SHOP = (
    "/arrivals",
    "/arrivals/live",
    "/me",
    "/queue",
    "/members",
    "/members/new",
    "/sources",
    "/tickets",
)
JOIN = ("/members/join",)
KEEPERS = ("/manager/cameras", "/manager/cameras/door")
READ = (*FIGURES, *GUESTS, *SHOP, *JOIN, *BOOKED, *MANAGERS, *KEEPERS)
WRITE = (
    *("/arrivals/wrong", "/arrivals/faces/off", "/arrivals/code", "/arrivals/claim"),
    *("/arrivals/release", "/arrivals/note", "/arrivals/offer", "/arrivals/end"),
    *("/me/leave", "/me/alerts"),
    *("/queue/take", "/queue/phone", "/queue/reached", "/queue/unreached"),
    *("/appointments/tap", "/appointments/move", "/appointments/phone"),
    *(f"/members/{NOBODY}/note",),
    *("/sources/answer", "/tickets/make", "/tickets/move", "/tickets/phone", "/tickets/hand-over"),
)
MANAGERS_WRITE = (
    *("/arrivals/faces/on", "/devices/add", "/devices/revoke", "/codes/unlock"),
    *("/staff/end", "/staff/stay", "/devices/share", "/appointments/reasons"),
    *("/members/join/new", "/tickets/forget", "/manager/staff"),
)
ALL_WRITE = (*WRITE, *MANAGERS_WRITE)
ALLOWED: dict[str, set[str]] = {
    "manager": {*READ, *ALL_WRITE},
    "consultant": {*READ, *WRITE} - {*MANAGERS, *KEEPERS},
    "installer": {*FIGURES, *GUESTS, *KEEPERS},
    "guest": {"/events", *GUESTS, *JOIN},
}
LED_HOME: dict[str, tuple[str, ...]] = {"installer": ("/arrivals",), "guest": ("/", "/arrivals")}


@pytest.mark.parametrize("role", ROLES)
def test_each_role_has_its_routes_and_no_other(shop: Shop, role: Role) -> None:
    client = shop.paired(role)
    form = {"csrf": token(client), "role": "consultant", "note": "1", "text": "x"}
    answers = {path: get(client, path, Accept="*/*").status_code for path in READ}
    for path in ALL_WRITE:
        shop.seconds += 60  # of how many a minute are taken another test tells
        answers[path] = post(client, path, **form).status_code
    for path in LED_HOME.get(role, ()):
        assert answers.pop(path) == 303  # to where its work begins
    assert {path for path, status in answers.items() if status < 400} == ALLOWED[role]
    assert {status for status in answers.values() if status >= 400} <= {403}


def test_the_guests_screen_is_led_to_its_page_and_links_to_no_other(shop: Shop) -> None:
    shop.box.visit(shop.box.member("王丽华"))
    screen = shop.device()
    assert pair(screen, shop.code("guest")).location == "/checkin"
    assert get(screen, "/arrivals").location == "/checkin"
    page = get(screen, "/checkin").text
    links = re.findall(r'<a [^>]*href="([^"]*)"', page)
    assert links == ["#main", "?lang=zh"]
    assert "王" not in page


def test_a_route_that_is_named_in_no_role_is_nobodys(shop: Shop) -> None:
    shop.app.add_url_rule("/forgotten", "forgotten", lambda: "open")
    assert get(shop.paired("manager"), "/forgotten").status_code == 403


@pytest.mark.parametrize("path", [*READ, "/nowhere"])
def test_a_device_that_is_not_paired_sees_nothing(shop: Shop, path: str) -> None:
    page = get(shop.device(), path)
    assert (page.status_code, page.location) == (303, "/pair")
    assert get(shop.device(), path, Accept="*/*").status_code == 401


@pytest.mark.parametrize("path", ALL_WRITE)
def test_a_device_that_is_not_paired_changes_nothing(shop: Shop, path: str) -> None:
    client = shop.device()
    assert post(client, path, csrf=token(client)).status_code == 401
    assert not is_off(shop.box.db, FACES)


@pytest.mark.parametrize("path", ["/healthz", "/pair", "/web/base.css"])
def test_what_tells_nothing_is_open(shop: Shop, path: str) -> None:
    assert shop.device().get(path, base_url=BASE, buffered=True).status_code == 200


@pytest.mark.parametrize(
    ("role", "home"), [("consultant", "/arrivals"), ("manager", "/"), ("installer", "/")]
)
def test_pairing_leads_to_where_the_role_works(shop: Shop, role: Role, home: str) -> None:
    answer = pair(shop.device(), shop.code(role))
    assert (answer.status_code, answer.location) == (303, home)
    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if c.startswith(_COOKIE))
    for guard in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
        assert guard in cookie
    assert "Domain" not in cookie


def test_an_installer_is_never_told_a_name(shop: Shop) -> None:
    shop.box.visit(shop.box.member("王丽华"))
    client = shop.paired("installer")
    assert "王丽华" in get(shop.paired("consultant"), "/arrivals").text
    for path in READ:
        assert "王丽华" not in get(client, path).text
    assert "/arrivals" not in get(client, "/").text
    assert shop.box.audited("view")[0][0] != LOCAL
    assert len(shop.box.audited("view")) == 1


def test_a_revoked_device_is_out_at_its_next_request(shop: Shop) -> None:
    manager, consultant = shop.paired("manager"), shop.paired("consultant")
    assert get(consultant, "/arrivals").status_code == 200
    (device,) = [d for d in shop.box.devices().paired(NOW) if d.role == "consultant"]
    page = post(manager, "/devices/revoke", csrf=token(manager, "/devices"), device=device.id)
    assert (page.status_code, page.location) == (303, "/devices")
    assert get(consultant, "/arrivals/live", Accept="*/*").status_code == 401
    assert get(consultant, "/events", Accept="*/*").status_code == 401
    assert shop.doubted == [True]


def test_a_revoked_manager_cannot_return_by_a_code_of_its_own(shop: Shop) -> None:
    gone = shop.paired("manager")
    (device,) = shop.box.devices().paired(NOW)
    manager = shop.paired("manager")
    made = post(gone, "/devices/add", csrf=token(gone, "/devices"), role="manager").text
    found = re.search(r'id="pair-code">([A-Z0-9-]+)<', made)
    assert found
    form = {"csrf": token(manager), "device": device.id}
    assert post(manager, "/devices/revoke", **form).status_code == 303
    assert pair(shop.device(), found[1]).status_code == 403


def test_while_nothing_can_be_written_the_pages_are_read_on_without_names(shop: Shop) -> None:
    shop.box.visit(shop.box.member("王丽华"))
    client = shop.paired("consultant")
    shop.notices = ("disk_full",)
    shop.box.fixed = NOW + timedelta(minutes=2)
    shop.box.db.execute("PRAGMA query_only = ON")
    for path in ("/", "/live", "/arrivals", "/arrivals/live"):
        page = get(client, path)
        assert page.status_code == 200, path
        assert "storage is full" in page.text
        assert "王丽华" not in page.text
    assert "name locked" in page.text
    shop.box.db.execute("PRAGMA query_only = OFF")
    assert "王丽华" in get(client, "/arrivals").text


def test_while_nothing_can_be_written_it_is_tried_and_told_once_a_minute(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    client = shop.paired("installer")
    shop.box.fixed = NOW + timedelta(minutes=2)
    shop.box.db.execute("PRAGMA query_only = ON")
    for seconds in (0.0, 1.0, 59.0, 60.0):
        shop.seconds = seconds
        assert get(client, "/").status_code == 200
    assert len(caplog.records) == 2
    shop.box.db.execute("PRAGMA query_only = OFF")
    shop.seconds = 120.0
    get(client, "/")
    (device,) = shop.box.devices().paired(shop.box.now())
    assert device.seen_at == shop.box.now()


def test_a_session_ends_after_thirty_days_without_use(shop: Shop) -> None:
    client = shop.paired("consultant")
    shop.box.fixed = NOW + timedelta(days=29)
    assert get(client, "/arrivals").status_code == 200
    shop.box.fixed = NOW + timedelta(days=58)
    assert get(client, "/arrivals").status_code == 200
    shop.box.fixed = NOW + timedelta(days=89)
    assert get(client, "/arrivals").location == "/pair"


def test_after_five_wrong_codes_even_the_right_one_waits(shop: Shop) -> None:
    client = shop.device()
    for _ in range(5):
        answer = pair(client, "AAAA-AAAA")
        assert answer.status_code == 403
    assert "not right" in answer.text
    code = shop.code()
    locked = pair(client, code)
    assert locked.status_code == 429
    assert 0 < int(locked.headers["Retry-After"]) <= 300
    assert "try again in 5 minutes" in locked.text
    assert pair(shop.device("192.0.2.21"), shop.code()).status_code == 303
    shop.seconds = 300.0
    assert pair(client, code).status_code == 303


@pytest.mark.parametrize("spoil", ["expired", "used"])
def test_a_code_that_is_over_pairs_nobody(shop: Shop, spoil: str) -> None:
    code = shop.code()
    if spoil == "expired":
        shop.box.fixed = NOW + timedelta(minutes=10)
    else:
        pair(shop.device(), code)
    client = shop.device("192.0.2.33")
    assert pair(client, code).status_code == 403
    assert get(client, "/").location == "/pair"


def test_a_code_never_stands_in_an_address_that_a_server_sees(shop: Shop) -> None:
    manager = shop.paired("manager")
    made = post(manager, "/devices/add", csrf=token(manager, "/devices"), role="installer")
    assert made.status_code == 200
    found = re.search(r'id="pair-code">([A-Z0-9]{4}-[A-Z0-9]{4})<', made.text)
    assert found
    assert "<svg" in made.text
    assert f"{BASE}/pair" in made.text
    assert not re.search(rf'(href|action|src)="[^"]*{found[1]}', made.text)
    answer = pair(shop.device(), found[1])
    assert (answer.status_code, answer.location) == (303, "/")
    assert found[1] not in get(manager, "/devices").text


def test_a_role_that_there_is_not_makes_no_code(shop: Shop) -> None:
    manager = shop.paired("manager")
    form = {"csrf": token(manager, "/devices"), "role": "owner"}
    assert post(manager, "/devices/add", **form).status_code == 400


def test_a_device_that_is_paired_anew_has_one_session(shop: Shop) -> None:
    client = shop.paired("consultant")
    kept = client.get_cookie(_COOKIE, domain="box.shop.example")
    assert kept
    assert pair(client, shop.code("manager")).status_code == 303
    assert [device.role for device in shop.box.devices().paired(NOW)] == ["manager"]
    assert shop.doubted == [True]
    other = shop.device()
    other.set_cookie(_COOKIE, kept.value, domain="box.shop.example", secure=True)
    assert get(other, "/").location == "/pair"


@pytest.mark.parametrize("path", ALL_WRITE)
@pytest.mark.parametrize("form", [{}, {"csrf": "guess"}], ids=["no token", "another token"])
def test_a_form_without_its_token_changes_nothing(
    shop: Shop, path: str, form: dict[str, str]
) -> None:
    client = shop.paired("manager")
    assert post(client, path, **form).status_code == 400
    assert not is_off(shop.box.db, FACES)
    assert len(shop.box.devices().paired(NOW)) == 1


def test_pairing_needs_the_forms_token(shop: Shop) -> None:
    code = shop.code()
    assert post(shop.device(), "/pair", code=code).status_code == 400
    assert pair(shop.device(), code).status_code == 303


def test_one_device_cannot_post_without_end(shop: Shop) -> None:
    first, second = shop.paired("consultant"), shop.paired("consultant")
    form = {"csrf": token(first), "visit": "?"}
    answers = [post(first, "/arrivals/wrong", **form) for _ in range(61)]
    assert [answer.status_code for answer in answers] == [303] * 60 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    again = {"csrf": token(second), "visit": "?"}
    assert post(second, "/arrivals/wrong", **again).status_code == 303


@pytest.mark.parametrize("value", ["", "x", "x" * 5000, "门"])
def test_a_cookie_that_was_never_given_opens_nothing(shop: Shop, value: str) -> None:
    client = shop.device()
    headers = {**_PAGE, "Cookie": f"{_COOKIE}={value}".encode().decode("latin-1")}
    assert client.get("/", base_url=BASE, headers=headers).location == "/pair"


@pytest.fixture
def local(tmp_path: Path) -> tuple[ShopBox, FlaskClient]:
    box = ShopBox(tmp_path, now=NOW)
    return box, box.app(_entrance, Listen(host="127.0.0.1", port=0)).test_client()


def test_on_the_box_itself_nobody_is_asked(local: tuple[ShopBox, FlaskClient]) -> None:
    box, client = local
    box.visit(box.member("王丽华"))
    assert "王丽华" in client.get("/arrivals", headers=_PAGE).text
    assert "open on this machine only" in client.get("/devices", headers=_PAGE).text
    assert client.get("/pair", headers=_PAGE).location == "/"
    assert box.audited("view")[0][0] == LOCAL


def test_on_the_box_itself_a_form_still_needs_its_token(
    local: tuple[ShopBox, FlaskClient],
) -> None:
    box, client = local
    assert client.post("/arrivals/faces/off", headers=_PAGE).status_code == 400
    assert not is_off(box.db, FACES)


def _desk_form(client: FlaskClient, **form: str) -> dict[str, str]:
    return {"csrf": token(client, "/arrivals"), **form}


def test_wrong_person_asks_the_eyes_and_they_take_the_card_away(shop: Shop) -> None:
    visit = shop.box.visit(shop.box.member("王丽华"))
    client = shop.paired("consultant")
    form = _desk_form(client, visit=visit.id)
    for _ in range(2):  # tapped twice: asked once
        assert post(client, "/arrivals/wrong", **form).location == "/arrivals"
    assert shop.box.woken == ["eyes"]
    page = get(client, "/arrivals").text
    assert "Being corrected" in page
    assert "王丽华" in page
    shop.box.correct()
    page = get(client, "/arrivals").text
    assert "王丽华" not in page
    assert "A visitor" in page


def test_a_consultant_turns_faces_off_and_only_the_manager_on_again(shop: Shop) -> None:
    consultant, manager = shop.paired("consultant"), shop.paired("manager")
    assert post(consultant, "/arrivals/faces/off", **_desk_form(consultant)).status_code == 303
    assert is_off(shop.box.db, FACES)
    page = get(consultant, "/arrivals").text
    assert "Off; no faces are read" in page
    assert "Ask the manager" in page
    form = {"csrf": token(consultant)}
    assert post(consultant, "/arrivals/faces/on", **form).status_code == 403
    assert post(manager, "/arrivals/faces/on", **_desk_form(manager)).status_code == 303
    assert not is_off(shop.box.db, FACES)
    assert shop.box.woken == ["eyes", "eyes"]
    ids = {device.role: device.id for device in shop.box.devices().paired(NOW)}
    assert shop.box.audited("faces_off") == [(ids["consultant"], None)]
    assert shop.box.audited("faces_on") == [(ids["manager"], None)]


def test_a_name_never_stands_in_an_address(shop: Shop) -> None:
    shop.box.visit(shop.box.member("王丽华", called="Lihua"))
    page = get(shop.paired("manager"), "/arrivals").text
    addresses = re.findall(r'(?:href|src|action|data-live)="([^"]*)"', page)
    assert addresses
    assert not [address for address in addresses if "Lihua" in address or "王" in address]
