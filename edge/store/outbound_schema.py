"""Messages that go out of the shop. Registered by `schema`."""

from sqlite_utils import Database

from edge.store.people_schema import refill


def outbound(db: Database) -> None:
    """Messages that wait for their target, and the keys of those that came to an end."""
    _table(db)


def _table(db: Database) -> None:
    # The payload goes when the message comes to an end; its key stays for a while, so that none
    # is sent twice. `lives_s` after `at` (or `mono`, in the same `boot`) it is too late.
    db.execute(
        "CREATE TABLE outbound ("
        " id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,"
        " target TEXT NOT NULL, subject TEXT, at TEXT NOT NULL, boot TEXT NOT NULL,"
        " mono REAL NOT NULL, lives_s INTEGER NOT NULL, state TEXT NOT NULL CHECK (state IN"
        "  ('waiting', 'sending', 'sent', 'unsure', 'late', 'refused', 'cancelled')),"
        " tries INTEGER NOT NULL DEFAULT 0, sealed INTEGER NOT NULL, payload BLOB, ended_at TEXT,"
        " CHECK ((payload IS NULL) = (state NOT IN ('waiting', 'sending'))),"
        " CHECK ((ended_at IS NULL) = (payload IS NOT NULL))) STRICT"
    )
    db.execute(
        "CREATE INDEX outbound_open ON outbound (target, state, id) WHERE payload IS NOT NULL"
    )
    db.execute("CREATE INDEX outbound_oldest ON outbound (at) WHERE payload IS NOT NULL")
    db.execute("CREATE INDEX outbound_ended ON outbound (ended_at) WHERE ended_at IS NOT NULL")


def forget_outbound(db: Database, subject: str) -> None:
    """Delete a member's messages in the caller's transaction; nothing of them stays in the pages.

    The rest is written into fresh pages, as `people_schema.rebuild_people` does and why.
    """
    if db.execute("DELETE FROM outbound WHERE subject = ?", [subject]).rowcount:
        rebuild_outbound(db)


def rebuild_outbound(db: Database) -> None:
    """Write the messages into fresh pages, in the caller's transaction."""
    rows = db.execute("SELECT * FROM outbound ORDER BY id").fetchall()
    db.execute("DROP TABLE outbound")
    _table(db)
    refill(db, "outbound", rows)
