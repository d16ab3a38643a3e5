"""Appointments of head office, encrypted. Written by `app.orders`, read for a member's card.

Each stands under the blind index of the member's external id, so that it may come before the
member does, and an erasure finds it.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlite_utils import Database

from edge.keys.errors import Unreadable
from edge.keys.profiles import ProfileKeys
from edge.wire.codec import utc_text

KEPT_AFTER: Final = timedelta(days=7)
"""How long after its time an appointment is kept."""
_TABLE: Final = (
    "CREATE TABLE appointment (id TEXT PRIMARY KEY CHECK (length(id) = 26), rev INTEGER NOT NULL,"
    " ref BLOB, at TEXT, sealed BLOB, kept_at TEXT NOT NULL) STRICT"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """An appointment; `channel` is app | web | phone | shop | other. repr shows only the time."""

    at: datetime
    what: str = field(repr=False)
    channel: str


def make_table(db: Database) -> None:
    """Make the table. A row without `ref` is one that was cancelled: its `rev` is remembered."""
    db.execute(_TABLE)
    db.execute("CREATE INDEX appointment_ref ON appointment (ref) WHERE ref IS NOT NULL")


def rev_of(db: Database, thing: str) -> int:
    """Return the revision that is held of an appointment, 0 for none."""
    row = db.execute("SELECT rev FROM appointment WHERE id = ?", [thing]).fetchone()
    return row[0] if row else 0


def keep(
    db: Database,
    keys: ProfileKeys,
    thing: str,
    rev: int,
    held: tuple[bytes, Appointment] | None,
    now: datetime,
) -> None:
    """Keep an appointment in the caller's transaction; None: it was cancelled."""
    ref = at = sealed = None
    if held is not None:
        ref, one = held
        at = utc_text(one.at)
        content = {"what": one.what, "channel": one.channel}
        sealed = keys.seal_appointment(thing, json.dumps(content, ensure_ascii=False).encode())
    db.execute(
        "INSERT OR REPLACE INTO appointment VALUES (?, ?, ?, ?, ?, ?)",
        [thing, rev, ref, at, sealed, utc_text(now)],
    )


def within(
    db: Database, keys: ProfileKeys, ref: bytes, first: datetime, last: datetime
) -> list[Appointment]:
    """Return whoever's appointments of a stretch of time, in order."""
    every = all_of(db, keys, ref)
    return [one for one in every if first <= one.at < last]


def all_of(db: Database, keys: ProfileKeys, ref: bytes) -> list[Appointment]:
    """Return whoever's appointments in order; damaged ones are left out."""
    rows = db.execute(
        "SELECT id, at, sealed FROM appointment WHERE ref = ? ORDER BY at", [ref]
    ).fetchall()
    found = []
    for thing, at, sealed in rows:
        try:
            content = json.loads(keys.unseal_appointment(thing, sealed))
        except Unreadable:
            continue
        found.append(Appointment(at=datetime.fromisoformat(at), **content))
    return found


def forget_past(db: Database, now: datetime) -> None:
    """Delete what was due, or was cancelled, long ago."""
    before = utc_text(now - KEPT_AFTER)
    db.execute(
        "DELETE FROM appointment WHERE (at < ? OR at IS NULL) AND kept_at < ?", [before, before]
    )


def forget_of(db: Database, ref: bytes | None) -> None:
    """Delete a member's appointments in the caller's transaction; nothing stays in the pages.

    The rest is written into fresh pages, as `people_schema.rebuild_people` does and why.
    """
    if ref is None:
        return
    db.execute("DELETE FROM appointment WHERE ref = ?", [ref])
    rows = db.execute("SELECT * FROM appointment ORDER BY rowid").fetchall()
    db.execute("DROP TABLE appointment")
    make_table(db)
    db.conn.executemany("INSERT INTO appointment VALUES (?, ?, ?, ?, ?, ?)", rows)
