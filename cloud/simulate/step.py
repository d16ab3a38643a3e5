"""A step of a simulated box's day. Used by `day`, `desk` and `truth`; pure."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final, NamedTuple

from edge.wire.messages import Body

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ULID: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS: Final = tuple(a + b for a in _ULID for b in _ULID)


class Delta(NamedTuple):
    """What a step changes: a figure of the hour that holds a moment (ms since 1970)."""

    moment: int
    figure: str
    amount: int


class Step(NamedTuple):
    """A fact that becomes known at `at`. `since`: when what it tells of began (ms since 1970)."""

    at: int
    since: int
    body: Body
    deltas: tuple[Delta, ...]


def ulid(random: Random, ms: int) -> str:
    """Return a ULID of a moment: 48 bits of time, 80 random ones."""
    number = ms << 80 | random.getrandbits(80)
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])


def moment_of(ms: int) -> datetime:
    """Return the aware moment of milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=ms)
