"""What people at a simulated shop's desk do: they take guests, offer tea, give out numbers.

Follows the steps of a box's day and puts its own among them, from a seed of its own: the visits of
a chain are the same with and without. Shares and times are ours, chosen to be plausible. Pure;
used by `day`.
"""

import heapq
import math
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any, Final

from cloud.simulate.chain import Box, Shop
from cloud.simulate.step import Step, moment_of, ulid
from edge.wire.messages import DeskFact, VisitClosed, VisitOpened, VisitRevised

_MEMBERS_TAKEN: Final = 0.8
_VISITORS_TAKEN: Final = 0.25
_TAKEN_AFTER_S: Final = (math.log(18), 0.7)  # of a log-normal time: half within 18 seconds
_LET_GO: Final = 0.04
_TEA_AFTER_MS: Final = 20 * 60_000
_TEA_TAKEN: Final = 0.6
_WAITS: Final = 0.03  # of the guests whom nobody takes at once
_COME_BACK: Final = 0.85
_CALLED_AFTER_MS: Final = 30 * 60_000


def with_desk(steps: Iterable[Step], seed: int, shop: Shop, box: Box, day: int) -> Iterator[Step]:
    """Yield a box's day with what is done at its desk, in order of time.

    Args:
        steps: the day.
        seed: of the chain.
        shop: the shop; it has a desk if its box recognises members.
        box: the box.
        day: its ordinal number.
    """
    if box.mode != "entrance":
        yield from steps
        return
    desk = _Desk(seed, shop, Random(f"{seed}/desk/{box.store}/{box.id}/{day}"))
    for step in steps:
        yield from desk.until(step.at)
        yield step
        desk.sees(step)
    yield from desk.until(None)


class _Desk:
    """A desk while its day goes on."""

    def __init__(self, seed: int, shop: Shop, random: Random) -> None:
        self._random = random
        self._staff = [staff_id(seed, shop, number) for number in range(shop.staff)]
        self._next: list[tuple[int, int, DeskFact, int]] = []
        self._number = 0
        self._over: set[str] = set()

    def until(self, moment: int | None) -> Iterator[Step]:
        """Yield what is done before a moment, in ms since 1970; None: what is left of the day."""
        while self._next and (moment is None or self._next[0][0] < moment):
            at, _, fact, since = heapq.heappop(self._next)
            if fact.what == "queue" or fact.visit not in self._over:
                yield Step(at, since, fact, ())

    def sees(self, step: Step) -> None:
        """Foresee what is done about somebody who came in or left."""
        match step.body:
            case VisitOpened() as body:
                self._meets(step.at, body)
            case VisitRevised(void=True) as body:
                self._over.add(body.visit)
            case VisitClosed() as body:
                self._over.add(body.visit)

    def _meets(self, at: int, body: VisitOpened) -> None:
        random, visit = self._random, body.visit
        who = random.choice(self._staff)
        chance = _MEMBERS_TAKEN if body.who == "member" else _VISITORS_TAKEN
        if random.random() >= chance:
            if random.random() < _WAITS:
                self._queues(at)
            return
        taken = at + 1_000 + int(random.lognormvariate(*_TAKEN_AFTER_S) * 1_000)
        self._expect(taken, at, what="claim", id=visit, visit=visit, staff=who, state="taken")
        if random.random() < _LET_GO:
            self._expect(
                taken + 90_000, at, what="claim", id=visit, rev=2, visit=visit, state="released"
            )
            return
        tea = "taken" if random.random() < _TEA_TAKEN else "declined"
        self._expect(
            at + _TEA_AFTER_MS + 45_000, at, what="stay", id=visit, visit=visit, staff=who, tea=tea
        )

    def _queues(self, at: int) -> None:
        random = self._random
        number, passed = ulid(random, at), 0
        came = random.random() < _COME_BACK
        states = ("waiting", "called", "back", "served") if came else ("waiting", "gone")
        for rev, state in enumerate(states, start=1):
            waited_s = passed // 1_000
            self._expect(
                at + passed,
                at,
                what="queue",
                id=number,
                rev=rev,
                state=state,
                waited_s=waited_s,
                about=moment_of(at),
            )
            passed += _CALLED_AFTER_MS if state == "waiting" else random.randrange(60_000, 600_000)

    def _expect(self, at: int, since: int, *, rev: int = 1, **said: Any) -> None:
        self._number += 1
        fact = DeskFact(
            **{"visit": None, "staff": None, "rev": rev, "about": moment_of(at), **said}
        )
        heapq.heappush(self._next, (at, self._number, fact, since))


def staff_id(seed: int, shop: Shop, number: int) -> str:
    """Return the random id of somebody who works in a shop."""
    random = Random(f"{seed}/{shop.id}/staff/{number}")
    return ulid(random, 1_700_000_000_000 + random.getrandbits(34))
