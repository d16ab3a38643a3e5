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
from edge.store.appointments import all_of
from edge.store.audit import Audit, Entry
from edge.store.consents import LedgerRow, history
from edge.store.people import GUARDIAN_PURPOSE, Member
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
    found = all_of(db, keys, keys.blind(external_id)) if external_id else []
    return [{"at": utc_text(one.at), "what": one.what, "channel": one.channel} for one in found]


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
