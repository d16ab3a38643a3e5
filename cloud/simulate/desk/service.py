"""Tickets of a simulated shop: repairs, returns, wishes and styling appointments, through their
states over some days. Used by `with_desk`.

All about the tickets made on a day follows from the seed and that day (as in `diary`).
"""

from datetime import date, timedelta
from random import Random
from typing import Final, NamedTuple

from cloud.simulate.chain import Shop
from cloud.simulate.desk.agenda import Agenda
from cloud.simulate.desk.shop import moment_in, staff_of
from cloud.simulate.plan import poisson
from cloud.simulate.step import moment_of, ulid

_MOST_DAYS: Final = 28
_PATHS: Final = (
    # How many on an average day of an average shop, kind, states with the days between them.
    (0.45, "repair", (("taken_in", 0), ("at_workshop", 1), ("ready", 6), ("collected", 3))),
    (0.05, "repair", (("taken_in", 0), ("cancelled", 2))),
    (0.15, "return", (("taken_in", 0), ("in_review", 1), ("ready", 3), ("settled", 1))),
    (0.20, "stock", (("requested", 0), ("ordered", 1), ("ready", 7), ("collected", 2))),
    (0.25, "styling", (("requested", 0), ("confirmed", 0), ("done", 4))),
    (0.04, "styling", (("requested", 0), ("confirmed", 1), ("no_show", 3))),
)
_AVERAGE_VISITS: Final = 520.0  # a day; larger shops have more tickets
_ON_THE_SAME_DAY_MS: Final = 600_000


class _Step(NamedTuple):
    at: int
    rev: int
    state: str
    day: date


def tell_tickets(agenda: Agenda, seed: int, shop: Shop, day: date) -> None:
    """Foresee what a day is told of tickets, those of the weeks before it included."""
    for ago in range(_MOST_DAYS + 1):
        made_on = day - timedelta(days=ago)
        random = Random(f"{seed}/tickets/{shop.id}/{made_on.toordinal()}")
        for mean, kind, path in _PATHS:
            for _ in range(poisson(random, mean * shop.visits_a_day / _AVERAGE_VISITS)):
                steps = _steps(random, shop, made_on, path)
                staff, thing = random.choice(staff_of(seed, shop)), ulid(random, steps[0].at)
                for one in steps:
                    if one.day == day:
                        agenda.expect(
                            one.at,
                            what="service",
                            id=thing,
                            rev=one.rev,
                            staff=staff,
                            about=moment_of(steps[0].at),
                            kind=kind,
                            state=one.state,
                            open_days=ago,
                        )


def _steps(
    random: Random, shop: Shop, made_on: date, path: tuple[tuple[str, int], ...]
) -> list[_Step]:
    steps: list[_Step] = []
    day = made_on
    for rev, (state, days) in enumerate(path, start=1):
        wait = min(round(days * random.uniform(0.5, 1.6)), _MOST_DAYS - (day - made_on).days)
        at = moment_in(random, shop, day + timedelta(days=wait))
        if wait == 0 and steps:
            at = steps[-1].at + _ON_THE_SAME_DAY_MS
        day += timedelta(days=wait)
        steps.append(_Step(at, rev, state, day))
    return steps
