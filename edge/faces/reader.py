"""Finds faces in a picture and cuts them out upright, for the embedder. Stores nothing.

Called by the camera loop of a box that recognises; calls faces.detector, dlib, OpenCV and
core.geometry.

A detector says where faces are; dlib's five landmarks turn each upright and tell how far it is
turned away. The 68-point model is not used: its training data forbids commerce.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.core.facetrack import LEAST_WIDTH_PX
from edge.core.geometry import Box, Polygon
from edge.core.presentation import Nose, nose_of
from edge.faces.detector import Detector, Found, HogDetector, Point
from edge.faces.dlib_file import LANDMARKS, FaceModelFault, model_path, verified

CHIP: Final = 170  # pixels: 150 as the network was trained, and what its wide view needs
PADDING: Final = 0.35  # of the face's size around it; 0.25 in the middle 150
TRIM: Final = 10  # pixels on each side that sharpness does not look at
SMALLEST: Final = 40  # pixels; nothing narrower can hold a face that HOG finds
SMOOTHING: Final = 1.5  # pixels of the chip, before sharpness is judged
GLANCE: Final = 112  # pixels: about what a face's square measures in its chip
MARGIN: Final = 0.15  # of the frame's shorter side: how far a face may stick out of where we look
AROUND_FACE: Final = 1.0  # of its side: what is cut out of the picture for landmarks and chip

Image = NDArray[np.uint8]
Window = tuple[int, int, int, int]  # left, top, right, bottom in pixels
_FRAME: Final = Box(left=0.0, top=0.0, right=1.0, bottom=1.0)


class PictureUnusable(ValueError):
    """A picture that is not BGR uint8 (height, width, 3), or that OpenCV or dlib refused."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Face:
    """A face in a picture. It is biometric: it lives in memory, for one person's passing by.

    `box` is clipped to the frame, in fractions of it. `chip` is RGB uint8 (170, 170, 3), the eyes
    level. `width_px` is the face's width in the picture before clipping. `sharpness` is the
    variance of the chip's Laplacian of Gaussian in grey levels squared (Pech-Pacheco 2000, smoothed
    so that a dark camera's noise is not taken for detail); a small face is enlarged into its chip,
    so it is low there as well. `turned` is how far the nose stands beside the middle of the eyes,
    in distances between them: 0 from the front, about 0.5 in half profile. `score` is the
    detector's, 0 at its threshold. `nose`, by dlib's landmarks, is for core.presentation where the
    detector gives no points.
    """

    box: Box
    chip: Image = field(repr=False)  # never into a log by accident
    width_px: int
    sharpness: float
    score: float
    turned: float = 0.0
    nose: Nose | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FacePlace:
    """Where a face is, before it is cut out: fields as in Face; `square` in pixels of the picture.

    `turned` is None where only the landmarks can tell; `points` as in detector.Found.
    """

    box: Box
    square: Window
    score: float
    turned: float | None
    points: Point | None = field(default=None, repr=False)

    @property
    def nose(self) -> Nose | None:
        """Where the nose stands; None where the detector gives no points."""
        return None if self.points is None else nose_of(self.points)

    @property
    def width_px(self) -> int:
        """The face's width in the picture before clipping."""
        return self.square[2] - self.square[0]


class FaceReader:
    """Faces whose middle lies in `zone` (anywhere, without one). Not thread-safe: dlib's is not.

    `detector` finds them, dlib's HOG without one; those `least_px` wide are to be found.
    """

    def __init__(
        self,
        zone: Polygon | None = None,
        detector: Detector | None = None,
        *,
        least_px: float = LEAST_WIDTH_PX,
    ) -> None:
        """Load the landmarks, and HOG where no detector is given. Raises FaceModelFault."""
        self._zone = zone
        self._detector = detector or HogDetector()
        self._least_px = least_px
        path = model_path(LANDMARKS)
        verified(path)
        try:
            import dlib

            self._dlib: Any = dlib
            self._landmarks = dlib.shape_predictor(str(path))
        except ImportError as exc:
            raise FaceModelFault(
                f"faces: expected the package dlib-bin, got {exc}; pip install 'menkou[edge]'"
            ) from exc
        except RuntimeError as exc:
            raise FaceModelFault(f"{path}: expected landmarks for dlib, got {exc}") from exc

    def read(self, image: Image, moving: Sequence[Box] | None = None) -> list[Face]:
        """The faces in a picture, BGR uint8 (height, width, 3), cut out; the largest first.

        With `moving`, only faces that overlap one of these boxes; an empty list means that nothing
        moves, so nothing is searched. Raises PictureUnusable.
        """
        return [self.cut(image, place) for place in self.find(image, moving)]

    def find(
        self, image: Image, moving: Sequence[Box] | None = None, places: Sequence[Box] = ()
    ) -> list[FacePlace]:
        """Where the faces are in a picture, as in `read`.

        `places` are searched besides, as they are: each holds all of a face already. Raises
        PictureUnusable.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
            raise PictureUnusable(
                f"picture: expected uint8 (height, width, 3), got {image.dtype} {image.shape}"
            )
        high, wide = image.shape[:2]
        wanted = None if moving is None else [*moving, *places]
        try:
            found = [
                FacePlace(
                    box=_box(_square(face), wide, high),
                    square=_square(face),
                    score=face.score,
                    turned=face.turned,
                    points=face.points,
                )
                for window in self._windows(high, wide, moving, places)
                for face in self._search(image, window)
            ]
        except (cv2.error, RuntimeError) as exc:
            raise PictureUnusable(f"picture of {image.shape}: {exc}") from exc
        mine = [place for place in found if self._is_wanted(place.box, wanted)]
        return sorted(mine, key=lambda place: -place.width_px)

    def cut(self, image: Image, place: FacePlace) -> Face:
        """The face at a place that `find` gave for this picture. Raises PictureUnusable."""
        try:
            chip, nose = self._chip(image, place.square)
            middle = np.ascontiguousarray(chip[TRIM:-TRIM, TRIM:-TRIM])
            sharp = _sharpness(np.asarray(cv2.cvtColor(middle, cv2.COLOR_RGB2GRAY), np.uint8))
        except (cv2.error, RuntimeError) as exc:
            raise PictureUnusable(f"picture of {image.shape}: {exc}") from exc
        return Face(
            box=place.box,
            chip=chip,
            width_px=place.width_px,
            sharpness=sharp,
            score=place.score,
            turned=abs(nose.across) if place.turned is None else place.turned,
            nose=nose,
        )

    def glance(self, image: Image, place: FacePlace) -> float:
        """The sharpness of a face as it stands there: about its chip's, at a tenth of the work.

        Not turned upright, and with less of it in view. Raises PictureUnusable.
        """
        left, top, right, bottom = place.square
        try:
            part = np.ascontiguousarray(image[max(0, top) : bottom, max(0, left) : right])
            grey = cv2.cvtColor(part, cv2.COLOR_BGR2GRAY)
            return _sharpness(np.asarray(cv2.resize(grey, (GLANCE, GLANCE)), np.uint8))
        except cv2.error as exc:
            raise PictureUnusable(f"picture of {image.shape}: {exc}") from exc

    def _windows(
        self, high: int, wide: int, moving: Sequence[Box] | None, places: Sequence[Box]
    ) -> list[Window]:
        """The parts to search, in pixels; none where there is nothing to find."""
        margin = MARGIN * min(high, wide)
        across, down = margin / wide, margin / high
        zone = _FRAME
        if self._zone is not None:
            xs, ys = zip(*self._zone.corners, strict=True)
            zone = Box(left=min(xs), top=min(ys), right=max(xs), bottom=max(ys))
            zone = zone.grown(across, down)
        areas = [_FRAME]
        if moving is not None:
            areas = _apart([*(body.grown(across, down) for body in moving), *places])
        windows = [_pixels(area, zone, wide, high) for area in areas]
        return [w for w in windows if min(w[2] - w[0], w[3] - w[1]) >= SMALLEST]

    def _search(self, image: Image, window: Window) -> list[Found]:
        """Faces in pixels of the picture; they may stick out of it."""
        left, top, right, bottom = window
        part = np.ascontiguousarray(image[top:bottom, left:right])
        found = self._detector.find(part, self._least_px)
        return [
            replace(
                face,
                left=face.left + left,
                top=face.top + top,
                points=None if face.points is None else face.points + np.asarray((left, top)),
            )
            for face in found
        ]

    def _is_wanted(self, box: Box, wanted: Sequence[Box] | None) -> bool:
        if self._zone is not None and not self._zone.contains(box.centre):
            return False
        return wanted is None or any(box.overlap(body) > 0 for body in wanted)

    def _chip(self, image: Image, found: Window) -> tuple[Image, Nose]:
        """(chip, where the nose stands), from the face's surroundings only."""
        reach = round(AROUND_FACE * (found[2] - found[0]))
        left, top = max(0, found[0] - reach), max(0, found[1] - reach)
        part = image[top : found[3] + reach, left : found[2] + reach]
        rgb = cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_BGR2RGB)
        face = self._dlib.rectangle(
            found[0] - left, found[1] - top, found[2] - 1 - left, found[3] - 1 - top
        )
        shape = self._landmarks(rgb, face)
        chip = np.asarray(self._dlib.get_face_chip(rgb, shape, CHIP, PADDING), np.uint8)
        return chip, _nose(shape)


def _nose(shape: Any) -> Nose:
    """From dlib's five points: two corners of one eye, two of the other, the base of the nose.

    The person's left eye comes first. Four on a line fix no homography: this follows a picture's
    tilt as well as a head's turn, about twice as much as YuNet's points do.
    """
    points = np.array([(point.x, point.y) for point in shape.parts()], np.float64)
    left, right = points[0:2].mean(axis=0), points[2:4].mean(axis=0)
    eyes = left - right
    length = max(float(np.linalg.norm(eyes)), 1e-6)
    beside = points[4] - (left + right) / 2
    drop = max(abs(float(eyes[0] * beside[1] - eyes[1] * beside[0])) / length, 1e-6)
    return Nose(across=float(beside @ eyes) / length**2, narrow=length / drop)


def _square(found: Found) -> Window:
    left, top = round(found.left), round(found.top)
    return left, top, left + round(found.side), top + round(found.side)


def _apart(areas: Sequence[Box]) -> list[Box]:
    """Join areas until none overlaps another, so that no face is found twice."""
    joined: list[Box] = []
    for area in areas:
        # What has grown may have come to touch another.
        while touched := [other for other in joined if other.overlap(area) > 0]:
            for other in touched:
                joined.remove(other)
                area = area.union(other)
        joined.append(area)
    return joined


def _pixels(area: Box, zone: Box, wide: int, high: int) -> Window:
    """An area within the zone and the frame, in pixels; perhaps empty."""
    return (
        math.floor(max(area.left, zone.left, 0.0) * wide),
        math.floor(max(area.top, zone.top, 0.0) * high),
        math.ceil(min(area.right, zone.right, 1.0) * wide),
        math.ceil(min(area.bottom, zone.bottom, 1.0) * high),
    )


def _sharpness(grey: Image) -> float:
    smooth = cv2.GaussianBlur(grey, (0, 0), SMOOTHING)
    return float(cv2.Laplacian(smooth, cv2.CV_64F).var())


def _box(found: Window, wide: int, high: int) -> Box:
    left, top, right, bottom = found
    return Box(
        left=min(max(left / wide, 0.0), 1.0),
        top=min(max(top / high, 0.0), 1.0),
        right=min(max(right / wide, 0.0), 1.0),
        bottom=min(max(bottom / high, 0.0), 1.0),
    )
