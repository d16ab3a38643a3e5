"""A street for the radio: probe requests that are made up, and an interface that hears them.

The interface is real (`edge.bench.tap`), and lives in a network of its own where the machine allows
that, so that neither tests side by side nor the machine's own network get into each other's way.
"""

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from edge.bench.tap import DEVICE, TapRadio
from edge.sensors.radio.interface import Interface

_CLONE_NEWNET: Final = 0x40000000
RATES: Final = b"\x01\x04\x02\x04\x0b\x16\x32\x08\x0c\x12\x18\x24\x30\x48\x60\x6c"
HT: Final = b"\x2d\x1a\x2d\x01\x17\xff" + bytes(22)
_libc = ctypes.CDLL(None, use_errno=True)


def probe(
    address: str | bytes = "02:00:00:00:00:01",
    *,
    elements: bytes = RATES + HT,
    ssid: bytes = b"",
    channel: int | None = 6,
    signal: int | None = -50,
    mhz: int = 2437,
    fcs: bool = False,
    bad_fcs: bool = False,
    control: bytes = b"\x40\x00",
) -> bytes:
    """Return a probe request with a radiotap header, as an adapter delivers it."""
    present, fields = 0b1010, struct.pack("<BxHH", 0x10 * fcs | 0x40 * bad_fcs, mhz, 0xA0)
    if signal is not None:
        present |= 1 << 5
        fields += struct.pack("<b", signal)
    radiotap = struct.pack("<BxHI", 0, 8 + len(fields), present) + fields
    sender = address if isinstance(address, bytes) else bytes.fromhex(address.replace(":", ""))
    everybody = b"\xff" * 6
    header = control + b"\0\0" + everybody + sender + everybody + b"\x10\x00"
    header += b"\0\0\0\0" if control[1] & 0x80 else b""
    ds = b"" if channel is None else bytes((3, 1, channel))
    body = bytes((0, len(ssid))) + ssid + elements + ds
    return radiotap + header + body + (b"\xde\xad\xbe\xef" if fcs else b"")


def _no_air() -> str | None:
    """Return why no interface can be made here."""
    if os.geteuid() != 0:
        return "live capture: expected root (CAP_NET_ADMIN, CAP_NET_RAW), got another user"
    if not DEVICE.exists():
        return f"live capture: expected {DEVICE}, got none (modprobe tun)"
    return None


def require_air() -> None:
    """Skip, and say why, where no interface can be made; in CI that is a failure."""
    if (why := _no_air()) is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{why}; CI has to run this as root")
        pytest.skip(f"{why}; run the suite as root to have it tested")


@contextmanager
def own_network() -> Iterator[None]:
    """Give this thread, and processes that it starts, a network of their own with loopback."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    own = _libc.unshare(_CLONE_NEWNET) == 0
    try:
        if own:
            Interface("lo").raise_up()
        yield
    finally:
        if own:
            assert _libc.setns(before, _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        os.close(before)


@contextmanager
def on_the_air(name: str = "mon0") -> Iterator[TapRadio]:
    """Return an interface in monitor mode, in a network of its own."""
    require_air()
    with own_network():
        radio = TapRadio(name)
        try:
            yield radio
        finally:
            radio.close()


def addresses_of(frames: list[bytes]) -> set[bytes]:
    """Return every sender's address among frames, each 6 bytes."""
    found = set()
    for frame in frames:
        (length,) = struct.unpack_from("<H", frame, 2)
        found.add(frame[length + 10 : length + 16])
    return found


def forms_of(address: bytes) -> list[bytes]:
    """Return every form in which an address might stand in a file: raw, hex, with colons, reversed.

    Short of hashing, whatever somebody may do with it by mistake.
    """
    forms = []
    for one in (address, address[::-1]):
        text = one.hex()
        pairs = [text[at : at + 2] for at in range(0, 12, 2)]
        words = [text, ":".join(pairs), "-".join(pairs), " ".join(pairs), str(list(one))]
        words += [str(int.from_bytes(one))]
        forms += [
            one,
            *(word.encode() for word in words),
            *(word.upper().encode() for word in words),
        ]
    return sorted(set(forms))


def write_pcap(path: Path, frames: list[tuple[float, bytes]]) -> Path:
    """Write a recording as tcpdump does on a monitor interface."""
    content = bytearray(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 127))
    for at_s, frame in frames:
        seconds, part = divmod(at_s, 1)
        head = struct.pack("<IIII", int(seconds), int(part * 1e6), len(frame), len(frame))
        content += head + frame
    path.write_bytes(content)
    return path
