"""Batches of events as flat records, read fast. Called by `inbox`, calls the wire's codec.

A chain's hub reads tens of thousands of events a second, nearly all of them good. A compiled
reader (msgspec), built from what `edge.wire.messages` declares, therefore tries a whole batch in
one go. It takes less than the contract does; whatever it does not take, one event in it or all,
is given to the codec, which takes it all the same (a time in another form) or says in its own
words what is wrong. A test holds both against each other.
"""

import re
from collections.abc import Callable
from dataclasses import MISSING, fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache, reduce
from operator import attrgetter, or_
from typing import Annotated, Any, Final, Literal, NamedTuple

from msgspec import UNSET, Meta, MsgspecError, Struct, UnsetType, defstruct, field, to_builtins
from msgspec.json import Decoder, Encoder

from edge.wire import checks
from edge.wire.checks import Form, Nullable, Pattern, Plain, Whole, Words
from edge.wire.codec import EventFault, Stated, dump_event, inflated, load_event, read_up, utc_text
from edge.wire.messages import (
    BATCH_EVENTS_MAX,
    BODIES,
    VERSION,
    Batch,
    DeskFact,
    Event,
    Hello,
    KeyRequest,
    misplaced,
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SUBJECT: Final = "subject"
# As `codec.utc_text` writes it, in two parts; that there is such a day is for the check to find.
_SENT_MINUTE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}")
_SENT_REST: Final = re.compile(r":([0-5][0-9])\.([0-9]{3})Z")


class Fact(Struct, gc=False):
    """An event that was checked. Moments are whole milliseconds since 1970.

    `body` has the kind's fields as attributes, with their JSON values, except the subject, which
    stands beside it. `moment` is the body's own instant (`opened_at`, `minute`) where its kind
    has one.
    """

    epoch: str
    seq: int
    kind: str
    at: int
    mono: float
    clock: str
    body: Any
    subject: str | None
    moment: int | None

    def told(self) -> dict[str, Any]:
        """Return the event as a JSON object again."""
        body = to_builtins(self.body)
        if hasattr(self.body, _SUBJECT):
            body[_SUBJECT] = self.subject
        at = utc_text(_EPOCH + timedelta(milliseconds=self.at))
        envelope = {"epoch": self.epoch, "seq": self.seq, "at": at, "mono": self.mono}
        return {"v": VERSION, "kind": self.kind, **envelope, "clock": self.clock, "body": body}


def texts_of(facts: list[Fact]) -> list[str]:
    """Return the body of each fact as JSON, without its subject."""
    return _ENCODER.encode_lines([fact.body for fact in facts]).decode().split("\n")[:-1]


def read_facts(
    payload: bytes,
) -> tuple[Hello | KeyRequest | Stated | list[Fact], tuple[EventFault, ...]]:
    """Decode what a box sent up, a batch as a list of facts; otherwise like `codec.decode_up`.

    Raises:
        WireFault: nothing of the payload can be used.
    """
    facts = _read_quickly(inflated(payload))
    return (facts, ()) if facts is not None else read_up(payload, load_fact)


def load_fact(raw: Any, where: str = "event") -> Fact:
    """Return the fact that a JSON object describes.

    Raises:
        EventFault: the body or envelope is faulty, but epoch and seq could be read.
        WireFault: not even the identity could be read.
    """
    event = load_event(raw, where)
    kind = event.body.KIND
    shape = _SHAPES[kind]
    body = shape.body(**dump_event(event)["body"])
    subject = None
    if shape.names_subject:
        subject, body.subject = body.subject, UNSET
    return Fact(
        epoch=event.epoch,
        seq=event.seq,
        kind=kind,
        at=checks.milliseconds(event.at),
        mono=event.mono,
        clock=event.clock,
        body=body,
        subject=subject,
        moment=sent_milliseconds(getattr(body, shape.instant)) if shape.instant else None,
    )


def sent_milliseconds(text: str) -> int:
    """Return the milliseconds since 1970 of an instant in the form in which it is sent.

    Raises:
        ValueError: it is none, or out of the range that `checks.instant` allows.
    """
    return _minute_milliseconds(text[:16]) + _rest_milliseconds(text[16:])


# A box sends many events of a minute, a chain thousands.
@lru_cache(maxsize=65_536)
def _minute_milliseconds(text: str) -> int:
    if not _SENT_MINUTE.fullmatch(text):
        raise ValueError("expected a time to the minute")
    return checks.milliseconds(checks.instant(text + ":00Z"))


@lru_cache(maxsize=65_536)
def _rest_milliseconds(text: str) -> int:
    found = _SENT_REST.fullmatch(text)
    if found is None:
        raise ValueError("expected seconds, milliseconds and Z")
    return int(found[1] + found[2])


_Test = Callable[[Any], object]


class _Shape(NamedTuple):
    """How one kind is read."""

    kind: str
    body: type[Any]
    texts: tuple[tuple[Callable[[Any], Any], _Test], ...]
    """Values that the compiled reader lets pass as any text, and how each is tested."""
    instant: str | None
    names_subject: bool
    quick: bool
    """Every field has a form: the compiled reader can tell."""


def _shape(kind: str) -> _Shape:
    of = {one.name: (one.metadata["check"], one.metadata["absent"]) for one in fields(BODIES[kind])}
    sparse = any(one.metadata["default"] is not MISSING for one in fields(BODIES[kind]))
    forms = {name: checks.form(check) for name, (check, _) in of.items()}
    instant = next((name for name, form in forms.items() if form == Plain(datetime)), None)
    tests = {name: _test(form) for name, form in forms.items() if name != instant}
    return _Shape(
        kind=kind,
        body=defstruct(
            kind,
            [_declared(name, forms[name], absent) for name, (_, absent) in of.items()],
            forbid_unknown_fields=True,
            omit_defaults=sparse,
            kw_only=True,
            gc=False,
        ),
        texts=tuple((attrgetter(name), test) for name, test in tests.items() if test),
        instant=instant,
        names_subject=_SUBJECT in of,
        quick=None not in forms.values(),
    )


def _declared(name: str, form: Form | None, absent: Any) -> tuple[str, Any, Any]:
    """Return a field of a body. A subject can be taken out of it; one that never was is refused."""
    if name == _SUBJECT:
        return name, _type(form) | UnsetType, field(default=UNSET)
    return name, _type(form), field() if absent is MISSING else field(default=absent)


def _type(form: Form | None) -> Any:
    match form:
        case Nullable(inner):
            return _type(inner) | None
        case Whole(low, high):
            return Annotated[int, Meta(ge=low, le=high)]
        case Words(words):
            return Literal[words]
        case Plain(type=of) if of is float:
            return Annotated[float, Meta(ge=0, lt=checks.SECONDS_BELOW)]
        case Plain(type=of) if of is bool:
            return bool
        case None:
            return Any
    return str


def _test(form: Form | None) -> _Test | None:
    """Return the test of a value that is text so far; None if nothing is left to be tested."""
    match form:
        case Nullable(Pattern(checks.LABEL)):
            # A shop has few cameras. What is found once need not be looked at again.
            return lru_cache(maxsize=16_384)(_or_none(checks.LABEL.fullmatch))
        case Nullable(inner) if test := _test(inner):
            return _or_none(test)
        case Pattern(pattern):
            return pattern.fullmatch
        case Plain(type=of) if of is datetime:
            return sent_milliseconds
    return None


def _or_none(test: _Test) -> _Test:
    return lambda value: value is None or test(value)


def _envelope(shape: _Shape) -> Any:
    declared = {one.name: one.metadata for one in fields(Event) if one.metadata}
    return defstruct(
        f"event_of_{shape.kind}",
        [
            ("v", Literal[VERSION]),
            *((name, _type(checks.form(one["check"]))) for name, one in declared.items()),
            ("body", shape.body),
        ],
        forbid_unknown_fields=True,
        tag_field="kind",
        tag=shape.kind,
        gc=False,
    )


_SHAPES: Final = {kind: _shape(kind) for kind in BODIES}
_OF_BODY: Final = {shape.body: shape for shape in _SHAPES.values()}
_QUICK: Final = [_envelope(shape) for shape in _SHAPES.values() if shape.quick]
_QUICK_BATCH: Final = defstruct(
    "batch",
    [
        ("v", Literal[VERSION]),
        ("type", Literal[Batch.TYPE]),
        (
            "events",
            Annotated[
                list[reduce(or_, _QUICK)],  # type: ignore[misc]  # made of what is declared
                Meta(min_length=1, max_length=BATCH_EVENTS_MAX),
            ],
        ),
    ],
    forbid_unknown_fields=True,
    gc=False,
)
_DECODER: Final[Decoder[Any]] = Decoder(_QUICK_BATCH)
_ENCODER: Final = Encoder()
_is_epoch: Final = lru_cache(maxsize=16_384)(checks.epoch)  # the same for all events of a start


def _read_quickly(plain: bytes) -> list[Fact] | None:
    """Return the facts of a batch, or None if it takes a closer look."""
    try:
        return [_fact(event) for event in _DECODER.decode(plain).events]
    except (MsgspecError, ValueError, RecursionError):
        return None


def _fact(event: Any) -> Fact:
    """Return the fact of an event of which only texts remain to be tested.

    Raises:
        ValueError: one of them is not as the quick way takes it.
    """
    body = event.body
    kind, _, texts, instant, names_subject, _ = _OF_BODY[type(body)]
    subject = None
    if names_subject:
        subject = body.subject
        if subject is UNSET:
            raise ValueError
    for value_of, test in texts:
        if not test(value_of(body)):
            raise ValueError
    if kind == DeskFact.KIND and misplaced(body) is not None:
        raise ValueError
    if names_subject:
        body.subject = UNSET
    return Fact(
        _is_epoch(event.epoch),
        event.seq,
        kind,
        sent_milliseconds(event.at),
        event.mono,
        event.clock,
        body,
        subject,
        sent_milliseconds(getattr(body, instant)) if instant else None,
    )
