"""One-time codes over HTTP: who may type and make them, and what is said to which device."""

import re
from base64 import b32decode
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from edge.console.codes import Made
from edge.core.codes import FAILURES_MAX, LOCKED_FOR
from edge.keys.onetime import code_at
from edge.store.devices import Role
from edge.store.people import Member
from edge.store.switches import open_requests
from tests.web.test_access import NOW, Shop, get, post, token


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def _type(client: FlaskClient, code: str, phone: str = "") -> str:
    """Type a code as a consultant does; return what the form then says."""
    answer = post(client, "/arrivals/code", csrf=token(client, "/arrivals"), code=code, phone=phone)
    assert (answer.status_code, answer.location) == (303, "/arrivals")
    return _form(client)


def _form(client: FlaskClient) -> str:
    found = re.search(
        r'<section class="card code-entry".*?</section>', get(client, "/arrivals/live").text, re.S
    )
    assert found
    return found[0]


def _post(client: FlaskClient, path: str, **form: str) -> TestResponse:
    return post(client, path, csrf=token(client, "/codes"), **form)


def _code(client: FlaskClient, number: str) -> str:
    found = re.search(r'id="shop-code">(\d{6})<', _post(client, "/codes/make", number=number).text)
    assert found
    return found[1]


def _arrived(shop: Shop) -> list[str | None]:
    return [request.subject for request in open_requests(shop.box.db)]


def _phone_of(shop: Shop, member: Member) -> bytes:
    """Give a member a phone that ends in 8000; return its secret, as the phone scans it."""
    made: Made = shop.box.codes.provide(member.id, "138 0013 8000", "local")
    assert made.address
    text = parse_qs(urlsplit(made.address).query)["secret"][0]
    return b32decode(text)


def test_a_code_that_the_manager_made_lets_its_member_in(shop: Shop) -> None:
    member = shop.box.member("王丽华", external_id="C-1001")
    manager, consultant = shop.paired("manager"), shop.paired("consultant")
    code = _code(manager, "c-1001")
    assert "the card comes in a moment" in _type(consultant, code)
    assert _arrived(shop) == [member.subject]
    assert shop.box.woken == ["eyes"]
    assert "used already" in _type(consultant, code)
    assert "4 more wrong codes" in _form(consultant)
    assert code not in get(manager, "/codes").text, "a code is shown once"


def test_what_a_phone_shows_lets_its_member_in_typed_or_scanned(shop: Shop) -> None:
    member = shop.box.member("王丽华")
    secret, consultant = _phone_of(shop, member), shop.paired("consultant")
    step = int(NOW.timestamp()) // 30
    assert "is right" in _type(consultant, code_at(secret, step), "8000")
    assert "used already" in _type(consultant, code_at(secret, step), "8000")
    assert "is right" in _type(consultant, "8000" + code_at(secret, step + 1))
    assert _arrived(shop) == [member.subject] * 2


def test_the_qr_code_for_a_phone_is_on_one_answer_and_never_its_text(shop: Shop) -> None:
    member = shop.box.member("王丽华")
    manager = shop.paired("manager")
    page = _post(manager, "/codes/phone", number=member.id, phone="8000").text
    assert 'class="qr"' in page
    assert "otpauth" not in page
    assert 'class="qr"' not in get(manager, "/codes").text


@pytest.mark.parametrize(
    ("path", "form", "said"),
    [
        ("/codes/make", {"number": "nobody"}, "no member with this number"),
        ("/codes/make", {"number": ""}, "no member with this number"),
        ("/codes/phone", {"number": "C-1", "phone": "80"}, "last 4 digits"),
        ("/codes/end", {"number": "C-2"}, "no member with this number"),
    ],
)
def test_what_cannot_be_made_is_said(
    shop: Shop, path: str, form: dict[str, str], said: str
) -> None:
    shop.box.member("王丽华", external_id="C-1")
    answer = _post(shop.paired("manager"), path, **form)
    assert answer.status_code == 409
    assert said in answer.text
    assert "王丽华" not in answer.text


@pytest.mark.parametrize("role", ["consultant", "installer"])
def test_only_the_manager_makes_codes_and_unlocks(shop: Shop, role: Role) -> None:
    client = shop.paired(role)
    csrf = token(client)
    for path in ("/codes/make", "/codes/phone", "/codes/end", "/codes/unlock"):
        assert post(client, path, csrf=csrf, number="C-1", phone="8000").status_code == 403
    assert get(client, "/codes").status_code == 403
    assert post(client, "/arrivals/code", csrf=csrf, code="1").status_code == (
        303 if role == "consultant" else 403
    )


def test_a_form_without_its_token_is_refused(shop: Shop) -> None:
    code = shop.box.codes.make(shop.box.member("王丽华").id, "local").code
    assert code
    consultant = shop.paired("consultant")
    assert post(consultant, "/arrivals/code", csrf="0" * 32, code=code.text).status_code == 400
    assert _arrived(shop) == []


def test_five_wrong_codes_lock_this_device_alone_until_the_manager_unlocks_it(shop: Shop) -> None:
    code = shop.box.codes.make(shop.box.member("王丽华").id, "local").code
    assert code
    consultant, manager = shop.paired("consultant"), shop.paired("manager")
    wrong = f"{(int(code.text) + 1) % 1_000_000:06}"
    for left in range(FAILURES_MAX - 1, 0, -1):
        said = _type(consultant, wrong)
        assert f"{left} more wrong code" in said
    assert "Try again in 15 minutes" in _type(consultant, wrong)
    assert "<form" not in _form(consultant)
    answer = post(consultant, "/arrivals/code", csrf=token(consultant, "/arrivals"), code=code.text)
    assert answer.status_code == 303
    assert _arrived(shop) == []
    assert "<form" in _form(manager)
    page = get(manager, "/codes").text
    device = re.search(r'name="device" value="(\w+)"', page)
    assert device
    assert "consultant, locked until" in page
    assert _post(manager, "/codes/unlock", device=device[1]).status_code == 303
    assert "<form" in _form(consultant)
    assert "is right" in _type(consultant, code.text)


def test_the_time_left_of_a_lock_counts_down(shop: Shop) -> None:
    consultant = shop.paired("consultant")
    for _ in range(FAILURES_MAX):
        _type(consultant, "000000")
    shop.box.fixed = NOW + LOCKED_FOR / 3
    shop.box.hands.seconds += LOCKED_FOR.total_seconds() / 3
    assert "Try again in 10 minutes" in _form(consultant)
    shop.box.fixed = NOW + LOCKED_FOR
    shop.box.hands.seconds += LOCKED_FOR.total_seconds() * 2 / 3
    assert 'id="code-problem"' not in _form(consultant)
    assert "<form" in _form(consultant)


def test_five_digits_are_no_guess(shop: Shop) -> None:
    consultant = shop.paired("consultant")
    for _ in range(FAILURES_MAX + 1):
        assert "A code has 6 digits" in _type(consultant, "12345")


def test_without_the_time_a_phones_code_cannot_be_judged_and_the_shops_can(tmp_path: Path) -> None:
    shop = Shop(tmp_path, clock="suspect")
    member = shop.box.member("王丽华")
    secret, consultant = _phone_of(shop, member), shop.paired("consultant")
    shown = code_at(secret, int(NOW.timestamp()) // 30)
    assert "not sure of the time" in _type(consultant, shown, "8000")
    assert _arrived(shop) == []
    made = shop.box.codes.make(member.id, "local").code
    assert made
    assert "is right" in _type(consultant, made.text)


def test_without_its_key_the_box_says_so(shop: Shop) -> None:
    consultant, manager = shop.paired("consultant"), shop.paired("manager")
    member = shop.box.member("王丽华")
    code = _code(manager, member.id)
    csrf = token(consultant, "/arrivals")
    shop.box.root = None
    assert "cannot get its key" in _form(consultant)
    assert post(consultant, "/arrivals/code", csrf=csrf, code=code).status_code == 303
    assert _arrived(shop) == []
    assert "cannot get its key" in _post(manager, "/codes/make", number=member.id).text


def test_what_became_of_a_code_is_said_to_the_device_that_typed_it_for_a_minute(
    shop: Shop,
) -> None:
    first, second = shop.paired("consultant"), shop.paired("consultant")
    assert "no such code" in _type(first, "000000")
    assert 'id="code-problem"' not in _form(second)
    shop.box.fixed = NOW.replace(minute=NOW.minute + 1)
    shop.box.hands.seconds += 60
    assert 'id="code-problem"' not in _form(first)


def test_codes_and_secrets_are_in_no_log_and_no_repr(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    member = shop.box.member("王丽华")
    made = shop.box.codes.provide(member.id, "8000", "local")
    code = shop.box.codes.make(member.id, "local")
    assert code.code
    assert made.address
    _type(shop.paired("consultant"), code.code.text)
    for text in (caplog.text, repr(made), repr(code)):
        assert code.code.text not in text
        assert made.address not in text
