"""One simulated box: its outbox in memory and the rules of delivery, without a network.

    steps -> waiting -> batches on their way -> acknowledged
                ^               |
                └── hello <─────┘ nothing heard for a while, or a gap

It keeps the rules of the box's uplink: hello first, then batches of up to 200 events, a window
at a time; what the hub has not acknowledged is sent again after the next hello. All of a run is
one epoch. Driven by `live`; times are wall-clock seconds unless they are named `_ms`.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from cloud.simulate.calendar import days_between
from cloud.simulate.chain import VERSION, Box, Shop
from cloud.simulate.day import box_day
from cloud.simulate.step import Step, moment_of
from cloud.simulate.truth import Truth
from edge.wire.checks import milliseconds
from edge.wire.codec import encode
from edge.wire.messages import (
    BATCH_EVENTS_MAX,
    Ack,
    Batch,
    CameraState,
    EpochSpan,
    Event,
    Heartbeat,
    Hello,
    Status,
)

WINDOW_EVENTS: Final = 2_000
"""Sent and not acknowledged at a time, as the box does it (`edge.uplink.sending`)."""
_FIRST_PATIENCE_S: Final = 2.0
_LAST_PATIENCE_S: Final = 15.0


@dataclass(slots=True, kw_only=True)
class _Sent:
    """A batch: up to which number, its bytes, and when its live events happened."""

    last: int
    payload: bytes
    live: tuple[float, ...]


class SimulatedBox:
    """A box that tells steps.

    Args:
        shop: its shop.
        box: which of the shop's boxes.
        steps: what it will tell, in order of time.
        seed: of its epoch and session.
        start_ms: when its epoch began (milliseconds since 1970).
        window: events that may be on their way.

    `late` counts the events from before the run that it has told, `resent` batches sent again.
    """

    def __init__(
        self,
        shop: Shop,
        box: Box,
        steps: Iterator[Step],
        *,
        seed: int,
        start_ms: int,
        window: int = WINDOW_EVENTS,
    ) -> None:
        self.shop, self.box = shop, box
        self._steps = steps
        self._next = next(steps, None)
        self._start_ms = start_ms
        self._window = window
        self._random = Random(f"{seed}/epoch/{box.id}/{start_ms}")
        self.epoch = f"{self._random.getrandbits(128):032x}"
        self._session = f"{self._random.getrandbits(128):032x}"
        self._waiting: deque[tuple[Step, float | None]] = deque()
        self._sent: deque[_Sent] = deque()
        self._again: deque[_Sent] = deque()
        self._numbered = 0  # the highest number given to an event
        self._acked = 0
        self._gap_at: int | None = None  # behind which number the last gap was filled
        self._greeted = False
        self._patience_s = _FIRST_PATIENCE_S
        self._wait_until = 0.0
        self.resent = 0
        self.late = 0

    @property
    def due_ms(self) -> int | None:
        """When the next step happens, None if nothing more does."""
        return self._next.at if self._next else None

    @property
    def told(self) -> int:
        """How many events it has told so far, sent or not."""
        return self._numbered + len(self._waiting)

    @property
    def acked(self) -> int:
        """Up to which number the hub has acknowledged."""
        return self._acked

    @property
    def unacked(self) -> int:
        """How many events the hub has not acknowledged."""
        return self.told - self._acked

    def happen(self, until_ms: int, truth: Truth, live_from_ms: int, due: float) -> bool:
        """Let happen what is due, as far as the window has room for it.

        Args:
            until_ms: of the simulated clock.
            truth: takes what happens.
            live_from_ms: what happens from then on is live: its age is measured.
            due: the wall-clock time of this call.

        Returns:
            Whether all of it happened.
        """
        while self._next and self._next.at < until_ms:
            if self.unacked >= self._window:
                return False
            step = self._next
            self.late += step.at < live_from_ms
            self._waiting.append((step, due if step.at >= live_from_ms else None))
            truth.add(self.box.store, step)
            self._next = next(self._steps, None)
        return True

    def hello(self, now: float) -> bytes | None:
        """Return a hello if one is due: not greeted yet, or nothing was heard for too long."""
        on_its_way = bool(self._sent or self._again)
        if now < self._wait_until or (self._greeted and not on_its_way):
            return None
        self._greeted = False
        self._wait_until = now + self._patience_s * self._random.uniform(0.7, 1.3)
        self._patience_s = min(self._patience_s * 2, _LAST_PATIENCE_S)
        first, last = self._acked + 1, self._numbered
        spans = (EpochSpan(epoch=self.epoch, first=first, last=last),) if last >= first else ()
        return encode(
            Hello(
                session=self._session,
                name=self.shop.name,
                timezone=self.shop.zone.key,
                version=VERSION,
                epochs=spans,
            )
        )

    def batch(self, now: float) -> bytes | None:
        """Return the next batch to send, None if there is none or it may not be sent now."""
        if not self._greeted:
            return None
        if self._again:
            sent = self._again.popleft()
            self.resent += 1
        elif self._waiting:
            sent = self._pack()
        else:
            return None
        if not self._sent:
            self._wait_until = now + self._patience_s
        self._sent.append(sent)
        return sent.payload

    def _pack(self) -> _Sent:
        events: list[Event] = []
        live: list[float] = []
        for _ in range(min(BATCH_EVENTS_MAX, len(self._waiting))):
            step, due = self._waiting.popleft()
            self._numbered += 1
            events.append(self._event(step))
            if due is not None:
                live.append(due)
        payload = encode(Batch(events=tuple(events)))
        return _Sent(last=self._numbered, payload=payload, live=tuple(live))

    def _event(self, step: Step) -> Event:
        return Event(
            epoch=self.epoch,
            seq=self._numbered,
            at=moment_of(step.at),
            mono=(step.at - self._start_ms) / 1000,
            clock="suspect" if self.box.fault == "suspect" else "ok",
            body=step.body,
        )

    def acknowledged(self, ack: Ack, now: float) -> list[float]:
        """Take the hub's word; return the ages in seconds of the live events that it now holds."""
        answer = ack.hello is not None
        if answer and ack.hello != self._session:
            return []
        ages: list[float] = []
        arrived = gap = False
        for one in ack.epochs:
            if one.epoch == self.epoch:
                arrived = one.through > self._acked
                self._acked = max(self._acked, one.through)
                gap = bool(one.missing) and one.through != self._gap_at
                self._gap_at = one.through if one.missing else self._gap_at
        for batches in (self._sent, self._again):
            while batches and batches[0].last <= self._acked:
                ages += [now - due for due in batches.popleft().live]
        if answer or gap:
            self._greeted = self._greeted or answer
            self._again = deque(sorted((*self._sent, *self._again), key=lambda one: one.last))
            self._sent.clear()
        if arrived or answer:
            self._patience_s = _FIRST_PATIENCE_S
            self._wait_until = now + self._patience_s
        return ages

    def disconnected(self) -> None:
        """What was on its way is lost with the connection; greet first when it is back."""
        self._greeted = False
        self._wait_until = 0.0

    def status(self, *, online: bool) -> bytes:
        """Return the status, which the broker retains."""
        return encode(Status(session=self._session, state="online" if online else "offline"))

    def heartbeat(self, now_ms: int) -> bytes:
        """Return how the box is at a moment of the simulated clock."""
        oldest = self._waiting[0][0].at if self._waiting else None
        return encode(
            Heartbeat(
                session=self._session,
                at=moment_of(now_ms),
                clock="suspect" if self.box.fault == "suspect" else "ok",
                version=VERSION,
                mode=self.box.mode,
                mode_wanted=self.box.mode,
                mode_why=None,
                backlog=self.unacked,
                oldest_unacked_at=moment_of(oldest) if oldest is not None else None,
                occupancy=0,
                storage="ok",
                cameras=tuple(CameraState(name=n, state=s) for n, s in self.box.states()),
                **self.box.board(),
                controller=self.box.controller,
            )
        )


def told_between(seed: int, shop: Shop, box: Box, start: datetime, end: datetime) -> Iterator[Step]:
    """Yield what a box tells from `start` to `end`, both aware.

    What began before `start` is left out whole, so that the sums of the steps are exact. A box
    that is offline tells nothing.
    """
    if box.fault == "offline":
        return
    start_ms, end_ms = milliseconds(start), milliseconds(end)
    first, last = (at.astimezone(shop.zone).date() for at in (start, end))
    for day in days_between(first, last + timedelta(days=1)):
        for step in box_day(seed, shop, box, day):
            if step.at >= end_ms:
                return
            if step.since >= start_ms:
                yield step


def boxes_of(chain: Sequence[Shop]) -> list[tuple[Shop, Box]]:
    """Return every box of a chain with its shop, in order."""
    return [(shop, box) for shop in chain for box in shop.boxes]
