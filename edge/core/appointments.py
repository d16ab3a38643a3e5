"""Appointments: what may become of one, when a member has come for it, who is right. Pure.

    expected ──visit opens, or a tap──> arrived ──tap──> kept
       │  └─ 10 minutes after its time: late, as long as nobody has come
       ├──tap, with a reason──> no_show
       └──tap, or whoever booked it──> cancelled

Every tap can be corrected by another. Used by `edge.store.appointments` and
`edge.desk.appointments`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Final, Literal, get_args

State = Literal["expected", "arrived", "kept", "no_show", "cancelled"]
Shown = State | Literal["late"]
"""A state as people are shown it: who is expected and does not come is `late`."""
Channel = Literal["app", "web", "phone", "shop", "other"]
Reason = Literal[
    "forgot",
    "no_time",
    "ill",
    "weather",
    "traffic",
    "not_wanted",
    "bought_elsewhere",
    "unreachable",
    "our_fault",
    "other",
]
"""Why somebody did not come. Words only: nothing that people type leaves the shop."""
STATES: Final[tuple[State, ...]] = get_args(State)
CHANNELS: Final[tuple[Channel, ...]] = get_args(Channel)
REASONS: Final[tuple[Reason, ...]] = get_args(Reason)
USUAL_REASONS: Final[tuple[Reason, ...]] = (
    *("forgot", "no_time", "not_wanted", "bought_elsewhere", "unreachable", "other"),
)
"""Offered until the manager chooses others; `other` always is."""

LATE_AFTER: Final = timedelta(minutes=10)
"""Within ten minutes nobody is late: clocks, lifts and car parks take as long."""
EARLY: Final = timedelta(hours=1)
LATE: Final = timedelta(hours=1)
"""Whose visit opens from an hour before the time to an hour after it has come for the appointment.

Both are judgements, kept narrow since what the box does unasked must be right: who comes earlier
has come for something else and may come again; an hour after it the time is given to others and
somebody at the desk knows what became of the guest. Beyond it one tap says so. The card on the
arrivals page has turned to the next appointment after the same hour.
"""
TOLD_LATE: Final = timedelta(hours=3)
"""By a tap that comes later than this after the time nobody knows when the guest came: the usual
window of one outing (`[dedup] window`)."""
AHEAD_MAX: Final = timedelta(days=400)
"""Further ahead a year was mistyped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """What was booked. `at` is aware. What names anybody is not in its repr.

    `name` and `phone` are of somebody who is no member; `consultant` is a name, as in a profile.
    """

    at: datetime
    what: str = field(default="", repr=False)
    channel: Channel
    consultant: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("booking: expected an aware datetime, got a naive one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What became of an appointment here.

    `reason` is of a no-show alone. `arrived_at`: when the guest came, None if nobody knows.
    `by_tap`: somebody said so, and the box changes it no more by itself. `withdrawn`: whoever
    booked it cancelled it after something had become of it here.
    """

    state: State = "expected"
    reason: Reason | None = None
    visit: str | None = None
    arrived_at: datetime | None = None
    by_tap: bool = False
    withdrawn: bool = False

    @property
    def happened(self) -> bool:
        """Whether the guest came, or did not: that stands, whatever is booked."""
        return self.state in ("arrived", "kept", "no_show")


def shown(course: Course, at: datetime, now: datetime) -> Shown:
    """Return the state as people are shown it."""
    is_late = course.state == "expected" and now - at > LATE_AFTER
    return "late" if is_late else course.state


def late_minutes(course: Course, at: datetime) -> int | None:
    """Return by how many whole minutes a guest was late, 0 for who was not.

    None: nobody came, or nobody knows when.
    """
    if course.state not in ("arrived", "kept") or course.arrived_at is None:
        return None
    return max(0, int((course.arrived_at - at).total_seconds() // 60))


def has_come(at: datetime, opened: datetime) -> bool:
    """Say whether a visit that opened then is for an appointment at that time."""
    return at - EARLY <= opened <= at + LATE


def tapped(
    course: Course, to: State, *, reason: Reason | None, at: datetime, now: datetime, today: date
) -> Course | None:
    """Return what somebody at the desk says became of an appointment; None: that cannot be.

    Args:
        course: what is known.
        to: what it is now said to be.
        reason: of a no-show, which needs one.
        at: when the appointment is, in the shop's zone.
        now: the moment.
        today: the shop's day.
    """
    if (reason is not None) != (to == "no_show"):
        return None
    if to in ("arrived", "kept") and at.date() > today:
        return None
    if to == "no_show" and now < at:
        return None
    if (to, reason) == (course.state, course.reason):
        return None
    came = course if course.state in ("arrived", "kept") else None
    arrived_at = came.arrived_at if came else None
    if came is None and to == "arrived" and now - at <= TOLD_LATE:
        arrived_at = now
    here = to in ("arrived", "kept")
    return Course(
        state=to,
        reason=reason,
        visit=came.visit if came and here else None,
        arrived_at=arrived_at if here else None,
        by_tap=True,
        withdrawn=course.withdrawn and to != "cancelled",
    )


def opened(course: Course, visit: str, at: datetime) -> Course:
    """Return what it is once a member's visit has opened at a moment; only of who is expected."""
    return replace(course, state="arrived", visit=visit, arrived_at=at)


def taken_back(course: Course) -> Course:
    """Return what it is once a visit turns out to be somebody else's.

    What somebody at the desk said stands, without the visit.
    """
    if course.by_tap:
        return replace(course, visit=None)
    return replace(course, state="expected", visit=None, arrived_at=None)


def rebooked(before: Booking, course: Course, told: Booking | None) -> tuple[Booking, Course]:
    """Return booking and course after whoever books has told something; None: cancelled.

    What is booked is theirs to say, what happened is this shop's: who came here has come, at the
    time that held then, though it is moved or cancelled afterwards. Only who did not come is
    expected again when the time is put later: that is how a guest who calls is booked anew.
    """
    if told is None:
        if course.happened:
            return before, replace(course, withdrawn=True)
        return before, replace(course, state="cancelled")
    if course.state in ("arrived", "kept"):
        return replace(told, at=before.at), replace(course, withdrawn=False)
    if course.state == "no_show" and told.at <= before.at:
        return told, replace(course, withdrawn=False)
    if told.at == before.at and (course.by_tap or course.state == "expected"):
        return told, course  # what somebody at the desk said of that time stands
    return told, Course()


def first_of(times: Mapping[str, datetime], now: datetime) -> str | None:
    """Return whose turn it is of somebody's appointments of one day: the next, else the last.

    Who comes up to `LATE` after the time still comes for that one.
    """
    order = sorted(times, key=lambda one: (times[one], one))
    return next((one for one in order if times[one] >= now - LATE), order[-1] if order else None)
