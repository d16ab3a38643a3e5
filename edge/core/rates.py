"""How often a stranger is taken for a member, and a member for nobody: FPIR and FNIR of a split.

Called by `edge.evaluate`; calls core.threshold. Pure: descriptors in, rates out (ISO/IEC 19795-1).

A split says who is a member, by which of their pictures, which of their others are probes, and
whose first picture is a stranger's. Rates are the mean of many splits, with a 95 % interval: of
the choice of pictures, for the people are always the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.core.threshold import MARGIN, closeness, threshold

NORMAL_95: Final = 1.96
STRANGERS_LEAST: Final = 0.3
"""Of the people: where fewer have too few pictures to be members, members are left out for it."""
FARTHEST: Final = 2.0
"""Between descriptors of length 1. Where MARGIN refuses all strangers any distance does."""

Vectors = NDArray[np.float32]
Distances = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Indices of pictures: those of each member's template, probes with whose they are, strangers.

    `owners` are places in `templates`.
    """

    templates: tuple[tuple[int, ...], ...]
    probes: tuple[int, ...]
    owners: tuple[int, ...]
    strangers: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Searched:
    """What searching a split's probes and strangers gave.

    `right` says which probes have the right member nearest; distances are to the nearest, infinite
    where the second-nearest is not MARGIN further away. `shipped` is the product's own threshold.
    """

    right: NDArray[np.bool_]
    probes: Distances
    strangers: Distances
    shipped: float

    def found(self, distance: float) -> NDArray[np.bool_]:
        """Which probes are found to be who they are, below a distance."""
        return np.asarray(self.right & (self.probes < distance))

    def fnir(self, distance: float) -> float:
        """The part of the probes that are not found, or found to be another."""
        return float(1.0 - self.found(distance).mean())

    def fpir(self, distance: float) -> float:
        """The part of the strangers that are taken for a member below a distance."""
        return float((self.strangers < distance).mean())

    def distance_at(self, fpir: float) -> float:
        """The largest distance at which no more than that part of the strangers is below."""
        place = min(int(fpir * len(self.strangers)), len(self.strangers) - 1)
        return min(float(np.sort(self.strangers)[place]), FARTHEST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean over splits, and half the width of its 95 % interval (0 for one split)."""

    value: float
    half: float


def mean_of(values: Sequence[float]) -> Mean:
    """The mean and its interval. Raises ValueError for none."""
    if not values:
        raise ValueError("mean: expected one value or more, got none")
    half = 0.0
    if len(values) > 1:
        half = NORMAL_95 * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Mean(value=float(np.mean(values)), half=half)


def candidates(people: Mapping[str, Sequence[int]], photos: int) -> list[str]:
    """Who can be a member by `photos` pictures: whoever has one more, for a probe."""
    return sorted(name for name, pictures in people.items() if len(pictures) > photos)


def split_of(
    people: Mapping[str, Sequence[int]], photos: int, seed: int, most: int | None = None
) -> Split:
    """Draw a split: members by `photos` pictures each, at most `most` of them.

    `people` are the indices of everybody's pictures. Raises ValueError when nobody can be a member
    or nobody is left to be a stranger.
    """
    chance = np.random.default_rng(seed)
    able = candidates(people, photos)
    room = len(people) - math.ceil(STRANGERS_LEAST * len(people))
    count = min(len(able), room, len(able) if most is None else most)
    if count < 1:
        raise ValueError(
            f"faces: expected somebody with more than {photos} usable pictures, and others beside"
            f" them, got {len(able)} of {len(people)} people"
        )
    members = [able[place] for place in chance.permutation(len(able))[:count]]
    templates: list[tuple[int, ...]] = []
    probes: list[int] = []
    owners: list[int] = []
    for place, name in enumerate(members):
        drawn = [int(one) for one in chance.permutation(np.asarray(people[name]))]
        templates.append(tuple(drawn[:photos]))
        probes += drawn[photos:]
        owners += [place] * (len(drawn) - photos)
    chosen = set(members)
    strangers = tuple(pictures[0] for name, pictures in people.items() if name not in chosen)
    return Split(
        templates=tuple(templates), probes=tuple(probes), owners=tuple(owners), strangers=strangers
    )


def search(split: Split, enrolled: Vectors, seen: Vectors, fpir: float) -> Searched:
    """Search a split as faces.gallery does, one frame a probe.

    `enrolled` and `seen` are the descriptors of all pictures as templates and as probes, float32
    (N, 128) of length 1; `fpir` is what the shipped threshold is asked for.
    """
    means = np.stack([enrolled[list(pictures)].mean(axis=0) for pictures in split.templates])
    gallery = means / np.linalg.norm(means, axis=1, keepdims=True)
    nearest, probes = _nearest(seen[list(split.probes)], gallery)
    _, strangers = _nearest(seen[list(split.strangers)], gallery)
    photos = len(split.templates[0])
    products = (gallery @ gallery.T)[np.triu_indices(len(gallery), 1)]
    alike = closeness(np.asarray(_apart(products), np.float32), photos)
    return Searched(
        right=nearest == np.asarray(split.owners),
        probes=probes,
        strangers=strangers,
        shipped=threshold(len(gallery), photos, 1, fpir, closeness=alike),
    )


def _nearest(vectors: Vectors, gallery: Vectors) -> tuple[NDArray[np.int64], Distances]:
    products = vectors @ gallery.T
    best = products.argmax(axis=1)
    rows = np.arange(len(products))
    nearest = _apart(products[rows, best])
    if gallery.shape[0] > 1:
        products[rows, best] = -1.0
        nearest[_apart(products.max(axis=1)) - nearest < MARGIN] = np.inf
    return np.asarray(best, np.int64), nearest


def _apart(products: Vectors) -> Distances:
    return np.asarray(np.sqrt(np.maximum(0.0, 2.0 - 2.0 * products)), np.float64)
