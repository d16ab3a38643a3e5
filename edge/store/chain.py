"""Tables whose rows are chained by hashes (`menkou.chain`). Called by `consents` and `audit`; the
schema's triggers refuse changes through SQLite.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlite_utils import Database

from menkou.chain import Link, Value, Verdict, genesis, link
from menkou.chain import verify as verify_links


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A chained table: `id`, the given columns, `prev` and `hash`."""

    table: str
    columns: tuple[str, ...]


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
    rows = db.execute(
        f"SELECT id, prev, hash, {', '.join(chain.columns)} FROM {chain.table} ORDER BY id"
    )
    return verify_links(
        chain.table,
        (Link(id=n, prev=prev, hash=own, values=tuple(rest)) for n, prev, own, *rest in rows),
    )
