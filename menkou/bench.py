"""What a benchmark says: one line a case. Used by the benches of box and hub."""

import json
from dataclasses import asdict, dataclass


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
            f" {self.baseline}: {_shown(self.baseline_value)}; ratio {self.ratio:g}"
        )


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
