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
from tests.support.composite import Doubled, Front

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
    return np.asarray(np.clip(scene, 0, 255), np.uint8)


def draw(image: Image, person: Person, place: Place) -> None:
    """Head, torso and two legs, textured; cut off by the frame as a camera would."""
    x, foot, high = place
    size, width = max(8, round(high * HIGH)), max(4, round(high * person.wide * HIGH))
    rng = np.random.default_rng(person.seed)
    dress = rng.integers(10, 235, (6, 3, 3)).astype(np.uint8)
    dress = np.asarray(cv2.resize(dress, (width, size), interpolation=cv2.INTER_NEAREST), np.uint8)
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
        _, packed = cv2.imencode(
            ".jpg", np.clip(lit, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 60]
        )
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


def person(*way: tuple[float, Place], seed: int = 1, torso: bool = True) -> Person:
    return Person(way=way, seed=seed, torso=torso)


def across(start: float, end: float, *, seed: int = 1, back: bool = False, high: float = 0.7,
           foot: float = 0.9, torso: bool = True) -> Person:  # fmt: skip
    """Somebody who walks through the picture from side to side."""
    first, last = (1.2, -0.2) if back else (-0.2, 1.2)
    return person((start, (first, foot, high)), (end, (last, foot, high)), seed=seed, torso=torso)


def away(start: float, x: float, *, seed: int = 1, until: float | None = None) -> Person:
    """Somebody who comes in below, walks away from the camera, stays, and perhaps comes back."""
    far = (x, 0.75, 0.45)
    way = [(start, (x, 2.0, 1.0)), (start + 3, far)]
    way += [(30.0, far)] if until is None else [(until, far), (until + 3, (x, 2.0, 1.0))]
    return person(*way, seed=seed)


def visit(start: float, until: float) -> Person:
    """Somebody who comes in on the left, stands in the middle until then, and leaves right."""
    left, middle, right = (-0.2, 0.9, 0.7), (0.5, 0.9, 0.7), (1.2, 0.9, 0.7)
    return person((start, left), (start + 2, middle), (until, middle), (until + 2.5, right))


def abreast(start: float, aside: float, *, seed: int = 1) -> Person:
    """One of several who walk away from the camera close together, stay, and leave below."""
    near, far = (0.43 + aside, 1.9, 0.9), (0.43 + aside, 0.9, 0.75)
    return person((start, near), (start + 3, far), (start + 6, far), (start + 9, near), seed=seed)


def opening_door(image: Image, second: float) -> None:
    wide = int(np.interp(second, [2, 4], [0, 60]))
    if wide > 2:
        image[30:170, :wide] = (50, 75, 105)


def passing_shadow(image: Image, second: float) -> None:
    mask = np.zeros((HIGH, WIDE), np.float32)
    cv2.ellipse(mask, (int((second * 0.25 - 0.3) * WIDE), 120), (40, 50), 0, 0, 360, 1, -1)
    dim = 1 - 0.18 * cv2.GaussianBlur(mask, (31, 31), 0)
    image[:] = (image * np.asarray(dim)[..., None]).astype(np.uint8)


def switch(second: float) -> tuple[float, float]:
    return (1.0, 0.0) if second < 3 else (0.55, 0.0) if second < 8 else (1.3, 5.0)


FLOOR_LINE = Line(start=(0, 0.7), end=(1, 0.7), inside="above")
MIDDLE = Line(start=(0.5, 0), end=(0.5, 1), inside="right")

BORDER_SCENES: list[tuple[str, Callable[[], Timed], tuple[int, int, int]]] = [
    ("nobody", lambda: film(8), (0, 0, 0)),
    ("one walks through", lambda: film(10, [across(2, 7)]), (1, 1, 0)),
    ("the same at 5 fps", lambda: film(10, [across(2, 6)], fps=5), (1, 1, 0)),
    ("the same at 30 fps", lambda: film(9, [across(2, 7)], fps=30), (1, 1, 0)),
    ("far away and small", lambda: film(12, [across(2, 10, high=0.2, foot=0.6)]), (1, 1, 0)),
    ("two pass each other", lambda: film(10, [across(2, 7), across(2, 7, seed=5, back=True)]),
     (2, 2, 0)),
    ("one follows another", lambda: film(11, [across(2, 7), across(2.8, 7.8, seed=5)]), (2, 2, 0)),
    ("head and legs only", lambda: film(10, [across(2, 7, torso=False)]), (1, 1, 0)),
    ("still for 60 s, then another", lambda: film(
        76, [visit(2, 64), across(69, 74, seed=5)], fps=8), (2, 2, 0)),
    ("back by the same side after 5 s", lambda: film(12, [person(
        (2, (-0.2, 0.9, 0.7)), (4, (0.4, 0.9, 0.7)), (6, (0.4, 0.9, 0.7)), (8, (-0.2, 0.9, 0.7)))]),
     (1, 1, 1)),
    ("the same after 15 s", lambda: film(23, [person(
        (2, (-0.2, 0.9, 0.7)), (4, (0.4, 0.9, 0.7)), (19, (0.4, 0.9, 0.7)),
        (21, (-0.2, 0.9, 0.7)))]), (1, 1, 0)),
    ("light fades slowly", lambda: film(20, [across(10, 15)],
                                        light=lambda s: (1 - 0.5 * min(1.0, s / 18), 0.0)),
     (1, 1, 0)),
    ("light is switched on somebody", lambda: film(14, [across(6, 11.5)], light=switch), (1, 1, 0)),
    ("light is switched on nobody", lambda: film(12, light=switch), (0, 0, 0)),
    ("flicker and strong noise", lambda: film(
        12, [across(5, 10)], noise=8, light=lambda s: (1 + 0.06 * float(np.sin(9 * s)), 0.0)),
     (1, 1, 0)),
    ("a door opens and stays open", lambda: film(24, [across(15, 20)], extra=opening_door),
     (1, 1, 0)),
    ("in the first picture, then leaves", lambda: film(
        14, [person((0, (0.5, 0.9, 0.7)), (4, (0.5, 0.9, 0.7)), (6.5, (1.2, 0.9, 0.7)))]),
     (0, 1, 0)),
    ("larger than half the picture", lambda: film(
        12, [across(2, 8, high=1.5, foot=1.5, seed=2)]), (1, 1, 0)),
    ("two come in as one and part", lambda: film(24, [
        person((2, (-0.2, 0.9, 0.7)), (5, (0.45, 0.9, 0.7)), (14, (0.45, 0.9, 0.7)),
               (17, (1.2, 0.9, 0.7))),
        person((2, (-0.27, 0.92, 0.72)), (5, (0.38, 0.92, 0.72)), (14, (0.38, 0.92, 0.72)),
               (17, (-0.3, 0.92, 0.72)), seed=5)]), (2, 2, 0)),
    ("two side by side turn back", lambda: film(13, [
        abreast(2, 0.0), abreast(2, 0.13, seed=5)]), (2, 2, 2)),
    ("the same at 5 fps", lambda: film(13, [
        abreast(2, 0.0), abreast(2, 0.13, seed=5)], fps=5), (2, 2, 2)),
    ("a soft shadow", lambda: film(10, extra=passing_shadow), (0, 0, 0)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("scene", "truth"),
    [pytest.param(scene, truth, id=label) for label, scene, truth in BORDER_SCENES],
)
def test_at_the_border_the_count_is_the_truth(
    scene: Callable[[], Timed], truth: tuple[int, int, int]
) -> None:
    assert tally(count(scene())) == truth


LINE_SCENES: list[tuple[str, Callable[[], Timed], Line, tuple[int, int, int]]] = [
    ("two side by side", lambda: film(11, [away(2, 0.38), away(2, 0.62, seed=5)]), FLOOR_LINE,
     (2, 0, 0)),
    ("turns back after 5 s", lambda: film(12, [away(2, 0.5, until=7)]), FLOOR_LINE, (1, 1, 1)),
    ("turns back after 15 s", lambda: film(23, [away(2, 0.5, until=18)]), FLOOR_LINE, (1, 1, 0)),
    ("two pass each other", lambda: film(10, [across(2, 7), across(2, 7, seed=5, back=True)]),
     MIDDLE, (1, 1, 0)),
    ("upper bodies only", lambda: film(
        12, [across(2, 7, high=0.9, foot=1.3),
             across(6.5, 11, seed=5, high=0.9, foot=1.3, back=True)]), MIDDLE, (1, 1, 0)),
    ("towards the camera", lambda: film(10, [person(
        (1, (0.5, 0.5, 0.02)), (2, (0.5, 0.5, 0.2)), (8, (0.55, 2.2, 1.3)))]),
     Line(start=(0, 0.6), end=(1, 0.6), inside="below"), (1, 0, 0)),
    ("larger than half the picture", lambda: film(
        12, [across(2, 8, high=1.5, foot=1.5, seed=2)]), MIDDLE, (1, 0, 0)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("scene", "line", "truth"),
    [pytest.param(scene, line, truth, id=label) for label, scene, line, truth in LINE_SCENES],
)
def test_over_a_line_the_count_is_the_truth(
    scene: Callable[[], Timed], line: Line, truth: tuple[int, int, int]
) -> None:
    assert tally(count(scene(), line=line)) == truth


def test_the_same_film_gives_the_same_crossings() -> None:
    assert count(film(10, [across(2, 7)])) == count(film(10, [across(2, 7)]))


def test_the_background_is_the_empty_room_while_somebody_stands_in_it() -> None:
    detector = MotionDetector()
    for image, second in film(20, [visit(2, 18)]):
        detector.detect(image, second)
        if 15 < second < 16:
            assert detector.moving
    learnt = detector.background()
    empty = cv2.resize(room(), (learnt.shape[1], learnt.shape[0]), interpolation=cv2.INTER_AREA)
    assert float(np.abs(learnt.astype(np.int16) - empty.astype(np.int16)).mean()) < 5


def test_who_was_there_from_the_first_picture_leaves_no_ghost_behind() -> None:
    detector = MotionDetector()
    stays, leaves = (0.5, 0.9, 0.7), (1.2, 0.9, 0.7)
    for image, second in film(12, [person((0, stays), (4, stays), (6.5, leaves))]):
        detector.detect(image, second)
    assert not detector.moving


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(np.zeros((90, 160), np.uint8), id="grey"),
        pytest.param(np.zeros((90, 160, 3), np.float32), id="float"),
        pytest.param(np.zeros((0, 160, 3), np.uint8), id="empty"),
    ],
)
def test_a_picture_of_another_kind_is_refused_with_what_was_expected(
    picture: npt.NDArray[np.uint8],
) -> None:
    with pytest.raises(FrameUnreadable, match=r"expected uint8 \(height, width, 3\), got"):
        MotionDetector().detect(picture, 0.0)


@pytest.mark.parametrize(
    "shape", [(1, 1, 3), (1, 4000, 3), (10_000, 10_000, 3)], ids=["a pixel", "a line", "100 MP"]
)
def test_a_picture_of_any_size_is_looked_at(shape: tuple[int, ...]) -> None:
    detector, picture = MotionDetector(), np.zeros(shape, np.uint8)
    assert [detector.detect(picture, second) for second in (0.0, 0.1)] == [[], []]


def test_there_is_no_background_before_the_first_picture() -> None:
    with pytest.raises(FrameUnreadable, match="expected a picture first"):
        MotionDetector().background()


def recorded(folder: Path, *, scale: float = 0.5, step: int = 1) -> Timed:
    """Six people, one by one: in at the bottom, out on the right."""
    film_file = cv2.VideoCapture(str(folder / "video" / "one-by-one.mp4"))
    number = 0
    while True:
        good, image = film_file.read()
        if not good:
            break
        if number % step == 0:
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            yield np.asarray(small, np.uint8), number / 10
        number += 1


def jumping(pictures: Timed) -> Timed:
    for number, (image, second) in enumerate(pictures):
        gain, offset = ((1.0, 0.0), (1.5, 0.0), (0.55, 5.0))[number // 97 % 3]
        table = np.clip(np.arange(256) * gain + offset, 0, 255).astype(np.uint8)
        yield np.asarray(cv2.LUT(image, table), np.uint8), second


def noisy(pictures: Timed) -> Timed:
    rng = np.random.default_rng(1)
    grains = [rng.normal(0, 20, (216, 384, 3)).astype(np.int16) for _ in range(8)]
    for image, second in pictures:
        grain = grains[int(rng.integers(8))]
        yield np.clip(image.astype(np.int16) + grain, 0, 255).astype(np.uint8), second


def mirrored(pictures: Timed) -> Timed:
    return ((np.ascontiguousarray(image[:, ::-1]), second) for image, second in pictures)


VARIANTS: list[tuple[str, Callable[[Path], Timed]]] = [
    ("half size", recorded),
    ("mirrored at 5 fps", lambda folder: mirrored(recorded(folder, step=2))),
    ("odd pictures of 3.3 fps", lambda folder: recorded(folder, step=3)),
    ("light jumps", lambda folder: jumping(recorded(folder))),
    ("sensor noise", lambda folder: noisy(recorded(folder))),
]


@pytest.mark.parametrize(
    "variant", [pytest.param(variant, id=label) for label, variant in VARIANTS]
)
def test_six_people_one_by_one_are_six_in_and_six_out(
    recordings: Path, variant: Callable[[Path], Timed]
) -> None:
    assert tally(count(variant(recordings))) == (6, 6, 0)


@pytest.fixture(scope="module")
def doubled(recordings: Path) -> Doubled:
    return Doubled(recordings / "video" / "one-by-one.mp4")


def slower(pictures: Timed) -> Timed:
    """The same at 5 frames a second."""
    return (timed for number, timed in enumerate(pictures) if number % 2 == 0)


@pytest.mark.parametrize(
    ("delay", "aside", "front", "seen"),
    [
        pytest.param(15, 0, "copy", lambda film: film, id="1.5 s behind, covering the first"),
        pytest.param(15, 0, "recording", slower, id="1.5 s behind, covered by the first, 5 fps"),
        pytest.param(0, 45, "copy", lambda film: film, id="side by side, a shoulder covered"),
    ],
)
def test_everybody_twice_is_twelve_in_and_twelve_out(
    doubled: Doubled, delay: int, aside: int, front: Front, seen: Callable[[Timed], Timed]
) -> None:
    film = doubled.pictures(delay=delay, aside=aside, front=front)
    assert tally(count(seen(film))) == (12, 12, 0)


def test_where_light_shirts_vanish_before_a_light_wall_one_at_most_is_too_many(
    doubled: Doubled,
) -> None:
    came, went, _ = tally(count(slower(doubled.pictures(delay=15, front="darker"))))
    assert 12 <= came <= 13
    assert 12 <= went <= 13


def test_six_people_cross_a_line_where_they_come_in(recordings: Path) -> None:
    line = Line(start=(0, 0.8), end=(1, 0.8), inside="above")
    assert tally(count(recorded(recordings), line=line)) == (6, 0, 0)


def test_six_people_cross_a_line_where_they_leave(recordings: Path) -> None:
    line = Line(start=(0.9, 0), end=(0.9, 1), inside="left")
    assert tally(count(recorded(recordings), line=line)) == (0, 6, 0)
