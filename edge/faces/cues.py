"""Two measures of a picture that tell a picture held up from a person: pattern and surroundings.

Called by faces.watch at check-in cameras; calls OpenCV. core.presentation says what follows. Both
can only refuse: a good print shows no pattern, and a photo cut out along the face has no
surroundings.
"""

from __future__ import annotations

import itertools
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Window = tuple[int, int, int, int]  # left, top, right, bottom in pixels
Flow = tuple[NDArray[np.float32], NDArray[np.float32]]  # points (N, 2) before and now

PATCH: Final = 64  # pixels of a side, in the middle of the face; less has no spectrum
BAND: Final = (0.12, 0.48)  # cycles a pixel: below lies the face, above the codec
RINGS: Final = 24

# Around a face, in its widths from its middle: beside the head, not below the chin.
BESIDE: Final = (0.8, 1.15)
ABOVE, BELOW = 0.8, 0.3
FAR: Final = 2.0
LEAST_MOVE_PX: Final = 3.0  # of a point; less cannot be told from standing still
FOLLOWS_PX: Final = 1.5
LEAST_POINTS: Final = 6
MOST_POINTS: Final = 60
STILL: Final = 0.5  # of the far points stand still, else it is the camera that moves
_QUALITY: Final = 0.02
_APART_PX: Final = 4


def pattern(image: Image, square: Window) -> float | None:
    """How far one frequency of the face's middle stands out of all of its height: log10 of powers.

    A screen's grid beats with the camera's (moire) and its backlight's bands are evenly spaced: a
    narrow peak. Skin, hair and noise have none: their maximum is about 1 to 2. None: the face is
    too small.
    """
    x, y = (square[0] + square[2]) // 2, (square[1] + square[3]) // 2
    half = PATCH // 2
    part = image[max(0, y - half) : y + half, max(0, x - half) : x + half]
    if part.shape[:2] != (PATCH, PATCH) or square[2] - square[0] < PATCH * 3 // 4:
        return None
    grey = cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_BGR2GRAY).astype(np.float32)
    window = np.hanning(PATCH)
    spectrum = np.fft.fftshift(np.fft.fft2((grey - grey.mean()) * np.outer(window, window)))
    power = np.abs(spectrum) ** 2 + 1e-3
    axis = np.fft.fftshift(np.fft.fftfreq(PATCH))
    height = np.hypot(*np.meshgrid(axis, axis))
    # The axes hold what the codec's blocks and a mouth's edge leave there.
    off_axis = (np.abs(axis) > 1.5 / PATCH)[:, None] & (np.abs(axis) > 1.5 / PATCH)[None, :]
    best = 0.0
    edges = np.linspace(*BAND, RINGS + 1)
    for low, high in itertools.pairwise(edges.tolist()):
        ring = power[(height >= low) & (height < high) & off_axis]
        if ring.size:
            best = max(best, float(ring.max() / np.median(ring)))
    return float(np.log10(max(best, 1.0)))


class Surroundings:
    """Whether what is beside a face moves with it as one piece, and the rest stands still.

    Beside a head is the room; beside a face on a card or a screen is the card. Of one camera; it
    keeps one grey picture while a face is in view, until the next.
    """

    def __init__(self) -> None:
        self._grey: Image | None = None
        self._squares: list[Window] = []

    def forget(self) -> None:
        """Let go of the picture: nobody is in view."""
        self._grey, self._squares = None, []

    def measure(self, image: Image, squares: list[Window]) -> list[float | None]:
        """Of each face, given in pixels: the part of the points beside it that move as it does.

        None: it has not moved, nothing beside it can be followed, or the camera moves.
        """
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
        before, then = self._grey, self._squares
        self._grey, self._squares = grey if squares else None, list(squares)
        if before is None or before.shape != grey.shape:
            return [None] * len(squares)
        return [_bound(before, grey, _nearest(square, then)) for square in squares]


def _nearest(square: Window, others: list[Window]) -> Window | None:
    """The square that this one was before: it has not moved by more than half of its width."""
    wide = square[2] - square[0]
    apart = [(abs(o[0] - square[0]) + abs(o[1] - square[1]), o) for o in others]
    best = min(apart, default=None)
    return best[1] if best is not None and best[0] < wide / 2 else None


def _bound(before: Image, now: Image, square: Window | None) -> float | None:
    if square is None:
        return None
    wide = square[2] - square[0]
    x, y = (square[0] + square[2]) / 2, (square[1] + square[3]) / 2
    own = _flow(before, now, _mask(before.shape, x, y, wide, face=True))
    beside = _flow(before, now, _mask(before.shape, x, y, wide, face=False))
    if len(own[0]) < LEAST_POINTS or len(beside[0]) < LEAST_POINTS:
        return None
    fit, _ = cv2.estimateAffine2D(own[0], own[1], ransacReprojThreshold=2.0)
    if fit is None:
        return None
    should = beside[0] @ fit[:, :2].T + fit[:, 2]
    tells = np.linalg.norm(should - beside[0], axis=1) >= LEAST_MOVE_PX
    if int(tells.sum()) < LEAST_POINTS:
        return None
    far = _flow(before, now, _far(before.shape, x, y, wide))
    still = np.linalg.norm(far[1] - far[0], axis=1) < FOLLOWS_PX
    if len(still) < LEAST_POINTS or float(still.mean()) < STILL:
        return None
    follows = np.linalg.norm(should - beside[1], axis=1) < FOLLOWS_PX
    return float(follows[tells].mean())


def _flow(before: Image, now: Image, mask: Image) -> Flow:
    """Corners within a mask, and where each has gone (Lucas and Kanade 1981, in pyramids)."""
    none = np.zeros((0, 2), np.float32)
    points = cv2.goodFeaturesToTrack(before, MOST_POINTS, _QUALITY, _APART_PX, mask=mask)
    if points is None:
        return none, none
    moved, found, _ = cv2.calcOpticalFlowPyrLK(before, now, points, np.zeros_like(points))
    kept = found.ravel() == 1
    return points.reshape(-1, 2)[kept], moved.reshape(-1, 2)[kept]


def _mask(shape: tuple[int, ...], x: float, y: float, wide: float, *, face: bool) -> Image:
    mask = np.zeros(shape, np.uint8)

    def fill(left: float, top: float, right: float, bottom: float) -> None:
        rows = slice(max(0, round(y + top * wide)), max(0, round(y + bottom * wide)))
        mask[rows, max(0, round(x + left * wide)) : max(0, round(x + right * wide))] = 255

    if face:
        fill(-0.45, -0.45, 0.45, 0.45)
    else:
        fill(-BESIDE[1], -ABOVE, -BESIDE[0], BELOW)
        fill(BESIDE[0], -ABOVE, BESIDE[1], BELOW)
    return mask


def _far(shape: tuple[int, ...], x: float, y: float, wide: float) -> Image:
    mask = np.full(shape, 255, np.uint8)
    left, right = max(0, round(x - FAR * wide)), max(0, round(x + FAR * wide))
    mask[max(0, round(y - FAR * wide)) :, left:right] = 0
    return mask
