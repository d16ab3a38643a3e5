"""Recordings for the benches: where they lie, and what is cut and scaled from them.

Called by `edge.bench.detect` and `edge.bench.pipeline`. Nothing of them stays on the disk.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from menkou.errors import MenkouFault

Image = NDArray[np.uint8]

HD: Final = (1280, 720)
FRAMES_PER_S: Final = 15
TWO_FACES: Final = Path("video") / "two-faces.mp4"
ONE_BY_ONE: Final = Path("video") / "one-by-one.mp4"
YUNET: Final = Path("models") / "yunet_s_dynamic.onnx"
MEMBER: Final = "lin-manuel-miranda.png"
PHOTOS: Final = (MEMBER, "alex-lacamoire.png", "biden.jpg", "obama.jpg")
MEMBER_FROM: Final = 85  # the first frame of two-faces in which the member faces the camera
MEMBER_TO: Final = 210


class NoFilm(MenkouFault):
    """A recording cannot be read or written."""


def data() -> Path:
    """The folder of recordings: `MENKOU_DATA`, or else ../shared/data."""
    return Path(os.environ.get("MENKOU_DATA") or Path("..") / "shared" / "data")


def missing(*names: Path) -> str | None:
    """Name what of the recordings is not there; None when all is."""
    absent = [str(data() / name) for name in names if not (data() / name).is_file()]
    return f"skipped, expected {', '.join(absent)}; set MENKOU_DATA" if absent else None


def photo(name: str) -> Image:
    """Return a member's photo."""
    image = cv2.imread(str(data() / "faces" / "pairs" / name))
    if image is None:
        raise NoFilm(f"{name}: expected a picture, got none")
    return np.asarray(image, np.uint8)


def frames(path: Path) -> Iterator[Image]:
    """Yield every frame of a recording, decoded by one thread."""
    video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    try:
        while True:
            given, image = video.read()
            if not given:
                return
            yield np.asarray(image, np.uint8)
    finally:
        video.release()


def cut(source: Path, to: Path, *, start: int, end: int, every: int) -> Path:
    """Write frames of a recording as 1280x720 at 15 a second; return the file."""
    writer = cv2.VideoWriter(str(to), cv2.VideoWriter.fourcc(*"mp4v"), FRAMES_PER_S, HD)
    if not writer.isOpened():
        raise NoFilm(f"{to}: expected room for a film, and FFmpeg with MPEG-4, got neither")
    for number, image in enumerate(frames(source)):
        if number >= end:
            break
        if number >= start and (number - start) % every == 0:
            writer.write(cv2.resize(image, HD, interpolation=cv2.INTER_LINEAR))
    writer.release()
    return to
