"""Every answer carries its guards, and what another site made a browser ask for is refused."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

Dressed = Callable[..., Flask]
_PAGE = {"Accept": "text/html", "Accept-Language": "en"}


@pytest.mark.parametrize("path", ["/", "/api/state", "/nowhere", "/web/base.css", "/events"])
def test_every_answer_is_guarded(dressed: Dressed, path: str) -> None:
    headers = dressed().test_client().get(path, buffered=True).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in headers


def test_only_files_asked_by_their_mark_are_kept(dressed: Dressed) -> None:
    client = dressed().test_client()
    mark = client.get("/").headers["X-Menkou-Assets"]
    assert (
        "immutable" in client.get(f"/web/base.css?v={mark}", buffered=True).headers["Cache-Control"]
    )
    assert client.get("/web/base.css?v=older", buffered=True).headers["Cache-Control"] == "no-store"


def test_under_tls_browsers_are_told_to_stay_there(dressed: Dressed) -> None:
    app = dressed(cert=Path("a"), key=Path("b"))
    assert "max-age" in app.test_client().get("/").headers["Strict-Transport-Security"]
    assert app.config["SESSION_COOKIE_SECURE"] is True
    assert app.config["SESSION_COOKIE_NAME"].startswith("__Host-")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        pytest.param("127.0.0.1:8780", 200, id="address"),
        pytest.param("localhost", 200, id="name"),
        pytest.param("LOCALHOST:9000", 200, id="forwarded port"),
        pytest.param("[::1]:8780", 200, id="IPv6"),
        pytest.param("evil.example:8780", 421, id="rebound name"),
        pytest.param("127.0.0.1.evil.example", 421, id="look-alike"),
        pytest.param("", 421, id="none"),
    ],
)
def test_on_loopback_only_loopback_names_are_answered(
    dressed: Dressed, host: str, status: int
) -> None:
    assert dressed().test_client().get("/", headers={"Host": host}).status_code == status


def test_another_site_may_link_here_but_not_embed(dressed: Dressed) -> None:
    client = dressed().test_client()
    embedded = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    opened = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.get("/events", headers=embedded).status_code == 403
    assert client.get("/", headers=opened).status_code == 200
    assert client.post("/", headers=opened).status_code == 403


def test_a_missing_page_says_so_in_both_languages(dressed: Dressed) -> None:
    client = dressed().test_client()
    english = client.get("/nowhere", headers=_PAGE)
    assert english.status_code == 404
    assert '<html lang="en"' in english.text
    assert "There is no such page" in english.text
    assert "找不到这个页面" in client.get("/nowhere?lang=zh", headers=_PAGE).text


def test_a_failure_is_told_plainly_and_logged(
    dressed: Dressed, caplog: pytest.LogCaptureFixture
) -> None:
    answer = dressed().test_client().get("/broken", headers=_PAGE)
    assert answer.status_code == 500
    assert "cannot be shown" in answer.text
    assert "ZeroDivisionError" not in answer.text
    assert "ZeroDivisionError" in caplog.text


def test_the_api_fails_in_json(dressed: Dressed) -> None:
    answer = dressed().test_client().get("/api/nothing")
    assert (answer.status_code, answer.json) == (404, {"error": 404, "reason": "Not Found"})


def test_what_is_fetched_again_and_again_travels_packed(dressed: Dressed) -> None:
    client = dressed().test_client()
    packed = {"Accept-Encoding": "gzip, br"}
    for path in ("/live", "/api/state"):
        answer = client.get(path, headers=packed)
        assert answer.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(answer.data) == client.get(path).data
    for name in ("base.css", "live.js"):
        with client.get(f"/web/{name}") as file:
            plain = file.data
        with client.get(f"/web/{name}", headers=packed) as file:
            assert file.headers["Content-Encoding"] == "gzip"
            assert gzip.decompress(file.data) == plain
            assert len(file.data) < len(plain) / 2
    assert "Content-Encoding" not in client.get("/", headers=packed).headers
