"""What moves with a face, and what a screen's grid leaves in it; drawn, so the truth is known."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.core.presentation import BOUND, PATTERN
from edge.faces.cues import Surroundings, Window, pattern

Image = NDArray[np.uint8]
FACE: Final = 60
ROOM: Final = (240, 400)


def textured(high: int, wide: int, seed: int) -> Image:
    """Something with corners to follow."""
    noise = np.random.default_rng(seed).integers(30, 225, (high, wide, 3), np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.5), np.uint8)


def scene(shift: int, *, card: bool, camera: bool = False) -> tuple[Image, Window]:
    """A face in a room, moved to the right; on a card, or alone; or the camera moves."""
    room = textured(ROOM[0], ROOM[1] + 40, 1)[:, 40 - shift : ROOM[1] + 40 - shift]
    image = (room if camera else textured(*ROOM, 1)).copy()
    thing = textured(150, 150, 2)
    side = 150 if card else 72
    left, top = 200 + shift - side // 2, 120 - side // 2
    start = (150 - side) // 2
    image[top : top + side, left : left + side] = thing[start : start + side, start : start + side]
    x = 200 + shift
    return image, (x - FACE // 2, 120 - FACE // 2, x + FACE // 2, 120 + FACE // 2)


def moved(*, card: bool, camera: bool = False, shift: int = 6) -> float | None:
    surroundings = Surroundings()
    for step in (0, shift):
        image, square = scene(step, card=card, camera=camera)
        (found,) = surroundings.measure(image, [square])
    return found


def test_a_card_comes_along_with_the_face_on_it() -> None:
    found = moved(card=True)
    assert found is not None
    assert found > BOUND


def test_a_room_does_not_come_along_with_a_head() -> None:
    assert moved(card=False) == pytest.approx(0.0, abs=0.1)


def test_of_a_camera_that_moves_and_of_a_face_that_does_not_nothing_is_known() -> None:
    assert moved(card=True, camera=True) is None
    assert moved(card=True, shift=0) is None


def test_nothing_is_known_once_the_picture_was_let_go_of() -> None:
    surroundings = Surroundings()
    for step in (0, 6):
        image, square = scene(step, card=True)
        assert surroundings.measure(image, [square]) == [None]
        surroundings.forget()


def skin(seed: int) -> Image:
    smooth = np.random.default_rng(seed).normal(0, 60, (200, 200, 3)).astype(np.float32)
    soft = 120 + 4 * cv2.GaussianBlur(smooth, (0, 0), 3)
    grain = np.random.default_rng(seed + 1).normal(0, 2, soft.shape)
    return np.asarray(np.clip(soft + grain, 0, 255), np.uint8)


def test_a_grid_stands_out_of_the_face_and_grain_does_not() -> None:
    square = (60, 60, 140, 140)
    rows, columns = np.mgrid[0:200, 0:200]
    grid = 8 * np.sin(1.9 * columns + 0.6 * rows)[..., None]
    for seed in range(5):
        plain = skin(seed)
        screen = np.asarray(np.clip(plain + grid, 0, 255), np.uint8)
        bare, shown = pattern(plain, square), pattern(screen, square)
        assert bare is not None
        assert shown is not None
        assert bare < PATTERN < shown


@pytest.mark.parametrize(
    "square",
    [(0, 0, 30, 30), (180, 180, 260, 260), (60, 60, 90, 90)],
    ids=["corner", "edge", "small"],
)
def test_of_a_face_that_is_too_small_or_cut_off_there_is_no_spectrum(square: Window) -> None:
    assert pattern(skin(0), square) is None
