"""As many faces as wanted, spread as real people's are: for `edge.bench.match`, in memory only.

There are no 100,000 people to measure with. `Faces` are the descriptors of some real people by two
photos each. Somebody new is the mean face and a mixture of how MIXED of them differ from it, by
weights of length 1: the crowd then varies as much as the people do, in the same directions, with
near-doubles among many. Somebody seen again is their template, moved as far and in the direction in
which one real person's two photos differ.

Distances of pairs, LFW's people and the crowd (a half, 10, 1, 0.1 and 0.01 % are below)::

    people   0.548  0.465  0.403  0.362  0.330
    crowd    0.537  0.461  0.404  0.364  0.330
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.bench import films
from edge.faces.embedder import Embedder
from edge.faces.photo import PhotoRefused, load
from edge.faces.precision import chosen
from edge.faces.reader import FaceReader

PEOPLE: Final = Path("faces") / "lfw-part"
MIXED: Final = 12
PIECE: Final = 10_000  # people at once: 40 MB

Numbers = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Faces:
    """How some people look on average, how each differs from that, and from the other photo.

    float32 (128,), (people, 128), (people, 128).
    """

    mean: Numbers = field(repr=False)
    differ: Numbers = field(repr=False)
    moved: Numbers = field(repr=False)


def missing() -> str | None:
    """Say that the people's photos are not there; None when they are."""
    folder = films.data() / PEOPLE
    return None if folder.is_dir() else f"skipped, expected {folder}; set MENKOU_DATA"


def faces_of(people: int, models: Path) -> Faces:
    """Describe up to so many people; the converted network is put in `models`."""
    reader, embedder = FaceReader(), Embedder.open(models, precision=chosen("auto"))
    folders = [one for one in sorted((films.data() / PEOPLE).iterdir()) if len(_photos(one)) > 1]
    chips: list[films.Image] = []
    for folder in folders[:: max(1, len(folders) // people)][:people]:
        pair = [chip for photo in _photos(folder)[:2] for chip in _chips(reader, photo)]
        if len(pair) == 2:
            chips += pair
    seen = embedder.embed(np.stack(chips))
    templates, again = seen[0::2], seen[1::2]
    mean = np.asarray(templates.mean(axis=0), np.float32)
    return Faces(mean=mean, differ=templates - mean, moved=again - templates)


def _photos(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jpg"))


def _chips(reader: FaceReader, photo: Path) -> list[films.Image]:
    """The chip of a photo with one face; of any other none."""
    try:
        found = reader.read(load(photo, photo.name))
    except PhotoRefused:
        return []
    return [found[0].chip] if len(found) == 1 else []


def crowd(faces: Faces, count: int, chance: np.random.Generator) -> Numbers:
    """Return so many people's templates, float32 (count, 128) of length 1."""
    people = np.empty((count, len(faces.mean)), np.float32)
    for start in range(0, count, PIECE):
        size = min(PIECE, count - start)
        weights = chance.normal(size=(size, MIXED)).astype(np.float32)
        weights /= np.linalg.norm(weights, axis=1, keepdims=True)
        whose = chance.integers(0, len(faces.differ), (size, MIXED))
        mixed = np.einsum("nk,nkd->nd", weights, faces.differ[whose])
        people[start : start + size] = _unit(faces.mean + mixed)
    return people


def seen_again(faces: Faces, templates: Numbers, chance: np.random.Generator) -> Numbers:
    """Return what is seen of these people another time, float32 (N, 128) of length 1."""
    return _unit(templates + faces.moved[chance.integers(0, len(faces.moved), len(templates))])


def _unit(vectors: Numbers) -> Numbers:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)
