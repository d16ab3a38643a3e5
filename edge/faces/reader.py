"""Finds faces in a picture and cuts them out upright, for the embedder. Stores nothing.

Called by the camera loop of a box that recognises; calls dlib, OpenCV and core.geometry.

dlib's HOG detector (King 2009-2017, in the wheel) looks at the grey picture without upsampling:
faces from about 60 pixels width (measured: 88 % found at 60, all at 80; 13 ms at 640x480). Five
landmarks turn the face upright. The 68-point model is not used: its training data forbids commerce.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.core.geometry import Box, Polygon
from edge.faces.dlib_file import LANDMARKS, FaceModelFault, model_path, verified

CHIP: Final = 170  # pixels: 150 as the network was trained, and what its wide view needs
PADDING: Final = 0.35  # of the face's size around it; 0.25 in the middle 150
TRIM: Final = 10  # pixels on each side that sharpness does not look at
SMALLEST: Final = 40  # pixels; nothing narrower can hold a face that HOG finds
SMOOTHING: Final = 1.5  # pixels of the chip, before sharpness is judged
MARGIN: Final = 0.15  # of the frame's shorter side: how far a face may stick out of where we look
# Larger areas are shrunk for the search: a picture of any size costs no more than one of this.
MOST_PIXELS: Final = 1920 * 1080

Image = NDArray[np.uint8]
Window = tuple[int, int, int, int]  # left, top, right, bottom in pixels


class PictureUnusable(ValueError):
    """A picture that is not BGR uint8 (height, width, 3), or that OpenCV or dlib refused."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Face:
    """A face in a picture. It is biometric: it lives in memory, for one person's passing by.

    `box` is clipped to the frame, in fractions of it. `chip` is RGB uint8 (170, 170, 3), the eyes
    level. `width_px` is the face's width in the picture before clipping. `sharpness` is the
    variance of the chip's Laplacian of Gaussian in grey levels squared (Pech-Pacheco 2000, smoothed
    so that a dark camera's noise is not taken for detail); a small face is enlarged into its chip,
    so it is low there as well. `score` is HOG's, 0 at its threshold.
    """

    box: Box
    chip: Image = field(repr=False)  # never into a log by accident
    width_px: int
    sharpness: float
    score: float


class FaceReader:
    """Faces whose middle lies in `zone` (anywhere, without one). Not thread-safe: dlib's is not."""

    def __init__(self, zone: Polygon | None = None) -> None:
        """Load the detector and the landmarks. Raises FaceModelFault."""
        self._zone = zone
        path = model_path(LANDMARKS)
        verified(path)
        try:
            import dlib

            self._dlib: Any = dlib
            self._detector = dlib.get_frontal_face_detector()
            self._landmarks = dlib.shape_predictor(str(path))
        except ImportError as exc:
            raise FaceModelFault(
                f"faces: expected the package dlib-bin, got {exc}; pip install 'menkou[edge]'"
            ) from exc
        except RuntimeError as exc:
            raise FaceModelFault(f"{path}: expected landmarks for dlib, got {exc}") from exc

    def read(self, image: Image, moving: Sequence[Box] | None = None) -> list[Face]:
        """The faces in a picture, BGR uint8 (height, width, 3); the largest first.

        With `moving`, only faces that overlap one of these boxes; an empty list means that nothing
        moves, so nothing is searched. Raises PictureUnusable.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
            raise PictureUnusable(
                f"picture: expected uint8 (height, width, 3), got {image.dtype} {image.shape}"
            )
        window = self._window(image.shape[0], image.shape[1], moving)
        if window is None:
            return []
        try:
            return self._read(np.ascontiguousarray(image), window, moving)
        except (cv2.error, RuntimeError) as exc:
            raise PictureUnusable(f"picture of {image.shape}: {exc}") from exc

    def _read(self, image: Image, window: Window, moving: Sequence[Box] | None) -> list[Face]:
        high, wide = image.shape[:2]
        faces: list[Face] = []
        rgb: Image | None = None
        for found, score in self._search(image, window):
            box = _box(found, wide, high)
            if not self._wanted(box, moving):
                continue
            if rgb is None:  # most pictures hold no face and save this
                rgb = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
            chip = self._chip(rgb, found)
            width, sharp = found[2] - found[0], _sharpness(chip)
            faces.append(Face(box=box, chip=chip, width_px=width, sharpness=sharp, score=score))
        return sorted(faces, key=lambda face: -face.width_px)

    def _window(self, high: int, wide: int, moving: Sequence[Box] | None) -> Window | None:
        """The pixels to search; None when there is nothing to find in them."""
        frame = Box(left=0.0, top=0.0, right=1.0, bottom=1.0)
        areas = [frame]
        if self._zone is not None:
            xs, ys = zip(*self._zone.corners, strict=True)
            areas.append(Box(left=min(xs), top=min(ys), right=max(xs), bottom=max(ys)))
        if moving is not None:
            if not moving:
                return None
            around = moving[0]
            for body in moving[1:]:
                around = around.union(body)
            areas.append(around)
        margin = MARGIN * min(high, wide)
        grown = [frame] + [area.grown(margin / wide, margin / high) for area in areas[1:]]
        left = math.floor(max(area.left for area in grown) * wide)
        top = math.floor(max(area.top for area in grown) * high)
        right = math.ceil(min(area.right for area in grown) * wide)
        bottom = math.ceil(min(area.bottom for area in grown) * high)
        return (left, top, right, bottom) if min(right - left, bottom - top) >= SMALLEST else None

    def _search(self, image: Image, window: Window) -> list[tuple[Window, float]]:
        """(face in pixels of the picture, score); may stick out of the picture."""
        left, top, right, bottom = window
        part = image[top:bottom, left:right]
        shrink = min(1.0, math.sqrt(MOST_PIXELS / (part.shape[0] * part.shape[1])))
        if shrink < 1.0:
            size = (round(part.shape[1] * shrink), round(part.shape[0] * shrink))
            part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
        grey = cv2.cvtColor(part, cv2.COLOR_BGR2GRAY)
        rectangles, scores, _ = self._detector.run(grey, 0, 0.0)
        return [
            (
                (
                    left + round(face.left() / shrink),
                    top + round(face.top() / shrink),
                    left + round((face.right() + 1) / shrink),  # dlib's right and bottom lie inside
                    top + round((face.bottom() + 1) / shrink),
                ),
                float(score),
            )
            for face, score in zip(rectangles, scores, strict=True)
        ]

    def _wanted(self, box: Box, moving: Sequence[Box] | None) -> bool:
        if self._zone is not None and not self._zone.contains(box.centre):
            return False
        return moving is None or any(box.overlap(body) > 0 for body in moving)

    def _chip(self, rgb: Image, found: Window) -> Image:
        left, top, right, bottom = found
        face = self._dlib.rectangle(left, top, right - 1, bottom - 1)
        shape = self._landmarks(rgb, face)
        return np.asarray(self._dlib.get_face_chip(rgb, shape, CHIP, PADDING), np.uint8)


def _sharpness(chip: Image) -> float:
    middle = np.ascontiguousarray(chip[TRIM:-TRIM, TRIM:-TRIM])
    smooth = cv2.GaussianBlur(cv2.cvtColor(middle, cv2.COLOR_RGB2GRAY), (0, 0), SMOOTHING)
    return float(cv2.Laplacian(smooth, cv2.CV_64F).var())


def _box(found: Window, wide: int, high: int) -> Box:
    left, top, right, bottom = found
    return Box(
        left=min(max(left / wide, 0.0), 1.0),
        top=min(max(top / high, 0.0), 1.0),
        right=min(max(right / wide, 0.0), 1.0),
        bottom=min(max(bottom / high, 0.0), 1.0),
    )
