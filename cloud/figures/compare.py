"""A figure beside what it was: a week ago, 52 weeks ago, and what is usual. Pure.

What is usual is told by the same weekday of the 8 weeks before: their median, and around it 2.5
times their median absolute deviation (Leys et al. 2013, who recommend 2.5), which is scaled to a
standard deviation (x 1.4826) and corrected for few values (Croux and Rousseeuw 1992). A single
holiday among the eight moves neither. The band is never narrower than chance alone makes a count
(Poisson) or a share (binomial) vary.

Called by pages and the digest; the counts come of `cloud.queries.days.by_day`. All of one basis.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from typing import Final, Literal

from cloud.figures.metric import Metric, Sums
from cloud.figures.suppress import HIDDEN, LEAST, Hidden, Shown, shown

Verdict = Literal["above", "below", "usual", "unknown"]
WEEKS: Final = range(1, 9)
"""The weeks before whose same weekday says what is usual."""
YEAR: Final = 52
NEEDED: Final = 4
"""Of these weeks, so many must be known for a band."""
_REACH: Final = 2.5
_TO_DEVIATION: Final = 1.4826
_FEW: Final = {4: 1.363, 5: 1.206, 6: 1.200, 7: 1.140, 8: 1.129}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A figure, what it was, and the band of what is usual; None: not known.

    `verdict` is `unknown` without a band, and of a figure that is hidden.
    """

    value: Shown
    week_ago: Shown
    year_ago: Shown
    low: float | None
    high: float | None
    verdict: Verdict


def weeks_before(day: date, by_day: Mapping[date, Sums]) -> dict[int, Sums]:
    """Return the counts of the same weekday by how many weeks ago it was, for `compare`."""
    weeks = (*WEEKS, YEAR)
    days = {week: day - timedelta(weeks=week) for week in weeks}
    return {week: by_day[then] for week, then in days.items() if then in by_day}


def compare(
    metric: Metric, sums: Sums, history: Mapping[int, Sums], least: int = LEAST
) -> Comparison:
    """Return a day's figure beside those of the same weekday before.

    Args:
        metric: the figure.
        sums: the day's counts; of a longer period its sums, beside a history of such periods.
        history: counts by how many weeks before they were (`weeks_before`), of the same basis.
        least: from how many people on a count is shown; what is hidden is not compared.
    """
    value = shown(metric, sums, least)
    then = {week: shown(metric, found, least) for week, found in history.items()}
    known = [one for week in WEEKS if isinstance(one := then.get(week), int | float)]
    low, high = band(known, _REACH * _chance(metric, median(known or [0.0]), sums))
    if high is not None and metric.bottom:
        high = min(1.0, high)
    return beside(value, then, low, high)


def beside(
    value: Shown, then: Mapping[int, Shown], low: float | None, high: float | None
) -> Comparison:
    """Return a value beside those of weeks before, and its band; what is hidden has none."""
    if value is HIDDEN:
        low = high = None
    return Comparison(
        value=value,
        week_ago=then.get(1),
        year_ago=then.get(YEAR),
        low=low,
        high=high,
        verdict=verdict(value, low, high),
    )


def band(known: Sequence[float], reach: float) -> tuple[float, float] | tuple[None, None]:
    """Return the lowest and the highest usual value by those of the weeks before.

    None: fewer than `NEEDED` are known. `reach`: so far from the middle it goes at least.
    """
    if len(known) < NEEDED:
        return None, None
    middle = median(known)
    off = median(abs(one - middle) for one in known)
    reach = max(_REACH * _TO_DEVIATION * _FEW[len(known)] * off, reach)
    return max(0.0, middle - reach), middle + reach


def verdict(value: Shown, low: float | None, high: float | None) -> Verdict:
    """Return how a figure is beside its band."""
    if value is None or isinstance(value, Hidden) or low is None or high is None:
        return "unknown"
    return "below" if value < low else "above" if value > high else "usual"


def _chance(metric: Metric, middle: float, sums: Sums) -> float:
    """Return by how much a figure varies though nothing has changed, as a standard deviation."""
    if not metric.bottom:
        return math.sqrt(max(middle, 1.0))
    of = sum(sums.get(name) or 0 for name in metric.bottom)
    # Two more of each kind, so that a share that was always 0 is not said to be so for certain
    # (Agresti and Coull 1998).
    share = (min(1.0, max(0.0, middle)) * of + 2) / (of + 4)
    return math.sqrt(share * (1 - share) / (of + 4))
