"""The server itself: bodies, TLS, headers of its own."""

import socket
import ssl
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any

import pytest
from werkzeug.security import generate_password_hash

Serving = Callable[..., AbstractContextManager[Any]]
HASH = generate_password_hash("open sesame", method="pbkdf2:sha256:1000")


def test_a_body_that_is_too_large_is_refused_unread(serving: Serving) -> None:
    with serving() as served:
        client = HTTPConnection("127.0.0.1", served.port, timeout=5)
        client.putrequest("POST", "/")
        client.putheader("Content-Length", str(10**9))
        client.endheaders()
        assert client.getresponse().status == 413
        client.close()


def test_a_body_without_a_declared_length_is_bounded_too(serving: Serving) -> None:
    with serving() as served:
        client = HTTPConnection("127.0.0.1", served.port, timeout=5)
        chunks = (b"x" * 8192 for _ in range(9))
        client.request("POST", "/", body=chunks, encode_chunked=True)
        assert client.getresponse().status == 413
        client.close()


def test_the_server_does_not_name_itself(serving: Serving) -> None:
    with serving() as served:
        client = HTTPConnection("127.0.0.1", served.port, timeout=5)
        client.request("GET", "/")
        answer = client.getresponse()
        assert answer.status == 200
        assert answer.getheader("Server") is None
        assert answer.getheader("Date")
        client.close()


def test_connections_that_say_nothing_are_closed(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("menkou.web.server._HEADERS_S", 0.2)
    with serving() as served:
        silent = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(20)]
        for connection in silent:
            connection.settimeout(5)
            assert connection.recv(1) == b""
            connection.close()


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for localhost and its key."""
    cert, key = tmp_path / "box.pem", tmp_path / "box.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


def test_with_a_certificate_and_a_login_it_serves_the_network_over_tls(
    serving: Serving, pair: tuple[Path, Path]
) -> None:
    cert, key = pair
    with serving(host="0.0.0.0", cert=cert, key=key, password_hash=HASH) as served:
        assert served.url.startswith("https://")
        trust = ssl.create_default_context(cafile=str(cert))
        client = HTTPSConnection("localhost", served.port, timeout=5, context=trust)
        client.request("GET", "/", headers={"Accept": "text/html"})
        answer = client.getresponse()
        assert answer.status == 303
        assert answer.getheader("Strict-Transport-Security")
        client.close()
