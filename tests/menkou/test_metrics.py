"""Metrics are read on this machine, or over TLS with a token, or not at all."""

import logging
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.parser import text_string_to_metric_families

from menkou.guards import listen_for_metrics
from menkou.listen import Listen
from menkou.metrics import registry_of, serve_metrics
from menkou.web.errors import Exposed
from tests.support.processes import answers, free_port, until
from tests.support.secured import Authority

TOKEN = "0123456789abcdef" * 2


@contextmanager
def served(listen: Listen) -> Iterator[CollectorRegistry]:
    """Serve a registry with one counter in a thread."""
    registry, stop = registry_of(), threading.Event()
    Counter("tries", "Tries", registry=registry).inc()
    thread = threading.Thread(target=serve_metrics, args=(registry, listen, stop))
    thread.start()
    try:
        until(lambda: answers(listen.port), what="the metrics")
        yield registry
    finally:
        stop.set()
        thread.join(10)


def ask(port: int, **headers: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/metrics", headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def at(host: str, tmp_path: Path, token: str | None = None, *, tls: bool = False) -> Listen:
    if tls:
        Authority(tmp_path).issue("page", "localhost")
    reference = None
    if token is not None:
        (tmp_path / "token").write_text(f"{token}\n")
        reference = "file:token"
    return listen_for_metrics(
        f"{host}:{free_port()}",
        cert=tmp_path / "page.pem" if tls else None,
        key=tmp_path / "page.key" if tls else None,
        token=reference,
        base=tmp_path,
    )


def test_this_machine_reads_them_freely_and_prometheus_understands_them(tmp_path: Path) -> None:
    listen = at("127.0.0.1", tmp_path)
    with served(listen):
        status, text = ask(listen.port)
    found = {family.name: family for family in text_string_to_metric_families(text)}
    assert status == 200
    assert found["tries"].samples[0].value == 1
    assert "process_resident_memory_bytes" in found


def test_a_page_of_another_site_cannot_read_them_through_a_browser(tmp_path: Path) -> None:
    listen = at("127.0.0.1", tmp_path)
    with served(listen):
        assert ask(listen.port, Host="rebound.example.com")[0] == 421
        assert ask(listen.port, **{"Sec-Fetch-Site": "cross-site"})[0] == 403


def test_a_token_that_is_set_is_asked_for_on_this_machine_too(tmp_path: Path) -> None:
    listen = at("127.0.0.1", tmp_path, TOKEN)
    assert TOKEN not in repr(listen)
    with served(listen):
        assert ask(listen.port)[0] == 401
        for wrong in ("", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}"):
            status, text = ask(listen.port, Authorization=wrong)
            assert (status, "tries" in text) == (401, False)
        assert ask(listen.port, Authorization=f"Bearer {TOKEN}")[0] == 200


@pytest.mark.parametrize(
    ("guards", "missing"),
    [
        ({}, "no TLS .* and no bearer token"),
        ({"token": TOKEN}, "no TLS"),
        ({"tls": True}, "no bearer token"),
    ],
)
def test_other_machines_need_tls_and_a_token(
    tmp_path: Path, guards: dict[str, object], missing: str
) -> None:
    listen = at("0.0.0.0", tmp_path, **guards)  # type: ignore[arg-type]
    with pytest.raises(Exposed, match=missing):
        serve_metrics(registry_of(), listen, threading.Event())


def test_with_both_other_machines_read_them_over_tls(tmp_path: Path) -> None:
    listen = at("0.0.0.0", tmp_path, TOKEN, tls=True)
    with served(listen):
        trust = ssl.create_default_context(cafile=tmp_path / "ca.pem")
        for token, status in ((TOKEN, 200), ("x", 401)):
            client = HTTPSConnection("localhost", listen.port, timeout=5, context=trust)
            client.request("GET", "/metrics", headers={"Authorization": f"Bearer {token}"})
            assert client.getresponse().status == status
            client.close()


@pytest.mark.parametrize("token", ["short", "with a space " * 4, "密码" * 20])
def test_a_token_that_can_be_guessed_or_sent_wrongly_is_refused_unshown(
    tmp_path: Path, token: str
) -> None:
    with pytest.raises(ValueError, match="expected a file with 32") as caught:
        at("127.0.0.1", tmp_path, token)
    assert token not in str(caught.value)


def test_a_port_in_use_ends_nothing_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("menkou.metrics._AGAIN_S", 0.05)
    listen = at("127.0.0.1", tmp_path)
    caplog.set_level(logging.ERROR)
    stop = threading.Event()
    second = threading.Thread(target=serve_metrics, args=(registry_of(), listen, stop))
    with served(listen):
        second.start()
        until(lambda: "cannot be listened on" in caplog.text, what="the word on the port")
    until(lambda: answers(listen.port), what="the second")
    assert "tries" not in ask(listen.port)[1]
    stop.set()
    second.join(10)
