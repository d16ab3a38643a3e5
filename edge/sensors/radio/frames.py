"""Probe requests as they come from the air: 20,000 a second, each read in a few microseconds.

    frame = radiotap header │ 802.11 header (24 bytes) │ SSID │ other elements │ check sequence
            signal, channel │ sender's address         │  ─   │ fingerprint    │ ─

`ProbeReader.take` is the only place that ever holds an address: it is hashed with the day's key at
once, and the frame is dropped. The name of the network is skipped unread. Called by `edge.radio`
for what `capture` or `pcap` brings; calls `core.pseudonym` and `fingerprint`.

Formats: www.radiotap.org/fields/defined, IEEE Std 802.11-2020 9.3.3.9.
"""

import struct
from collections import Counter
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from edge.core.pseudonym import Pseudonyms
from edge.sensors.radio.fingerprint import SSID, class_of

Dropped = Literal["radiotap", "damaged", "other", "short", "elements", "address"]
"""Why a frame is no probe request that counts: its radio header makes no sense; its check sequence
was wrong already in the air; it is another kind of frame; it ends too early; its elements reach
beyond its end; its sender is a group or nobody."""
DROPPED: Final[tuple[Dropped, ...]] = (
    "radiotap",
    "damaged",
    "other",
    "short",
    "elements",
    "address",
)
See = Callable[[float, int, int, int | None], None]
"""Takes seconds since 1970, class, pseudonym, and the signal in dBm (`core.presence`)."""

_PROBE_REQUEST: Final = 0x40
"""Version 0, type management, subtype 4: the first byte of the frame control field."""
_HEADER: Final = 24
_ADDRESS: Final = 10
"""Where the sender's address begins in the 802.11 header."""
_HTC: Final = 0x80
"""The +HTC bit: 4 more bytes stand before the elements."""
_SSID_MOST: Final = 32
_HAS_FCS, _BAD_FCS = 0x10, 0x40
_EXTENDED: Final = 1 << 31
_SIZES: Final = ((8, 8), (1, 1), (1, 1), (2, 4), (2, 2), (1, 1))
"""Alignment and size of radiotap's fields: TSFT, flags, rate, channel, FHSS, signal."""
_FLAGS, _CHANNEL, _SIGNAL = 1, 3, 5
_LAYOUTS_MOST: Final = 256
_CLASSES_MOST: Final = 8192
_RADIOTAP: Final = struct.Struct("<BxHI")
_WORD: Final = struct.Struct("<I")
_FREQUENCY: Final = struct.Struct("<H")
_DBM: Final = tuple(None if byte < 128 else byte - 256 for byte in range(256))
"""A received signal is below 0 dBm: 0 and more is what drivers say that do not know it."""


class _Layout(NamedTuple):
    """Where things are in frames whose radiotap header begins alike; 0: it is not there."""

    words_end: int
    words: bytes
    length: int
    flags: int
    signal: int
    channel: int


class ProbeReader:
    """Reads frames and hands on class, pseudonym and signal of each probe request.

    Args:
        pseudonyms: with the key of the day.
        see: where they go, in the same thread.

    `probes` counts them, `dropped` the other frames by reason, `frequencies` the probe requests by
    the channel's frequency in MHz, as two bytes; all since the reader was made.
    """

    def __init__(self, pseudonyms: Pseudonyms, see: See) -> None:
        self._device = pseudonyms.device
        self._model = pseudonyms.model
        self.see = see
        self._layouts: dict[bytes, _Layout] = {}
        self._classes: dict[int, int] = {}
        self.probes = 0
        self.dropped: Counter[Dropped] = Counter()
        self._frequencies: dict[bytes, int] = {}

    @property
    def frequencies(self) -> dict[int, int]:
        """How many probe requests came on each frequency (MHz), by what their headers say."""
        return {_FREQUENCY.unpack(raw)[0]: n for raw, n in self._frequencies.items()}

    def forget(self) -> None:
        """Hold nothing that was made with the day's key, which is gone."""
        self._classes.clear()

    def take(self, frame: bytes, at_s: float) -> None:
        """Read one frame, from its radiotap header on, received at `at_s` seconds since 1970."""
        layout = self._layouts.get(frame[:8])
        if layout is None or frame[8 : layout[0]] != layout[1]:
            layout = self._learn(frame)
            if layout is None:
                self.dropped["radiotap"] += 1
                return
        _, _, length, flags_at, signal_at, channel_at = layout
        end = len(frame)
        if end <= length:
            self.dropped["radiotap" if end < length else "short"] += 1
            return
        if flags_at and (flags := frame[flags_at]) & (_HAS_FCS | _BAD_FCS):
            if flags & _BAD_FCS:
                self.dropped["damaged"] += 1
                return
            end -= 4
        if end < length + _HEADER + 2:
            self.dropped["short"] += 1
            return
        if frame[length] != _PROBE_REQUEST:
            self.dropped["other"] += 1
            return
        at = length + (_HEADER + 4 if frame[length + 1] & _HTC else _HEADER)
        if end < at + 2:
            self.dropped["short"] += 1
            return
        if frame[at] == SSID:
            length_of_name = frame[at + 1]
            at += 2 + length_of_name
            if at > end or length_of_name > _SSID_MOST:
                self.dropped["elements"] += 1
                return
        if frame[length + _ADDRESS] & 1:
            self.dropped["address"] += 1
            return
        # Python's hash is keyed at random a process: the elements themselves, which may hold a
        # serial, are not kept to be compared with.
        alike = hash(frame[at:end])
        cls = self._classes.get(alike)
        if cls is None:
            cls = self._classify(frame[at:end], alike)
            if cls is None:
                self.dropped["elements"] += 1
                return
        if channel_at:
            heard = frame[channel_at : channel_at + 2]
            self._frequencies[heard] = self._frequencies.get(heard, 0) + 1
        self.probes += 1
        address = frame[length + _ADDRESS : length + _ADDRESS + 6]
        signal = _DBM[frame[signal_at]] if signal_at else None
        self.see(at_s, cls, self._device(address), signal)

    def _classify(self, elements: bytes, alike: int) -> int | None:
        if (capabilities := class_of(elements)) is None:
            return None
        if len(self._classes) >= _CLASSES_MOST:  # somebody makes them up
            self._classes.clear()
        cls = self._classes[alike] = self._model(capabilities)
        return cls

    def _learn(self, frame: bytes) -> _Layout | None:
        """Return where the fields are, and remember it for frames that begin alike."""
        if (layout := _layout_of(frame)) is None:
            return None
        if len(self._layouts) >= _LAYOUTS_MOST:
            self._layouts.clear()
        self._layouts[frame[:8]] = layout
        return layout


def _layout_of(frame: bytes) -> _Layout | None:
    """Read a radiotap header; None where it is none, or reaches beyond the frame.

    Only the first of its words that say what is present is looked into; radios with several
    antennas add words for each, which only move the fields.
    """
    if len(frame) < _RADIOTAP.size:
        return None
    version, length, present = _RADIOTAP.unpack_from(frame)
    at, word = _RADIOTAP.size, present
    while word & _EXTENDED:
        if at + 4 > len(frame):
            return None
        (word,) = _WORD.unpack_from(frame, at)
        at += 4
    words_end, found = at, [0] * len(_SIZES)
    for bit, (alignment, size) in enumerate(_SIZES):
        if present >> bit & 1:
            at += -at % alignment
            found[bit] = at
            at += size
    if version != 0 or at > length or length > len(frame):
        return None
    return _Layout(
        words_end=words_end,
        words=frame[_RADIOTAP.size : words_end],
        length=length,
        flags=found[_FLAGS],
        signal=found[_SIGNAL],
        channel=found[_CHANNEL],
    )
