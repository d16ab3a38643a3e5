"""Turns crossings into visits and occupancy (DESIGN section 6). Called by `edge.pipeline`.

    in  ──> visit opens ──> turned back within 10 s? the visit was none
                       └──> occupancy zero, closing time: the visit ends
    out ──> occupancy - 1, opens nothing

Pure: time comes with each call, identifiers from the function it is given.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from edge.core.hours import OpeningHours

Direction = Literal["in", "out"]
CloseReason = Literal["tap", "receipt", "occupancy_zero", "closing_time"]
Who = Literal["member", "visitor", "staff"]


def _require_aware(moment: datetime, what: str) -> None:
    if moment.tzinfo is None:
        raise ValueError(f"{what}: expected an aware datetime, got a naive one: {moment}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossed:
    """A body crossed a door. `hours_open` says whether the shop was open then."""

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
    """One visit as it is known now; `rev` 0 is the first word on it."""

    id: str
    rev: int
    opened_at: datetime
    camera: str | None
    who: Who
    void: bool = False

    def __post_init__(self) -> None:
        _require_aware(self.opened_at, "visit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A visit began."""

    visit: Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Revised:
    """A visit is now known to be something else; `at` is when that became known."""

    at: datetime
    visit: Visit
    reason: Literal["u_turn", "staff"]


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


Change = Crossed | Opened | Revised | Closed | Occupied


def time_of(change: Change) -> datetime:
    """Return when a change happened."""
    return change.visit.opened_at if isinstance(change, Opened) else change.at


class VisitBook:
    """The open visits and the occupancy of one shop.

    Args:
        hours: the shop's opening hours.
        new_id: makes a visit's id from the moment it opened.
        open_visits: visits that were open when the box stopped.
        occupancy: how many people were in the shop then.
    """

    def __init__(
        self,
        *,
        hours: OpeningHours,
        new_id: Callable[[datetime], str],
        open_visits: Iterable[Visit] = (),
        occupancy: Occupied | None = None,
    ) -> None:
        self._hours = hours
        self._new_id = new_id
        self._open = {visit.id: visit for visit in open_visits}
        self._by_track: dict[tuple[str, int], str] = {}
        self._people = occupancy.people if occupancy else 0
        self._last_change = occupancy.at if occupancy else None

    @property
    def occupancy(self) -> int:
        """People in the shop, by the count."""
        return self._people

    def crossing(
        self,
        *,
        at: datetime,
        camera: str,
        direction: Direction,
        track: int,
        staff: bool,
        turned_back: bool,
    ) -> list[Change]:
        """Take a crossing and return everything that follows from it, itself first."""
        crossed = Crossed(
            at=at,
            camera=camera,
            direction=direction,
            track=track,
            staff=staff,
            turned_back=turned_back,
            hours_open=self._hours.is_open(at),
        )
        changes = [*self.tick(at), crossed]
        if staff or not crossed.hours_open:
            return changes
        if direction == "in":
            return changes + self._enter(crossed)
        return changes + self._leave(crossed)

    def _enter(self, crossed: Crossed) -> list[Change]:
        changes: list[Change] = [self._occupy(crossed.at, self._people + 1)]
        if crossed.turned_back:  # came out and went straight back in: nobody new
            return changes
        visit = Visit(
            id=self._new_id(crossed.at),
            rev=0,
            opened_at=crossed.at,
            camera=crossed.camera,
            who="visitor",
        )
        self._open[visit.id] = visit
        self._by_track[crossed.camera, crossed.track] = visit.id
        return [*changes, Opened(visit=visit)]

    def _leave(self, crossed: Crossed) -> list[Change]:
        changes: list[Change] = [self._occupy(crossed.at, max(0, self._people - 1))]
        visit_id = self._by_track.pop((crossed.camera, crossed.track), None)
        visit = self._open.get(visit_id) if visit_id else None
        if crossed.turned_back and visit:
            del self._open[visit.id]
            void = replace(visit, rev=visit.rev + 1, void=True)
            changes.append(Revised(at=crossed.at, visit=void, reason="u_turn"))
        if self._people == 0:
            changes += self._close_all(crossed.at, "occupancy_zero")
        return changes

    def tick(self, now: datetime) -> list[Change]:
        """Deal with a closing time that has passed: visits end, the shop is empty.

        What opened before a closing is closed at that closing, however late this is called.
        """
        closing = self._hours.last_closing(now)
        if closing is None:
            return []
        changes = self._close_all(closing, "closing_time", before=closing)
        if self._people and self._last_change is not None and self._last_change < closing:
            changes.append(self._occupy(closing, 0))
        return changes

    def _occupy(self, at: datetime, people: int) -> Occupied:
        self._people = people
        self._last_change = at
        return Occupied(at=at, people=people)

    def _close_all(
        self, at: datetime, reason: CloseReason, before: datetime | None = None
    ) -> list[Change]:
        ending = [v for v in self._open.values() if before is None or v.opened_at < before]
        for visit in ending:
            del self._open[visit.id]
        ended = {visit.id for visit in ending}
        self._by_track = {k: v for k, v in self._by_track.items() if v not in ended}
        return [Closed(at=at, visit=visit.id, reason=reason) for visit in ending]
