"""Sorts received messages by the box that sent them; what is no message is put aside. Pure.

Called by `ingest` with what MQTT delivered, calls only the codec. Nothing that a box or a
stranger sends may raise from here.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from cloud.batches import Fact, read_facts
from edge.wire.codec import (
    EventFault,
    Stated,
    WireFault,
    decode_heartbeat,
    decode_status,
    inflated,
)
from edge.wire.messages import Heartbeat, Hello, KeyRequest, Status
from edge.wire.orders import OrdersAck, SealingKey
from edge.wire.sharing import Shared, Sharing
from edge.wire.topics import BoxAddress, parse_topic

Received = tuple[str, bytes, datetime]
"""Topic, payload and the moment it was received (aware)."""

PAYLOAD_KEPT: Final = 64 * 1024
_REASON_KEPT: Final = 500
_TOPIC_KEPT: Final = 200
# What is no topic of ours raises and is not kept; two to three topics for each of 5,000 boxes.
_parsed: Final = lru_cache(maxsize=16_384)(parse_topic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """Something that could not be taken, kept for inspection."""

    at: datetime
    topic: str
    reason: str
    payload: bytes
    epoch: str | None = None
    seq: int | None = None


@dataclass(slots=True, kw_only=True)
class Intake:
    """What one box said in the gathered set."""

    address: BoxAddress
    last_at: datetime
    events: list[Fact] = field(default_factory=list)
    faulty: list[Aside] = field(default_factory=list)  # each with its epoch and seq
    hellos: list[Hello] = field(default_factory=list)
    states: list[tuple[Status | Heartbeat, datetime]] = field(default_factory=list)
    carried_out: list[OrdersAck] = field(default_factory=list)
    keys: list[SealingKey] = field(default_factory=list)
    sharing: list[Sharing | Shared] = field(default_factory=list)

    @property
    def live_at(self) -> datetime | None:
        """When the box last spoke by itself; states are retained and may be of long ago."""
        spoke = self.events or self.faulty or self.hellos or self.carried_out or self.sharing
        return self.last_at if spoke else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A box asked for its share of a key."""

    address: BoxAddress
    at: datetime
    request: KeyRequest


@dataclass(slots=True, kw_only=True)
class Gathered:
    """A set of messages, sorted: per box what it said, who asks for keys, what nobody can read."""

    messages: Sequence[Received] = ()
    """All of them, as they came."""
    intakes: dict[BoxAddress, Intake] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    asides: list[Aside] = field(default_factory=list)


def aside(
    at: datetime, topic: str, reason: str, payload: bytes, identity: tuple[str, int] | None = None
) -> Aside:
    """Return a record of what could not be taken, inflated and cut to what the table holds."""
    return Aside(
        at=at,
        topic=_storable(topic, _TOPIC_KEPT),
        reason=_storable(reason, _REASON_KEPT),
        payload=_readable(payload)[:PAYLOAD_KEPT],
        epoch=identity[0] if identity else None,
        seq=identity[1] if identity else None,
    )


def _readable(payload: bytes) -> bytes:
    try:
        return inflated(payload)
    except WireFault:
        return payload  # the stream itself is what is wrong


def _storable(text: str, length: int) -> str:
    # Neither lone surrogates nor NUL can be written to every database.
    return text[:length].encode(errors="replace").decode().replace("\0", "�")


def sort_out(messages: Sequence[Received]) -> Gathered:
    """Decode messages and sort them by box."""
    gathered = Gathered(messages=messages)
    for topic, payload, at in messages:
        try:
            _sort_one(gathered, topic, payload, at)
        except ValueError as exc:  # WireFault, and topics that are not ours
            gathered.asides.append(aside(at, topic, str(exc), payload))
        except RecursionError:
            # The parser lets pass what is nested a little less deep than repr can show.
            reason = "payload: expected JSON of a few levels, got one nested too deep"
            gathered.asides.append(aside(at, topic, reason, payload))
    return gathered


def _sort_one(gathered: Gathered, topic: str, payload: bytes, at: datetime) -> None:
    address, channel = _parsed(topic)
    message: Hello | KeyRequest | Stated | Status | Heartbeat | list[Fact]
    faults: Sequence[EventFault] = ()
    match channel:
        case "up":
            message, faults = read_facts(payload)
            if type(message) is list and not faults:  # nearly every message of a chain
                _intake(gathered, address, at).events += message
                return
        case "late":
            message, faults = read_facts(payload)
            if not isinstance(message, list):
                raise WireFault(f"late: expected a batch, got {type(message).__name__}")
        case "status":
            message = decode_status(payload)
        case "health":
            message = decode_heartbeat(payload)
        case _:
            raise WireFault(f"topic: expected one from a box to the hub, got {topic!r}")
    if isinstance(message, KeyRequest):
        gathered.asked.append(Asked(address=address, at=at, request=message))
        return
    intake = _intake(gathered, address, at)
    match message:
        case Hello():
            intake.hellos.append(message)
        case OrdersAck():
            intake.carried_out.append(message)
        case SealingKey():
            intake.keys.append(message)
        case Sharing() | Shared():
            intake.sharing.append(message)
        case list() as events:
            intake.events.extend(events)
            intake.faulty.extend(_faulty_events(topic, payload, at, faults))
        case _:
            intake.states.append((message, at))


def _intake(gathered: Gathered, address: BoxAddress, at: datetime) -> Intake:
    """Return where what a box says is gathered; it spoke at that moment."""
    intake = gathered.intakes.get(address)
    if intake is None:
        intake = gathered.intakes[address] = Intake(address=address, last_at=at)
    elif at > intake.last_at:
        intake.last_at = at
    return intake


def _faulty_events(
    topic: str, payload: bytes, at: datetime, faults: Sequence[EventFault]
) -> list[Aside]:
    if not faults:
        return []
    raw: list[dict[str, Any]] = json.loads(inflated(payload))["events"]
    by_identity = {(item["epoch"], item["seq"]): item for item in raw if _has_identity(item)}
    return [
        aside(
            at,
            topic,
            str(fault),
            json.dumps(_nameless(by_identity.get((fault.epoch, fault.seq)))).encode(),
            (fault.epoch, fault.seq),
        )
        for fault in faults
    ]


def _nameless(item: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return an event without whom it names: no erasure looks at what was set aside."""
    if item is not None and isinstance(body := item.get("body"), dict):
        item["body"] = body | dict.fromkeys({"subject", "member"} & body.keys())
    return item


def _has_identity(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and isinstance(item.get("epoch"), str)
        and isinstance(item.get("seq"), int)
    )
