"""Starts the box's parts, restarts the one that dies or goes silent, and says so.

    supervisor ──┬── eyes   cameras, counting, faces; the template key
                 ├── radio  Wi-Fi probe requests; CAP_NET_RAW; only where Wi-Fi is on
                 └── front  the shop's page and the uplink; the profile key

A part has only the descriptors that are passed to it. Called by `menkou-edge run`; systemd watches
this process in turn (Type=notify, WatchdogSec).
"""

import ctypes
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from edge import capabilities
from edge.bus import Bus, Note, PartNote
from edge.fdstore import notify_systemd

log = logging.getLogger(__name__)

BACKOFF_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Pauses before a restart; a part that ran for `STEADY_S` begins again at the first."""
STEADY_S: Final = 60.0
SILENT_S: Final = 30.0
"""A part sends a note every second; one that is silent for this long hangs."""
FIRST_WORD_S: Final = 120.0
"""A small box with a slow card takes its time to load OpenCV."""
STOP_S: Final = 8.0
_PR_SET_PDEATHSIG: Final = 1

State = Literal["running", "restarting", "silent"]


def _die_with_parent() -> None:
    """Ask the kernel to end this child when the supervisor ends, however it ends (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _without_rights() -> None:
    """As above, for a part that must not have what is handed on to the radio."""
    _die_with_parent()
    capabilities.withhold()


@dataclass(frozen=True, slots=True, kw_only=True)
class PartCommand:
    """A part's name, the command that runs it, and the descriptors that this part alone gets.

    `rights`: whether it inherits the capabilities that systemd gave the box.
    """

    name: str
    argv: tuple[str, ...]
    fds: tuple[int, ...] = ()
    rights: bool = False


class Part:
    """One supervised process."""

    def __init__(self, command: PartCommand, *, pass_fds: Sequence[int]) -> None:
        self.name = command.name
        self._argv = command.argv
        self._pass_fds = (*pass_fds, *command.fds)
        self._before = _die_with_parent if command.rights else _without_rights
        self._process: subprocess.Popen[bytes] | None = None
        self._failures = 0
        self._started = 0.0
        self._start_at = 0.0
        self._heard = 0.0
        self._spoke = False
        self.restarts = 0
        self.state: State = "restarting"

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process else None

    def heard(self, now: float) -> None:
        """Note that the part spoke."""
        self._heard = now
        self._spoke = True
        self.state = "running"

    def look(self, now: float) -> str | None:
        """Start, restart or end the process as needed; return a word on it if that is news."""
        if self._process is None:
            if now >= self._start_at:
                self._start(now)
            return None
        code = self._process.poll()
        if code is not None:
            return self._ended(now, code)
        if now - self._heard > (SILENT_S if self._spoke else FIRST_WORD_S):
            self.state = "silent"
            self._process.kill()
            self._process.wait()
            return self._ended(now, None)
        return None

    def _start(self, now: float) -> None:
        self._process = subprocess.Popen(
            self._argv,
            pass_fds=self._pass_fds,
            preexec_fn=self._before,
        )
        self._started = self._heard = now
        self._spoke = False

    def _ended(self, now: float, code: int | None) -> str:
        if now - self._started > STEADY_S:
            self._failures = 0
        pause_s = BACKOFF_S[min(self._failures, len(BACKOFF_S) - 1)]
        self._failures += 1
        self.restarts += 1
        self._process = None
        self._start_at = now + pause_s
        self.state = "restarting"
        why = "was silent for too long" if code is None else f"ended with {code}"
        return f"{self.name} {why}; it is started again in {pause_s:g} s"

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        if self._process is not None:
            self._process.terminate()

    def wait_stopped(self, deadline: float) -> None:
        """Wait until the process has ended; after the deadline kill it."""
        if self._process is None:
            return
        try:
            self._process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.error("%s did not stop in time and is killed", self.name)
            self._process.kill()
            self._process.wait()


class Supervisor:
    """Runs parts until told to stop.

    Args:
        parts: what to run.
        bus: the supervisor's place on the bus.
        pass_fds: descriptors for every part, such as the data directory's lock.
        restarted: told the name of a part that had to be restarted.
    """

    def __init__(
        self,
        *,
        parts: Sequence[PartCommand],
        bus: Bus,
        pass_fds: Sequence[int],
        restarted: Callable[[str], None],
    ) -> None:
        self._parts = {c.name: Part(c, pass_fds=pass_fds) for c in parts}
        self._bus = bus
        self._restarted = restarted

    def run(self, stop: threading.Event) -> None:
        """Supervise until `stop` is set; then stop the parts, SIGTERM first."""
        told = 0.0
        ready = False
        while not stop.is_set():
            now = time.monotonic()
            for part in self._parts.values():
                if (word := part.look(now)) is not None:
                    log.error("%s", word)
                    self._restarted(part.name)
            if now - told >= 1.0:
                told = now
                notify_systemd("WATCHDOG=1")
                self._bus.send("front", Note(sender="supervisor", parts=self._notes()))
            note = self._bus.receive(0.2)
            if note and note.sender in self._parts:
                self._parts[note.sender].heard(time.monotonic())
                if not ready:
                    # One part that speaks is a service that has started; a page that cannot be
                    # served must not make systemd end the counting.
                    ready = True
                    notify_systemd("READY=1")
        self._stop()

    def _notes(self) -> tuple[PartNote, ...]:
        return tuple(
            PartNote(name=p.name, state=p.state, restarts=p.restarts) for p in self._parts.values()
        )

    def _stop(self) -> None:
        notify_systemd("STOPPING=1")
        for part in self._parts.values():
            part.ask_to_stop()
        deadline = time.monotonic() + STOP_S
        for part in self._parts.values():
            part.wait_stopped(deadline)


def python_part(
    name: str, *arguments: str, fds: Mapping[str, int], rights: bool = False
) -> PartCommand:
    """Return the command that runs a part of this installation.

    `fds` are descriptors for this part alone, by the options that tell it their numbers; `rights`:
    whether it inherits the capabilities that systemd gave the box.
    """
    options = [word for option, fd in fds.items() for word in (option, str(fd))]
    return PartCommand(
        name=name,
        argv=(sys.executable, "-m", "edge", name, *arguments, *options),
        fds=tuple(fds.values()),
        rights=rights,
    )
