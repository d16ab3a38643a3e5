"""How well strangers who return are known again: visitors counted, and new ones swallowed.

Called by edge.evaluate. Only photos exist, so a visit's track is a photo: its thorough descriptor,
which is what a track's mean holds that has frames of both kinds (faces.watch). Who returns does
so by another photo, often of another year; within three hours people are more alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

VISITS: Final = 500
RETURNING: Final = 0.2

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Visitors `counted` for each that there was; the part of the new ones that was `swallowed`."""

    counted: float
    swallowed: float


def visits_of(people: Mapping[str, Sequence[int]], seed: int) -> list[tuple[str, int]] | None:
    """Draw visits in order: who comes, by which picture. None when there are too few people.

    A fifth of VISITS are second visits; fewer in proportion where the folder has fewer people.
    """
    chance = np.random.default_rng(seed)
    both = sorted(name for name, pictures in people.items() if len(pictures) > 1)
    new = min(round(VISITS * (1 - RETURNING)), len(people))
    back = round(new * RETURNING / (1 - RETURNING))
    if not back or len(both) < back:
        return None
    returning = [both[place] for place in chance.permutation(len(both))[:back]]
    others = sorted(people.keys() - set(returning))
    once = [others[place] for place in chance.permutation(len(others))[: new - back]]
    moments: list[tuple[float, str, int]] = []
    for name in (*returning, *once):
        drawn = chance.permutation(np.asarray(people[name]))
        first = chance.random()
        moments.append((first, name, int(drawn[0])))
        if name in returning:
            moments.append((first + (1 - first) * chance.random(), name, int(drawn[1])))
    return [(name, picture) for _, name, picture in sorted(moments)]


def count(visits: Sequence[tuple[str, int]], vectors: Vectors, same: float) -> Counted:
    """Count visits as faces.strangers does: known again when nearer than `same` to the nearest."""
    kept = np.zeros((len(visits), vectors.shape[1]), np.float32)
    known = swallowed = 0
    came: set[str] = set()
    for name, picture in visits:
        vector = vectors[picture]
        likeness = float((kept[:known] @ vector).max(initial=-1.0))
        if np.sqrt(max(0.0, 2.0 - 2.0 * likeness)) < same:
            swallowed += name not in came
        else:
            kept[known] = vector
            known += 1
        came.add(name)
    return Counted(counted=known / len(came), swallowed=swallowed / len(came))
