"""Keeps service tickets: what of whom is in what state. Written and read by `edge.desk.service`.

Each step is taken in the transaction that read the state which it starts from, so two devices
never take one twice. `edge.core.service` says which steps there are.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from typing import Any, Final

from sqlite_utils import Database

from edge.core.service import ENDED, Kind, State, may
from edge.keys.errors import Unreadable
from edge.keys.profiles import ProfileKeys
from edge.store.database import StoreFault
from edge.store.ids import random_id
from edge.store.people import MemberMissing
from edge.wire.codec import utc_text

OPEN_MAX: Final = 2_000
"""Tickets that are open at one time."""
_PURPOSE: Final = "service"
_COLUMNS: Final = (
    "id, rev, kind, state, subject, visit, sealed, due, office, asked, withdrawn, staff, device,"
    " entry, made_at, ended_at,"
    " EXISTS (SELECT 1 FROM visit WHERE visit.id = service.visit"
    "  AND visit.subject IS NOT service.subject)"
)


class TooManyTickets(StoreFault):
    """So many tickets are open that nobody could mean it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a ticket says. Personal; repr shows nothing of it.

    `name` and `phone` are of somebody who is no member, `phone` also of a member whom a message
    is to reach. `office` is what head office said lay ready when it was collected.
    """

    what: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    office: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A ticket. `sealed` is its content (`content_of`).

    `doubtful`: it was made on the card of a visit that turned out to be another member's.
    """

    id: str
    rev: int
    kind: Kind
    state: State
    subject: str | None
    visit: str | None
    sealed: bytes = field(repr=False)
    due: date | None
    office: bool
    asked: bool
    withdrawn: int
    staff: str | None
    device: str
    entry: str | None
    made_at: datetime
    ended_at: datetime | None
    doubtful: bool


def make(
    db: Database,
    keys: ProfileKeys,
    kind: Kind,
    state: State,
    content: Content,
    *,
    subject: str | None,
    visit: str | None,
    due: date | None,
    staff: str | None,
    device: str,
    entry: str | None,
    now: datetime,
) -> Ticket:
    """Write a ticket, in the caller's transaction.

    Raises:
        TooManyTickets: `OPEN_MAX` are open.
        MemberMissing: the member was erased.
        edge.keys.errors.Unreadable: the member's key is damaged.
    """
    (count,) = db.execute("SELECT count(*) FROM service WHERE ended_at IS NULL").fetchone()
    if count >= OPEN_MAX:
        raise TooManyTickets(f"service: expected fewer than {OPEN_MAX} open tickets, got {count}")
    ticket, at = random_id(), utc_text(now)
    sealed = _sealed(db, keys, ticket, subject, content)
    db.execute(
        "INSERT INTO service (id, kind, state, subject, visit, sealed, due, office, staff, device,"
        " entry, made_at, at, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            *(ticket, kind, state, subject, visit, sealed, due.isoformat() if due else None),
            *(bool(content.office), staff, device, entry, at, at),
            at if state in ENDED else None,
        ],
    )
    found = ticket_of(db, ticket)
    assert found is not None, "it was written just now"
    return found


def _sealed(
    db: Database, keys: ProfileKeys, ticket: str, subject: str | None, content: Content
) -> bytes:
    raw = json.dumps(asdict(content), ensure_ascii=False).encode()
    if subject is None:
        return keys.seal_apart(ticket, raw, purpose=_PURPOSE)
    wrapped = _wrapped(db, subject)
    if wrapped is None:
        raise MemberMissing("expected a member to make a ticket for, got none")
    return keys.seal(wrapped, raw, subject=subject, purpose=f"{_PURPOSE} {ticket}")


def _wrapped(db: Database, subject: str) -> bytes | None:
    row = db.execute("SELECT profile_key FROM member WHERE subject = ?", [subject]).fetchone()
    return row[0] if row else None


def content_of(db: Database, keys: ProfileKeys, ticket: Ticket) -> Content | None:
    """Return what a ticket says; None: nobody can open it any more."""
    try:
        if ticket.subject is None:
            raw = keys.unseal_apart(ticket.id, ticket.sealed, purpose=_PURPOSE)
        else:
            wrapped = _wrapped(db, ticket.subject)
            if wrapped is None:
                return None
            purpose = f"{_PURPOSE} {ticket.id}"
            raw = keys.unseal(wrapped, ticket.sealed, subject=ticket.subject, purpose=purpose)
    except Unreadable:
        return None
    return Content(**json.loads(raw))


def ticket_of(db: Database, ticket: str) -> Ticket | None:
    """Return a ticket by its id."""
    found = _tickets(db, "id = ?", [ticket])
    return found[0] if found else None


def entered(db: Database, entry: str) -> Ticket | None:
    """Return the ticket that a program called so, None if there is none."""
    found = _tickets(db, "entry = ?", [entry])
    return found[0] if found else None


def made_since(db: Database, kind: Kind, since: datetime) -> list[Ticket]:
    """Return the tickets of a kind that were made lately."""
    return _tickets(db, "kind = ? AND made_at >= ?", [kind, utc_text(since)])


def open_tickets(db: Database, limit: int = OPEN_MAX) -> list[Ticket]:
    """Return the tickets that have not ended: what is due first, then the oldest."""
    return _tickets(db, "ended_at IS NULL ORDER BY due IS NULL, due, made_at, id LIMIT ?", [limit])


def ended_tickets(db: Database, limit: int) -> list[Ticket]:
    """Return the tickets that ended last, the last first."""
    return _tickets(db, "ended_at IS NOT NULL ORDER BY ended_at DESC, id LIMIT ?", [limit])


def of_members(db: Database, subjects: Collection[str], *, ended: bool = False) -> list[Ticket]:
    """Return the open tickets of some members, and those that hold head office's word; with `ended`
    all. Those that were made for whoever was taken for them are left out.
    """
    return [
        one
        for one in _tickets(
            db,
            "subject IN (SELECT value FROM json_each(?)) AND (ended_at IS NULL OR office = 1 OR ?)"
            " ORDER BY due IS NULL, due, made_at, id",
            [json.dumps(sorted(subjects)), ended],
        )
        if not one.doubtful
    ]


def move(db: Database, ticket: Ticket, to: State, now: datetime) -> Ticket | None:
    """Let a ticket go on, in the caller's transaction, in which it was read; None: that is no way
    from its state.
    """
    if not may(ticket.kind, ticket.state, to):
        return None
    ended_at = now if to in ENDED else None
    db.execute(
        "UPDATE service SET rev = rev + 1, state = ?, at = ?, ended_at = ? WHERE id = ?",
        [to, utc_text(now), utc_text(now) if ended_at else None, ticket.id],
    )
    return replace(ticket, rev=ticket.rev + 1, state=to, ended_at=ended_at)


def note_asked(db: Database, ticket: Ticket) -> None:
    """Note, in the caller's transaction, that the message was written: there is to be no other."""
    db.execute("UPDATE service SET asked = 1 WHERE id = ?", [ticket.id])


def note_withdrawn(db: Database, ticket: Ticket) -> None:
    """Note, in the caller's transaction, that its message was withdrawn: another may go out."""
    db.execute("UPDATE service SET asked = 0, withdrawn = withdrawn + 1 WHERE id = ?", [ticket.id])


def note_office(db: Database, keys: ProfileKeys, ticket: Ticket, content: Content) -> None:
    """Keep what head office said of a ticket, in the caller's transaction; "" takes it back."""
    sealed = _sealed(db, keys, ticket.id, ticket.subject, content)
    db.execute(
        "UPDATE service SET sealed = ?, office = ? WHERE id = ?",
        [sealed, bool(content.office), ticket.id],
    )


def forget(db: Database, ticket: str) -> bool:
    """Delete a ticket that has ended, in the caller's transaction; False: there is none."""
    done = db.execute("DELETE FROM service WHERE id = ? AND ended_at IS NOT NULL", [ticket])
    return bool(done.rowcount)


def _tickets(db: Database, where: str, values: Sequence[Any]) -> list[Ticket]:
    rows = db.execute(f"SELECT {_COLUMNS} FROM service WHERE {where}", list(values)).fetchall()
    return [_ticket(row) for row in rows]


def _ticket(row: Any) -> Ticket:
    return Ticket(
        id=row[0],
        rev=row[1],
        kind=row[2],
        state=row[3],
        subject=row[4],
        visit=row[5],
        sealed=row[6],
        due=date.fromisoformat(row[7]) if row[7] else None,
        office=bool(row[8]),
        asked=bool(row[9]),
        withdrawn=row[10],
        staff=row[11],
        device=row[12],
        entry=row[13],
        made_at=datetime.fromisoformat(row[14]),
        ended_at=datetime.fromisoformat(row[15]) if row[15] else None,
        doubtful=bool(row[16]),
    )
