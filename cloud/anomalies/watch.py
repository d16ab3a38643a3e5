"""Says of a shop's hours, one after the other, whether fewer or more come than should. Pure.

Page's test (E. S. Page, Continuous Inspection Schemes, Biometrika 1954; of counts: J. M. Lucas,
Counted Data CUSUM's, Technometrics 1985): at each hour the log likelihood ratio of "since then it
is 0.6 of the expected" against "it is as expected", the largest over all moments since when. The
counts are those of `cloud.expect`: negative binomial, and hours of one day share that day's chance,
so that a wet day is no row of ten surprises. Where they share nothing this is the CUSUM itself.

    hours that are over -> step -> raised (drop | surge) ... -> over
                             `-> State: the sums since each moment that may be the one
"""

import math
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from cloud.expect.model import Expected

Kind = Literal["drop", "surge"]
RATIO: Final[dict[Kind, float]] = {"drop": 0.6, "surge": 1.8}
"""What each looks for. 0.6: a drop by 40 %."""
RAISED_AT: Final[dict[Kind, float]] = {"drop": 2.3, "surge": 5.0}
"""How much likelier it must be, as a logarithm. Chosen as the threshold of a CUSUM is, by the false
alarms that may be (Lucas 1985): of drops three quarters of one for each shop and month, over
simulated years (scripts/measure-anomalies, docs/adr/0034-anomalies.md)."""
OVER_AT: Final = 2.0
LEAST: Final = 150.0
PART: Final = 0.2
"""Visitors expected since, and as a part of a whole day's, below which nothing is said: what one
busy hour does is chance, and every hour of a day is another chance to be wrong."""
_DOUBT: Final = 0.05**2
"""Variance of the level itself, which is the same for all hours and days since."""
_LEAST_OVER: Final = 180.0
_FEW: Final = 25.0
_MOST: Final = 600.0
"""Visitors expected since, beyond which a moment is forgotten: a slow drift is the trend's."""
_DAYS_MOST: Final = 21
_FINE: Final = 2
"""Days whose hours are kept apart; of older ones only where they begin."""


class Held(Struct, frozen=True, array_like=True):
    """A stretch of hours of one day: where it begins, what was expected, what came."""

    hour: int
    day: int
    mean: float
    own: float
    of_day: float
    got: int


class Raised(Struct, frozen=True, kw_only=True):
    """What goes on: since when, and what came of what was expected up to now. `today`: of that
    what was expected on the last day.
    """

    kind: Kind
    since: int
    expected: float
    variance: float
    got: int
    day: int = 0
    today: float = 0.0


class State(Struct, frozen=True, kw_only=True):
    """What is kept of a shop between two hours."""

    held: tuple[Held, ...] = ()
    raised: Raised | None = None


class Step(NamedTuple):
    """The state after an hour; `told`: what began or ended with it."""

    state: State
    told: Literal["", "raised", "over"] = ""


def step(state: State, hour: int, chance: Expected, got: int, *, part: float = PART) -> Step:
    """Take the next hour of a shop.

    Args:
        state: what was kept.
        hour: where the hour begins, UTC second.
        chance: what was expected of it.
        got: visitors who came.
        part: of a whole day's visitors, so many must have been expected before anything is said.
    """
    if chance.mean <= 0 and not got:
        return Step(state)
    fresh = Held(
        hour,
        chance.day,
        chance.mean,
        chance.of_hour * chance.mean * chance.mean,
        chance.of_day,
        got,
    )
    held = _kept((*state.held, fresh))
    if state.raised is None:
        raised = _raised(held, max(LEAST, part * chance.whole))
        return Step(State(held=held, raised=raised), "raised" if raised else "")
    raised = _longer(state.raised, fresh)
    if _is_over(held, raised):
        return Step(State(), "over")
    return Step(State(held=held, raised=raised))


def _kept(held: tuple[Held, ...]) -> tuple[Held, ...]:
    """Forget what is too long ago, and let the hours of older days become one."""
    last = held[-1].day
    kept: list[Held] = []
    mean = 0.0
    for one in reversed(held):
        if mean > _MOST or last - one.day > _DAYS_MOST:
            break
        mean += one.mean
        older = kept[-1] if kept else None
        if older is not None and older.day == one.day and last - one.day >= _FINE:
            kept[-1] = _joined(one, older)
        else:
            kept.append(one)
    return tuple(reversed(kept))


def _joined(one: Held, other: Held) -> Held:
    return Held(
        one.hour,
        one.day,
        one.mean + other.mean,
        one.own + other.own,
        max(one.of_day, other.of_day),
        one.got + other.got,
    )


def _sums(held: tuple[Held, ...]) -> list[tuple[int, float, float, int]]:
    """Return from each moment to now: where it begins, mean, variance, and what came."""
    found: list[tuple[int, float, float, int]] = []
    mean = own = shared = today = 0.0
    day, got = 0, 0
    for one in reversed(held):
        if one.day != day:
            day, today = one.day, 0.0
        shared += one.of_day * ((today + one.mean) ** 2 - today**2)
        today += one.mean
        mean += one.mean
        own += one.own
        got += one.got
        found.append((one.hour, mean, mean + own + shared + _DOUBT * mean * mean, got))
    return found


def evidence(got: int, mean: float, variance: float, ratio: float) -> float:
    """Return the log likelihood ratio of `ratio` times a mean against the mean itself.

    >>> round(evidence(120, 200.0, 200.0, 0.6), 1)  # of a count that only chance moves
    18.7
    """
    over = variance - mean
    if over < 1e-6 * mean:
        return got * math.log(ratio) + (1 - ratio) * mean
    size = mean * mean / over
    return got * math.log(ratio) + (got + size) * math.log((size + mean) / (size + ratio * mean))


def _raised(held: tuple[Held, ...], least: float) -> Raised | None:
    """Return what is to be said, since the likeliest moment; None: nothing."""
    sums = _sums(held)
    for kind, ratio in RATIO.items():
        found = [
            (evidence(got, mean, spread, ratio), n) for n, (_, mean, spread, got) in enumerate(sums)
        ]
        if all(weight < RAISED_AT[kind] or sums[n][1] < least for weight, n in found):
            continue
        # Whether it is so takes many visitors; since when it is, a few say best.
        _, best = max(one for one in found if sums[one[1]][1] >= _FEW)
        since, mean, spread, got = sums[best]
        day = held[-1].day
        today = sum(one.mean for one in held if one.day == day and one.hour >= since)
        return Raised(
            kind=kind, since=since, expected=mean, variance=spread, got=got, day=day, today=today
        )
    return None


def _longer(raised: Raised, fresh: Held) -> Raised:
    today = raised.today if fresh.day == raised.day else 0.0
    shared = fresh.of_day * ((today + fresh.mean) ** 2 - today**2)
    expected = raised.expected + fresh.mean
    lasting = _DOUBT * (expected**2 - raised.expected**2)
    return Raised(
        kind=raised.kind,
        since=raised.since,
        expected=expected,
        variance=raised.variance + fresh.mean + fresh.own + shared + lasting,
        got=raised.got + fresh.got,
        day=fresh.day,
        today=today + fresh.mean,
    )


def _is_over(held: tuple[Held, ...], raised: Raised) -> bool:
    """Say whether it is again as expected, by the same test the other way round."""
    return any(
        mean >= _LEAST_OVER and -evidence(got, mean, variance, RATIO[raised.kind]) >= OVER_AT
        for since, mean, variance, got in _sums(held)
        if since > raised.since
    )
