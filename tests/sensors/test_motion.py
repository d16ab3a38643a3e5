"""Drawn scenes with a known truth, and one recording, through detector and counter together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from edge.core.counting import BodyCounter
from edge.core.crossing import Crossing
from edge.core.geometry import Line, Polygon
from edge.sensors.motion import FrameUnreadable, MotionDetector

Image = npt.NDArray[np.uint8]
Timed = Iterator[tuple[Image, float]]
Place = tuple[float, float, float]  # middle x, foot y, height: fractions of the frame
WIDE, HIGH = 320, 180


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A drawn person: where at which second (straight between), and how dressed."""

    way: tuple[tuple[float, Place], ...]
    seed: int = 0
    torso: bool = True  # without it the middle has the background's colours
    wide: float = 0.36  # of the height

    def at(self, second: float) -> Place | None:
        times = [moment for moment, _ in self.way]
        if not times[0] <= second <= times[-1]:
            return None
        x, y, high = (
            float(np.interp(second, times, [place[axis] for _, place in self.way]))
            for axis in range(3)
        )
        return x, y, high


def room(seed: int = 7) -> Image:
    """An empty textured room: wall, floor, boards, blotches."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(-25, 25, (9, 16, 3)).astype(np.float32)
    fine = rng.uniform(-12, 12, (45, 80, 3)).astype(np.float32)
    size = (WIDE, HIGH)
    scene = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    scene = scene + cv2.resize(fine, size, interpolation=cv2.INTER_LINEAR)
    scene = scene + np.where(np.arange(HIGH) < HIGH * 0.6, 165, 110)[:, None, None]
    scene[:, ::40] -= 30
    return np.clip(scene, 0, 255).astype(np.uint8)


def draw(image: Image, person: Person, place: Place) -> None:
    """Head, torso and two legs, textured; cut off by the frame as a camera would."""
    x, foot, high = place
    size, width = max(8, round(high * HIGH)), max(4, round(high * person.wide * HIGH))
    rng = np.random.default_rng(person.seed)
    dress = rng.integers(10, 235, (6, 3, 3)).astype(np.uint8)
    dress = cv2.resize(dress, (width, size), interpolation=cv2.INTER_NEAREST)
    shape = np.zeros((size, width), np.uint8)
    head, hip = round(size * 0.14), round(size * 0.55)
    cv2.ellipse(
        shape, (width // 2, head // 2), (max(2, width // 4), max(2, head // 2)), 0, 0, 360, 1, -1
    )
    if person.torso:
        shape[head:hip, width // 10 : width - width // 10] = 1
    shape[hip:, width // 6 : width // 2] = 1
    shape[hip:, width // 2 + 1 : width - width // 6] = 1
    left, top = round(x * WIDE - width / 2), round(foot * HIGH) - size
    x0, y0, x1, y1 = max(0, left), max(0, top), min(WIDE, left + width), min(HIGH, top + size)
    if x0 < x1 and y0 < y1:
        part = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
        image[y0:y1, x0:x1][shape[part] > 0] = dress[part][shape[part] > 0]


def film(
    seconds: float,
    people: Iterable[Person] = (),
    *,
    fps: float = 10.0,
    noise: float = 3.0,
    light: Callable[[float], tuple[float, float]] = lambda second: (1.0, 0.0),
    extra: Callable[[Image, float], None] = lambda image, second: None,
) -> Timed:
    """Pictures with times: people in a room, then light (gain, offset), noise, compression."""
    rng, empty, crowd = np.random.default_rng(3), room(), list(people)
    grains = [rng.normal(0, noise, (HIGH, WIDE, 3)).astype(np.float32) for _ in range(6)]
    for number in range(round(seconds * fps)):
        second = number / fps
        image = empty.copy()
        extra(image, second)
        for person in crowd:
            if (place := person.at(second)) is not None:
                draw(image, person, place)
        gain, offset = light(second)
        lit = image.astype(np.float32) * gain + offset + grains[int(rng.integers(6))]
        _, packed = cv2.imencode(".jpg", np.clip(lit, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 60])
        yield np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8), second


def count(
    pictures: Timed, *, line: Line | None = None, staff_zone: Polygon | None = None
) -> list[Crossing]:
    detector, counter = MotionDetector(), BodyCounter(line=line, staff_zone=staff_zone)
    found: list[Crossing] = []
    second = 0.0
    for image, second in pictures:
        found += counter.update(detector.detect(image, second), second)
    return found + counter.flush(second)


def tally(crossings: Iterable[Crossing]) -> tuple[int, int, int]:
    """(in, out, turned back)."""
    listed = list(crossings)
    return (
        sum(crossing.direction == "in" for crossing in listed),
        sum(crossing.direction == "out" for crossing in listed),
        sum(crossing.turned_back for crossing in listed),
    )
