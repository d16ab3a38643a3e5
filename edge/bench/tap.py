"""A radio without a radio: what is written into it, the kernel delivers as received 802.11 frames.

A TAP device whose link type is set to radiotap before it is brought up; AF_PACKET, libpcap and
scapy all see a monitor interface. Needs root (CAP_NET_ADMIN). Used by `bench probes` and by the
tests; calls nothing. Linux: Documentation/networking/tuntap.rst, linux/include/uapi/linux/if_tun.h.
"""

import fcntl
import os
import struct
from pathlib import Path
from typing import Final

from edge.sensors.radio.interface import RADIOTAP, Interface

DEVICE: Final = Path("/dev/net/tun")
_TUNSETIFF, _TUNSETLINK = 0x400454CA, 0x400454CD
_IFF_TAP, _IFF_NO_PI = 0x0002, 0x1000


class TapRadio:
    """A monitor interface that hears what `send` is given; gone when it is closed.

    Args:
        name: of the interface, up to 15 bytes.
        link_type: another ARPHRD than radiotap's, such as Ethernet's (1) of a managed radio.

    Raises:
        OSError: this machine or user may not make one.
    """

    def __init__(self, name: str = "mon0", *, link_type: int = RADIOTAP) -> None:
        self.interface = Interface(name)
        self._fd = os.open(DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            request = struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI)
            fcntl.ioctl(self._fd, _TUNSETIFF, request)
            fcntl.ioctl(self._fd, _TUNSETLINK, link_type)
            self.interface.raise_up()
        except OSError:
            self.close()
            raise

    def send(self, frame: bytes) -> None:
        """Let the interface receive a frame, from its radiotap header on."""
        os.write(self._fd, frame)

    def become(self, link_type: int) -> None:
        """Take it down, give it another link type, and bring it up: monitor mode comes or goes."""
        self.interface.lower()
        fcntl.ioctl(self._fd, _TUNSETLINK, link_type)
        self.interface.raise_up()

    def close(self) -> None:
        """Let the interface vanish."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
