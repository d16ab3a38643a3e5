"""A network interface, as the kernel's ioctls tell of it: is it there, up, in monitor mode, alive.

Called by `capture`, `watchdog` and `hopping`. Asking needs no right; `raise_up` and `lower` need
CAP_NET_ADMIN. netdevice(7); linux/include/uapi/linux/sockios.h, if.h, if_arp.h.
"""

import errno
import fcntl
import socket
import struct
from pathlib import Path
from typing import Final, Literal

State = Literal["ok", "gone", "down", "not_monitor"]

MEANING: Final[dict[State, str]] = {
    "gone": "expected it to be there, got none: plug the adapter in; `iw dev` lists what there is",
    "down": "expected it to be up, got it down: `ip link set {name} up`",
    "not_monitor": (
        "expected monitor mode (link type 803), got another: see firmware_config, or"
        " `iw dev {name} set type monitor` while it is down"
    ),
}
"""What a state means, and what to do."""
RADIOTAP: Final = 803
"""ARPHRD_IEEE80211_RADIOTAP: the link type of an interface in monitor mode."""
_SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x8913, 0x8914
_SIOCGIFHWADDR, _SIOCGIFINDEX = 0x8927, 0x8933
_IFF_UP: Final = 1
_NAME_MOST: Final = 15
_REQUEST: Final = struct.Struct("16s24x")
"""struct ifreq: the name, then a union."""
_SHORT, _INT = struct.Struct("16xH"), struct.Struct("16xi")
_GONE: Final = (errno.ENODEV, errno.ENXIO)
_COUNTERS: Final = Path("/proc/thread-self/net/dev")


class Interface:
    """One interface by its name; it may come and go."""

    def __init__(self, name: str) -> None:
        if not 0 < len(name.encode()) <= _NAME_MOST or "/" in name:
            raise ValueError(
                f"interface: expected a name of up to {_NAME_MOST} bytes, got {name!r}"
            )
        self.name = name

    def state(self) -> State:
        """Say whether it can be listened to now."""
        flags = self._ask(_SIOCGIFFLAGS, _SHORT)
        kind = self._ask(_SIOCGIFHWADDR, _SHORT)
        if flags is None or kind is None:
            return "gone"
        if kind != RADIOTAP:
            return "not_monitor"
        return "ok" if flags & _IFF_UP else "down"

    def index(self) -> int | None:
        """Return its number, which it has until it goes; None: it is not there."""
        return self._ask(_SIOCGIFINDEX, _INT)

    def received(self) -> int:
        """Return how many frames of any kind it has received since it is there."""
        for line in _COUNTERS.read_text(encoding="ascii").splitlines()[2:]:
            name, _, counters = line.partition(":")
            if name.strip() == self.name:
                return int(counters.split()[1])
        return 0

    def raise_up(self) -> None:
        """Bring it up. Raises OSError where that is refused."""
        self._set_flags((self._ask(_SIOCGIFFLAGS, _SHORT) or 0) | _IFF_UP)

    def lower(self) -> None:
        """Take it down. Raises OSError where that is refused."""
        self._set_flags((self._ask(_SIOCGIFFLAGS, _SHORT) or 0) & ~_IFF_UP)

    def _ask(self, request: int, layout: struct.Struct) -> int | None:
        try:
            answer = _ioctl(request, _REQUEST.pack(self.name.encode()))
        except OSError as exc:
            if exc.errno in _GONE:
                return None
            raise
        (value,) = layout.unpack_from(answer)
        return int(value)

    def _set_flags(self, flags: int) -> None:
        _ioctl(_SIOCSIFFLAGS, struct.pack("16sH22x", self.name.encode(), flags))


def _ioctl(request: int, argument: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        return fcntl.ioctl(asking, request, argument)
