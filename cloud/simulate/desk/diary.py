"""Appointments of a simulated shop: booked some days before, moved, cancelled; who comes, late or
not, and who does not, and why. Used by `with_desk`.

    the day it is made      expected
    a day between           expected at another time (moved), or cancelled
    its own day             arrived -> kept | no_show | nobody says

All about the appointments for a day follows from the seed and that day, whichever day it is told
on: so each day of a box can be simulated without the days before it.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Any, Final, NamedTuple

from cloud.simulate.chain import Shop
from cloud.simulate.desk.agenda import Agenda
from cloud.simulate.desk.guests import Guest
from cloud.simulate.desk.shop import moment_in, staff_of
from cloud.simulate.plan import poisson
from cloud.simulate.step import moment_of, ulid

AHEAD_DAYS: Final = 14
_FOR_EACH_VISIT: Final = 0.018
_CHANNELS: Final = (("app", 42), ("web", 16), ("phone", 22), ("shop", 16), ("other", 4))
_FATES: Final = (("comes", 68), ("no_show", 13), ("cancelled", 12), ("unsaid", 7))
_MOVED: Final = 0.1
_REASONS: Final = (
    *(("forgot", 20), ("no_time", 25), ("ill", 6), ("weather", 6), ("traffic", 6)),
    *(("not_wanted", 8), ("bought_elsewhere", 10), ("unreachable", 12), ("our_fault", 2)),
    ("other", 5),
)
_MINUTE_MS: Final = 60_000
_COMES_MINUTES: Final = (-3.0, 13.0)  # after the time: mean and deviation
_MEETS_MS: Final = (15_000, 20 * _MINUTE_MS)  # so long ago a guest came in who may be it
_KEPT: Final = 0.85


class Booking(NamedTuple):
    """An appointment: when it was made, for when at first, when it was changed, for when at last.

    All in milliseconds since 1970; `changed` None: it never was.
    """

    id: str
    made: int
    first: int
    changed: int | None
    at: int
    channel: str
    staff: str | None
    fate: str


def bookings_for(seed: int, shop: Shop, day: date) -> list[Booking]:
    """Return the appointments for a day."""
    random = Random(f"{seed}/bookings/{shop.id}/{day.toordinal()}")
    mean = shop.visits_a_day * _FOR_EACH_VISIT
    return [_booking(random, seed, shop, day) for _ in range(poisson(random, mean))]


def _booking(random: Random, seed: int, shop: Shop, day: date) -> Booking:
    ahead = min(AHEAD_DAYS, int(random.expovariate(1 / 4)))
    at = moment_in(random, shop, day)
    made = moment_in(random, shop, day - timedelta(days=ahead))
    made = min(made, at - 5 * _MINUTE_MS)
    fate = _one_of(random, _FATES)
    moved = random.random() < _MOVED
    changed = None
    if moved or fate == "cancelled":
        on = day - timedelta(days=random.randint(0, ahead))
        changed = min(max(moment_in(random, shop, on), made + _MINUTE_MS), at - _MINUTE_MS)
    first = moment_in(random, shop, day + timedelta(days=random.randrange(3))) if moved else at
    who = random.choice(staff_of(seed, shop)) if random.random() < 0.5 else None
    return Booking(
        ulid(random, made), made, first, changed, at, _one_of(random, _CHANNELS), who, fate
    )


def _one_of(random: Random, words: tuple[tuple[str, int], ...]) -> str:
    return random.choices([word for word, _ in words], [weight for _, weight in words])[0]


class Diary:
    """The diary's part of a day.

    Args:
        agenda: what is to be told.
        seed: of the chain.
        shop: the shop.
        day: the day.
    """

    def __init__(self, agenda: Agenda, seed: int, shop: Shop, day: date) -> None:
        self._agenda = agenda
        self._random = Random(f"{seed}/diary/{shop.id}/{day.toordinal()}")
        self._coming: list[tuple[int, Booking]] = []
        self._guests: list[Guest] = []
        for ahead in range(AHEAD_DAYS + 1):
            for one in bookings_for(seed, shop, day + timedelta(days=ahead)):
                self._plan(one, shop, day)
                if ahead == 0:
                    self._foresee(one)
        self._coming.sort(reverse=True)

    def _plan(self, one: Booking, shop: Shop, day: date) -> None:
        """Foresee what this day is told of the making and changing of an appointment."""
        for rev, at, about, state in _changes(one):
            if moment_of(at).astimezone(shop.zone).date() == day:
                self._tell(at, one, rev, state, about=about)

    def _foresee(self, one: Booking) -> None:
        random = self._random
        if one.fate == "comes":
            late = random.gauss(*_COMES_MINUTES) * _MINUTE_MS
            self._coming.append((max(one.at + int(late), one.made + _MINUTE_MS), one))
        elif one.fate == "no_show":
            told = one.at + random.randrange(30, 120) * _MINUTE_MS
            self._tell(told, one, 3, "no_show", reason=_one_of(random, _REASONS))

    def meet(self, guest: Guest) -> None:
        """Note that somebody came in who may have an appointment."""
        self._guests.append(guest)

    def until(self, moment: int | None) -> None:
        """Foresee who comes before a moment, by those who are here."""
        while self._coming and (moment is None or self._coming[-1][0] < moment):
            at, one = self._coming.pop()
            guest = self._guest(at)
            said: dict[str, Any] = {"late_min": max(0, at - one.at) // _MINUTE_MS}
            if guest is not None:
                said |= {"visit": guest.visit, "since": guest.opened}
            self._tell(at, one, 3, "arrived", **said)
            if self._random.random() < _KEPT:
                over = at + self._random.randrange(20, 70) * _MINUTE_MS
                self._tell(over, one, 4, "kept", **said)

    def _guest(self, at: int) -> Guest | None:
        """Return who came in a moment ago, a member rather than another, each for one only."""
        least, most = _MEETS_MS
        self._guests = [one for one in self._guests if at - one.opened <= most]
        here = [one for one in self._guests if at - one.opened >= least]
        found = next((one for one in here if one.member), here[0] if here else None)
        if found is not None:
            self._guests.remove(found)
        return found

    def _tell(
        self, at: int, one: Booking, rev: int, state: str, *, about: int | None = None, **said: Any
    ) -> None:
        about = one.at if about is None else about
        self._agenda.expect(
            at,
            what="appointment",
            id=one.id,
            rev=rev,
            about=moment_of(about),
            state=state,
            channel=one.channel,
            staff=one.staff,
            **said,
        )


def _changes(one: Booking) -> Iterator[tuple[int, int, int, str]]:
    """Yield what was said of an appointment before its time: revision, when, for when, state."""
    yield 1, one.made, one.first, "expected"
    if one.changed is not None:
        yield 2, one.changed, one.at, "cancelled" if one.fate == "cancelled" else "expected"
