"""Errors of the system, for people."""

import ssl
from pathlib import Path

import pytest

from menkou.errors import told


def test_what_the_system_refuses_is_told_with_its_place_and_without_a_number(
    tmp_path: Path,
) -> None:
    with pytest.raises(OSError) as caught:
        (tmp_path / "absent").read_bytes()
    assert told(caught.value) == f"{tmp_path}/absent: No such file or directory"
    with pytest.raises(OSError) as caught:
        (tmp_path / "a").rename(tmp_path / "b")
    assert told(caught.value).startswith(f"{tmp_path}/b: ")
    assert told(ConnectionRefusedError(111, "Connection refused")) == "Connection refused"
    assert told(TimeoutError("too long")) == "too long"
    assert told(ValueError("no error of the system")) == "no error of the system"


def test_a_certificate_that_is_none_is_told_without_a_line_of_openssl(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(ssl.SSLError) as caught:
        ssl.create_default_context(cafile=tmp_path / "ca.pem")
    assert told(caught.value) == "no certificate or crl found"
