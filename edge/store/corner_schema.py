"""What the manager draws on the cameras' pictures, and how long the doors were watched.

Registered by `schema`.
"""

from sqlite_utils import Database


def corner(db: Database) -> None:
    """Drawings by camera and revision, and seconds watched by the quarter of an hour."""
    # `value` NULL: the settings file is to say it again.
    db.execute(
        "CREATE TABLE drawing ("
        " camera TEXT NOT NULL, rev INTEGER NOT NULL, at TEXT NOT NULL, actor TEXT NOT NULL,"
        " value TEXT, PRIMARY KEY (camera, rev)) STRICT, WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE watched (quarter TEXT PRIMARY KEY, seconds REAL NOT NULL)"
        " STRICT, WITHOUT ROWID"
    )
