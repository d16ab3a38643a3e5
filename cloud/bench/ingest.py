"""Messages that are at hand, taken in by `Ingest` in sets as `mqtt` makes them: no broker."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from cloud.bench.baseline import direct, sets_of, timed
from cloud.bench.chain import SHOPS, told_by
from cloud.bench.report import compared
from cloud.db import migrate, open_engine
from cloud.errors import HubFault
from cloud.inbox import Received
from cloud.ingest import Ingest
from cloud.shares import Shares
from menkou.bench import Result

_TURNS: Final = 4
_FEW: Final = "ingest, 50 events a message, SQLite"
_CHAIN: Final = "ingest, one event from each of 2,100 shops, SQLite"


def cases(events: int | None) -> Iterator[Result]:
    """Measure what is taken in without a broker."""
    yield _measured("ingest, 50 events a message, SQLite", told_by(100, 50, events or 120_000))
    yield _measured(
        "ingest, one event from each of 2,100 shops, SQLite",
        told_by(SHOPS, 1, events or 50_400),
    )


def _measured(case: str, messages: Sequence[Received]) -> Result:
    """Take messages in, and insert the same events directly, in turns; compare the rates."""
    took = 0.0
    per_turn = -(-len(messages) // _TURNS)
    with tempfile.TemporaryDirectory(prefix="menkou-bench-") as folder, direct() as baseline:
        engine = open_engine(f"sqlite:///{folder}/hub.db")
        migrate(engine)
        ingest = Ingest(engine, Shares(engine, Path(folder) / "share.secret"))
        for start in range(0, len(messages), per_turn):
            some = messages[start : start + per_turn]
            took += timed(ingest.take, sets_of(some))
            baseline.take(some)
        with engine.connect() as connection:
            held = connection.exec_driver_sql("SELECT count(*) FROM event").scalar_one()
        engine.dispose()
    if held != baseline.events:
        raise HubFault(f"bench: expected {baseline.events} events in the database, got {held}")
    return compared(case, held, took, baseline)
