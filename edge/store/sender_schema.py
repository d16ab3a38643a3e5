"""Senders of signed requests, and which of their requests were done. Registered by `schema`."""

from sqlite_utils import Database


def senders(db: Database) -> None:
    """Senders without their secrets, which are derived from a file; requests with their answers."""
    db.execute(
        "CREATE TABLE sender ("
        " id TEXT PRIMARY KEY CHECK (length(id) = 26), name TEXT NOT NULL, scopes TEXT NOT NULL,"
        " made_at TEXT NOT NULL, made_by TEXT NOT NULL, used_at TEXT, revoked_at TEXT) STRICT"
    )
    db.execute(
        "CREATE TABLE signed_request ("
        " sender TEXT NOT NULL REFERENCES sender (id), key TEXT NOT NULL,"
        " digest BLOB NOT NULL CHECK (length(digest) = 32), until TEXT NOT NULL,"
        " status INTEGER NOT NULL, answer BLOB NOT NULL,"
        " PRIMARY KEY (sender, key)) STRICT, WITHOUT ROWID"
    )
    db.execute("CREATE INDEX signed_request_until ON signed_request (until)")
