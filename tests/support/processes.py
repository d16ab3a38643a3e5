"""Real processes for tests: Mosquitto, our commands; started, waited for, killed without mercy."""

import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil


def until(holds: Callable[[], bool], within_s: float = 60, what: str = "it") -> None:
    """Wait until something holds; fail when it does not in time."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not come to hold within {within_s:g} s"
        time.sleep(0.02)


def free_port() -> int:
    """Return a port that is free on loopback now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool:
    """Say whether something listens on a port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Running:
    """A process that can be started again after it was killed."""

    def __init__(self, argv: Sequence[str], log: Path) -> None:
        self._argv = list(argv)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Running":
        """Start it; what it says is appended to its log."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(self._argv, stdout=output, stderr=output)
        return self

    @property
    def pid(self) -> int:
        """The id of the running process."""
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int | None:
        """Ask it to end, and return its exit code."""
        return self._end(signal.SIGTERM)

    def wait(self, within_s: float = 120) -> int:
        """Wait until it ends by itself, and return its exit code."""
        assert self._process is not None
        code = self._process.wait(timeout=within_s)
        self._process = None
        return code

    def _end(self, number: signal.Signals) -> int | None:
        if self._process is None:
            return None
        if self._process.poll() is None:
            self._process.send_signal(number)
        code = self._process.wait(timeout=30)
        self._process = None
        return code

    def log(self) -> str:
        """Return what it has said so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")


def our_command(module: str, *arguments: str, log: Path) -> Running:
    """Return one of our commands as a process: `edge` or `cloud.cli`."""
    return Running([sys.executable, "-m", module, *arguments], log)


class Mosquitto(Running):
    """A real broker on a free port, without persistence: a kill forgets everything."""

    def __init__(self, folder: Path) -> None:
        binary = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        assert binary, "mosquitto: expected Debian's package mosquitto, found none; scripts/test"
        self.port = free_port()
        config = folder / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
        )
        super().__init__([binary, "-c", str(config)], folder / "mosquitto.log")

    @property
    def url(self) -> str:
        """Its address."""
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> "Mosquitto":
        """Start it and wait until it listens."""
        super().start()
        until(lambda: answers(self.port), what="mosquitto")
        return self


def child_of(parent: int, word: str) -> psutil.Process:
    """Return a process' child with a word in its command line; wait while it begins anew."""
    found: list[psutil.Process] = []

    def there() -> bool:
        found.clear()
        for child in psutil.Process(parent).children():
            with contextlib.suppress(psutil.NoSuchProcess):  # also a zombie, not yet waited for
                if word in child.cmdline():
                    found.append(child)
        return bool(found)

    until(there, what=f"the process {word!r}")
    return found[0]
