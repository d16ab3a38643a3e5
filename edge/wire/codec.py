"""Messages to bytes and back, checked both ways. Used by the uplink and by the hub's ingest.

An unknown field is a fault on either side: nothing travels that `messages` does not declare.
What is long as JSON travels as a zlib stream of it (RFC 1950), whose first byte is never JSON's;
what is short, and what other tools read too (status, heartbeat), as the JSON itself.
"""

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeVar

from edge.wire.checks import INTEGER_MAX, Check
from edge.wire.messages import (
    BATCH_EVENTS_MAX,
    BODIES,
    PAYLOAD_BYTES_MAX,
    VERSION,
    Ack,
    Batch,
    CameraState,
    DeskFact,
    EpochAck,
    EpochSpan,
    Event,
    Heartbeat,
    Hello,
    KeyRelease,
    KeyRequest,
    Status,
    UpMessage,
    misplaced,
)
from edge.wire.orders import (
    ORDER_BODIES,
    ORDERS_MAX,
    FaultyOrder,
    Order,
    Orders,
    OrdersAck,
    SealingKey,
)
from edge.wire.sharing import BUNDLES_MAX, Bundle, HeldBundle, Shared, SharedAck, Sharing, Statement

M = TypeVar("M")
E = TypeVar("E")
Stated = OrdersAck | SealingKey | Sharing | Shared
Said = Hello | Batch | Status | Heartbeat | KeyRequest | Stated
Message = Said | Ack | KeyRelease | Orders | SharedAck
_EPOCHS_MAX = 2_000  # twice what a box tells; 256 KiB hold about 4,000
_RANGES_MAX = 1_000
_CAMERAS_MAX = 64
_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
PLAIN_BYTES_MAX: Final = 1024
"""JSON that is longer is deflated on its way between box and hub."""
_DEFLATED: Final = (Hello, Batch, Ack, KeyRequest, KeyRelease, Sharing, Shared)
_ZLIB: Final = b"\x78"  # deflate with a window of 32 KiB, the first byte of every stream of zlib's


class WireFault(ValueError):
    """A message that is not of the contract. Says where, what was expected and what was got."""


class EventFault(WireFault):
    """One event of a batch is not of the contract, but its identity is known."""

    def __init__(self, epoch: str, seq: int, reason: str) -> None:
        super().__init__(reason)
        self.epoch = epoch
        self.seq = seq


class _Field(NamedTuple):
    name: str
    check: Check
    absent: Any  # MISSING: the field must be there
    default: Any  # what is not sent; MISSING: it is always sent


def _declared(cls: type[Any]) -> tuple[_Field, ...]:
    return tuple(
        _Field(f.name, *(f.metadata[one] for one in ("check", "absent", "default")))
        for f in fields(cls)
        if "check" in f.metadata
    )


# Read once: the hub looks fields up for every event of a chain.
_FIELDS: Final[dict[type[Any], tuple[_Field, ...]]] = {
    cls: _declared(cls)
    for cls in (
        *BODIES.values(),
        *(Event, EpochSpan, Hello, Batch, EpochAck, Ack, Status, CameraState, Heartbeat),
        *(KeyRequest, KeyRelease),
        *(*ORDER_BODIES.values(), Order, Orders, OrdersAck, SealingKey),
        *(Statement, Bundle, HeldBundle, Sharing, Shared, SharedAck),
    )
}
_ORDER_SEQ: Final = _FIELDS[Order][0].check
_EVENT_IDENTITY: Final = {
    one.name: one.check for one in _FIELDS[Event] if one.name in ("epoch", "seq")
}


def utc_text(moment: datetime) -> str:
    """Return a time as it travels: UTC, milliseconds, `Z`; such texts sort by time."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    return utc_text(value) if isinstance(value, datetime) else value


def _dump(message: Any) -> dict[str, Any]:
    """Return the declared fields as JSON values, each one checked on its way out."""
    out: dict[str, Any] = {}
    for name, check, _, default in _FIELDS[type(message)]:
        value = getattr(message, name)
        if default is not MISSING and value == default:
            continue
        plain = _plain(value)
        _checked(check, plain, f"{type(message).__name__}.{name}")
        out[name] = plain
    return out


def _checked(check: Check, value: Any, where: str) -> Any:
    try:
        return check(value)
    except ValueError as exc:
        raise WireFault(f"{where}: {exc}") from None


def _load(cls: type[M], raw: Any, where: str, extra: Mapping[str, Any] | None = None) -> M:
    """Build a message of `cls` from a JSON object; `extra` holds its already decoded fields."""
    if not isinstance(raw, dict):
        raise WireFault(f"{where}: expected an object, got {type(raw).__name__}")
    known = _FIELDS[cls]
    ready = dict(extra or {})
    unknown = raw.keys() - {one.name for one in known} - ready.keys() - {"type", "v", "kind"}
    if unknown:
        raise WireFault(f"{where}: unknown field {min(unknown)!r}")
    values = {}
    for name, check, absent, _ in known:
        if name in raw:
            values[name] = _checked(check, raw[name], f"{where}.{name}")
        elif absent is not MISSING:
            values[name] = absent
        else:
            raise WireFault(f"{where}.{name}: expected a value, got none")
    return cls(**values, **ready)


def _items(raw: Any, where: str, low: int, high: int) -> list[Any]:
    if isinstance(raw, list) and low <= len(raw) <= high:
        return raw
    got = f"{len(raw)} items" if isinstance(raw, list) else type(raw).__name__
    raise WireFault(f"{where}: expected a list of {low} to {high} items, got {got}")


def dump_event(event: Event) -> dict[str, Any]:
    """Return an event as a JSON object, checked."""
    body = _dump(event.body)
    _check_desk(event.body, type(event.body).__name__)
    return {"v": VERSION, "kind": event.body.KIND, **_dump(event), "body": body}


def _check_desk(body: Any, where: str) -> None:
    if isinstance(body, DeskFact) and (name := misplaced(body)) is not None:
        raise WireFault(f"{where}.{name}: expected null or a word that a {body.what} has, got else")


def load_event(raw: Any, where: str = "event") -> Event:
    """Return the event that a JSON object describes.

    Raises:
        EventFault: the body or envelope is faulty, but epoch and seq could be read.
        WireFault: not even the identity could be read.
    """
    if not isinstance(raw, dict):
        raise WireFault(f"{where}: expected an object, got {type(raw).__name__}")
    try:
        if raw.get("v") != VERSION:
            raise WireFault(f"{where}.v: expected {VERSION}, got {raw.get('v')!r}")
        kind = raw.get("kind")
        if not isinstance(kind, str) or kind not in BODIES:
            raise WireFault(f"{where}.kind: expected {' | '.join(BODIES)}, got {kind!r}")
        body = _load(BODIES[kind], raw.get("body"), f"{where}.body")
        _check_desk(body, f"{where}.body")
        return _load(Event, raw, where, {"body": body})
    except WireFault as exc:
        try:
            epoch, seq = (check(raw.get(name)) for name, check in _EVENT_IDENTITY.items())
        except ValueError:
            raise exc from None
        raise EventFault(epoch, seq, str(exc)) from None


def encode(message: Message) -> bytes:
    """Return the payload of a message.

    Raises:
        WireFault: a field breaks the contract; nothing was sent.
    """
    raw: dict[str, Any] = {"v": VERSION, "type": message.TYPE, **_dump(message)}
    match message:
        case Hello(epochs=spans):
            raw["epochs"] = [_dump(span) for span in spans]
        case Batch(events=events):
            raw["events"] = [dump_event(event) for event in events]
            _items(raw["events"], "batch.events", 1, BATCH_EVENTS_MAX)
        case Ack(epochs=acks) | OrdersAck(epochs=acks):
            raw["epochs"] = [{**_dump(a), "missing": [list(r) for r in a.missing]} for a in acks]
        case Heartbeat(cameras=cameras):
            raw["cameras"] = [_dump(camera) for camera in cameras]
        case KeyRelease():
            _check_release(message)
        case Orders(orders=orders):
            raw["orders"] = [_dump_order(order) for order in orders]
            _items(raw["orders"], "orders.orders", 1, ORDERS_MAX)
        case Sharing(statement=statement):
            raw["statement"] = None if statement is None else _dump(statement)
        case Shared(bundles=bundles):
            raw["bundles"] = [_dump(bundle) for bundle in bundles]
            _items(raw["bundles"], "shared.bundles", 1, BUNDLES_MAX)
        case SharedAck(held=held):
            raw["held"] = [_dump(one) for one in held]
    payload = _JSON.encode(raw).encode()
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise WireFault(
            f"{message.TYPE}: expected at most {PAYLOAD_BYTES_MAX} bytes, got {len(payload)}"
        )
    if len(payload) > PLAIN_BYTES_MAX and isinstance(message, _DEFLATED):
        return zlib.compress(payload)
    return payload


def inflated(payload: bytes) -> bytes:
    """Return a payload as its sender wrote it, before it was deflated; it need not be JSON.

    Raises:
        WireFault: it is too large, before or after, or not exactly one whole zlib stream. No
            more than `PAYLOAD_BYTES_MAX` + 1 bytes are ever inflated.
    """
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise WireFault(f"payload: expected at most {PAYLOAD_BYTES_MAX} bytes, got {len(payload)}")
    if payload[:1] != _ZLIB:
        return payload
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(payload, PAYLOAD_BYTES_MAX + 1)
    except zlib.error as exc:
        raise WireFault(f"payload: expected a zlib stream, got {exc}") from None
    if len(plain) > PAYLOAD_BYTES_MAX:
        raise WireFault(f"payload: expected at most {PAYLOAD_BYTES_MAX} bytes inflated, got more")
    if not stream.eof:
        raise WireFault("payload: expected a whole zlib stream, got one that is cut off")
    if stream.unused_data:
        extra = len(stream.unused_data)
        raise WireFault(f"payload: expected one zlib stream, got {extra} bytes after its end")
    return plain


def _parse(payload: bytes, *types: str) -> dict[str, Any]:
    plain = inflated(payload)
    try:
        raw = json.loads(plain)
    except (ValueError, RecursionError) as exc:
        raise WireFault(f"payload: expected JSON, got {exc}") from None
    if not isinstance(raw, dict):
        raise WireFault(f"payload: expected an object, got {type(raw).__name__}")
    if raw.get("v") != VERSION:
        raise WireFault(f"v: expected {VERSION}, got {raw.get('v')!r}")
    if raw.get("type") not in types:
        raise WireFault(f"type: expected {' | '.join(types)}, got {raw.get('type')!r}")
    return raw


def decode_up(payload: bytes) -> tuple[UpMessage | Stated, tuple[EventFault, ...]]:
    """Decode what a box sent up: the message, and the events of it that break the contract.

    Those faulty events are left out of the returned `Batch`, which may then be empty; the
    receiver sets them aside by their identity, so that they are not sent for ever.

    Raises:
        WireFault: nothing of the payload can be used.
    """
    message, faults = read_up(payload, load_event)
    return Batch(events=tuple(message)) if isinstance(message, list) else message, faults


def read_up(
    payload: bytes, load: Callable[[Any, str], E]
) -> tuple[Hello | KeyRequest | Stated | list[E], tuple[EventFault, ...]]:
    """Decode what a box sent up, with the events of a batch as the caller wants them.

    Args:
        payload: of the message.
        load: given the JSON of one event and where it stands, returns the event or raises as
            `load_event` does.

    Raises:
        WireFault: nothing of the payload can be used.
    """
    raw = _parse(payload, Hello.TYPE, Batch.TYPE, KeyRequest.TYPE, *_STATED)
    if raw["type"] == KeyRequest.TYPE:
        return _load(KeyRequest, raw, "key_request"), ()
    if raw["type"] in _STATED:
        return _load_stated(raw), ()
    if raw["type"] == Hello.TYPE:
        items = _items(raw.get("epochs"), "hello.epochs", 0, _EPOCHS_MAX)
        spans = tuple(_load(EpochSpan, r, f"hello.epochs[{i}]") for i, r in enumerate(items))
        return _load(Hello, raw, "hello", {"epochs": spans}), ()
    if unknown := raw.keys() - {"v", "type", "events"}:
        raise WireFault(f"batch: unknown field {min(unknown)!r}")
    good: list[E] = []
    bad: list[EventFault] = []
    items = _items(raw.get("events"), "batch.events", 1, BATCH_EVENTS_MAX)
    for index, item in enumerate(items):
        try:
            good.append(load(item, f"batch.events[{index}]"))
        except EventFault as fault:
            bad.append(fault)
    return good, tuple(bad)


_STATED: Final = (OrdersAck.TYPE, SealingKey.TYPE, Sharing.TYPE, Shared.TYPE)


def _load_stated(raw: dict[str, Any]) -> Stated:
    match raw["type"]:
        case SealingKey.TYPE:
            return _load(SealingKey, raw, "sealing_key")
        case OrdersAck.TYPE:
            return _load(OrdersAck, raw, "orders_ack", {"epochs": _load_acks(raw, "orders_ack")})
        case Sharing.TYPE:
            said = raw.get("statement")
            statement = None if said is None else _load(Statement, said, "sharing.statement")
            return _load(Sharing, raw, "sharing", {"statement": statement})
    items = _items(raw.get("bundles"), "shared.bundles", 1, BUNDLES_MAX)
    bundles = tuple(_load(Bundle, one, f"shared.bundles[{i}]") for i, one in enumerate(items))
    return _load(Shared, raw, "shared", {"bundles": bundles})


def statement_text(one: Statement) -> str:
    """Return a statement as JSON, to be kept."""
    return _JSON.encode(_dump(one))


def read_statement(text: str) -> Statement:
    """Return the statement that was kept. Raises WireFault: it is none."""
    return _load(Statement, json.loads(text), "statement")


def bundle_text(one: Bundle) -> str:
    """Return a bundle as JSON, to be kept."""
    return _JSON.encode(_dump(one))


def read_bundle(text: str) -> Bundle:
    """Return the bundle that was kept. Raises WireFault: it is none."""
    return _load(Bundle, json.loads(text), "bundle")


def _load_ranges(raw: Any, where: str) -> tuple[tuple[int, int], ...]:
    ranges = []
    for item in _items(raw, where, 0, _RANGES_MAX):
        match item:
            case [int(low), int(high)] if 1 <= low <= high <= INTEGER_MAX:
                ranges.append((low, high))
            case _:
                raise WireFault(f"{where}: expected [first, last], got {item!r}")
    return tuple(ranges)


def _load_epoch_ack(raw: Any, where: str) -> EpochAck:
    if not isinstance(raw, dict):
        raise WireFault(f"{where}: expected an object, got {type(raw).__name__}")
    return _load(EpochAck, raw, where, {"missing": _load_ranges(raw.get("missing"), where)})


def decode_ack(payload: bytes) -> Ack:
    """Decode the hub's acknowledgement.

    Raises:
        WireFault: it is not one.
    """
    raw = _parse(payload, Ack.TYPE)
    return _load(Ack, raw, "ack", {"epochs": _load_acks(raw, "ack")})


def _load_acks(raw: dict[str, Any], where: str) -> tuple[EpochAck, ...]:
    items = _items(raw.get("epochs"), f"{where}.epochs", 0, _EPOCHS_MAX)
    return tuple(_load_epoch_ack(item, f"{where}.epochs[{i}]") for i, item in enumerate(items))


def decode_down(payload: bytes) -> KeyRelease | Orders | SharedAck:
    """Decode what the hub sent down: the answer to a request or to what is shared, or orders.

    An order that cannot be read, of a newer hub perhaps, stands in `Orders.faulty`.

    Raises:
        WireFault: it is none of these; the text shows nothing that was sealed.
    """
    raw = _parse(payload, KeyRelease.TYPE, Orders.TYPE, SharedAck.TYPE)
    if raw["type"] == Orders.TYPE:
        return _load_orders(raw)
    if raw["type"] == SharedAck.TYPE:
        items = _items(raw.get("held"), "shared_ack.held", 0, BUNDLES_MAX)
        held = tuple(_load(HeldBundle, one, f"shared_ack.held[{i}]") for i, one in enumerate(items))
        return _load(SharedAck, raw, "shared_ack", {"held": held})
    release = _load(KeyRelease, raw, "key_release")
    _check_release(release)
    return release


def _dump_order(order: Order) -> dict[str, Any]:
    body = order.body
    # A box of an older release refuses a field that it does not know; nothing is the same to it.
    silent = [one.name for one in _FIELDS[type(body)] if one.absent is None]
    told = {n: v for n, v in _dump(body).items() if not (v is None and n in silent)}
    return {"v": VERSION, "kind": body.KIND, **_dump(order), "body": told}


def _load_orders(raw: dict[str, Any]) -> Orders:
    good: list[Order] = []
    faulty: list[FaultyOrder] = []
    for index, item in enumerate(_items(raw.get("orders"), "orders.orders", 1, ORDERS_MAX)):
        where = f"orders.orders[{index}]"
        if not isinstance(item, dict):
            raise WireFault(f"{where}: expected an object, got {type(item).__name__}")
        code = "malformed"
        try:
            kind = item.get("kind")
            if item.get("v") != VERSION or not isinstance(kind, str) or kind not in ORDER_BODIES:
                code = "unknown"
                raise WireFault(f"{where}: expected a kind of version {VERSION} that is known")
            body = _load(ORDER_BODIES[kind], item.get("body"), f"{where}.body")
            good.append(_load(Order, item, where, {"body": body}))
        except WireFault as fault:
            seq = _checked(_ORDER_SEQ, item.get("seq"), f"{where}.seq")
            faulty.append(FaultyOrder(seq=seq, code=code, reason=str(fault)))
    lists = {"orders": tuple(good), "faulty": tuple(faulty)}
    if unknown := raw.keys() - {"v", "type", "epoch", "orders"}:
        raise WireFault(f"orders: unknown field {min(unknown)!r}")
    return _load(Orders, raw, "orders", lists)


def _check_release(release: KeyRelease) -> None:
    if (release.sealed is None) == (release.state == "released"):
        raise WireFault(
            "key_release.sealed: expected a key in a release and none in a revocation,"
            f" got {'none' if release.sealed is None else 'one'} in {release.state!r}"
        )


def decode_status(payload: bytes) -> Status:
    """Decode a retained status.

    Raises:
        WireFault: it is not one.
    """
    return _load(Status, _parse(payload, Status.TYPE), "status")


def decode_heartbeat(payload: bytes) -> Heartbeat:
    """Decode a heartbeat.

    Raises:
        WireFault: it is not one.
    """
    raw = _parse(payload, Heartbeat.TYPE)
    items = _items(raw.get("cameras"), "heartbeat.cameras", 0, _CAMERAS_MAX)
    cameras = tuple(_load(CameraState, c, f"heartbeat.cameras[{i}]") for i, c in enumerate(items))
    return _load(Heartbeat, raw, "heartbeat", {"cameras": cameras})
