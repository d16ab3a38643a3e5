"""What is open to other machines needs TLS and a login, or nothing is served at all."""

import socket
import threading
from pathlib import Path

import pytest
from flask import Flask

from menkou.listen import Listen
from menkou.web.errors import AddressTaken, BadCertificate, Exposed
from menkou.web.server import serve
from menkou.web.stream import Broadcast

_CERT, _KEY = Path("box.pem"), Path("box.key")


@pytest.mark.parametrize(
    ("listen", "missing"),
    [
        pytest.param(Listen(host="0.0.0.0", port=0), "no TLS .* and no login", id="neither"),
        pytest.param(Listen(host="::", port=0, cert=_CERT, key=_KEY), "no login", id="no login"),
        pytest.param(Listen(host="shop.lan", port=0, password_hash="x"), "no TLS", id="no TLS"),
        pytest.param(Listen(host="::", port=0, paired_only=True), "no TLS", id="paired, no TLS"),
        pytest.param(Listen(host="::", port=0, accounts=True), "no TLS", id="accounts, no TLS"),
    ],
)
def test_an_open_address_without_its_guards_is_refused(listen: Listen, missing: str) -> None:
    with pytest.raises(Exposed, match=missing):
        serve(Flask("x"), listen, broadcast=Broadcast(), stop=threading.Event())


def test_tls_and_paired_devices_guard_an_open_address() -> None:
    listen = Listen(host="0.0.0.0", port=0, cert=_CERT, key=_KEY, paired_only=True)
    assert listen.exposure() is None
    listen = Listen(host="0.0.0.0", port=0, cert=_CERT, key=_KEY, accounts=True)
    assert listen.exposure() is None


@pytest.mark.parametrize(
    ("public", "secure"),
    [("https://hub.example.com", True), ("http://127.0.0.1:8700", False), (None, False)],
)
def test_behind_a_proxy_with_tls_cookies_are_secure(public: str | None, secure: bool) -> None:
    listen = Listen(host="127.0.0.1", port=8700, public_url=public)
    assert (listen.is_secure, listen.has_tls) == (secure, False)


def test_a_port_in_use_is_told_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = Listen(host="127.0.0.1", port=taken.getsockname()[1])
        with pytest.raises(AddressTaken, match=rf"127\.0\.0\.1:{listen.port}.*another port"):
            serve(Flask("x"), listen, broadcast=Broadcast(), stop=threading.Event())


def test_a_certificate_that_cannot_be_used_is_told_in_words(tmp_path: Path) -> None:
    cert, key = tmp_path / "box.pem", tmp_path / "box.key"
    cert.write_text("no certificate")
    key.write_text("no key")
    listen = Listen(host="127.0.0.1", port=0, cert=cert, key=key)
    with pytest.raises(BadCertificate, match=r"box\.pem"):
        serve(Flask("x"), listen, broadcast=Broadcast(), stop=threading.Event())
