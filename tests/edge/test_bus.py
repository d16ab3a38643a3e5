"""Notes between the box's processes, over real sockets."""

import os
import socket
from pathlib import Path

from edge.bus import Bus, CameraNote, Note, PartNote


def test_a_note_arrives_whole_even_from_a_very_long_directory(tmp_path: Path) -> None:
    run = tmp_path / ("long" * 30) / "run"
    front, eyes = Bus(run, "front"), Bus(run, "eyes")
    note = Note(
        sender="eyes",
        new=True,
        refused=2,
        cameras=(
            CameraNote(
                name="door",
                state="ok",
                since="2026-11-21T02:00:00.000Z",
                frames_per_s=9.9,
                dropped=1,
            ),
        ),
        parts=(PartNote(name="eyes", state="running", restarts=0),),
    )
    assert eyes.send("front", note)
    assert front.receive(1.0) == note
    assert front.receive(0.0) is None
    front.close()
    eyes.close()


def test_a_part_that_is_not_there_costs_nothing_but_a_count(tmp_path: Path) -> None:
    eyes = Bus(tmp_path, "eyes")
    assert not eyes.send("front", Note(sender="eyes"))
    Bus(tmp_path, "front").close()
    assert not eyes.send("front", Note(sender="eyes"))
    assert eyes.undelivered == 2
    eyes.close()


def test_a_reader_that_sleeps_does_not_hold_up_the_sender(tmp_path: Path) -> None:
    eyes, front = Bus(tmp_path, "eyes"), Bus(tmp_path, "front")
    for _ in range(5000):
        if not eyes.send("front", Note(sender="eyes", new=True)):
            break
    assert eyes.undelivered == 1
    eyes.close()
    front.close()


def test_a_part_that_starts_again_takes_its_place_again(tmp_path: Path) -> None:
    old = Bus(tmp_path, "front")
    new = Bus(tmp_path, "front")
    eyes = Bus(tmp_path, "eyes")
    eyes.send("front", Note(sender="eyes", new=True))
    assert new.receive(1.0) == Note(sender="eyes", new=True)
    for bus in (old, new, eyes):
        bus.close()


def test_bytes_that_are_no_note_are_passed_over(tmp_path: Path) -> None:
    front = Bus(tmp_path, "front")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
        here = os.open(tmp_path, os.O_RDONLY)
        for junk in (
            b"",
            b"\xff",
            b"[]",
            b'{"sender": 1}',
            b'{"cameras": [], "parts": [], "x": 1}',
        ):
            stranger.sendto(junk, f"/proc/self/fd/{here}/front.sock")
        os.close(here)
    assert [front.receive(0.2) for _ in range(5)] == [None] * 5
    front.close()
