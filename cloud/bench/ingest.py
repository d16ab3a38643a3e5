"""Messages that are at hand, taken in by `Ingest` in sets as `mqtt` makes them: no broker."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from cloud.bench.baseline import NAME, insert, open_plain
from cloud.bench.chain import SHOPS, chain, in_turn
from cloud.bench.report import Result
from cloud.db import migrate, open_engine
from cloud.inbox import Received
from cloud.ingest import Ingest
from cloud.mqtt import TOGETHER_BYTES, TOGETHER_MAX
from cloud.shares import Shares

_TURNS: Final = 4


def cases(events: int | None) -> Iterator[Result]:
    """Measure what is taken in without a broker."""
    yield _compared(
        "ingest, 50 events a message, SQLite", in_turn(chain(100), 50, events or 160_000)
    )
    yield _compared(
        "ingest, one event from each of 2,100 shops, SQLite",
        in_turn(chain(SHOPS), 1, events or 84_000),
    )


def _compared(case: str, messages: Sequence[Received]) -> Result:
    """Take messages in, and insert the same events directly, in turns; compare the rates."""
    sets = _sets(messages)
    took, direct = 0.0, 0.0
    with tempfile.TemporaryDirectory(prefix="menkou-bench-") as folder:
        one, other = (open_engine(f"sqlite:///{folder}/{name}.db") for name in ("hub", "direct"))
        for engine in (one, other):
            migrate(engine)
        ingest = Ingest(one, Shares(one, Path(folder) / "share.secret"))
        with closing(open_plain(other)) as plain:
            per_turn = -(-len(sets) // _TURNS)
            for start in range(0, len(sets), per_turn):
                some = sets[start : start + per_turn]
                took += _timed(ingest.take, some)
                direct += _timed(lambda messages: insert(plain, messages), some)
            held = plain.execute("SELECT count(*) FROM event").fetchone()[0]
        _check(one, held)
        for engine in (one, other):
            engine.dispose()
    return Result(
        bench="ingest",
        case=case,
        value=round(held / took),
        unit="events/s",
        baseline=NAME,
        baseline_value=round(held / direct),
        ratio=round(direct / took, 2),
    )


def _sets(messages: Sequence[Received]) -> list[list[Received]]:
    """Return the messages as `mqtt` hands them over when more have come than it takes at once."""
    sets: list[list[Received]] = [[]]
    size = 0
    for message in messages:
        if sets[-1] and (len(sets[-1]) == TOGETHER_MAX or size >= TOGETHER_BYTES):
            sets.append([])
            size = 0
        sets[-1].append(message)
        size += len(message[1])
    return sets


def _timed(take: Callable[[list[Received]], object], sets: Sequence[list[Received]]) -> float:
    began = time.perf_counter()
    for messages in sets:
        take(messages)
    return time.perf_counter() - began


def _check(engine: Engine, expected: int) -> None:
    with engine.connect() as connection:
        held = connection.exec_driver_sql("SELECT count(*) FROM event").scalar_one()
    if held != expected:
        raise RuntimeError(f"expected {expected} events in the database, got {held}")
