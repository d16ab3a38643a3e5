"""What a run of the simulator reports: rates and ages. Used by `live`; pure."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """How old live events were when the hub had them, in seconds; None if there were none."""

    p50: float | None
    p95: float | None
    max: float | None

    def __str__(self) -> str:
        if self.max is None:
            return "no time"
        return f"{self.p50:.2f} s (p95 {self.p95:.2f}, at most {self.max:.2f})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How a run went, in events. `ages`: of live events of boxes that had nothing to catch up."""

    shops: int
    boxes: int
    seconds: float
    told: int
    acknowledged: int
    unacknowledged: int
    backlog: int
    live: int
    batches: int
    resent: int
    events_per_second: float
    visitors: int
    ages: Ages
    ages_behind: Ages


class Histogram:
    """A histogram of ages, to the millisecond."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, ages: Sequence[float]) -> None:
        """Count some."""
        self._counts.update([int(age * 1000) for age in ages])

    @property
    def count(self) -> int:
        """How many there are."""
        return self._counts.total()

    def summed(self) -> Ages:
        """Return the quantiles."""
        return Ages(p50=self._at(0.5), p95=self._at(0.95), max=self._at(1.0))

    def _at(self, share: float) -> float | None:
        left = math.ceil(self.count * share)
        for age in sorted(self._counts):
            left -= self._counts[age]
            if left <= 0:
                return age / 1000
        return None
