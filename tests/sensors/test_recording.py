"""Recorded files: every frame, and plain words for what cannot be read."""

import os
import struct
import threading
from datetime import UTC, datetime
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest

from edge.ports import Frame
from edge.sensors.recording import CameraFault, Recording, RecordingTruncated, check_image
from tests.support.video import write_video

START = datetime(2026, 11, 21, 2, tzinfo=UTC)


def recording(path: Path) -> Recording:
    return Recording(camera="door", path=path, start=START)


def test_every_frame_is_given_on_the_recordings_own_clock(recordings: Path) -> None:
    frames = [(f.at, f.elapsed_s) for f in recording(recordings / "video/one-by-one.mp4").frames()]
    assert len(frames) == 1394
    assert frames[0] == (START, 0.0)
    assert frames[-1][1] == pytest.approx(139.3, abs=0.01)
    assert all(a[0] < b[0] for a, b in pairwise(frames))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CameraFault, match=r"camera door: .*none\.mp4: expected a video file"):
        recording(tmp_path / "none.mp4")


@pytest.mark.parametrize("content", [b"", b"this is no video" * 4000], ids=["empty", "text"])
def test_a_file_that_is_no_video_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "door.mp4"
    path.write_bytes(content)
    with pytest.raises(CameraFault, match="expected a video that FFmpeg can read"):
        recording(path)


def test_a_truncated_recording_gives_what_it_has_and_says_so(tmp_path: Path, avi: Path) -> None:
    whole = avi.read_bytes()
    short = tmp_path / "short.avi"
    short.write_bytes(whole[: len(whole) // 2])
    frames: list[Frame] = []
    cut = recording(short)
    with pytest.raises(RecordingTruncated, match="expected 100 frames, got"):
        frames.extend(cut.frames())
    assert 0 < len(frames) == cut.frames_given < 95


def test_a_damaged_clock_dates_no_picture_beyond_all_time(tmp_path: Path, avi: Path) -> None:
    damaged = bytearray(avi.read_bytes())
    scale = damaged.index(b"strh") + 8 + 20  # AVISTREAMHEADER: dwScale, dwRate
    damaged[scale : scale + 8] = struct.pack("<II", 2**31 - 1, 1)  # 68 years a picture
    path = tmp_path / "damaged.avi"
    path.write_bytes(damaged)
    frames = list(recording(path).frames())
    assert [frame.elapsed_s for frame in frames] == pytest.approx([n / 25 for n in range(100)])


def test_an_endless_recording_can_be_stopped(tmp_path: Path, avi: Path) -> None:
    fifo = tmp_path / "endless.avi"
    os.mkfifo(fifo)
    done = threading.Event()

    def feed() -> None:
        raw = avi.read_bytes()
        try:
            with fifo.open("wb") as pipe:
                while not done.is_set():
                    pipe.write(raw)
        except BrokenPipeError:
            return

    feeder = threading.Thread(target=feed)
    feeder.start()
    endless = recording(fifo)
    assert len(list(islice(endless.frames(), 30))) == 30
    endless.close()
    done.set()
    del endless
    feeder.join(timeout=10)
    assert not feeder.is_alive()


def test_closing_a_recording_ends_it_without_a_fault(avi: Path) -> None:
    film = recording(avi)
    frames = film.frames()
    next(frames)
    film.close()
    assert list(frames) == []


@pytest.mark.parametrize(
    "image",
    [None, np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)],
    ids=["none", "grey", "float"],
)
def test_a_picture_that_is_none_is_refused(image: object) -> None:
    with pytest.raises(CameraFault, match="expected colour pictures of 8 bits, got"):
        check_image(image, "camera door")


def test_a_recording_without_noise_is_still_every_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "still.avi", frames=12, noise=False)
    assert sum(1 for _ in recording(path).frames()) == 12
