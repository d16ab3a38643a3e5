"""Decides what to send next, without any network: the rules of delivery in one place.

Driven by `mqtt`, which tells it what happened and sends what it is given.

    connected -> hello -> ack(hello) -> batches, a window at a time -> ack ...
                   ^                                    |
                   └──── nothing heard for a while ─────┘

    outbox, by id:   alert event event alert event event | event alert event
                     what had waited, on `late`:         | what became known since, on `up`
                     alerts first, then the rest         | first of all, in a window of its own

What is sent ahead of something older leaves gaps at the hub, whose `through` then stands still. An
acknowledgement names the gaps around what it is for, so that all of that is known to have arrived
and makes room for more. The answer to a hello names only so many gaps: what was sent ahead of more
of them would be sent again after each hello, and the rest never. So alerts go first up to a number,
and then in their turn.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal

from edge.store.outbox import Waiting
from edge.wire.messages import BATCH_EVENTS_MAX, Ack, EpochAck, EpochSpan

WINDOW_EVENTS: Final = 5 * BATCH_EVENTS_MAX
"""Live ones sent and not acknowledged at a time. That keeps a link busy (8,000 events/s at a tenth
of a second)."""
LATE_WINDOW_EVENTS: Final = BATCH_EVENTS_MAX
"""The same of what had waited: one batch. 2,100 boxes then put 420,000 events before a hub that
comes back, 10 to 15 s of its work, and ask for none again meanwhile."""
LATE_LEAST: Final = LATE_WINDOW_EVENTS // 2
"""Room for so many, or nothing more is sent of what had waited: a window that comes free by one and
by 199 in turns makes two messages of each batch, and each may be lost."""
ALERTS_FIRST: Final = 5 * BATCH_EVENTS_MAX
"""Alerts that had waited and are sent before all else after a hello: as many as make the gaps that
its answer can name."""
LIVE_S: Final = 10.0
"""What became known so shortly before a connection stood is live too."""
FIRST_PATIENCE_S: Final = 2.0
LATE_PATIENCE_S: Final = 20.0
"""For what had waited, which a hub takes in behind what is live; as long as nobody knows better."""
LATE_PATIENCE_LEAST_S: Final = 5.0
_PATIENCE_OF_TIMES: Final = 4.0
"""So many times as long as the hub usually takes, then a late batch is lost. A hub that is slow
because a whole chain sends at once is thus left in peace, and a line that loses costs little."""
_SMOOTHED: Final = 0.125  # of each new time, as in TCP (RFC 6298)
LAST_PATIENCE_S: Final = 15.0
"""A box asks again this often at the latest: 2,100 boxes then make 140 small messages a second."""

LaneName = Literal["up", "late"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """What may be sent now: rows with an id above `after` and up to `upto`, on a channel.

    `alerts`: only alerts. `alerts_after`: alerts only above this id, those before were sent ahead.
    """

    channel: LaneName
    after: int
    upto: int | None
    limit: int
    alerts: bool = False
    alerts_after: int = 0


@dataclass(slots=True)
class _Lane:
    """One way to the hub: where it stands, and what is on its way."""

    cursor: int = 0
    sent: deque[tuple[str, int]] = field(default_factory=deque)

    def start_over(self, cursor: int) -> None:
        self.cursor = cursor
        self.sent.clear()

    @property
    def room(self) -> int:
        return min(BATCH_EVENTS_MAX, WINDOW_EVENTS - len(self.sent))

    def take_off(self, acks: dict[str, EpochAck]) -> bool:
        """Forget what has arrived; say whether anything had."""
        left = deque(pair for pair in self.sent if not _arrived(acks.get(pair[0]), pair[1]))
        fewer = len(left) < len(self.sent)
        self.sent = left
        return fewer


class Recently:
    """Which row was the newest some seconds ago. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, now: float, newest: int) -> None:
        """Note the newest row of this moment."""
        self._seen.append((now, newest))
        while len(self._seen) > 1 and self._seen[1][0] <= now - LIVE_S:
            self._seen.popleft()

    def before(self) -> int | None:
        """Return the newest row of `LIVE_S` ago, or of the first look; None without any."""
        return self._seen[0][1] if self._seen else None


@dataclass(slots=True)
class Delivery:
    """What was sent on this connection and what is due. Times are monotonic seconds."""

    random: Random
    connected: bool = False
    greeted: bool = False
    recently: Recently = field(default_factory=Recently)
    declared: dict[str, int] = field(default_factory=dict)
    _live: _Lane = field(default_factory=_Lane)
    _alerts: _Lane = field(default_factory=_Lane)  # alerts that waited; they share `late`'s window
    _late: _Lane = field(default_factory=_Lane)
    _alerts_left: int = ALERTS_FIRST
    _boundary: int = 0
    _patience_s: float = FIRST_PATIENCE_S
    _wait_until: float = 0.0
    _late_sent_at: float | None = None
    _late_took_s: float | None = None  # usually, since the last hello

    def on_connected(self) -> None:
        """A connection stands: say hello at once."""
        self.connected = True
        self.declared = {}
        self._patience_s = FIRST_PATIENCE_S
        self._start_over()

    def on_disconnected(self) -> None:
        """The connection is gone, and with it all that was on its way."""
        self.connected = False
        self._start_over()

    def _start_over(self) -> None:
        self.greeted = False
        # Something was amiss: the hub may be slower than it was.
        self._late_sent_at = self._late_took_s = None
        self._begin()
        self._wait_until = 0.0

    def _begin(self) -> None:
        """Begin with what waits; what became known in the last seconds is live."""
        self._boundary = self.recently.before() or 0
        self._live.start_over(self._boundary)
        self._alerts.start_over(0)
        self._alerts_left = ALERTS_FIRST
        self._late.start_over(0)

    @property
    def under_way(self) -> int:
        """How many events were sent and are not known to have arrived."""
        return sum(len(lane.sent) for lane in (self._live, self._alerts, self._late))

    def hello_due(self, now: float) -> bool:
        """Whether to say hello: not greeted yet, or nothing was heard for too long."""
        if not self.connected or now < self._wait_until:
            return False
        return not self.greeted or self.under_way > 0

    def on_hello_sent(self, spans: Iterable[EpochSpan], now: float) -> None:
        """Wait for the answer, each time a little longer, never in step with other boxes."""
        self._start_over()
        for span in spans:
            # The answer may be one to an earlier hello, which told of less.
            self.declared.setdefault(span.epoch, span.last)
        self._wait_until = now + self._patience_s * self.random.uniform(0.7, 1.3)
        self._patience_s = min(self._patience_s * 2, LAST_PATIENCE_S)

    def portions(self) -> Iterable[Portion]:
        """Yield what to send now, the most urgent first, as long as there is room for more.

        After each one the caller says by `on_sent` which rows there were.
        """
        if not (self.connected and self.greeted):
            return
        for lane, portion in (
            (self._live, self._live_portion),
            (self._alerts, self._alerts_portion),
            (self._late, self._late_portion),
        ):
            while (some := portion()).limit > 0:
                before = lane.cursor
                yield some
                if lane.cursor == before:
                    break  # nothing more of it waits

    def _live_portion(self) -> Portion:
        lane = self._live
        return Portion(channel="up", after=lane.cursor, upto=None, limit=lane.room)

    def _alerts_portion(self) -> Portion:
        return Portion(
            channel="late",
            after=self._alerts.cursor,
            upto=self._boundary,
            limit=min(self._late_room, self._alerts_left),
            alerts=True,
        )

    def _late_portion(self) -> Portion:
        return Portion(
            channel="late",
            after=self._late.cursor,
            upto=self._boundary,
            limit=self._late_room,
            alerts_after=self._alerts.cursor,
        )

    @property
    def _late_room(self) -> int:
        room = LATE_WINDOW_EVENTS - len(self._alerts.sent) - len(self._late.sent)
        return room if room >= LATE_LEAST else 0

    def on_sent(self, portion: Portion, rows: Sequence[Waiting], now: float) -> None:
        """Remember what is on its way."""
        if not rows:
            return
        lane = self._live if portion.channel == "up" else self._late
        if portion.alerts:
            lane = self._alerts
            self._alerts_left -= len(rows)
        if lane is not self._live and not (self._alerts.sent or self._late.sent):
            self._late_sent_at = now
        if self.under_way == 0:
            self._wait_until = now + (
                self._patience_s if lane is self._live else self._late_patience_s
            )
        elif lane is self._live and not lane.sent:
            self._wait_until = min(self._wait_until, now + self._patience_s)
        lane.cursor = rows[-1].id
        lane.sent.extend((row.event.epoch, row.event.seq) for row in rows)

    def answers(self, ack: Ack, session: str) -> bool:
        """Say whether an acknowledgement is meant for this connection."""
        return ack.hello is None or ack.hello == session

    def on_ack(self, ack: Ack, session: str, now: float) -> None:
        """Take the hub's word: what it has is no longer on its way."""
        if not self.answers(ack, session):
            return
        if ack.hello is not None:
            # The answer may come in parts, and may have made rows wait again that were sent.
            self.greeted = True
            self._begin()
        acks = {entry.epoch: entry for entry in ack.epochs}
        fewer = [lane.take_off(acks) for lane in (self._live, self._alerts, self._late)]
        if any(fewer[1:]):
            self._note_late(now)
        if any(fewer) or ack.hello is not None:
            self._patience_s = FIRST_PATIENCE_S
            live = self._live.sent or not self.under_way
            self._wait_until = now + (self._patience_s if live else self._late_patience_s)

    def _note_late(self, now: float) -> None:
        """Learn from a late batch that has arrived how long that takes."""
        if self._late_sent_at is None:
            return
        took_s = now - self._late_sent_at
        known_s = took_s if self._late_took_s is None else self._late_took_s
        self._late_took_s = known_s + _SMOOTHED * (took_s - known_s)
        self._late_sent_at = None

    @property
    def _late_patience_s(self) -> float:
        if self._late_took_s is None:
            return LATE_PATIENCE_S
        patience_s = max(LATE_PATIENCE_LEAST_S, _PATIENCE_OF_TIMES * self._late_took_s)
        return min(patience_s, LATE_PATIENCE_S)


def _arrived(entry: EpochAck | None, seq: int) -> bool:
    """Say whether an acknowledgement shows that a number has arrived.

    Up to `through` all has; between the gaps that it names, and right behind the last one, too.
    """
    if entry is None:
        return False
    if seq <= entry.through:
        return True
    gaps = entry.missing
    if not gaps or not gaps[0][0] <= seq <= gaps[-1][1] + 1:
        return False
    at = bisect_left(gaps, seq, key=lambda gap: gap[1])
    return at == len(gaps) or seq < gaps[at][0]
