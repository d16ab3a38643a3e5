"""Service tickets: what each kind goes through, and what of it a guest is told. Pure.

    repair    taken_in ──> at_workshop ──> ready ──> collected
                  └────────────────────────^
    return    taken_in ──> in_review ──> ready ──> settled
    stock     requested ──> ordered ──> ready ──> collected       (asked for and out of stock)
    styling   requested ──> confirmed ──> done | no_show          (styling appointment)

From every state that is not the end to `cancelled`; from an end back to the state before, for a
tap that was wrong. `ready`: the guest is told to come. Used by `edge.store.service`,
`edge.desk.service` and `core.greeting`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal, get_args

from edge.core.profile import plain_id

Kind = Literal["repair", "return", "stock", "styling"]
State = Literal[
    "taken_in",
    "at_workshop",
    "in_review",
    "requested",
    "ordered",
    "confirmed",
    "ready",
    "collected",
    "settled",
    "done",
    "no_show",
    "cancelled",
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
STATES: Final[tuple[State, ...]] = get_args(State)
ENDED: Final[frozenset[State]] = frozenset({"collected", "settled", "done", "no_show", "cancelled"})
DAYS_MAX: Final = 10_000
_STEPS: Final[Mapping[Kind, Mapping[State, tuple[State, ...]]]] = {
    "repair": {
        "taken_in": ("at_workshop", "ready", "cancelled"),
        "at_workshop": ("ready", "cancelled"),
        "ready": ("collected", "at_workshop", "cancelled"),
        "collected": ("ready",),
        "cancelled": ("taken_in",),
    },
    "return": {
        "taken_in": ("in_review", "ready", "cancelled"),
        "in_review": ("ready", "cancelled"),
        "ready": ("settled", "in_review", "cancelled"),
        "settled": ("ready",),
        "cancelled": ("taken_in",),
    },
    "stock": {
        "requested": ("ordered", "ready", "cancelled"),
        "ordered": ("ready", "cancelled"),
        "ready": ("collected", "ordered", "cancelled"),
        "collected": ("ready",),
        "cancelled": ("requested",),
    },
    "styling": {
        "requested": ("confirmed", "done", "cancelled"),
        "confirmed": ("done", "no_show", "cancelled"),
        "done": ("confirmed",),
        "no_show": ("confirmed",),
        "cancelled": ("requested",),
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTicket:
    """A ticket that has not ended, as far as greeting goes by it. `what` is personal."""

    kind: Kind
    state: State
    what: str = field(default="", repr=False)
    due: date | None = None


def first(kind: Kind) -> State:
    """Return the state that a ticket begins in."""
    return next(iter(_STEPS[kind]))


def steps(kind: Kind, state: State) -> tuple[State, ...]:
    """Return the states that may follow, the usual one first."""
    return _STEPS[kind].get(state, ())


def may(kind: Kind, state: State, to: State) -> bool:
    """Say whether a ticket may go from one state to another."""
    return to in steps(kind, state)


def days_open(made_on: date, until: date) -> int:
    """Return for how many days a ticket has been open, today or the day of its end being `until`.

    Never below 0, whatever became of the clock.
    """
    return min(max((until - made_on).days, 0), DAYS_MAX)


def is_overdue(state: State, due: date | None, today: date) -> bool:
    """Say whether what was promised for a day is late: who has only to come is not waited for."""
    return due is not None and due < today and state != "ready" and state not in ENDED


def same_thing(one: str, other: str) -> bool:
    """Say whether two texts name one thing: they are alike, or one stands in the other.

    What a shop calls "ring" and head office "ring, resized" lies ready once.
    """
    plain, second = plain_id(one), plain_id(other)
    return bool(plain and second) and (plain in second or second in plain)


def repairs_ready(
    office: str, tickets: Sequence[OpenTicket], handed_over: Collection[str]
) -> tuple[str, ...] | None:
    """Unite what head office says is ready with the shop's own repair tickets: one line, each
    thing once.

    Args:
        office: what head office says lies ready (`Profile.repair_ready`), or nothing.
        tickets: the member's open tickets.
        handed_over: what head office said of things that were collected here. It may go on
            saying so for days.

    Returns:
        The things, empty texts left out; None: nothing is ready.
    """
    ready = [one for one in tickets if one.kind == "repair" and one.state == "ready"]
    things = [one.what for one in ready if one.what]
    told = bool(office) and not is_handed_over(office, handed_over)
    if told and not any(same_thing(office, thing) for thing in things):
        things.append(office)
    return _each_once(things) if ready or told else None


def is_handed_over(office: str, handed_over: Iterable[str]) -> bool:
    """Say whether what head office says is ready was collected."""
    return any(plain_id(office) == plain_id(text) for text in handed_over)


def _each_once(things: Iterable[str]) -> tuple[str, ...]:
    return tuple({plain_id(thing): thing for thing in things}.values())
