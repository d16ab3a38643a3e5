"""Holds a process to a share of one core, as a control group's quota does, on any Linux.

Called by `edge.bench.pipeline`: a container rarely may make control groups. In each period of 0.1 s
(cgroup v2 cpu.max's own) the process may use its share; then it is stopped until the next one.
"""

import os
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

PERIOD_S: Final = 0.1
_LOOK_S: Final = 0.004


def used_s(pid: int) -> float:
    """Return the processor seconds that all threads of a process have used (schedstat)."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # a thread that has just ended
            total += int((task / "schedstat").read_text(encoding="ascii").split()[0])
    return total / 1e9


class Quota:
    """Stops and continues a process in a thread of its own, from `start` until it ends."""

    def __init__(self, process: subprocess.Popen[str], share: float) -> None:
        self._process = process
        self._share = share
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def _run(self) -> None:
        pid = self._process.pid
        left_s = 0.0
        with suppress(ProcessLookupError, FileNotFoundError):
            before = used_s(pid)
            while self._process.poll() is None:
                ends = time.monotonic() + PERIOD_S
                # What was used too much of the last share is taken from this one.
                left_s = min(left_s, 0.0) + self._share * PERIOD_S
                os.kill(pid, signal.SIGCONT if left_s > 0 else signal.SIGSTOP)
                while (now := time.monotonic()) < ends and self._process.poll() is None:
                    after = used_s(pid)
                    left_s, before = left_s - (after - before), after
                    if left_s <= 0:
                        os.kill(pid, signal.SIGSTOP)
                    time.sleep(min(_LOOK_S, ends - now))
