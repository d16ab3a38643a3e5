"""What an event must never carry, tried at every field of every kind, on send and on receive.

Two limits are left, and stand here so that nobody takes the list for more than it is. A ULID
field takes any ULID: whether one is a subject's random id or something else cannot be seen in
it. A camera's label takes any 32 letters and digits; the box takes it from its settings only.
"""

import base64
import dataclasses
import json
import struct
from pathlib import Path
from typing import Any, Final

import pytest

from edge.wire import codec
from edge.wire.codec import WireFault
from edge.wire.messages import BODIES, Batch, Event

GOLDEN = Path(__file__).parent / "v1"
VECTOR: Final = [0.0884 * (-1) ** n for n in range(128)]
PACKED: Final = struct.pack("<128f", *VECTOR)
JPEG: Final = bytes.fromhex("ffd8ffe000104a46494600010100000100010000") + bytes(range(200))
TEXTS: Final = {
    "a Chinese name": "张三",
    "a full name": "Li Ming",
    "a note in Chinese": "喜欢翡翠手镯",
    "a note": "likes jade bangles",
    "a picture as base64": base64.b64encode(JPEG).decode(),
    "a picture as a data URL": f"data:image/jpeg;base64,{base64.b64encode(JPEG).decode()}",
    "a vector as base64": base64.b64encode(PACKED).decode(),
    "a vector as hexadecimal": PACKED.hex(),
    "a vector as text": json.dumps(VECTOR),
    "a device's address": "a4:83:e7:12:34:56",
    "a device's address with dashes": "24-83-E7-12-34-56",
    "an IPv4 address": "192.0.2.7",
    "an IPv6 address": "2001:db8::7",
    "a telephone number": "13800138000",
    "a telephone number abroad": "+86 138 0013 8000",
    "an e-mail address": "li.ming@example.com",
}
NOT_TEXT: Final[dict[str, Any]] = {
    "a vector": VECTOR,
    "a vector of whole numbers": list(range(128)),
    "an object": {"name": "Li Ming"},
    "a list of a name": ["张三"],
}
NUMBERS: Final[dict[str, Any]] = {"a telephone number as a number": 13_800_138_000}
BYTES: Final[dict[str, Any]] = {"a picture as bytes": JPEG, "a vector as bytes": PACKED}
ENVELOPE: Final = ("epoch", "seq", "at", "mono", "clock")
PLACES: Final = [
    (kind, field)
    for kind, body in BODIES.items()
    for field in (*ENVELOPE, *(one.name for one in dataclasses.fields(body)))
]


def golden(kind: str) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads((GOLDEN / f"batch_{kind}.json").read_text())
    return raw


def intruders(field: str) -> dict[str, Any]:
    # Sequence numbers and seconds are numbers without much of a bound: any number fits there.
    return TEXTS | NOT_TEXT | ({} if field in ENVELOPE else NUMBERS)


def refusal(event: Event, field: str, value: Any) -> str:
    """Try to send an event with that value in it; return what is said against it."""
    if field in ENVELOPE:
        event = dataclasses.replace(event, **{field: value})
    else:
        event = dataclasses.replace(event, body=dataclasses.replace(event.body, **{field: value}))
    try:
        codec.encode(Batch(events=(event,)))
    except WireFault as fault:
        return str(fault)
    return "nothing: it was sent"


@pytest.mark.parametrize(("kind", "field"), PLACES)
def test_no_field_lets_out_what_must_stay_in_the_shop(kind: str, field: str) -> None:
    event = codec.load_event(golden(kind)["events"][0])
    for label, value in (intruders(field) | BYTES).items():
        said = refusal(event, field, value)
        assert f"{field}: expected" in said, label
        assert not isinstance(value, str) or value not in said


@pytest.mark.parametrize(("kind", "field"), PLACES)
def test_no_field_lets_in_what_must_stay_in_the_shop(kind: str, field: str) -> None:
    for label, value in intruders(field).items():
        raw = golden(kind)
        event = raw["events"][0]
        (event if field in ENVELOPE else event["body"])[field] = value
        payload = json.dumps(raw, ensure_ascii=False).encode()
        if field in ("epoch", "seq"):
            with pytest.raises(WireFault, match=f"{field}: expected"):
                codec.decode_up(payload)
            continue
        batch, faults = codec.decode_up(payload)
        assert isinstance(batch, Batch)
        assert batch.events == (), f"{label} was let in"
        assert f"{field}: expected" in str(faults[0])
        assert not isinstance(value, str) or value not in str(faults[0])


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("field", ["name", "photo", "vector", "note", "mac"])
def test_no_kind_takes_a_field_that_is_not_declared(kind: str, field: str) -> None:
    for place in ("body", "event"):
        raw = golden(kind)
        event = raw["events"][0]
        (event["body"] if place == "body" else event)[field] = "x"
        batch, faults = codec.decode_up(json.dumps(raw).encode())
        assert isinstance(batch, Batch)
        assert batch.events == ()
        assert f"unknown field {field!r}" in str(faults[0])
