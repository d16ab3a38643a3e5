"""A till with a certificate (mutual TLS): the box sees who it is, and browsers need none."""

import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest

from edge.core.scopes import SENDER_SCOPES
from edge.store.devices import LOCAL
from menkou.listen import Listen
from menkou.web.server import serve
from menkou.web.stream import Broadcast
from tests.conftest import ROOT
from tests.support.secured import Authority
from tests.web.shopbox import ShopBox
from tests.web.test_console import _view


def ask(
    url: str, folder: Path, path: str, who: str | None, body: object = None
) -> tuple[int, str] | None:
    """Return status and answer to who shows a certificate; None: there was no answer at all."""
    context = ssl.create_default_context(cafile=str(folder / "ours/ca.pem"))
    if who is not None:
        context.load_cert_chain(folder / f"{who}.pem", folder / f"{who}.key")
    port = int(url.rstrip("/").rpartition(":")[2])
    link = HTTPSConnection("localhost", port, timeout=10, context=context)
    headers = {"Content-Type": "application/json", "menkou.peer": "x", "Connection": "close"}
    try:
        method = "GET" if body is None else "POST"
        link.request(method, path, json.dumps(body) if body else None, headers)
        answer = link.getresponse()
        return answer.status, answer.read().decode()
    except (ssl.SSLError, ConnectionError):
        return None
    finally:
        link.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tls")
    for name, holds in (("ours", ("box", "till")), ("theirs", ("stranger",))):
        (made / name).mkdir()
        authority = Authority(made / name)
        for one in holds:
            authority.issue(one, one)
    return made


@contextmanager
def served(box: ShopBox, folder: Path, *, asks: bool = True) -> Iterator[str]:
    listen = Listen(
        host="127.0.0.1",
        port=0,
        cert=folder / "ours/box.pem",
        key=folder / "ours/box.key",
        client_ca=folder / "ours/ca.pem" if asks else None,
    )
    stop, up, told = threading.Event(), threading.Event(), list[str]()

    def ready(address: str) -> None:
        told.append(address.replace("127.0.0.1", "localhost"))
        up.set()

    named = {"broadcast": Broadcast(), "stop": stop, "ready": ready}
    thread = threading.Thread(target=serve, args=(box.app(_view, listen), listen), kwargs=named)
    thread.start()
    try:
        assert up.wait(10), "the server did not come up"
        yield told[0]
    finally:
        stop.set()
        thread.join(10)


def send(url: str, folder: Path, who: str | None, number: str) -> tuple[int, str] | None:
    receipt = {"store": "nj-001", "number": number, "at": datetime.now(UTC).isoformat()}
    body = {**receipt, "total": 5, "currency": "CNY"}
    return ask(url, folder, "/api/v1/receipts", who, body)


def test_a_till_with_a_certificate_sends_and_nobody_else_does(tmp_path: Path, folder: Path) -> None:
    box = ShopBox(tmp_path)
    with served(box, folder) as url:
        kept = send(url, folder, "ours/till", "A-1")
        assert kept is not None
        assert (kept[0], json.loads(kept[1])["outcome"]) == (200, "kept")
        without = send(url, folder, None, "A-2")
        assert without is not None
        assert (without[0], "signature_missing" in without[1]) == (401, True)
        assert send(url, folder, "theirs/stranger", "A-3") is None
        page = ask(url, folder, "/healthz", None)  # a browser has no certificate
        assert page is not None
        assert page[0] == 200
    assert box.db.execute("SELECT number FROM receipt").fetchall() == [("A-1",)]


def test_the_sample_of_the_documentation_sends_a_receipt(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = ShopBox(tmp_path)
    made = box.senders().make(name="till", scopes=SENDER_SCOPES, by=LOCAL, now=box.now())
    text = (ROOT / "docs/till.md").read_text(encoding="utf-8")
    sample = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert sample
    known: dict[str, Any] = {}
    exec(sample[1], known)
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ours/ca.pem"))
    receipt = {
        **{"store": "nj-001", "number": "A-1", "at": box.now().isoformat()},
        **{"total": 128800, "currency": "CNY", "lines": [{"what": "戒指"}]},
    }
    with served(box, folder) as url:
        told = known["send"](f"{url}api/v1/receipts", made.secret, receipt)
    assert told["outcome"] == "kept"


def test_where_no_authority_is_set_a_certificate_is_worth_nothing(
    tmp_path: Path, folder: Path
) -> None:
    with served(ShopBox(tmp_path), folder, asks=False) as url:
        told = send(url, folder, "ours/till", "A-1")
        assert told is not None
        assert told[0] == 401
