"""What a benchmark says: one line a case. Used by all of them and by `cli`."""

import json
from dataclasses import asdict, dataclass

from cloud.bench.baseline import NAME, Direct


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A line of the report. `ratio` is how many times better than the baseline, in this run."""

    bench: str
    case: str
    value: float
    unit: str
    baseline: str
    baseline_value: float
    ratio: float

    def line(self) -> str:
        """Return the result as one JSON object."""
        return json.dumps(asdict(self), ensure_ascii=False)

    def words(self) -> str:
        """Return the result for people."""
        return (
            f"{self.case}: {_shown(self.value)} {self.unit};"
            f" {self.baseline}: {_shown(self.baseline_value)}; ratio {self.ratio}"
        )


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A case that cannot be measured here, and why."""

    bench: str
    case: str
    skipped: str

    def line(self) -> str:
        """Return it as one JSON object."""
        return json.dumps(asdict(self), ensure_ascii=False)

    def words(self) -> str:
        """Return it for people."""
        return f"{self.case}: skipped, {self.skipped}"


def compared(case: str, events: int, seconds: float, baseline: Direct) -> Result:
    """Return how many events were taken in per second, beside the baseline's rate."""
    directly = baseline.events / baseline.seconds
    return Result(
        bench="ingest",
        case=case,
        value=round(events / seconds),
        unit="events/s",
        baseline=NAME,
        baseline_value=round(directly),
        ratio=round(events / seconds / directly, 2),
    )
