"""How well a box recognises the people of a folder: `menkou-edge evaluate`. Called by its command.

    folder -> describe (the box's own detector and embedder) -> core.rates, many splits -> Report
                                                             -> dedup
    people -> presentation (drawn films, the box's own check)
    Report -> words or JSON lines; plot -> PNG

Each section is a function of what was described that gives rows, an entry in `SECTIONS`. The model
is made in a temporary folder, nothing is kept.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from edge.core.rates import Mean, Searched, Split, candidates, mean_of, search, split_of
from edge.core.threshold import SAME_STRANGER
from edge.evaluate.dedup import count, visits_of
from edge.evaluate.folder import Described, FolderFault, describe, people_of
from edge.evaluate.presentation import portraits, present
from edge.faces.detector import YunetDetector
from edge.faces.embedder import Embedder
from edge.faces.precision import Wanted, chosen
from edge.faces.reader import FaceReader
from edge.models.manifest import content, read_manifest

SPLITS: Final = 20
PHOTOS: Final = (1, 3)
"""By how many pictures the members are enrolled, unless the caller says."""
FPIRS: Final = (0.001, 0.003, 0.01, 0.03, 0.1)
GROUP_LEAST: Final = 5
"""Fewer strangers or probes of a group say nothing about it."""

Row = dict[str, str | int | float]
Told = Callable[[int, int], None]


def _silent(done: int, count: int) -> None:
    """Tell nobody how far it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be measured: see `menkou-edge evaluate --help`.

    `models` is the folder of a box's fetched models: presentations are then read by its YuNet.
    `shown` hears how many of them are done.
    """

    folder: Path
    fpir: float = 0.01
    photos: tuple[int, ...] = PHOTOS
    members: int | None = None
    splits: int = SPLITS
    precision: Wanted = "auto"
    presentations: int = 0
    models: Path | None = None
    shown: Told = _silent


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """The splits of one way to enrol, searched."""

    photos: int
    splits: tuple[Split, ...]
    searched: tuple[Searched, ...]

    def fnir_at(self, fpir: float) -> Mean:
        """Return the misses at a true FPIR, over the splits."""
        return mean_of([one.fnir(one.distance_at(fpir)) for one in self.searched])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Report:
    """What came out: rows for people and machines, and what the plot shows."""

    described: Described
    measured: tuple[Measured, ...]
    rows: tuple[Row, ...]


def run(wish: Wish, told: Told = _silent) -> Report:
    """Measure a folder; `told` hears how many pictures are done.

    Raises:
        FolderFault: there is nothing to measure in it.
        edge.models.manifest.ModelFault: a model is missing, or is not what the manifest says.
        edge.faces.dlib_file.FaceModelFault: the models cannot be loaded.
    """
    people = people_of(wish.folder)
    _yunet(wish)  # minutes later is too late to say that it is missing
    with tempfile.TemporaryDirectory(prefix="menkou-evaluate-") as name:
        embedder = Embedder.open(Path(name), precision=chosen(wish.precision))
    described = describe(people, FaceReader(), embedder, told)
    measured = tuple(
        _measured(described, wish, photos)
        for photos in wish.photos
        if candidates(described.people, photos)
    )
    if not measured or len(described.people) < 2:
        raise FolderFault(
            f"{wish.folder}: expected somebody with {min(wish.photos) + 1} or more usable pictures,"
            f" and others beside them, got {len(described.people)} people with at most"
            f" {max(len(rows) for rows in described.people.values())}"
        )
    rows = tuple(row for section in SECTIONS for row in section(described, measured, wish))
    return Report(described=described, measured=measured, rows=rows)


def _measured(described: Described, wish: Wish, photos: int) -> Measured:
    splits = tuple(
        split_of(described.people, photos, seed, wish.members) for seed in range(wish.splits)
    )
    searched = tuple(
        search(split, described.enrolled, described.seen, wish.fpir) for split in splits
    )
    return Measured(photos=photos, splits=splits, searched=searched)


def _percent(name: str, mean: Mean) -> Row:
    """A rate with its interval, in percent."""
    return {name: round(100 * mean.value, 3), f"{name}_half": round(100 * mean.half, 3)}


def _size(one: Measured) -> Row:
    split = one.splits[0]
    return {
        "photos": one.photos,
        "members": len(split.templates),
        "probes": len(split.probes),
        "strangers": len(split.strangers),
        "splits": len(one.splits),
    }


def _rates(described: Described, measured: tuple[Measured, ...], wish: Wish) -> Iterator[Row]:
    """Misses at a true FPIR, whatever the distance."""
    for one in measured:
        least = 1 / len(one.splits[0].strangers)  # the least rate that so many can show
        for fpir in sorted({*(rate for rate in FPIRS if rate >= least), wish.fpir}):
            yield {
                "evaluate": "rates",
                **_size(one),
                "fpir": round(100 * fpir, 3),
                **_percent("fnir", one.fnir_at(fpir)),
                "distance": round(mean_of([s.distance_at(fpir) for s in one.searched]).value, 4),
            }


def _shipped(described: Described, measured: tuple[Measured, ...], wish: Wish) -> Iterator[Row]:
    """What the box's own threshold gives, which knows the gallery's size and nothing else."""
    for one in measured:
        yield {
            "evaluate": "threshold",
            **_size(one),
            "asked": round(100 * wish.fpir, 3),
            "distance": round(mean_of([s.shipped for s in one.searched]).value, 4),
            **_percent("fpir", mean_of([s.fpir(s.shipped) for s in one.searched])),
            **_percent("fnir", mean_of([s.fnir(s.shipped) for s in one.searched])),
        }


def _groups(described: Described, measured: tuple[Measured, ...], wish: Wish) -> Iterator[Row]:
    """The same for each group, all people together being the gallery."""
    names = sorted(set(described.groups.values()))
    group_of = {
        row: described.groups.get(name, "")
        for name, rows in described.people.items()
        for row in rows
    }
    for one in measured:
        for group in names:
            taken, found = [0, 0], [0, 0]
            for split, searched in zip(one.splits, one.searched, strict=True):
                wrong = searched.strangers < searched.shipped
                right = searched.found(searched.shipped)
                mine = np.asarray([group_of[row] == group for row in split.strangers])
                own = np.asarray([group_of[row] == group for row in split.probes])
                taken[0] += int(wrong[mine].sum())
                taken[1] += int(mine.sum())
                found[0] += int(right[own].sum())
                found[1] += int(own.sum())
            if min(taken[1], found[1]) < GROUP_LEAST * len(one.splits):
                continue
            yield {
                "evaluate": "group",
                "group": group,
                "photos": one.photos,
                "probes": found[1] // len(one.splits),
                "strangers": taken[1] // len(one.splits),
                "fpir": round(100 * taken[0] / taken[1], 3),
                "fnir": round(100 * (1 - found[0] / found[1]), 3),
            }


def _dedup(described: Described, measured: tuple[Measured, ...], wish: Wish) -> Iterator[Row]:
    """Strangers who return, by the threshold for strangers."""
    days = [visits_of(described.people, seed) for seed in range(wish.splits)]
    drawn = [day for day in days if day is not None]
    if not drawn:
        return
    counted = [count(day, described.enrolled, SAME_STRANGER) for day in drawn]
    mean = mean_of([one.counted for one in counted])
    yield {
        "evaluate": "dedup",
        "visits": len(drawn[0]),
        "visitors": len({name for name, _ in drawn[0]}),
        "splits": len(drawn),
        "distance": SAME_STRANGER,
        "counted": round(mean.value, 4),
        "counted_half": round(mean.half, 4),
        **_percent("swallowed", mean_of([one.swallowed for one in counted])),
    }


def _presentation(
    described: Described, measured: tuple[Measured, ...], wish: Wish
) -> Iterator[Row]:
    """What passes the check before a check-in camera: pictures held up, and heads."""
    if not wish.presentations:
        return
    yunet = _yunet(wish)
    reader = FaceReader(detector=yunet)
    faces = portraits(people_of(wish.folder), reader, wish.presentations)
    if not faces:
        return
    for one in present(faces, reader, asked=yunet is not None, told=wish.shown):
        low, high = one.interval
        yield {
            "evaluate": "presentation",
            "kind": one.kind,
            "detector": "hog" if yunet is None else "yunet-s",
            "asked": int(one.asked),
            "shown": one.shown,
            "wrong": one.wrong,
            "measure": "bpcer" if one.kind == "head" else "apcer",
            "rate": round(100 * one.wrong / one.shown, 1),
            "low": round(100 * low, 1),
            "high": round(100 * high, 1),
        }


def _yunet(wish: Wish) -> YunetDetector | None:
    """What asks guests to turn, where its folder was named. Raises ModelFault: it is not there."""
    if wish.models is None:
        return None
    return YunetDetector(content(read_manifest().of("yunet-s"), wish.models))


Section = Callable[[Described, tuple[Measured, ...], Wish], Iterator[Row]]
SECTIONS: Final[tuple[Section, ...]] = (_rates, _shipped, _groups, _dedup, _presentation)
"""What is measured of a folder, in the order of the report."""
