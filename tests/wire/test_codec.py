"""What may travel and what may not."""

import json
import math
import tracemalloc
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edge.wire import codec, topics
from edge.wire.codec import EventFault, WireFault
from edge.wire.messages import (
    PAYLOAD_BYTES_MAX,
    Ack,
    Batch,
    CameraState,
    CrossingMinute,
    EpochAck,
    EpochSpan,
    Event,
    Health,
    Heartbeat,
    Hello,
    KeyRelease,
    VisitOpened,
)
from edge.wire.topics import BoxAddress

AT = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
VISIT = "01M7XXA33GXJBZ1TSAYXW5Y5AK"
GOLDEN = Path(__file__).parent / "v1"


def opened(**changes: Any) -> VisitOpened:
    fields: dict[str, Any] = {
        "visit": VISIT,
        "camera": "door",
        "who": "visitor",
        "subject": None,
        "reentry": False,
        "first_visit": None,
        "basis": "crossings",
        "counted": True,
    }
    return VisitOpened(**{**fields, **changes})


def event(seq: int = 1, **changes: Any) -> Event:
    fields: dict[str, Any] = {
        "epoch": "0" * 32,
        "seq": seq,
        "at": AT,
        "mono": 1.0,
        "clock": "ok",
        "body": opened(),
    }
    return Event(**{**fields, **changes})


def golden(name: str) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text())
    return raw


def test_an_undeclared_field_is_refused_wherever_it_stands() -> None:
    for path in (("events", 0, "body"), ("events", 0)):
        raw = golden("batch_health")
        place: Any = raw
        for step in path:
            place = place[step]
        place["name"] = "Li Ming"
        batch, faults = codec.decode_up(json.dumps(raw).encode())
        assert isinstance(batch, Batch)
        assert batch.events == ()
        assert "unknown field 'name'" in str(faults[0])
    raw = golden("hello") | {"photo": "AAAA"}
    with pytest.raises(WireFault, match="unknown field 'photo'"):
        codec.decode_up(json.dumps(raw).encode())


def test_one_faulty_event_does_not_take_the_others_with_it() -> None:
    raw = json.loads(codec.inflated(codec.encode(Batch(events=(event(1), event(2), event(3))))))
    raw["events"][1]["body"]["who"] = "nobody"
    batch, faults = codec.decode_up(json.dumps(raw).encode())
    assert isinstance(batch, Batch)
    assert [e.seq for e in batch.events] == [1, 3]
    assert [(f.epoch, f.seq) for f in faults] == [("0" * 32, 2)]
    assert "batch.events[1].body.who: expected member | visitor | staff" in str(faults[0])


def test_an_event_without_identity_refuses_the_whole_batch() -> None:
    raw = json.loads(codec.encode(Batch(events=(event(1),))))
    del raw["events"][0]["seq"]
    with pytest.raises(WireFault) as caught:
        codec.decode_up(json.dumps(raw).encode())
    assert not isinstance(caught.value, EventFault)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xfe\x00", id="bytes that are no text"),
        pytest.param(b"[" * 100_000, id="deep nesting"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"v":1}', id="no type"),
        pytest.param(b'{"v":1,"type":"batch","events":{}}', id="events that are no list"),
        pytest.param(b'{"v":1,"type":"batch","events":[]}', id="an empty batch"),
        pytest.param(b'{"v":1,"type":"batch","events":[7]}', id="an event that is a number"),
        pytest.param(b'{"v":true,"type":"x"}', id="an unknown type"),
        pytest.param(b" " * (PAYLOAD_BYTES_MAX + 1), id="too many bytes"),
    ],
)
def test_what_is_not_a_message_is_refused_in_words(payload: bytes) -> None:
    with pytest.raises(WireFault, match="expected"):
        codec.decode_up(payload)


@pytest.mark.parametrize("mono", [math.nan, math.inf, -1.0])
def test_a_reading_that_is_no_number_of_seconds_is_refused(mono: float) -> None:
    with pytest.raises(WireFault, match="mono"):
        codec.dump_event(event(mono=mono))


@pytest.mark.parametrize(
    "at", ["2026-11-21T10:00:00", "yesterday", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"]
)
def test_a_time_without_offset_or_out_of_range_is_refused(at: str) -> None:
    raw = codec.dump_event(event()) | {"at": at}
    with pytest.raises(EventFault, match="at: expected"):
        codec.load_event(raw)


def test_times_travel_in_utc_and_sort_as_text() -> None:
    minute = CrossingMinute(
        camera="door",
        minute=datetime.fromisoformat("2026-11-21T10:00:00+08:00"),
        rev=1,
        entered=1,
        left=0,
        entered_closed=0,
        left_closed=0,
        staff=0,
        turned_back=0,
    )
    assert codec.dump_event(event(body=minute))["body"]["minute"] == "2026-11-21T02:00:00.000Z"


def test_a_batch_holds_200_events_at_most() -> None:
    assert codec.decode_up(codec.encode(Batch(events=tuple(event(n) for n in range(1, 201)))))
    with pytest.raises(WireFault, match="list of 1 to 200 items, got 201"):
        codec.encode(Batch(events=tuple(event(n) for n in range(1, 202))))


def test_the_largest_batch_fits_into_a_payload() -> None:
    minute = CrossingMinute(
        camera="c" * 32,
        minute=AT,
        rev=1_000_000,
        **dict.fromkeys(
            ("entered", "left", "entered_closed", "left_closed", "staff", "turned_back"), 1_000_000
        ),
    )
    big = event(2**53 - 1, mono=1e12 - 0.001, clock="suspect", body=minute)
    packed = codec.encode(Batch(events=(big,) * 200))
    assert len(packed) < len(codec.inflated(packed)) < PAYLOAD_BYTES_MAX


SPANS = tuple(EpochSpan(epoch=f"{n:032x}", first=1, last=n) for n in range(1, 30))
HELD = tuple(EpochAck(epoch=f"{n:032x}", through=n) for n in range(1, 30))


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(Batch(events=tuple(event(n) for n in range(1, 9))), id="batch"),
        pytest.param(
            Hello(session="0" * 32, name="店", timezone="UTC", version="1.0", epochs=SPANS),
            id="hello",
        ),
    ],
)
def test_what_is_long_goes_up_deflated(message: Batch | Hello) -> None:
    packed = codec.encode(message)
    assert packed[:1] == b"\x78"
    assert len(zlib.decompress(packed)) > codec.PLAIN_BYTES_MAX
    assert codec.decode_up(packed) == (message, ())
    assert codec.decode_up(zlib.decompress(packed)) == (message, ()), "as older releases send it"


def test_what_is_short_travels_as_json() -> None:
    assert codec.encode(Batch(events=(event(),)))[:1] == b"{"


def test_a_long_acknowledgement_is_deflated() -> None:
    packed = codec.encode(Ack(hello=None, epochs=HELD))
    assert packed[:1] == b"\x78"
    assert codec.decode_ack(packed).epochs == HELD


def test_a_heartbeat_is_never_deflated_because_others_read_it_too() -> None:
    beat = Heartbeat(
        session="0" * 32,
        at=AT,
        clock="ok",
        version="1.0",
        mode="count",
        mode_wanted="count",
        mode_why=None,
        backlog=0,
        oldest_unacked_at=None,
        occupancy=0,
        storage="ok",
        cameras=tuple(CameraState(name=f"door-{n:026}", state="ok") for n in range(40)),
    )
    payload = codec.encode(beat)
    assert len(payload) > codec.PLAIN_BYTES_MAX
    assert json.loads(payload)["type"] == "heartbeat"


def stream(plain: bytes = b'{"v":1,"type":"batch","events":[]}' + b" " * 2_000) -> bytes:
    return zlib.compress(plain)


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        pytest.param(stream()[:-1], "cut off", id="without its last byte"),
        pytest.param(stream()[:-5], "cut off", id="without its checksum"),
        pytest.param(b"\x78", "cut off", id="nothing but the first byte"),
        pytest.param(stream() + b"{}", "2 bytes after its end", id="bytes behind it"),
        pytest.param(stream() * 2, "bytes after its end", id="two of them"),
        pytest.param(stream()[:-1] + b"\0", "incorrect data check", id="a wrong checksum"),
        pytest.param(b"\x78\x9c" + b"\xff" * 50, "expected a zlib stream", id="garbage"),
        pytest.param(b"\x78\xbb\0\0\0\1" + stream()[2:], "zlib stream", id="a dictionary"),
        pytest.param(
            stream(b" " * (PAYLOAD_BYTES_MAX + 1)), "bytes inflated", id="a byte too many"
        ),
        pytest.param(stream(b" " * 20_000_000), "bytes inflated", id="a bomb"),
        pytest.param(stream(b"\0" * 2_000), "expected JSON", id="no JSON in it"),
        pytest.param(stream(stream()), "expected JSON", id="a stream in a stream"),
        pytest.param(stream(b"[" * 100_000), "expected JSON", id="deep nesting in it"),
    ],
)
def test_a_stream_that_is_not_one_whole_message_is_refused_in_words(
    payload: bytes, words: str
) -> None:
    with pytest.raises(WireFault, match=words):
        codec.decode_up(payload)


def test_a_bomb_is_never_inflated() -> None:
    bomb = stream(b" " * 20_000_000)
    assert len(bomb) < PAYLOAD_BYTES_MAX
    tracemalloc.start()
    with pytest.raises(WireFault):
        codec.decode_up(bomb)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 4 * PAYLOAD_BYTES_MAX


def test_a_payload_may_be_as_large_inflated_as_one_that_is_not_deflated() -> None:
    plain = b'{"v":1,"type":"batch","events":[]}'.ljust(PAYLOAD_BYTES_MAX)
    assert codec.inflated(stream(plain)) == plain


def test_a_hello_with_a_hostile_shop_name_is_refused() -> None:
    with pytest.raises(WireFault, match="name"):
        codec.encode(
            Hello(session="0" * 32, name="a\nb", timezone="Asia/Shanghai", version="1.0", epochs=())
        )


def test_a_health_event_has_codes_only() -> None:
    with pytest.raises(WireFault, match="state"):
        codec.dump_event(event(body=Health(part="camera", camera="door", state="rtsp://u:p@x")))


def release(state: str, sealed: str | None) -> KeyRelease:
    return KeyRelease(session="0" * 32, part="profile", state=state, sealed=sealed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "sealed"),
    [
        pytest.param("released", None, id="released without a key"),
        pytest.param("revoked", "0" * 160, id="revoked with a key"),
        pytest.param("released", "0" * 158, id="a byte too few"),
        pytest.param("released", "0" * 162, id="too many"),
        pytest.param("released", "A" * 160, id="upper case"),
        pytest.param("lent", "0" * 160, id="an unknown state"),
    ],
)
def test_a_key_is_released_whole_or_not_at_all(state: str, sealed: str | None) -> None:
    with pytest.raises(WireFault, match=r"(?i)key_?release\.(sealed|state): expected"):
        codec.encode(release(state, sealed))
    raw = golden("key_release") | {"state": state, "sealed": sealed}
    with pytest.raises(WireFault, match=r"key_release\.(sealed|state): expected"):
        codec.decode_down(json.dumps(raw).encode())


@pytest.mark.parametrize("public", [None, "", "0" * 63, "0" * 65, "G" * 64, 7])
def test_a_key_is_asked_for_under_a_public_key_of_32_bytes(public: Any) -> None:
    raw = golden("key_request") | {"public": public}
    with pytest.raises(WireFault, match=r"key_request\.public: expected 32 bytes"):
        codec.decode_up(json.dumps(raw).encode())


def test_a_released_key_is_in_no_repr() -> None:
    assert "ab" * 80 not in repr(release("released", "ab" * 80))


@pytest.mark.parametrize("bad", ["", "a/b", "a+b", "#", "$SYS", "é", "x" * 65, "a b"])
def test_an_id_cannot_reach_another_boxs_topic(bad: str) -> None:
    with pytest.raises(ValueError, match="expected 1 to 64"):
        BoxAddress(store=bad, box="b")
    with pytest.raises(ValueError, match="expected"):
        topics.parse_topic(f"menkou/v1/s/{bad}/up")


def test_a_topic_leads_back_to_its_box() -> None:
    address = BoxAddress(store="nj-001", box="nj-001-a")
    for channel in topics.CHANNELS:
        assert topics.parse_topic(address.topic(channel)) == (address, channel)
    with pytest.raises(ValueError, match="topic: expected"):
        topics.parse_topic("menkou/v1/nj-001/nj-001-a/other")
