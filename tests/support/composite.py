"""One film made of another twice: a recording with a later or shifted copy of itself pasted in.

Every person of the recording is then there twice, so the truth is twice the recording's, and each
is to be seen: the copy is pasted over, nobody is drawn away. The pasted foreground is what differs
from the empty room, of which the recording's description names the pictures; the room is lit as
the picture is, since a camera's exposure follows whoever stands before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]

FPS: Final = 10.0
# Pictures of `one-by-one.mp4` without anybody or anybody's shadow, see the recordings' README.
EMPTY: Final = (
    *((0, 58), (206, 224), (458, 498), (706, 741)),
    *((876, 917), (1209, 1231), (1370, 1394)),
)
DIFFERS: Final = 22  # grey levels by which a body differs from the room


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """Pictures, uint8 (N, h, w, 3), and where in each somebody is, bool (N, h, w)."""

    pictures: Image
    bodies: npt.NDArray[np.bool_]


def read_recording(path: Path, *, size: tuple[int, int] = (192, 108)) -> Recording:
    """Read `one-by-one.mp4` at a size (width, height)."""
    film, pictures = cv2.VideoCapture(str(path)), []
    while True:
        good, image = film.read()
        if not good:
            break
        pictures.append(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    held = np.array(pictures, np.uint8)
    rooms = [
        ((first + end) / 2, np.median(held[first:end:3], axis=0).astype(np.float32))
        for first, end in EMPTY
    ]
    return Recording(
        pictures=held,
        bodies=np.array(
            [_body(image, _nearest(rooms, number)) for number, image in enumerate(held)]
        ),
    )


def _nearest(rooms: list[tuple[float, npt.NDArray[np.float32]]], number: int) -> list[
    npt.NDArray[np.float32]
]:  # fmt: skip
    return [room for _, room in sorted(rooms, key=lambda pair: abs(pair[0] - number))[:2]]


def _body(image: Image, rooms: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.bool_]:
    difference = np.full(image.shape[:2], 255, np.uint8)
    for room in rooms:
        gain = np.median(image[::3, ::3] / np.maximum(room[::3, ::3], 1), axis=(0, 1))
        offset = np.median(image[::3, ::3] - room[::3, ::3], axis=(0, 1))
        for lit in (room * gain, room + offset):
            seen = cv2.absdiff(image, np.clip(lit, 0, 255).astype(np.uint8)).max(axis=2)
            difference = np.minimum(difference, seen)
    body = (cv2.GaussianBlur(difference, (3, 3), 0) > DIFFERS).astype(np.uint8)
    body = cv2.morphologyEx(body, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    body = cv2.morphologyEx(body, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(body)
    keep = stats[:, cv2.CC_STAT_AREA] > 0.002 * body.size
    keep[0] = False
    return np.asarray(keep[labels], np.bool_)


def composed(recording: Recording, *, delay: int = 0, aside: int = 0) -> Iterator[
    tuple[Image, float]
]:  # fmt: skip
    """The recording with a copy of its people over it: pictures with their times in seconds.

    The copy is `delay` pictures later and `aside` pixels further right (left if negative; both are
    then cut off on the right, where people leave, so that nobody vanishes inside the picture).
    """
    wide = recording.pictures.shape[2]
    from_x, to_x = max(0, -aside), max(0, aside)
    across = wide - abs(aside)
    for number in range(len(recording.pictures) + delay):
        here = min(number, len(recording.pictures) - 1)
        picture = recording.pictures[here][:, : across if aside < 0 else wide].copy()
        if number >= delay:
            copy = recording.pictures[number - delay][:, from_x : from_x + across]
            body = recording.bodies[number - delay][:, from_x : from_x + across]
            picture[:, to_x : to_x + across][body] = copy[body]
        yield picture, number / FPS
