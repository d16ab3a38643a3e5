"""Sets the radio's channel in turn, and puts it back into monitor mode, by `iw`.

Called by `edge.radio` between two looks at the ring; never waits for `iw`. Needs CAP_NET_ADMIN. A
driver that refuses is asked again now and then; capture goes on where the radio stands.
"""

import logging
import shutil
import subprocess
from collections.abc import Sequence
from typing import Final

from edge.sensors.radio.interface import Interface

log = logging.getLogger(__name__)

DWELL_S: Final = 5.0
"""A phone that scans sends on every channel within a second or two, so it is heard on whichever
one the radio stands; those that keep to a few channels are heard within the minute."""
AGAIN_S: Final = 600.0
_ANSWER_S: Final = 4.0
_IW_PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin"
"""Where Debian has it; a service's PATH may lack the sbin folders."""


def iw_command(path: str = _IW_PATH) -> str | None:
    """Return where `iw` is; None: it is not installed."""
    return shutil.which("iw", path=path)


def frequency(channel: int) -> int:
    """Return a channel's centre in MHz (IEEE Std 802.11-2020, annex E; 6 GHz is not among them)."""
    if channel == 14:
        return 2484
    return 2407 + 5 * channel if channel < 14 else 5000 + 5 * channel


class Hopper:
    """Goes round the channels.

    Args:
        interface: in monitor mode.
        channels: in the order in which they are visited; none: the radio stays where it is.
        iw: the program.

    `refused` says why the channel cannot be set, None while it can.
    """

    def __init__(self, interface: Interface, channels: Sequence[int], iw: str | None) -> None:
        self._interface = interface
        self._channels = channels
        self._iw = iw
        self._turn = 0
        self._due = float("-inf")
        self._asked_at = 0.0
        self._running: subprocess.Popen[bytes] | None = None
        self.refused: str | None = None

    def begin(self) -> None:
        """Set a channel at the next step: the interface is new, or was put back."""
        self._due = float("-inf")

    def step(self, mono: float) -> None:
        """Set the next channel if that is due; take in what became of the last one."""
        if self._running is not None:
            self._finish(mono, self._running)
        elif self._channels and mono >= self._due:
            self._ask(mono)

    def _ask(self, mono: float) -> None:
        channel = self._channels[self._turn % len(self._channels)]
        if self._iw is None:
            self._refuse(mono, "iw is not installed: apt install iw")
            return
        # One channel is set again, too: some drivers forget it.
        command = [self._iw, "dev", self._interface.name, "set", "freq", str(frequency(channel))]
        self._running = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self._asked_at = mono

    def _finish(self, mono: float, running: subprocess.Popen[bytes]) -> None:
        if running.poll() is None:
            if mono - self._asked_at >= _ANSWER_S:
                self.close()
                self._refuse(mono, f"iw does not answer within {_ANSWER_S:g} s")
            return
        _, said = running.communicate()
        self._running = None
        if running.returncode == 0:
            self._turn += 1
            self._due = mono + (DWELL_S if len(self._channels) > 1 else AGAIN_S)
            if self.refused is not None:
                log.info("%s takes channels again", self._interface.name)
            self.refused = None
        else:
            self._refuse(mono, said.decode(errors="replace").strip()[:200] or "iw refuses")

    def _refuse(self, mono: float, why: str) -> None:
        self._due = mono + AGAIN_S
        if why != self.refused:
            log.warning(
                "wifi.channels: %s stays on its channel: %s (asked again every %d min)",
                *(self._interface.name, why, AGAIN_S // 60),
            )
        self.refused = why

    def close(self) -> None:
        """Wait for nothing any more."""
        if self._running is not None:
            self._running.kill()
            self._running.wait()
            if self._running.stderr is not None:
                self._running.stderr.close()
            self._running = None


def put_back(interface: Interface, iw: str | None) -> bool:
    """Put an interface that was in monitor mode back into it, and up; say whether that worked.

    Only for one that this process has listened to: another may be the shop's own way to the net.
    """
    if iw is None:
        return False
    try:
        interface.lower()
        done = subprocess.run(
            [iw, "dev", interface.name, "set", "type", "monitor"],
            check=False,
            capture_output=True,
            timeout=_ANSWER_S,
        )
        interface.raise_up()
    except (OSError, subprocess.TimeoutExpired) as exc:
        log.warning("%s cannot be put back into monitor mode: %s", interface.name, exc)
        return False
    if done.returncode != 0:
        why = done.stderr.decode(errors="replace").strip()[:200]
        log.warning("%s cannot be put back into monitor mode: %s", interface.name, why)
    return done.returncode == 0
