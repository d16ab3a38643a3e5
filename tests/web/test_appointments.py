"""Appointments over HTTP: forms, files, tokens, signed messages, and what nobody should send."""

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from edge.core.scopes import SENDER_SCOPES
from edge.store.devices import LOCAL
from tests.support.signing import encoded, signed
from tests.web.test_access import _PAGE, BASE, get, post, token
from tests.web.test_api import NOW, Programs, problem

HARSH = ("", "no such thing", "<script>alert(1)</script>", "\u0000", "0" * 26, "王" * 3000)
FORM = {
    **{"date": "2026-11-21", "time": "18:00", "what": "试戴", "channel": "phone"},
    **{"name": "孙悦", "phone": "13700137000", "consultant": "", "member": ""},
}
BOOKING = {
    **{"id": "B-7", "rev": 1, "at": "2026-11-21T17:00:00+08:00", "external_id": "C-1"},
    **{"what": "取戒指", "channel": "app"},
}
CSV = "预约号,会员号,时间,日期\nB-1,C-1,17:30,2026-11-21\nB-2,C-1,,\n"


@pytest.fixture
def shop(tmp_path: Path) -> Programs:
    made = Programs(tmp_path)
    made.box.member("王丽华", external_id="C-1")
    return made


def send(shop: Programs, body: Any, *, ago_s: float = 0, secret: str = "") -> TestResponse:
    """Send a booking as a booking system does."""
    sender = shop.box.senders().make(name="crm", scopes=SENDER_SCOPES, by=LOCAL, now=NOW)
    raw = encoded(body)
    headers = signed(secret or sender.secret, raw, shop.box.now() - timedelta(seconds=ago_s))
    return shop.device().post("/api/v1/appointments", base_url=BASE, data=raw, headers=headers)


def listed(shop: Programs, *, names: bool = True) -> list[dict[str, Any]]:
    scopes = ("read:arrivals", "read:names") if names else ("read:arrivals",)
    answer = shop.get("/appointments", *scopes)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.get_json()["lines"]
    return found


def test_a_booking_by_phone_is_entered_and_taken_through_the_day(shop: Programs) -> None:
    client = shop.paired("consultant")
    answer = post(client, "/appointments/book", csrf=token(client, "/appointments/new"), **FORM)
    assert (answer.status_code, answer.location) == (303, "/appointments?day=2026-11-21")
    page = get(client, "/appointments").text
    assert "孙悦" in page
    assert "13700137000" not in page
    (line,) = listed(shop)
    csrf = token(client, "/appointments")
    post(client, "/appointments/phone", csrf=csrf, appointment=line["id"])
    assert "tel:13700137000" in get(client, "/appointments/live").text
    assert "tel:" not in get(shop.paired("consultant"), "/appointments/live").text
    post(client, "/appointments/tap", csrf=csrf, appointment=line["id"], to="no_show", reason="ill")
    assert "Not yet" in get(client, "/appointments/live").text, "it is not yet its time"
    moved = {"appointment": line["id"], "date": "2026-11-21", "time": "16:00"}
    post(client, "/appointments/move", csrf=csrf, day="2026-11-20", **moved)
    post(client, "/appointments/tap", csrf=csrf, appointment=line["id"], to="no_show", reason="ill")
    assert "Did not come: was ill" in get(client, "/appointments").text


def test_what_was_typed_is_there_still_when_it_cannot_be_booked(shop: Programs) -> None:
    client = shop.paired("consultant")
    wrong = {**FORM, "phone": "12"}
    page = post(client, "/appointments/book", csrf=token(client, "/appointments/new"), **wrong)
    assert page.status_code == 409
    assert "no phone number" in page.text
    assert 'value="孙悦"' in page.text


def load(shop: Programs, raw: bytes) -> TestResponse:
    client = shop.paired("consultant")
    form = {"csrf": token(client, "/appointments/file"), "file": (io.BytesIO(raw), "today.csv")}
    return client.post("/appointments/file", base_url=BASE, data=form, headers=_PAGE)


def test_a_file_is_taken_and_its_broken_row_is_named(shop: Programs) -> None:
    page = load(shop, CSV.encode("gbk"))
    assert page.status_code == 200
    assert "1 new, 0 changed, 0 known before" in page.text
    assert "Line 3: Date and time: is no time" in page.text
    assert [line["name"] for line in listed(shop)] == ["王丽华"]


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        pytest.param(b"PK\x03\x04", "no CSV file", id="a workbook"),
        pytest.param(b"name\nx\n", "lacks columns", id="another table"),
        pytest.param(b"id,at\n", "no row", id="an empty one"),
        pytest.param(b"", "lacks columns", id="nothing"),
    ],
)
def test_another_file_is_refused_and_why(shop: Programs, raw: bytes, told: str) -> None:
    page = load(shop, raw)
    assert page.status_code == 409
    assert told in page.text


def test_only_the_manager_sets_the_reasons(shop: Programs) -> None:
    manager = shop.paired("manager")
    csrf = token(manager, "/appointments")
    post(manager, "/appointments/reasons", csrf=csrf, reason="weather")
    reasons = shop.get("/appointments", "read:arrivals").get_json()["reasons"]
    assert reasons == ["weather", "other"]


def test_a_day_that_is_none_is_today(shop: Programs) -> None:
    client = shop.paired("consultant")
    for text in ("x", "0001-01-01", "9999-12-31", "2026-02-30"):
        page = get(client, f"/appointments?day={text}")
        assert page.status_code == 200
        assert "21 November" in page.text
    assert get(client, "/appointments?day=2199-12-31").status_code == 200
    assert problem(shop.get("/appointments?day=9999-12-31", "read:arrivals")) == "invalid"


@pytest.mark.parametrize("value", HARSH, ids=range(len(HARSH)))
def test_whatever_is_sent_is_no_server_error(shop: Programs, value: str) -> None:
    send(shop, BOOKING)
    manager = shop.paired("manager")
    csrf = token(manager, "/appointments")
    names = ("appointment", "to", "reason", "day", "file", *FORM)
    for path in ("tap", "book", "move", "phone", "file", "reasons"):
        sent = dict.fromkeys(names, value)
        answer = post(manager, f"/appointments/{path}", csrf=csrf, **sent)
        assert answer.status_code < 500, path
    assert [line["state"] for line in listed(shop)] == ["expected"]


def test_names_in_bookings_are_text_and_nothing_else(shop: Programs) -> None:
    script = "<script>alert(1)</script>"
    body = {**BOOKING, "external_id": "", "name": script, "what": script, "consultant": script}
    assert send(shop, body).status_code == 200
    page = get(shop.paired("consultant"), "/appointments").text
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)") >= 3


def test_a_signed_booking_is_taken_moved_and_cancelled(shop: Programs) -> None:
    answer = send(shop, BOOKING)
    assert (answer.status_code, answer.get_json()) == (200, {"taken": "new"})
    assert send(shop, BOOKING).get_json() == {"taken": "older"}
    (line,) = listed(shop)
    assert (line["name"], line["what"], line["channel"]) == ("王丽华", "取戒指", "app")
    moved = {**BOOKING, "rev": 2, "at": "2026-11-21T10:00:00Z"}
    assert send(shop, moved).get_json() == {"taken": "changed"}
    assert listed(shop)[0]["at"] == "2026-11-21T18:00:00+08:00"
    assert send(shop, {"id": "B-7", "rev": 3, "state": "cancelled"}).status_code == 200
    assert listed(shop)[0]["state"] == "cancelled"


def test_a_forged_or_old_booking_is_not_taken(shop: Programs) -> None:
    forged = send(shop, BOOKING, secret="whsec_" + "QUFB" * 8)
    assert (forged.status_code, problem(forged)) == (401, "signature_wrong")
    assert problem(send(shop, BOOKING, ago_s=301)) == "signature_old"
    by_token = shop.post("/appointments", BOOKING, "write:desk")
    assert by_token.status_code == 401
    assert listed(shop) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"at": None}, "booking_unclear"),
        ({"at": "2026-11-21T17:00:00"}, "invalid"),
        ({"at": "0001-01-01T00:00:00+14:00"}, "booking_unclear"),
        ({"external_id": ""}, "booking_unclear"),
        ({"phone": "12"}, "booking_unclear"),
        ({"what": "a\nb"}, "booking_unclear"),
        ({"channel": "fax"}, "invalid"),
        ({"rev": 0}, "invalid"),
        ({"more": 1}, "invalid"),
    ],
    ids=str,
)
def test_a_booking_that_is_not_clear_is_refused(
    shop: Programs, changes: dict[str, Any], code: str
) -> None:
    answer = send(shop, {**BOOKING, **changes})
    assert (answer.status_code, problem(answer)) == (422, code)
    assert listed(shop) == []


def test_a_program_with_a_token_does_what_the_desk_does(shop: Programs) -> None:
    body = {"at": "2026-11-21T16:00:00+08:00", "name": "孙悦", "phone": "13700137000"}
    made = shop.post("/appointments/desk", body, "write:desk")
    assert made.status_code == 201
    thing = made.get_json()["id"]
    assert shop.post("/appointments/desk", body, "write:desk").get_json()["id"] == thing
    state = f"/appointments/{thing}/state"
    assert problem(shop.post(state, {"state": "no_show"}, "write:desk")) == "appointment_state"
    late = {"state": "no_show", "reason": "forgot"}
    assert shop.post(state, late, "write:desk").status_code == 204
    assert listed(shop)[0]["reason"] == "forgot"
    moved = shop.post(f"/appointments/{thing}/time", {"at": "2026-11-21T09:00:00Z"}, "write:desk")
    assert moved.status_code == 204
    assert (listed(shop)[0]["state"], listed(shop)[0]["at"][11:16]) == ("expected", "17:00")
    phone = shop.get(f"/appointments/{thing}/phone", "read:names")
    assert phone.get_json() == {"phone": "13700137000"}
    nobody = {"at": "2026-11-21T16:00:00+08:00"}
    assert problem(shop.post("/appointments/desk", nobody, "write:desk")) == "booking_unclear"
    unknown = {**body, "member": "C-9"}
    assert problem(shop.post("/appointments/desk", unknown, "write:desk")) == "no_such_member"
    loaded = shop.post("/appointments/file", {"csv": CSV}, "write:desk").get_json()
    assert (loaded["new"], loaded["faults"]) == (1, [{"line": 3, "code": "time", "column": "at"}])


def test_without_the_right_to_names_the_list_says_nobodys(shop: Programs) -> None:
    send(shop, {**BOOKING, "consultant": "小林"})
    text = shop.get("/appointments", "read:arrivals").text
    for personal in ("王丽华", "取戒指", "小林"):
        assert personal not in text
    assert listed(shop, names=False)[0]["channel"] == "app"
    assert shop.box.audited("view") == []
    assert listed(shop)[0]["consultant"] == "小林"
    assert len(shop.box.audited("view")) == 1
