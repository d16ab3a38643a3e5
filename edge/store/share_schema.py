"""What travels from box to box: keys of other boxes, what is shared out, what came in.

Registered by `schema`; read and written through `box_keys`, `shares` and `share_in`. Templates
stand here only sealed: those that go out to another box's key, those that came in to this one's
until the eyes take them over.
"""

from collections.abc import Sequence
from typing import Final

from sqlite_utils import Database

from edge.store.people_schema import refill

_ENDED: Final = (
    " AFTER INSERT ON consent WHEN NEW.kind <> 'given' BEGIN"
    # Not even a sealed template leaves the box, or lies about in it, once the consent has ended.
    " UPDATE share_out SET basis = NULL, profile = NULL, bundle = NULL, state = 'ending'"
    "  WHERE subject = NEW.subject AND basis IS NOT NULL;"
    " UPDATE share_in SET bundle = NULL, state = 'ended' WHERE subject = NEW.subject;"
    " UPDATE share_out SET subject = NULL WHERE subject = NEW.subject AND NEW.kind = 'erased';"
    " UPDATE share_in SET subject = NULL, theirs = NULL"
    "  WHERE subject = NEW.subject AND NEW.kind = 'erased'; END"
)


def shares(db: Database) -> None:
    """Keys of other boxes, members shared out, members that came in."""
    db.execute(
        "CREATE TABLE box_key (place TEXT PRIMARY KEY, store TEXT NOT NULL, at INTEGER NOT NULL,"
        " statement TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN ('new', 'good', 'refused')),"
        " why TEXT) STRICT, WITHOUT ROWID"
    )
    db.execute("CREATE INDEX box_key_store ON box_key (store)")
    # This box's own keys and statement, and a number that grows with what sharing goes by.
    db.execute(
        "CREATE TABLE share_word (name TEXT PRIMARY KEY"
        " CHECK (name IN ('profile_key', 'statement', 'mark', 'fault')),"
        " value TEXT NOT NULL) STRICT, WITHOUT ROWID"
    )
    _tables(db)
    db.execute(f"CREATE TRIGGER share_ended{_ENDED}")


def _tables(db: Database) -> None:
    # basis: of what a bundle was made, null for one that ends; rev grows over the whole table.
    # `draft`: sealed to the other's profile key, waits for the eyes; `ready`: for the hub, which
    # then holds it (`held`); `ending`: the eyes are to say so; `unfit`: it cannot be sealed.
    # acked: the highest rev of it that the hub said it holds.
    db.execute(
        "CREATE TABLE share_out (id TEXT NOT NULL CHECK (length(id) = 64), subject TEXT,"
        " store TEXT NOT NULL, place TEXT NOT NULL, rev INTEGER NOT NULL, basis TEXT, profile TEXT,"
        " bundle TEXT, state TEXT NOT NULL"
        " CHECK (state IN ('draft', 'ready', 'held', 'ending', 'unfit')),"
        " acked INTEGER NOT NULL DEFAULT 0,"
        " PRIMARY KEY (id, place)) STRICT, WITHOUT ROWID"
    )
    db.execute("CREATE INDEX share_out_state ON share_out (state) WHERE state <> 'held'")
    db.execute("CREATE INDEX share_out_rev ON share_out (rev)")
    db.execute("CREATE INDEX share_out_acked ON share_out (acked)")
    db.execute("CREATE INDEX share_out_subject ON share_out (subject) WHERE subject IS NOT NULL")
    # subject: whom the member is here; theirs: what the sender calls the member, where it differs;
    # brought: that the member is here by nothing else; bundle: until the eyes have taken it over.
    db.execute(
        "CREATE TABLE share_in (place TEXT NOT NULL, id TEXT NOT NULL CHECK (length(id) = 64),"
        " rev INTEGER NOT NULL, subject TEXT, theirs TEXT, given_at TEXT, made_at TEXT,"
        " bundle TEXT, brought INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL"
        " CHECK (state IN ('waiting', 'stored', 'refused', 'older', 'ended')),"
        " PRIMARY KEY (place, id)) STRICT, WITHOUT ROWID"
    )
    db.execute("CREATE INDEX share_in_subject ON share_in (subject) WHERE subject IS NOT NULL")
    db.execute("CREATE INDEX share_in_waiting ON share_in (rev) WHERE state = 'waiting'")


def rebuild_shares(db: Database) -> None:
    """Write what is sealed here into fresh pages, in the caller's transaction.

    As `people_schema.rebuild_templates`, and for the same reason.
    """
    held: dict[str, Sequence[Sequence[object]]] = {
        table: db.execute(f"SELECT * FROM {table}").fetchall()
        for table in ("share_out", "share_in")
    }
    if not any(held.values()):
        return  # rows are never deleted: nothing was ever shared
    for table in held:
        db.execute(f"DROP TABLE {table}")
    _tables(db)
    for table, rows in held.items():
        refill(db, table, rows)
