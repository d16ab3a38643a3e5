"""Tables of what the box's times were dated by. Registered by `schema`."""

from sqlite_utils import Database

from edge.store.people_schema import rebuild_audit


def clock(db: Database) -> None:
    """Timelines; which one dated each visit, and each crossing and alert that may yet move."""
    # zero_us: microseconds since 1970 in UTC at second 0 of CLOCK_BOOTTIME in that start.
    db.execute(
        "CREATE TABLE timeline ("
        " id INTEGER PRIMARY KEY, boot TEXT NOT NULL, zero_us INTEGER NOT NULL,"
        " word TEXT NOT NULL CHECK (word IN ('nobody', 'person', 'kernel'))) STRICT"
    )
    db.execute("CREATE INDEX timeline_boot ON timeline (boot, id)")
    db.execute("ALTER TABLE epoch ADD COLUMN boot TEXT")
    for name in ("opened", "seen", "closed"):
        db.execute(f"ALTER TABLE visit ADD COLUMN {name}_timeline INTEGER REFERENCES timeline (id)")
    # `doubt`: one of these three is not the kernel's word.
    db.execute("ALTER TABLE visit ADD COLUMN doubt INTEGER NOT NULL DEFAULT 0")
    db.execute("CREATE INDEX visit_doubt ON visit (opened_at) WHERE doubt = 1")
    db.execute("ALTER TABLE visit ADD COLUMN closed_rev INTEGER NOT NULL DEFAULT -1")
    db.execute("UPDATE visit SET closed_rev = 0 WHERE closed_at IS NOT NULL")
    db.execute("ALTER TABLE visit ADD COLUMN basis TEXT")
    # Only of crossings and occupancies in doubt: of others nobody ever asks.
    db.execute("ALTER TABLE crossing ADD COLUMN timeline INTEGER REFERENCES timeline (id)")
    db.execute("CREATE INDEX crossing_doubt ON crossing (timeline) WHERE timeline IS NOT NULL")
    db.execute("ALTER TABLE occupancy ADD COLUMN timeline INTEGER REFERENCES timeline (id)")
    db.execute("ALTER TABLE alert ADD COLUMN timeline INTEGER REFERENCES timeline (id)")
    db.execute("CREATE INDEX alert_timeline ON alert (timeline) WHERE timeline IS NOT NULL")
    rebuild_audit(db)
