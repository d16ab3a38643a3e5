"""What the board under the box says of itself: how warm it is, how full its disk. Read anew at each
question; asked by `metrics` at a scrape and by `front` for the heartbeat.
"""

import shutil
from pathlib import Path
from typing import Final

from edge.uplink.link import Hardware

_THERMAL: Final = Path("/sys/class/thermal")
_MB: Final = 1_000_000


def temperatures(thermal: Path = _THERMAL) -> dict[str, float]:
    """Return degrees Celsius by sensor, as the kernel has them; none on most virtual machines.

    Two zones of one type get their number: `cpu-thermal`, `cpu-thermal-1`.
    """
    found: dict[str, float] = {}
    for zone in sorted(thermal.glob("thermal_zone*")):
        try:
            kind = (zone / "type").read_text(encoding="ascii").strip()
            degrees = int((zone / "temp").read_text(encoding="ascii")) / 1000
        except (OSError, ValueError):
            continue  # a sensor that is asleep answers with an error
        name, number = kind, 0
        while name in found:
            number += 1
            name = f"{kind}-{number}"
        found[name] = degrees
    return found


def hardware(data_dir: Path, thermal: Path = _THERMAL) -> Hardware:
    """Return the board's hottest sensor, and the disk that holds the box's store.

    What cannot be read is not known.
    """
    degrees = temperatures(thermal).values()
    try:
        disk = shutil.disk_usage(data_dir)
    except OSError:
        return Hardware(temperature_c=_hottest(list(degrees)))
    return Hardware(
        temperature_c=_hottest(list(degrees)),
        disk_mb=disk.total // _MB,
        disk_free_mb=disk.free // _MB,
    )


def _hottest(degrees: list[float]) -> int | None:
    return round(max(degrees)) if degrees else None
