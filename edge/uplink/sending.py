"""Decides what to send next, without any network: the rules of delivery in one place.

Driven by `mqtt`, which tells it what happened and sends what it is given.

    connected -> hello -> ack(hello) -> batches, a window at a time -> ack ...
                   ^                                    |
                   └──── nothing heard for a while ─────┘
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from edge.store.outbox import Waiting
from edge.wire.messages import BATCH_EVENTS_MAX, Ack, EpochAck

WINDOW_EVENTS: Final = 10 * BATCH_EVENTS_MAX
"""Sent and not acknowledged at a time. Ten batches keep a link busy; a crash resends no more."""
FIRST_PATIENCE_S: Final = 2.0
LAST_PATIENCE_S: Final = 15.0
"""A box asks again this often at the latest: 2,100 boxes then make 140 small messages a second."""


@dataclass(slots=True)
class Delivery:
    """What was sent on this connection and what is due. Times are monotonic seconds."""

    random: Random
    connected: bool = False
    greeted: bool = False
    cursor: int = 0
    _sent: deque[tuple[str, int]] = field(default_factory=deque)
    _patience_s: float = FIRST_PATIENCE_S
    _wait_until: float = 0.0

    def on_connected(self) -> None:
        """A connection stands: say hello at once."""
        self.connected = True
        self._patience_s = FIRST_PATIENCE_S
        self._start_over()

    def on_disconnected(self) -> None:
        """The connection is gone, and with it all that was on its way."""
        self.connected = False
        self._start_over()

    def _start_over(self) -> None:
        self.greeted = False
        self.cursor = 0
        self._sent.clear()
        self._wait_until = 0.0

    def hello_due(self, now: float) -> bool:
        """Whether to say hello: not greeted yet, or nothing was heard for too long."""
        if not self.connected or now < self._wait_until:
            return False
        return not self.greeted or bool(self._sent)

    def on_hello_sent(self, now: float) -> None:
        """Wait for the answer, each time a little longer, never in step with other boxes."""
        self._start_over()
        self._wait_until = now + self._patience_s * self.random.uniform(0.7, 1.3)
        self._patience_s = min(self._patience_s * 2, LAST_PATIENCE_S)

    def room(self) -> int:
        """Return how many events may be sent now."""
        if not (self.connected and self.greeted):
            return 0
        return min(BATCH_EVENTS_MAX, WINDOW_EVENTS - len(self._sent))

    def on_batch_sent(self, rows: Sequence[Waiting], now: float) -> None:
        """Remember what is on its way."""
        self.cursor = rows[-1].id
        if not self._sent:
            self._wait_until = now + self._patience_s
        self._sent.extend((row.event.epoch, row.event.seq) for row in rows)

    def on_ack(self, ack: Ack, session: str, now: float) -> None:
        """Take the hub's word: what it has is no longer on its way."""
        if ack.hello is not None:
            if ack.hello != session:
                return  # the answer to an earlier hello
            # The answer may come in parts, and may have made rows wait again that were sent.
            self.greeted = True
            self.cursor = 0
            self._sent.clear()
        arrived = False
        through = {entry.epoch: entry for entry in ack.epochs}
        kept = deque(pair for pair in self._sent if not _has(through.get(pair[0]), pair[1]))
        arrived = len(kept) < len(self._sent)
        self._sent = kept
        if arrived or ack.hello is not None:
            self._patience_s = FIRST_PATIENCE_S
            self._wait_until = now + self._patience_s


def _has(entry: EpochAck | None, seq: int) -> bool:
    return entry is not None and seq <= entry.through
