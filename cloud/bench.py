"""Measures the hub on this machine: `menkou-hub bench`. Called by `cli`; needs no settings.

Each case runs in a temporary directory, in turns with its baseline, so that a machine that is
busy for a while is as slow for both. A chain's boxes are made of random numbers; packing their
messages is not timed.
"""

import json
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from sqlalchemy import Engine

from cloud.db import migrate, open_engine
from cloud.inbox import Received
from cloud.ingest import Ingest
from cloud.mqtt import TOGETHER_BYTES, TOGETHER_MAX
from cloud.shares import Shares
from edge.wire.codec import encode
from edge.wire.facts import Fact, read_facts
from edge.wire.messages import Batch, Body, CrossingMinute, Event, VisitClosed, VisitOpened
from edge.wire.topics import BoxAddress

_SEED: Final = 20261122
_TURNS: Final = 4
_SHOPS: Final = 2_100  # PRODUCT: the chain
_START: Final = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
_ULID: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_JSON: Final = json.JSONEncoder(separators=(",", ":"))
_EVENTS: Final = {"50": 160_000, "1": 84_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A line of the report. `ratio` is how many times better than the baseline, in this run."""

    bench: str
    case: str
    value: float
    unit: str
    baseline: str
    baseline_value: float
    ratio: float

    def line(self) -> str:
        """Return the result as one JSON object."""
        return json.dumps(asdict(self), ensure_ascii=False)

    def words(self) -> str:
        """Return the result for people."""
        return (
            f"{self.case}: {self.value:,.0f} {self.unit};"
            f" {self.baseline}: {self.baseline_value:,.0f}; ratio {self.ratio}"
        )


class _Box:
    """A box of a shop that tells of visitors: a visit opens, closes, and a minute is counted."""

    def __init__(self, number: int, random: Random) -> None:
        self.topic = BoxAddress(store=f"shop-{number:04}", box="door").topic("up")
        self._random = random
        self._epoch = f"{random.getrandbits(128):032x}"
        self._seq = 0
        self._visit = ""

    def message(self, events: int) -> Received:
        """Return the next events, packed."""
        batch = Batch(events=tuple(self._next() for _ in range(events)))
        return self.topic, encode(batch), datetime.now(UTC)

    def _next(self) -> Event:
        self._seq += 1
        at = _START + timedelta(seconds=20 * self._seq)
        return Event(
            epoch=self._epoch,
            seq=self._seq,
            at=at,
            mono=20.0 * self._seq,
            clock="ok",
            body=self._body(at.replace(second=0)),
        )

    def _body(self, minute: datetime) -> Body:
        match self._seq % 5:
            case 1 | 3:
                self._visit = "01" + "".join(self._random.choices(_ULID, k=24))
                return VisitOpened(
                    visit=self._visit,
                    camera="door",
                    who="visitor",
                    subject=None,
                    reentry=False,
                    first_visit=None,
                    basis="crossings",
                    counted=True,
                )
            case 2 | 4:
                return VisitClosed(visit=self._visit, reason="receipt", rev=0)
        return CrossingMinute(
            camera="door",
            minute=minute,
            rev=1,
            entered=2,
            left=1,
            entered_closed=0,
            left_closed=0,
            staff=0,
            turned_back=0,
        )


def run(name: str | None, events: int | None) -> Iterator[Result]:
    """Run the benchmarks of a name, or all.

    Args:
        name: one of `NAMES`.
        events: how many each case takes in, if not as many as is usual.
    """
    for each, bench in _BENCHES.items():
        if name in (None, each):
            yield from bench(events)


def _ingest(events: int | None) -> Iterator[Result]:
    random = Random(_SEED)
    few = [_Box(number, random) for number in range(100)]
    chain = [_Box(number, random) for number in range(_SHOPS)]
    yield _compared(
        "ingest, 50 events a message, SQLite", _in_turn(few, 50, events or _EVENTS["50"])
    )
    yield _compared(
        "ingest, one event from each of 2,100 shops, SQLite",
        _in_turn(chain, 1, events or _EVENTS["1"]),
    )


def _in_turn(boxes: Sequence[_Box], together: int, events: int) -> list[Received]:
    count = max(1, events // together)
    return [boxes[number % len(boxes)].message(together) for number in range(count)]


def _compared(case: str, messages: Sequence[Received]) -> Result:
    """Take messages in, and insert the same events directly, in turns; compare the rates."""
    sets = _sets(messages)
    took, direct = 0.0, 0.0
    with tempfile.TemporaryDirectory(prefix="menkou-bench-") as folder:
        one, other = (open_engine(f"sqlite:///{folder}/{name}.db") for name in ("hub", "direct"))
        for engine in (one, other):
            migrate(engine)
        ingest = Ingest(one, Shares(one, Path(folder) / "share.secret"))
        with closing(_plain(other)) as plain:
            per_turn = -(-len(sets) // _TURNS)
            for start in range(0, len(sets), per_turn):
                some = sets[start : start + per_turn]
                took += _timed(ingest.take, some)
                direct += _timed(lambda messages: _insert(plain, messages), some)
            held = plain.execute("SELECT count(*) FROM event").fetchone()[0]
        _check(one, held)
        for engine in (one, other):
            engine.dispose()
    return Result(
        bench="ingest",
        case=case,
        value=round(held / took),
        unit="events/s",
        baseline="validating and inserting the same events directly",
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


def _plain(engine: Engine) -> sqlite3.Connection:
    """Return the driver's own connection to a database of the hub's schema, set up alike."""
    plain = sqlite3.connect(engine.url.database or "", isolation_level=None)
    with engine.connect() as connection:
        for name in ("journal_mode", "synchronous", "cache_size", "wal_autocheckpoint"):
            value = connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            plain.execute(f"PRAGMA {name} = {value}")
    return plain


def _insert(plain: sqlite3.Connection, messages: Sequence[Received]) -> None:
    plain.execute("BEGIN IMMEDIATE")
    facts = [fact for _, payload, _ in messages for fact in _facts(payload)]
    texts = [_JSON.encode(fact.body) for fact in facts]
    plain.executemany(
        "INSERT INTO event (epoch_pk, seq, kind, at, mono, clock, body, subject)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (int(f.epoch[:15], 16), f.seq, f.kind, f.at, f.mono, f.clock, text, f.subject)
            for f, text in zip(facts, texts, strict=True)
        ],
    )
    plain.execute("COMMIT")


def _facts(payload: bytes) -> list[Fact]:
    facts, _ = read_facts(payload)
    return facts if isinstance(facts, list) else []


def _check(engine: Engine, expected: int) -> None:
    with engine.connect() as connection:
        held = connection.exec_driver_sql("SELECT count(*) FROM event").scalar_one()
    if held != expected:
        raise RuntimeError(f"expected {expected} events in the database, got {held}")


_BENCHES: Final[dict[str, Callable[[int | None], Iterator[Result]]]] = {"ingest": _ingest}
NAMES: Final = tuple(_BENCHES)
"""What can be measured."""
