"""What the hub's benchmarks say beside their results. Used by all of them and by `cli`."""

import json
from dataclasses import asdict, dataclass

from cloud.bench.baseline import NAME, Direct
from menkou.bench import Result


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
