"""One film made of another twice: a recording with a later or shifted copy of itself pasted in.

Every person of the recording is then there twice, so the truth is twice the recording's, and each
is to be seen: the copy is pasted over, nobody is drawn away. The pasted foreground is what differs
from the empty room, of which the recording's description names the pictures; the room is lit as
the picture is, since a camera's exposure follows whoever stands before it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Room = tuple[float, Image]  # the number of a picture, and the empty room about then

FPS: Final = 10.0
# Pictures of `one-by-one.mp4` without anybody or anybody's shadow, see the recordings' README.
EMPTY: Final = (
    *((0, 58), (206, 224), (458, 498), (706, 741)),
    *((876, 917), (1209, 1231), (1370, 1394)),
)
DIFFERS: Final = 22  # grey levels by which a body differs from the room
SMALLEST: Final = 0.0018  # of the picture; what is smaller is noise


def composed(film: Path, *, delay: int = 0, aside: int = 0) -> Iterator[tuple[Image, float]]:
    """`one-by-one.mp4` at half size with a copy of its people over it; times in seconds.

    The copy is `delay` pictures later and `aside` pixels further right (left if negative; both are
    then cut off on the right, where people leave, so that nobody vanishes inside the picture).
    """
    rooms = _rooms(film)
    waiting: deque[tuple[Image, Mask]] = deque(maxlen=delay + 1)
    number, last = 0, None
    for number, last in enumerate(_pictures(film)):
        waiting.append((last, _body(last, rooms, number)))
        copy = waiting[0] if number >= delay else None
        yield _pasted(last, copy, aside), number / FPS
    while last is not None and len(waiting) > 1:
        number += 1
        waiting.popleft()
        yield _pasted(last, waiting[0], aside), number / FPS


def _pictures(film: Path) -> Iterator[Image]:
    source = cv2.VideoCapture(str(film))
    while True:
        good, image = source.read()
        if not good:
            return
        small = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        yield np.asarray(small, np.uint8)


def _rooms(film: Path) -> list[Room]:
    held: list[list[Image]] = [[] for _ in EMPTY]
    for number, image in enumerate(_pictures(film)):
        for (first, end), images in zip(EMPTY, held, strict=True):
            if first <= number < end and (number - first) % 2 == 0:
                images.append(image)
    return [
        ((first + end) / 2, np.median(np.array(images), axis=0).astype(np.uint8))
        for (first, end), images in zip(EMPTY, held, strict=True)
    ]


def _body(image: Image, rooms: list[Room], number: int) -> Mask:
    """Where somebody is, bool (h, w): what differs from the rooms before and after, lit alike."""
    difference = np.full(image.shape[:2], 255, np.uint8)
    for _, room in sorted(rooms, key=lambda known: abs(known[0] - number))[:2]:
        seen, base = image[::3, ::3].astype(np.float32), room[::3, ::3].astype(np.float32)
        gain = np.median(seen / np.maximum(base, 1), axis=(0, 1))
        offset = np.round(np.median(seen - base, axis=(0, 1)))
        for lit in (room * gain, room + offset):
            other = np.clip(lit, 0, 255).astype(np.uint8)
            apart = np.asarray(cv2.absdiff(image, other), np.uint8).max(axis=2)
            difference = np.minimum(difference, apart)
    rough = np.greater(cv2.GaussianBlur(difference, (5, 5), 0), DIFFERS).astype(np.uint8)
    opened = cv2.morphologyEx(rough, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (13, 13))
    closed = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, disc)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(closed)
    keep = stats[:, cv2.CC_STAT_AREA] > SMALLEST * rough.size
    keep[0] = False
    return np.asarray(keep[labels], np.bool_)


def _pasted(under: Image, copy: tuple[Image, Mask] | None, aside: int) -> Image:
    wide = under.shape[1]
    across = wide - abs(aside)
    picture = under[:, : across if aside < 0 else wide].copy()
    if copy is not None:
        left, to = max(0, -aside), max(0, aside)
        people, body = (part[:, left : left + across] for part in copy)
        picture[:, to : to + across][body] = people[body]
    return picture
