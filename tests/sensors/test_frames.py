"""Probe requests: read without keeping an address, whatever an adapter or an attacker sends."""

import struct
import tracemalloc
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from edge.core.pseudonym import KEY_BYTES, Pseudonyms
from edge.memory import fill_randomly
from edge.sensors.radio.fingerprint import class_of
from edge.sensors.radio.frames import DROPPED, ProbeReader
from edge.sensors.radio.pcap import probe_frames
from tests.support.air import HT, RATES, probe
from tests.support.fuzz import hostile

Seen = tuple[float, int, int, int | None]


class Street:
    """A reader, and what it saw."""

    def __init__(self) -> None:
        memory = memoryview(bytearray(KEY_BYTES))
        self.pseudonyms = Pseudonyms(memory, fill_randomly, UTC)
        self.pseudonyms.begin(datetime(2026, 11, 22, tzinfo=UTC), 0.0)
        self.seen: list[Seen] = []
        self.reader = ProbeReader(self.pseudonyms, lambda *what: self.seen.append(what))

    def hears(self, *frames: bytes) -> list[Seen]:
        """Take frames; return what was seen of them."""
        self.seen.clear()
        for frame in frames:
            self.reader.take(frame, 1.5)
        return list(self.seen)

    def classes(self, *frames: bytes) -> int:
        """Return how many classes frames fall into."""
        return len({cls for _, cls, _, _ in self.hears(*frames)})


@pytest.fixture
def street() -> Street:
    return Street()


def test_a_phone_keeps_its_pseudonym_and_class_and_another_has_its_own(street: Street) -> None:
    one, again, other = street.hears(probe(), probe(), probe("02:00:00:00:00:02"))
    assert one == again
    assert one[0] == 1.5
    assert one[1] == other[1]
    assert one[2] != other[2]


def test_the_signal_is_what_the_radio_says_and_unknown_where_it_does_not(street: Street) -> None:
    frames = [probe(signal=signal) for signal in (-30, -128, None, 0, 5)]
    assert [signal for *_, signal in street.hears(*frames)] == [-30, -128, None, None, None]


def test_frequencies_are_counted_as_the_radio_names_them(street: Street) -> None:
    street.hears(probe(mhz=2412), probe(mhz=2412), probe(mhz=5180))
    assert street.reader.frequencies == {2412: 2, 5180: 1}


def test_name_channel_and_check_sequence_make_no_difference_to_a_class(street: Street) -> None:
    frames = [probe(), probe(fcs=True), probe(channel=11), probe(channel=None), probe(ssid=b"x")]
    assert street.classes(*frames) == 1


def test_a_damaged_check_sequence_is_counted_and_nothing_else(street: Street) -> None:
    assert not street.hears(probe(bad_fcs=True, fcs=True))
    assert street.reader.dropped == Counter(damaged=1)


def test_fields_are_found_behind_the_words_that_radios_with_antennas_add(street: Street) -> None:
    present = 1 << 31 | 1 << 29 | 0b101111
    fields = struct.pack("<QBBHHb", 77, 0x10, 2, 2462, 0xA0, -61)
    plain = probe(fcs=True)
    body = plain[struct.unpack_from("<H", plain, 2)[0] :]
    for antennas in (1, 2, 4):
        words = [present] + [1 << 31 | 1 << 29 | 1 << 5 | 1 << 11] * antennas
        words[-1] &= ~(1 << 31)
        packed = b"".join(struct.pack("<I", word) for word in words)
        pad = bytes(-(4 + len(packed)) % 8)
        extra = b"\xc3\x00" * antennas
        length = 4 + len(packed) + len(pad) + len(fields) + len(extra)
        header = struct.pack("<BxH", 0, length) + packed + pad + fields + extra
        assert [signal for *_, signal in street.hears(header + body)] == [-61]
    assert street.reader.frequencies == {2462: 3}
    assert street.classes(header + body, plain) == 1


def test_a_header_that_begins_like_another_is_not_read_by_its_measure(street: Street) -> None:
    ours = struct.pack("<BxHII", 0, 24, 1 << 31 | 0b100010, 0) + struct.pack("<Bb10x", 0, -40)
    longer = struct.pack("<BxHIII", 0, 24, 1 << 31 | 0b100010, 1 << 31, 0)
    longer += struct.pack("<Bb6x", 0, -70)
    body = probe()[15:]
    signals = [signal for *_, signal in street.hears(ours + body, longer + body, ours + body)]
    assert signals == [-40, -70, -40]


def test_a_probe_request_with_a_control_field_is_read_behind_it(street: Street) -> None:
    assert street.classes(probe(), probe(control=b"\x40\x80")) == 1


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (b"", "radiotap"),
        (probe()[:7], "radiotap"),
        (b"\x01" + probe()[1:], "radiotap"),
        (struct.pack("<BxHI", 0, 9000, 0) + bytes(80), "radiotap"),
        (struct.pack("<BxHI", 0, 8, 1 << 31) + b"\xff" * 80, "radiotap"),
        (struct.pack("<BxHI", 0, 8, 0b101111) + bytes(80), "radiotap"),
        (probe(control=b"\x80\x00"), "other"),
        (probe(control=b"\x41\x00"), "other"),
        (probe()[:15], "short"),
        (probe()[:38], "short"),
        (probe(control=b"\x40\x80")[:43], "short"),
        (probe(elements=b"\x01\x20\x02"), "elements"),
        (probe()[:39] + b"\x00\x21" + bytes(33), "elements"),
        (probe()[:39] + b"\x00\x09" + bytes(3), "elements"),
        (probe()[:-1], "elements"),
        (probe("01:00:5e:00:00:01"), "address"),
    ],
    ids=[
        *("nothing", "7 bytes", "version 1", "longer than the frame", "words without end"),
        *("fields beyond the header", "a beacon", "protocol version 1", "radiotap alone"),
        *("a header cut short", "a control field cut short", "an element too long"),
        *("a name too long", "a name beyond the end", "the last byte missing", "a group"),
    ],
)
def test_what_makes_no_sense_is_counted_by_its_reason(
    street: Street, frame: bytes, why: str
) -> None:
    assert not street.hears(frame)
    assert street.reader.dropped == {why: 1}
    assert street.reader.probes == 0


def test_what_may_name_a_device_is_not_part_of_its_class() -> None:
    def vendor(content: bytes) -> bytes:
        return bytes((221, len(content))) + content

    wps, other = vendor(b"\x00\x50\xf2\x04serial-4711"), vendor(b"\x00\x50\xf2\x04serial-4712")
    assert class_of(RATES + wps) == class_of(RATES + other) != class_of(RATES)
    hessid, another = b"\x6b\x07\x0f\x02\0\0\0\0\x01", b"\x6b\x07\x0f\x02\0\0\0\0\x02"
    assert class_of(RATES + hessid) == class_of(RATES + another)
    assert class_of(RATES) != class_of(RATES + HT)
    kept = class_of(b"\x00\x04home" + RATES + wps + hessid) or b""
    assert all(word not in kept for word in (b"home", b"serial", b"\x02\0\0\0\0\x01"))


def test_another_day_gives_the_same_phone_another_pseudonym_and_class(street: Street) -> None:
    (before,) = street.hears(probe())
    street.reader.forget()
    street.pseudonyms.begin(datetime(2026, 11, 23, tzinfo=UTC), 86400.0)
    (after,) = street.hears(probe())
    assert before[1] != after[1]
    assert before[2] != after[2]


def test_one_phone_alone_is_one_or_two_classes_in_every_mode(
    street: Street, recordings: Path
) -> None:
    captures: dict[str, list[Path]] = {}
    for path in sorted((recordings / "probes").glob("*.pcap")):
        captures.setdefault(path.name.partition("-ch-")[0], []).append(path)
    assert len(captures) > 40
    found = {
        name: (street.classes(*(frame for _, frame in probe_frames(paths))), len(street.seen))
        for name, paths in captures.items()
    }
    assert {name: n for name, n in found.items() if not 1 <= n[0] <= 2} == {}
    assert street.reader.dropped == {}
    # The count by addresses would have been hundreds.
    assert sum(probes for _, probes in found.values()) == 35_293


def test_hostile_frames_raise_nothing_are_each_counted_and_leave_no_memory_behind() -> None:
    street = Street()
    reader = ProbeReader(street.pseudonyms, lambda *_: None)
    frames = list(hostile(Random(20261122), 20_000))
    tracemalloc.start()
    for frame in frames:
        reader.take(frame, 0.0)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reader.probes + sum(reader.dropped.values()) == len(frames)
    assert set(reader.dropped) == set(DROPPED)
    assert reader.probes > len(frames) / 50
    assert held < 2_000_000
    assert len(reader._layouts) <= 256
    assert len(reader._classes) <= 8192
