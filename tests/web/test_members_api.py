"""API: members, imports and notes: who may, what is kept, what is said when it does not fit."""

from datetime import timedelta
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from edge.store.people import People
from menkou.web.app import UPLOAD_BYTES_MAX
from tests.support import people
from tests.web.test_access import BASE
from tests.web.test_api import NOBODY, Programs, problem


@pytest.fixture
def shop(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


def test_a_member_is_made_found_changed_exported_and_erased(shop: Programs) -> None:
    profile = {
        "name": "王丽华",
        "called": "王女士",
        "external_id": "V-1001",
        "phone": "13800138000",
    }
    answer = shop.post("/members", profile, "write:members")
    assert answer.status_code == 201
    member = answer.get_json()["id"]
    found = shop.get("/members?q=8000", "read:members").get_json()
    assert found["members"] == [
        {
            "id": member,
            "name": "王丽华",
            "called": "王女士",
            "external_id": "V-1001",
            "tier": "",
        }
    ]
    assert shop.get("/members?q=none", "read:members").get_json()["members"] == []
    assert shop.box.fixed
    shop.box.fixed += timedelta(seconds=1)
    change = {"tier": "金卡", "phone": ""}
    assert shop.post(f"/members/{member}", change, "write:members").status_code == 204
    read = shop.get(f"/members/{member}", "read:members").get_json()
    assert read["profile"] == {
        "name": "王丽华",
        "called": "王女士",
        "external_id": "V-1001",
        "tier": "金卡",
    }
    assert (read["agreed_until"], read["face"], read["notes"]) == (None, False, [])
    exported = shop.get(f"/members/{member}/export", "manage:members").get_json()
    looks = {entry["what"]: entry["actor"].partition(":")[0] for entry in exported["audit"]}
    assert looks == {"enrol": "token", "change": "token", "view": "token", "export": "token"}
    erased = shop.ask("DELETE", f"/members/{member}", shop.token("manage:members").text)
    assert erased.status_code == 204
    assert problem(shop.get(f"/members/{member}", "read:members")) == "no_such_member"


def test_fields_that_do_not_fit_are_named_and_no_value_is_repeated(shop: Programs) -> None:
    shop.box.member("李雷", external_id="C-1")
    wrong = {"name": "王丽", "birthday": "13-40", "phone": "secret"}
    answer = shop.post("/members", wrong, "write:members")
    assert (answer.status_code, problem(answer)) == (422, "profile")
    assert [one["where"] for one in answer.get_json()["errors"]] == ["#/birthday", "#/phone"]
    assert "13-40" not in answer.text
    assert "secret" not in answer.text
    taken = shop.post("/members", {"name": "王丽", "external_id": "c-1"}, "write:members")
    assert (taken.status_code, problem(taken)) == (409, "number_taken")
    assert problem(shop.post("/members", {}, "write:members")) == "profile"
    assert problem(shop.post("/members", {"nome": "x"}, "write:members")) == "invalid"
    for path in (f"/members/{NOBODY}", f"/members/{NOBODY}/withdraw"):
        assert problem(shop.post(path, {}, "write:members")) == "no_such_member"
    assert shop.box.db.table("member").count == 1


def test_without_the_key_a_program_is_told_to_come_again(shop: Programs) -> None:
    shop.box.root = None
    for answer in (
        shop.get("/members", "read:members"),
        shop.post("/members", {"name": "王丽"}, "write:members"),
        send(shop, b"name\nA\n"),
    ):
        assert (answer.status_code, problem(answer)) == (503, "key_missing")
    assert shop.get("/imports", "write:members").get_json()["stage"] == "none"


def test_a_consent_is_withdrawn_once(shop: Programs) -> None:
    member = shop.box.member("王丽华")
    consent = people.consent(now=shop.box.now())
    shop.box.register.enrol(
        member.id, shop.box.now(), consent=consent, template=people.template(member.subject)
    )
    assert shop.get(f"/members/{member.id}", "read:members").get_json()["face"]
    path = f"/members/{member.id}/withdraw"
    assert shop.post(path, {}, "write:members").status_code == 204
    again = shop.post(path, {}, "write:members")
    assert (again.status_code, problem(again)) == (409, "nothing_to_withdraw")
    assert shop.box.db.table("template").count == 0


def send(shop: Programs, raw: bytes, kind: str = "text/csv") -> TestResponse:
    token = shop.token("write:members").text
    headers = {"Authorization": f"Bearer {token}", "Accept-Language": "en"}
    return shop.device().post(
        "/api/v1/imports", base_url=BASE, data=raw, content_type=kind, headers=headers
    )


def test_a_table_is_taken_in_and_its_broken_rows_are_told(shop: Programs) -> None:
    answer = send(shop, "姓名,会员号\n王丽,C-1\n,C-2\n".encode("gbk"))
    assert (answer.status_code, answer.get_json()["stage"]) in ((202, "running"), (202, "done"))
    shop.box.imports.wait(20)
    told = shop.get("/imports", "write:members").get_json()
    assert (told["stage"], told["added"], told["broken"]) == ("done", 1, 1)
    assert told["faults"] == [
        {"line": 3, "code": "value", "column": "name", "text": "name: expected a name, got none"}
    ]
    assert problem(send(shop, b"{}", "application/json")) == "media_type_csv"
    assert send(shop, b"x" * (UPLOAD_BYTES_MAX + 1)).status_code == 413


def test_a_program_changes_its_own_notes_and_with_the_managers_scope_anybodys(
    shop: Programs,
) -> None:
    member = shop.box.member("王丽华")
    visit = shop.box.visit(member).id
    shop.box.floor.guests.note(visit, "喜欢素圈", "device")
    own = shop.token("write:desk")
    shop.box.floor.guests.note(visit, "戒指 52 号", own.token.actor)
    notes = shop.get(f"/members/{member.id}", "read:members").get_json()["notes"]
    assert [one["text"] for one in notes] == ["戒指 52 号", "喜欢素圈"]
    mine, others = (one["id"] for one in notes)

    def change(note: object, token: str, text: str = "新的") -> TestResponse:
        return shop.ask("POST", f"/notes/{note}", token, {"text": text})

    assert change(mine, own.text).status_code == 204
    assert problem(change(others, own.text)) == "others_note"
    assert problem(shop.ask("DELETE", f"/notes/{others}", own.text)) == "others_note"
    assert problem(change(mine, own.text, " \u202e ")) == "note_empty"
    assert problem(change("9" * 15, own.text)) == "no_such_note"
    assert problem(change("x", own.text)) == "not_found"
    manager = shop.token("write:desk", "manage:members")
    assert shop.ask("DELETE", f"/notes/{others}", manager.text).status_code == 204
    assert problem(shop.ask("DELETE", f"/notes/{others}", manager.text)) == "no_such_note"
    left = shop.get(f"/members/{member.id}", "read:members").get_json()["notes"]
    assert [one["text"] for one in left] == ["新的"]


def test_the_shops_link_is_the_one_that_guests_join_by(shop: Programs) -> None:
    told = shop.get("/join", "write:desk").get_json()
    assert told["day"] == "2026-11-21"
    path = told["address"].removeprefix(BASE)
    assert shop.device().get(path, base_url=BASE).status_code == 200
    shop.post("/join/new", {}, "manage:members")
    assert shop.device().get(path, base_url=BASE).status_code == 404
    assert People(shop.box.db, shop.box.keys).everybody().members == ()
