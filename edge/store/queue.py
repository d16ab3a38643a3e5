"""Keeps the queue at the desk: tickets, sealed phone numbers, call tasks.

Written and read by `edge.desk.queue`, by the rules of `edge.core.queue`. Every step checks the
state that it starts from inside its transaction, so two devices, or a device and the clock, never
take one step twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

from sqlite_utils import Database

from edge.core.moments import Mark
from edge.core.queue import ENDED, State, Why, may
from edge.keys.errors import Unreadable
from edge.keys.profiles import ProfileKeys
from edge.store.database import StoreFault
from edge.store.ids import random_id
from edge.store.people import MemberMissing
from edge.store.queue_schema import rebuild_queue
from edge.wire.codec import utc_text

OPEN_MAX: Final = 500
"""Guests who wait at one time."""
KEPT: Final = timedelta(days=7)
"""How long tickets are kept, without their phone numbers."""
_PURPOSE: Final = "queue phone"
_COLUMNS: Final = (
    "id, day, number, rev, state, taken_at, taken_boot, taken_mono, called_at, called_boot,"
    " called_mono, told, ended_at, subject, sealed, task_why, task_end"
)
TaskEnd = Literal["reached", "unreached"]


class QueueFull(StoreFault):
    """So many guests wait that nobody could mean it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """Somebody who waits. `sealed` is the phone number, if there is one (`phone_of`)."""

    id: str
    day: str
    number: int
    rev: int
    state: State
    taken: Mark
    called: Mark | None
    told: bool
    ended_at: datetime | None
    subject: str | None
    sealed: bytes | None = field(repr=False)
    task_why: Why | None
    task_end: TaskEnd | None

    @property
    def task_open(self) -> bool:
        """Whether somebody has to call."""
        return self.state == "called" and self.task_why is not None and self.task_end is None


def take(
    db: Database,
    day: date,
    mark: Mark,
    *,
    subject: str | None,
    phone: str | None,
    keys: ProfileKeys | None,
) -> Ticket:
    """Give out the next number of a day, in the caller's transaction.

    Args:
        db: the caller's connection, in a transaction.
        day: the shop's day.
        mark: the moment.
        subject: the member's, if it is one.
        phone: the number to send a message to, if there is one; needs `keys`.
        keys: the key of the profiles.

    Raises:
        QueueFull: `OPEN_MAX` wait.
        MemberMissing: the member was erased.
    """
    (count,) = db.execute("SELECT count(*) FROM queue_ticket WHERE ended_at IS NULL").fetchone()
    if count >= OPEN_MAX:
        raise QueueFull(f"queue: expected fewer than {OPEN_MAX} who wait, got {count}")
    # After midnight they go on from those that wait: no two guests hold the same number.
    (last,) = db.execute(
        "SELECT coalesce(max(number), 0) FROM queue_ticket WHERE day = ? OR ended_at IS NULL",
        [day.isoformat()],
    ).fetchone()
    ticket = random_id()
    sealed = None
    if phone is not None:
        assert keys is not None, "a phone number is kept sealed"
        sealed = _seal(db, keys, ticket, subject, phone)
    db.execute(
        "INSERT INTO queue_ticket"
        " (id, day, number, state, taken_at, taken_boot, taken_mono, subject, sealed)"
        " VALUES (?, ?, ?, 'waiting', ?, ?, ?, ?, ?)",
        [
            *(ticket, day.isoformat(), last + 1),
            *(utc_text(mark.at), mark.boot, mark.mono, subject, sealed),
        ],
    )
    found = ticket_of(db, ticket)
    assert found is not None, "it was written just now"
    return found


def _seal(db: Database, keys: ProfileKeys, ticket: str, subject: str | None, phone: str) -> bytes:
    if subject is None:
        return keys.seal_apart(ticket, phone.encode(), purpose=_PURPOSE)
    wrapped = _wrapped(db, subject)
    if wrapped is None:
        raise MemberMissing("expected a member to give a number to, got none")
    return keys.seal(wrapped, phone.encode(), subject=subject, purpose=f"{_PURPOSE} {ticket}")


def _wrapped(db: Database, subject: str) -> bytes | None:
    row = db.execute("SELECT profile_key FROM member WHERE subject = ?", [subject]).fetchone()
    return row[0] if row else None


def phone_of(db: Database, keys: ProfileKeys, ticket: Ticket) -> str | None:
    """Return a ticket's phone number; None: there is none, or nobody can open it any more."""
    if ticket.sealed is None:
        return None
    try:
        if ticket.subject is None:
            return keys.unseal_apart(ticket.id, ticket.sealed, purpose=_PURPOSE).decode()
        wrapped = _wrapped(db, ticket.subject)
        if wrapped is None:
            return None
        purpose = f"{_PURPOSE} {ticket.id}"
        raw = keys.unseal(wrapped, ticket.sealed, subject=ticket.subject, purpose=purpose)
        return raw.decode()
    except Unreadable:
        return None


def ticket_of(db: Database, ticket: str) -> Ticket | None:
    """Return a ticket by its id."""
    row = db.execute(f"SELECT {_COLUMNS} FROM queue_ticket WHERE id = ?", [ticket]).fetchone()
    return _ticket(row) if row else None


def open_tickets(db: Database) -> list[Ticket]:
    """Return who waits, was called or is back, in the order in which they came."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM queue_ticket WHERE ended_at IS NULL ORDER BY day, number"
    ).fetchall()
    return [_ticket(row) for row in rows]


def tickets_of(db: Database, subject: str) -> list[Ticket]:
    """Return all that is kept of a member's tickets, in order."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM queue_ticket WHERE subject = ? ORDER BY day, number", [subject]
    ).fetchall()
    return [_ticket(row) for row in rows]


def ended_tickets(db: Database, day: date, limit: int) -> list[Ticket]:
    """Return a day's tickets that came to an end, the last first."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM queue_ticket WHERE day = ? AND ended_at IS NOT NULL"
        " ORDER BY ended_at DESC, number DESC LIMIT ?",
        [day.isoformat(), limit],
    ).fetchall()
    return [_ticket(row) for row in rows]


def note_called(db: Database, ticket: Ticket, mark: Mark, why: Why | None = None) -> bool:
    """Call a ticket that waits, in the caller's transaction; with a call task if there is a why.

    Returns:
        False: it waits no more, and nothing was changed.
    """
    return _changed(
        db,
        ticket,
        "waiting",
        "state = 'called', called_at = ?, called_boot = ?, called_mono = ?, task_why = ?",
        [utc_text(mark.at), mark.boot, mark.mono, why],
    )


def note_told(db: Database, ticket: Ticket, mark: Mark) -> bool:
    """Note, in the caller's transaction, that the message has gone out: now the guest's time runs.

    Returns:
        False: it is not called any more.
    """
    return _changed(
        db,
        ticket,
        "called",
        "told = 1, called_at = ?, called_boot = ?, called_mono = ?",
        [utc_text(mark.at), mark.boot, mark.mono],
    )


def open_task(db: Database, ticket: Ticket, why: Why) -> bool:
    """Ask somebody to call, in the caller's transaction; False: it is not called any more."""
    if ticket.task_why is not None:
        return False
    return _changed(db, ticket, "called", "task_why = ?", [why])


def end_task(db: Database, ticket: Ticket, how: TaskEnd) -> bool:
    """Note, in the caller's transaction, what came of a call; False: there is none to be made."""
    if not ticket.task_open:
        return False
    return _changed(db, ticket, "called", "task_end = ?", [how])


def move(db: Database, ticket: Ticket, to: State, now: datetime) -> bool:
    """Let a ticket go on, in the caller's transaction; its phone number goes when it ends.

    Returns:
        False: that is no way from the state that it is in.
    """
    if not may(ticket.state, to):
        return False
    if to in ENDED:
        change, values = "state = ?, ended_at = ?, sealed = NULL", [to, utc_text(now)]
    else:
        change, values = "state = ?, ended_at = NULL", [to]
    return _changed(db, ticket, ticket.state, change, values)


def _changed(
    db: Database, ticket: Ticket, state: State, change: str, values: Sequence[Any]
) -> bool:
    """Change a ticket that nobody has changed since it was read."""
    done = db.execute(
        f"UPDATE queue_ticket SET rev = rev + 1, {change} WHERE id = ? AND state = ? AND rev = ?",
        [*values, ticket.id, state, ticket.rev],
    )
    return bool(done.rowcount)


def call_after(db: Database) -> timedelta | None:
    """Return when guests are called by the manager's word; None: the settings say it."""
    row = db.execute("SELECT call_after_s FROM queue_setting WHERE id = 1").fetchone()
    return timedelta(seconds=row[0]) if row else None


def set_call_after(db: Database, after: timedelta, now: datetime, *, actor: str) -> None:
    """Keep the manager's word, in the caller's transaction."""
    db.execute(
        "INSERT OR REPLACE INTO queue_setting VALUES (1, ?, ?, ?)",
        [int(after.total_seconds()), utc_text(now), actor],
    )


def close_day(db: Database, left: Sequence[Ticket], day: date, now: datetime) -> None:
    """End who is left of other days, and forget tickets of long ago; in the caller's transaction.

    The rest is written into fresh pages: no phone number of yesterday stays in the file.
    """
    for one in left:
        move(db, one, "gone", now)
    db.execute("DELETE FROM queue_ticket WHERE day < ?", [(day - KEPT).isoformat()])
    rebuild_queue(db)


def has_old(db: Database, day: date) -> bool:
    """Say whether there are tickets that are to be forgotten."""
    row = db.execute(
        "SELECT EXISTS (SELECT 1 FROM queue_ticket WHERE day < ?)", [(day - KEPT).isoformat()]
    ).fetchone()
    return bool(row[0])


def _mark(at: str | None, boot: str | None, mono: float | None) -> Mark | None:
    if at is None or boot is None or mono is None:
        return None
    return Mark(at=datetime.fromisoformat(at), boot=boot, mono=mono)


def _ticket(row: Any) -> Ticket:
    taken = _mark(*row[5:8])
    assert taken is not None, "the schema demands it"
    return Ticket(
        id=row[0],
        day=row[1],
        number=row[2],
        rev=row[3],
        state=row[4],
        taken=taken,
        called=_mark(*row[8:11]),
        told=bool(row[11]),
        ended_at=datetime.fromisoformat(row[12]) if row[12] else None,
        subject=row[13],
        sealed=row[14],
        task_why=row[15],
        task_end=row[16],
    )


def note_said(db: Database, ticket: str, visit: str | None, waited_s: int) -> None:
    """Note, in the caller's transaction, what the hub is told of a ticket."""
    db.execute(
        "UPDATE queue_ticket SET said_visit = ?, said_waited_s = ? WHERE id = ?",
        [visit, waited_s, ticket],
    )


def astray(db: Database) -> list[tuple[str, int]]:
    """Return the tickets that the hub was told with a visit that turned out to be another's, and
    the seconds that it was told.
    """
    rows = db.execute(
        "SELECT t.id, t.said_waited_s FROM queue_ticket AS t JOIN visit AS v ON v.id = t.said_visit"
        " WHERE v.void = 1 OR v.subject IS NOT t.subject ORDER BY t.id"
    ).fetchall()
    return [(ticket, waited_s) for ticket, waited_s in rows]


def revise(db: Database, ticket: str) -> None:
    """Count a ticket's revision up, in the caller's transaction: something else is told of it."""
    db.execute("UPDATE queue_ticket SET rev = rev + 1 WHERE id = ?", [ticket])
