"""What every form needs: failures are forgiven in time, an asker is one host, a way on is ours."""

import pytest
from flask import Flask

from menkou.web.forms import Attempts, asker, next_path


def test_failures_older_than_the_window_are_forgiven() -> None:
    attempts = Attempts(failures_max=2, window_s=300)
    attempts.failed("a", 0)
    attempts.failed("a", 10)
    assert attempts.wait_s("a", 20) == 280
    assert attempts.wait_s("a", 300) == 0
    assert attempts.wait_s("b", 20) == 0


@pytest.mark.parametrize(
    ("address", "who"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "20010db800000000/64"),
        ("2001:db8::2%eth0", "20010db800000000/64"),
    ],
)
def test_one_ipv6_host_is_one_asker_whatever_address_it_takes(address: str, who: str) -> None:
    with Flask("x").test_request_context(environ_base={"REMOTE_ADDR": address}):
        assert asker() == who


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ("/street", "/street"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil", "/"),
        ("/live", "/"),
        ("/login", "/"),
    ],
)
def test_signing_in_leads_nowhere_else(wanted: str, path: str) -> None:
    with Flask("x").test_request_context(query_string={"next": wanted}):
        assert next_path() == path
