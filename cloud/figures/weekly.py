"""Bookings week on week: the one rule that says whether a shop's deviate. Pure.

Asked by head office's page of bookings and by the anomalies that are told to the shop, so that
both say the same. A week is seven whole days, the last of which is over.

A week deviates when each of these holds; the first that does not is the reason why it does not:

    known     this week's number is known, and those of at least four of the eight weeks before
    enough    the usual week, which is their mean, has at least ten bookings
    change    this week is at least a fifth below or above it: 5 % never deviates, however many
    chance    the 98 % interval of the ratio of this week to the usual one lies beyond 5 %

The interval: given their sum, one of two Poisson counts is binomial (Przyborowski and Wilenski
1940, Biometrika 31, 313-323); of its share Wilson's score interval (1927, JASA 22, 209-212). Where
the weeks before scatter by more than chance explains (the index of dispersion beyond its 95 %
point of chi-squared, Fisher 1925), it is widened by the root of that index, as quasi-likelihood
does (McCullagh and Nelder 1989, section 4.5). So it takes a greater change to deviate for some
weeks after a holiday.

Power, of Poisson bookings (100,000 simulated weeks each). A true change of 5 % is taken for more in
at most one week of 60, one of none in one of 75. A true drop of 40 % is found in its first whole
week with these odds, by the bookings of a usual week:

    15: 10 %   30: 29 %   50: 54 %   80: 80 %   100: 90 %   150: 99 %   200: 99.9 %

A drop of exactly 40 % is found from 46 bookings a week on. In smaller shops one week cannot tell
it from chance; every day that it lasts is another look.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

WEEKS: Final = 8
"""So many weeks are compared with; a number of ours, as are the next four."""
KNOWN_LEAST: Final = 4
USUAL_LEAST: Final = 10
CHANGE_LEAST: Final = 0.2
NO_CHANGE: Final = 0.05
_Z: Final = 2.3263  # of a normal distribution, 98 % lie within so many standard deviations
_SCATTER: Final = {3: 7.815, 4: 9.488, 5: 11.070, 6: 12.592, 7: 14.067}
"""The 95 % points of chi-squared by degrees of freedom."""
_DAYS: Final = 7

Verdict = Literal["down", "up", "usual", "unknown"]
Reason = Literal["beyond", "small_change", "chance", "too_few", "week_unknown", "before_unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekOnWeek:
    """A week of a shop beside its usual one.

    `usual` is the mean of the `weeks` that are known; `ratio` is `booked` by it, `low` and `high`
    bound that ratio. Each is None where it cannot be said. `reason` is what decided.
    """

    verdict: Verdict
    reason: Reason
    booked: int | None
    weeks: int
    usual: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def deviates(self) -> bool:
        """Whether the shop is to be told."""
        return self.verdict in ("down", "up")


def week_on_week(booked: int | None, before: Sequence[int | None]) -> WeekOnWeek:
    """Say whether a week's bookings deviate.

    Args:
        booked: of the last seven whole days; None: they are not known, or not of every day.
        before: of the eight weeks before, in any order, None likewise.

    Raises:
        ValueError: there are more than eight.

    >>> week_on_week(60, [100] * 8).verdict, week_on_week(95, [100] * 8).verdict
    ('down', 'usual')
    >>> week_on_week(6, [10] * 8).reason
    'chance'
    """
    if len(before) > WEEKS:
        raise ValueError(f"before: expected up to {WEEKS} weeks, got {len(before)}")
    known = [one for one in before if one is not None]
    if len(known) < KNOWN_LEAST:
        return WeekOnWeek(
            verdict="unknown", reason="before_unknown", booked=booked, weeks=len(known)
        )
    usual = sum(known) / len(known)
    if booked is None:
        return WeekOnWeek(
            verdict="unknown", reason="week_unknown", booked=None, weeks=len(known), usual=usual
        )
    low, high = _ratio_bounds(booked, known) if usual else (None, None)
    verdict, reason = _judged(booked, usual, low, high)
    return WeekOnWeek(
        verdict=verdict,
        reason=reason,
        booked=booked,
        weeks=len(known),
        usual=usual,
        ratio=booked / usual if usual else None,
        low=low,
        high=high,
    )


def weeks_of(booked: Mapping[date, int | None], last: date) -> tuple[int | None, ...]:
    """Return the sums of the nine weeks that end with a day, the oldest first.

    A week that has a day of which nothing is known is None: half a week is no week.
    """
    return tuple(_sum(booked, last - timedelta(days=_DAYS * back)) for back in range(WEEKS, -1, -1))


def _sum(booked: Mapping[date, int | None], last: date) -> int | None:
    days = [booked.get(last - timedelta(days=back)) for back in range(_DAYS)]
    found = [one for one in days if one is not None]
    return sum(found) if len(found) == _DAYS else None


def _judged(
    booked: int, usual: float, low: float | None, high: float | None
) -> tuple[Verdict, Reason]:
    if usual < USUAL_LEAST or low is None or high is None:
        return "usual", "too_few"
    if abs(booked - usual) < CHANGE_LEAST * usual:
        return "usual", "small_change"
    if high < 1 - NO_CHANGE:
        return "down", "beyond"
    return ("up", "beyond") if low > 1 + NO_CHANGE else ("usual", "chance")


def _ratio_bounds(booked: int, known: Sequence[int]) -> tuple[float, float | None]:
    """Return the interval of the ratio of a week to the mean of others; None: without a bound."""
    z = _Z * math.sqrt(_dispersion(known))
    number = booked + sum(known)
    share, wide = booked / number, z * z / number
    middle = (share + wide / 2) / (1 + wide)
    reach = z * math.sqrt(share * (1 - share) / number + wide / number / 4) / (1 + wide)
    low, high = max(0.0, middle - reach), middle + reach
    # A week's share of all is to the others' share as one week is to so many.
    return len(known) * low / (1 - low), len(known) * high / (1 - high) if high < 1 else None


def _dispersion(known: Sequence[int]) -> float:
    """Return by how much the variance of weeks exceeds that of chance, 1 if it need not."""
    mean, freedom = sum(known) / len(known), len(known) - 1
    squares = sum((one - mean) ** 2 for one in known) / mean
    return squares / freedom if squares > _SCATTER[freedom] else 1.0
