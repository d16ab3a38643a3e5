"""Frames that an attacker might send: sound ones, mutated; by a seed, so a find stays found.

The suite takes some thousands; `scripts/fuzz-probes` a million, and watches the memory.
"""

import struct
import sys
from collections.abc import Iterator
from datetime import UTC
from random import Random
from typing import Final

import psutil

from edge.core.presence import MinuteCounter
from edge.core.pseudonym import KEY_BYTES, Pseudonyms
from edge.memory import fill_randomly
from edge.sensors.radio.minutes import Minutes
from tests.support.air import HT, RATES, probe

_GROWTH_MOST: Final = 10e6


def hostile(chance: Random, number: int) -> Iterator[bytes]:
    """Yield so many frames: truncated, of wrong lengths, with hostile elements, or mere noise."""
    ways = (_truncated, _bits_flipped, _lengths_changed, _elements_made_up, _header_made_up, _noise)
    for _ in range(number):
        frame = probe(
            chance.randbytes(6),
            elements=chance.choice((RATES, RATES + HT, HT, b"")),
            ssid=chance.randbytes(chance.randrange(33)),
            channel=chance.choice((None, 1, 6, 11)),
            signal=chance.choice((None, -20, -60, -90)),
            fcs=chance.random() < 0.5,
        )
        yield chance.choice(ways)(chance, frame)


def _truncated(chance: Random, frame: bytes) -> bytes:
    return frame[: chance.randrange(len(frame) + 1)]


def _bits_flipped(chance: Random, frame: bytes) -> bytes:
    changed = bytearray(frame)
    for _ in range(chance.randint(1, 8)):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _lengths_changed(chance: Random, frame: bytes) -> bytes:
    """Change the radiotap header's length, or that of an element."""
    changed = bytearray(frame)
    if chance.random() < 0.3:
        struct.pack_into("<H", changed, 2, chance.choice((0, 7, 8, len(frame), 65535)))
    else:
        (length,) = struct.unpack_from("<H", frame, 2)
        changed[chance.randrange(length + 24, len(changed))] = chance.choice((0, 1, 127, 255))
    return bytes(changed)


def _elements_made_up(chance: Random, frame: bytes) -> bytes:
    """Elements that no phone sends: of every kind, empty, full, thousands of bytes of them."""
    (length,) = struct.unpack_from("<H", frame, 2)
    made = bytearray(frame[: length + 24])
    made[length] = 0x40
    for _ in range(chance.choice((0, 1, 3, 40))):
        kind = chance.choice((0, 1, 3, 45, 50, 127, 191, 221, 255, chance.randrange(256)))
        content = chance.randbytes(chance.choice((0, 1, 4, 26, 255)))
        made += bytes((kind, len(content))) + content
    return bytes(made)


def _header_made_up(chance: Random, frame: bytes) -> bytes:
    """A radiotap header with words and fields at random before a sound frame."""
    (length,) = struct.unpack_from("<H", frame, 2)
    words = [chance.getrandbits(32) for _ in range(chance.choice((1, 2, 3, 200)))]
    packed = b"".join(struct.pack("<I", word) for word in words) + chance.randbytes(24)
    return struct.pack("<BxH", 0, 4 + len(packed)) + packed + frame[length:]


def _noise(chance: Random, _frame: bytes) -> bytes:
    return chance.randbytes(chance.choice((0, 1, 8, 60, 300, 2300)))


def main(number: int) -> int:
    """Send so many hostile frames through reader and counter; say what became of them."""
    memory = memoryview(bytearray(KEY_BYTES))
    minutes = Minutes(
        counter=lambda: MinuteCounter(near_dbm=-65, far_dbm=-80),
        pseudonyms=Pseudonyms(memory, fill_randomly, UTC),
        done=lambda _: None,
        mono=lambda: 0.0,
        live=False,
    )
    warm, process, at_s = min(100_000, number // 2), psutil.Process(), 1_764_000_000.0
    began_with = 0
    for count, frame in enumerate(hostile(Random(20261122), number)):
        if count == warm:
            began_with = process.memory_info().rss
        at_s += 1 / 500
        minutes.begin(at_s)
        minutes.take(frame, at_s)
    grown = process.memory_info().rss - began_with
    reader = minutes.reader
    sys.stdout.write(
        f"{number} frames: {reader.probes} probe requests, dropped {dict(reader.dropped)}\n"
        f"memory grew by {grown / 1e6:.1f} MB after the first {warm}\n"
    )
    counted = reader.probes + sum(reader.dropped.values())
    return 0 if counted == number and grown < _GROWTH_MOST else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
