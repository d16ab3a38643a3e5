"""What the shop's page asks of the eyes, and switches that hold across restarts.

Written by the front process, read and done by the eyes, who alone write visits. Both work on
tables, so a wish is never lost with a datagram or a restart.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlite_utils import Database

from edge.store.database import transaction
from edge.wire.codec import utc_text

RequestKind = Literal["wrong_person", "end", "paid", "staff", "guest"]
"""That a visit is not that member's, that its guest has left, or has paid and left since, that it
was staff, or a guest after all."""
PAID: Final = "paid"
_NEEDED: Final[dict[RequestKind, str]] = {
    "wrong_person": "subject IS NOT NULL",
    "end": "closed_at IS NULL",
    "paid": "closed_at IS NULL",
    "staff": "who = 'visitor' AND subject IS NULL",
    "guest": "who = 'staff'",
}
ARRIVAL: Final = "code"
"""The kind of a request that names a member who showed a code."""
SwitchName = Literal["faces"]
SwitchState = Literal["on", "off"]
FACES: Final[SwitchName] = "faces"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Something that a person in the shop asked for. `actor` is a device's id or `local`.

    Of a wrong person `visit` says where, of a code that was shown `subject` says whose it was.
    """

    id: int
    at: datetime
    kind: str
    visit: str | None
    actor: str
    subject: str | None = None


def ask(db: Database, *, kind: RequestKind, visit: str, actor: str, now: datetime) -> bool:
    """Ask the eyes for something; say whether there was need to, and it was not asked yet.

    Only what names a member can be the wrong person, only what goes on can end, and only who has no
    name can be staff. What a replay keeps to itself (`private`) is no visit to this shop: the eyes
    know nothing of it.
    """
    with transaction(db):
        known = db.execute(
            "SELECT 1 FROM visit WHERE id = ? AND origin <> 'private' AND void = 0"
            f" AND {_NEEDED[kind]}",
            [visit],
        ).fetchone()
        waits = db.execute(
            "SELECT 1 FROM request WHERE visit = ? AND kind = ? AND done_at IS NULL", [visit, kind]
        ).fetchone()
        if not known or waits:
            return False
        db.execute(
            "INSERT INTO request (at, kind, visit, actor) VALUES (?, ?, ?, ?)",
            [utc_text(now), kind, visit, actor],
        )
    return True


def ask_arrival(db: Database, *, subject: str, actor: str, now: datetime) -> None:
    """Ask the eyes, in the caller's transaction, to let a member in who showed a code."""
    db.execute(
        "INSERT INTO request (at, kind, actor, subject) VALUES (?, ?, ?, ?)",
        [utc_text(now), ARRIVAL, actor, subject],
    )


def open_requests(db: Database) -> list[Request]:
    """Return what was asked for and is not done yet, oldest first."""
    rows = db.execute(
        "SELECT id, at, kind, visit, actor, subject FROM request WHERE done_at IS NULL ORDER BY id"
    ).fetchall()
    return [
        Request(
            id=i,
            at=datetime.fromisoformat(at),
            kind=kind,
            visit=visit,
            actor=actor,
            subject=subject,
        )
        for i, at, kind, visit, actor, subject in rows
    ]


def note_done(
    db: Database, request: Request, now: datetime, subject: str | None, visit: str | None = None
) -> None:
    """Note, in the caller's transaction, that a request was dealt with, and of whom it spoke.

    `visit` is the one that a code was shown on.
    """
    # A visit that was refused for want of room is in no table.
    db.execute(
        "UPDATE request SET done_at = ?, subject = ?,"
        " visit = coalesce(visit, (SELECT id FROM visit WHERE id = ?)) WHERE id = ?",
        [utc_text(now), subject, visit, request.id],
    )


def switch(
    db: Database,
    name: SwitchName,
    state: SwitchState,
    *,
    actor: str,
    now: datetime,
    also: Callable[[], None] = lambda: None,
) -> None:
    """Set a switch; `also` runs in the same transaction, for the audit log."""
    with transaction(db):
        db.execute(
            "INSERT OR REPLACE INTO switch (name, state, at, actor) VALUES (?, ?, ?, ?)",
            [name, state, utc_text(now), actor],
        )
        also()


def is_off(db: Database, name: SwitchName) -> bool:
    """Say whether a switch was turned off; it is on until somebody does."""
    row = db.execute("SELECT state FROM switch WHERE name = ?", [name]).fetchone()
    return row is not None and row[0] == "off"
