"""What finds faces in a part of a picture: dlib's HOG, always there, and YuNet, which is fetched.

Called by `edge.faces.reader`; calls dlib, onnxruntime and OpenCV. A detector is told how wide the
narrowest useful face is and searches at the resolution that this face needs, no finer.

HOG (King 2009-2017, in the wheel) looks at the grey picture without upsampling: faces from about 60
pixels width (measured: 88 % found at 60, all at 80; 13 ms at 640x480). YuNet (Wu et al. 2023) finds
them from 24 pixels (87 %; 98 % at 32). It runs by onnxruntime: the same boxes as by OpenCV's own
FaceDetectorYN, to the last bit but rounding, in half of the time (5.5 against 11.2 ms at 640x360).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.faces.dlib_file import FaceModelFault
from edge.faces.session import session_of
from edge.shrink import shrunk

Image = NDArray[np.uint8]
Point = NDArray[np.floating[Any]]

# Larger pictures are shrunk for the search: one of any size costs no more than one of this.
MOST_PIXELS: Final = 1920 * 1080
HOG_WIDTH_PX: Final = 80  # of a face that HOG always finds
YUNET_WIDTH_PX: Final = 33  # of a face, as HOG measures it, that YuNet-s finds in 99 of 100
YUNET_SCORE: Final = 0.6  # OpenCV's example; below are hands and patterns
YUNET_OVERLAP: Final = 0.3  # of two boxes of one face, at least
_STRIDES: Final = (8, 16, 32)
_OUTPUTS: Final = ("cls", "obj", "bbox", "kps")
_MULTIPLE: Final = 32  # pixels; YuNet's sides
# From YuNet's box, hair to chin, to HOG's square, brows to chin, on which the landmarks were
# trained: the mean over 284 faces of LFW. The descriptors then differ by 0.023 in the mean.
_CENTRE: Final = (0.5, 0.553)
_SIDE: Final = 0.986


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """A face: the square that HOG would give, in pixels of the picture; it may stick out.

    `score` is 0 at the detector's threshold and grows with certainty. `turned` as faces.reader.Face
    has it, where the detector tells: YuNet's points know a profile, dlib's fit one as a front.
    `points` (5, 2), in pixels of the picture: the person's right eye, left eye, nose tip, right
    and left corner of the mouth; None where the detector gives none.
    """

    left: float
    top: float
    side: float
    score: float
    turned: float | None = None
    points: Point | None = None


class Detector(Protocol):
    """Finds faces in a picture. Not thread-safe."""

    def find(self, image: Image, least_px: float) -> list[Found]:
        """Return the faces in BGR uint8 (H, W, 3); those `least_px` wide are to be found."""
        ...


class HogDetector:
    """dlib's frontal face detector."""

    def __init__(self) -> None:
        """Load it. Raises FaceModelFault."""
        try:
            import dlib
        except ImportError as exc:
            raise FaceModelFault(
                f"faces: expected the package dlib-bin, got {exc}; pip install 'menkou[edge]'"
            ) from exc
        self._detector: Any = dlib.get_frontal_face_detector()

    def find(self, image: Image, least_px: float) -> list[Found]:
        """See Detector. Raises RuntimeError: dlib refused the picture."""
        part, scale = _shrunk(image, least_px / HOG_WIDTH_PX)
        rectangles, scores, _ = self._detector.run(cv2.cvtColor(part, cv2.COLOR_BGR2GRAY), 0, 0.0)
        return [
            Found(
                left=face.left() * scale,
                top=face.top() * scale,
                side=face.width() * scale,
                score=float(score),
            )
            for face, score in zip(rectangles, scores, strict=True)
        ]


class YunetDetector:
    """YuNet, of either size."""

    def __init__(self, model: bytes, threads: int = 1) -> None:
        """`model` is the ONNX file's content. Raises FaceModelFault when it is no YuNet."""
        self._session = session_of(model, threads)
        self._names = [output.name for output in self._session.get_outputs()]
        wanted = {f"{kind}_{stride}" for kind in _OUTPUTS for stride in _STRIDES}
        inputs = [(put.name, put.type) for put in self._session.get_inputs()]
        if not wanted <= set(self._names) or inputs != [("input", "tensor(float)")]:
            raise FaceModelFault(
                f"face detector: expected YuNet's outputs {', '.join(_OUTPUTS)}, got"
                f" {', '.join(self._names[:4])}; run menkou-edge models verify"
            )

    def find(self, image: Image, least_px: float) -> list[Found]:
        """See Detector."""
        part, scale = _shrunk(image, least_px / YUNET_WIDTH_PX)
        high, wide = (-(-side // _MULTIPLE) * _MULTIPLE for side in part.shape[:2])
        planes = np.zeros((1, 3, high, wide), np.float32)
        planes[0, :, : part.shape[0], : part.shape[1]] = part.transpose(2, 0, 1)
        made = dict(zip(self._names, self._session.run(None, {"input": planes}), strict=True))
        boxes, scores, points = _decoded(made, wide, high)
        if not len(scores):
            return []
        kept = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), YUNET_SCORE, YUNET_OVERLAP)
        return [_found(boxes[i] * scale, float(scores[i]), points[i] * scale) for i in kept]


def _decoded(
    made: dict[str, Any], wide: int, high: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Boxes (N, 4) as left, top, width, height in pixels, scores (N,), points (N, 5, 2) in pixels.

    As OpenCV's FaceDetectorYN decodes them.
    """
    joined = [
        np.concatenate([made[f"{kind}_{stride}"][0] for stride in _STRIDES]) for kind in _OUTPUTS
    ]
    sure, there, boxes, points = joined
    score = np.sqrt(np.clip(sure[:, 0], 0, 1) * np.clip(there[:, 0], 0, 1))
    found = np.flatnonzero(score > YUNET_SCORE)
    cells, strides = _grid(wide, high)
    cell, stride, raw = cells[found], strides[found], boxes[found]
    size = np.exp(raw[:, 2:]) * stride
    corner = (cell + raw[:, :2]) * stride - size / 2
    five = (points[found].reshape(-1, 5, 2) + cell[:, None]) * stride[:, None]
    return np.hstack([corner, size]), score[found], five


@lru_cache(maxsize=64)
def _grid(wide: int, high: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(column and row (N, 2), stride (N, 1)) of each place of an input, in YuNet's order."""
    cells, strides = [], []
    for stride in _STRIDES:
        row, column = np.divmod(np.arange((high // stride) * (wide // stride)), wide // stride)
        cells.append(np.stack([column, row], axis=1).astype(np.float32))
        strides.append(np.full((len(row), 1), stride, np.float32))
    return np.concatenate(cells), np.concatenate(strides)


def _found(box: NDArray[np.float32], score: float, points: NDArray[np.float32]) -> Found:
    left, top, wide, high = (float(number) for number in box)
    side = _SIDE * math.sqrt(max(1.0, wide * high))
    return Found(
        left=left + _CENTRE[0] * wide - side / 2,
        top=top + _CENTRE[1] * high - side / 2,
        side=side,
        score=score - YUNET_SCORE,
        turned=turned(points[0], points[1], points[2]),
        points=points,
    )


def turned(one: Point, other: Point, nose: Point) -> float:
    """How far the nose stands beside the middle of the eyes, in distances between these."""
    axis = other - one
    return abs(float((nose - (one + other) / 2) @ axis)) / max(float(axis @ axis), 1e-6)


def _shrunk(image: Image, by: float) -> tuple[Image, float]:
    """(the picture made smaller by a factor, or by more where it is huge; that factor)."""
    by = max(1.0, by, math.sqrt(image.shape[0] * image.shape[1] / MOST_PIXELS))
    return shrunk(image, by), by
