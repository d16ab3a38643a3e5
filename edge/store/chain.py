"""Tables whose rows are chained by hashes, so that a changed row shows. Called by `consents` and
`audit`; the schema's triggers refuse changes through SQLite.

    hash(n) = SHA-256( hash(n - 1) + JSON of [table, id, values...] )

Whoever can write the file can compute a whole new chain: to prove that none was, the head that
`audit verify` prints is noted down elsewhere.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from sqlite_utils import Database

Value = str | int | float | bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A chained table: `id`, the given columns, `prev` and `hash`."""

    table: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What `verify` found. `broken` is the id of the first row that does not follow, or None."""

    rows: int
    head: str
    broken: int | None


def genesis(table: str) -> bytes:
    """Return what the first row of a table follows, 32 bytes."""
    return sha256(f"menkou/{table}/1".encode()).digest()


def link(previous: bytes, table: str, row_id: int, values: tuple[Value, ...]) -> bytes:
    """Return the hash of a row, 32 bytes."""
    plain = [["x", v.hex()] if isinstance(v, bytes) else v for v in values]
    canonical = json.dumps([table, row_id, *plain], ensure_ascii=True, separators=(",", ":"))
    return sha256(previous + canonical.encode()).digest()


def append(db: Database, chain: Chain, values: Mapping[str, Value]) -> int:
    """Add a row in the caller's transaction, which holds the write lock; return its id.

    Columns that `values` does not name are NULL.
    """
    last = db.execute(f"SELECT id, hash FROM {chain.table} ORDER BY id DESC LIMIT 1").fetchone()
    row_id, previous = (last[0] + 1, last[1]) if last else (1, genesis(chain.table))
    row = tuple(values.get(column) for column in chain.columns)
    names = ("id", *chain.columns, "prev", "hash")
    db.execute(
        f"INSERT INTO {chain.table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
        [row_id, *row, previous, link(previous, chain.table, row_id, row)],
    )
    return row_id


def verify(db: Database, chain: Chain) -> Verdict:
    """Compute the chain anew from its first row."""
    previous, count, broken = genesis(chain.table), 0, None
    rows = db.execute(
        f"SELECT id, prev, hash, {', '.join(chain.columns)} FROM {chain.table} ORDER BY id"
    )
    for row_id, prev, held, *values in rows:
        count += 1
        sound = row_id == count and prev == previous
        if not (sound and held == link(previous, chain.table, row_id, tuple(values))):
            broken = row_id
            break
        previous = held
    return Verdict(rows=count, head=previous.hex(), broken=broken)
