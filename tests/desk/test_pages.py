"""The desk's forms, as a browser without scripts sends them, and what nobody should send."""

from pathlib import Path
from typing import Any

import pytest

from tests.web.test_access import NOW, Shop, get, post, token


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


WRITE = ("claim", "release", "note", "offer", "end")
HARSH = ("", "no such visit", "<script>", "\u0000", "0" * 26, "王" * 3000)


@pytest.mark.parametrize("value", HARSH, ids=range(len(HARSH)))
def test_whatever_is_sent_is_no_server_error(shop: Shop, value: str) -> None:
    manager = shop.paired("manager")
    shop.box.visit(shop.box.member("王丽华"))
    csrf = token(manager, "/arrivals")
    shop.seconds = 0.0
    sent = dict.fromkeys(("visit", "text", "offer", "answer", "staff", "pin", "device"), value)
    sent |= dict.fromkeys(("name", "role", "tea", "meal", "shared"), value)
    paths = [f"/arrivals/{one}" for one in WRITE]
    paths += ["/me/choose", "/staff/pin", "/staff/end", "/staff/add", "/staff/stay"]
    paths += ["/devices/share"]
    answers = {path: post(manager, path, csrf=csrf, **sent).status_code for path in paths}
    assert {path: code for path, code in answers.items() if code >= 500} == {}
    assert shop.box.db.table("claim").count == shop.box.db.table("note").count == 0


def test_a_consultant_releases_no_claim_of_others_and_a_manager_does(shop: Shop) -> None:
    consultant, other, manager = (shop.paired(r) for r in ("consultant", "consultant", "manager"))
    visit = shop.box.visit().id

    def sent(client: Any, path: str) -> bool:
        post(client, path, csrf=token(client, "/arrivals"), visit=visit)
        row = shop.box.db.execute("SELECT state FROM claim").fetchone()
        return bool(row[0] == "taken")

    assert sent(consultant, "/arrivals/claim")
    assert sent(other, "/arrivals/release")
    assert not sent(manager, "/arrivals/release")


def test_a_device_that_is_nobodys_is_asked_who_it_is_before_it_claims(shop: Shop) -> None:
    client = shop.paired("consultant")
    shop.box.floor.people.add("小林", "consultant", "", "local")
    visit = shop.box.visit().id
    page = get(client, "/arrivals").text
    assert "Who are you?" in page
    answer = post(client, "/arrivals/claim", csrf=token(client, "/arrivals"), visit=visit)
    assert (answer.status_code, answer.location) == (303, "/me")


def test_names_and_notes_are_text_and_nothing_else(shop: Shop) -> None:
    client = shop.paired("manager")
    shop.box.fixed = NOW
    shop.box.floor.people.add("<b>小林</b>", "consultant", "", "local")
    visit = shop.box.visit().id
    shop.box.floor.guests.note(visit, "<script>alert(1)</script>", "local")
    (person,) = shop.box.floor.people.everybody()
    shop.box.floor.people.choose("local", person.id, "")
    shop.box.floor.guests.claim(visit, "local")
    page = get(client, "/arrivals").text
    assert "<b>" not in page
    assert "<script>alert" not in page
    assert "&lt;b&gt;小林" in page
