"""A time of fixed bins (its median, its 90th percentile) beside what it was and is usually. Pure.

As `compare` does with counts; called by head office's first page.
"""

from collections.abc import Mapping

from cloud.figures.bins import EDGES, Measure, bin_of, quantile
from cloud.figures.compare import WEEKS, Comparison, band, beside
from cloud.figures.suppress import HIDDEN, LEAST, Shown, small

Bins = Mapping[int, int]


def compare_times(
    measure: Measure, share: float, counts: Bins, before: Mapping[int, Bins], least: int = LEAST
) -> Comparison:
    """Return a day's time, in seconds, beside those of the same weekday before.

    The band is never narrower than the bin that the time lies in: it is not known better.

    Args:
        measure: what was timed.
        share: which percentile, as a share of 1.
        counts: how many were counted in each bin on the day.
        before: the same by how many weeks before it was.
        least: from how many people on a figure is shown.
    """

    def time_of(bins: Bins) -> Shown:
        return HIDDEN if small(sum(bins.values()), least) else quantile(measure, bins, share)

    value = time_of(counts)
    then = {week: time_of(bins) for week, bins in before.items()}
    known = [one for week in WEEKS if isinstance(one := then.get(week), float)]
    return beside(value, then, *band(known, _bin_width(measure, value) / 2))


def _bin_width(measure: Measure, value: Shown) -> float:
    edges = EDGES[measure]
    number = min(bin_of(measure, value if isinstance(value, float) else 0.0), len(edges) - 2)
    return float(edges[number + 1] - edges[number])
