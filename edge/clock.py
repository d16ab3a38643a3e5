"""The box's clocks. `SystemClock` asks the kernel; `SteadyClock` is what the parts of a running box
read: it goes on by the monotonic clock along a timeline (`core.timeline`) until it is told of
another one.

A replay runs on the recording's own time instead (`edge.replay.RecordingClock`).
"""

import ctypes
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from edge.core.moments import Mark
from edge.core.timeline import STEP, Reckoning, Timeline
from edge.ports import Clock, ClockState

_TIME_ERROR: Final = 5  # adjtimex(2): the clock is not synchronised
_TIMEX_BYTES: Final = 208  # sizeof(struct timex) on 64-bit Linux; more than enough on 32
_TOGETHER_S: Final = 0.05
_TRIES: Final = 20
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


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


def boot_id(path: Path = BOOT_ID) -> str:
    """Return what names this start of the machine: monotonic seconds mean nothing beyond it."""
    return path.read_text(encoding="ascii").strip()


def marks_of(clock: Clock, boot: str) -> Callable[[], Mark]:
    """Return what marks the moment by a clock, within a start of the machine."""
    return lambda: Mark(at=clock.now(), boot=boot, mono=clock.mono())


def reckoning(kernel: Clock) -> Reckoning:
    """Read the kernel's wall and monotonic clock as one.

    A process that was put aside between the two would see a step that never was. On a machine
    that is too busy for a good reading, this one is not taken for synchronised.
    """
    for _ in range(_TRIES):
        before, wall, after = kernel.mono(), kernel.now(), kernel.mono()
        together = after - before < _TOGETHER_S
        if together:
            break
    zero = wall - timedelta(seconds=(before + after) / 2)
    return Reckoning(zero=zero, synchronised=together and kernel.state() == "ok")


class SteadyClock:
    """A clock that steps only when it is told to (`take`), never by itself.

    Whoever owns it looks whether another timeline is due (`edge.store.timelines`), and then deals
    with the step in one place.
    """

    def __init__(self, kernel: Clock, timeline: Timeline) -> None:
        self._kernel = kernel
        self._timeline = timeline

    @property
    def timeline(self) -> Timeline:
        """What it runs along."""
        return self._timeline

    def take(self, timeline: Timeline) -> None:
        """Run along another timeline from now on."""
        self._timeline = timeline

    def now(self) -> datetime:
        """Return the aware time in UTC."""
        timeline, wall = self._timeline, self._kernel.now()
        held = timeline.at(self._kernel.mono())
        # Less than a step: a leap second, or the microseconds between two readings.
        return wall if timeline.sure and abs(wall - held) <= STEP else held

    def at(self, mono: float) -> datetime:
        """Return the aware time at a monotonic second, as the clock stands now."""
        return self.now() - timedelta(seconds=self._kernel.mono() - mono)

    def mono(self) -> float:
        """Return seconds of the machine's monotonic clock."""
        return self._kernel.mono()

    def state(self) -> ClockState:
        """Suspect until the system is synchronised or a person has said that the time is right.

        Once either was so, it stays: the monotonic clock carries on what was known.
        """
        return "suspect" if self._timeline.word == "nobody" else "ok"
