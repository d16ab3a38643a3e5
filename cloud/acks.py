"""The hub's word to a box: what it holds and what it misses. Pure. Called by `ingest`.

An answer to a hello lists all that is missing up to the box's last number. An acknowledgement
of batches names the gaps around what has just come ahead of one, so that the box sees that it has
arrived; it asks for nothing. No acknowledgement holds more than 1,000 ranges: the answer to a
hello is then several acknowledgements, and an epoch stands in exactly one of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from cloud.ledger import Entry
from edge.wire.codec import encode
from edge.wire.messages import VERSION, Ack, EpochAck, EpochSpan, Hello
from edge.wire.received import at_most
from edge.wire.topics import BoxAddress

Reply = tuple[str, bytes]
"""Topic and payload."""

_RANGES_MAX: Final = 1_000
_EPOCHS_MAX: Final = 1_000  # with their ranges, about half of what a payload may hold


_BARE: Final = (
    f'{{"v":{VERSION},"type":"ack","hello":null,'
    '"epochs":[{"epoch":"%s","through":%d,"missing":[]}]}'
)
"""What nearly every acknowledgement is, as `encode` would write it: 2,100 a set, in a chain."""


def answer_batch(address: BoxAddress, touched: Sequence[Entry]) -> list[Reply]:
    """Acknowledge batches: how far each of their epochs is held without a gap."""
    if len(touched) == 1 and not touched[0].received.gaps:
        entry = touched[0]
        bare = _BARE % (entry.name, entry.received.through)
        return [(address.topic("ack"), bare.encode())]
    acks = [_epoch_ack(entry, _around(entry)) for entry in touched]
    return _replies(address, None, acks)


def _around(entry: Entry) -> list[tuple[int, int]]:
    """Return the gaps around what came ahead of one; nothing if nothing did."""
    through = entry.received.through
    if entry.came is None or entry.came[1] <= through:
        return []
    return entry.received.missing_around(max(entry.came[0], through + 1), entry.came[1])


def answer_hello(address: BoxAddress, hello: Hello, entries: Mapping[str, Entry]) -> list[Reply]:
    """Note what a box declares, and answer with what of it is missing."""
    acks = []
    for span in hello.epochs:
        entry = entries[span.epoch]
        if span.first <= span.last:
            entry.received.declare(span.first, span.last)
        acks.append(_epoch_ack(entry, _missing(entry, span)))
    return _replies(address, hello.session, acks)


def _missing(entry: Entry, span: EpochSpan) -> list[tuple[int, int]]:
    return entry.received.missing_within(span.first, span.last)


def _epoch_ack(entry: Entry, missing: list[tuple[int, int]]) -> EpochAck:
    return EpochAck(
        epoch=entry.name,
        through=entry.received.through,
        missing=tuple(at_most(missing, _RANGES_MAX)),
    )


def _replies(address: BoxAddress, hello: str | None, acks: Sequence[EpochAck]) -> list[Reply]:
    topic = address.topic("ack")
    return [(topic, encode(Ack(hello=hello, epochs=tuple(part)))) for part in _parts(acks)]


def _parts(acks: Sequence[EpochAck]) -> Iterator[list[EpochAck]]:
    part: list[EpochAck] = []
    ranges = 0
    for ack in acks:
        if part and (ranges + len(ack.missing) > _RANGES_MAX or len(part) == _EPOCHS_MAX):
            yield part
            part, ranges = [], 0
        part.append(ack)
        ranges += len(ack.missing)
    yield part  # an empty answer is one too: the box learns that the hub is there
