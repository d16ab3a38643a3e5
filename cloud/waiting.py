"""Messages that came and wait for ingest, in two lanes. Two threads: one puts, one gathers.

    up     ──► live ──┐
                      ├─► a set: what is live first, of what is late at least a share
    late   ──► late ──┘

Used by `mqtt`. What is live is what boxes tell as it happens; late is what they could not tell
before. A chain's backlog of days fills its own lane only, and its own share of each set.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from threading import Condition
from typing import Final, NamedTuple

from cloud.inbox import Received

Ready = Callable[[], bool]
LATE_SHARE: Final = 0.25
"""Of each set, if that much is waiting, however much is live: a backlog ends in any case."""
_LATE: Final = "/late"
_DEFLATED: Final = 10
"""How many times its size a deflated batch has as JSON: 9.7 for 50 events, 12.0 for 200."""


def weight_of(payload: bytes) -> int:
    """Return about how many bytes a payload has as JSON; for events that is the work it makes."""
    return len(payload) * (_DEFLATED if payload[:1] == b"\x78" else 1)


class Bound(NamedTuple):
    """What may wait in a lane: messages, and what their payloads weigh in memory."""

    messages: int
    size: int


class _Lane:
    """A bounded queue."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound
        self._messages: deque[tuple[Received, int]] = deque()
        self.size = 0
        self.weight = 0

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, message: Received) -> bool:
        """Let a message wait; return whether there was room."""
        size = len(message[1])
        if len(self._messages) >= self._bound.messages or self.size + size > self._bound.size:
            return False
        weight = weight_of(message[1])
        self._messages.append((message, weight))
        self.size += size
        self.weight += weight
        return True

    def take(self, taken: list[Received], most: float, weight: float) -> int:
        """Move messages over until there are `most`, or they weigh enough; return their weight."""
        moved = 0
        while self._messages and len(taken) < most and moved < weight:
            message, its = self._messages.popleft()
            taken.append(message)
            moved += its
            self.size -= len(message[1])
        self.weight -= moved
        return moved


class Waiting:
    """Two bounded queues that hand over all that has come, as far as it may be taken together."""

    def __init__(self, *, live: Bound, late: Bound) -> None:
        self._live = _Lane(live)
        self._late = _Lane(late)
        self._changed = Condition()
        self._ready: Ready = self._some

    def put(self, messages: Sequence[Received]) -> int:
        """Let messages wait, each in its topic's lane; return for how many there was no room."""
        refused = 0
        with self._changed:
            for message in messages:
                lane = self._late if message[0].endswith(_LATE) else self._live
                refused += not lane.put(message)
            if self._ready():  # nobody is woken for less
                self._changed.notify()
        return refused

    def held(self) -> tuple[int, int]:
        """Return how many messages wait, and what their payloads weigh."""
        with self._changed:
            return len(self._live) + len(self._late), self._live.size + self._late.size

    def gather(self, idle_s: float, together_s: float, *, most: int, weight: int) -> list[Received]:
        """Return messages: live ones, then late ones, each in the order in which they came.

        Waits for the first at most `idle_s`, then `together_s` for those that come with it, but
        not once there are `most`, or they weigh enough (see `weight_of`).
        """

        def enough() -> bool:
            heavy = self._live.weight + self._late.weight >= weight
            return heavy or len(self._live) + len(self._late) >= most

        with self._changed:
            self._wait(self._some, idle_s)
            if self._some():
                self._wait(enough, together_s)
            return self._taken(most, weight)

    def _some(self) -> bool:
        return bool(self._live) or bool(self._late)

    def _wait(self, ready: Ready, seconds: float) -> None:
        until = time.monotonic() + seconds
        self._ready = ready
        while not ready() and (left := until - time.monotonic()) > 0:
            self._changed.wait(left)

    def _taken(self, most: int, weight: int) -> list[Received]:
        taken: list[Received] = []
        share = 1 - LATE_SHARE if self._late else 1.0
        moved = self._live.take(taken, share * most, share * weight)
        moved += self._late.take(taken, most, weight - moved)
        self._live.take(taken, most, weight - moved)  # what few late ones left of their share
        return taken
