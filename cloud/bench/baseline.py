"""What ingest is compared with: validating events and inserting them, and nothing else.

Used by the benchmarks. The same schema, settings and transactions in a database of its own; but
no epochs, no gaps, no visits, no hours, no acknowledgements.
"""

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import psycopg
from sqlalchemy import Engine

from cloud.batches import Fact, read_facts, texts_of
from cloud.db import migrate, open_engine
from cloud.inbox import Received
from cloud.mqtt import TOGETHER_MAX, TOGETHER_WEIGHT
from cloud.waiting import weight_of

_COLUMNS: Final = "epoch_pk, seq, kind, at, mono, clock, body, subject"
NAME: Final = "validating and inserting the same events directly"


class Direct:
    """Takes messages in directly, and keeps count of the events and the time."""

    def __init__(self, plain: sqlite3.Connection) -> None:
        self._plain = plain
        self.events = 0
        self.seconds = 0.0

    def take(self, messages: Sequence[Received]) -> None:
        """Validate and insert what messages hold, in the sets that ingest would make."""
        self.seconds += timed(self._insert, sets_of(messages))

    def _insert(self, messages: Sequence[Received]) -> None:
        self._plain.execute("BEGIN IMMEDIATE")
        rows = _rows(messages)
        self._plain.executemany(
            f"INSERT INTO event ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows
        )
        self._plain.execute("COMMIT")
        self.events += len(rows)


@contextmanager
def direct() -> Iterator[Direct]:
    """Open the baseline's database in a temporary directory."""
    with tempfile.TemporaryDirectory(prefix="menkou-bench-") as folder:
        engine = open_engine(f"sqlite:///{Path(folder) / 'direct.db'}")
        migrate(engine)
        with closing(_open_plain(engine)) as plain:
            engine.dispose()
            yield Direct(plain)


def _open_plain(engine: Engine) -> sqlite3.Connection:
    """Return the driver's own connection to a database of the hub's schema, set up alike."""
    plain = sqlite3.connect(engine.url.database or "", isolation_level=None)
    with engine.connect() as connection:
        for name in ("journal_mode", "synchronous", "cache_size", "wal_autocheckpoint"):
            value = connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            plain.execute(f"PRAGMA {name} = {value}")
    return plain


def copy(plain: psycopg.Connection, messages: Sequence[Received]) -> None:
    """Do the same on PostgreSQL, by what is quickest there."""
    statement = f"COPY event ({_COLUMNS}) FROM STDIN"
    with plain.transaction(), plain.cursor() as cursor, cursor.copy(statement) as copied:
        for row in _rows(messages):
            copied.write_row(row)


def _rows(messages: Sequence[Received]) -> list[tuple[object, ...]]:
    facts = [fact for _, payload, _ in messages for fact in _facts(payload)]
    return [
        (int(f.epoch[:15], 16), f.seq, f.kind, f.at, f.mono, f.clock, text, f.subject)
        for f, text in zip(facts, texts_of(facts), strict=True)
    ]


def _facts(payload: bytes) -> list[Fact]:
    facts, _ = read_facts(payload)
    return facts if isinstance(facts, list) else []


def sets_of(messages: Sequence[Received]) -> list[list[Received]]:
    """Return the messages as `mqtt` hands them over when more have come than it takes at once."""
    sets: list[list[Received]] = [[]]
    weight = 0
    for message in messages:
        if sets[-1] and (len(sets[-1]) == TOGETHER_MAX or weight >= TOGETHER_WEIGHT):
            sets.append([])
            weight = 0
        sets[-1].append(message)
        weight += weight_of(message[1])
    return sets


def timed(take: Callable[[list[Received]], object], sets: Sequence[list[Received]]) -> float:
    """Return the seconds in which sets are taken, one after the other."""
    began = time.perf_counter()
    for messages in sets:
        take(messages)
    return time.perf_counter() - began
