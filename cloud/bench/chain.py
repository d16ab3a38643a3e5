"""A chain's boxes made of random numbers, and their messages. Used by the benchmarks.

Packing messages is never timed. The same seed makes the same chain.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Final

from cloud.inbox import Received
from cloud.partitions import ulid_time
from edge.wire.codec import encode
from edge.wire.messages import Batch, Body, CrossingMinute, Event, VisitClosed, VisitOpened
from edge.wire.topics import BoxAddress, Channel

SHOPS: Final = 2_100  # PRODUCT: the chain
_SEED: Final = 20261122
_START: Final = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
_ULID: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class ChainBox:
    """A box of a shop that tells of visitors: a visit opens, closes, and a minute is counted."""

    def __init__(self, topic: str, random: Random) -> None:
        self.topic = topic
        self._random = random
        self._epoch = f"{random.getrandbits(128):032x}"
        self._seq = 0
        self._visit = ""

    def message(self, events: int) -> Received:
        """Return the next events, packed."""
        batch = Batch(events=tuple(self._next() for _ in range(events)))
        return self.topic, encode(batch), datetime.now(UTC)

    def _next(self) -> Event:
        self._seq += 1
        at = _START + timedelta(seconds=20 * self._seq)
        return Event(
            epoch=self._epoch,
            seq=self._seq,
            at=at,
            mono=20.0 * self._seq,
            clock="ok",
            body=self._body(at),
        )

    def _body(self, at: datetime) -> Body:
        match self._seq % 5:
            case 1 | 3:
                self._visit = ulid_time(at) + "".join(self._random.choices(_ULID, k=16))
                return VisitOpened(
                    visit=self._visit,
                    camera="door",
                    who="visitor",
                    subject=None,
                    reentry=False,
                    first_visit=None,
                    basis="crossings",
                    counted=True,
                )
            case 2 | 4:
                return VisitClosed(visit=self._visit, reason="receipt", rev=0)
        return CrossingMinute(
            camera="door",
            minute=at.replace(second=0),
            rev=1,
            entered=2,
            left=1,
            entered_closed=0,
            left_closed=0,
            staff=0,
            turned_back=0,
        )


def chain(shops: int, *, store: str = "shop", channel: Channel = "up") -> list[ChainBox]:
    """Return the boxes of so many shops, one each, which speak on a channel."""
    random = Random(_SEED)
    addresses = (BoxAddress(store=f"{store}-{number:04}", box="door") for number in range(shops))
    return [ChainBox(address.topic(channel), random) for address in addresses]


@lru_cache(maxsize=2)  # the same for the case with a broker as for the one without
def told_by(shops: int, together: int, events: int) -> tuple[Received, ...]:
    """Return what a chain's boxes tell, as `in_turn` packs it."""
    return tuple(in_turn(chain(shops), together, events))


def in_turn(boxes: Sequence[ChainBox], together: int, events: int) -> list[Received]:
    """Return messages of so many events in all, `together` in each, from each box in turn."""
    count = max(1, events // together)
    return [boxes[number % len(boxes)].message(together) for number in range(count)]
