"""Reads who has come in, for the consultant's page, and notes which device saw which card.

Called by `edge.console.desk`. Knows members by their subjects only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

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
    this visit and those that it is a re-entry to. `alerted_at` is when the shop was told of it.
    `ending`: somebody said that the guest has left, and the eyes have not ended the visit yet.
    """

    visit: str
    at: datetime
    camera: str | None
    subject: str | None
    reentry: bool
    sure: bool | None
    correcting: bool
    last_visit_at: datetime | None
    alerted_at: datetime | None = None
    closed: bool = False
    ending: bool = False


def arrivals_since(db: Database, since: datetime, *, limit: int) -> tuple[Arrival, ...]:
    """Return the visits that opened at `since` or later, newest first, staff left out.

    Beyond the `limit` newest only those that somebody claimed and that go on.
    """
    newest = _arrivals(db, "1", [utc_text(since), limit])
    served = _arrivals(
        db,
        "v.closed_at IS NULL"
        " AND v.id IN (SELECT claim.visit FROM claim WHERE claim.state = 'taken')",
        [utc_text(since), limit],
    )
    every = {row.visit: row for row in (*served, *newest)}
    return tuple(sorted(every.values(), key=lambda row: (row.at, row.visit), reverse=True))


def _arrivals(db: Database, where: str, values: list[Any]) -> list[Arrival]:
    rows = db.execute(
        "SELECT v.id, v.opened_at, v.camera, v.subject, v.reentry, v.sure,"
        " EXISTS (SELECT 1 FROM request r WHERE r.visit = v.id AND r.kind = 'wrong_person'"
        "  AND r.done_at IS NULL),"
        " (SELECT max(p.opened_at) FROM visit p WHERE p.subject = v.subject AND p.void = 0"
        "  AND p.origin <> 'private' AND p.opened_at <"
        "   coalesce((SELECT f.opened_at FROM visit f WHERE f.id = v.first_visit), v.opened_at)),"
        " (SELECT max(a.at) FROM alert a WHERE a.visit = v.id AND a.subject = v.subject),"
        " v.closed_at IS NOT NULL,"
        " EXISTS (SELECT 1 FROM request r WHERE r.visit = v.id AND r.kind = 'end'"
        "  AND r.done_at IS NULL)"
        " FROM visit v"
        " WHERE v.opened_at >= ? AND v.void = 0 AND v.who <> 'staff' AND v.origin <> 'private'"
        f" AND {where} ORDER BY v.opened_at DESC, v.id DESC LIMIT ?",
        values,
    ).fetchall()
    return [
        Arrival(
            visit=row[0],
            at=datetime.fromisoformat(row[1]),
            camera=row[2],
            subject=row[3],
            reentry=bool(row[4]),
            sure=None if row[5] is None else bool(row[5]),
            correcting=bool(row[6]) and row[3] is not None,
            last_visit_at=datetime.fromisoformat(row[7]) if row[7] else None,
            alerted_at=datetime.fromisoformat(row[8]) if row[8] else None,
            closed=bool(row[9]),
            ending=bool(row[10]),
        )
        for row in rows
    ]


def visit_of(db: Database, subject: str, at: datetime, *, since: datetime) -> str | None:
    """Return the visit on which a member was at a moment: the last that had opened by then, else
    the next, as of who is recognised a little later. None: there is none `since`.
    """
    row = db.execute(
        "SELECT id FROM visit WHERE subject = ?1 AND void = 0 AND who = 'member'"
        " AND origin <> 'private' AND opened_at >= ?3 ORDER BY opened_at <= ?2 DESC,"
        " CASE WHEN opened_at <= ?2 THEN opened_at END DESC, opened_at LIMIT 1",
        [subject, utc_text(at), utc_text(since)],
    ).fetchone()
    return row[0] if row else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Cards that a device is about to be shown: the subject of each visit.

    A visit that has become another member's is another card.
    """

    device: str
    cards: Mapping[str, str]


def unseen(db: Database, device: str, cards: Mapping[str, str]) -> bool:
    """Say whether a device was not shown all of the cards before."""
    return bool(cards.items() - _seen(db, device, cards))


def note_views(db: Database, shown: Sequence[Shown], *, now: datetime) -> None:
    """Write into the audit log which cards devices are about to be shown, each once.

    Raises:
        edge.store.database.StoreFault: it cannot be kept; no card is then to be shown.
    """
    with transaction(db):
        db.execute("DELETE FROM card_view WHERE at < ?", [utc_text(now - _VIEWS_KEPT)])
        for one in shown:
            for visit, subject in sorted(one.cards.items() - _seen(db, one.device, one.cards)):
                db.execute(
                    "INSERT INTO card_view VALUES (?, ?, ?, ?)",
                    [one.device, visit, subject, utc_text(now)],
                )
                Audit(db).append(
                    at=now, what="view", actor=one.device, subject=subject, detail={"visit": visit}
                )


def _seen(db: Database, device: str, cards: Mapping[str, str]) -> set[tuple[str, str]]:
    marks = ", ".join("?" * len(cards))
    rows = db.execute(
        f"SELECT visit, subject FROM card_view WHERE device = ? AND visit IN ({marks})",
        [device, *cards],
    )
    return {(visit, subject) for visit, subject in rows}
