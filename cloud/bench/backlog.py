"""A chain's backlog is drained while new events come: how fast, and how old do those get?

Each shop has as many late batches, and sends the next when the last is acknowledged, as boxes do.
All were packed before, which in a chain is the work of thousands of boxes. While they go, a live
event of another shop is published every 10 ms, as in the chain's busiest hour; its age is measured
up to the hub's acknowledgement, which follows its commit.
"""

import statistics
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import cycle
from typing import Final

from cloud.bench.baseline import direct
from cloud.bench.chain import SHOPS, chain, in_turn
from cloud.bench.hub import MISSING, mosquitto, running_hub, wait_until
from cloud.bench.report import Skipped, compared
from cloud.client import Client, Heard
from cloud.errors import HubFault
from cloud.inbox import Received
from edge.wire.messages import BATCH_EVENTS_MAX
from edge.wire.topics import BoxAddress, every_box, parse_topic
from menkou.bench import Result

_DRAINED: Final = "backlog, late batches of 2,100 shops while live events come, SQLite"
_AGE: Final = "backlog, age of live events at their acknowledgement, SQLite, {}"
_EVENTS: Final = 105_000
_WAIT_S: Final = 60.0
_EVERY_S: Final = 0.01
_LIVE_MIN: Final = 20
_ALLOWED_MS: Final = 2_000


def cases(events: int | None) -> Iterator[Result | Skipped]:
    """Measure a backlog beside live events."""
    binary = mosquitto()
    if binary is None:
        yield Skipped(bench="ingest", case=_DRAINED, skipped=MISSING)
        return
    events = events or _EVENTS
    together = min(BATCH_EVENTS_MAX, -(-events // SHOPS))
    late = in_turn(chain(SHOPS, channel="late"), together, events)
    with (
        direct() as baseline,
        running_hub(binary) as hub,
        closing(_Line(hub.port)) as line,
        closing(_Backlog(hub.port, late)) as backlog,
    ):
        with hub.held():
            baseline.take(late)
        began = time.perf_counter()
        backlog.begin()
        took = _send_until(backlog, line, began)
        wait_until(lambda: not line.waiting, "an acknowledgement of each live event")
        if (held := hub.committed()) != baseline.events:
            raise HubFault(f"bench: expected {baseline.events} events in the database, got {held}")
    yield compared(_DRAINED, baseline.events, took, baseline)
    ages = sorted(1_000 * age for age in line.ages)
    p95 = statistics.quantiles(ages, n=20)[-1]
    for name, age in (("p50", statistics.median(ages)), ("p95", p95), ("max", ages[-1])):
        yield Result(
            bench="ingest",
            case=_AGE.format(name),
            value=round(age),
            unit="ms",
            baseline="what is allowed",
            baseline_value=_ALLOWED_MS,
            ratio=round(_ALLOWED_MS / age, 2),
        )


def _send_until(backlog: "_Backlog", line: "_Line", began: float) -> float:
    """Send live events until all late ones are committed; return the seconds that took."""
    shops = chain(SHOPS, store="live")
    took = 0.0
    for number, shop in enumerate(cycle(shops)):
        topic, payload, _ = shop.message(1)
        line.send(topic, payload)
        time.sleep(_EVERY_S)
        if not took and backlog.drained.is_set():
            took = time.perf_counter() - began
        if took and number >= _LIVE_MIN:
            break
        if time.perf_counter() - backlog.heard_at > _WAIT_S:
            raise HubFault(f"bench: expected an acknowledgement within {_WAIT_S:.0f} s")
    return took


class _Connection:
    """Sends as boxes do, and hears what the hub acknowledges."""

    def __init__(self, port: int, heard: Heard) -> None:
        self._client = Client(heard)
        self.send = self._client.send
        subscribed = threading.Event()
        self._client.on_connect = lambda client, *_: client.subscribe(every_box("ack"), 0)
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect_async("127.0.0.1", port)
        self._thread = threading.Thread(target=self._client.loop_forever, daemon=True)
        self._thread.start()
        wait_until(subscribed.is_set, "a subscription")

    def close(self) -> None:
        """End the connection."""
        self._client.disconnect()
        self._thread.join()


class _Backlog:
    """Boxes that were away. Each sends a batch when the hub has acknowledged the one before."""

    def __init__(self, port: int, messages: Sequence[Received]) -> None:
        self._left: dict[BoxAddress, deque[tuple[str, bytes]]] = defaultdict(deque)
        for topic, payload, _ in messages:
            self._left[parse_topic(topic)[0]].append((topic, payload))
        self.drained = threading.Event()
        self.heard_at = time.perf_counter()
        self._connection = _Connection(port, self._heard)
        self.close = self._connection.close

    def begin(self) -> None:
        """Let every box send its first batch."""
        self.heard_at = time.perf_counter()
        self._connection.send([batches[0] for batches in self._left.values()])

    def _heard(self, messages: list[tuple[str, bytes]]) -> None:
        self.heard_at = time.perf_counter()
        following = []
        for topic, _ in messages:
            address, _ = parse_topic(topic)
            if batches := self._left.get(address):
                batches.popleft()
                if batches:
                    following.append(batches[0])
                else:
                    del self._left[address]
        self._connection.send(following)
        if not self._left:
            self.drained.set()


class _Line:
    """Sends live events, and notes how long each waits for its acknowledgement."""

    def __init__(self, port: int) -> None:
        self.waiting: dict[str, float] = {}
        self.ages: list[float] = []
        self._connection = _Connection(port, self._heard)
        self.close = self._connection.close

    def send(self, topic: str, payload: bytes) -> None:
        """Send one event of a box that waits for no acknowledgement."""
        self.waiting[parse_topic(topic)[0].store] = time.perf_counter()
        self._connection.send([(topic, payload)])

    def _heard(self, messages: list[tuple[str, bytes]]) -> None:
        now = time.perf_counter()
        for topic, _ in messages:
            sent = self.waiting.pop(parse_topic(topic)[0].store, None)
            if sent is not None:
                self.ages.append(now - sent)
