"""Finds what moves in a picture: bodies, as boxes, against a background learnt on the way.

Called by the pipeline's camera loop, feeds core.counting; calls OpenCV and sensors.blobs.
There is no model and nobody is recognised. The picture is shrunk first, so the cost hardly depends
on the camera. Every constant is in seconds, grey levels or fractions of the frame.

How it decides, in order: the light's gain and offset against the background are fitted robustly,
so that a switched lamp is not a crowd; what still differs by more than the noise is foreground;
weak, colourless darkening is shadow; foreground never teaches the background, until it has stood
perfectly still for minutes (a parked trolley) or proves to be a hole that somebody left (a ghost).
People side by side who make one foreground are told apart by their heads.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from edge.core.geometry import Box
from edge.sensors.blobs import Blobs, blobs_in

Image = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]

WORKING_SIDE: Final = (
    192  # longer side of the working picture; a person 1/8 of it high is 24 pixels
)
LEARN_S: Final = 4.0  # time constant of the background where nothing moves
NOISE_S: Final = 6.0  # time constant of the per-pixel noise
ABSORB_S: Final = 150.0  # a blob without the slightest movement for so long is furniture
GHOST_S: Final = 0.8  # a blob must rest for so long before it may be called a ghost
GHOST_EDGE: Final = 1.7  # times more contour in the background than in the picture
FLOOR: Final = 14.0  # grey levels; below this, compression noise of ordinary cameras
CEILING: Final = 60.0  # grey levels; no noise may hide more
SHADOW_DEPTH: Final = 0.22  # a soft shadow takes at most so much of the light
SHADOW_COLOUR: Final = 10.0  # grey levels by which a shadow may change the colour
FURNITURE: Final = 0.02  # fraction of the frame; what is smaller is taken for furniture sooner
SWITCHED: Final = 6.0  # grey levels of a sudden change of light, at mid grey
RELIGHT: Final = 0.45  # fraction of a coarse grid that changes at once only when the light does


class FrameUnreadable(ValueError):
    """A picture that is not BGR uint8 (height, width, 3), or that OpenCV refused."""


class MotionDetector:
    """Background subtraction that survives people who stand still and lights that change.

    Deterministic: the same pictures at the same times give the same boxes. Not thread-safe.
    """

    def __init__(self) -> None:
        self._size = (0, 0)
        self._started_s = 0.0
        self._seen_s = 0.0
        self._moving = False
        self._spread = 0.0
        self._gain = np.ones(3, np.float32)
        self._offset = np.zeros(3, np.float32)

    @property
    def moving(self) -> bool:
        """Whether the last picture held a body."""
        return self._moving

    def background(self) -> Image:
        """The empty scene as learnt, in today's light: BGR uint8 at the working size.

        Raises FrameUnreadable before the first picture.
        """
        if self._size == (0, 0):
            raise FrameUnreadable("background: expected a picture first, got none yet")
        return self._predicted()

    def detect(self, image: Image, at_s: float) -> list[Box]:
        """The bodies, or parts of bodies, in a picture; the largest foreground first.

        `image` is BGR uint8 (height, width, 3); `at_s` the picture's time in seconds. A picture of
        another size, or older than the last, starts the background anew. Raises FrameUnreadable.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
            raise FrameUnreadable(
                f"picture: expected uint8 (height, width, 3), got {image.dtype} {image.shape}"
            )
        try:
            return self._detect(image, at_s)
        except cv2.error as exc:
            raise FrameUnreadable(f"picture of {image.shape}: {exc}") from exc

    def _detect(self, image: Image, at_s: float) -> list[Box]:
        size = _working_size(image.shape[0], image.shape[1])
        shrunk = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        small = np.asarray(cv2.GaussianBlur(shrunk, (3, 3), 0), np.uint8)
        if size != self._size or at_s < self._seen_s:
            self._begin(small, size, at_s)
            return []
        elapsed_s = min(1.0, at_s - self._seen_s)
        self._seen_s = at_s
        self._fit_light(small)
        differs, predicted, level = self._differs(small)
        blobs = blobs_in(differs)
        boxes = blobs.boxes()
        self._learn(small, predicted, level, blobs.mask, elapsed_s)
        self._settle(small, predicted, blobs, elapsed_s)
        self._moving = bool(boxes)
        return boxes

    def _begin(self, small: Image, size: tuple[int, int], at_s: float) -> None:
        self._size, self._started_s, self._seen_s = size, at_s, at_s
        plane = small.shape[:2]
        self._base = small.astype(np.float32)
        self._noise = np.full(plane, FLOOR / 4, np.float32)
        self._taken = np.zeros(plane, np.uint8)
        self._last = small.copy()
        self._still_s = np.zeros(plane, np.float32)
        self._moving, self._spread = False, 0.0
        self._gain, self._offset = np.ones(3, np.float32), np.zeros(3, np.float32)

    def _predicted(self) -> Image:
        matrix = np.hstack([np.diag(self._gain), self._offset[:, None]]).astype(np.float32)
        lit = cv2.transform(self._base, matrix)
        return np.asarray(cv2.convertScaleAbs(np.maximum(lit, 0.0)), np.uint8)

    def _fit_light(self, small: Image) -> None:
        """Gain and offset per channel, from a grid of the points where nobody was last time."""
        step = max(1, round((small.shape[0] * small.shape[1] / 1500) ** 0.5))
        seen = small[::step, ::step].reshape(-1, 3).astype(np.float32)
        base = self._base[::step, ::step].reshape(-1, 3)
        free = self._taken[::step, ::step].ravel() == 0
        if free.mean() > 0.1:
            seen, base = seen[free], base[free]
        # Cheap check first: most pictures are lit like the one before.
        shift = np.median(seen - (base * self._gain + self._offset), axis=0)
        if float(np.abs(shift).max()) < 1.0:
            return
        before = self._gain * 128 + self._offset
        for channel in range(3):
            fitted = _fit_gain(base[:, channel], seen[:, channel])
            if fitted is not None:
                self._gain[channel], self._offset[channel] = fitted
        if float(np.abs(self._gain * 128 + self._offset - before).max()) > SWITCHED:
            self._relearn(small)

    def _relearn(self, small: Image) -> None:
        """After a lamp: where nobody was, the picture is the background; behind people the fit has
        to do, and so it has just around them, where they may have moved to."""
        near = cv2.dilate(self._taken, np.ones((9, 9), np.uint8))
        lit = (small.astype(np.float32) - self._offset) / self._gain
        np.copyto(self._base, lit, where=(near == 0)[..., None])

    def _differs(self, small: Image) -> tuple[Image, Image, Image]:
        """(255 where the picture differs from the background, the background in today's light,
        how much they differ)."""
        predicted = self._predicted()
        level = _level(small, predicted)
        differs, spread = self._compare(small, predicted, level)
        if spread - self._spread > RELIGHT:
            # Nobody enters everywhere within one picture: only a lamp does.
            self._relearn(small)
            predicted = self._predicted()
            level = _level(small, predicted)
            differs, spread = self._compare(small, predicted, level)
        self._spread = spread
        return differs, predicted, level

    def _compare(self, small: Image, predicted: Image, level: Image) -> tuple[Image, float]:
        quiet = level[::4, ::4][self._taken[::4, ::4] == 0]
        floor = max(FLOOR, min(40.0, 5.0 * float(np.median(quiet)))) if quiet.size > 20 else FLOOR
        self._floor = floor
        limit = np.clip(self._noise * 3.5, floor, CEILING)
        differs = cv2.compare(level.astype(np.float32), limit, cv2.CMP_GT)
        differs = cv2.bitwise_and(differs, cv2.bitwise_not(_shadow(small, predicted)))
        coarse = cv2.resize(differs, (8, 6), interpolation=cv2.INTER_AREA)
        return np.asarray(differs, np.uint8), float((coarse > 0.3 * 255).mean())

    def _learn(
        self, small: Image, predicted: Image, level: Image, blobs: Image, elapsed_s: float
    ) -> None:
        """Teach the background and the noise, everywhere but under bodies and their rim."""
        self._taken = np.asarray(cv2.dilate(blobs, np.ones((5, 5), np.uint8)), np.uint8)
        age_s = self._seen_s - self._started_s + elapsed_s
        rate = elapsed_s / min(LEARN_S, max(age_s, elapsed_s))
        innovation = cv2.subtract(small, predicted, dtype=cv2.CV_32F)
        step = cv2.transform(innovation, np.diag(1.0 / self._gain).astype(np.float32))
        free = np.equal(self._taken, 0).view(np.uint8)
        cv2.add(self._base, step * rate, mask=free, dst=self._base)
        capped = np.minimum(level, np.uint8(CEILING))
        cv2.accumulateWeighted(capped, self._noise, min(1.0, elapsed_s / NOISE_S), mask=free)

    def _settle(self, small: Image, predicted: Image, blobs: Blobs, elapsed_s: float) -> None:
        """Take furniture and ghosts into the background."""
        moved = np.greater(_level(small, self._last), self._floor)
        self._still_s += np.float32(elapsed_s)
        self._still_s[moved] = 0.0
        cv2.copyTo(small, moved.view(np.uint8), self._last)
        for label in blobs.order:
            window, body, area = blobs.piece(label)
            rest_s = self._still_s[window][body]
            if float((rest_s > GHOST_S).mean()) < 0.85:
                continue
            ghost = _contour(predicted, body, window) > GHOST_EDGE * _contour(small, body, window)
            patience_s = ABSORB_S * min(1.0, area / (FURNITURE * blobs.labels.size))
            if ghost or float((rest_s > max(3.0, patience_s)).mean()) > 0.97:
                lit = (small[window].astype(np.float32) - self._offset) / self._gain
                np.copyto(self._base[window], lit, where=body[..., None])


def _working_size(high: int, wide: int) -> tuple[int, int]:
    shrink = WORKING_SIDE / max(high, wide)
    return max(16, round(wide * shrink)), max(16, round(high * shrink))


def _fit_gain(base: Plane, seen: Plane) -> tuple[float, float] | None:
    """Robust line seen = gain * base + offset; None when there is nothing to fit on.

    Tukey's resistant line as a start, then two rounds of trimmed least squares.
    """
    usable = (seen < 250) & (seen > 4)
    if int(usable.sum()) < 40:
        return None
    base, seen = base[usable], seen[usable]
    low, high = np.percentile(base, [33, 67])
    dark, light = base <= low, base >= high
    dark_base, light_base = float(np.median(base[dark])), float(np.median(base[light]))
    dark_seen, light_seen = float(np.median(seen[dark])), float(np.median(seen[light]))
    if light_base - dark_base < 15:
        # A plain wall tells gain from offset badly: call all of it gain.
        gain, offset = float(np.median(seen)) / max(1.0, float(np.median(base))), 0.0
    else:
        gain = (light_seen - dark_seen) / (light_base - dark_base)
        offset = light_seen - gain * light_base
    for _ in range(2):
        error = np.abs(seen - gain * base - offset)
        near = error < max(2.0, 2.5 * float(np.median(error)))
        spread = float(base[near].var())
        if spread < 30:
            break
        mean_base, mean_seen = float(base[near].mean()), float(seen[near].mean())
        gain = float(((base[near] - mean_base) * (seen[near] - mean_seen)).mean()) / spread
        offset = mean_seen - gain * mean_base
    return (min(5.0, max(0.2, gain)), offset) if gain > 0 else None


def _level(one: Image, other: Image) -> Image:
    """How much two pictures differ, pixel by pixel: the largest of the three colours."""
    blue, green, red = cv2.split(cv2.absdiff(one, other))
    return np.asarray(cv2.max(cv2.max(blue, green), red), np.uint8)


def _shadow(small: Image, predicted: Image) -> Image:
    """255 where the picture is the background, only somewhat darker in every colour alike."""
    seen = cv2.transform(small, np.full((1, 3), 1 / 3, np.float32))
    base = cv2.transform(predicted, np.full((1, 3), 1 / 3, np.float32))
    ratio = cv2.divide(seen, base, dtype=cv2.CV_32F)
    dim = cv2.inRange(ratio, 1 - SHADOW_DEPTH, 1.0)
    expected = cv2.multiply(predicted, cv2.merge([ratio] * 3), dtype=cv2.CV_8U)
    _, alike = cv2.threshold(
        _level(small, np.asarray(expected, np.uint8)), SHADOW_COLOUR - 1, 255, cv2.THRESH_BINARY_INV
    )
    return np.asarray(cv2.bitwise_and(dim, alike), np.uint8)


def _contour(image: Image, body: npt.NDArray[np.bool_], window: tuple[slice, slice]) -> float:
    """Mean brightness step along the outline of `body` within `window` of the picture."""
    mask = np.pad(body.astype(np.uint8), 1)
    rim = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))[1:-1, 1:-1] > 0
    grey = cv2.cvtColor(np.ascontiguousarray(image[window]), cv2.COLOR_BGR2GRAY)
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    return float(cv2.magnitude(across, down)[rim].mean()) if rim.any() else 0.0
