"""Works out why a member who has just come in matters now. Called by `edge.console.desk`.

Codes and values only; the console's catalogues hold the words.
"""

from calendar import isleap
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

from edge.core.appointments import Booking, Channel
from edge.core.profile import Profile
from edge.core.service import Kind, OpenTicket, repairs_ready

ReasonCode = Literal[
    "appointment",
    "styling",
    "repair_ready",
    "stock_ready",
    "return_ready",
    "birthday_today",
    "birthday",
    "long_away",
    "first_here",
    "last_purchase",
]
BIRTHDAY_DAYS: Final = 7
_BETWEEN: Final = " · "
"""Between several things in one line, in every language."""
LONG_AWAY_MONTHS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class LastVisit:
    """When the member was last in one of the shops; `shop` is an id, None for this one."""

    on: date
    shop: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason. Which values are set follows from the code.

    appointment (`at`, `what`, `channel` if it is known), styling, repair_ready, stock_ready,
    return_ready (`what`, which may be empty), birthday (`on`, `days`), birthday_today, long_away
    (`months`), first_here, last_purchase (`what`, `on`).
    """

    code: ReasonCode
    what: str = ""
    at: datetime | None = None
    on: date | None = None
    days: int = 0
    months: int = 0
    channel: Channel | None = None


def why_now(
    known: Profile,
    *,
    now: datetime,
    last_visit: LastVisit | None,
    been_here: bool,
    booked: Booking | None = None,
    tickets: Sequence[OpenTicket] = (),
    handed_over: Collection[str] = (),
) -> tuple[Reason, ...]:
    """Return the reasons that hold now, the most pressing first.

    Args:
        known: the member's profile.
        now: the local time of the shop, aware; it says what "today" is.
        last_visit: the visit before this one, in any shop.
        been_here: whether the member was in this shop before.
        booked: today's appointment; it goes before one that stands in the profile.
        tickets: the member's open service tickets.
        handed_over: what head office said was ready, and was collected here.
    """
    today = now.date()
    found = [
        _booked(booked, now) if booked else _appointment(known, now),
        _styling(tickets, today),
        _repair(known, tickets, handed_over),
        _ready("stock", "stock_ready", tickets),
        _ready("return", "return_ready", tickets),
        _birthday(known.birthday, today),
        _long_away(last_visit, today),
        None if been_here else Reason(code="first_here"),
        _last_purchase(known),
    ]
    return tuple(reason for reason in found if reason is not None)


def _booked(booked: Booking, now: datetime) -> Reason:
    at = booked.at.astimezone(now.tzinfo)
    return Reason(code="appointment", at=at, what=booked.what, channel=booked.channel)


def _appointment(known: Profile, now: datetime) -> Reason | None:
    if known.appointment_at is None:
        return None
    at = known.appointment_at.astimezone(now.tzinfo)
    if at.date() != now.date():
        return None
    return Reason(code="appointment", at=at, what=known.appointment_what or "")


def _styling(tickets: Sequence[OpenTicket], today: date) -> Reason | None:
    due = [one for one in tickets if one.kind == "styling" and one.due == today]
    return Reason(code="styling", what=_in_a_line(one.what for one in due)) if due else None


def _repair(
    known: Profile, tickets: Sequence[OpenTicket], handed_over: Collection[str]
) -> Reason | None:
    """Return the one line for all that was repaired, whoever knows of it."""
    things = repairs_ready(known.repair_ready or "", tickets, handed_over)
    return None if things is None else Reason(code="repair_ready", what=_in_a_line(things))


def _ready(kind: Kind, code: ReasonCode, tickets: Sequence[OpenTicket]) -> Reason | None:
    ready = [one for one in tickets if one.kind == kind and one.state == "ready"]
    return Reason(code=code, what=_in_a_line(one.what for one in ready)) if ready else None


def _in_a_line(things: Iterable[str]) -> str:
    return _BETWEEN.join(thing for thing in things if thing)


def _birthday(birthday: str | None, today: date) -> Reason | None:
    """Return the next birthday if it is near; 29 February is kept on the 28th where needed."""
    if not birthday:
        return None
    month, day = (int(part) for part in birthday.split("-"))
    for year in (today.year, today.year + 1):
        on = _on(year, month, day)
        days = (on - today).days
        if days == 0:
            return Reason(code="birthday_today")
        if 0 < days <= BIRTHDAY_DAYS:
            return Reason(code="birthday", on=on, days=days)
    return None


def _on(year: int, month: int, day: int) -> date:
    leapless = (month, day) == (2, 29) and not isleap(year)
    return date(year, month, 28 if leapless else day)


def _long_away(last_visit: LastVisit | None, today: date) -> Reason | None:
    if last_visit is None:
        return None
    then = last_visit.on
    months = (today.year - then.year) * 12 + today.month - then.month - (today.day < then.day)
    return Reason(code="long_away", months=months) if months >= LONG_AWAY_MONTHS else None


def _last_purchase(known: Profile) -> Reason | None:
    if not known.last_purchase:
        return None
    return Reason(code="last_purchase", what=known.last_purchase, on=known.last_purchase_on)
