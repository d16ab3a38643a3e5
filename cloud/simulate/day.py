"""One box's day as the facts that the box would tell, in order. Pure; drawn from a seed.

    who comes when (a plan by hour) -> heap of what happens next -> steps
        in   crossing, visit opens; perhaps a member: known at once, late, or by mistake
        out  crossing; the last one out closes all visits; a member may come back soon
        back somebody who turns back within seconds: the visit was none
    beside them what the desk does (`desk`) and what the radio hears (`wifi`)

Used by `live` and `facts`. A step also says which of the hub's figures it changes, so that what
the hub must show can be added up without asking the hub (`truth`).
"""

import heapq
import math
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from random import Random
from typing import Any, Final

from cloud.simulate.chain import Box, Shop
from cloud.simulate.desk import with_desk
from cloud.simulate.plan import day_random, plan, poisson
from cloud.simulate.step import Delta, Step, moment_of, ulid
from cloud.simulate.wifi import told
from edge.wire.messages import (
    Alert,
    CrossingMinute,
    Health,
    MemberChanged,
    VisitClosed,
    VisitOpened,
    VisitRevised,
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE_MS: Final = 60_000
_COUNTS: Final = ("entered", "left", "entered_closed", "left_closed", "staff", "turned_back")

TURNED_BACK: Final = 0.04
"""For each visitor so many turn back at once."""
MEMBERS: Final = 0.09
"""Share of members among the visitors of a shop that recognises them."""
RETURNS: Final = 0.15
"""Share of members' visits after which they come in once more."""
_LATE: Final = 0.3
_MISTAKEN: Final = 0.01
_JOINS: Final = 0.002
_RECEIPT: Final = 0.12
_STAY_S: Final = (math.log(9 * 60), 0.8)  # of a log-normal stay: half of them under 9 minutes
_STAY_MOST_S: Final = 2 * 3600


def box_day(seed: int, shop: Shop, box: Box, day: date) -> Iterator[Step]:
    """Yield what a box tells in a day, in order of time."""
    today = _Day(seed, shop, box, day)
    # They change no figure, but their hour is one that the hub shows.
    heard = (
        Step(at, since, body, (Delta(since, "visitors", 0),))
        for at, since, body in told(seed, shop, box, day, today.hours)
    )
    seen = with_desk(today.steps(), seed, shop, box, day.toordinal())
    yield from heapq.merge(seen, heard, key=lambda step: step.at)


def subject_of(seed: int, store: str, number: int) -> str:
    """Return the random subject of one of a shop's members."""
    random = Random(f"{seed}/{store}/member/{number}")
    return ulid(random, 1_700_000_000_000 + random.getrandbits(34))


class _Visit:
    """What the box knows of a visit."""

    __slots__ = ("camera", "first", "id", "opened", "rev", "subject")

    def __init__(self, visit_id: str, opened: int, camera: str) -> None:
        self.id, self.opened, self.camera = visit_id, opened, camera
        self.rev = 0
        self.subject: str | None = None
        self.first: str | None = None


class _Day:
    """A box's day while it goes on."""

    def __init__(self, seed: int, shop: Shop, box: Box, day: date) -> None:
        self._seed = seed
        self._random = random = day_random(seed, box, day)
        self._shop, self._box = shop, box
        self.hours = plan(random, shop, box, day)
        self._opens, self._closes = self.hours[0].begin * 1000, self.hours[-1].end * 1000
        self._next: list[tuple[int, int, Callable[[int, Any], Iterator[Step]], Any]] = []
        self._number = 0
        self._open: dict[str, _Visit] = {}
        self._occupancy = 0
        self._minutes: dict[str, tuple[int, int, dict[str, int]]] = {}
        # A camera that is lost sees nobody: all come in at the other one.
        self._cameras = box.cameras[:1] if box.fault == "camera" else box.cameras

    def steps(self) -> Iterator[Step]:
        self._foresee()
        while self._next:
            at, _, happens, whom = heapq.heappop(self._next)
            yield from happens(at, whom)

    def _expect(
        self, at: int, happens: Callable[[int, Any], Iterator[Step]], whom: Any = None
    ) -> None:
        self._number += 1  # two that happen at once do so in the order in which they were foreseen
        heapq.heappush(self._next, (at, self._number, happens, whom))

    def _foresee(self) -> None:
        random = self._random
        for _, begin, end, visitors in self.hours:
            for _ in range(visitors):
                self._expect(int(random.uniform(begin, end) * 1000), self._in)
            for _ in range(poisson(random, visitors * TURNED_BACK)):
                at = int(random.uniform(begin, max(begin, end - 10)) * 1000)
                self._expect(at, self._turn)
        for _ in range(self._shop.staff):
            for at in (
                *(self._opens - random.randrange(2_400_000), self._closes + 600_000),
                *(random.randrange(self._opens, self._closes) for _ in range(2)),
            ):
                self._expect(at, self._staff)
        for _ in range(random.randrange(3)):  # deliveries, before the shop opens
            at = self._opens - random.randrange(600_000, 5_400_000)
            self._expect(at, self._before, "entered_closed")
            self._expect(at + 300_000, self._before, "left_closed")
        if self._box.fault == "camera":
            self._expect(self._opens - 1, self._lost)
        self._expect(self._closes, self._closing)

    def _camera(self) -> str:
        few = len(self._cameras) == 1 or self._random.random() < 0.7
        return self._cameras[0] if few else self._cameras[1]

    def _lost(self, at: int, _whom: Any) -> Iterator[Step]:
        yield Step(at, at, Health(part="camera", camera=self._box.cameras[-1], state="lost"), ())

    def _staff(self, at: int, _whom: Any) -> Iterator[Step]:
        yield self._crossed(at, self._camera(), "staff")

    def _before(self, at: int, figure: str) -> Iterator[Step]:
        yield self._crossed(at, self._camera(), figure)

    def _crossed(self, at: int, camera: str, *figures: str) -> Step:
        """Return the minute of a camera as it stands after one more crossing."""
        minute = at - at % _MINUTE_MS
        known, rev, counts = self._minutes.get(camera, (0, 0, {}))
        if known != minute:
            rev, counts = 0, dict.fromkeys(_COUNTS, 0)
        for figure in figures:
            counts[figure] += 1
        self._minutes[camera] = (minute, rev + 1, counts)
        body = CrossingMinute(camera=camera, minute=moment_of(minute), rev=rev + 1, **counts)
        return Step(at, minute, body, tuple(Delta(minute, figure, 1) for figure in figures))

    def _in(self, at: int, _whom: Any) -> Iterator[Step]:
        random = self._random
        visit = _Visit(ulid(random, at), at, self._camera())
        yield self._crossed(at, visit.camera, "entered")
        chance = random.random() if self._box.mode == "entrance" else 1.0
        late = chance < MEMBERS * _LATE
        if chance < MEMBERS:
            subject = random.randrange(self._shop.members)
            if late:
                self._expect(at + random.randrange(1_000, 8_000), self._known, (visit, subject))
            else:
                visit.subject = self._subject(subject)
        elif chance < MEMBERS + _JOINS:
            self._expect(at + 240_000, self._joined, ulid(random, at))
        yield from self._begun(at, visit)
        self._leave_later(at, visit)

    def _subject(self, number: int) -> str:
        return subject_of(self._seed, self._shop.id, number)

    def _begun(self, at: int, visit: _Visit) -> Iterator[Step]:
        self._occupancy += 1
        self._open[visit.id] = visit
        again = visit.first is not None
        figures = ["reentries" if again else "visitors"]
        if visit.subject and not again:
            figures.append("members")
        body = VisitOpened(
            visit=visit.id,
            camera=visit.camera,
            who="member" if visit.subject else "visitor",
            subject=visit.subject,
            reentry=again,
            first_visit=visit.first,
            basis=self._box.basis,
            counted=True,
        )
        yield Step(at, at, body, tuple(Delta(at, figure, 1) for figure in figures))
        if visit.subject and not again:
            yield self._alert(at, visit)
            if self._random.random() < _MISTAKEN:
                self._expect(at + self._random.randrange(30_000, 240_000), self._mistaken, visit)

    def _alert(self, at: int, visit: _Visit) -> Step:
        body = Alert(alert="member_arrived", visit=visit.id, subject=visit.subject)
        return Step(at, visit.opened, body, ())

    def _leave_later(self, at: int, visit: _Visit) -> None:
        random = self._random
        stay = min(random.lognormvariate(*_STAY_S), _STAY_MOST_S)
        leaves = at + 20_000 + int(stay * 1000)
        if leaves >= self._closes:
            leaves = self._closes + random.randrange(1_000, 480_000)
        self._expect(leaves, self._out, visit)
        if self._box.mode == "entrance" and random.random() < _RECEIPT:
            self._expect(leaves - 5_000, self._paid, visit)

    def _out(self, at: int, visit: _Visit) -> Iterator[Step]:
        if at >= self._closes:
            yield self._crossed(at, visit.camera, "left_closed")
            return
        yield self._crossed(at, visit.camera, "left")
        yield from self._one_less(at)
        back = at + self._random.randrange(300_000, 5_400_000)
        if visit.subject and back < self._closes and self._random.random() < RETURNS:
            self._expect(back, self._again, visit)

    def _again(self, at: int, before: _Visit) -> Iterator[Step]:
        visit = _Visit(ulid(self._random, at), at, self._camera())
        if before.subject:  # unless a person has said meanwhile that it was somebody else
            visit.subject, visit.first = before.subject, before.first or before.id
        yield self._crossed(at, visit.camera, "entered")
        yield from self._begun(at, visit)
        self._leave_later(at, visit)

    def _one_less(self, at: int) -> Iterator[Step]:
        self._occupancy = max(0, self._occupancy - 1)
        if self._occupancy == 0:
            yield from self._close_all(at, "occupancy_zero")

    def _close_all(self, at: int, reason: str) -> Iterator[Step]:
        for visit in self._open.values():
            yield Step(at, visit.opened, VisitClosed(visit=visit.id, reason=reason, rev=0), ())
        self._open.clear()

    def _closing(self, at: int, _whom: Any) -> Iterator[Step]:
        self._occupancy = 0
        yield from self._close_all(at, "closing_time")

    def _paid(self, at: int, visit: _Visit) -> Iterator[Step]:
        if self._open.pop(visit.id, None):
            yield Step(at, visit.opened, VisitClosed(visit=visit.id, reason="receipt", rev=0), ())

    def _turn(self, at: int, _whom: Any) -> Iterator[Step]:
        visit = _Visit(ulid(self._random, at), at, self._camera())
        yield self._crossed(at, visit.camera, "entered")
        yield from self._begun(at, visit)
        self._expect(at + self._random.randrange(2_000, 9_000), self._back, visit)

    def _back(self, at: int, visit: _Visit) -> Iterator[Step]:
        yield self._crossed(at, visit.camera, "left", "turned_back")
        self._open.pop(visit.id, None)
        yield self._revised(at, visit, "u_turn", Delta(visit.opened, "visitors", -1), void=True)
        yield from self._one_less(at)

    def _known(self, at: int, found: tuple[_Visit, int]) -> Iterator[Step]:
        visit, number = found
        visit.subject = self._subject(number)
        yield self._revised(at, visit, "late_identity", Delta(visit.opened, "members", 1))
        yield self._alert(at, visit)

    def _mistaken(self, at: int, visit: _Visit) -> Iterator[Step]:
        visit.subject = None
        yield self._revised(at, visit, "wrong_person", Delta(visit.opened, "members", -1))

    def _revised(
        self, at: int, visit: _Visit, reason: str, delta: Delta, *, void: bool = False
    ) -> Step:
        visit.rev += 1
        body = VisitRevised(
            visit=visit.id,
            rev=visit.rev,
            opened_at=moment_of(visit.opened),
            camera=visit.camera,
            who="member" if visit.subject else "visitor",
            subject=visit.subject,
            reentry=visit.first is not None,
            first_visit=visit.first,
            basis=self._box.basis,
            counted=True,
            void=void,
            reason=reason,
        )
        return Step(at, visit.opened, body, (delta,))

    def _joined(self, at: int, subject: str) -> Iterator[Step]:
        for change in ("joined", "consent_given", "template_stored"):
            yield Step(at, at, MemberChanged(subject=subject, change=change), ())
