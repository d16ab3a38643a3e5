"""What is no message: counted, set aside, never a crash, and never the loss of another."""

import json
import zlib
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, select

from cloud import aside, inbox, tables
from cloud.aside import meters
from cloud.db import reading
from cloud.ingest import Ingest
from edge.wire.codec import encode, inflated
from edge.wire.messages import KeyRequest
from tests.hub.conftest import NOW, FakeBox, Message, acks, ulid

UP = "menkou/v1/nj-001/nj-001-a/up"


def set_aside(engine: Engine) -> list[Any]:
    with reading(engine) as connection:
        return list(connection.execute(select(tables.set_aside)).all())


def held(engine: Engine) -> int:
    with reading(engine) as connection:
        return len(connection.execute(select(tables.event.c.seq)).all())


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        pytest.param(UP, b"", "expected JSON", id="empty"),
        pytest.param(UP, b"\xff\xfe\x00", "expected JSON", id="not UTF-8"),
        pytest.param(UP, b"[1]", "expected an object", id="no object"),
        pytest.param(UP, b'{"v":2,"type":"hello"}', "v: expected 1", id="another version"),
        pytest.param(UP, b'{"v":1,"type":"gossip"}', "type: expected", id="unknown type"),
        pytest.param(UP, b"[" * 100_000, "payload", id="deep and open"),
        pytest.param(UP, b"[" * 900 + b"]" * 900, "", id="deep"),
        pytest.param(UP, b'{"v":' + b"[" * 900 + b"]" * 900 + b"}", "", id="deep inside"),
        pytest.param(UP, b'{"v":1,"x":' + b"9" * 9000 + b"}", "expected JSON", id="long number"),
        pytest.param(UP, b"x" * 10_000_000, "at most 262144 bytes", id="10 MB"),
        pytest.param("menkou/v1/a/b/ack", b"{}", "topic: expected one from a box", id="our own"),
        pytest.param(
            "menkou/v1/a/b/down", b"{}", "topic: expected one from a box", id="our own too"
        ),
        pytest.param("menkou/v1/a/b/side", b"{}", "topic: expected", id="unknown channel"),
        pytest.param(
            UP, b'{"v":1,"type":"key_request"}', "key_request.session", id="a request for a key"
        ),
        pytest.param("menkou/v1/a/up", b"{}", "topic: expected", id="short topic"),
        pytest.param("menkou/v1/../b/up", b"{}", "store id: expected", id="bad store id"),
        pytest.param("menkou/v1/a/" + "b" * 65 + "/up", b"{}", "box id: expected", id="long id"),
        pytest.param("\ud800/\0" + "x" * 70_000, b"{}", "topic: expected", id="strange topic"),
        pytest.param("menkou/v1/a/b/status", b'{"v":1,"type":"status"}', "session", id="status"),
        pytest.param("menkou/v1/a/b/health", b"null", "expected an object", id="heartbeat"),
    ],
)
def test_what_is_no_message_is_set_aside_and_the_next_is_taken(
    engine: Engine, ingest: Ingest, box: FakeBox, topic: str, payload: bytes, reason: str
) -> None:
    replies = ingest.take([(topic, payload, NOW), box.batch(box.opened())])
    assert len(acks(replies)) == 1
    assert held(engine) == 1
    (row,) = set_aside(engine)
    assert reason in row.reason
    assert row.payload == payload[: 64 * 1024]
    assert len(row.topic) <= 200
    assert len(row.reason) <= 500


def test_nesting_of_any_depth_is_set_aside(engine: Engine, ingest: Ingest) -> None:
    payloads = [b'{"v":' + b"[" * n + b"]" * n + b"}" for n in range(100, 1100, 50)]
    ingest.take([(UP, payload, NOW) for payload in payloads])
    assert len(set_aside(engine)) == len(payloads)


def test_nesting_that_can_be_read_but_not_shown_is_set_aside(
    engine: Engine, ingest: Ingest, box: FakeBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which depths those are, if any, differs from one Python to the next."""

    def too_deep(_payload: bytes) -> Any:
        raise RecursionError

    with monkeypatch.context() as patch:
        patch.setattr(inbox, "read_facts", too_deep)
        ingest.take([(UP, b"[[", NOW)])
    assert "nested too deep" in set_aside(engine)[0].reason


def spoiled(box: FakeBox, seq: int, **changes: Any) -> Message:
    """Return a batch whose event of that number breaks the contract."""
    topic, payload, at = box.batch(*box.events)
    raw = json.loads(inflated(payload))
    for event in raw["events"]:
        if event["seq"] == seq:
            event.update(changes)
    return topic, json.dumps(raw).encode(), at


def test_an_event_of_a_batch_that_breaks_the_contract_counts_as_received(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    for rev in (1, 2, 3):
        box.crossed(rev=rev)
    message = spoiled(box, 2, kind="gossip")
    for _ in range(2):
        (ack,) = acks(ingest.take([message]))
        assert ack.epochs[0].through == 3
    assert held(engine) == 2
    (row,) = set_aside(engine)  # once, although it came twice
    assert (row.epoch, row.seq) == (box.epoch, 2)
    assert json.loads(row.payload)["kind"] == "gossip"
    (ack,) = acks(ingest.take([box.hello((1, 3))]))
    assert ack.epochs[0].missing == ()


def test_of_a_deflated_batch_the_faulty_event_is_set_aside_so_that_people_can_read_it(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    for rev in range(1, 9):
        box.crossed(rev=rev)
    topic, payload, at = spoiled(box, 2, kind="gossip")
    ingest.take([(topic, zlib.compress(payload), at)])
    assert held(engine) == 7
    (row,) = set_aside(engine)
    assert json.loads(row.payload)["kind"] == "gossip"


def test_a_deflated_payload_that_is_no_message_is_set_aside_as_it_was_written(
    engine: Engine, ingest: Ingest
) -> None:
    ingest.take([(UP, zlib.compress(b"gossip" * 1_000), NOW), (UP, b"\x78\x9cgossip", NOW)])
    written, broken = (row.payload for row in set_aside(engine))
    assert written == b"gossip" * 1_000
    assert broken == b"\x78\x9cgossip"


def test_a_batch_of_nothing_but_faulty_events_is_acknowledged(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    box.crossed()
    (ack,) = acks(ingest.take([spoiled(box, 1, clock="late")]))
    assert ack.epochs[0].through == 1
    assert held(engine) == 0


def test_only_the_newest_are_kept_but_all_are_counted(
    engine: Engine, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aside, "ROWS_KEPT", 10)
    for number in range(25):
        ingest.take([("nowhere", str(number).encode(), NOW)])
    assert [int(row.payload) for row in set_aside(engine)] == list(range(15, 25))
    with reading(engine) as connection:
        assert meters(connection)["set_aside"] == 25


def test_no_payload_however_mangled_stops_the_hub(
    engine: Engine, ingest: Ingest, box: FakeBox, random: Random
) -> None:
    opening = box.opened()
    told = [
        box.batch(opening, box.crossed(), box.closed(opening), box.revised(opening)),
        box.batch(box.alerted(opening), box.member(ulid(7), "erased")),
        box.sends("up", encode(KeyRequest(session="5" * 32, part="profile", public="9" * 64))),
        box.hello((1, 4)),
        box.status("online"),
        box.heartbeat(),
    ]
    messages: list[Message] = []
    for _ in range(1_500):
        topic, payload, at = random.choice(told)
        messages.append((topic, mangled(payload, random), at))
    for start in range(0, len(messages), 50):
        ingest.take(messages[start : start + 50])
    (ack,) = acks(ingest.take([told[0]]))
    assert ack.epochs[-1].through >= 4
    assert held(engine) >= 4
    with reading(engine) as connection:
        assert meters(connection)["set_aside"] > 500


def mangled(payload: bytes, random: Random) -> bytes:
    match random.randrange(4):
        case 0:
            spoilt = bytearray(payload)
            for _ in range(random.randrange(1, 4)):
                spoilt[random.randrange(len(spoilt))] = random.randrange(256)
            return bytes(spoilt)
        case 1:
            return payload[: random.randrange(len(payload))]
        case _:
            raw = json.loads(inflated(payload))
            spoil(raw, random)
            return json.dumps(raw).encode()


STRANGE: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**53, 2**64, 10**400, 1e308, float("nan"), "", "x" * 300, "\0", "\ud800"),
    *([], {}, [[]], "1999-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", {"v": 1}),
)


def spoil(value: Any, random: Random) -> None:
    """Replace, remove or add one value somewhere inside."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = random.choice(keys)
        inner = value[key]
        if isinstance(inner, dict | list) and inner and random.random() < 0.8:
            value = inner
            continue
        if random.random() < 0.2:
            del value[key]
        else:
            value[key] = random.choice(STRANGE)
        return


def test_no_random_bytes_are_taken_for_a_message(random: Random) -> None:
    messages = [(UP, random.randbytes(random.randrange(300)), NOW) for _ in range(500)]
    gathered = inbox.sort_out(messages)
    assert gathered.intakes == {}
    assert len(gathered.asides) == 500
