"""Live capture of probe requests from a monitor interface, without a system call a frame.

    kernel: filter ──> ring of blocks, shared with this process (PACKET_MMAP, TPACKET_V3)
    drain:  block by block, frame by frame ──> take(frame, time); then the block is overwritten

The filter lets nothing but probe requests into the ring, so nobody's traffic ever gets here. Called
by `edge.radio`; needs CAP_NET_RAW to open. `fallback` is for systems without such rings.
Linux: Documentation/networking/packet_mmap.rst, linux/include/uapi/linux/if_packet.h.
"""

import ctypes
import errno
import logging
import mmap
import os
import select
import socket
import struct
import time
from collections.abc import Callable
from typing import Final, Protocol

from edge.sensors.radio.errors import CaptureFault
from edge.sensors.radio.interface import MEANING, Interface

log = logging.getLogger(__name__)

Take = Callable[[bytes, float], None]
"""Takes a frame from its radiotap header on, and when it came, in seconds since 1970."""
Begin = Callable[[float], None]
"""Told when the frames that follow came."""

PROBE_REQUESTS: Final = (
    (0x30, 0, 0, 3),
    (0x64, 0, 0, 8),
    (0x07, 0, 0, 0),
    (0x30, 0, 0, 2),
    (0x4C, 0, 0, 0),
    (0x07, 0, 0, 0),
    (0x50, 0, 0, 0),
    (0x54, 0, 0, 0xFC),
    (0x15, 0, 1, 0x40),
    (0x06, 0, 0, 0xFFFF),
    (0x06, 0, 0, 0),
)
"""`type mgt subtype probe-req` for radiotap, as libpcap 1.10 compiles it; a test compiles it anew
through scapy. Kept, so that the process that hears everybody loads neither (40 MB)."""
FILTER: Final = "type mgt subtype probe-req"

_SOL_PACKET: Final = 263
_PACKET_RX_RING, _PACKET_STATISTICS, _PACKET_VERSION = 5, 6, 10
_TPACKET_V3: Final = 2
_SO_ATTACH_FILTER, _SO_LOCK_FILTER = 26, 44
_ETH_P_ALL: Final = 3
_BLOCK: Final = 256 * 1024
_BLOCKS: Final = 64
"""16 MiB: at 20,000 probe requests a second, three seconds in which the store may be busy."""
_FRAME: Final = 2048
_RETIRE_MS: Final = 200
"""A block that is not full is handed over after this long."""
_STATUS: Final = 8
_HEAD: Final = struct.Struct("=8xIIIIQII")
"""Of a block: status, frames, offset of the first, bytes, number, time of the first (s, ns)."""
_HEAD_END: Final = 48
_FRAME_HEAD: Final = struct.Struct("=I8xI8xH")
"""Of a frame: offset of the next, bytes, offset of its first byte."""
_OURS: Final = 1  # TP_STATUS_USER
_KERNELS: Final = b"\0\0\0\0"
_LATE_MOST_S: Final = 30.0


class Capture(Protocol):
    """Brings probe requests from an interface."""

    def drain(self, begin: Begin, take: Take, timeout_s: float) -> None:
        """Wait for frames, at most `timeout_s`, and hand on those that are there.

        Raises:
            CaptureFault: the interface is gone or down.
        """
        ...

    def lost(self) -> int:
        """Return how many probe requests had no room since it was opened."""
        ...

    def close(self) -> None:
        """Stop listening; what was not handed on is overwritten."""
        ...


class RingCapture:
    """An AF_PACKET socket with a ring.

    Args:
        interface: in monitor mode, and up.
        now: the box's time in seconds since 1970.

    Raises:
        CaptureFault: it cannot be listened to.
        OSError: this system has no such sockets or rings.
    """

    def __init__(self, interface: Interface, now: Callable[[], float]) -> None:
        self._name = interface.name
        self._now = now
        self._next = 0
        self._lost = 0
        # Of no protocol yet: nothing arrives before the filter and the ring are in place.
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        except PermissionError as exc:
            raise CaptureFault(
                "wifi_refused",
                f"wifi.interface {self._name}: expected the right to listen (CAP_NET_RAW), got"
                f" {exc.strerror}; install firmware_config's wifi.conf for the service",
            ) from exc
        try:
            self._prepare()
            self._ring = mmap.mmap(self._socket.fileno(), _BLOCK * _BLOCKS)
            self._ring.madvise(mmap.MADV_DONTDUMP)
        except OSError:
            self._socket.close()
            raise
        try:
            self._socket.bind((self._name, _ETH_P_ALL))
        except OSError as exc:
            self.close()
            raise _fault(self._name, exc) from exc
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN | select.POLLERR)

    def _prepare(self) -> None:
        _attach(self._socket)
        ring = struct.pack(
            "IIIIIII", _BLOCK, _BLOCKS, _FRAME, _BLOCK * _BLOCKS // _FRAME, _RETIRE_MS, 0, 0
        )
        self._socket.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V3)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_RX_RING, ring)

    def drain(self, begin: Begin, take: Take, timeout_s: float) -> None:
        """Wait for frames, at most `timeout_s`, and hand on those that are there.

        At most a whole ring of them: who calls has other things to do, too.

        Raises:
            CaptureFault: the interface is gone or down.
        """
        if not self._ready():
            for _, event in self._poll.poll(timeout_s * 1000):
                if event & select.POLLERR:
                    self._raise_error()
        for _ in range(_BLOCKS):
            if not self._ready():
                return
            self._block(self._next * _BLOCK, begin, take)
            self._next = (self._next + 1) % _BLOCKS

    def _ready(self) -> int:
        return self._ring[self._next * _BLOCK + _STATUS] & _OURS

    def _block(self, start: int, begin: Begin, take: Take) -> None:
        ring, unpack = self._ring, _FRAME_HEAD.unpack_from
        _, frames, offset, _, _, seconds, nanoseconds = _HEAD.unpack_from(ring, start)
        # The kernel's wall clock may be another than the box's; how long ago it was, is the same.
        late_s = time.time() - seconds - nanoseconds / 1e9
        at_s = self._now() - min(max(late_s, 0.0), _LATE_MOST_S)
        begin(at_s)
        at = start + offset
        for _ in range(frames):
            step, length, first = unpack(ring, at)
            take(ring[at + first : at + first + length], at_s)
            at += step
        self._wipe(start)

    def _wipe(self, start: int) -> None:
        """Overwrite a block, and only then give it back to the kernel."""
        self._ring[start + _HEAD_END : start + _BLOCK] = bytes(_BLOCK - _HEAD_END)
        self._ring[start + _STATUS : start + _STATUS + 4] = _KERNELS

    def _raise_error(self) -> None:
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise _fault(self._name, OSError(code, os.strerror(code)))

    def lost(self) -> int:
        """Return how many probe requests had no room since it was opened."""
        # tpacket_stats_v3: all, those without room, and how often there was none; reading resets.
        counts = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 12)
        self._lost += int(struct.unpack("III", counts)[1])
        return self._lost

    def close(self) -> None:
        """Stop listening; what was not handed on is overwritten by the kernel, which frees it."""
        self._ring[:] = bytes(len(self._ring))
        self._ring.close()
        self._socket.close()


def listen(interface: Interface, now: Callable[[], float]) -> Capture:
    """Listen to an interface that is in monitor mode and up.

    Args:
        interface: the monitor interface.
        now: the box's time in seconds since 1970.

    Raises:
        CaptureFault: it cannot be listened to; its code is that of a notice.
    """
    _require(interface)
    try:
        return RingCapture(interface, now)
    except (OSError, AttributeError) as exc:  # AttributeError: a Python without AF_PACKET
        from edge.sensors.radio.fallback import ScapyCapture  # loads scapy: only here

        log.warning("no ring can be had for %s (%s): capture by scapy", interface.name, exc)
        return ScapyCapture(interface.name, now)


def _require(interface: Interface) -> None:
    state = interface.state()
    if state != "ok":
        raise CaptureFault(
            f"wifi_{state}",
            f"wifi.interface {interface.name}: {MEANING[state].format(name=interface.name)}",
        )


def _attach(listening: socket.socket) -> None:
    """Let the kernel pass probe requests only, and let nobody change that any more."""
    program = b"".join(struct.pack("HBBI", *instruction) for instruction in PROBE_REQUESTS)
    code = ctypes.create_string_buffer(program)
    fprog = struct.pack("HP", len(PROBE_REQUESTS), ctypes.addressof(code))
    listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)
    listening.setsockopt(socket.SOL_SOCKET, _SO_LOCK_FILTER, 1)


def _fault(name: str, exc: OSError) -> CaptureFault:
    codes = {
        errno.ENODEV: "wifi_gone",
        errno.ENXIO: "wifi_gone",
        errno.ENETDOWN: "wifi_down",
        errno.EPERM: "wifi_refused",
    }
    return CaptureFault(
        codes.get(exc.errno or 0, "wifi_refused"),
        f"wifi.interface {name}: expected to listen to it, got {exc.strerror};"
        " `ip link show` tells whether it is there and up",
    )
