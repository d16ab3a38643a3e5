"""Tables of who a visit was, of alerts, and of what the console asks the eyes to do.

Registered by `schema`.
"""

from sqlite_utils import Database


def identity(db: Database) -> None:
    """Who a visit was; alerts; requests from the shop's page; switches such as faces off."""
    for column in (
        "subject TEXT",
        "reentry INTEGER NOT NULL DEFAULT 0",
        "first_visit TEXT",
        "distance REAL",
        "sure INTEGER",
        "counted INTEGER NOT NULL DEFAULT 1",
        "seen_at TEXT",
    ):
        db.execute(f"ALTER TABLE visit ADD COLUMN {column}")
    db.execute("CREATE INDEX visit_subject ON visit (subject, opened_at) WHERE subject IS NOT NULL")
    db.execute(
        "CREATE TABLE alert ("
        " id INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL,"
        " visit TEXT NOT NULL REFERENCES visit (id), subject TEXT, origin TEXT NOT NULL) STRICT"
    )
    db.table("alert").create_index(["at"])
    db.execute("CREATE INDEX alert_subject ON alert (subject, at)")
    # What only the eyes may do, since they alone write visits; done_at says that they have, and
    # subject whom the visit was taken from: that holds over a restart.
    db.execute(
        "CREATE TABLE request ("
        " id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, kind TEXT NOT NULL,"
        " visit TEXT NOT NULL REFERENCES visit (id), actor TEXT NOT NULL, done_at TEXT,"
        " subject TEXT) STRICT"
    )
    db.execute("CREATE INDEX request_open ON request (id) WHERE done_at IS NULL")
    db.execute(
        "CREATE TABLE switch ("
        " name TEXT PRIMARY KEY, state TEXT NOT NULL, at TEXT NOT NULL, actor TEXT NOT NULL) STRICT"
    )
