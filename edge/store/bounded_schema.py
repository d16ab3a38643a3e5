"""Tables that keep the store small and its writing little. Registered by `schema`.

An acknowledgement is one row for each epoch and day instead of a mark on each event: it writes
one page, whatever it acknowledges, and still tells when that was.
"""

from sqlite_utils import Database


def bounded(db: Database) -> None:
    """Acknowledgements by epoch; hours that stand for their events; how full the store is."""
    db.execute(
        "CREATE TABLE acked ("
        " epoch TEXT NOT NULL REFERENCES epoch (epoch), day TEXT NOT NULL,"
        " through INTEGER NOT NULL, PRIMARY KEY (epoch, day)) STRICT, WITHOUT ROWID"
    )
    # What the hub holds beyond a gap, as its last answer to a hello told it.
    db.execute(
        "CREATE TABLE acked_ahead ("
        " epoch TEXT NOT NULL REFERENCES epoch (epoch), low INTEGER NOT NULL,"
        " high INTEGER NOT NULL, PRIMARY KEY (epoch, low)) STRICT, WITHOUT ROWID"
    )
    _take_over_marks(db)
    _narrow_outbox(db)
    db.execute(
        "CREATE TABLE hour_summary ("
        " hour TEXT PRIMARY KEY, rev INTEGER NOT NULL, at TEXT NOT NULL, figures TEXT NOT NULL"
        ") STRICT, WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE storage ("
        " id INTEGER PRIMARY KEY CHECK (id = 1), state TEXT NOT NULL, at TEXT NOT NULL) STRICT"
    )
    # Written at each crossing and read by nobody who could not begin at the newest row.
    db.execute("DROP INDEX idx_crossing_at")
    # Old visits are deleted: who refers to them is found without reading the whole table.
    db.execute("CREATE INDEX alert_visit ON alert (visit)")
    db.execute("CREATE INDEX request_visit ON request (visit)")


def _take_over_marks(db: Database) -> None:
    """Turn marks on events into marks on epochs: up to the first event that still waits."""
    db.execute(
        "INSERT INTO acked"
        " WITH first AS (SELECT epoch, min(seq) AS seq FROM outbox WHERE acked_at IS NULL"
        "  GROUP BY epoch)"
        " SELECT o.epoch, substr(o.acked_at, 1, 10), max(o.seq)"
        " FROM outbox AS o LEFT JOIN first ON first.epoch = o.epoch"
        " WHERE o.acked_at IS NOT NULL AND o.seq < coalesce(first.seq, o.seq + 1)"
        " GROUP BY o.epoch, substr(o.acked_at, 1, 10)"
    )


def _narrow_outbox(db: Database) -> None:
    # No AUTOINCREMENT, which writes a page more with each commit: the newest row is never
    # deleted (`keeping`), so that no id comes twice.
    db.execute(
        "CREATE TABLE outbox_new ("
        " id INTEGER PRIMARY KEY, epoch TEXT NOT NULL REFERENCES epoch (epoch),"
        " seq INTEGER NOT NULL, kind TEXT NOT NULL, at TEXT NOT NULL, event TEXT NOT NULL)"
    )
    db.execute(
        "INSERT INTO outbox_new SELECT id, epoch, seq, kind, at, event FROM outbox ORDER BY id"
    )
    db.execute("DROP TABLE outbox")
    db.execute("ALTER TABLE outbox_new RENAME TO outbox")
    db.table("outbox").create_index(["epoch", "seq"], unique=True)
    # Alerts are sent before all else that waits.
    db.execute("CREATE INDEX outbox_alert ON outbox (id) WHERE kind = 'alert'")
