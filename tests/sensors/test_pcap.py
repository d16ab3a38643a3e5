"""Recordings of probe requests: what scapy writes and tcpdump recorded, whole and damaged."""

import struct
from collections.abc import Sequence
from pathlib import Path

import pytest
from scapy.utils import RawPcapNgWriter, RawPcapWriter

from edge.sensors.radio.errors import ProbesFault
from edge.sensors.radio.pcap import Frame, probe_frames

FRAMES = [(1_764_000_000.25, b"\x00\x00\x08\x00\x00\x00\x00\x00one"), (1_764_000_001.5, b"two")]


def write_classic(
    path: Path, frames: Sequence[Frame], *, order: str = "<", linktype: int = 127
) -> Path:
    with RawPcapWriter(str(path), linktype=linktype, endianness=order) as writer:
        writer.write_header(None)
        for at_s, frame in frames:
            writer.write_packet(frame, sec=int(at_s), usec=round(at_s % 1 * 1e6))
    return path


def write_section(path: Path, frames: Sequence[Frame]) -> Path:
    with RawPcapNgWriter(str(path)) as writer:
        writer.linktype = 127
        writer.write_header(None)
        for at_s, frame in frames:
            writer.write_packet(frame, sec=at_s)
    return path


def read(*paths: Path) -> tuple[list[Frame], str]:
    """Return the frames that files gave, and the fault that it ended with."""
    frames, fault = list[Frame](), ""
    try:
        frames.extend(probe_frames(paths))
    except ProbesFault as exc:
        fault = str(exc)
    return frames, fault


@pytest.mark.parametrize("order", ["<", ">"], ids=["little-endian", "big-endian"])
def test_a_pcap_file_gives_its_frames_with_their_times(tmp_path: Path, order: str) -> None:
    assert read(write_classic(tmp_path / "a.pcap", FRAMES, order=order)) == (FRAMES, "")


def test_a_pcapng_file_gives_its_frames_with_their_times(tmp_path: Path) -> None:
    assert read(write_section(tmp_path / "a.pcapng", FRAMES)) == (FRAMES, "")


def test_pcapng_sections_of_other_byte_orders_clocks_and_unknown_blocks_are_read(
    tmp_path: Path,
) -> None:
    def block(order: str, kind: int, body: bytes) -> bytes:
        length = 12 + len(body)
        return struct.pack(order + "II", kind, length) + body + struct.pack(order + "I", length)

    def section(order: str) -> bytes:
        options = struct.pack(order + "HHBxxxHHqHH", 9, 1, 9, 14, 8, 100, 0, 0)
        ticks = 5_500_000_000  # beyond 32 bits: the upper half stands first in either order
        halves = divmod(ticks, 1 << 32)
        return (
            block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
            + block(order, 5, b"statistics..")
            + block(order, 1, struct.pack(order + "HHI", 127, 0, 0) + options)
            + block(order, 6, struct.pack(order + "5I", 0, *halves, 3, 3) + b"one\0")
        )

    path = tmp_path / "a.pcapng"
    path.write_bytes(section(">") + section("<"))
    assert read(path) == ([(105.5, b"one"), (105.5, b"one")], "")


def test_several_files_are_merged_on_one_clock(tmp_path: Path) -> None:
    one = write_classic(tmp_path / "1.pcap", [(float(at), b"1") for at in (10, 12, 14)])
    two = write_section(tmp_path / "6.pcapng", [(float(at), b"6") for at in (11, 12.5, 13)])
    merged = list(probe_frames([one, two]))
    assert [at for at, _ in merged] == [10, 11, 12, 12.5, 13, 14]
    assert b"".join(frame for _, frame in merged) == b"161661"


@pytest.mark.parametrize("kind", ["pcap", "pcapng"])
def test_a_file_that_is_cut_off_anywhere_gives_what_came_before_and_says_so(
    tmp_path: Path, kind: str
) -> None:
    whole = (write_classic if kind == "pcap" else write_section)(tmp_path / f"a.{kind}", FRAMES)
    content = whole.read_bytes()
    ends = set()
    for size in range(len(content)):
        whole.write_bytes(content[:size])
        frames, fault = read(whole)
        assert frames == FRAMES[: len(frames)]
        if not fault:  # cut between two records: nothing is missing that was begun
            ends.add(len(frames))
        else:
            assert "again" in fault or size < 4  # too short to tell what it was
            assert f"{len(frames)} frames before it" in fault or size < 4
    assert ends <= {0, 1}


def test_after_a_damaged_file_the_others_are_read_to_their_end(tmp_path: Path) -> None:
    short = write_classic(tmp_path / "short.pcap", FRAMES)
    short.write_bytes(short.read_bytes()[:-1])
    later = (FRAMES[1][0] + 9, b"later")
    frames, fault = read(short, write_classic(tmp_path / "whole.pcap", [later]))
    assert frames == [FRAMES[0], later]
    assert "short.pcap: expected all of a frame" in fault


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "got an empty file; record it again"),
        (b"\x1f\x8b\x08\x00", "unpack it first"),
        (b"RIFF....", "expected pcap or pcapng, got a file that begins with 52494646"),
        (b"\xd4\xc3", "expected pcap or pcapng"),
        (b"\x0a\x0d\x0d\x0a" + bytes(24), "expected the byte order of a section"),
    ],
    ids=["empty", "gzip", "a film", "two bytes", "no section"],
)
def test_what_is_no_recording_is_refused_with_the_way_out(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(content)
    frames, fault = read(path)
    assert not frames
    assert said in fault


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "No such file" in read(tmp_path / "none.pcap")[1]


@pytest.mark.parametrize("linktype", [1, 105, 119, 163, 192, 228])
def test_frames_without_radiotap_are_refused_with_the_way_to_record_them(
    tmp_path: Path, linktype: int
) -> None:
    frames, fault = read(write_classic(tmp_path / "a.pcap", FRAMES, linktype=linktype))
    assert not frames
    assert f"(link type {linktype})" in fault
    assert "tcpdump -i mon0 -y IEEE802_11_RADIO" in fault


def test_a_length_that_cannot_be_is_damage_and_not_memory(tmp_path: Path) -> None:
    path = write_classic(tmp_path / "a.pcap", FRAMES)
    content = bytearray(path.read_bytes())
    second = 24 + 16 + len(FRAMES[0][1])
    content[second + 8 : second + 12] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    frames, fault = read(path)
    assert frames == FRAMES[:1]
    assert "got a longer one; the 1 frames before it are counted" in fault


@pytest.mark.parametrize("kind", ["pcap", "pcapng"])
def test_what_is_said_of_a_damaged_file_holds_nothing_of_an_address(
    tmp_path: Path, kind: str
) -> None:
    """Where bytes are missing from a file, lengths and times are read out of somebody's frame."""
    address = b"\x9a\x5b\x3c\x7d"
    content = (
        (write_classic if kind == "pcap" else write_section)(tmp_path / "a", FRAMES)
    ).read_bytes()
    told = set()
    for at in range(24, len(content) - 3):
        damaged = tmp_path / "damaged"
        damaged.write_bytes(content[:at] + address + content[at + 4 :])
        fault = read(damaged)[1].partition(": ")[2]
        told.add(fault)
        for first in range(4):
            for order in ("little", "big"):
                for size in (2, 4):
                    part = int.from_bytes(address[first : first + size], order)
                    assert part < 256 or str(part) not in fault
        assert not any(address[first : first + 2].hex() in fault for first in range(3))
    assert len(told) > 2
