"""Reads what a receipt may tie to, by `edge.core.receipts`. Called by `edge.store.receipts`."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlite_utils import Database

from edge.core.receipts import STAYS, Named, Stayed, Tie, tie
from edge.wire.codec import utc_text

_A_DAY: Final = timedelta(days=1)
_SHOPS: Final = "visit.void = 0 AND visit.who <> 'staff' AND visit.origin <> 'private'"


def tie_values(db: Database, found: Tie) -> dict[str, Any]:
    """Return what a receipt's row holds of what it ties to, by column."""
    rev = None
    if found.visit is not None:
        (rev,) = db.execute("SELECT rev FROM visit WHERE id = ?", [found.visit]).fetchone()
    return {"tied": found.tied, "why": found.why, "visit": found.visit, "visit_rev": rev}


def tie_of(db: Database, at: datetime, named: Named) -> Tie:
    """Read what may have been meant, and return what it ties to."""
    since = utc_text(at - STAYS - _A_DAY), utc_text(at + _A_DAY)
    whose = named.subject or named.ticket_subject
    visits: list[Stayed] = []
    if whose is not None:
        rows = db.execute(
            f"SELECT id, opened_at, closed_at, subject, NULL, NULL FROM visit WHERE {_SHOPS}"
            " AND subject = ? AND opened_at BETWEEN ? AND ?",
            [whose, *since],
        ).fetchall()
        visits = [_stayed(row) for row in rows]
    claimed: list[Stayed] = []
    if named.staff is not None and whose is None and named.ticket is None:
        rows = db.execute(
            "SELECT visit.id, visit.opened_at, visit.closed_at, visit.subject,"
            " iif(claim.state = 'taken', claim.at, NULL),"
            " iif(claim.state = 'released', claim.at, NULL)"
            f" FROM claim JOIN visit ON visit.id = claim.visit WHERE {_SHOPS}"
            " AND claim.staff = ? AND claim.at BETWEEN ? AND ?",
            [named.staff, *since],
        ).fetchall()
        claimed = [_stayed(row) for row in rows]
    return tie(at, named, visits=visits, claimed=claimed)


def _stayed(row: Any) -> Stayed:
    opened, closed, claimed, released = (
        datetime.fromisoformat(at) if at else None for at in (row[1], row[2], row[4], row[5])
    )
    assert opened is not None, "every visit was opened"
    return Stayed(
        visit=row[0],
        opened_at=opened,
        closed_at=closed,
        subject=row[3],
        claimed_at=claimed,
        released_at=released,
    )


def subject_of(db: Database, ref: bytes) -> str | None:
    """Return the member of a blind reference, None: nobody here."""
    row = db.execute("SELECT subject FROM member WHERE external_ref = ?", [ref]).fetchone()
    return row[0] if row else None


def ticket_subject(db: Database, ticket: str | None) -> str | None:
    """Return the member of a queue number, None: nobody's."""
    row = db.execute("SELECT subject FROM queue_ticket WHERE id = ?", [ticket]).fetchone()
    return row[0] if row else None
