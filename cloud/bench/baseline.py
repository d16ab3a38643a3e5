"""What ingest is compared with: validating events and inserting them, and nothing else.

Used by the benchmarks. The same database, schema, settings and transactions; but no epochs, no
gaps, no visits, no hours, no acknowledgements.
"""

import sqlite3
from collections.abc import Sequence
from typing import Final

import psycopg
from sqlalchemy import Engine

from cloud.batches import Fact, read_facts, texts_of
from cloud.inbox import Received

_COLUMNS: Final = "epoch_pk, seq, kind, at, mono, clock, body, subject"
NAME: Final = "validating and inserting the same events directly"


def open_plain(engine: Engine) -> sqlite3.Connection:
    """Return the driver's own connection to a database of the hub's schema, set up alike."""
    plain = sqlite3.connect(engine.url.database or "", isolation_level=None)
    with engine.connect() as connection:
        for name in ("journal_mode", "synchronous", "cache_size", "wal_autocheckpoint"):
            value = connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            plain.execute(f"PRAGMA {name} = {value}")
    return plain


def insert(plain: sqlite3.Connection, messages: Sequence[Received]) -> None:
    """Insert the events of messages in one transaction."""
    plain.execute("BEGIN IMMEDIATE")
    plain.executemany(
        f"INSERT INTO event ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _rows(messages)
    )
    plain.execute("COMMIT")


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
