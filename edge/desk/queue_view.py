"""What the queue's pages show, as records; made by `edge.desk.queue`.

What names anybody is never in a repr. The display before the guests gets `Display` alone.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from edge.core.codes import Outcome
from edge.core.queue import State, Why

Problem = Literal["nobody", "phone", "member", "key", "damaged", "full", "code"]
"""Why no number was given out: nothing was typed; no phone number; no such member; the box lacks
its key; it cannot read the member; too many wait; the code was none (`Given.outcome` says why)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The number that was given out, or why there is none."""

    number: str = ""
    problem: Problem | None = None
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A ticket on the consultants' page. `waited_min`: since it was taken.

    `name` is what a member wishes to be called, `phone` the end of the number. `held`: its message
    has not gone out yet; `task`: why somebody has to call.
    """

    id: str
    number: str
    state: State
    taken_at: datetime
    waited_min: int
    member: bool
    held: bool
    has_phone: bool
    task: Why | None = None
    name: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueView:
    """The consultants' page. `call_after_min`: the set time; `tells`: messages can be sent."""

    tasks: tuple[Line, ...]
    called: tuple[Line, ...]
    waiting: tuple[Line, ...]
    back: tuple[Line, ...]
    ended: tuple[Line, ...]
    call_after_min: int
    back_within_min: int
    tells: bool
    locked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """What guests see: numbers that are called, the last first, and how many wait."""

    called: tuple[str, ...]
    waiting: int
    call_after_min: int
