"""Keeps appointments, encrypted, and what became of each.

Written by `edge.store.appointment_book`, which knows the rules and tells the hub; read for a
member's card, the day's list and who is expected.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlite_utils import Database

from edge.core.appointments import (
    Booking,
    Channel,
    Course,
)
from edge.keys.errors import Unreadable
from edge.keys.profiles import ProfileKeys
from edge.store.appointment_schema import rebuild_appointments
from edge.store.people import MemberMissing
from edge.wire.codec import utc_text

KEPT_AFTER: Final = timedelta(days=7)
"""How long after its time an appointment is kept."""
Source = Literal["office", "file", "webhook", "desk"]
_SEALED: Final = ("what", "channel", "consultant", "name", "phone")
_COLUMNS: Final = (
    "id, source, key, rev, ref, coalesce(subject,"
    " (SELECT member.subject FROM member WHERE member.external_ref = appointment.ref)),"
    " subject, at, channel, sealed, state, reason, visit, arrived_at, by_tap, withdrawn, staff,"
    " told"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """Whose an appointment is: of a member of this shop, `subject`; of whoever has an external id,
    by its blind index; of nobody whom the shop knows.
    """

    subject: str | None = None
    ref: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An appointment as it is kept.

    `booking` is None where it cannot be opened, and of one that was cancelled before it was heard
    of (`at` is then None too). `member` is the member whose it is, as far as there is one here.
    """

    id: str
    source: Source
    key: bytes | None = field(default=None, repr=False)
    rev: int = 0
    whose: Whose = Whose()
    member: str | None = None
    at: datetime | None
    channel: Channel | None = None
    booking: Booking | None
    course: Course
    staff: str | None = None
    told: int = 0


def rev_of(db: Database, thing: str) -> int:
    """Return the revision that is held of an appointment, 0 for none."""
    row = db.execute("SELECT rev FROM appointment WHERE id = ?", [thing]).fetchone()
    return row[0] if row else 0


def by_id(db: Database, keys: ProfileKeys | None, thing: str) -> Held | None:
    """Return an appointment, None if there is none."""
    return next(iter(_read(db, keys, "id = ?", [thing])), None)


def by_key(db: Database, keys: ProfileKeys, key: bytes) -> Held | None:
    """Return an appointment by the blind index of its booking system's number."""
    return next(iter(_read(db, keys, "key = ?", [key])), None)


def of_day(
    db: Database, keys: ProfileKeys | None, first: datetime, last: datetime, limit: int
) -> list[Held]:
    """Return the appointments of a stretch of time, in order."""
    where = "at >= ? AND at < ? ORDER BY at, id LIMIT ?"
    return _read(db, keys, where, [utc_text(first), utc_text(last), limit])


def of_member(
    db: Database, keys: ProfileKeys, subject: str | None, ref: bytes | None
) -> list[Held]:
    """Return a member's appointments in order; those that cannot be opened are left out."""
    found = _read(
        db, keys, "(subject = ? OR ref = ?) AND at IS NOT NULL ORDER BY at, id", [subject, ref]
    )
    return [one for one in found if one.booking is not None]


def expected_between(db: Database, first: datetime, last: datetime) -> list[Held]:
    """Return members' appointments of a time whom the box is to look out for; needs no key."""
    where = "state = 'expected' AND by_tap = 0 AND at >= ? AND at <= ?"
    rows = _read(db, None, where, [utc_text(first), utc_text(last)])
    return [one for one in rows if one.member is not None]


def astray(db: Database) -> list[Held]:
    """Return appointments that stand with a visit which is no visit of that member any more."""
    return _read(
        db,
        None,
        "visit IS NOT NULL AND NOT EXISTS (SELECT 1 FROM visit AS v WHERE v.id = appointment.visit"
        " AND v.void = 0 AND v.subject IS NOT NULL AND v.subject = coalesce(appointment.subject,"
        " (SELECT m.subject FROM member AS m WHERE m.external_ref = appointment.ref)))"
        " AND EXISTS (SELECT 1 FROM visit AS v WHERE v.id = appointment.visit)",
        [],
    )


def visits_of(
    db: Database, subject: str, first: datetime, last: datetime
) -> list[tuple[str, datetime]]:
    """Return a member's visits that opened within a stretch of time, in order, by id and moment.

    One that somebody has just said is of the wrong person is left out.
    """
    rows = db.execute(
        "SELECT id, opened_at FROM visit WHERE subject = ? AND void = 0 AND origin <> 'private'"
        " AND opened_at >= ? AND opened_at <= ? AND NOT EXISTS (SELECT 1 FROM request"
        "  WHERE request.visit = visit.id AND kind = 'wrong_person' AND done_at IS NULL)"
        " ORDER BY opened_at",
        [subject, utc_text(first), utc_text(last)],
    ).fetchall()
    return [(visit, datetime.fromisoformat(at)) for visit, at in rows]


def write_course(db: Database, held: Held, course: Course, staff: str | None) -> bool:
    """Write what became of an appointment in the caller's transaction; False: somebody else was
    quicker, and nothing was changed.
    """
    done = db.execute(
        "UPDATE appointment SET state = ?, reason = ?, visit = ?, arrived_at = ?, by_tap = ?,"
        " withdrawn = ?, staff = ? WHERE id = ? AND told = ?",
        [*_course_values(course), staff, held.id, held.told],
    )
    return bool(done.rowcount)


def next_told(db: Database, thing: str) -> Held:
    """Count another word to the hub on an appointment, in the caller's transaction; return it."""
    db.execute("UPDATE appointment SET told = told + 1 WHERE id = ?", [thing])
    (one,) = _read(db, None, "id = ?", [thing])
    return one


def write(db: Database, keys: ProfileKeys, held: Held, now: datetime) -> None:
    """Write an appointment in the caller's transaction; what became of it too.

    Raises:
        MemberMissing: the member whose it is was erased.
    """
    one, whose = held.booking, held.whose
    db.execute(
        "INSERT OR REPLACE INTO appointment"
        " (id, source, key, rev, ref, subject, at, channel, sealed, kept_at, state, reason, visit,"
        "  arrived_at, by_tap, withdrawn, staff, told)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            *(held.id, held.source, held.key, held.rev, whose.ref, whose.subject),
            utc_text(one.at) if one else None,
            one.channel if one else None,
            _sealed(db, keys, held.id, whose, one) if one else None,
            utc_text(now),
            *_course_values(held.course),
            *(held.staff, held.told),
        ],
    )


def forget_past(db: Database, now: datetime) -> None:
    """Delete what was due, or was cancelled, long ago; nothing of it stays in the pages."""
    before = utc_text(now - KEPT_AFTER)
    old = "(at < ? OR at IS NULL) AND kept_at < ?"
    if db.execute(f"DELETE FROM appointment WHERE {old}", [before, before]).rowcount:
        rebuild_appointments(db)


def _course_values(course: Course) -> list[Any]:
    arrived_at = utc_text(course.arrived_at) if course.arrived_at else None
    flags = [int(course.by_tap), int(course.withdrawn)]
    return [course.state, course.reason, course.visit, arrived_at, *flags]


def _sealed(db: Database, keys: ProfileKeys, thing: str, whose: Whose, one: Booking) -> bytes:
    texts = {
        name: getattr(one, name) for name in ("what", "channel", "consultant", "name", "phone")
    }
    content = json.dumps({n: text for n, text in texts.items() if text}, ensure_ascii=False)
    if whose.subject is None:
        return keys.seal_appointment(thing, content.encode())
    wrapped = _key_of(db, whose.subject)
    if wrapped is None:
        raise MemberMissing("expected a member to keep an appointment of, got none")
    return keys.seal(wrapped, content.encode(), subject=whose.subject, purpose=_purpose(thing))


def _opened(
    db: Database, keys: ProfileKeys | None, thing: str, subject: str | None, sealed: bytes
) -> dict[str, Any] | None:
    if keys is None:
        return None
    try:
        if subject is None:
            raw = keys.unseal_appointment(thing, sealed)
        else:
            wrapped = _key_of(db, subject)
            if wrapped is None:
                return None
            raw = keys.unseal(wrapped, sealed, subject=subject, purpose=_purpose(thing))
    except Unreadable:
        return None
    content: dict[str, Any] = json.loads(raw)
    return content


def _purpose(thing: str) -> str:
    return json.dumps(["appointment", thing])


def _key_of(db: Database, subject: str) -> bytes | None:
    row = db.execute("SELECT profile_key FROM member WHERE subject = ?", [subject]).fetchone()
    return row[0] if row else None


def _read(db: Database, keys: ProfileKeys | None, where: str, values: list[Any]) -> list[Held]:
    rows = db.execute(f"SELECT {_COLUMNS} FROM appointment WHERE {where}", values).fetchall()
    return [_held(db, keys, row) for row in rows]


def _held(db: Database, keys: ProfileKeys | None, row: Any) -> Held:
    thing, source, key, rev, ref, member, subject, at_text, channel, sealed = row[:10]
    state, reason, visit, arrived_at, by_tap, withdrawn, staff, told = row[10:]
    at = datetime.fromisoformat(at_text) if at_text else None
    content = _opened(db, keys, thing, subject, sealed) if sealed is not None else None
    return Held(
        id=thing,
        source=source,
        key=key,
        rev=rev,
        whose=Whose(subject=subject, ref=ref),
        member=member,
        at=at,
        channel=channel or (content["channel"] if content else None),
        booking=Booking(at=at, **content) if at and content else None,
        course=Course(
            state=state,
            reason=reason,
            visit=visit,
            arrived_at=datetime.fromisoformat(arrived_at) if arrived_at else None,
            by_tap=bool(by_tap),
            withdrawn=bool(withdrawn),
        ),
        staff=staff,
        told=told,
    )
