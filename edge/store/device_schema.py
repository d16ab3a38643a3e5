"""Paired devices, pairing codes and who saw which card. Registered by `schema`."""

from sqlite_utils import Database

from edge.store.people_schema import rebuild_audit, refill

_ROLE = "role TEXT NOT NULL CHECK (role IN ('consultant', 'manager', 'installer'))"
_ROLE_OR_GUEST = (
    "role TEXT NOT NULL CHECK (role IN ('consultant', 'manager', 'installer', 'guest'))"
)


def devices(db: Database) -> None:
    """Paired devices, pairing codes, and the cards that each device was shown."""
    _paired(db, _ROLE)
    # So that the audit log tells each view once; `device` is a device's id or `local`. A visit that
    # was corrected may become another member's: that is another view.
    db.execute(
        "CREATE TABLE card_view ("
        " device TEXT NOT NULL, visit TEXT NOT NULL, subject TEXT NOT NULL, at TEXT NOT NULL,"
        " PRIMARY KEY (device, visit, subject)) STRICT, WITHOUT ROWID"
    )
    db.table("card_view").create_index(["at"])


def guest_screens(db: Database) -> None:
    """Devices may be the guests' screen, and the audit log knows when check-in pauses."""
    rows = {
        table: db.execute(f"SELECT * FROM {table} ORDER BY rowid").fetchall()
        for table in ("device", "pairing_code")
    }
    for table in rows:
        db.execute(f"DROP TABLE {table}")
    _paired(db, _ROLE_OR_GUEST)
    for table, kept in rows.items():
        refill(db, table, kept)
    rebuild_audit(db)


def _paired(db: Database, role: str) -> None:
    # The session's token is known to its browser alone; here lies only its hash.
    db.execute(
        "CREATE TABLE device ("
        f" id TEXT PRIMARY KEY, name TEXT NOT NULL, {role}, token_hash BLOB NOT NULL UNIQUE,"
        " paired_at TEXT NOT NULL, seen_at TEXT NOT NULL, revoked_at TEXT) STRICT"
    )
    db.execute(
        "CREATE TABLE pairing_code ("
        f" code_hash BLOB PRIMARY KEY, name TEXT NOT NULL, {role}, made_by TEXT NOT NULL,"
        " expires_at TEXT NOT NULL) STRICT"
    )
