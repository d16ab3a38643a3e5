"""What the appointments' pages and API show, as records; made by `edge.desk.appointments`.

What names anybody is never in a repr.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from edge.core.appointments import Channel, Reason, Shown
from edge.desk.tables import Fault, Unreadable
from edge.store.appointments import Source

Tapped = Literal["done", "gone", "cannot", "known"]
"""What became of a tap: done; there is no such appointment; it cannot be that (nobody fails to come
before the time); it was that already, or somebody was quicker."""
BookingProblem = Literal[
    "who", "time", "time_far", "long", "phone", "member", "key", "damaged", "full"
]
"""Why nothing was booked: nobody was named; no time, or one too far away; a text too long; no phone
number; no such member; the box lacks its key; it cannot read the member; too many are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An appointment on the day's list. `at` is in the shop's zone.

    `late_min`: by how many minutes the guest was late, or is by now; None: not late, or unknown.
    `name` is what a member wishes to be called, or what was written down; empty: nobody here knows
    (`member`: but it is one of this shop). `withdrawn`: its booking was cancelled after something
    had become of it here. `clash`: the same consultant has another one at that time.
    `by_itself`: the box saw the guest come. `here`: it was booked at this desk.
    """

    id: str
    at: datetime
    state: Shown
    late_min: int | None
    reason: Reason | None
    channel: Channel | None
    source: Source
    member: bool
    has_phone: bool
    by_itself: bool
    withdrawn: bool
    clash: bool = False
    what: str = field(default="", repr=False)
    consultant: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)

    @property
    def here(self) -> bool:
        """Whether it was booked at the desk, which may then move it."""
        return self.source == "desk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day's appointments, in order. `more`: there are more than are shown; `locked`: the box
    lacks the key that opens them. `reasons` are offered for who did not come.
    """

    day: date
    today: date
    lines: tuple[Line, ...]
    more: bool
    locked: bool
    reasons: tuple[Reason, ...]

    def count(self, *states: Shown) -> int:
        """Return how many are in one of the states."""
        return sum(line.state in states for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """What became of a booking at the desk: its id, or why there is none."""

    id: str = ""
    problem: BookingProblem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What became of a file: how many appointments are new, changed, known before; what is wrong
    with the other rows, or why nothing was read (`missing`: the columns that it lacks).
    """

    new: int = 0
    changed: int = 0
    known: int = 0
    faults: tuple[Fault, ...] = ()
    problem: Unreadable | Literal["key", "full"] | None = None
    missing: tuple[str, ...] = ()
