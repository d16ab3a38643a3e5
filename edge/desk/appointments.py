"""The day's appointments: shown, booked by phone, and what became of each.

Used by the pages and the API. What booking systems say is taken by its `intake`
(`edge.desk.appointment_intake`); who comes is marked by its `watch` (`appointment_watch`). A form
that is sent twice is done once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final

from edge.core.appointments import (
    REASONS,
    STATES,
    Booking,
    Course,
    Reason,
    tapped,
)
from edge.desk.appointment_board import SHOWN_MAX, AppointmentBoard
from edge.desk.appointment_intake import Intake
from edge.desk.appointment_view import Booked, Day, Tapped
from edge.desk.appointment_watch import Watch
from edge.desk.bookings import read_booking
from edge.desk.means import Means
from edge.desk.staff import StaffDesk
from edge.keys.profiles import ProfileKeys
from edge.store import appointment_book as book
from edge.store import appointments as store
from edge.store.appointment_book import AppointmentsFull
from edge.store.appointments import Held, Whose
from edge.store.audit import Audit, Code
from edge.store.database import transaction
from edge.store.ids import random_id
from edge.store.people import MemberMissing, People, ProfileUnreadable
from edge.store.staff import Staff

_A_DAY: Final = timedelta(days=1)


class AppointmentDesk:
    """What people in the shop do with appointments.

    Args:
        means: what every desk works with.
        staff: who is at which device.
    """

    def __init__(
        self,
        means: Means,
        *,
        staff: StaffDesk,
    ) -> None:
        self._db = means.db
        self._clock = means.clock
        self._zone = means.zone
        self._keys = means.keys
        self._staff = staff
        self._teller = means.teller
        self._wake = means.wake
        self._board = AppointmentBoard(means)
        self.intake = Intake(means)
        self.watch = Watch(means)

    # What it shows

    def today(self) -> date:
        """Return the shop's day."""
        return self._board.today()

    def day(self, actor: str, day: date, *, names: bool = True) -> Day:
        """Return a day's appointments, as a device is shown them; without `names` nothing is
        opened that says whose they are.

        Members' names are logged as seen first; if that cannot be kept, they are withheld.
        """
        return self._board.day(actor, day, names=names)

    # What is done at the desk

    def tap(self, thing: str, to: str, reason: str, actor: str) -> Tapped:
        """Say what became of an appointment: arrived, kept, a no-show for a reason, cancelled, or
        that all that was wrong and it is expected.

        Raises:
            edge.store.database.StoreAway: it cannot be kept now.
        """
        state = next((one for one in STATES if one == to), None)
        why = next((one for one in REASONS if one == reason), None)
        if state is None or (reason and why is None):
            return "cannot"
        db, now, me = self._db(), self._clock.now(), self._staff.me(actor)
        with transaction(db):
            held = store.by_id(db, None, thing)
            if held is None or held.at is None:
                return "gone"
            if (held.course.state, held.course.reason) == (state, why):
                return "known"
            at = self._local(held.at)
            course = tapped(held.course, state, reason=why, at=at, now=now, today=self.today())
            if course is None:
                return "cannot"
            book.keep_course(db, held, course, me.staff, self._teller)
            self._note(actor, held, state)
            Staff(db).acts(actor, now)
        self._wake()
        return "done"

    def book(self, texts: Mapping[str, str], actor: str) -> Booked:
        """Take an appointment at the desk, of a member or of somebody who is none.

        Args:
            texts: `date` and `time` or `at`, `what`, `channel`, `consultant`; `member`, an id or a
                number in the shop's systems, or else `name` and `phone`.
            actor: the device.

        Raises:
            edge.store.database.StoreAway: it cannot be kept now.
        """
        keys, member = self._keys(), texts.get("member", "").strip()
        if keys is None:
            return Booked(problem="key")
        if not (member or texts.get("name", "").strip() or texts.get("phone", "").strip()):
            return Booked(problem="who")
        booking = read_booking(texts, self._zone, self._clock.now())
        if not isinstance(booking, Booking):
            return _unread(booking[0].code)
        whose = Whose()
        if member:
            try:
                people = People(self._db(), keys)
                found = people.by_external_id(member) or people.by_id(member)
            except MemberMissing:
                return Booked(problem="member")
            except ProfileUnreadable:
                return Booked(problem="damaged")
            whose, booking = Whose(subject=found.subject), replace(booking, name="")
        return self._booked(keys, booking, whose, actor)

    def _booked(self, keys: ProfileKeys, booking: Booking, whose: Whose, actor: str) -> Booked:
        db, now = self._db(), self._clock.now()
        day = self._local(booking.at).replace(hour=0, minute=0, second=0, microsecond=0)
        made = Held(
            id=random_id(),
            source="desk",
            whose=whose,
            member=whose.subject,
            at=booking.at,
            channel=booking.channel,
            booking=booking,
            course=Course(),
            staff=self._staff.me(actor).staff,
        )
        try:
            with transaction(db):
                same = [
                    one.id
                    for one in store.of_day(db, keys, day, day + _A_DAY, SHOWN_MAX)
                    if one.source == "desk" and (one.whose, one.booking) == (whose, booking)
                    if one.course.state != "cancelled"
                ]
                if same:
                    return Booked(id=same[0])  # a form that was sent twice
                book.book(db, keys, made, now, self._teller)
                self._note(actor, made, "book")
        except AppointmentsFull:
            return Booked(problem="full")
        except MemberMissing:
            return Booked(problem="member")
        self._wake()
        return Booked(id=made.id)

    def move(self, thing: str, texts: Mapping[str, str], actor: str) -> Booked:
        """Put an appointment that was booked here to another time; it is then expected.

        Raises:
            edge.store.database.StoreAway: it cannot be kept now.
        """
        keys, db, now = self._keys(), self._db(), self._clock.now()
        if keys is None:
            return Booked(problem="key")
        wanted = read_booking(texts, self._zone, now)
        if not isinstance(wanted, Booking):
            return _unread(wanted[0].code)
        with transaction(db):
            held = store.by_id(db, keys, thing)
            if held is None or held.source != "desk" or held.booking is None:
                return Booked(problem="damaged")
            if held.at == wanted.at and held.course == Course():
                return Booked(id=thing)
            moved = replace(
                held,
                at=wanted.at,
                booking=replace(held.booking, at=wanted.at),
                course=Course(),
                staff=self._staff.me(actor).staff,
            )
            book.book(db, keys, moved, now, self._teller)
            self._note(actor, held, "move")
        self._wake()
        return Booked(id=thing)

    def phone(self, thing: str, actor: str) -> str | None:
        """Return a phone number, to be called; it is logged who saw it.

        None: there is none, or it cannot be opened.
        """
        keys, db = self._keys(), self._db()
        held = store.by_id(db, keys, thing) if keys is not None else None
        if held is None or held.booking is None or not held.booking.phone:
            return None
        with transaction(db):
            self._note(actor, held, "phone")
        return held.booking.phone

    def set_reasons(self, reasons: Sequence[str], actor: str) -> tuple[Reason, ...]:
        """Set why guests may not have come; return what is offered now. `other` always is."""
        db = self._db()
        wanted = [one for one in REASONS if one in reasons]
        with transaction(db):
            book.set_reasons(db, wanted)
            detail: dict[str, Code] = {"how": "reasons", "count": len(wanted)}
            now = self._clock.now()
            Audit(db).append(at=now, what="appointment", actor=actor, detail=detail)
        self._wake()
        return book.reasons_of(db)

    def _local(self, moment: datetime) -> datetime:
        return moment.astimezone(self._zone)

    def _note(self, actor: str, held: Held, how: str) -> None:
        """Note something in the audit log, in the caller's transaction."""
        detail: dict[str, Code] = {"how": how, "appointment": held.id}
        Audit(self._db()).append(
            at=self._clock.now(),
            what="appointment",
            actor=actor,
            subject=held.member,
            detail=detail,
        )


def _unread(code: str) -> Booked:
    match code:
        case "time" | "time_far" | "long" | "phone":
            return Booked(problem=code)
        case _:
            raise AssertionError(f"no problem of a form: {code}")
