"""Receipts of the till. Registered by `schema`, together with the senders that sign them.

Two tables, so that what is of a person is apart: `receipt` counts and names nobody; `purchase` says
whose one is, and holds the lines under that member's key.
"""

from sqlite_utils import Database

from edge.store.people_schema import refill


def till(db: Database) -> None:
    """Receipts and purchases."""
    # `digest`: an HMAC of all that the till sent, by which a repetition is known. `named`: which of
    # member, queue number and consultant (m, q, c) it gave. `visit_rev`: what was known of the
    # visit when the receipt was tied to it. `told`: the revision that the hub has.
    db.execute(
        "CREATE TABLE receipt ("
        " id TEXT PRIMARY KEY CHECK (length(id) = 26), number TEXT NOT NULL UNIQUE,"
        " rev INTEGER NOT NULL, digest BLOB, at TEXT NOT NULL,"
        " kind TEXT NOT NULL CHECK (kind IN ('sale', 'return', 'exchange')),"
        " buyer TEXT NOT NULL CHECK (buyer IN ('guest', 'staff')),"
        " value INTEGER NOT NULL, currency TEXT NOT NULL, items INTEGER,"
        " voids TEXT, voided INTEGER NOT NULL DEFAULT 0 CHECK (voided IN (0, 1)),"
        " named TEXT NOT NULL, ticket TEXT, staff TEXT REFERENCES staff (id),"
        " tied TEXT NOT NULL, why TEXT NOT NULL, visit TEXT, visit_rev INTEGER,"
        " told INTEGER NOT NULL) STRICT"
    )
    for name, columns, condition in (
        ("at", "at", None),
        ("tied", "at", "visit IS NOT NULL"),
        ("voids", "voids", "voids IS NOT NULL"),
        # What is looked at again and again is found without reading the rest.
        ("sale", "at", "kind = 'sale' AND buyer = 'guest' AND voided = 0"),
        ("loose", "at", "visit IS NULL AND named <> ''"),
    ):
        where = f" WHERE {condition}" if condition else ""
        db.execute(f"CREATE INDEX receipt_{name} ON receipt ({columns}){where}")
    _purchases(db)


def _purchases(db: Database) -> None:
    # `ref`: the blind index of the number that the till gave; its member may come later.
    db.execute(
        "CREATE TABLE purchase ("
        " receipt TEXT PRIMARY KEY REFERENCES receipt (id) ON DELETE CASCADE,"
        " at TEXT NOT NULL, ref BLOB, subject TEXT, sealed BLOB,"
        " CHECK (ref IS NOT NULL OR subject IS NOT NULL),"
        " CHECK (sealed IS NULL OR subject IS NOT NULL)) STRICT, WITHOUT ROWID"
    )
    db.execute("CREATE INDEX purchase_of ON purchase (subject, at) WHERE subject IS NOT NULL")
    db.execute("CREATE INDEX purchase_ref ON purchase (ref) WHERE ref IS NOT NULL")


def forget_purchases(db: Database, subject: str, ref: bytes | None) -> None:
    """Delete what a member bought in the caller's transaction; nothing of it stays in the pages.

    The receipts stay as counts of nobody's, without what they were known by. The rest is written
    into fresh pages, as `people_schema.rebuild_people` does and why.
    """
    whose = "SELECT receipt FROM purchase WHERE subject = ?1 OR ref = ?2"
    values = [subject, ref]
    db.execute(f"UPDATE receipt SET digest = NULL, named = '' WHERE id IN ({whose})", values)
    if not db.execute("DELETE FROM purchase WHERE subject = ?1 OR ref = ?2", values).rowcount:
        return
    rows = db.execute("SELECT * FROM purchase").fetchall()
    db.execute("DROP TABLE purchase")
    _purchases(db)
    refill(db, "purchase", rows)
