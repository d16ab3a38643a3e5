"""All that the box holds of one member, for the member to see. Called by `app.member`.

A member's right to a copy (PIPL article 45, GDPR article 15). A new table that names a subject
belongs in here.
"""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlite_utils import Database

from edge.keys.errors import Unreadable
from edge.keys.profiles import ProfileKeys
from edge.store.appointments import of_member
from edge.store.audit import Audit, Entry
from edge.store.consents import LedgerRow, history
from edge.store.notes import last_notes
from edge.store.people import GUARDIAN_PURPOSE, Member
from edge.store.purchases import all_purchases
from edge.store.queue import phone_of, tickets_of
from edge.store.service import content_of, of_members
from edge.wire.codec import utc_text

_ENTRIES_MAX: Final = 1_000_000


def everything(db: Database, keys: ProfileKeys, member: Member, now: datetime) -> dict[str, Any]:
    """Return all that is held of a member, as JSON values. Of a template: that there is one."""
    subject = member.subject
    return {
        "exported_at": utc_text(now),
        "member": member.id,
        "subject": subject,
        "joined_at": utc_text(member.created_at),
        "changed_at": utc_text(member.changed_at),
        "profile": member.profile.texts(),
        "template": template_of(db, subject),
        "standing": _rows(db, "SELECT here, day FROM standing WHERE subject = ?", subject),
        "consents": [_consent(db, keys, row) for row in history(db, subject)],
        "visits": _rows(
            db,
            "SELECT id AS visit, opened_at, closed_at, close_reason, camera, who, reentry,"
            " first_visit, distance, sure, void, origin FROM visit WHERE subject = ?"
            " ORDER BY opened_at",
            subject,
        ),
        "alerts": _rows(
            db, "SELECT at, kind, visit, origin FROM alert WHERE subject = ? ORDER BY at", subject
        ),
        "office": _rows(db, "SELECT id, rev FROM office_member WHERE subject = ?", subject),
        "appointments": _appointments(db, keys, member),
        "codes": _rows(
            db,
            "SELECT made_at, CASE WHEN used_step > 0"
            " THEN strftime('%Y-%m-%dT%H:%M:%SZ', used_step * 30, 'unixepoch') END AS last_used_at,"
            " 'encrypted, for the member''s phone' AS secret FROM code_secret WHERE subject = ?",
            subject,
        ),
        "merged": _rows(
            db,
            "SELECT 'another external id, as a blind index' AS held FROM member_alias"
            " WHERE subject = ?",
            subject,
        ),
        "notes": _notes(db, keys, subject),
        "purchases": _purchases(db, keys, member),
        "queue": _queue(db, keys, subject),
        "messages": _rows(
            db,
            "SELECT kind, target, at, state, ended_at FROM outbound WHERE subject = ? ORDER BY id",
            subject,
        ),
        "greetings": _rows(
            db,
            "SELECT c.visit, c.state, c.at FROM claim AS c JOIN visit AS v ON v.id = c.visit"
            " WHERE v.subject = ? ORDER BY c.at",
            subject,
        ),
        "offers": _rows(
            db,
            "SELECT s.visit, s.tea, s.meal, s.at FROM stay AS s JOIN visit AS v ON v.id = s.visit"
            " WHERE v.subject = ? ORDER BY s.at",
            subject,
        ),
        "screens": _rows(
            db, "SELECT at, until FROM joining WHERE subject = ? ORDER BY at", subject
        ),
        "sources": _rows(
            db,
            "SELECT s.id AS visit, s.channel, s.advert, s.at FROM source AS s"
            " JOIN visit AS v ON v.id = s.id WHERE v.subject = ? ORDER BY s.at",
            subject,
        ),
        "tickets": _tickets(db, keys, subject),
        "shared_with": _rows(
            db, "SELECT place AS box, state FROM share_out WHERE subject = ? ORDER BY 1", subject
        ),
        "came_from": _rows(
            db,
            "SELECT place AS box, theirs AS subject_there, made_at, state FROM share_in"
            " WHERE subject = ? ORDER BY 1",
            subject,
        ),
        "audit": [
            plain_entry(entry) for entry in Audit(db).entries(subject=subject, limit=_ENTRIES_MAX)
        ],
    }


def _appointments(db: Database, keys: ProfileKeys, member: Member) -> list[dict[str, Any]]:
    external_id = member.profile.external_id
    ref = keys.blind(external_id) if external_id else None
    return [
        {
            "at": utc_text(one.booking.at),
            "what": one.booking.what,
            "channel": one.booking.channel,
            "consultant": one.booking.consultant,
            "state": one.course.state,
            "reason": one.course.reason,
            "visit": one.course.visit,
        }
        for one in of_member(db, keys, member.subject, ref)
        if one.booking is not None
    ]


def _notes(db: Database, keys: ProfileKeys, subject: str) -> list[dict[str, Any]]:
    found = last_notes(db, keys, subject, most=_ENTRIES_MAX)
    return [{"at": utc_text(one.at), "visit": one.visit, "text": one.text} for one in found]


def _purchases(db: Database, keys: ProfileKeys, member: Member) -> list[dict[str, Any]]:
    external_id = member.profile.external_id
    ref = keys.blind(external_id) if external_id else None
    return [
        {
            **{"receipt": one.number, "at": utc_text(one.at), "kind": one.kind},
            **{"value": one.value, "currency": one.currency, "items": one.items},
            **{"voided": one.voided, "visit": one.visit},
            "lines": [asdict(line) for line in one.lines],
        }
        for one in all_purchases(db, keys, member.subject, ref)
    ]


def _queue(db: Database, keys: ProfileKeys, subject: str) -> list[dict[str, Any]]:
    return [
        {
            **{"day": one.day, "number": one.number, "state": one.state},
            "taken_at": utc_text(one.taken.at),
            "ended_at": utc_text(one.ended_at) if one.ended_at else None,
            "phone": phone_of(db, keys, one),
        }
        for one in tickets_of(db, subject)
    ]


def _tickets(db: Database, keys: ProfileKeys, subject: str) -> list[dict[str, Any]]:
    return [
        {
            **{"kind": one.kind, "state": one.state, "made_at": utc_text(one.made_at)},
            "due": one.due.isoformat() if one.due else None,
            "ended_at": utc_text(one.ended_at) if one.ended_at else None,
            **(asdict(said) if (said := content_of(db, keys, one)) else {"what": "damaged"}),
        }
        for one in of_members(db, [subject], ended=True)
    ]


def template_of(db: Database, subject: str) -> dict[str, Any] | None:
    """Return what may be said of a subject's template; None when none is stored."""
    found = _rows(db, "SELECT made_at, model, photos FROM template WHERE subject = ?", subject)
    return {**found[0], "numbers": "128, encrypted; only the eyes can read them"} if found else None


def plain_entry(entry: Entry) -> dict[str, Any]:
    """Return an entry of the audit log as JSON values."""
    return {**asdict(entry), "at": utc_text(entry.at), "detail": dict(entry.detail)}


def _rows(db: Database, query: str, subject: str) -> list[dict[str, Any]]:
    return list(db.query(query, [subject]))


def _consent(db: Database, keys: ProfileKeys, row: LedgerRow) -> dict[str, Any]:
    held: dict[str, Any] = {
        name: utc_text(value) if isinstance(value, datetime) else value
        for name, value in asdict(row).items()
        if name not in ("sealed", "expires") and value is not None
    }
    if row.expires is not None:
        held["expires"] = row.expires.isoformat()
    if row.sealed is not None:
        held["personal"] = _opened(db, keys, row.subject, row.sealed)
    return held


def _opened(db: Database, keys: ProfileKeys, subject: str, sealed: bytes) -> Any:
    (wrapped,) = db.execute(
        "SELECT profile_key FROM member WHERE subject = ?", [subject]
    ).fetchone()
    try:
        return json.loads(keys.unseal(wrapped, sealed, subject=subject, purpose=GUARDIAN_PURPOSE))
    except Unreadable:
        return "damaged"
