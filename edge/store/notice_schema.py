"""What head office let the manager know. Registered by `schema`."""

from sqlite_utils import Database


def notices(db: Database) -> None:
    """By the id that head office gave it; one that was seen or is over stays until it expires, so
    that it does not come back when it is told once more.
    """
    db.execute(
        "CREATE TABLE notice (id TEXT PRIMARY KEY CHECK (length(id) = 26), what TEXT NOT NULL,"
        " since TEXT NOT NULL, expected INTEGER NOT NULL, got INTEGER, at TEXT NOT NULL,"
        " state TEXT NOT NULL CHECK (state IN ('open', 'seen', 'ended'))) STRICT, WITHOUT ROWID"
    )
