"""Fixed bins of times, and percentiles from them. Pure.

Percentiles cannot be added; counts in fixed bins can, over shops and days. The error of a
percentile is at most the width of its bin. Counted by `cloud.tally`, read by figures and plots.
"""

from bisect import bisect_right
from collections.abc import Mapping
from typing import Final, Literal

Measure = Literal["wait", "dwell", "queue"]
EDGES: Final[Mapping[Measure, tuple[int, ...]]] = {
    # Seconds; bin n is from edge n (included) to edge n + 1; the last has no end.
    "wait": (0, 10, 20, 30, 45, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1_200, 1_800, 3_600),
    "queue": (0, 60, 120, 180, 300, 450, 600, 900, 1_200, 1_500, 1_800, 2_400, 3_600, 5_400, 7_200),
    "dwell": (
        0,
        60,
        120,
        180,
        300,
        420,
        600,
        900,
        1_200,
        1_800,
        2_700,
        3_600,
        5_400,
        7_200,
        10_800,
    ),
}
"""Ours: fine where a shop's aims lie (30 seconds to a greeting, 30 minutes in a queue)."""


def bin_of(measure: Measure, seconds: float) -> int:
    """Return the number of the bin that holds a time; one below 0 is in the first.

    >>> bin_of("wait", 30), bin_of("wait", 29.9), bin_of("wait", 9_999)
    (3, 2, 16)
    """
    return max(0, bisect_right(EDGES[measure], seconds) - 1)


def quantile(measure: Measure, counts: Mapping[int, int], share: float) -> float | None:
    """Return the time in seconds below which a share of the counted lies.

    Interpolated within its bin (as Prometheus' `histogram_quantile` does); in the last bin, which
    has no end, its beginning. None: nothing was counted.

    >>> quantile("wait", {0: 1, 1: 1}, 0.5)
    10.0
    """
    edges = EDGES[measure]
    total = sum(counts.values())
    if total <= 0:
        return None
    rank, below = share * total, 0
    for number, low in enumerate(edges[:-1]):
        inside = counts.get(number, 0)
        if inside and below + inside >= rank:
            return low + (edges[number + 1] - low) * (rank - below) / inside
        below += inside
    return float(edges[-1])
