"""The queue at the desk: when a guest is called back, and when somebody has to call. Pure.

    waiting ──call_after──> called ──┬──> back ──> served
       │                      │      └──> gone <── (from any of them)
       └──> back, served      └─ not back in time, or no message could go out ──> call task

Used by `edge.store.queue` and `edge.desk.queue`. Each step is taken once: a ticket that was called
is never due to be called again, one with a call task never to get another.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from edge.core.moments import Mark, elapsed

State = Literal["waiting", "called", "back", "served", "gone"]
Why = Literal["not_back", "not_sent", "late", "no_way"]
"""Why somebody has to call: the guest did not come back; the message did not go out; the box was
off when it was time; there is no way to send one."""
Message = Literal["open", "sent", "lost"]
"""What became of the message to a guest: not sent yet; sent, or perhaps; it never will be."""
Step = Literal["call", "told"] | Why
_UNTOLD: Final[Mapping[Message, Step | None]] = {
    "open": None,
    "sent": "told",
    "lost": "not_sent",
}
ENDED: Final[frozenset[State]] = frozenset({"served", "gone"})
_MAY: Final[Mapping[State, frozenset[State]]] = {
    "waiting": frozenset({"called", "back", "served", "gone"}),
    "called": frozenset({"back", "served", "gone"}),
    "back": frozenset({"served", "gone"}),
    "served": frozenset(),
    "gone": frozenset({"back"}),  # who was given up and comes after all
}
PHONE_DIGITS: Final = range(5, 16)
"""ITU-T E.164 has at most 15; a gateway knows better what else is none."""
CALL_AFTER_MIN: Final = range(1, 241)
"""Minutes that the manager may set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When things are due; see `[queue]` in the settings."""

    call_after: timedelta
    back_within: timedelta
    late_after: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """What the rules need to know of a ticket.

    `called`: when it was called, or, once `told`, when the message was known to have gone out.
    `reachable`: a message can be sent to whoever holds it. `task`: somebody was asked to call.
    """

    state: State
    taken: Mark
    called: Mark | None = None
    told: bool = False
    reachable: bool = True
    task: bool = False


def due(ticket: Waits, rules: Rules, now: Mark, message: Message) -> Step | None:
    """Return the step that is due: to call, to note that the guest was told, or why to call by
    phone. None: nothing yet, or never again.

    Args:
        ticket: as it is.
        rules: when things are due.
        now: the moment.
        message: what became of its message, if it was called.
    """
    if ticket.state == "waiting":
        waited = elapsed(ticket.taken, now)
        if waited < rules.call_after:
            return None
        if waited >= rules.call_after + rules.late_after:
            return "late"
        return "call" if ticket.reachable else "no_way"
    if ticket.state != "called" or ticket.task or ticket.called is None:
        return None
    if not ticket.told:
        return _UNTOLD[message]
    return "not_back" if elapsed(ticket.called, now) >= rules.back_within else None


def may(state: State, to: State) -> bool:
    """Say whether a ticket may go from one state to another."""
    return to in _MAY[state]


def number_text(number: int) -> str:
    """Return a number as guests see it, such as A012."""
    return f"A{number:03}"


def phone_number(text: str) -> str | None:
    """Return a phone number as digits, a plus before them if there was one; None: it is none."""
    plain = unicodedata.normalize("NFKC", text).strip()
    plus = "+" if plain.startswith("+") else ""
    digits = "".join(c for c in plain if c not in " \t-().+")
    if digits.isascii() and digits.isdigit() and len(digits) in PHONE_DIGITS:
        return plus + digits
    return None


def masked(phone: str) -> str:
    """Return what a list may show of a phone number: its last four digits."""
    return f"…{phone[-4:]}"
