"""Runs a simulated chain over MQTT: what boxes say, when they say it, until all is acknowledged.

    clock ─► boxes' steps ─► batches ─► links ══ MQTT ══► the hub
                 ^                                          |
                 └── acknowledgements, ages ◄───────────────┘

One thread does all but the network. Called by `command`.
"""

import heapq
import math
import queue
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cloud.simulate.box import SimulatedBox, boxes_of, told_between
from cloud.simulate.chain import Shop
from cloud.simulate.links import Links
from cloud.simulate.report import Histogram, Report
from cloud.simulate.truth import Truth
from edge.wire.checks import milliseconds
from edge.wire.codec import WireFault, decode_ack
from edge.wire.messages import Ack

_HEARTBEAT_S: Final = 30.0
_TICK_S: Final = 0.2  # a box commits what it has found so often
_REPORT_S: Final = 5.0
_HELLO_LOOK_S: Final = 0.5
_TURN_S: Final = 0.05
"""How long batches are packed before acknowledgements and live events are looked at again."""
_TURN_EVENTS: Final = 2_000
"""Events that boxes which are behind tell before live ones are looked at again."""
_HELD_EVENTS: Final = 2_000_000
"""Events of all boxes that wait or are on their way: about 2 GB; a backlog takes no more."""
AS_FAST_AS_ACKNOWLEDGED: Final = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is to be run.

    `rate` is how many times faster than real time the simulated clock goes, or infinite: as
    fast as the hub acknowledges. `backlog` is what the first `backlog_shops` shops have to
    deliver from before `start`, `window` how much of it a box may have on its way, `settle` how
    long to wait at the end for what is not acknowledged.
    """

    seed: int
    start: datetime
    duration: timedelta
    rate: float
    backlog: timedelta
    backlog_shops: int
    window: int
    settle: timedelta


class Live:
    """A chain that speaks to a hub.

    Args:
        chain: the shops.
        run: what is to be run.
        links: the connections, opened; a box's number is its place in `boxes_of(chain)`.
        say: takes a line about progress, every five seconds.
    """

    def __init__(
        self, chain: Sequence[Shop], run: Run, links: Links, say: Callable[[str], None]
    ) -> None:
        self._run, self._links, self._say = run, links, say
        self._shops = len(chain)
        self.truth = Truth({shop.id: shop.zone for shop in chain})
        self._start_ms = milliseconds(run.start)
        self._end_ms = milliseconds(run.start + run.duration)
        self.boxes: list[SimulatedBox] = []
        self._behind: list[bool] = []
        for shop, box in boxes_of(chain):
            behind = int(shop.id[4:]) <= run.backlog_shops and bool(run.backlog)
            begin = run.start - (run.backlog if behind else timedelta())
            steps = told_between(run.seed, shop, box, begin, run.start + run.duration)
            self.boxes.append(
                SimulatedBox(
                    *(shop, box, steps),
                    seed=run.seed,
                    start_ms=milliseconds(begin),
                    window=run.window,
                )
            )
            self._behind.append(behind)
        # Boxes that are behind take turns, so that those which are not are never kept waiting.
        self._late = deque(range(len(self.boxes)))
        self._due: list[tuple[int, int]] = []
        self._full: set[int] = set()
        self._ready: deque[int] = deque()
        self._is_ready: set[int] = set()
        self._ages, self._ages_behind, self._lately = Histogram(), Histogram(), Histogram()
        self._held = self._acked = self._told = self._batches = self._reported = 0
        self._beaten = 0
        self._began = 0.0

    def run(self) -> Report:
        """Run to the end of the simulated time, and until all is acknowledged or time is up."""
        self._began = time.monotonic()
        for number, box in enumerate(self.boxes):
            online = box.box.fault != "offline"
            self._links.publish(number, "status", box.status(online=online), retain=True)
        report_at = hello_at = self._began
        ended: float | None = None
        while True:
            now = time.monotonic()
            past = self._happen(now)
            self._send()
            self._beat(now)
            if now >= hello_at:
                hello_at = now + _HELLO_LOOK_S
                self._greet(now)
            if now >= report_at + _REPORT_S:
                self._report_progress(now - report_at)
                report_at = now
            if past:
                ended = ended or now
                over = now - ended > self._run.settle.total_seconds()
                if self._acked == self._told or over:
                    break
            self._hear(max(0.0, _TICK_S - (time.monotonic() - now)) if self._idle() else 0.0)
        for number, box in enumerate(self.boxes):
            self._links.publish(number, "status", box.status(online=False), retain=True)
        return self._summed(time.monotonic() - self._began)

    def _clock_ms(self, now: float) -> int:
        if math.isinf(self._run.rate):
            return self._end_ms
        passed = (now - self._began) * 1000 * self._run.rate
        return min(self._end_ms, self._start_ms + int(passed))

    def _happen(self, now: float) -> bool:
        """Let all boxes tell what is due; return whether nothing more will be told."""
        until = self._clock_ms(now)
        while self._due and self._due[0][0] < until:
            self._happen_to(heapq.heappop(self._due)[1], until, now)
        enough = self._told + _TURN_EVENTS
        while self._late and self._told < enough and self._held < _HELD_EVENTS:
            self._happen_to(self._late.popleft(), until, now)
        return until == self._end_ms and not (self._due or self._late or self._full)

    def _happen_to(self, number: int, until: int, now: float) -> None:
        box = self.boxes[number]
        before = box.told
        done = box.happen(until, self.truth, self._start_ms, now)
        more = box.told - before
        self._told += more
        self._held += more
        self._make_ready(number)
        if not done:
            self._full.add(number)
        elif box.due_ms is not None:
            heapq.heappush(self._due, (box.due_ms, number))

    def _make_ready(self, number: int) -> None:
        if number not in self._is_ready:
            self._is_ready.add(number)
            self._ready.append(number)

    def _send(self) -> None:
        """Send a batch of each box in turn that has one, as far as the connections have room."""
        until = time.monotonic() + _TURN_S
        for _ in range(len(self._ready)):
            if time.monotonic() > until:
                return
            number = self._ready.popleft()
            if not self._links.room(number):
                self._ready.append(number)
                continue
            payload = self.boxes[number].batch(time.monotonic())
            if payload is None:
                self._is_ready.discard(number)
                continue
            self._links.publish(number, "up", payload)
            self._batches += 1
            self._ready.append(number)

    def _greet(self, now: float) -> None:
        for number, box in enumerate(self.boxes):
            if self._links.room(number) and (hello := box.hello(now)):
                self._links.publish(number, "up", hello)

    def _beat(self, now: float) -> None:
        """Send heartbeats, evenly spread over half a minute."""
        due = int((now - self._began + 1) / _HEARTBEAT_S * len(self.boxes))
        for count in range(self._beaten, min(due, self._beaten + len(self.boxes))):
            number = count % len(self.boxes)
            box = self.boxes[number]
            if box.box.fault != "offline":
                self._links.publish(number, "health", box.heartbeat(self._clock_ms(now)))
        self._beaten = due

    def _hear(self, wait_s: float) -> None:
        """Take what was heard; wait for the first at most so long."""
        while True:
            try:
                number, payload = self._links.heard.get(block=wait_s > 0, timeout=wait_s)
            except queue.Empty:
                return
            wait_s = 0.0
            if number < 0:
                for n in range(-1 - number, len(self.boxes), self._links.connections):
                    self.boxes[n].disconnected()
                continue
            try:
                ack = decode_ack(payload)
            except WireFault as fault:
                self._say(f"an acknowledgement is set aside: {fault}")
                continue
            self._acknowledge(number, ack)

    def _acknowledge(self, number: int, ack: Ack) -> None:
        box = self.boxes[number]
        before = box.acked
        ages = box.acknowledged(ack, time.monotonic())
        self._acked += box.acked - before
        self._held -= box.acked - before
        if ages:
            (self._ages_behind if self._behind[number] else self._ages).add(ages)
            if not self._behind[number]:
                self._lately.add(ages)
        self._make_ready(number)
        if number in self._full:
            self._full.discard(number)
            self._late.append(number)

    def _idle(self) -> bool:
        """Whether nothing can be sent before something is heard or happens."""
        return not (self._late or any(self._links.room(number) for number in self._is_ready))

    def _report_progress(self, seconds: float) -> None:
        rate = (self._acked - self._reported) / seconds
        self._reported = self._acked
        ages = self._lately.summed()
        self._lately = Histogram()
        shown = f", live events after {ages}" if ages.max is not None else ""
        waiting = self._told - self._acked
        self._say(f"{rate:,.0f} events/s acknowledged, {waiting:,} not yet{shown}")

    def _summed(self, seconds: float) -> Report:
        late = sum(box.late for box in self.boxes)
        return Report(
            shops=self._shops,
            boxes=len(self.boxes),
            seconds=round(seconds, 1),
            told=self._told,
            acknowledged=self._acked,
            unacknowledged=self._told - self._acked,
            backlog=late,
            live=self._told - late,
            batches=self._batches,
            resent=sum(box.resent for box in self.boxes),
            events_per_second=round(self._acked / seconds, 1),
            visitors=self.truth.total("visitors"),
            ages=self._ages.summed(),
            ages_behind=self._ages_behind.summed(),
        )
