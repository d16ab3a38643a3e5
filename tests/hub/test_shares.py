"""The hub's share of a box's key: always the same, only for that box, sealed, and revocable."""

import logging
import os
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Engine, select

from cloud import releases, tables
from cloud.db import reading, writing
from cloud.inbox import Asked
from cloud.ingest import Ingest
from cloud.queries.today import hub_health
from cloud.shares import ASKED_MAX, Shares
from edge.wire.codec import decode_down, encode
from edge.wire.messages import KeyRelease, KeyRequest
from edge.wire.sealing import release_context
from edge.wire.topics import BoxAddress
from tests.hub.conftest import NOW, FakeBox, on_sqlite

SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
HERE = BoxAddress(store="nj-001", box="nj-001-a")


class Asker:
    """A starting box, without a network."""

    def __init__(
        self, address: BoxAddress = HERE, part: str = "template", session: str = "5" * 32
    ) -> None:
        self.address, self.part, self.session = address, part, session
        self.private = X25519PrivateKey.generate()

    def asks(self, at_s: float = 0) -> Asked:
        public = self.private.public_key().public_bytes_raw().hex()
        request = KeyRequest(session=self.session, part=self.part, public=public)
        return Asked(address=self.address, at=NOW + timedelta(seconds=at_s), request=request)

    def opens(self, release: KeyRelease) -> bytes:
        assert release.sealed is not None
        info = release_context(self.address, self.part, self.session)
        return SUITE.decrypt(bytes.fromhex(release.sealed), self.private, info=info)


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    return tmp_path / "hub" / "share.secret"


@pytest.fixture
def hub(engine: Engine, secret_file: Path) -> Shares:
    return Shares(engine, secret_file)


def answer(hub: Shares, asker: Asker, at_s: float = 0) -> KeyRelease:
    ((topic, payload),) = hub.answer([asker.asks(at_s)])
    assert topic == asker.address.topic("down")
    return released(payload)


def released(payload: bytes) -> KeyRelease:
    release = decode_down(payload)
    assert isinstance(release, KeyRelease)
    return release


def share(hub: Shares, asker: Asker) -> bytes:
    return asker.opens(answer(hub, asker))


def denied(engine: Engine) -> int:
    with reading(engine) as connection:
        return hub_health(connection, NOW).keys_denied


def test_a_box_gets_the_same_share_at_every_start_and_from_every_process(
    engine: Engine, hub: Shares, secret_file: Path
) -> None:
    first = share(hub, Asker())
    assert len(first) == 32
    assert share(hub, Asker(session="6" * 32)) == first
    assert share(Shares(engine, secret_file), Asker()) == first


def test_no_two_boxes_shops_or_parts_have_one_share(hub: Shares) -> None:
    askers = [
        Asker(BoxAddress(store=store, box=box), part)
        for store, box in (("a", "b"), ("a", "c"), ("b", "b"), ("a-b", "c"), ("a", "b-c"))
        for part in ("profile", "template")
    ]
    assert len({share(hub, one) for one in askers}) == len(askers)


def test_an_answer_opens_only_for_the_request_it_answers(hub: Shares) -> None:
    asker = Asker()
    release = answer(hub, asker)
    for other in (
        Asker(session="6" * 32),
        Asker(part="profile"),
        Asker(BoxAddress(store="nj-001", box="nj-001-b")),
    ):
        with pytest.raises(InvalidTag):
            other.opens(release)  # with a key of its own
        other.private = asker.private
        with pytest.raises(InvalidTag):
            other.opens(release)  # with the right key, but another request


def test_a_revoked_box_gets_nothing_until_it_is_restored(engine: Engine, hub: Shares) -> None:
    before = share(hub, Asker())
    with writing(engine) as connection:
        releases.revoke(connection, HERE, NOW)
    release = answer(hub, Asker())
    assert (release.state, release.sealed) == ("revoked", None)
    neighbour = Asker(BoxAddress(store="nj-001", box="nj-001-b"))
    assert answer(hub, neighbour).state == "released"
    with writing(engine) as connection:
        assert releases.restore(connection, HERE)
    assert share(hub, Asker()) == before


def test_a_box_may_be_revoked_before_it_ever_asked(engine: Engine, hub: Shares) -> None:
    with writing(engine) as connection:
        releases.revoke(connection, HERE, NOW)
        releases.revoke(connection, HERE, NOW + timedelta(days=1))
        (listed,) = releases.every_release(connection)
    assert (listed.first_at, listed.last_at, listed.revoked_at) == (None, None, NOW)
    assert answer(hub, Asker()).state == "revoked"


def test_the_hub_knows_when_it_released_to_whom(engine: Engine, hub: Shares) -> None:
    for at_s in (0, 3600):
        answer(hub, Asker(), at_s)
    with reading(engine) as connection:
        (listed,) = releases.every_release(connection)
    assert (listed.address, listed.first_at) == (HERE, NOW)
    assert (listed.last_at, listed.revoked_at) == (NOW + timedelta(hours=1), None)


def test_the_master_secret_is_made_once_and_only_its_owner_can_read_it(
    engine: Engine, hub: Shares, secret_file: Path
) -> None:
    assert not secret_file.exists()
    found: set[bytes] = set()
    together = threading.Barrier(4)

    def start() -> None:
        together.wait()
        found.add(share(Shares(engine, secret_file), Asker()))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 1
    assert len(secret_file.read_bytes()) == 32
    assert secret_file.stat().st_mode & 0o777 == 0o600
    assert list(secret_file.parent.iterdir()) == [secret_file], "nothing half-made is left"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        pytest.param(lambda path: path.unlink(), "got no file", id="lost"),
        pytest.param(lambda path: path.write_bytes(b"x" * 31), "got 31 bytes", id="cut short"),
        pytest.param(lambda path: path.chmod(0o640), "mode 0640", id="open to others"),
        pytest.param(lambda path: path.write_bytes(os.urandom(32)), "another one", id="another"),
    ],
)
def test_no_key_is_released_from_any_but_the_first_secret(
    engine: Engine,
    hub: Shares,
    secret_file: Path,
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[Path], object],
    words: str,
) -> None:
    """A box that was given a wrong share could not open what its members entrusted to it."""
    before = share(hub, Asker())
    kept = secret_file.read_bytes()
    spoil(secret_file)
    assert hub.answer([Asker().asks()]) == []
    assert words in caplog.text
    assert denied(engine) == 1
    secret_file.write_bytes(kept)
    secret_file.chmod(0o600)
    assert share(hub, Asker()) == before


def test_a_public_key_that_agrees_with_everybody_is_set_aside(engine: Engine, hub: Shares) -> None:
    request = KeyRequest(session="5" * 32, part="profile", public="0" * 64)
    assert hub.answer([Asked(address=HERE, at=NOW, request=request)]) == []
    with reading(engine) as connection:
        (row,) = connection.execute(select(tables.set_aside)).all()
    assert "low order" in row.reason
    assert denied(engine) == 1


def test_a_box_that_asks_without_end_is_not_answered_for_a_while(
    engine: Engine, hub: Shares, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(hub.answer([Asker().asks() for _ in range(ASKED_MAX + 5)])) == ASKED_MAX
    assert hub.answer([Asker().asks(59)]) == []
    assert denied(engine) == 6
    neighbour = Asker(BoxAddress(store="nj-001", box="nj-001-b"))
    assert answer(hub, neighbour, 59).state == "released"
    assert answer(hub, Asker(), 60).state == "released"
    assert caplog.text.count("not answered until") == 1


@on_sqlite  # whose files can be read here
def test_neither_log_nor_database_holds_a_share_or_the_master(
    engine: Engine, hub: Shares, secret_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    asker = Asker()
    release = answer(hub, asker)
    secrets = [asker.opens(release), secret_file.read_bytes()]
    files = list(secret_file.parent.parent.rglob("hub.db*"))
    assert files
    for secret in secrets:
        assert secret.hex() not in caplog.text + repr(hub) + repr(release)
        for file in files:
            assert secret not in file.read_bytes()
            assert secret.hex().encode() not in file.read_bytes()


def test_facts_are_taken_and_keys_are_answered_side_by_side(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    asker = Asker()
    message = box.sends("up", encode(asker.asks().request))
    replies = ingest.take([box.batch(box.opened()), message])
    assert [topic.rsplit("/", 1)[1] for topic, _ in replies] == ["ack", "down"]
    assert len(asker.opens(released(replies[1][1]))) == 32


def test_a_request_alone_does_not_make_a_box_seem_alive(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    ingest.take([box.sends("up", encode(Asker().asks().request))])
    with reading(engine) as connection:
        assert connection.execute(select(tables.box)).all() == []
