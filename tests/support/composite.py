"""One film made of another twice: a recording with a later or shifted copy of itself pasted in.

Every person of the recording is then there twice, so the truth is twice the recording's. The copy
is pasted over the recording, under it, or so that the darker of two pixels is seen. The pasted
foreground is what differs from the empty room, of which the recording's description names the
pictures; the room is lit as the picture is, since a camera's exposure follows whoever stands
before it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Front = Literal["copy", "recording", "darker"]
Room = tuple[float, Image]  # the number of a picture, and the empty room about then

FPS: Final = 10.0
# Pictures of `one-by-one.mp4` without anybody or anybody's shadow, see the recordings' README.
EMPTY: Final = (
    *((0, 58), (206, 224), (458, 498), (706, 741)),
    *((876, 917), (1209, 1231), (1370, 1394)),
)
DIFFERS: Final = 22  # grey levels by which a body differs from the room
SMALLEST: Final = 0.0018  # of the picture; what is smaller is noise


class Doubled:
    """`one-by-one.mp4` at half size with a copy of its people; where they are is found once."""

    def __init__(self, film: Path) -> None:
        rooms = _rooms(film)
        self._film = film
        self._shape: tuple[int, ...] = rooms[0][1].shape[:2]
        found = (_body(image, rooms, number) for number, image in enumerate(_pictures(film)))
        self._bodies = [np.packbits(body) for body in found]

    def pictures(
        self, *, delay: int = 0, aside: int = 0, front: Front = "copy"
    ) -> Iterator[tuple[Image, float]]:
        """Return the pictures with their times in seconds.

        The copy is `delay` pictures later and `aside` pixels further right (left if negative; both
        are then cut off on the right, where people leave, so that nobody vanishes inside the
        picture). `front` is who is seen where both are.
        """
        nobody = np.zeros(self._shape, np.bool_)
        waiting: deque[tuple[Image, Mask]] = deque(maxlen=delay + 1)
        number, last = 0, None
        for number, last in enumerate(_pictures(self._film)):
            waiting.append((last, self._body(number)))
            copy = waiting[0] if number >= delay else (last, nobody)
            yield _pasted(waiting[-1], copy, aside, front), number / FPS
        while last is not None and len(waiting) > 1:
            number += 1
            waiting.popleft()
            yield _pasted((last, nobody), waiting[0], aside, front), number / FPS

    def _body(self, number: int) -> Mask:
        packed = self._bodies[number]
        return np.unpackbits(packed, count=math.prod(self._shape)).reshape(self._shape) > 0


def _pictures(film: Path) -> Iterator[Image]:
    source = cv2.VideoCapture(str(film))
    while True:
        good, image = source.read()
        if not good:
            return
        yield _halved(image)


def _halved(image: cv2.typing.MatLike) -> Image:
    small = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _rooms(film: Path) -> list[Room]:
    source = cv2.VideoCapture(str(film))
    held: list[list[Image]] = [[] for _ in EMPTY]
    number = 0
    while source.grab():
        for (first, end), images in zip(EMPTY, held, strict=True):
            if first <= number < end and (number - first) % 4 == 0:
                images.append(_halved(source.retrieve()[1]))
        number += 1
    return [
        ((first + end) / 2, np.median(np.array(images), axis=0).astype(np.uint8))
        for (first, end), images in zip(EMPTY, held, strict=True)
    ]


def _body(image: Image, rooms: list[Room], number: int) -> Mask:
    """Where somebody is, bool (h, w): what differs from the rooms before and after, lit alike."""
    if any(first <= number < end for first, end in EMPTY):
        return np.zeros(image.shape[:2], np.bool_)
    difference = np.full(image.shape[:2], 255, np.uint8)
    levels = np.arange(256)[:, None]
    for _, room in sorted(rooms, key=lambda known: abs(known[0] - number))[:2]:
        seen, base = image[::6, ::6].astype(np.float32), room[::6, ::6].astype(np.float32)
        gain = np.median(seen / np.maximum(base, 1), axis=(0, 1))
        offset = np.round(np.median(seen - base, axis=(0, 1)))
        for lit in (levels * gain, levels + offset):
            table = np.clip(lit, 0, 255).astype(np.uint8)[None]
            blue, green, red = cv2.split(cv2.absdiff(image, cv2.LUT(room, table)))
            difference = np.minimum(difference, cv2.max(cv2.max(blue, green), red))
    rough = np.greater(cv2.GaussianBlur(difference, (5, 5), 0), DIFFERS).astype(np.uint8)
    opened = cv2.morphologyEx(rough, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (13, 13))
    closed = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, disc)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(closed)
    keep = stats[:, cv2.CC_STAT_AREA] > SMALLEST * rough.size
    keep[0] = False
    return np.asarray(keep[labels], np.bool_)


def _pasted(one: tuple[Image, Mask], copy: tuple[Image, Mask], aside: int, front: Front) -> Image:
    wide = one[0].shape[1]
    across = wide - abs(aside)
    left, to = max(0, -aside), max(0, aside)
    under, here = (part[:, : across if aside < 0 else wide] for part in one)
    people, there = (part[:, left : left + across] for part in copy)
    picture = under.copy()
    place, here = picture[:, to : to + across], here[:, to : to + across]
    if front == "darker":
        np.copyto(place, np.minimum(place, people), where=there[..., None])
    else:
        shown = there if front == "copy" else there & ~here
        place[shown] = people[shown]
    return np.asarray(picture, np.uint8)
