"""Events as flat records, read fast: what the hub's ingest takes in. Calls `codec`.

A chain's hub reads tens of thousands of events a second, nearly all of them good. Each kind's
fields are therefore first tried with quick tests, all in one go; only an event that does not
pass is given to `codec.load_event`, which takes it all the same (an older release, a time in
another form) or says in its own words what is wrong. The contract is declared once, in
`messages`; here it is only made fast.
"""

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from operator import call, itemgetter
from typing import Any, Final, NamedTuple

from edge.wire.checks import QuickTest, instant, milliseconds, quick, sent_milliseconds
from edge.wire.codec import EventFault, dump_event, load_event, read_up, utc_text
from edge.wire.messages import BODIES, VERSION, Body, Event, Hello, KeyRequest
from edge.wire.orders import OrdersAck, SealingKey

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Fact(NamedTuple):
    """An event that was checked. Moments are whole milliseconds since 1970.

    `body` holds the JSON values of the kind's fields without the subject, which stands beside
    it. `moment` is the body's own instant (`opened_at`, `minute`) where its kind has one.
    """

    epoch: str
    seq: int
    kind: str
    at: int
    mono: float
    clock: str
    body: dict[str, Any]
    subject: str | None
    moment: int | None

    def told(self) -> dict[str, Any]:
        """Return the event as a JSON object again."""
        cls = BODIES[self.kind]
        names_subject = any(one.name == "subject" for one in fields(cls))
        body = self.body | ({"subject": self.subject} if names_subject else {})
        at = utc_text(_EPOCH + timedelta(milliseconds=self.at))
        envelope = {"epoch": self.epoch, "seq": self.seq, "at": at, "mono": self.mono}
        return {"v": VERSION, "kind": self.kind, **envelope, "clock": self.clock, "body": body}


class _Shape(NamedTuple):
    """How the body of one kind is tested: its values and their tests, in one order."""

    size: int
    values: Callable[[Any], tuple[Any, ...]]
    tests: tuple[QuickTest, ...]
    instant: str | None


def _shape(cls: type[Body]) -> _Shape:
    checks = {one.name: one.metadata["check"] for one in fields(cls)}
    return _Shape(
        size=len(checks),
        values=itemgetter(*checks),
        tests=tuple(quick(check) for check in checks.values()),
        instant=next((name for name, check in checks.items() if check is instant), None),
    )


_SHAPES: Final = {kind: _shape(cls) for kind, cls in BODIES.items()}
_ENVELOPE: Final = {
    one.name: quick(one.metadata["check"]) for one in fields(Event) if "check" in one.metadata
}
_NAMES: Final = ("epoch", "seq", "at", "mono", "clock")
_ENVELOPE_VALUES: Final = itemgetter(*_NAMES)
_ENVELOPE_TESTS: Final = tuple(_ENVELOPE[name] for name in _NAMES)
_ENVELOPE_COUNT: Final = len({*_ENVELOPE, "v", "kind", "body"})


def read_facts(
    payload: bytes,
) -> tuple[Hello | KeyRequest | OrdersAck | SealingKey | list[Fact], tuple[EventFault, ...]]:
    """Decode what a box sent up, a batch as a list of facts; otherwise like `decode_up`.

    Raises:
        WireFault: nothing of the payload can be used.
    """
    return read_up(payload, load_fact)


def load_fact(raw: Any, where: str = "event") -> Fact:
    """Return the fact that a JSON object describes. The object is then no longer the caller's.

    Raises:
        EventFault: the body or envelope is faulty, but epoch and seq could be read.
        WireFault: not even the identity could be read.
    """
    try:
        fact = _load_quickly(raw)
    except (KeyError, TypeError, ValueError):
        fact = None
    return fact or _flat(load_event(raw, where))


def _load_quickly(raw: Any) -> Fact | None:
    """Return the fact, or None if it takes a closer look. What is raised means the same."""
    body, kind = raw["body"], raw["kind"]
    shape = _SHAPES[kind]
    values = _ENVELOPE_VALUES(raw)
    # As many fields as there are names, and every name there: then no other field is there.
    if not (
        len(raw) == _ENVELOPE_COUNT
        and raw["v"] == VERSION
        and len(body) == shape.size
        and all(map(call, _ENVELOPE_TESTS, values))
        and all(map(call, shape.tests, shape.values(body)))
    ):
        return None
    epoch, seq, at, mono, clock = values
    at_ms = sent_milliseconds(at)
    moment = sent_milliseconds(body[shape.instant]) if shape.instant else None
    return Fact(epoch, seq, kind, at_ms, mono, clock, body, body.pop("subject", None), moment)


def _flat(event: Event) -> Fact:
    raw = dump_event(event)
    body = raw["body"]
    own = _SHAPES[raw["kind"]].instant
    return Fact(
        epoch=event.epoch,
        seq=event.seq,
        kind=raw["kind"],
        at=milliseconds(event.at),
        mono=event.mono,
        clock=event.clock,
        subject=body.pop("subject", None),
        body=body,
        moment=milliseconds(getattr(event.body, own)) if own else None,
    )
