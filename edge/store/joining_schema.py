"""Guests who are joining just now, on a screen of their own. Registered by `schema`."""

from sqlite_utils import Database


def joining(db: Database) -> None:
    """Which screen is whose, for a while: the hash of what it holds, and the member's subject."""
    # That the subject is a member is asked at each use, as `code_schema` does and why.
    db.execute(
        "CREATE TABLE joining ("
        " token BLOB PRIMARY KEY CHECK (length(token) = 32),"
        " subject TEXT NOT NULL CHECK (length(subject) = 26), at TEXT NOT NULL,"
        " until TEXT NOT NULL, photos INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID"
    )
    # The link of the day; whether the shop means to have members.
    db.execute(
        "CREATE TABLE joining_setting (name TEXT PRIMARY KEY, value TEXT NOT NULL)"
        " STRICT, WITHOUT ROWID"
    )
    db.execute("CREATE INDEX joining_subject ON joining (subject)")


def forget_joining(db: Database, subject: str) -> None:
    """End what a member's own screen may do, in the caller's transaction."""
    db.execute("DELETE FROM joining WHERE subject = ?", [subject])
