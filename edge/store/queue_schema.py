"""The queue at the desk. Registered by `schema`, together with what goes out."""

from sqlite_utils import Database

from edge.store.people_schema import refill


def queue(db: Database) -> None:
    """Tickets, and what the manager has set."""
    _table(db)
    db.execute(
        "CREATE TABLE queue_setting ("
        " id INTEGER PRIMARY KEY CHECK (id = 1), call_after_s INTEGER NOT NULL, at TEXT NOT NULL,"
        " actor TEXT NOT NULL) STRICT"
    )


def _table(db: Database) -> None:
    # A phone number goes when the ticket comes to an end. Moments stand as `core.moments.Mark`.
    db.execute(
        "CREATE TABLE queue_ticket ("
        " id TEXT PRIMARY KEY CHECK (length(id) = 26), day TEXT NOT NULL, number INTEGER NOT NULL,"
        " rev INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL CHECK (state IN"
        "  ('waiting', 'called', 'back', 'served', 'gone')),"
        " taken_at TEXT NOT NULL, taken_boot TEXT NOT NULL, taken_mono REAL NOT NULL,"
        " called_at TEXT, called_boot TEXT, called_mono REAL, told INTEGER NOT NULL DEFAULT 0,"
        " ended_at TEXT, subject TEXT, sealed BLOB,"
        " task_why TEXT CHECK (task_why IN ('not_back', 'not_sent', 'late', 'no_way')),"
        " task_end TEXT CHECK (task_end IN ('reached', 'unreached')),"
        # What the hub was told last: a correction of the visit is told, too.
        " said_visit TEXT, said_waited_s INTEGER,"
        " UNIQUE (day, number),"
        " CHECK ((ended_at IS NULL) = (state NOT IN ('served', 'gone'))),"
        " CHECK (sealed IS NULL OR ended_at IS NULL)) STRICT"
    )
    db.execute("CREATE INDEX queue_open ON queue_ticket (day, number) WHERE ended_at IS NULL")


def forget_tickets(db: Database, subject: str) -> None:
    """Delete a member's tickets in the caller's transaction; nothing of them stays in the pages.

    The rest is written into fresh pages, as `people_schema.rebuild_people` does and why.
    """
    if db.execute("DELETE FROM queue_ticket WHERE subject = ?", [subject]).rowcount:
        rebuild_queue(db)


def rebuild_queue(db: Database) -> None:
    """Write the tickets into fresh pages, in the caller's transaction."""
    rows = db.execute("SELECT * FROM queue_ticket ORDER BY day, number").fetchall()
    db.execute("DROP TABLE queue_ticket")
    _table(db)
    refill(db, "queue_ticket", rows)
