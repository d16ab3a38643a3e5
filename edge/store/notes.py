"""Notes that people at the desk write of a guest, encrypted. Written by `edge.desk.notes`.

    of a member    under the member's own key: destroyed with it
    of a visitor   under a key of the day: destroyed when the day is over (`keeping`)

A note says whose visit it was written on. Where that visit turns out to be somebody else's, it
stays with the visit for that day and is shown with no other of the member (`edge.desk.notes`).
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlite_utils import Database

from edge.keys.errors import Unreadable
from edge.keys.profiles import ProfileKeys
from edge.store.audit import Audit, Code
from edge.store.desk_schema import rebuild_notes
from edge.wire.codec import utc_text

CHARS_MAX: Final = 500
A_VISIT_MAX: Final = 20
"""Notes on one visit; whoever writes more has a page open that sends by itself."""
_MEMBERS_SHOWN: Final = 3
_COLUMNS: Final = (
    "note.id, note.at, note.visit, note.subject, note.until, note.staff, note.device, note.sealed"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note. `staff` is who wrote it, None for a device that is nobody's; `device`: on which."""

    id: int
    at: datetime
    visit: str
    staff: str | None
    device: str
    text: str = field(repr=False)

    def is_of(self, staff: str | None, device: str) -> bool:
        """Say whether somebody at a device is who wrote it."""
        return self.staff == staff if self.staff is not None else self.device == device


def tidy_note(text: str) -> str:
    """Return a note as printable lines without empty ones around; "" for nothing worth keeping."""
    lines = (
        "".join(c if c.isprintable() else " " for c in line).rstrip() for line in text.splitlines()
    )
    return "\n".join(lines).strip()[:CHARS_MAX]


def write(
    db: Database,
    keys: ProfileKeys,
    visit: str,
    text: str,
    *,
    staff: str | None,
    device: str,
    now: datetime,
    until: datetime,
) -> bool:
    """Keep a note in the caller's transaction; False if it can be written on no such visit.

    Args:
        db: the connection.
        keys: of the profiles.
        visit: on which it is written; of this shop, as the caller has seen to.
        text: as `tidy_note` returns it.
        staff: who writes.
        device: on which.
        now: the time.
        until: how long a visitor's note is kept.

    Raises:
        edge.keys.errors.Unreadable: the member's key, or the day's, is damaged.
    """
    (subject,) = db.execute("SELECT subject FROM visit WHERE id = ?", [visit]).fetchone()
    before = _opened(db, keys, _rows(db, "note.visit = ?", [visit]))
    if len(before) >= A_VISIT_MAX or any(n.text == text and n.staff == staff for n in before):
        return False  # the same again is a form that was sent twice
    wrapped = _key_of(db, subject) if subject is not None else None
    end = None if wrapped is not None else utc_text(until)
    if wrapped is None:
        subject, wrapped = None, _day_key(db, keys, utc_text(until))
    sealed = keys.seal(
        wrapped, text.encode(), subject=subject or visit, purpose=purpose_of_note(visit)
    )
    db.execute(
        "INSERT INTO note (at, visit, subject, until, staff, device, sealed)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [utc_text(now), visit, subject, end, staff, device, sealed],
    )
    Audit(db).append(at=now, what="note", actor=device, subject=subject, detail={"visit": visit})
    return True


def notes_of(
    db: Database, keys: ProfileKeys, visits: Collection[str], now: datetime
) -> dict[str, list[Note]]:
    """Return what was written on some visits, oldest first; damaged ones are left out."""
    if not visits:
        return {}
    marks = ", ".join("?" * len(visits))
    where = f"note.visit IN ({marks}) AND (note.until IS NULL OR note.until > ?)"
    found: dict[str, list[Note]] = {}
    for note in _opened(db, keys, _rows(db, where, [*visits, utc_text(now)])):
        found.setdefault(note.visit, []).append(note)
    return found


def last_notes(
    db: Database, keys: ProfileKeys, subject: str, *, most: int = _MEMBERS_SHOWN
) -> list[Note]:
    """Return the newest notes of a member, of visits that are the member's still; newest first."""
    where = (
        "note.subject = ?1 AND (SELECT visit.subject FROM visit WHERE visit.id = note.visit) = ?1"
    )
    rows = _rows(db, where, [subject])
    return _opened(db, keys, reversed(rows[-most:]))


def with_notes(db: Database, subjects: Collection[str]) -> frozenset[str]:
    """Return which of some members somebody wrote a note on."""
    marks = ", ".join("?" * len(subjects))
    rows = db.execute(
        f"SELECT DISTINCT subject FROM note WHERE subject IN ({marks})", list(subjects)
    ).fetchall()
    return frozenset(subject for (subject,) in rows)


def note_by_id(db: Database, keys: ProfileKeys, note: int, now: datetime) -> Note | None:
    """Return a note; None: there is none, or it cannot be read any more."""
    where = "note.id = ? AND (note.until IS NULL OR note.until > ?)"
    found = _opened(db, keys, _rows(db, where, [note, utc_text(now)]))
    return found[0] if found else None


def rewrite(
    db: Database, keys: ProfileKeys, note: Note, text: str, *, by: str, now: datetime
) -> None:
    """Put other words in a note's place, in the caller's transaction.

    Raises:
        edge.keys.errors.Unreadable: the key of what it is sealed under is damaged, or has gone.
    """
    subject, until = _owner(db, note)
    wrapped = _key_of(db, subject) if subject else _kept_day_key(db, until)
    if wrapped is None:
        raise Unreadable(f"note {note.id}: expected its key, got none; it has gone")
    owner, purpose = subject or note.visit, purpose_of_note(note.visit)
    sealed = keys.seal(wrapped, text.encode(), subject=owner, purpose=purpose)
    db.execute("UPDATE note SET sealed = ? WHERE id = ?", [sealed, note.id])
    rebuild_notes(db)  # nothing of what was written before stays
    _log(db, "changed", note, subject, by, now)


def strike(db: Database, note: Note, *, by: str, now: datetime) -> None:
    """Delete a note, in the caller's transaction; nothing of it stays in the pages."""
    subject, _ = _owner(db, note)
    db.execute("DELETE FROM note WHERE id = ?", [note.id])
    rebuild_notes(db)
    _log(db, "deleted", note, subject, by, now)


def _owner(db: Database, note: Note) -> tuple[str | None, str]:
    row = db.execute("SELECT subject, until FROM note WHERE id = ?", [note.id]).fetchone()
    return row[0], row[1]


def _log(db: Database, how: str, note: Note, subject: str | None, by: str, now: datetime) -> None:
    detail: dict[str, Code] = {"visit": note.visit, "how": how}
    Audit(db).append(at=now, what="note", actor=by, subject=subject, detail=detail)


def _rows(db: Database, where: str, values: Iterable[Any]) -> list[Any]:
    found: list[Any] = db.execute(
        f"SELECT {_COLUMNS} FROM note WHERE {where} ORDER BY note.id", list(values)
    ).fetchall()
    return found


def _opened(db: Database, keys: ProfileKeys, rows: Iterable[Any]) -> list[Note]:
    notes = []
    for number, at, visit, subject, until, staff, device, sealed in rows:
        wrapped = _key_of(db, subject) if subject else _kept_day_key(db, until)
        if wrapped is None:
            continue  # erased, or the day is over
        try:
            text = keys.unseal(
                wrapped, sealed, subject=subject or visit, purpose=purpose_of_note(visit)
            )
        except Unreadable:
            continue
        at = datetime.fromisoformat(at)
        notes.append(
            Note(id=number, at=at, visit=visit, staff=staff, device=device, text=text.decode())
        )
    return notes


def purpose_of_note(visit: str) -> str:
    return json.dumps(["note", visit])


def _key_of(db: Database, subject: str) -> bytes | None:
    row = db.execute("SELECT profile_key FROM member WHERE subject = ?", [subject]).fetchone()
    return row[0] if row else None


def _kept_day_key(db: Database, until: str) -> bytes | None:
    row = db.execute("SELECT key FROM note_day WHERE until = ?", [until]).fetchone()
    return row[0] if row else None


def _day_key(db: Database, keys: ProfileKeys, until: str) -> bytes:
    known = _kept_day_key(db, until)
    if known is None:
        known = keys.new()
        db.execute("INSERT INTO note_day (until, key) VALUES (?, ?)", [until, known])
    return known
