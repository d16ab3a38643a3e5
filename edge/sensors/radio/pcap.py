"""Recordings of probe requests: pcap and pcapng files, several of them merged on one clock.

Used by a replay and by calibration; calls nothing. Files that are cut off or damaged give what came
before, and then say so, which scapy's reader does not (docs/adr/0023).

Formats: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng; link types: www.tcpdump.org/linktypes.
"""

import heapq
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from edge.sensors.radio.errors import ProbesFault

RADIOTAP: Final = 127
"""LINKTYPE_IEEE802_11_RADIOTAP: the only one that says how strong a frame came in."""
_OTHERS: Final = {
    1: "Ethernet",
    105: "802.11 without a radio header",
    119: "802.11 with a Prism header",
    163: "802.11 with an AVS header",
    192: "PPI",
}
_LINKTYPE_MOST: Final = 1000
"""Beyond all that are given out (www.tcpdump.org/linktypes.html): it is damage."""
_CLASSIC: Final = {
    b"\xd4\xc3\xb2\xa1": ("<", 1e-6),
    b"\xa1\xb2\xc3\xd4": (">", 1e-6),
    b"\x4d\x3c\xb2\xa1": ("<", 1e-9),
    b"\xa1\xb2\x3c\x4d": (">", 1e-9),
}
_SECTION: Final = b"\x0a\x0d\x0d\x0a"
_GZIP: Final = b"\x1f\x8b"
_FRAME_MOST: Final = 262_144
"""MAXIMUM_SNAPLEN of libpcap: no tool records longer frames."""
_BLOCK_MOST: Final = 16 * 1024 * 1024
_INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET = 1, 2, 3, 6
_TSRESOL, _TSOFFSET = 9, 14
_EPOCH_MOST: Final = 4e9
"""Seconds since 1970, in 2096: what is beyond was never a time."""
_AGAIN: Final = "record it again, or copy it again from where it was recorded"

Frame = tuple[float, bytes]
"""Seconds since 1970, and the frame from its radiotap header on."""


def probe_frames(paths: Sequence[Path]) -> Iterator[Frame]:
    """Yield the frames of all files by their time, the oldest first.

    Raises:
        ProbesFault: a file cannot be read, at once; one that is damaged or cut off, after every
            frame that could be read of all files was given.
    """
    recordings = [_Recording(path) for path in paths]
    try:
        yield from heapq.merge(*recordings, key=lambda frame: frame[0])
    finally:
        for recording in recordings:
            recording.close()
    faults = [recording.fault for recording in recordings if recording.fault]
    if faults:
        raise ProbesFault("\n".join(faults))


class _CutOff(Exception):
    """The file ends or makes no sense here; the text says what was expected.

    What stands there instead is not said: in a damaged file it may be part of an address.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interface:
    """An interface of a pcapng section: link type, seconds a tick, seconds added."""

    linktype: int
    tick_s: float
    offset_s: int


class _Recording:
    """One file. `fault` says why it ended before its time, after it was read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.fault: str | None = None
        self._given = 0
        try:
            self._file: IO[bytes] = path.open("rb")
        except OSError as exc:
            raise ProbesFault(
                f"{path}: expected a recording of probe requests (pcap or pcapng), got"
                f" {exc.strerror}; name a file that is there and readable"
            ) from exc
        try:
            self._magic = self._file.read(4)
            self._check_magic()
        except OSError as exc:
            self.close()
            raise ProbesFault(f"{path}: expected a recording, got {exc.strerror}") from exc
        except ProbesFault:
            self.close()
            raise

    def close(self) -> None:
        self._file.close()

    def _check_magic(self) -> None:
        if self._magic in _CLASSIC or self._magic == _SECTION:
            return
        if not self._magic:
            raise ProbesFault(f"{self._path}: expected a recording, got an empty file; {_AGAIN}")
        if self._magic.startswith(_GZIP):
            raise ProbesFault(
                f"{self._path}: expected pcap or pcapng, got a gzip file; unpack it first (gunzip)"
            )
        raise ProbesFault(
            f"{self._path}: expected pcap or pcapng, got a file that begins with"
            f" {self._magic.hex()}; record with tcpdump or Wireshark on a monitor interface"
        )

    def __iter__(self) -> Iterator[Frame]:
        frames = self._section() if self._magic == _SECTION else self._classic()
        try:
            for frame in frames:
                self._given += 1
                yield frame
        except _CutOff as exc:
            self.fault = (
                f"{self._path}: {exc}; the {self._given} frames before it are counted: {_AGAIN}"
            )
        except OSError as exc:
            self.fault = (
                f"{self._path}: expected {self._given} frames to be followed by others, got"
                f" {exc.strerror}; {_AGAIN}"
            )

    def _read(self, size: int, what: str) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise _CutOff(f"expected all of {what}, the file ends within it")
        return data

    def _check_linktype(self, linktype: int) -> None:
        if linktype != RADIOTAP:
            got = _OTHERS.get(linktype, "something else")
            if linktype <= _LINKTYPE_MOST:
                got += f" (link type {linktype})"
            raise ProbesFault(
                f"{self._path}: expected frames with a radiotap header (link type {RADIOTAP}), got"
                f" {got}; record on a monitor interface, for example"
                " tcpdump -i mon0 -y IEEE802_11_RADIO -w FILE"
            )

    def _classic(self) -> Iterator[Frame]:
        order, tick_s = _CLASSIC[self._magic]
        header = struct.unpack(order + "HHiIII", self._read(20, "the file's header"))
        self._check_linktype(header[5] & 0xFFFF)  # above them: length of the check sequence
        record = struct.Struct(order + "IIII")
        read, unpack, size = self._file.read, record.unpack, record.size
        while head := read(size):
            if len(head) < size:
                raise _CutOff(f"expected {size} bytes before a frame, got {len(head)}")
            seconds, ticks, length, _ = unpack(head)
            if length > _FRAME_MOST:
                raise _CutOff(f"expected a frame of at most {_FRAME_MOST} bytes, got a longer one")
            yield seconds + ticks * tick_s, self._read(length, "a frame")

    def _section(self) -> Iterator[Frame]:
        """Yield the frames of a pcapng file's sections, each with its own byte order."""
        order, interfaces = self._section_header(), list[_Interface]()
        while head := self._file.read(4):
            if head == _SECTION:
                order, interfaces = self._section_header(), []
                continue
            kind, body = self._block(order, head)
            if kind == _INTERFACE:
                interfaces.append(_interface(order, body))
            elif kind in (_PACKET, _OLD_PACKET):
                yield self._packet(order, kind, body, interfaces)
            elif kind == _SIMPLE_PACKET:
                raise ProbesFault(
                    f"{self._path}: expected frames with their times (enhanced packet blocks), got"
                    " one without; record with tcpdump, dumpcap or Wireshark"
                )

    def _section_header(self) -> str:
        raw = self._read(8, "a section's header")
        order = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}.get(raw[4:])
        if order is None:
            raise _CutOff("expected the byte order of a section, got neither")
        (length,) = struct.unpack(order + "I", raw[:4])
        self._end_of_block(order, length, self._rest(length, 12))
        return order

    def _block(self, order: str, head: bytes) -> tuple[int, bytes]:
        if len(head) < 4:
            raise _CutOff(f"expected 4 bytes before a block, got {len(head)}")
        (kind,) = struct.unpack(order + "I", head)
        (length,) = struct.unpack(order + "I", self._read(4, "a block's length"))
        return kind, self._end_of_block(order, length, self._rest(length, 8))

    def _rest(self, length: int, had: int) -> bytes:
        if not had + 4 <= length <= _BLOCK_MOST or length % 4:
            raise _CutOff(
                f"expected a block's length, a multiple of 4 up to {_BLOCK_MOST}, got another"
            )
        return self._read(length - had, "a block")

    def _end_of_block(self, order: str, length: int, rest: bytes) -> bytes:
        """Return a block's body without the length that ends it, which must be the first one."""
        (again,) = struct.unpack(order + "I", rest[-4:])
        if again != length:
            raise _CutOff("expected a block's length at its end, too, got another")
        return rest[:-4]

    def _packet(
        self, order: str, kind: int, body: bytes, interfaces: Sequence[_Interface]
    ) -> Frame:
        layout = struct.Struct(order + ("IIIII" if kind == _PACKET else "HxxIIII"))
        if len(body) < layout.size:
            raise _CutOff(f"expected {layout.size} bytes before a frame, got {len(body)}")
        number, high, low, length, _ = layout.unpack_from(body)
        if number >= len(interfaces):
            raise _CutOff(f"expected one of {len(interfaces)} interfaces, got another")
        if length > len(body) - layout.size:
            raise _CutOff(f"expected a frame of {len(body) - layout.size} bytes, got a longer one")
        interface = interfaces[number]
        self._check_linktype(interface.linktype)
        at_s = interface.offset_s + (high << 32 | low) * interface.tick_s
        if not 0 <= at_s <= _EPOCH_MOST:
            raise _CutOff("expected seconds since 1970, got a time beyond 2096")
        return at_s, body[layout.size : layout.size + length]


def _interface(order: str, body: bytes) -> _Interface:
    if len(body) < 8:
        raise _CutOff(f"expected 8 bytes that describe an interface, got {len(body)}")
    (linktype,) = struct.unpack_from(order + "H", body)
    tick_s, offset_s, at = 1e-6, 0, 8
    while at + 4 <= len(body):
        option, length = struct.unpack_from(order + "HH", body, at)
        value = body[at + 4 : at + 4 + length]
        if option == 0:
            break
        if option == _TSRESOL and len(value) == 1:
            tick_s = (2.0 if value[0] & 0x80 else 10.0) ** -(value[0] & 0x7F)
        elif option == _TSOFFSET and len(value) == 8:
            (offset_s,) = struct.unpack(order + "q", value)
        at += 4 + length + -length % 4
    return _Interface(linktype=linktype, tick_s=tick_s, offset_s=offset_s)
