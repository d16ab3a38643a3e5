"""Watches the faces before one camera: pictures in, what each face is known by out.

Called by the pipeline through ports.FaceWatcher; calls faces.reader, faces.embedder and
core.facetrack, which decides everything that needs no picture.

Faces are searched where something moves, and where a face was a moment ago: who stands still must
be known as well. A chip lives for one call; of a descriptor only its part in the mean stays.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from edge.core.facetrack import Evidence, FaceTracks, SeenFace
from edge.core.geometry import Box
from edge.core.tracking import Track
from edge.faces.reader import Face, PictureUnusable
from edge.ports import Sighting, Vector

log = logging.getLogger(__name__)

Image = NDArray[np.uint8]

# Half of a face's size is added on each side of where it was.
AROUND: Final = 0.5
# Pictures that follow sooner show nothing new and cost a search: 30 a second become 15.
EVERY_S: Final = 0.05


class Reader(Protocol):
    """What finds faces: faces.reader.FaceReader, with the camera's zone."""

    def read(self, image: Image, moving: Sequence[Box] | None = None) -> list[Face]:
        """Return the faces that overlap one of the boxes."""
        ...


class Embedding(Protocol):
    """What turns chips into descriptors: faces.embedder.Embedder."""

    def embed(self, chips: Image, *, mirrored: bool = False) -> NDArray[np.float32]:
        """Return float32 (N, 128) of length 1 for chips uint8 (N, 170, 170, 3)."""
        ...


class FaceWatch:
    """ports.FaceWatcher of one camera. Not thread-safe; deterministic.

    Args:
        reader: finds faces, in the camera's zone only.
        embedder: gives descriptors.
        first_face: number of the first face track; several watches that share numbers go on
            from each other's `next_face`.
    """

    def __init__(self, reader: Reader, embedder: Embedding, first_face: int = 1) -> None:
        self._reader = reader
        self._embedder = embedder
        self._tracks = FaceTracks(first_face)
        self._searched_s = -math.inf
        self._embedded = 0
        self._mirrored = False

    @property
    def embedded(self) -> int:
        """How many face chips were embedded so far."""
        return self._embedded

    def look(
        self,
        image: Image,
        *,
        bodies: Sequence[Track],
        moving: Sequence[Box],
        at_s: float,
    ) -> list[Sighting]:
        """See ports.FaceWatcher. Raises ValueError when the time runs backwards."""
        ended = self._tracks.begin(at_s)
        # A millisecond: times are rounded on their way here.
        if at_s - self._searched_s < EVERY_S - 0.001:
            return _sightings(ended)
        places = [_around(box) for box in self._tracks.places()]
        if not moving and not places:
            return _sightings(ended)
        self._searched_s = at_s
        try:
            faces = self._reader.read(image, [*moving, *places])
        except PictureUnusable as exc:  # one bad picture must not stop the counting
            log.warning("a picture is passed over: %s", exc)
            return _sightings(ended)
        seen = [
            SeenFace(
                box=face.box, width_px=face.width_px, sharpness=face.sharpness, score=face.score
            )
            for face in faces
        ]
        wanted = self._tracks.wanted(seen)
        vectors: dict[int, Vector] = {}
        if wanted:
            chips = np.stack([faces[index].chip for index in wanted])
            # In turns: a track's mean is then of as many views as a template's.
            descriptors = self._embedder.embed(chips, mirrored=self._mirrored)
            self._mirrored = not self._mirrored
            self._embedded += len(wanted)
            vectors = dict(zip(wanted, descriptors, strict=True))
        return _sightings(ended + self._tracks.update(seen, vectors, bodies))

    def finish(self) -> list[Sighting]:
        """See ports.FaceWatcher."""
        return _sightings(self._tracks.finish())


def _around(box: Box) -> Box:
    return box.grown(AROUND * box.width, AROUND * box.height)


def _sightings(evidence: Sequence[Evidence]) -> list[Sighting]:
    return [
        Sighting(
            face=one.face,
            body=one.body,
            at_s=one.at_s,
            vector=one.vector,
            frames=one.frames,
            ended=one.ended,
        )
        for one in evidence
    ]
