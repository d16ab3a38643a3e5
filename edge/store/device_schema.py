"""Paired devices, pairing codes and who saw which card. Registered by `schema`."""

from sqlite_utils import Database

_ROLE = "role TEXT NOT NULL CHECK (role IN ('consultant', 'manager', 'installer'))"


def devices(db: Database) -> None:
    """Paired devices, pairing codes, and the cards that each device was shown."""
    # The session's token is known to its browser alone; here lies only its hash.
    db.execute(
        "CREATE TABLE device ("
        f" id TEXT PRIMARY KEY, name TEXT NOT NULL, {_ROLE}, token_hash BLOB NOT NULL UNIQUE,"
        " paired_at TEXT NOT NULL, seen_at TEXT NOT NULL, revoked_at TEXT) STRICT"
    )
    db.execute(
        "CREATE TABLE pairing_code ("
        f" code_hash BLOB PRIMARY KEY, name TEXT NOT NULL, {_ROLE}, made_by TEXT NOT NULL,"
        " expires_at TEXT NOT NULL) STRICT"
    )
    # So that the audit log tells each view once; `device` is a device's id or `local`. A visit that
    # was corrected may become another member's: that is another view.
    db.execute(
        "CREATE TABLE card_view ("
        " device TEXT NOT NULL, visit TEXT NOT NULL, subject TEXT NOT NULL, at TEXT NOT NULL,"
        " PRIMARY KEY (device, visit, subject)) STRICT, WITHOUT ROWID"
    )
    db.table("card_view").create_index(["at"])
