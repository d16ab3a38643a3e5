"""The box's clocks. `SystemClock` for a running box; `edge.app` hands it to the parts.

A replay runs on the recording's own time instead (`pipeline.RecordingClock`).
"""

import ctypes
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from edge.ports import Clock, ClockState

_TIME_ERROR: Final = 5  # adjtimex(2): the clock is not synchronised
BELIEVED_BELOW: Final = timedelta(hours=1)
"""A synchronised clock does not step back by so much."""
_TIMEX_BYTES: Final = 208  # sizeof(struct timex) on 64-bit Linux; more than enough on 32


class SystemClock:
    """The kernel's clocks, and whether the kernel calls its wall time synchronised.

    `trusted`: the machine's host keeps its time, whatever the kernel knows of that.
    """

    def __init__(self, *, trusted: bool = False) -> None:
        self._trusted = trusted
        self._libc = ctypes.CDLL(None, use_errno=True)

    def now(self) -> datetime:
        """Return the aware time in UTC."""
        return datetime.now(UTC)

    def mono(self) -> float:
        """Return seconds since the machine started; suspended time included."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def state(self) -> ClockState:
        """Ask the kernel (adjtimex, which chrony and timesyncd keep up to date)."""
        if self._trusted:
            return "ok"
        timex = ctypes.create_string_buffer(max(_TIMEX_BYTES, 512))
        result = self._libc.adjtimex(timex)
        return "ok" if 0 <= result != _TIME_ERROR else "suspect"


def in_virtual_machine(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Say whether this is a virtual machine, which gets its time from its host at every start.

    x86 tells by the CPU flag `hypervisor`; boards with a clock of their own never have it.
    """
    try:
        text = cpuinfo.read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return "hypervisor" in flags.split()


class SteadyClock:
    """A clock that never runs below the last committed event (DESIGN section 5).

    If the system's wall time is earlier than `floor`, time goes on from there by the monotonic
    clock and is `suspect`, until the system's clock has caught up. A clock that is synchronised
    and far below the floor is believed: then the floor came from a clock that was wrong.
    """

    def __init__(self, inner: Clock, floor: datetime | None) -> None:
        self._inner = inner
        self._floor = floor
        self._floor_mono = inner.mono()

    def raise_floor(self, at: datetime | None) -> None:
        """An event of this time was committed."""
        if at is not None and (self._floor is None or at > self._floor):
            self._floor = at
            self._floor_mono = self._inner.mono()

    def _behind(self, now: datetime) -> datetime | None:
        """Return the floor if the system's time is to be held above it."""
        if self._floor is None or now >= self._floor:
            return None
        if self._floor - now > BELIEVED_BELOW and self._inner.state() == "ok":
            return None
        return self._floor

    def now(self) -> datetime:
        """Return the aware time in UTC."""
        now = self._inner.now()
        floor = self._behind(now)
        if floor is None:
            return now
        return floor + timedelta(seconds=self._inner.mono() - self._floor_mono)

    def mono(self) -> float:
        """Return seconds of the machine's monotonic clock."""
        return self._inner.mono()

    def state(self) -> ClockState:
        """Suspect while the system's clock is behind the floor, or not synchronised."""
        return "suspect" if self._behind(self._inner.now()) else self._inner.state()
