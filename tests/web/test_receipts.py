"""Receipts by the API: signed, of this shop, one and many, answered alike, shown on the card."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from werkzeug.test import TestResponse

from edge.core.scopes import SCOPES, SENDER_SCOPES
from edge.desk.till import BATCH, TillBusy
from edge.store.devices import LOCAL
from tests.support.signing import encoded, signed
from tests.web.test_access import BASE, NOW, Shop, get
from tests.web.test_api import DOCUMENT, problem

RECEIPT = {
    "store": "nj-001",
    "number": "A-1",
    "at": "2026-11-21T16:20:00+08:00",
    "total": 128800,
    "currency": "CNY",
    "lines": [{"what": "足金戒指", "quantity": 1, "amount": 128800}],
}


class Till(Shop):
    """A box, and a till that has a secret of it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        made = self.box.senders().make(name="till", scopes=SENDER_SCOPES, by=LOCAL, now=NOW)
        self.secret = made.secret

    def send(self, body: Any, path: str = "", **headers: str) -> TestResponse:
        raw = encoded(body)
        given = {**signed(self.secret, raw, self.box.now()), **headers}
        return self.device().post(f"/api/v1/receipts{path}", base_url=BASE, data=raw, headers=given)

    def sent(self, **changes: Any) -> TestResponse:
        return self.send({**RECEIPT, **changes})


@pytest.fixture
def till(tmp_path: Path) -> Till:
    return Till(tmp_path)


def count(till: Till) -> int:
    (found,) = till.box.db.execute("SELECT count(*) FROM receipt").fetchone()
    return int(found)


def test_a_receipt_is_taken_once_and_answered_alike(till: Till) -> None:
    told = [till.sent(), till.sent()]
    assert [one.status_code for one in told] == [200, 200]
    kept = {"number": "A-1", "outcome": "kept", "rev": 1, "tied": "none", "why": "nothing"}
    assert [one.get_json() for one in told] == [kept, kept]
    assert count(till) == 1


def test_another_content_under_a_number_is_refused_unless_its_rev_is_higher(till: Till) -> None:
    till.sent()
    refused = till.sent(total=1)
    assert (refused.status_code, problem(refused)) == (409, "receipt_conflict")
    assert till.sent(total=1, rev=2).get_json()["rev"] == 2


def test_a_receipt_of_another_shop_is_refused_by_name(till: Till) -> None:
    answer = till.sent(store="nj-002")
    assert (answer.status_code, problem(answer)) == (409, "other_shop")
    assert "nj-001" in answer.get_json()["detail"]
    assert "nj-002" not in answer.text
    assert count(till) == 0


def test_a_forged_and_a_replayed_receipt_are_refused(till: Till) -> None:
    assert problem(till.send(RECEIPT, **{"webhook-signature": "v1,AAAA"})) == "signature_wrong"
    assert count(till) == 0
    raw = encoded(RECEIPT)
    given = signed(till.secret, raw, NOW)

    def again() -> TestResponse:
        return till.device().post("/api/v1/receipts", base_url=BASE, data=raw, headers=given)

    assert again().status_code == again().status_code == 200
    till.box.fixed = NOW + timedelta(minutes=6)
    assert problem(again()) == "signature_old"
    assert count(till) == 1


def test_neither_a_token_nor_a_session_sends_receipts(till: Till) -> None:
    token = till.box.tokens().make(name="t", scopes=SCOPES, days=1, by=LOCAL, now=NOW).text
    for client, headers in (
        (till.device(), {"Authorization": f"Bearer {token}"}),
        (till.paired("manager"), {}),
    ):
        answer = client.post("/api/v1/receipts", base_url=BASE, json=RECEIPT, headers=headers)
        assert (answer.status_code, problem(answer)) == (401, "signature_missing")


def test_many_are_answered_one_by_one(till: Till) -> None:
    till.sent(number="A-2", total=5)
    numbered = [{**RECEIPT, "number": f"A-{n}"} for n in range(1, 4)]
    numbered.append({**RECEIPT, "number": "A-4", "store": "nj-002"})
    numbered.append({**RECEIPT, "number": "A-5", "at": "2026-11-21T18:00:00+08:00"})
    told = till.send({"receipts": numbered}, "/batch").get_json()["receipts"]
    assert [(one["number"], one["outcome"]) for one in told] == [
        ("A-1", "kept"),
        ("A-2", "conflict"),
        ("A-3", "kept"),
        ("A-4", "other_shop"),
        ("A-5", "future"),
    ]
    assert count(till) == 3


def test_there_are_so_many_at_once_and_no_more(till: Till) -> None:
    small = {name: value for name, value in RECEIPT.items() if name != "lines"}
    body = {"receipts": [{**small, "number": f"N-{n}"} for n in range(BATCH)]}
    assert till.send(body, "/batch").status_code == 200
    body["receipts"].append({**small, "number": "more"})
    assert problem(till.send(body, "/batch")) == "invalid"
    assert problem(till.send({"receipts": []}, "/batch")) == "invalid"
    assert count(till) == BATCH


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        pytest.param({"total": "1288"}, "#/total", id="a text for an amount"),
        pytest.param({"total": 10**12}, "#/total", id="too much"),
        pytest.param({"at": "2026-11-21T16:20:00"}, "#/at", id="no offset"),
        pytest.param({"at": "0001-01-01T00:00:00+14:00"}, "#/at", id="no year"),
        pytest.param({"currency": "RMB¥"}, "#/currency", id="no currency"),
        pytest.param({"number": "A 1"}, "#/number", id="a space"),
        pytest.param({"kind": "gift"}, "#/kind", id="no kind"),
        pytest.param({"queue": "first"}, "#/queue", id="no number of the queue"),
        pytest.param({"phone": "13800138000"}, "#/phone", id="a field that is none"),
        pytest.param({"lines": [{"what": 1}]}, "#/lines/0/what", id="no text"),
    ],
)
def test_what_does_not_fit_is_named(till: Till, changes: dict[str, Any], where: str) -> None:
    answer = till.sent(**changes)
    assert problem(answer) == "invalid"
    assert [one["where"] for one in answer.get_json()["errors"]] == [where]
    assert count(till) == 0


def test_purchases_are_on_the_members_card_and_scripts_are_text(till: Till) -> None:
    member = till.box.member("王丽华", external_id="V-1")
    till.box.visit(member, ago_s=600)
    script = "<script>alert(1)</script>\u202e"
    till.sent(member="V-1", lines=[{"what": script}], at="2026-11-18T11:00:00+08:00")
    for number in ("A-2", "A-3", "A-4"):
        till.sent(number=number, member="V-1", lines=[{"what": f"项链 {number}"}, {"what": "耳钉"}])
    till.sent(number="A-5", kind="return", voids="A-4", member="V-1", total=-128800)
    page = get(till.paired("consultant"), "/arrivals").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "项链 A-3" in page
    assert "项链 A-4" not in page
    assert re.search(r"¥1,288\.00", page)
    (card,) = [
        one
        for one in json.loads(_read(till, "/arrivals", "read:arrivals", "read:names"))["cards"]
        if one["name"] == "王丽华"
    ]
    assert len(card["purchases"]) == 3
    assert card["reasons"][-1]["code"] == "last_purchase"
    (hidden,) = json.loads(_read(till, "/arrivals", "read:arrivals"))["cards"]
    assert hidden["purchases"] == []


def _read(till: Till, path: str, *scopes: Any) -> str:
    token = till.box.tokens().make(name="t", scopes=scopes, days=1, by=LOCAL, now=NOW).text
    headers = {"Authorization": f"Bearer {token}"}
    return till.device().get(f"/api/v1{path}", base_url=BASE, headers=headers).text


def test_a_box_that_is_busy_says_when_to_come_again(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise TillBusy

    monkeypatch.setattr(till.box.till, "take", full)
    answer = till.sent()
    assert (answer.status_code, problem(answer)) == (429, "busy")
    assert answer.headers["Retry-After"] == "1"
    monkeypatch.undo()
    assert till.sent().status_code == 200


def test_a_store_that_is_full_and_a_key_that_is_missing_are_said(till: Till) -> None:
    till.box.root = None
    assert problem(till.sent(member="V-1")) == "key_missing"
    assert till.sent(number="A-2").status_code == 200
    till.box.db.execute(
        "INSERT OR REPLACE INTO storage (id, state, at) VALUES (1, 'refused', '2026-11-21')"
    )
    full = till.sent(number="A-3")
    assert problem(full) == "away"
    assert int(full.headers["Retry-After"]) > 0


def test_the_answers_are_what_the_document_says(till: Till) -> None:
    told = till.device().get(DOCUMENT, base_url=BASE).get_json()
    for path, body in (("", RECEIPT), ("/batch", {"receipts": [RECEIPT]})):
        operation = told["paths"][f"/api/v1/receipts{path}"]["post"]
        assert operation["security"] == [
            {"signature": ["write:receipts"]},
            {"certificate": ["write:receipts"]},
        ]
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        answer = till.send(body, path).get_json()
        jsonschema_rs.validate({**schema, "components": told["components"]}, answer)
        sent = operation["requestBody"]["content"]["application/json"]["schema"]
        jsonschema_rs.validate({**sent, "components": told["components"]}, body)
