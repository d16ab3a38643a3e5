"""A certificate is renewed while its pages are served: new connections get it, nothing restarts."""

import shutil
import ssl
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from werkzeug.security import generate_password_hash

from menkou.listen import Listen
from menkou.web import server
from menkou.web.certificate import Certificate
from menkou.web.errors import BadCertificate

Serving = Callable[..., AbstractContextManager[Any]]
HASH = generate_password_hash("open sesame", method="pbkdf2:sha256:1000")


def _issue(folder: Path, *, days: int, name: str = "box") -> Listen:
    """Write a certificate for localhost that runs out after so many days, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} {days}")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, SHA256())
    )
    listen = Listen(
        host="127.0.0.1",
        port=0,
        cert=folder / f"{name}.pem",
        key=folder / f"{name}.key",
        password_hash=HASH,
        setting="[console] listen",
    )
    assert listen.cert
    assert listen.key
    listen.cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    listen.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return listen


def _left(found: Certificate) -> int:
    assert found.expires_at
    return round((found.expires_at - datetime.now(UTC)) / timedelta(days=1))


def _greeted_with(port: int) -> bytes:
    """Return the certificate that a new connection is greeted with, DER."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client = HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
    client.connect()
    assert isinstance(client.sock, ssl.SSLSocket)
    found = client.sock.getpeercert(binary_form=True)
    client.request("GET", "/")
    assert client.getresponse().status in (200, 303, 401)
    client.close()
    assert found
    return found


def test_new_connections_are_greeted_with_the_renewed_certificate(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LOOK_EVERY_S", 0.1)
    listen = _issue(tmp_path, days=20)
    with serving(cert=listen.cert, key=listen.key, password_hash=HASH) as served:
        before = _greeted_with(served.port)
        _issue(tmp_path, days=90)
        after = before
        for _ in range(100):
            after = _greeted_with(served.port)
            if after != before:
                break
        assert after != before
        assert b"box 90" in after


def test_a_pair_that_is_half_written_leaves_the_one_before_in_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    listen = _issue(tmp_path, days=20)
    found = Certificate(listen)
    assert _left(found) == 20
    other = _issue(tmp_path, days=90, name="other")
    assert other.cert
    assert listen.cert
    shutil.copy(other.cert, listen.cert)  # its key is not there yet
    for _ in range(2):
        assert not found.look()
    assert found.unusable
    assert _left(found) == 20
    assert caplog.text.count("the one before stays in force") == 1
    assert other.key
    assert listen.key
    shutil.copy(other.key, listen.key)
    assert found.look()
    assert (found.unusable, _left(found)) == (False, 90)
    assert not found.look(), "nothing has changed since"


@pytest.mark.parametrize("what", ["gone", "words"])
def test_files_that_hold_nothing_usable_are_no_reason_to_stop(tmp_path: Path, what: str) -> None:
    listen = _issue(tmp_path, days=20)
    found = Certificate(listen)
    assert listen.cert
    listen.cert.unlink()
    if what == "words":
        listen.cert.write_text("renewed tomorrow")
    assert not found.look()
    assert found.unusable
    assert _left(found) == 20
    _issue(tmp_path, days=30)
    assert found.look()
    assert not found.unusable


def test_at_the_start_a_pair_that_cannot_be_used_is_told_with_its_files(tmp_path: Path) -> None:
    listen = _issue(tmp_path, days=20)
    assert listen.key
    listen.key.write_text("no key")
    with pytest.raises(BadCertificate, match=r"\[console\] cert .*box\.pem and key .*box\.key"):
        Certificate(listen)
