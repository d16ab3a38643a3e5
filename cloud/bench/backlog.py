"""A chain's backlog is drained while new events come: how fast, and how old do those get?

The broker is given late batches while the hub is held. Then it goes on, and from now on a live
event of another shop is published every 10 ms, as in the chain's busiest hour, until the backlog
is committed. The age of each is measured up to the hub's acknowledgement, which follows its commit.
"""

import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Final

from cloud.bench.baseline import direct
from cloud.bench.chain import SHOPS, chain, in_turn
from cloud.bench.hub import MISSING, BenchHub, mosquitto, running_hub, wait_until
from cloud.bench.report import Skipped, compared
from cloud.client import Client
from cloud.inbox import Received
from edge.wire.topics import every_box, parse_topic
from menkou.bench import Result

_DRAINED: Final = "backlog, late batches of 2,100 shops while live events come, SQLite"
_AGE: Final = "backlog, age of live events at their acknowledgement, SQLite, {}"
_EVERY_S: Final = 0.01
_LIVE_MIN: Final = 20
_ALLOWED_MS: Final = 2_000


def cases(events: int | None) -> Iterator[Result | Skipped]:
    """Measure a backlog beside live events."""
    binary = mosquitto()
    if binary is None:
        yield Skipped(bench="ingest", case=_DRAINED, skipped=MISSING)
        return
    late = in_turn(chain(SHOPS, channel="late"), 50, events or 105_000)
    live = in_turn(chain(SHOPS, store="live"), 1, SHOPS)
    with (
        direct() as baseline,
        running_hub(binary) as hub,
        closing(_Line(hub.port)) as line,
    ):
        with hub.held():
            hub.publish(late)
            baseline.take(late)
        began = time.perf_counter()
        took = _send_until(hub, baseline.events, line, live, began)
        wait_until(lambda: not line.waiting, "an acknowledgement of each live event")
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


def _send_until(
    hub: BenchHub, events: int, line: "_Line", live: Sequence[Received], began: float
) -> float:
    """Send live events until so many late ones are committed; return the seconds that took."""
    took = 0.0
    for number, (topic, payload, _) in enumerate(live):
        line.send(topic, payload)
        time.sleep(_EVERY_S)
        if not took and hub.committed() >= events:
            took = time.perf_counter() - began
        if took and number >= _LIVE_MIN:
            return took
    hub.wait_for(events)
    return time.perf_counter() - began


class _Line:
    """Sends live events, and notes how long each waits for its acknowledgement."""

    def __init__(self, port: int) -> None:
        self.waiting: dict[str, float] = {}
        self.ages: list[float] = []
        self._client = Client(self._heard)
        subscribed = threading.Event()
        self._client.on_connect = lambda client, *_: client.subscribe(every_box("ack"), 0)
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect_async("127.0.0.1", port)
        self._thread = threading.Thread(target=self._client.loop_forever, daemon=True)
        self._thread.start()
        wait_until(subscribed.is_set, "a subscription")

    def send(self, topic: str, payload: bytes) -> None:
        """Send one event of a box that has sent none."""
        self.waiting[parse_topic(topic)[0].store] = time.perf_counter()
        self._client.send([(topic, payload)])

    def _heard(self, messages: list[tuple[str, bytes]]) -> None:
        now = time.perf_counter()
        for topic, _ in messages:
            sent = self.waiting.pop(parse_topic(topic)[0].store, None)
            if sent is not None:
                self.ages.append(now - sent)

    def close(self) -> None:
        """End the connection."""
        self._client.disconnect()
        self._thread.join()
