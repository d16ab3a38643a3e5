"""API: the day's appointments, what became of them, and bookings that other systems send."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from edge.console.api.problems import Refused
from edge.console.api.route import Body, Id, Topic
from edge.core.appointments import Channel, Reason, State
from edge.desk.appointment_view import Booked, BookingProblem, Day, Loaded
from edge.desk.appointments import AppointmentDesk
from edge.desk.bookings import NUMBER_MAX, TEXT_MAX, Told
from edge.store.appointment_book import AppointmentsFull, Taken
from edge.store.senders import Sender
from edge.store.tokens import Token

Text = Annotated[str, StringConstraints(max_length=TEXT_MAX)]
Number = Annotated[str, StringConstraints(max_length=NUMBER_MAX)]
Phone = Annotated[str, StringConstraints(max_length=32)]
_CSV_MAX: Final = 60_000
_WHY: Final[Mapping[BookingProblem, str]] = {
    "who": "booking_unclear",
    "time": "booking_unclear",
    "time_far": "booking_unclear",
    "long": "booking_unclear",
    "phone": "booking_unclear",
    "member": "no_such_member",
    "key": "key_missing",
    "damaged": "not_found",
    "full": "appointments_full",
}


class OfDay(Body):
    """Which day, by the shop's calendar; without it, today."""

    day: Annotated[date, Field(ge=date(2000, 1, 1), le=date(2199, 12, 31))] | None = None


class NewBooking(Body):
    """A booking by phone: whose (`member`, an id or the number in the shop's systems; or a name, a
    phone number, or both), when, and what for.
    """

    at: AwareDatetime
    what: Text = ""
    channel: Channel = "phone"
    consultant: Text = ""
    member: Number = ""
    name: Text = ""
    phone: Phone = ""


class Becomes(Body):
    """What an appointment is said to be; `reason` of a no-show, which needs one."""

    state: State
    reason: Reason | None = None


class NewTime(Body):
    """When an appointment is to be."""

    at: AwareDatetime


class Bookings(Body):
    """A day's list as a booking system exports it: the text of a CSV file with its header."""

    csv: Annotated[str, StringConstraints(max_length=_CSV_MAX)]


class SystemsBooking(Body):
    """What a booking system says of one of its bookings.

    `id` is its own; `rev` counts its words on it, only the highest is taken. Whose it is:
    `external_id`, the number in the shop's systems, or `name` and `phone`. Of one that is
    `cancelled` nothing else is needed.
    """

    id: Annotated[str, StringConstraints(min_length=1, max_length=NUMBER_MAX)]
    rev: Annotated[int, Field(ge=1, le=2**53)]
    state: Literal["booked", "cancelled"] = "booked"
    at: AwareDatetime | None = None
    what: Text = ""
    channel: Channel = "other"
    consultant: Text = ""
    external_id: Number = ""
    name: Text = ""
    phone: Phone = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What became of it: `new`, `changed`, `same` (nothing new in it), or `older`."""

    taken: Taken


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeBooking:
    """The appointment's id; of a booking that was sent twice, the first one's."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToCall:
    """A phone number."""

    phone: str = field(repr=False)


def appointments_api(desk: AppointmentDesk) -> Topic:
    """Declare the topic."""
    topic = Topic("appointments", "Appointments: the day's list, what became of each, bookings")

    @topic.get("/appointments", scope="read:arrivals")
    def appointments(caller: Token, query: OfDay) -> Day:
        """A day's appointments, in order.

        Without read:names nothing says whose they are or what for. With it each member's is noted
        in the audit log as a view, once for each token.
        """
        names = "read:names" in caller.scopes
        return desk.day(caller.actor, query.day or desk.today(), names=names)

    @topic.post(
        "/appointments",
        scope="write:appointments",
        by=("signature",),
        problems=("booking_unclear", "appointments_full", "key_missing"),
    )
    def hear_booking(caller: Sender, body: SystemsBooking) -> Heard:
        """Take what a booking system says of a booking: new, moved, changed or cancelled.

        What happened in the shop stands: who has come is not un-come by a cancellation. Words may
        come twice and in any order.
        """
        texts = {
            name: value for name, value in body.model_dump(exclude={"at", "rev"}).items() if value
        }
        if body.at is not None:
            texts["at"] = body.at.isoformat()
        told = desk.intake.read(texts)
        if not isinstance(told, Told):
            fields = ", ".join(dict.fromkeys(one.column for one in told))
            raise Refused("booking_unclear", values={"fields": fields})
        try:
            taken = desk.intake.hear(told, body.rev, caller.actor)
        except AppointmentsFull:
            raise Refused("appointments_full") from None
        if taken is None:
            raise Refused("key_missing")
        return Heard(taken=taken)

    @topic.post(
        "/appointments/desk",
        scope="write:desk",
        status=201,
        problems=("booking_unclear", "no_such_member", "appointments_full", "key_missing"),
    )
    def book_appointment(caller: Token, body: NewBooking) -> MadeBooking:
        """Enter a booking, as at the desk; the same one again is not entered twice."""
        texts = {**body.model_dump(exclude={"at"}), "at": body.at.isoformat()}
        return MadeBooking(id=_sound(desk.book(texts, caller.actor)))

    @topic.post(
        "/appointments/<appointment>/state", scope="write:desk", problems=("appointment_state",)
    )
    def appointment_becomes(caller: Token, appointment: Id, body: Becomes) -> None:
        """Say what became of an appointment, or correct it.

        Nobody has come before the day, or failed to come before the time.
        """
        outcome = desk.tap(appointment, body.state, body.reason or "", caller.actor)
        if outcome == "gone":
            raise Refused("not_found")
        if outcome == "cannot":
            raise Refused("appointment_state")

    @topic.post(
        "/appointments/<appointment>/time",
        scope="write:desk",
        problems=("booking_unclear", "key_missing"),
    )
    def move_appointment(caller: Token, appointment: Id, body: NewTime) -> None:
        """Move an appointment that was booked at the desk; others are moved where they were."""
        _sound(desk.move(appointment, {"at": body.at.isoformat()}, caller.actor))

    @topic.get("/appointments/<appointment>/phone", scope="read:names")
    def appointment_phone(caller: Token, appointment: Id) -> ToCall:
        """The phone number of a guest who is no member; who asks is in the audit log."""
        phone = desk.phone(appointment, caller.actor)
        if phone is None:
            raise Refused("not_found")
        return ToCall(phone=phone)

    @topic.post("/appointments/file", scope="write:desk")
    def load_appointments(caller: Token, body: Bookings) -> Loaded:
        """Take the sound rows of a list of bookings; what is wrong with the others is answered.

        `problem` says why nothing was read.
        """
        return desk.intake.load(body.csv.encode(), caller.actor)

    return topic


def _sound(booked: Booked) -> str:
    if booked.problem is not None:
        fields = {"who": "name", "time": "at", "time_far": "at", "phone": "phone"}
        shown = fields.get(booked.problem, "what, consultant, name")
        raise Refused(_WHY[booked.problem], values={"fields": shown})
    return booked.id
