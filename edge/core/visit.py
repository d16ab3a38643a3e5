"""Records of visits and of what changes them (DESIGN section 6).

Made by `core.book`; kept by `edge.store.ledger`, printed by `edge.replay`. Pure.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Direction = Literal["in", "out"]
CloseReason = Literal["tap", "receipt", "occupancy_zero", "closing_time"]
EndReason = Literal["tap", "receipt"]
"""Why one visit ends by itself; only such ends say how long somebody stayed (DESIGN section 6)."""
ReviseReason = Literal["u_turn", "staff", "late_identity", "wrong_person"]
AlertKind = Literal["member_arrived"]
Who = Literal["member", "visitor", "staff"]
Since = Literal["last_seen", "first_seen"]


def _require_aware(moment: datetime, what: str) -> None:
    if moment.tzinfo is None:
        raise ValueError(f"{what}: expected an aware datetime, got a naive one: {moment}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How long after a visit a return is a re-entry, and from when on that is counted."""

    length: timedelta = timedelta(hours=3)
    since: Since = "last_seen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossed:
    """A body crossed a door. `hours_open`: the shop was open then, or nobody knew the time."""

    at: datetime
    camera: str
    direction: Direction
    track: int
    staff: bool
    turned_back: bool
    hours_open: bool

    def __post_init__(self) -> None:
        _require_aware(self.at, "crossing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One visit as it is known now; `rev` 0 is the first word on it.

    `subject` names a member, `distance` and `sure` say how well the face fitted; `first_visit` is
    the one that a re-entry returns to. Not `counted`: a check-in without a crossing, which is in no
    figure of visitors. `seen_at` is when the visitor was last recognised.
    """

    id: str
    rev: int
    opened_at: datetime
    camera: str | None
    who: Who
    void: bool = False
    subject: str | None = None
    reentry: bool = False
    first_visit: str | None = None
    distance: float | None = None
    sure: bool | None = None
    counted: bool = True
    seen_at: datetime | None = None

    def __post_init__(self) -> None:
        _require_aware(self.opened_at, "visit")

    @property
    def last_at(self) -> datetime:
        """When the visitor was last seen, as far as anybody knows."""
        return max(self.opened_at, self.seen_at or self.opened_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A stranger's visits within the window. `first_visit` names the stranger, and nobody else."""

    first_visit: str
    first_at: datetime
    last_visit: str
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A visit began."""

    visit: Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Revised:
    """A visit is now known to be something else; `at` is when that became known."""

    at: datetime
    visit: Visit
    reason: ReviseReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The visitor of a visit was seen again."""

    at: datetime
    visit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """The consultants are to be told."""

    at: datetime
    kind: AlertKind
    visit: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A visit ended."""

    at: datetime
    visit: str
    reason: CloseReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupied:
    """How many people are in the shop from `at` on, never below 0."""

    at: datetime
    people: int


Change = Crossed | Opened | Revised | Seen | Raised | Closed | Occupied


def visit_id_of(change: Change) -> str | None:
    """Return the visit that a change speaks of, None for those that speak of none."""
    match change:
        case Opened(visit=visit) | Revised(visit=visit):
            return visit.id
        case Seen(visit=visit_id) | Raised(visit=visit_id) | Closed(visit=visit_id):
            return visit_id
    return None
