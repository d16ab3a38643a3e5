"""Measures how soon drops are found, and how often something is told that is not there. Long.

    scripts/measure-anomalies              40 shops x 365 days, as the bar of issue 8 has it
    scripts/measure-anomalies --shops 8 --days 120 --seed 3

Each shop has two years: the first is only learnt from. The second is lived twice with the same
visitors, once as it is (what is told then is a false alarm), once with drops by 40 % that begin at
a random opened hour, at most once a month, and last three days. Every day the shop's model is
learnt anew from what was seen before it, faults and all. Called by scripts/measure-anomalies.
"""

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from statistics import median
from typing import Final

from cloud.anomalies.watch import State, step
from cloud.expect.calendar import Calendar, read_calendar
from cloud.expect.feasts import Feasts, chain_feasts
from cloud.expect.learn import DayCount, learn
from cloud.expect.model import expected, plan_of

FIRST: Final = date(2024, 1, 8)
WARM_UP: Final = 365
DROP: Final = 0.6
ENOUGH: Final = 200.0
_DAY: Final = timedelta(days=1)
_LASTS: Final = 3
_APART: Final = 30
_HOLIDAYS: Final = {
    "spring_festival": 1.6,
    "national_day": 1.8,
    "labour_day": 1.5,
    "new_year": 1.35,
    "mid_autumn": 1.25,
    "dragon_boat": 1.2,
    "qingming": 1.15,
    "singles_day": 1.3,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """How restless shops are. Standard deviations of logarithms: of a region's weather (which
    lasts: half of it stays on the next day), of a shop's own days, of its hours.
    """

    weather: float = 0.07
    days: float = 0.04
    hours: float = 0.08


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A drop: the day and hour at which it began, and the hour by whose end 200 were expected.

    `hours`: opened hours from the drop to the alert, None: not found while it lasted. `in_time`:
    found by the hour in which 200 visitors would have been expected. `days`: whole days between.
    """

    hours: int | None
    in_time: bool
    within_a_day: bool
    one_day_enough: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Of one shop: its drops, and what was told falsely in how many days."""

    faults: tuple[Fault, ...]
    drops: int
    surges: int
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """An hour that a shop lived: what was truly to be expected, and how many came."""

    mean: float
    got: int


class Shop:
    """A made-up shop: its size, habits and taste for holidays, and all its hours."""

    def __init__(self, number: int, seed: int, days: int, calendar: Calendar, noise: Noise) -> None:
        self._random = random = Random(f"{seed}/shop/{number}")
        self._calendar = calendar
        self.size = math.exp(random.uniform(math.log(60), math.log(1500)))
        self._growth = random.gauss(0, 0.15) / 365
        self._season = (random.uniform(0, 0.10), random.uniform(0, 365))
        self._weekdays = [
            math.exp(random.gauss(0, 0.04)) * w for w in (0.85, 0.82, 0.84, 0.88, 1.04, 1.34, 1.23)
        ]
        self._opens, self._closes = random.choice(((10, 22), (9, 21), (10, 21), (11, 23)))
        self._evening = random.uniform(0.8, 1.6)
        self._taste = {name: math.exp(random.gauss(0, 0.15)) for name in _HOLIDAYS}
        weather = _weather(Random(f"{seed}/region/{number % 5}"), days, noise.weather)
        self.days = [self._lived(FIRST + n * _DAY, n, weather[n], noise) for n in range(days)]

    def _lived(self, day: date, number: int, weather: float, noise: Noise) -> tuple[Hour, ...]:
        high, phase = self._season
        level = self.size * math.exp(
            self._growth * number + high * math.sin(2 * math.pi * (number - phase) / 365)
        )
        mean = level * self._factor(day)
        worked = self._calendar.name(day) == "work"
        shape = self._shape(day in self._calendar.free or (day.weekday() >= 5 and not worked))
        mood = math.exp(weather + self._random.gauss(0, noise.days))
        return tuple(
            Hour(
                mean=mean * share,
                got=poisson(
                    self._random,
                    mean * share * mood * math.exp(self._random.gauss(0, noise.hours)),
                ),
            )
            for share in shape
        )

    def _factor(self, day: date) -> float:
        name = self._calendar.name(day)
        holiday = name.rpartition("+")[0] or name.rpartition("-")[0]
        if not name or name == "work" or holiday not in _HOLIDAYS:
            return 0.95 if name == "work" else self._weekdays[day.weekday()]
        if "-" in name:
            return 1.1 if name.endswith("-1") else 1.2
        return _HOLIDAYS[holiday] * self._taste[holiday]

    def _shape(self, weekend: bool) -> list[float]:
        raw = [
            0.3
            + math.exp(-(((hour - 12.5) / 1.3) ** 2))
            + self._evening * math.exp(-(((hour - 19) / 1.8) ** 2))
            + (1.1 if weekend else 0.2) * math.exp(-(((hour - 15.5) / 2.2) ** 2))
            if self._opens <= hour < self._closes
            else 0.0
            for hour in range(24)
        ]
        return [one / sum(raw) for one in raw]


def poisson(random: Random, mean: float) -> int:
    """Return a count; from 60 on by the normal law, which is then as good."""
    if mean > 60:
        return max(0, round(random.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), random.random(), 0
    while product > limit:
        product *= random.random()
        count += 1
    return count


def _weather(random: Random, days: int, sigma: float) -> list[float]:
    found, now = [], 0.0
    for _ in range(days):
        now = 0.5 * now + random.gauss(0, sigma * math.sqrt(0.75))
        found.append(now)
    return found


def _count(day: date, hours: Sequence[int]) -> DayCount:
    return DayCount(day=day, total=sum(hours), hours=tuple(hours))


def _drops(random: Random, shop: Shop, days: int) -> Iterator[tuple[int, int]]:
    """Yield day and hour at which drops begin."""
    day = WARM_UP + random.randrange(_APART)
    while day < days - _LASTS - 1:
        opened = [h for h, one in enumerate(shop.days[day]) if one.mean > 0]
        yield day, random.choice(opened)
        day += _APART + random.randrange(10)


def live(number: int, seed: int, days: int, chain: Feasts, noise: Noise) -> Outcome:
    """Live one shop's second year twice."""
    calendar = read_calendar()
    whole = WARM_UP + days
    shop = Shop(number, seed, whole, calendar, noise)
    random = Random(f"{seed}/faults/{number}")
    seen = [[hour.got for hour in day] for day in shop.days]
    told = list(_told(shop, seen, chain, calendar))
    starts = list(_drops(random, shop, whole))
    hit = [list(day) for day in seen]
    for day, hour in starts:
        for later in range(day, day + _LASTS):
            for h in range(hour if later == day else 0, 24):
                got = hit[later][h]
                hit[later][h] = sum(random.random() < DROP for _ in range(got))
    found = [(day, hour) for kind, day, hour in _told(shop, hit, chain, calendar) if kind == "drop"]
    return Outcome(
        faults=tuple(_fault(shop, start, found) for start in starts),
        drops=sum(kind == "drop" for kind, _, _ in told),
        surges=sum(kind == "surge" for kind, _, _ in told),
        days=days,
    )


def _told(
    shop: Shop, seen: Sequence[Sequence[int]], chain: Feasts, calendar: Calendar
) -> Iterator[tuple[str, int, int]]:
    """Yield what was told of the second year: kind, day and hour."""
    state = State()
    counts = [_count(FIRST + n * _DAY, hours) for n, hours in enumerate(seen)]
    for number in range(WARM_UP, len(seen)):
        learnt = learn(counts[max(0, number - 800) : number], calendar, chain=chain)
        assert learnt is not None
        plan = plan_of(learnt.model, calendar, FIRST + number * _DAY)
        for hour, got in enumerate(seen[number]):
            at = (number * 24 + hour) * 3600
            state, what = step(state, at, expected(learnt.model, plan, hour), got)
            if what == "raised" and state.raised is not None:
                yield state.raised.kind, number, hour


def _fault(shop: Shop, start: tuple[int, int], found: Sequence[tuple[int, int]]) -> Fault:
    day, hour = start
    opened = [
        (later, h)
        for later in range(day, day + _LASTS)
        for h, one in enumerate(shop.days[later])
        if one.mean > 0 and (later, h) >= start
    ]
    told = next((at for at in found if start <= at < (day + _LASTS, 0)), None)
    sums, enough = 0.0, None
    for at in opened:
        sums += shop.days[at[0]][at[1]].mean
        if sums >= ENOUGH:
            enough = at
            break
    a_day = (day + 1, hour)
    return Fault(
        hours=opened.index(told) + 1 if told in opened else None,
        in_time=told is not None and enough is not None and told <= enough,
        within_a_day=told is not None and told < a_day,
        one_day_enough=enough is not None and enough < a_day,
    )


def feasts_of(shops: int, seed: int, noise: Noise) -> Feasts:
    """Learn what holidays do to the chain, from all shops' first years."""
    calendar = read_calendar()
    found = []
    for number in range(shops):
        lived = Shop(number, seed, WARM_UP, calendar, noise).days
        counts = [_count(FIRST + n * _DAY, [h.got for h in day]) for n, day in enumerate(lived)]
        learnt = learn(counts, calendar, chain={})
        if learnt is not None:
            found.append(learnt.feasts)
    return chain_feasts(found)


def measure(shops: int, days: int, seed: int, noise: Noise, workers: int = 1) -> list[Outcome]:
    """Live all shops."""
    chain = feasts_of(shops, seed, noise)
    if workers == 1:
        return [live(number, seed, days, chain, noise) for number in range(shops)]
    with ProcessPoolExecutor(workers) as pool:
        lived = [pool.submit(live, number, seed, days, chain, noise) for number in range(shops)]
        return [one.result() for one in lived]


def report(outcomes: Sequence[Outcome]) -> str:
    """Put the figures into words."""
    faults = [fault for one in outcomes for fault in one.faults]
    due = [fault for fault in faults if fault.one_day_enough]
    hours = [fault.hours for fault in faults if fault.hours is not None]
    months = sum(one.days for one in outcomes) / 30.44
    drops, surges = (sum(getattr(one, what) for one in outcomes) for what in ("drops", "surges"))
    worst = max((one.drops + one.surges) / one.days * 30.44 for one in outcomes)

    def part(held: Sequence[bool]) -> str:
        if not held:
            return "- (no such drop; more --days or --shops)"
        return f"{100 * sum(held) / len(held):.1f} % of {len(held)}"

    return "\n".join(
        (
            f"drops by 40 % found within the hour in which 200 visitors had been expected, at shops"
            f" that expect 200 within a day: {part([one.in_time for one in due])}",
            f"  within one day: {part([one.within_a_day for one in due])}",
            f"  all shops, by the hour in which 200 had been expected (within three days):"
            f" {part([one.in_time for one in faults])}",
            f"  all shops, within three days: {part([one.hours is not None for one in faults])}",
            f"median delay: {median(hours) if hours else '-'} opened hours",
            f"false alarms per shop and month: {(drops + surges) / months:.3f}"
            f" (drops {drops / months:.3f}, surges {surges / months:.3f}; worst shop {worst:.2f})",
        )
    )


def main() -> int:
    """Measure, and say what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shops", type=int, default=40)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--weather", type=float, default=Noise().weather)
    asked = parser.parse_args()
    noise = Noise(weather=asked.weather)
    found = report(measure(asked.shops, asked.days, asked.seed, noise, asked.workers))
    sys.stdout.write(f"{found}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
