"""schemathesis against the API's own document, on a real served box: no server error, no answer
that the document does not know. `scripts/fuzz-api` runs the same for longer.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import requests

from edge.core.scopes import SCOPES
from edge.store.devices import LOCAL
from menkou.listen import Listen
from menkou.web.server import PEER, serve
from menkou.web.stream import Broadcast
from tests.web.shopbox import ShopBox
from tests.web.test_console import _view

EXAMPLES: Final = int(os.environ.get("MENKOU_FUZZ_EXAMPLES", "3"))
PHASES: Final = os.environ.get("MENKOU_FUZZ_PHASES", "fuzzing")
SEED: Final = os.environ.get("MENKOU_FUZZ_SEED", "20261122")
CHECKS: Final = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance,negative_data_rejection,ignored_auth"
)


@pytest.fixture
def box(tmp_path: Path) -> ShopBox:
    made = ShopBox(tmp_path)
    made.visit(made.member("王丽华", external_id="V-1", note="喜欢素圈", birthday="11-22"))
    made.visit()
    return made


@pytest.fixture
def url(box: ShopBox, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for limit in ("REQUESTS", "REFUSALS"):
        monkeypatch.setattr(f"edge.console.api.serve.{limit}", 10**9)
    listen = Listen(host="127.0.0.1", port=0)
    app = box.app(_view, listen)
    inner, shown = app.wsgi_app, box.told  # a till's certificate, as the server puts it there
    app.wsgi_app = lambda environ, start: inner(  # type: ignore[method-assign, assignment]
        {**environ, PEER: b"till"} if "till" in shown else environ, start
    )
    stop, up, told = threading.Event(), threading.Event(), list[str]()

    def ready(address: str) -> None:
        told.append(address)
        up.set()

    named = {"broadcast": Broadcast(), "stop": stop, "ready": ready}
    thread = threading.Thread(target=serve, args=(app, listen), kwargs=named)
    thread.start()
    try:
        assert up.wait(10), "the server did not come up"
        yield told[0]
    finally:
        stop.set()
        thread.join(10)


def _fuzzed(url: str, tmp_path: Path, *arguments: str, checks: str = CHECKS) -> str:
    """Run schemathesis; return what it says against the box, "" for nothing."""
    program = Path(sys.executable).with_name("schemathesis")
    done = subprocess.run(
        [
            *(str(program), "run", f"{url}api/v1/openapi.json", *arguments),
            *("--checks", checks, "--phases", PHASES),
            *("--max-examples", str(EXAMPLES), "--seed", SEED, "--generation-database", "none"),
            *("--suppress-health-check", "all", "--no-color", "--warnings", "off"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=240 + 2 * EXAMPLES,
    )
    return done.stdout[-6000:] + done.stderr[-2000:] if done.returncode else ""


def test_nothing_that_the_document_allows_or_forbids_breaks_the_box(
    url: str, box: ShopBox, tmp_path: Path
) -> None:
    token = box.tokens().make(name="fuzz", scopes=SCOPES, days=1, by=LOCAL, now=box.now())
    said = _fuzzed(
        *(url, tmp_path, "--header", f"Authorization: Bearer {token.text}"),
        *("--exclude-path", "/api/v1/events"),  # a stream: it has no end
    )
    assert not said, said


def test_no_receipt_that_a_till_may_send_breaks_the_box(
    url: str, box: ShopBox, tmp_path: Path
) -> None:
    box.told["till"] = "shows its certificate"
    checks = CHECKS.replace(",ignored_auth", "")  # a certificate is no header to be left out
    said = _fuzzed(url, tmp_path, "--include-path-regex", "/receipts", checks=checks)
    assert not said, said


def test_a_body_beyond_the_limit_is_a_problem_and_the_stream_ends_with_its_token(
    url: str, box: ShopBox
) -> None:
    made = box.tokens().make(name="t", scopes=SCOPES, days=1, by=LOCAL, now=box.now())
    headers = {"Authorization": f"Bearer {made.text}"}
    large = requests.post(f"{url}api/v1/codes", headers=headers, data=b" " * 70_000, timeout=10)
    assert large.status_code == 413
    assert large.headers["Content-Type"] == "application/problem+json"
    assert large.json()["status"] == 413
    stream = f"{url}api/v1/events"
    with requests.get(stream, headers=headers, stream=True, timeout=10) as told:
        assert told.status_code == 200
        assert b"event: changed" in next(told.iter_content(256))
    assert requests.get(stream, timeout=10).status_code == 401
