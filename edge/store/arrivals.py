"""Reads who has come in, for the consultant's page, and notes which device saw which card.

Called by `edge.console.desk`. Knows members by their subjects only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlite_utils import Database

from edge.store.audit import Audit
from edge.store.database import transaction
from edge.wire.codec import utc_text

_VIEWS_KEPT: Final = timedelta(days=3)
"""The page shows today's visits; the audit log keeps the views themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A visit as the consultant's page lists it.

    `subject` is None for a visitor. `correcting`: somebody said that this is the wrong person, and
    the eyes have not revised the visit yet. `last_visit_at` is when the member was here before
    this visit and those that it is a re-entry to.
    """

    visit: str
    at: datetime
    camera: str | None
    subject: str | None
    reentry: bool
    sure: bool | None
    correcting: bool
    last_visit_at: datetime | None


def arrivals_since(db: Database, since: datetime, *, limit: int) -> tuple[Arrival, ...]:
    """Return the visits that opened at `since` or later, newest first, staff left out."""
    rows = db.execute(
        "SELECT v.id, v.opened_at, v.camera, v.subject, v.reentry, v.sure,"
        " EXISTS (SELECT 1 FROM request r WHERE r.visit = v.id AND r.kind = 'wrong_person'"
        "  AND r.done_at IS NULL),"
        " (SELECT max(p.opened_at) FROM visit p WHERE p.subject = v.subject AND p.void = 0"
        "  AND p.origin <> 'private' AND p.opened_at <"
        "   coalesce((SELECT f.opened_at FROM visit f WHERE f.id = v.first_visit), v.opened_at))"
        " FROM visit v"
        " WHERE v.opened_at >= ? AND v.void = 0 AND v.who <> 'staff' AND v.origin <> 'private'"
        " ORDER BY v.opened_at DESC, v.id DESC LIMIT ?",
        [utc_text(since), limit],
    ).fetchall()
    return tuple(
        Arrival(
            visit=row[0],
            at=datetime.fromisoformat(row[1]),
            camera=row[2],
            subject=row[3],
            reentry=bool(row[4]),
            sure=None if row[5] is None else bool(row[5]),
            correcting=bool(row[6]) and row[3] is not None,
            last_visit_at=datetime.fromisoformat(row[7]) if row[7] else None,
        )
        for row in rows
    )


def note_views(db: Database, *, device: str, cards: Mapping[str, str], now: datetime) -> None:
    """Write into the audit log which cards a device is about to be shown, each once.

    `cards` gives the subject of each visit; a visit that has become another member's is another
    card. Writes nothing if the device saw them all before.

    Raises:
        edge.store.database.StoreFault: it cannot be kept; the cards are then not to be shown.
    """
    if not (fresh := cards.items() - _seen(db, device, cards)):
        return
    with transaction(db):
        db.execute("DELETE FROM card_view WHERE at < ?", [utc_text(now - _VIEWS_KEPT)])
        for visit, subject in sorted(fresh - _seen(db, device, cards)):
            db.execute(
                "INSERT INTO card_view VALUES (?, ?, ?, ?)", [device, visit, subject, utc_text(now)]
            )
            Audit(db).append(
                at=now, what="view", actor=device, subject=subject, detail={"visit": visit}
            )


def _seen(db: Database, device: str, cards: Mapping[str, str]) -> set[tuple[str, str]]:
    marks = ", ".join("?" * len(cards))
    rows = db.execute(
        f"SELECT visit, subject FROM card_view WHERE device = ? AND visit IN ({marks})",
        [device, *cards],
    )
    return {(visit, subject) for visit, subject in rows}
