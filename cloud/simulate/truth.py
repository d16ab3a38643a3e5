"""What the hub must show of a simulated chain: sums by shop and hour, added up from the steps.

Used by `live` and `facts`. Nothing here looks into the hub: a test compares the two.
"""

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from cloud.hours import hour_of_minute
from cloud.simulate.step import Step
from cloud.tables import FIGURES

_MINUTE_MS: Final = 60_000


class Truth:
    """Sums by shop and hour of all steps that boxes have told.

    Args:
        zones: the zone of each shop.
    """

    def __init__(self, zones: Mapping[str, ZoneInfo]) -> None:
        self._zones = zones
        self._sums: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)

    def add(self, store: str, step: Step) -> None:
        """Add what a step changes."""
        zone = self._zones[store]
        for moment, figure, amount in step.deltas:
            hour = hour_of_minute(moment // _MINUTE_MS, zone)
            self._sums[store, hour][figure] += amount

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield shop, hour (UTC second of its beginning) and figures, in order."""
        for (store, hour), sums in sorted(self._sums.items()):
            yield {"store": store, "hour": hour, **{name: sums[name] for name in FIGURES}}

    def total(self, figure: str) -> int:
        """Return the sum of a figure over everything."""
        return sum(sums[figure] for sums in self._sums.values())

    def write(self, path: Path) -> None:
        """Write the rows: as CSV if the file is named so, else one JSON object a line."""
        with path.open("w", encoding="utf-8", newline="") as file:
            if path.suffix == ".csv":
                table = csv.DictWriter(file, ["store", "hour", *FIGURES])
                table.writeheader()
                table.writerows(self.rows())
            else:
                file.writelines(json.dumps(row) + "\n" for row in self.rows())
