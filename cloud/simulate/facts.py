"""Days of a simulated chain through the hub's own ingest, without a broker. Called by `command`.

Every message is what a box would publish, taken by `cloud.ingest.Ingest` in sets as large as
those of `cloud.mqtt`, rolled up, and its days counted: all the code of the hub but MQTT.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine

from cloud.inbox import Received
from cloud.ingest import Ingest
from cloud.mqtt import TOGETHER_MAX, TOGETHER_WEIGHT
from cloud.rollup import rollup
from cloud.simulate.box import SimulatedBox, boxes_of, told_between
from cloud.simulate.chain import Shop
from cloud.simulate.truth import Truth
from cloud.tally.recount import recount
from cloud.waiting import weight_of
from edge.wire.checks import milliseconds
from edge.wire.codec import decode_ack
from edge.wire.topics import Channel, parse_topic

_PORTION: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """How much was taken in."""

    events: int
    acknowledged: int
    visitors: int
    seconds: float


class Feeder:
    """Takes the days of a chain into a database.

    Args:
        engine: the database.
        ingest: the hub's, on that database.
        chain: the shops.
        seed: of their days.
        start: an aware moment; what began before it is left out.
        end: an aware moment.
    """

    def __init__(
        self,
        engine: Engine,
        ingest: Ingest,
        chain: Sequence[Shop],
        *,
        seed: int,
        start: datetime,
        end: datetime,
    ) -> None:
        self._engine, self._ingest = engine, ingest
        self._start, self._end = start, end
        self.truth = Truth({shop.id: shop.zone for shop in chain})
        self.boxes = {
            (box.store, box.id): SimulatedBox(
                shop,
                box,
                told_between(seed, shop, box, start, end),
                seed=seed,
                start_ms=milliseconds(start),
            )
            for shop, box in boxes_of(chain)
        }
        self._set: list[Received] = []
        self._size = 0

    def run(self, told: Callable[[datetime, int], None]) -> Taken:
        """Take everything in, hour by hour of all boxes.

        Args:
            told: is told after each hour up to when, and how many events were taken in so far.

        Raises:
            sqlalchemy.exc.DBAPIError: the database cannot write.
        """
        began = time.monotonic()
        for box in self.boxes.values():
            self._send(box, "up", box.hello(0.0), self._start)
        self._flush()
        until = self._start
        while until < self._end:
            until = min(until + _PORTION, self._end)
            for box in self.boxes.values():
                self._tell(box, until)
            self._flush()
            rollup(self._engine)
            told(until, sum(box.acked for box in self.boxes.values()))
        for box in self.boxes.values():
            self._send(box, "health", box.heartbeat(milliseconds(self._end)), self._end)
        self._flush()
        recount(self._engine, now=self._end)
        boxes = self.boxes.values()
        return Taken(
            events=sum(box.told for box in boxes),
            acknowledged=sum(box.acked for box in boxes),
            visitors=self.truth.total("visitors"),
            seconds=round(time.monotonic() - began, 1),
        )

    def _tell(self, box: SimulatedBox, until: datetime) -> None:
        done = False
        while not done:
            done = box.happen(milliseconds(until), self.truth, milliseconds(self._start), 0.0)
            while payload := box.batch(0.0):
                self._send(box, "up", payload, until)
            if not done:
                self._flush()  # its window is full: it goes on once it is acknowledged

    def _send(
        self, box: SimulatedBox, channel: Channel, payload: bytes | None, at: datetime
    ) -> None:
        if payload is None:
            return
        self._set.append((box.box.address.topic(channel), payload, at))
        self._size += weight_of(payload)
        if len(self._set) >= TOGETHER_MAX or self._size >= TOGETHER_WEIGHT:
            self._flush()

    def _flush(self) -> None:
        messages, self._set, self._size = self._set, [], 0
        for topic, payload in self._ingest.take(messages) if messages else ():
            address, _ = parse_topic(topic)
            self.boxes[address.store, address.box].acknowledged(decode_ack(payload), 0.0)
