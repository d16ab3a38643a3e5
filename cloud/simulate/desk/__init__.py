"""What people at a simulated shop's desk and till do, as facts among those of its day.

Follows the steps of a box's day and puts its own among them, from sources of their own: the visits
of a chain are the same with and without. Shares and times are ours, chosen to be plausible. Pure;
used by `day`.

    visit opens  -> guests (claim, stay, source, queue)   diary (arrived, kept)
    visit closes -> till (receipt)
    the day      -> till (returns, staff)   diary (booked, moved, no-show)   service (tickets)
                       all -> agenda, in order of time
"""

from collections.abc import Iterable, Iterator
from datetime import date
from random import Random

from cloud.simulate.chain import Box, Shop
from cloud.simulate.desk.agenda import Agenda
from cloud.simulate.desk.diary import Diary
from cloud.simulate.desk.guests import Guest, Guests
from cloud.simulate.desk.service import tell_tickets
from cloud.simulate.desk.shop import has_till, staff_of
from cloud.simulate.desk.till import Till
from cloud.simulate.step import Step
from edge.wire.messages import VisitClosed, VisitOpened, VisitRevised


def with_desk(steps: Iterable[Step], seed: int, shop: Shop, box: Box, day: int) -> Iterator[Step]:
    """Yield a box's day with what is done at its desk and its till, in order of time.

    Args:
        steps: the day.
        seed: of the chain.
        shop: the shop; it has a desk if its box recognises members, a till then and else at times.
        box: the box.
        day: its ordinal number.
    """
    if box.mode == "entrance":
        yield from _told(_Desk(seed, shop, box, day), steps)
    elif has_till(seed, shop):
        yield from _told(_TillOnly(seed, shop, box, day), steps)
    else:
        yield from steps


def _told(desk: "_TillOnly", steps: Iterable[Step]) -> Iterator[Step]:
    for step in steps:
        yield from desk.until(step.at)
        yield step
        desk.sees(step)
    yield from desk.until(None)


class _TillOnly:
    """The till of a shop where nobody greets: it knows no visits."""

    def __init__(self, seed: int, shop: Shop, box: Box, day: int) -> None:
        self._agenda = Agenda()
        on = date.fromordinal(day)
        self._till = Till(self._agenda, Random(f"{seed}/till/{box.id}/{day}"), shop, on)

    def until(self, moment: int | None) -> Iterator[Step]:
        """Yield what is told before a moment, in ms since 1970; None: what is left of the day."""
        yield from self._agenda.until(moment)

    def sees(self, step: Step) -> None:
        """Foresee what is done about somebody who came in or left."""
        if isinstance(step.body, VisitOpened):
            self._till.passes(step.at)


class _Desk(_TillOnly):
    """A desk, and its till, while the day goes on."""

    def __init__(self, seed: int, shop: Shop, box: Box, day: int) -> None:
        super().__init__(seed, shop, box, day)
        random = Random(f"{seed}/desk/{box.store}/{box.id}/{day}")
        self._desk = Guests(self._agenda, random, staff_of(seed, shop))
        self._diary = Diary(self._agenda, seed, shop, date.fromordinal(day))
        self._here: dict[str, Guest] = {}
        tell_tickets(self._agenda, seed, shop, date.fromordinal(day))

    def until(self, moment: int | None) -> Iterator[Step]:
        self._diary.until(moment)
        yield from super().until(moment)

    def sees(self, step: Step) -> None:
        match step.body:
            case VisitOpened() as body:
                guest = Guest(body.visit, step.at, member=body.who == "member")
                self._here[body.visit] = guest
                self._diary.meet(guest)
                self._desk.meet(guest, step.at)
            case VisitRevised(void=True) as body:
                self._agenda.end(body.visit)
                self._here.pop(body.visit, None)
            case VisitRevised() as body if body.visit in self._here:
                self._here[body.visit].member = body.who == "member"
            case VisitClosed() as body:
                self._agenda.end(body.visit)
                guest_gone = self._here.pop(body.visit, None)
                if body.reason == "receipt" and guest_gone is not None:
                    self._till.pays(guest_gone, step.at)
