"""Where this machine is in the shop's network, asked of the kernel. Used by `mdns`.

By an ordinary socket: the service may open none of netlink's (`RestrictAddressFamilies`), by which
the C library would find out.
"""

import fcntl
import os
import socket
import struct
from pathlib import Path
from typing import Final

_NAMES: Final = Path("/sys/class/net")
# linux/sockios.h and linux/if.h; an `ifreq` is the name in 16 bytes and a union of at most 24.
_SIOCGIFADDR: Final = 0x8915
_SIOCGIFFLAGS: Final = 0x8913
_IFREQ: Final = 40
_NAME_BYTES: Final = 16
_ADDRESS: Final = slice(20, 24)
_UP: Final = 0x1
_LOOPBACK: Final = 0x8
_MULTICAST: Final = 0x1000


def ipv4_addresses() -> tuple[str, ...]:
    """Return the machine's IPv4 addresses in networks that take multicast, one for each."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        found = (_address(asking, name) for name in sorted(one.name for one in _NAMES.iterdir()))
        return tuple(address for address in found if address is not None)


def _address(asking: socket.socket, name: str) -> str | None:
    wanted = struct.pack(f"{_IFREQ}s", os.fsencode(name)[: _NAME_BYTES - 1])
    try:
        told = fcntl.ioctl(asking, _SIOCGIFFLAGS, wanted)
        (flags,) = struct.unpack_from("=H", told, _NAME_BYTES)
        if flags & _LOOPBACK or not flags & _UP or not flags & _MULTICAST:
            return None
        return socket.inet_ntoa(fcntl.ioctl(asking, _SIOCGIFADDR, wanted)[_ADDRESS])
    except OSError:  # it has none, or has just gone
        return None
