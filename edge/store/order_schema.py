"""What the box holds of the hub's orders, and what they made known. Registered by `schema`."""

from sqlite_utils import Database

from edge.store.appointment_schema import first_appointments


def orders(db: Database) -> None:
    """Held orders by epoch, what head office wishes, and who was erased."""
    db.execute(
        "CREATE TABLE held_order (epoch TEXT PRIMARY KEY, top INTEGER NOT NULL,"
        " gaps TEXT NOT NULL, touched_at TEXT NOT NULL) STRICT"
    )
    db.execute("CREATE INDEX held_order_touched ON held_order (touched_at)")
    db.execute(
        "CREATE TABLE head_office (name TEXT PRIMARY KEY CHECK (name IN ('config', 'mark', 'key')),"
        " version INTEGER NOT NULL, value TEXT NOT NULL, at TEXT NOT NULL) STRICT"
    )
    # By the hash of the subject: an older order must not bring an erased member back.
    db.execute(
        "CREATE TABLE erased_subject (hash TEXT PRIMARY KEY CHECK (length(hash) = 64),"
        " at TEXT NOT NULL) STRICT, WITHOUT ROWID"
    )
    # What head office calls a member, and who that is here.
    db.execute(
        "CREATE TABLE office_member (id TEXT PRIMARY KEY CHECK (length(id) = 26),"
        " subject TEXT NOT NULL UNIQUE, rev INTEGER NOT NULL) STRICT, WITHOUT ROWID"
    )
    first_appointments(db)
