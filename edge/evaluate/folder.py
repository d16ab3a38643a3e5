"""A folder of people to descriptors: DIR/person/picture, or DIR/group/person/picture.

Called by edge.evaluate; calls faces.photo, reader and embedder through what it is given. A picture
that cannot be used is named, with the reason, and the rest goes on. Nothing is written anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.faces.embedder import Embedder
from edge.faces.photo import NoFace, PhotoRefused, load
from edge.faces.reader import Face, PictureUnusable
from edge.faces.watch import Reader
from menkou.errors import MenkouFault

HIDDEN: Final = "."
BATCH: Final = 32

Vectors = NDArray[np.float32]


class FolderFault(MenkouFault):
    """A folder in which nothing can be measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody's pictures. `group` is None where the folder names none."""

    name: str
    group: str | None
    pictures: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Described:
    """The descriptors of all usable pictures, and whose they are.

    `enrolled` and `seen`: float32 (N, 128), as templates and as probes. `people`: the rows of each
    person, by group and name. `refused`: pictures that could not be used, and why.
    """

    enrolled: Vectors = field(repr=False)
    seen: Vectors = field(repr=False)
    people: dict[str, tuple[int, ...]]
    groups: dict[str, str]
    refused: tuple[str, ...]


def people_of(folder: Path) -> list[Person]:
    """Everybody in a folder, by name.

    Raises FolderFault: there is none, nobody in it, or a folder in it cannot be read.
    """
    try:
        if not folder.is_dir():
            raise FolderFault(f"{folder}: expected a folder of people, found none; check the path")
        found = _people(folder)
    except OSError as exc:
        raise FolderFault(
            f"{exc.filename}: expected a folder that can be read, got {exc.strerror}"
        ) from exc
    if not found:
        raise FolderFault(
            f"{folder}: expected a folder for each person with pictures in it, found none;"
            " make DIR/person/1.jpg or DIR/group/person/1.jpg"
        )
    return found


def _people(folder: Path) -> list[Person]:
    found: list[Person] = []
    for first in _folders(folder):
        if pictures := _files(first):
            found.append(Person(name=first.name, group=None, pictures=pictures))
        found += [
            Person(name=f"{first.name}/{second.name}", group=first.name, pictures=inside)
            for second in _folders(first)
            if (inside := _files(second))
        ]
    return found


def describe(
    people: Sequence[Person],
    reader: Reader,
    embedder: Embedder,
    told: Callable[[int, int], None] = lambda done, count: None,
) -> Described:
    """Turn everybody's pictures into descriptors; `told` hears how many pictures are done.

    Of several faces in a picture the one nearest to its middle counts. Raises FolderFault: no
    picture shows a face.
    """
    count = sum(len(person.pictures) for person in people)
    enrolled: list[Vectors] = []
    seen: list[Vectors] = []
    rows: dict[str, list[int]] = {}
    refused: list[str] = []
    chips: list[NDArray[np.uint8]] = []

    def embed() -> None:
        if chips:
            together = np.stack(chips)
            enrolled.append(embedder.enrol(together))
            seen.append(embedder.embed(together))
            chips.clear()

    row = done = 0
    for person in people:
        for path in person.pictures:
            name = f"{person.name}/{path.name}"
            try:
                chips.append(_middle_face(reader, load(path, name), name))
            except PhotoRefused as exc:
                refused.append(str(exc))
            except PictureUnusable as exc:
                refused.append(f"{name}: {exc}")
            else:
                rows.setdefault(person.name, []).append(row)
                row += 1
            done += 1
            told(done, count)
            if len(chips) == BATCH:
                embed()
    embed()
    if not row:
        raise FolderFault(
            f"expected faces in the pictures, found none in {count}; the first: {refused[0]}"
        )
    return Described(
        enrolled=np.concatenate(enrolled),
        seen=np.concatenate(seen),
        people={name: tuple(places) for name, places in rows.items()},
        groups={one.name: one.group for one in people if one.group and one.name in rows},
        refused=tuple(refused),
    )


def _middle_face(reader: Reader, picture: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    faces = reader.read(picture)
    if not faces:
        raise NoFace(f"{name}: expected a face from the front, 60 pixels wide or more, found none")

    def off(face: Face) -> float:
        x, y = face.box.centre
        return (x - 0.5) ** 2 + (y - 0.5) ** 2

    return min(faces, key=off).chip


def _folders(folder: Path) -> list[Path]:
    return sorted(
        one for one in folder.iterdir() if one.is_dir() and not one.name.startswith(HIDDEN)
    )


def _files(folder: Path) -> tuple[Path, ...]:
    return tuple(
        sorted(one for one in folder.iterdir() if one.is_file() and not one.name.startswith(HIDDEN))
    )
