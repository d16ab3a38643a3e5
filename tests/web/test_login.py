"""One password: who has it enters, who guesses waits, who leaves is out."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

from menkou.web.forms import Attempts

Dressed = Callable[..., Flask]
PASSWORD = "open sesame"
HASH = generate_password_hash(PASSWORD, method="pbkdf2:sha256:1000")
_PAGE = {"Accept": "text/html", "Accept-Language": "en"}


@pytest.fixture
def app(dressed: Dressed) -> Flask:
    return dressed(password_hash=HASH)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def _token(client: FlaskClient) -> str:
    found = re.search(r'name="csrf" value="(\w+)"', client.get("/login", headers=_PAGE).text)
    assert found
    return found[1]


def _sign_in(client: FlaskClient, password: str = PASSWORD, **more: str) -> TestResponse:
    form = {"csrf": _token(client), "password": password, **more}
    return client.post("/login", data=form, headers=_PAGE)


@pytest.mark.parametrize("path", ["/", "/nowhere", "/logout"])
def test_a_person_who_is_not_signed_in_is_sent_to_the_form(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers=_PAGE)
    assert answer.status_code == 303
    assert answer.location.startswith("/login?next=")


@pytest.mark.parametrize("path", ["/live", "/events", "/api/state"])
def test_a_program_that_is_not_signed_in_is_refused(client: FlaskClient, path: str) -> None:
    assert client.get(path, headers={"Accept": "*/*"}).status_code == 401


@pytest.mark.parametrize("path", ["/healthz", "/login", "/web/base.css"])
def test_what_tells_nothing_needs_no_login(client: FlaskClient, path: str) -> None:
    assert client.get(path, buffered=True).status_code == 200


def test_the_right_password_enters_and_goes_where_one_wanted(client: FlaskClient) -> None:
    answer = _sign_in(client, next="/api/state")
    assert (answer.status_code, answer.location) == (303, "/api/state")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert client.get("/").status_code == 200
    assert client.get("/login").location == "/"


def test_under_tls_the_cookie_is_secure(dressed: Dressed) -> None:
    client = dressed(password_hash=HASH, cert=Path("a"), key=Path("b")).test_client()
    cookie = client.get("/login", base_url="https://localhost").headers["Set-Cookie"]
    assert cookie.startswith("__Host-menkou_small=")
    assert "Secure" in cookie


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil", "/live"])
def test_signing_in_leads_nowhere_else(client: FlaskClient, target: str) -> None:
    assert _sign_in(client, next=target).location == "/"


def test_a_wrong_password_stays_out(client: FlaskClient) -> None:
    answer = _sign_in(client, "guess")
    assert answer.status_code == 403
    assert "not right" in answer.text
    assert client.get("/live").status_code == 401


def test_a_form_without_its_token_is_refused(client: FlaskClient) -> None:
    answer = client.post("/login", data={"password": PASSWORD}, headers=_PAGE)
    assert answer.status_code == 400
    assert client.get("/live").status_code == 401


def test_after_five_failures_even_the_right_password_waits(client: FlaskClient) -> None:
    for _ in range(5):
        assert _sign_in(client, "guess").status_code == 403
    answer = _sign_in(client)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 300
    assert "try again in 5 minutes" in answer.text


def test_guessing_at_one_address_does_not_lock_another(app: Flask) -> None:
    guesser, clerk = app.test_client(), app.test_client()
    guesser.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    for _ in range(6):
        _sign_in(guesser, "guess")
    assert _sign_in(clerk).status_code == 303


def test_one_ipv6_host_cannot_guess_from_many_addresses(app: Flask) -> None:
    client = app.test_client()
    for last in range(6):
        client.environ_base["REMOTE_ADDR"] = f"2001:db8::{last}"
        status = _sign_in(client, "guess").status_code
    assert status == 429


def test_failures_older_than_the_window_are_forgiven() -> None:
    attempts = Attempts(failures_max=2, window_s=300)
    attempts.failed("a", 0)
    attempts.failed("a", 10)
    assert attempts.wait_s("a", 20) == 280
    assert attempts.wait_s("a", 300) == 0


def test_signing_out_ends_the_session_even_for_a_kept_cookie(client: FlaskClient) -> None:
    _sign_in(client)
    kept = client.get_cookie("menkou_small")
    assert kept
    client.get("/login")
    with client.session_transaction() as session:
        session["csrf"] = "token"
    assert client.post("/logout", data={"csrf": "token"}).location == "/login"
    assert client.get("/live").status_code == 401
    client.set_cookie("menkou_small", kept.value)
    assert client.get("/live").status_code == 401


def test_signing_out_needs_the_token(client: FlaskClient) -> None:
    _sign_in(client)
    client.post("/logout")
    assert client.get("/live").status_code == 200


def test_a_new_password_ends_all_sessions(dressed: Dressed) -> None:
    before = dressed(password_hash=HASH).test_client()
    _sign_in(before)
    cookie = before.get_cookie("menkou_small")
    assert cookie
    after = dressed(password_hash=generate_password_hash("new")).test_client()
    after.set_cookie("menkou_small", cookie.value)
    assert after.get("/live").status_code == 401
