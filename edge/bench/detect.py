"""How fast faces are found, and whether looking only where it moves loses any.

Called by `edge.bench`. Baseline: face_recognition's face_locations, and whole frames.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import cv2
import numpy as np

from edge.bench import films
from edge.bench.face_loop import FaceLoop, rgb_of
from edge.bench.shop import CountingDetector, detector_named
from edge.core.facetrack import SeenFace
from edge.core.geometry import Box
from edge.faces.reader import Face, FacePlace, FaceReader
from edge.faces.watch import FaceWatch
from edge.sensors.halving import Halving
from edge.sensors.motion import MotionDetector
from menkou.bench import Result

LEAST_PX: Final = 55
_EVERY: Final = 3
_DETECTORS: Final = ("yunet-s", "hog")


def cases() -> Iterator[Result | str]:
    """Measure."""
    if words := films.missing(films.TWO_FACES, films.YUNET):
        yield f"detect: {words}"
        return
    cv2.setNumThreads(1)
    pictures = list(films.frames(films.data() / films.TWO_FACES))
    face = pictures[films.MEMBER_FROM + 5]
    yield from _one_picture("640x360", face)
    yield from _one_picture("1280x720", np.asarray(cv2.resize(face, films.HD), np.uint8))
    for name in _DETECTORS:
        yield _where_it_moves(name, pictures)


def _one_picture(size: str, image: films.Image) -> Iterator[Result]:
    loop, rgb = FaceLoop(), rgb_of(image)
    theirs = _milliseconds(lambda: loop.locations(rgb), 3)
    for name in _DETECTORS:
        detector = detector_named(name)
        ours = _milliseconds(lambda found=detector: found.find(image, LEAST_PX), 9)  # type: ignore[misc]
        yield Result(
            bench="detect",
            case=f"{name}, {size}, for faces of {LEAST_PX} pixels and more, 1 thread",
            value=round(ours, 2),
            unit="ms",
            baseline="face_recognition's face_locations (HOG on RGB, upsampled once)",
            baseline_value=round(theirs, 1),
            ratio=round(theirs / ours, 1),
        )


class _Everywhere:
    """Searches whole frames, whatever moves."""

    def __init__(self, reader: FaceReader) -> None:
        self._reader = reader
        self.took_s = 0.0

    def read(self, image: films.Image) -> list[Face]:
        began = time.perf_counter()
        places = self._reader.find(image)
        self.took_s += time.perf_counter() - began
        return [self._reader.cut(image, place) for place in places]


class _NoEmbedder:
    """Descriptors without a network: all faces are alike, so tracks go by place."""

    def embed(
        self, chips: films.Image, *, mirrored: bool = False
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        vector = np.zeros((len(chips), 128), np.float32)
        vector[:, 0] = 1.0
        return vector


class _Noting:
    """A reader that notes where it found faces."""

    def __init__(self, reader: FaceReader) -> None:
        self._reader = reader
        self.found: list[tuple[float, Box]] = []
        self.at_s = 0.0
        self.took_s = 0.0

    def find(
        self, image: films.Image, moving: Sequence[Box] | None = None, places: Sequence[Box] = ()
    ) -> list[FacePlace]:
        began = time.perf_counter()
        found = self._reader.find(image, moving, places)
        self.took_s += time.perf_counter() - began
        self.found += [(self.at_s, place.box) for place in found]
        return found

    def glance(self, image: films.Image, place: FacePlace) -> float:
        return self._reader.glance(image, place)

    def cut(self, image: films.Image, place: FacePlace) -> Face:
        return self._reader.cut(image, place)


def _seen(face: Face) -> SeenFace:
    return SeenFace(
        box=face.box,
        width_px=face.width_px,
        sharpness=face.sharpness,
        score=face.score,
        turned=face.turned,
    )


def _where_it_moves(name: str, pictures: Sequence[films.Image]) -> Result:
    """Compare looking where it moves with whole frames: what it takes, and whom it misses."""
    detector = CountingDetector(detector_named(name))
    reader = FaceReader(None, detector)  # type: ignore[arg-type]
    noting, everywhere = _Noting(reader), _Everywhere(reader)
    watch, motion = FaceWatch(noting, _NoEmbedder()), Halving(MotionDetector())
    whole: list[tuple[float, Face]] = []
    for number, image in enumerate(pictures):
        at_s = number / 30
        if number % 2:
            continue
        noting.at_s = at_s
        watch.look(image, bodies=(), moving=motion.detect(image, at_s), at_s=at_s)
        if number % (2 * _EVERY) == 0:
            whole += [(at_s, face) for face in everywhere.read(image)]
    present = _people(whole)
    found = sum(any(_same(at_s, box, group) for at_s, box in noting.found) for group in present)
    ours = 1000 * noting.took_s / (len(pictures) / 2)
    theirs = 1000 * everywhere.took_s / (len(pictures) / (2 * _EVERY))
    return Result(
        bench="detect",
        case=f"{name} on two-faces.mp4, 15 a second, where it moves and where a face was:"
        f" {found} of the {len(present)} people whom whole frames show are found",
        value=round(ours, 2),
        unit="ms a frame",
        baseline="every frame as a whole",
        baseline_value=round(theirs, 2),
        ratio=round(theirs / ours, 1),
    )


def _people(whole: Sequence[tuple[float, Face]]) -> list[list[tuple[float, Box]]]:
    """Group the good faces of whole frames by place: somebody in view for several looks."""
    groups: list[list[tuple[float, Box]]] = []
    for at_s, face in whole:
        if not _seen(face).good:
            continue
        mine = [group for group in groups if _same(at_s, face.box, group[-1:])]
        if mine:
            mine[0].append((at_s, face.box))
        else:
            groups.append([(at_s, face.box)])
    return [group for group in groups if len(group) > 1]


def _same(at_s: float, box: Box, group: Sequence[tuple[float, Box]]) -> bool:
    return any(
        abs(at_s - when) < 0.5 and box.overlap(other) > 0.3 * other.area for when, other in group
    )


def _milliseconds(work: Callable[[], object], times: int) -> float:
    took = []
    for _ in range(times + 1):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return sorted(took[1:])[times // 2] * 1000
