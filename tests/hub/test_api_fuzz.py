"""schemathesis against the hub's own document, on a real served hub: no server error, no answer
that the document does not know. `scripts/fuzz-api` runs the same for longer.
"""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cloud.accounts import tokens
from cloud.db import writing
from cloud.office.seal import keys_of
from cloud.shares import master_of
from menkou.listen import Listen
from menkou.private_file import create_private
from menkou.web.server import serve
from menkou.web.stream import Broadcast
from tests.hub.conftest import on_sqlite
from tests.hub.test_api_figures import _fill
from tests.support.accounts import HubOffice, cheaply
from tests.web.test_api_fuzz import _fuzzed


@pytest.fixture
def office(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HubOffice:
    cheaply(monkeypatch)
    # Wrong tokens are part of the fuzz; in life they make their address wait.
    monkeypatch.setattr("cloud.accounts.brakes._ADDRESS_MAX", 10**9)
    monkeypatch.setattr("cloud.accounts.brakes._PAIR_MAX", 10**9)
    monkeypatch.setattr("cloud.accounts.brakes._NAME_MAX", 10**9)
    _fill(engine)
    made = HubOffice(engine, tmp_path)
    made.person("li")  # somebody has an account: nothing is open to whoever is on loopback
    return made


@pytest.fixture
def url(office: HubOffice) -> Iterator[str]:
    stop, up, told = threading.Event(), threading.Event(), list[str]()

    def ready(address: str) -> None:
        told.append(address)
        up.set()

    listen = Listen(host="127.0.0.1", port=0)
    named = {"broadcast": Broadcast(), "stop": stop, "ready": ready}
    thread = threading.Thread(target=serve, args=(office.app, listen), kwargs=named)
    thread.start()
    try:
        assert up.wait(10), "the server did not come up"
        yield told[0]
    finally:
        stop.set()
        thread.join(10)


def token_of(office: HubOffice, *scopes: str) -> str:
    """Return the header of a program that has these scopes."""
    with writing(office.engine) as connection:
        made = tokens.make(
            connection,
            name="fuzz",
            scopes=scopes,
            shops=None,
            days=1,
            by="command",
            now=office.clock.now(),
        )
    return f"Authorization: Bearer {made.text}"


@on_sqlite
def test_nothing_that_the_document_allows_or_forbids_breaks_the_hub(
    url: str, office: HubOffice, tmp_path: Path
) -> None:
    header = token_of(office, "read:figures", "read:health")
    said = _fuzzed(
        *(url, tmp_path, "--header", header),
        *("--include-path-regex", "^/api/v1/(figures|shops|street|health|openapi)"),
    )
    assert not said, said


def test_nothing_that_is_sent_of_members_breaks_the_hub(
    url: str, office: HubOffice, tmp_path: Path
) -> None:
    with writing(office.engine) as connection:
        keys = keys_of(master_of(connection, office.config.share_secret))
    create_private(office.config.office_keys, keys)
    header = token_of(office, "read:members", "write:members")
    # What no schema can say, such as of which shop a member is, is refused though it may be sent.
    said = _fuzzed(
        *(url, tmp_path, "--header", header, "--include-path-regex", "/members"),
    )
    assert not said, said
