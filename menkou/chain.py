"""Rows chained by hashes, so that a changed row shows. Pure; both sides' audit logs are kept so.

    hash(n) = SHA-256( hash(n - 1) + JSON of [table, id, values...] )

Whoever can write the database can compute a whole new chain: to prove that none was, the head that
the commands print is noted down elsewhere.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

Value = str | int | float | bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What `verify` found. `broken` is the id of the first row that does not follow, or None."""

    rows: int
    head: str
    broken: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A row as it is kept: its id, the hash that it follows, its own, and its values."""

    id: int
    prev: bytes
    hash: bytes
    values: tuple[Value, ...]


def genesis(table: str) -> bytes:
    """Return what the first row of a table follows, 32 bytes."""
    return sha256(f"menkou/{table}/1".encode()).digest()


def link(previous: bytes, table: str, row_id: int, values: tuple[Value, ...]) -> bytes:
    """Return the hash of a row, 32 bytes."""
    plain = [["x", v.hex()] if isinstance(v, bytes) else v for v in values]
    canonical = json.dumps([table, row_id, *plain], ensure_ascii=True, separators=(",", ":"))
    return sha256(previous + canonical.encode()).digest()


def verify(table: str, rows: Iterable[Link]) -> Verdict:
    """Compute a chain anew from its first row; `rows` are all there are, by id."""
    previous, count, broken = genesis(table), 0, None
    for row in rows:
        count += 1
        sound = row.id == count and row.prev == previous
        if not (sound and row.hash == link(previous, table, row.id, row.values)):
            broken = row.id
            break
        previous = row.hash
    return Verdict(rows=count, head=previous.hex(), broken=broken)
