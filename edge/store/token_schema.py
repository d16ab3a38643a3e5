"""Tokens of the box's API. Registered by `schema`."""

from sqlite_utils import Database

from edge.store.people_schema import rebuild_audit


def tokens(db: Database) -> None:
    """Tokens by their hashes; the audit log knows when one is made and revoked."""
    # The token itself is known to its program alone.
    db.execute(
        "CREATE TABLE token ("
        " id TEXT PRIMARY KEY CHECK (length(id) = 26), name TEXT NOT NULL, scopes TEXT NOT NULL,"
        " token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),"
        " made_at TEXT NOT NULL, made_by TEXT NOT NULL, expires_at TEXT NOT NULL,"
        " used_at TEXT, revoked_at TEXT) STRICT"
    )
    rebuild_audit(db)
