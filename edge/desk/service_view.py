"""What the pages and cards show of service tickets, as records; made by `edge.desk.service`.

What names anybody or anything of theirs is never in a repr.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from edge.core.service import Kind, State

Problem = Literal["kind", "nobody", "phone", "member", "due", "key", "damaged", "full", "gone"]
"""Why no ticket was made: no such kind; nobody to tie it to; no phone number; no such member; no
day; the box lacks its key; it cannot read the member; too many are open; there is no such guest."""
Told = Literal["waiting", "sent", "lost", "none"]
"""What became of the message that a guest may come: it is about to go out; it has; it never will;
there is no way to send one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The ticket that was made, or why there is none."""

    ticket: str = ""
    problem: Problem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketLine:
    """A ticket as it is shown. `steps` are the states that may follow, the usual one first.

    `days`: for how many it has been, or was, open. `member`: it is of one, `name` is then what the
    member wishes to be called. `phone` is the end of the number. `told` only while it is `ready`.
    `doubtful`: it was made on the card of somebody else. `office`: no ticket of the shop's, but
    what head office says lies ready; `id` is then empty.
    """

    id: str
    kind: Kind
    state: State
    steps: tuple[State, ...]
    days: int
    due: date | None = None
    overdue: bool = False
    member: bool = False
    has_phone: bool = False
    told: Told | None = None
    doubtful: bool = False
    office: bool = False
    what: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersTickets:
    """What is open of a member; `handed_over`: what head office said of repairs collected here."""

    lines: tuple[TicketLine, ...] = ()
    handed_over: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceView:
    """The page. `locked`: the box lacks its key; `tells`: guests can be sent messages."""

    open: tuple[TicketLine, ...]
    ended: tuple[TicketLine, ...]
    locked: bool
    tells: bool

    def of(self, kind: Kind, state: State | None = None) -> tuple[TicketLine, ...]:
        """Return the open tickets of a kind, in one state if one is given."""
        return tuple(one for one in self.open if one.kind == kind and state in (None, one.state))
