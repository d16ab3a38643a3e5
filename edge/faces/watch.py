"""Watches the faces before one camera: pictures in, what each face is known by out.

Called by the pipeline through ports.FaceWatcher; calls faces.reader, faces.embedder and
core.facetrack, which decides everything that needs no picture.

Faces are searched where something moves, five times a second, and in every picture where a face of
which more is to be known was a moment ago: who stands still must be known as well. A chip lives for
one call; of a descriptor only its part in the mean stays.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from edge.core.facetrack import LEAST_SHARPNESS, Evidence, FaceTracks, SeenFace
from edge.core.geometry import Box
from edge.core.presentation import PresentationCheck, Prompt
from edge.core.tracking import Track
from edge.faces.cues import Surroundings, pattern
from edge.faces.reader import Face, FacePlace, PictureUnusable
from edge.ports import Sighting, Vector

log = logging.getLogger(__name__)

Image = NDArray[np.uint8]

# So much of a face's size is added on each side of where it was.
AROUND: Final = 0.75
# Pictures that follow sooner show nothing new and cost a search: 30 a second become 15.
EVERY_S: Final = 0.05
# New faces are looked for less often than known ones are followed: somebody who walks in is in view
# for a second or more, and a look at all that moves costs ten times one at a face.
DISCOVER_S: Final = 0.2
# A face that looks less sharp than this part of what is asked is not worth cutting out: of 732
# faces of LFW that were sharp enough, many only just, a glance gave none less than this.
BLURRED: Final = 0.85
DECIDING_S: Final = 0.4  # while somebody is about to be decided on: that goes first on a slow box


class Reader(Protocol):
    """What reads the faces of one picture: faces.reader.FaceReader."""

    def read(self, image: Image, moving: Sequence[Box] | None = None) -> list[Face]:
        """Return the faces that overlap one of the boxes; of all without any."""
        ...


class Finder(Protocol):
    """What finds faces and cuts out those that are wanted: faces.reader.FaceReader, with a zone."""

    def find(
        self, image: Image, moving: Sequence[Box] | None = None, places: Sequence[Box] = ()
    ) -> list[FacePlace]:
        """Return where the faces are that overlap one of the boxes."""
        ...

    def glance(self, image: Image, place: FacePlace) -> float:
        """Return about how sharp the face there is."""
        ...

    def cut(self, image: Image, place: FacePlace) -> Face:
        """Return the face at one of these places."""
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
        check: makes the check of one face, before a camera where people stop on purpose; without
            it every face is taken for a head.
    """

    def __init__(
        self,
        reader: Finder,
        embedder: Embedding,
        first_face: int = 1,
        *,
        check: Callable[[], PresentationCheck] | None = None,
    ) -> None:
        self._reader = reader
        self._embedder = embedder
        self._tracks = FaceTracks(first_face, check)
        self._surroundings = None if check is None else Surroundings()
        self._searched_s = -math.inf
        self._discovered_s = -math.inf
        self._embedded = 0
        self._mirrored = False

    @property
    def embedded(self) -> int:
        """How many face chips were embedded so far."""
        return self._embedded

    @property
    def prompt(self) -> Prompt | None:
        """See ports.FaceWatcher."""
        return self._tracks.prompt

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
        pause_s = DECIDING_S if self._tracks.deciding else DISCOVER_S
        if at_s - self._discovered_s < pause_s - 0.001:
            moving = ()
        if not places and self._surroundings is not None:
            self._surroundings.forget()
        if not moving and not places:
            return _sightings(ended)
        self._searched_s = at_s
        if moving:
            self._discovered_s = at_s
        try:
            return _sightings(ended + self._read(image, moving, places, bodies))
        except PictureUnusable as exc:  # one bad picture must not stop the counting
            log.warning("a picture is passed over: %s", exc)
            return _sightings(ended)

    def _read(
        self, image: Image, moving: Sequence[Box], places: Sequence[Box], bodies: Sequence[Track]
    ) -> list[Evidence]:
        found = self._reader.find(image, moving, places)
        seen = [_seen(place) for place in found]
        if self._surroundings is not None:
            seen = self._measured(image, found, seen, self._surroundings)
        chips: dict[int, Image] = {}
        for index in self._tracks.wanted(seen):
            glance = self._reader.glance(image, found[index])
            if glance < BLURRED * LEAST_SHARPNESS:
                seen[index] = replace(seen[index], sharpness=glance)
                continue
            face = self._reader.cut(image, found[index])
            seen[index] = replace(seen[index], sharpness=face.sharpness, turned=face.turned)
            if seen[index].good:
                chips[index] = face.chip
        vectors: dict[int, Vector] = {}
        if chips:
            # In turns: a track's mean is then of as many views as a template's.
            together = np.stack(list(chips.values()))
            descriptors = self._embedder.embed(together, mirrored=self._mirrored)
            self._mirrored = not self._mirrored
            self._embedded += len(chips)
            vectors = dict(zip(chips, descriptors, strict=True))
        return self._tracks.update(seen, vectors, bodies)

    def _measured(
        self,
        image: Image,
        found: Sequence[FacePlace],
        seen: Sequence[SeenFace],
        surroundings: Surroundings,
    ) -> list[SeenFace]:
        """Add what tells a head from a picture; where only landmarks tell, the face is cut out."""
        bound = surroundings.measure(image, [place.square for place in found])
        measured = []
        for place, look, moves_with in zip(found, seen, bound, strict=True):
            nose, turned = place.nose, look.turned
            if place.turned is None:
                face = self._reader.cut(image, place)
                nose, turned = face.nose, face.turned
            shown = pattern(image, place.square)
            measured.append(
                replace(look, nose=nose, turned=turned, pattern=shown, bound=moves_with)
            )
        return measured

    def finish(self) -> list[Sighting]:
        """See ports.FaceWatcher."""
        if self._surroundings is not None:
            self._surroundings.forget()
        return _sightings(self._tracks.finish())


def _seen(place: FacePlace) -> SeenFace:
    return SeenFace(
        box=place.box,
        width_px=place.width_px,
        sharpness=None,
        score=place.score,
        turned=place.turned or 0.0,
    )


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
            early=one.early,
            presentation=one.presentation,
            why=one.why,
        )
        for one in evidence
    ]
