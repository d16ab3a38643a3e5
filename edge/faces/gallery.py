"""The members' templates in memory, and the search for whose face one is.

Made by app for the one process that may open templates; searched through ports.Gallery by the
pipeline, filled by whatever reads the store. Calls core.threshold and faces.search, which finds
the nearest exactly. Holds subjects, never names.
"""

from __future__ import annotations

import threading
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.core.observed import StrangerDistances
from edge.core.threshold import LIKELY_FPIR, MARGIN, SURE_FPIR, closeness, threshold
from edge.faces.search import DIMENSIONS, ROOM, Templates
from edge.ports import Match, Vector
from menkou.errors import MenkouFault

LENGTH_OFF: Final = 0.01  # from 1; float32 keeps it to 1e-6, half precision to 1e-3
# How alike the members are is judged on so many of them: 0.5 million pairs, 15 ms.
SAMPLE: Final = 1_000
CHANGED: Final = 0.1  # of the gallery: judged again when so much is new


class VectorDamaged(MenkouFault):
    """A descriptor that is not 128 finite numbers of length 1."""


class MemberGallery:
    """ports.Gallery over templates in memory. Any thread may search, add to and take from it."""

    def __init__(self, fpir: float = LIKELY_FPIR) -> None:
        """At most `fpir` of the strangers may be taken for a member."""
        self._fpir = fpir
        self._strangers = StrangerDistances()
        self._lock = threading.Lock()
        self._templates = Templates()
        self._photos: NDArray[np.int64] = np.ones(ROOM, np.int64)
        self._subjects: list[str] = []
        self._at: dict[str, int] = {}
        self._closeness = 0.0
        self._judged = 0

    def __len__(self) -> int:
        """How many members it holds."""
        return len(self._subjects)

    def match(self, vector: Vector, frames: int) -> Match | None:
        """Return the member whose face `vector` is, or None; it is the mean of `frames` frames.

        The nearest template must be near enough for a gallery of this size, and the second-nearest
        MARGIN further away. `sure` tells that one stranger in 1,000 comes so near to a member,
        otherwise a part `fpir` of them does (LFW; core.threshold). Raises VectorDamaged.
        """
        probe = _checked(vector, "face seen")
        with self._lock:
            members = len(self._subjects)
            if not members:
                return None
            # Two signs of how alike these people are; the stricter one holds.
            nearer = max(self._closeness, self._strangers.nearer())
            found = self._templates.nearest(probe)
            photos, subject = int(self._photos[found.row]), self._subjects[found.row]
        nearest = found.distance
        if found.second - nearest < MARGIN:
            return None
        if nearest >= threshold(members, photos, frames, self._fpir, closeness=nearer):
            return None
        surest = min(SURE_FPIR, self._fpir)
        sure = nearest < threshold(members, photos, frames, surest, closeness=nearer)
        return Match(subject=subject, distance=nearest, sure=sure)

    def note_stranger(self, vector: Vector, frames: int) -> None:
        """See ports.Gallery: count how near somebody came who was nobody. Raises VectorDamaged."""
        probe = _checked(vector, "face seen")
        with self._lock:
            members = len(self._subjects)
            if not members:
                return
            found = self._templates.nearest(probe)
            photos = int(self._photos[found.row])
            self._strangers.add(found.distance, members=members, photos=photos, frames=frames)

    def add(self, subject: str, vector: Vector, photos: int) -> None:
        """Take a member's template, the mean of `photos` photos; it replaces an earlier one.

        Raises VectorDamaged, and ValueError without photos; the gallery is then as before.
        """
        template = _checked(vector, f"template of {subject}")
        if photos < 1:
            raise ValueError(f"template of {subject}: expected 1 photo or more, got {photos}")
        with self._lock:
            at = self._at.get(subject)
            if at is None:
                at = len(self._subjects)
                if at == len(self._photos):
                    self._photos = np.concatenate([self._photos, np.ones_like(self._photos)])
                self._subjects.append(subject)
                self._at[subject] = at
            self._templates.put(at, template)
            self._photos[at] = photos
            self._judge()

    def remove(self, subject: str) -> bool:
        """Overwrite a member's template; False when there is none."""
        with self._lock:
            at = self._at.pop(subject, None)
            if at is None:
                return False
            last = len(self._subjects) - 1
            if at != last:
                self._photos[at] = self._photos[last]
                self._subjects[at] = self._subjects[last]
                self._at[self._subjects[at]] = at
            self._templates.take_out(at)
            self._subjects.pop()
            self._judge()
            return True

    def wipe(self) -> None:
        """Overwrite all templates; the gallery is then empty and can be filled again."""
        with self._lock:
            self._templates.wipe()
            self._subjects.clear()
            self._at.clear()
            self._closeness, self._judged = 0.0, 0
            self._strangers.clear()

    def _judge(self) -> None:
        """Take in how alike the members are and where they lie, when enough of them are new."""
        members = len(self._subjects)
        if abs(members - self._judged) <= CHANGED * self._judged:
            return
        self._judged = members
        step = max(1, members // SAMPLE)
        self._templates.settle()
        sample = self._templates.rows[::step][:SAMPLE]
        products = (sample @ sample.T)[np.triu_indices(len(sample), 1)]
        apart = np.sqrt(np.maximum(0.0, 2.0 - 2.0 * products))
        self._closeness = closeness(apart, int(np.median(self._photos[:members])) if members else 1)


def _checked(vector: Vector, whose: str) -> NDArray[np.float32]:
    """A copy of length 1. The numbers themselves are in no message."""
    if vector.shape != (DIMENSIONS,) or vector.dtype.kind != "f":
        raise VectorDamaged(
            f"{whose}: expected float32 ({DIMENSIONS},), got {vector.dtype} {vector.shape}"
        )
    length = float(np.linalg.norm(vector.astype(np.float64)))
    # Also false for what is not finite.
    if not abs(length - 1.0) <= LENGTH_OFF:
        raise VectorDamaged(
            f"{whose}: expected {DIMENSIONS} finite numbers of length 1, got length {length:.3g}"
        )
    return np.asarray(vector / np.float32(length), np.float32)
