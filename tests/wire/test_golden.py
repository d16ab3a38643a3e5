"""The golden messages of version 1: what was once sent can always be read."""

import json
from pathlib import Path
from typing import Any

import pytest

from edge.wire import codec
from edge.wire.messages import BODIES

GOLDEN = Path(__file__).parent / "v1"
FILES = sorted(GOLDEN.glob("*.json"))
OLDER = sorted((GOLDEN / "older").glob("*.json"))
MEANT = {"counted": True, "mode_why": None, "storage": "ok", "rev": 0}
"""What releases meant that did not know these fields."""


def decode(payload: bytes) -> codec.Message:
    match json.loads(payload)["type"]:
        case "ack":
            return codec.decode_ack(payload)
        case "status":
            return codec.decode_status(payload)
        case "heartbeat":
            return codec.decode_heartbeat(payload)
        case "key_release" | "orders" | "shared_ack":
            return codec.decode_down(payload)
    message, faults = codec.decode_up(payload)
    assert faults == ()
    return message


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_golden_message_is_read_and_written_again_as_it_was(file: Path) -> None:
    payload = file.read_bytes()
    assert json.loads(codec.inflated(codec.encode(decode(payload)))) == json.loads(payload)


def test_a_golden_batch_that_was_deflated_is_read_as_what_it_was() -> None:
    """Other releases of zlib pack otherwise: what is compared is what was packed."""
    packed, plain = (GOLDEN / f"batch_long.{ending}" for ending in ("zlib", "json"))
    message = decode(plain.read_bytes())
    assert codec.decode_up(packed.read_bytes()) == (message, ())
    sent = codec.encode(message)
    assert sent[0] == packed.read_bytes()[0] == 0x78
    assert codec.inflated(sent) == codec.inflated(packed.read_bytes())


@pytest.mark.parametrize("file", OLDER, ids=lambda file: file.stem)
def test_a_message_of_an_older_release_is_read_with_what_it_meant(file: Path) -> None:
    """A box that is updated after the hub, or has old events in its outbox, loses nothing."""
    payload = file.read_bytes()
    old = json.loads(payload)
    now = json.loads(codec.encode(decode(payload)))
    for before, after in zip(inner(old), inner(now), strict=True):
        added = {name: value for name, value in after.items() if name not in before}
        assert added
        assert added.items() <= MEANT.items()
        assert {name: after[name] for name in before} == before


def inner(message: dict[str, Any]) -> list[dict[str, Any]]:
    return [event["body"] for event in message["events"]] if "events" in message else [message]


def test_every_kind_of_event_has_a_golden_message() -> None:
    assert {f"batch_{kind}" for kind in BODIES} <= {file.stem for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_golden_message_of_another_version_is_refused(file: Path) -> None:
    raw = json.loads(file.read_text())
    raw["v"] = 2
    with pytest.raises(codec.WireFault, match="v: expected 1, got 2"):
        decode(json.dumps(raw).encode())
