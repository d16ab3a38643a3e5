"""Appointments: what was booked, and what became of it. Registered by `schema`.

What was booked is sealed: of a member who is known by `subject` under the member's own key, else
under the profile root's (`edge.keys.profiles`). `ref` is the blind index of an external id, since
an appointment may come before its member does; `key` that of the booking system's own number.
"""

from typing import Final

from sqlite_utils import Database

from edge.store.people_schema import refill

_FIRST: Final = (
    "CREATE TABLE appointment (id TEXT PRIMARY KEY CHECK (length(id) = 26), rev INTEGER NOT NULL,"
    " ref BLOB, at TEXT, sealed BLOB, kept_at TEXT NOT NULL) STRICT"
)


def first_appointments(db: Database) -> None:
    """Make the table of the first release: head office's appointments, and nothing beside."""
    db.execute(_FIRST)
    db.execute("CREATE INDEX appointment_ref ON appointment (ref) WHERE ref IS NOT NULL")


def appointments(db: Database) -> None:
    """Appointments from anywhere, with what became of each, and which reasons are offered."""
    rows = db.execute(
        "SELECT id, rev, ref, at, sealed, kept_at FROM appointment ORDER BY rowid"
    ).fetchall()
    db.execute("DROP TABLE appointment")
    _table(db)
    db.conn.executemany(
        "INSERT INTO appointment (id, source, rev, ref, at, sealed, kept_at, state)"
        " VALUES (?, 'office', ?, ?, ?, ?, ?, ?)",
        [(*row, "cancelled" if row[3] is None else "expected") for row in rows],
    )
    db.execute(
        "CREATE TABLE no_show_reason (reason TEXT PRIMARY KEY, place INTEGER NOT NULL)"
        " STRICT, WITHOUT ROWID"
    )


def _table(db: Database) -> None:
    # One without `at` was cancelled before it was heard of: its `rev` is remembered. `told` is the
    # revision of the document that the hub has.
    db.execute(
        "CREATE TABLE appointment ("
        " id TEXT PRIMARY KEY CHECK (length(id) = 26),"
        " source TEXT NOT NULL CHECK (source IN ('office', 'file', 'webhook', 'desk')),"
        " key BLOB UNIQUE, rev INTEGER NOT NULL, ref BLOB, subject TEXT, at TEXT, channel TEXT,"
        " sealed BLOB, kept_at TEXT NOT NULL,"
        " state TEXT NOT NULL CHECK (state IN"
        "  ('expected', 'arrived', 'kept', 'no_show', 'cancelled')),"
        " reason TEXT, visit TEXT, arrived_at TEXT,"
        " by_tap INTEGER NOT NULL DEFAULT 0 CHECK (by_tap IN (0, 1)),"
        " withdrawn INTEGER NOT NULL DEFAULT 0 CHECK (withdrawn IN (0, 1)),"
        " staff TEXT, told INTEGER NOT NULL DEFAULT 0,"
        " CHECK ((reason IS NOT NULL) = (state = 'no_show')),"
        " CHECK ((at IS NULL) = (sealed IS NULL))) STRICT"
    )
    for column in ("ref", "subject", "visit"):
        db.execute(
            f"CREATE INDEX appointment_{column} ON appointment ({column})"
            f" WHERE {column} IS NOT NULL"
        )
    db.execute("CREATE INDEX appointment_at ON appointment (at)")


def forget_appointments(db: Database, subject: str, ref: bytes | None) -> None:
    """Delete a member's appointments in the caller's transaction; nothing stays in the pages."""
    if db.execute("DELETE FROM appointment WHERE subject = ? OR ref = ?", [subject, ref]).rowcount:
        rebuild_appointments(db)


def rebuild_appointments(db: Database) -> None:
    """Write what is left into fresh pages, as `people_schema.rebuild_people` does and why."""
    rows = db.execute("SELECT * FROM appointment ORDER BY rowid").fetchall()
    db.execute("DROP TABLE appointment")
    _table(db)
    refill(db, "appointment", rows)
