"""Speaks with systemd: states, and descriptors that it keeps over a restart of the service.

    supervisor ──FDSTORE=1, descriptor──> systemd ──LISTEN_FDS──> the next supervisor

sd_notify(3), sd_listen_fds(3). Called by the supervisor; where systemd does not run us, nothing
happens. The store is emptied by systemd when the service is stopped, and gone with the power.
"""

import array
import logging
import os
import socket
from collections.abc import Sequence
from typing import Final

log = logging.getLogger(__name__)

_FIRST_FD: Final = 3  # SD_LISTEN_FDS_START


def notify_systemd(state: str, fds: Sequence[int] = ()) -> None:
    """Tell systemd a state such as READY=1, with descriptors where the state is about them."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        try:
            client.sendmsg([state.encode()], rights, 0, address)
        except OSError as exc:
            log.warning("systemd does not hear %s: %s", state.replace("\n", " "), exc)


def keep(name: str, fd: int) -> None:
    """Have systemd keep a duplicate of a descriptor for the next start."""
    notify_systemd(f"FDSTORE=1\nFDNAME={name}", [fd])


def drop(name: str) -> None:
    """Have systemd close what it keeps under a name."""
    notify_systemd(f"FDSTOREREMOVE=1\nFDNAME={name}")


def given_back() -> dict[str, int]:
    """Return the descriptors that systemd kept, by name; they are this process's own from now on.

    The first call alone gets them.
    """
    owner = os.environ.pop("LISTEN_PID", None)
    count = int(os.environ.pop("LISTEN_FDS", "0"))
    names = os.environ.pop("LISTEN_FDNAMES", "").split(":")
    if owner != str(os.getpid()):  # they were meant for a process before this one
        return {}
    fds = range(_FIRST_FD, _FIRST_FD + count)
    for fd in fds:
        os.set_inheritable(fd, False)
    return dict(zip(names, fds, strict=False))
