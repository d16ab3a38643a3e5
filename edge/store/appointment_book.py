"""Takes bookings and what became of them into the store, by the rules; tells the hub.

Called by `edge.desk.appointments` and its neighbours and, for head office, by `edge.app.orders`,
in their transactions. By the rules of `edge.core.appointments`: what is booked is its source's to
say, what happened is said here.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, Literal

from sqlite_utils import Database

from edge.core.appointments import (
    REASONS,
    USUAL_REASONS,
    Booking,
    Course,
    Reason,
    late_minutes,
    rebooked,
)
from edge.keys.profiles import ProfileKeys
from edge.store.appointments import Held, by_id, by_key, next_told, write, write_course
from edge.store.database import StoreFault
from edge.store.desk_facts import Teller
from edge.store.merge_schema import led
from edge.wire.messages import DeskFact

MOST: Final = 50_000
"""Appointments at one time; a shop has some hundred a week."""
Taken = Literal["new", "changed", "same", "older"]
"""What became of something that a booking system said; `older`: it said something newer before."""
_LATE_MAX: Final = 10_000


class AppointmentsFull(StoreFault):
    """So many appointments are kept that nobody could mean it."""


def take(
    db: Database,
    keys: ProfileKeys,
    told: Held,
    now: datetime,
    teller: Teller,
    *,
    in_order: bool = True,
) -> Taken:
    """Take what a booking system says, in the caller's transaction.

    Args:
        db: the connection.
        keys: of the profiles.
        told: what it says: id or key, source, rev, whose, and the booking, None: cancelled.
        now: the time.
        teller: tells the hub.
        in_order: only what has a higher `rev` than what is known is news.

    Raises:
        AppointmentsFull: there are `MOST`, and it is not head office that says it.
        MemberMissing: the member was erased.
    """
    if told.whose.ref is not None:
        told = replace(told, whose=replace(told.whose, ref=led(db, told.whose.ref)))
    known = by_id(db, keys, told.id) if told.key is None else by_key(db, keys, told.key)
    if known is None:
        return _taken_new(db, keys, told, now, teller, in_order=in_order)
    if in_order and told.rev <= known.rev:
        return "older"
    made = _merged(known, told)
    if replace(made, rev=known.rev, source=known.source, member=known.member) == known:
        db.execute("UPDATE appointment SET rev = ? WHERE id = ?", [made.rev, known.id])
        return "same"
    if made.booking is None and made.at is not None:  # cancelled, and cannot be sealed anew
        write_course(db, known, made.course, made.staff)
        db.execute("UPDATE appointment SET rev = ? WHERE id = ?", [made.rev, known.id])
    else:
        write(db, keys, made, now)
    if made.at is not None:
        _tell(db, teller, made.id)
    return "changed"


def _taken_new(
    db: Database, keys: ProfileKeys, told: Held, now: datetime, teller: Teller, *, in_order: bool
) -> Taken:
    if told.booking is None and not in_order:
        return "same"  # cancelled, and never heard of
    if told.source != "office":  # head office's orders would come again for ever
        _make_sure_of_room(db)
    write(db, keys, replace(told, told=0), now)
    if told.booking is not None:
        _tell(db, teller, told.id)
    return "new"


def _merged(known: Held, told: Held) -> Held:
    """Return an appointment as it stands after its source has said something."""
    rev = max(told.rev, known.rev)
    if known.at is None:  # it was cancelled before it was heard of
        return replace(told, id=known.id, rev=rev, told=known.told, key=known.key)
    # One that cannot be opened any more stands for its time alone.
    before = known.booking or Booking(at=known.at, channel=known.channel or "other")
    booking, course = rebooked(before, known.course, told.booking)
    if told.booking is None:
        return replace(known, rev=rev, source=told.source, course=course)
    return replace(
        known,
        rev=rev,
        source=told.source,
        whose=told.whose,
        booking=booking,
        at=booking.at,
        channel=booking.channel,
        course=course,
    )


def _make_sure_of_room(db: Database) -> None:
    (count,) = db.execute("SELECT count(*) FROM appointment").fetchone()
    if count >= MOST:
        raise AppointmentsFull(f"appointments: expected fewer than {MOST}, got {count}")


def book(db: Database, keys: ProfileKeys, made: Held, now: datetime, teller: Teller) -> None:
    """Keep an appointment that was made or moved at the desk, in the caller's transaction.

    Raises:
        AppointmentsFull: there are `MOST`.
        MemberMissing: the member was erased.
    """
    if made.told == 0:
        _make_sure_of_room(db)
    write(db, keys, made, now)
    _tell(db, teller, made.id)


def keep_course(
    db: Database, held: Held, course: Course, staff: str | None, teller: Teller
) -> bool:
    """Keep what became of an appointment, in the caller's transaction, and tell the hub.

    Returns:
        False: somebody was quicker, and nothing was changed.
    """
    done = write_course(db, held, course, staff)
    if done:
        _tell(db, teller, held.id)
    return done


def _tell(db: Database, teller: Teller, thing: str) -> None:
    """Tell the hub how an appointment stands, under the next revision; of one that was cancelled
    before anything was heard of it there is nothing to tell.
    """
    one = next_told(db, thing)
    if one.at is None:
        return
    late = late_minutes(one.course, one.at)
    fact = DeskFact(
        what="appointment",
        id=one.id,
        rev=one.told,
        visit=one.course.visit,
        staff=one.staff,
        about=one.at,
        state=one.course.state,
        reason=one.course.reason,
        channel=one.channel,
        late_min=None if late is None else min(late, _LATE_MAX),
    )
    teller.tell(db, fact)


def reasons_of(db: Database) -> tuple[Reason, ...]:
    """Return why guests may not have come, as the manager wants them offered, `other` last."""
    rows = db.execute("SELECT reason FROM no_show_reason ORDER BY place").fetchall()
    chosen = [one for (one,) in rows if one in REASONS and one != "other"]
    return (*chosen, "other") if rows else USUAL_REASONS


def set_reasons(db: Database, reasons: Sequence[Reason]) -> None:
    """Keep which reasons are offered, in the caller's transaction; `other` always is."""
    db.execute("DELETE FROM no_show_reason")
    wanted = [*(one for one in dict.fromkeys(reasons) if one != "other"), "other"]
    db.conn.executemany(
        "INSERT INTO no_show_reason VALUES (?, ?)",
        [(one, place) for place, one in enumerate(wanted)],
    )
