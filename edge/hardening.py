"""Keeps what a process has in its memory out of reach.

Called first by the supervisor, the eyes, the front, a replay and the commands of members.

No core dump, no reading by other processes of the same user, no swap. A process that is replaced
by exec is open again, and must call this anew.
"""

import ctypes
import logging
import os
import resource
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

_PR_SET_DUMPABLE: Final = 4  # linux/include/uapi/linux/prctl.h
_MCL_CURRENT: Final = 1  # linux/include/uapi/asm-generic/mman.h, as x86 and arm have them
_MCL_FUTURE: Final = 2
_MCL_ONFAULT: Final = 4
_CAP_IPC_LOCK: Final = 14  # linux/include/uapi/linux/capability.h

_libc = ctypes.CDLL(None, use_errno=True)


def seal_process(*, quietly: bool = False) -> None:
    """Forbid core dumps, tracing and swapping of this process, as far as the system allows.

    What it does not allow is said in one warning, unless `quietly`: the box must count all the
    same.
    """
    refused = [why for why in (_forbid_dumps(), _forbid_tracing(), _forbid_swap()) if why]
    if refused and not quietly:
        log.warning("this process's memory is not fully closed: %s", "; ".join(refused))


def _forbid_dumps() -> str | None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return None


def _forbid_tracing() -> str | None:
    """Close /proc/PID/mem, ptrace and core dumps to the same user (PR_SET_DUMPABLE, prctl(2))."""
    if _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        return f"others may read it ({os.strerror(ctypes.get_errno())})"
    return None


def _forbid_swap() -> str | None:
    """Lock all memory, now and later, page by page as it comes into use (mlockall(2)).

    Only without a limit: with one, the first allocation above it would fail and end the process.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (hard, hard))
    if hard != resource.RLIM_INFINITY and not _may_lock_anything():
        return f"it may be swapped (locked memory is limited to {hard} bytes: ulimit -l)"
    if _libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) != 0:
        return f"it may be swapped ({os.strerror(ctypes.get_errno())})"
    return None


def _may_lock_anything() -> bool:
    status = Path("/proc/self/status").read_bytes()
    effective = next(line for line in status.splitlines() if line.startswith(b"CapEff:"))
    return bool(int(effective.split()[1], 16) >> _CAP_IPC_LOCK & 1)
