"""From a real broker to the commit: Mosquitto, one process `menkou-hub ingest`, SQLite.

Each case goes in rounds. The hub is held while a process of its own gives the broker all messages
of a round, and ends; while it is still held, the same events are validated and inserted directly,
which is the baseline. Then the hub goes on, and the time runs until the last event of the round is
committed: with receiving, decoding, deriving, dirty hours and their rollup, acknowledgements. So
neither packing nor publishing is in the figure, and nothing waits for either.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Final

from cloud.bench.baseline import direct
from cloud.bench.chain import SHOPS, told_by
from cloud.bench.hub import MISSING, mosquitto, running_hub
from cloud.bench.report import Skipped, compared
from cloud.inbox import Received
from menkou.bench import Result

_ROUNDS: Final = 2
_FEW: Final = "broker to commit, 50 events a message, SQLite"
_CHAIN: Final = "broker to commit, one event from each of 2,100 shops, SQLite"


def cases(events: int | None) -> Iterator[Result | Skipped]:
    """Measure what comes through a broker."""
    binary = mosquitto()
    if binary is None:
        yield from (Skipped(bench="ingest", case=case, skipped=MISSING) for case in (_FEW, _CHAIN))
        return
    yield _measured(binary, _FEW, told_by(100, 50, events or 120_000))
    yield _measured(binary, _CHAIN, told_by(SHOPS, 1, events or 50_400))


def _measured(binary: str, case: str, messages: Sequence[Received]) -> Result:
    took = 0.0
    per_round = -(-len(messages) // _ROUNDS)
    with direct() as baseline, running_hub(binary) as hub:
        for start in range(0, len(messages), per_round):
            some = messages[start : start + per_round]
            with hub.held():
                hub.publish(some)
                baseline.take(some)
            began = time.perf_counter()
            hub.wait_for(baseline.events)
            took += time.perf_counter() - began
    return compared(case, baseline.events, took, baseline)
