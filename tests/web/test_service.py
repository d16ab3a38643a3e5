"""Where-from and service tickets over HTTP: pages without scripts, the API, and who may do what."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from edge.store.devices import Role
from tests.web.test_access import get, post, token
from tests.web.test_api import Programs, problem

HARSH = ("", "no such visit", "<script>alert(1)</script>", "\u0000", "0" * 26, "王" * 3000)
FORMS = (
    *("/sources/answer", "/sources/enter", "/sources/list/channel", "/sources/list/advert"),
    *("/sources/list/switch", "/tickets/make", "/tickets/move", "/tickets/hand-over"),
    *("/tickets/phone", "/tickets/forget"),
)
FIELDS = (
    *("visit", "channel", "advert", "entry", "id", "zh", "en", "active", "kind", "what", "due"),
    *("member", "name", "phone", "ticket", "to"),
)
NOBODY = "01JZZZZZZZZZZZZZZZZZZZZZZZ"


@pytest.fixture
def shop(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


def _send(client: FlaskClient, path: str, **form: str) -> TestResponse:
    return post(client, path, csrf=token(client, "/sources"), **form)


def _visit(shop: Programs) -> str:
    visit = shop.box.visit().id
    shop.box.floor.guests.claim(visit, "local")
    return visit


@pytest.mark.parametrize("value", HARSH, ids=range(len(HARSH)))
def test_whatever_is_sent_is_no_server_error(shop: Programs, value: str) -> None:
    manager = shop.paired("manager")
    csrf = token(manager, "/sources")
    sent = dict.fromkeys(FIELDS, value)
    codes = {path: post(manager, path, csrf=csrf, **sent).status_code for path in FORMS}
    codes |= {path: get(manager, path).status_code for path in ("/tickets?kind=x", "/sources")}
    assert {path: code for path, code in codes.items() if code >= 500} == {}
    assert (shop.box.db.table("source").count, shop.box.db.table("service").count) == (0, 0)


@pytest.mark.parametrize("role", ["consultant", "installer", "guest"])
@pytest.mark.parametrize("path", ["channel", "advert", "switch"])
def test_only_the_manager_changes_the_list(shop: Programs, role: Role, path: str) -> None:
    client = shop.paired(role)
    form = {"csrf": token(client), "id": "tv", "zh": "电视", "channel": "friend", "active": "off"}
    assert post(client, f"/sources/list/{path}", **form).status_code == 403
    assert shop.box.db.table("source_list").count == 0


def test_two_taps_on_the_card_of_a_walk_in(shop: Programs) -> None:
    client, visit = shop.paired("consultant"), _visit(shop)
    page = get(client, "/arrivals").text
    asked = re.findall(r'name="channel" value="([a-z-]+)"', page)
    assert asked == ["friend", "xiaohongshu", "app", "unknown"], "flyers are asked for no more"
    _send(client, "/sources/answer", visit=visit, channel="xiaohongshu")
    page = get(client, "/arrivals").text
    assert re.findall(r'name="advert" value="([a-z0-9-]+)"', page) == ["xhs-2026-11", "unknown"]
    answer = _send(
        client, "/sources/answer", visit=visit, channel="xiaohongshu", advert="xhs-2026-11"
    )
    assert (answer.status_code, answer.location) == (303, "/arrivals")
    assert "Xiaohongshu, November note" in get(client, "/arrivals").text


def test_who_was_claimed_by_nobody_is_asked_nothing(shop: Programs) -> None:
    shop.box.visit()
    assert 'name="channel"' not in get(shop.paired("consultant"), "/arrivals").text


def test_a_guest_whom_no_camera_saw_is_entered_once_and_asked_further(shop: Programs) -> None:
    client = shop.paired("consultant")
    found = re.search(r'name="entry" value="([A-Za-z0-9_-]+)"', get(client, "/sources").text)
    assert found
    for _ in range(2):
        answer = _send(client, "/sources/enter", entry=found[1], channel="xiaohongshu")
        assert answer.location == f"/sources?entry={found[1]}"
    page = get(client, answer.location).text
    assert "Which advertisement?" in page
    assert "1 guest entered today" in page
    assert _send(client, "/sources/enter", entry=found[1], channel="tv").status_code == 409


def test_names_on_the_list_and_on_tickets_are_text(shop: Programs) -> None:
    manager = shop.paired("manager")
    harsh = "<b onclick=x>"
    _send(manager, "/sources/list/channel", id="tv", zh=harsh, en=harsh)
    _send(manager, "/tickets/make", kind="repair", what=harsh, name=harsh)
    _visit(shop)
    for path in ("/sources", "/sources/list", "/tickets", "/arrivals"):
        text = get(manager, path).text
        assert harsh not in text
        assert "&lt;b onclick=x&gt;" in text, path


def test_a_ticket_is_made_on_a_members_card_and_moved_on_by_the_page(shop: Programs) -> None:
    client = shop.paired("consultant")
    visit = shop.box.visit(shop.box.member("王丽华", called="王女士")).id
    answer = _send(client, "/tickets/make", visit=visit, kind="repair", what="戒指改圈")
    assert answer.location == "/arrivals"
    row = shop.box.db.execute("SELECT id FROM service").fetchone()
    _send(client, "/tickets/move", ticket=row[0], to="ready")
    assert "Repair ready to collect: 戒指改圈" in get(client, "/arrivals").text
    page = get(client, "/tickets?kind=repair").text
    assert "王女士" in page
    assert "王女士" not in get(client, "/tickets?kind=stock").text
    told = _send(client, "/tickets/make", kind="repair")
    assert told.location == "/tickets"
    assert "Please enter a member number" in get(client, "/tickets").text


def _ids(shop: Programs, *scopes: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop.get("/tickets", *scopes).get_json()["open"]
    return found


def test_programs_make_read_and_move_tickets(shop: Programs) -> None:
    body = {"kind": "stock", "what": "素圈", "phone": "13800138000", "entry": "till-0001"}
    made = [shop.post("/tickets", body, "write:desk") for _ in range(2)]
    assert [one.status_code for one in made] == [201, 201]
    ticket = made[0].get_json()["ticket"]
    assert made[1].get_json()["ticket"] == ticket
    (plain,) = _ids(shop, "read:arrivals")
    assert (plain["id"], plain["state"], plain["what"]) == (ticket, "requested", "")
    (named,) = _ids(shop, "read:arrivals", "read:names")
    assert (named["what"], named["phone"]) == ("素圈", "…8000")
    path = f"/tickets/{ticket}"
    assert shop.post(f"{path}/state", {"to": "ready"}, "write:desk").status_code == 204
    assert problem(shop.post(f"{path}/state", {"to": "ready"}, "write:desk")) == "ticket_state"
    forget = shop.token("manage:desk").text
    assert problem(shop.ask("DELETE", path, forget)) == "not_found"
    shop.post(f"{path}/state", {"to": "cancelled"}, "write:desk")
    assert shop.ask("DELETE", path, forget).status_code == 204


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param({"kind": "stock"}, "ticket_nobody", id="nobody's"),
        pytest.param({"kind": "stock", "member": "V-9"}, "no_such_member", id="no member"),
        pytest.param({"kind": "stock", "phone": "abc"}, "phone_unclear", id="no number"),
        pytest.param(
            {"kind": "stock", "name": "李", "due": "2026-02-30"}, "ticket_due", id="no day"
        ),
        pytest.param({"kind": "dance", "name": "李"}, "invalid", id="no kind"),
        pytest.param({"kind": "stock", "name": "李", "entry": "x"}, "invalid", id="no entry"),
    ],
)
def test_why_no_ticket_is_made_is_a_problem(
    shop: Programs, body: dict[str, str], told: str
) -> None:
    answer = shop.post("/tickets", body, "write:desk")
    assert problem(answer) == told
    assert "李" not in answer.text


def test_programs_say_where_guests_come_from(shop: Programs) -> None:
    visit = shop.box.visit().id
    said = {"channel": "xiaohongshu", "advert": "xhs-2026-11"}
    assert shop.post(f"/visits/{visit}/source", said, "write:desk").status_code == 204
    (card,) = shop.get("/arrivals", "read:arrivals").get_json()["cards"]
    assert card["served"]["source"] == said
    unseen = {"channel": "unknown", "entry": "till-0001"}
    assert shop.post("/sources/unseen", unseen, "write:desk").status_code == 204
    for path, body, code in (
        (f"/visits/{visit}/source", {"channel": "wang-lihua"}, "not_listed"),
        (f"/visits/{visit}/source", {"channel": "王丽华"}, "invalid"),
        (f"/visits/{NOBODY}/source", {"channel": "friend"}, "not_found"),
        ("/sources/unseen", {"channel": "friend", "entry": "a b"}, "invalid"),
    ):
        assert problem(shop.post(path, body, "write:desk")) == code
    rows = [row[0] for row in shop.box.db.execute("SELECT event FROM outbox ORDER BY id")]
    told = [json.loads(row)["body"] for row in rows if "source" in row]
    assert [one["channel"] for one in told] == ["xiaohongshu", "unknown"]


def test_programs_of_the_manager_change_the_list(shop: Programs) -> None:
    made = {"id": "tv", "zh": "电视", "en": "TV"}
    listed = shop.post("/sources/channels", made, "manage:desk").get_json()["channels"]
    assert listed[-1] == {**made, "active": True, "adverts": []}
    assert problem(shop.post("/sources/channels", made, "manage:desk")) == "list_taken"
    spot = {"id": "spot-1", "zh": "晚间", "en": "Evening"}
    shop.post("/sources/channels/tv/adverts", spot, "manage:desk")
    off = {"active": False}
    shop.post("/sources/channels/tv/adverts/spot-1/active", off, "manage:desk")
    now = shop.post("/sources/channels/tv/active", off, "manage:desk").get_json()["channels"][-1]
    assert (now["active"], now["adverts"]) == (False, [{**spot, "active": False}])
    assert problem(shop.post("/sources/channels/x/active", off, "manage:desk")) == "not_found"
    assert problem(shop.post("/sources/channels", made, "write:desk")) == "scope_missing"
