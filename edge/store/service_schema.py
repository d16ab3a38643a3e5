"""Service tickets. Registered by `schema`.

What a ticket is of, and of whom, is readable only with the profiles' key: of a member under the
member's own key, of anybody else under one of the profile root.
"""

from typing import Final

from sqlite_utils import Database

from edge.core.service import KINDS, STATES
from edge.store.people_schema import refill

_KINDS: Final = ", ".join(f"'{kind}'" for kind in KINDS)
_STATES: Final = ", ".join(f"'{state}'" for state in STATES)


def service(db: Database) -> None:
    """Tickets, each under its own revision (`edge.wire.messages.DeskFact`)."""
    # `visit`: on whose card it was made. `office`: it holds what head office said of a repair that
    # was collected. `asked`: a message was written that the guest may come; `withdrawn`: how many
    # were before they went out. `entry`: what a program called it.
    db.execute(
        "CREATE TABLE service ("
        " id TEXT PRIMARY KEY CHECK (length(id) = 26), rev INTEGER NOT NULL DEFAULT 0,"
        f" kind TEXT NOT NULL CHECK (kind IN ({_KINDS})),"
        f" state TEXT NOT NULL CHECK (state IN ({_STATES})),"
        " subject TEXT, visit TEXT, sealed BLOB NOT NULL, due TEXT,"
        " office INTEGER NOT NULL DEFAULT 0, asked INTEGER NOT NULL DEFAULT 0,"
        " withdrawn INTEGER NOT NULL DEFAULT 0,"
        " staff TEXT REFERENCES staff (id), device TEXT NOT NULL, entry TEXT UNIQUE,"
        " made_at TEXT NOT NULL, at TEXT NOT NULL, ended_at TEXT) STRICT"
    )
    db.execute("CREATE INDEX service_open ON service (made_at) WHERE ended_at IS NULL")
    db.execute("CREATE INDEX service_subject ON service (subject) WHERE subject IS NOT NULL")
    db.execute("CREATE INDEX service_ended ON service (ended_at) WHERE ended_at IS NOT NULL")


def forget_service(db: Database, subject: str) -> None:
    """Delete a member's tickets in the caller's transaction; nothing of them stays in the pages."""
    if db.execute("DELETE FROM service WHERE subject = ?", [subject]).rowcount:
        rebuild_service(db)


def rebuild_service(db: Database) -> None:
    """Write the tickets into fresh pages, in the caller's transaction.

    As `people_schema.rebuild_people` does and why.
    """
    rows = db.execute("SELECT * FROM service ORDER BY rowid").fetchall()
    db.execute("DROP TABLE service")
    service(db)
    refill(db, "service", rows)
