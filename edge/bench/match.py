"""How fast a face is searched for among many, and whether exactly: `menkou-edge bench match`.

Called by `edge.bench`. Baselines: a list of float64 vectors, as face_recognition's face_distance
takes it, and one float32 product over all templates; all by one thread, in turns. Half of those
who are searched for are members seen again, half are nobody's (`edge.bench.crowd`).
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from edge.bench.crowd import Faces, Numbers, crowd, faces_of, missing, seen_again
from edge.faces.search import Nearest, Templates
from menkou.bench import Result

SIZES: Final = (1_000, 10_000, 20_000, 100_000)
SEARCHES: Final = 1_000
PEOPLE: Final = 300
_BASELINE_EVERY: Final = 100
"""The list takes a tenth of a second for each search among 100,000."""
_SEED: Final = 20261122
_PIECE: Final = 10_000  # templates compared at once: 80 MB in float64

Wide = NDArray[np.float64]


def cases(sizes: Sequence[int] = SIZES) -> Iterator[Result | str]:
    """Measure searches among so many members, for each of the sizes."""
    if words := missing():
        yield f"match: {words}"
        return
    with (
        threadpool_limits(1),
        tempfile.TemporaryDirectory(prefix="menkou-bench-") as name,
    ):
        faces = faces_of(PEOPLE, Path(name))
        for size in sizes:
            yield from _among(size, faces)


def face_distance(encodings: Sequence[Wide], probe: Wide) -> Wide:
    """Compare as face_recognition documents it: a list of float64 vectors (its api.py)."""
    return np.asarray(np.linalg.norm(np.asarray(encodings) - probe, axis=1))


def _among(size: int, faces: Faces) -> Iterator[Result]:
    chance = np.random.default_rng(_SEED)
    members = crowd(faces, size, chance)
    again = seen_again(faces, members[chance.integers(0, size, SEARCHES // 2)], chance)
    probes = np.concatenate([again, crowd(faces, SEARCHES - len(again), chance)])
    probes = probes[chance.permutation(len(probes))]
    templates = Templates()
    for row, member in enumerate(members):
        templates.put(row, member)
    templates.settle()
    listed = [member.astype(np.float64) for member in members]
    found: list[Nearest] = []
    ours, theirs, whole = [], [], []
    for number, probe in enumerate(probes):
        wide = probe.astype(np.float64)
        ours.append(_took(lambda one=probe: found.append(templates.nearest(one))))  # type: ignore[misc]
        if number % _BASELINE_EVERY == 0:
            theirs.append(_took(lambda one=wide: face_distance(listed, one).argmin()))  # type: ignore[misc]
            whole += [_took(lambda one=probe: (members @ one).argmax()) for _ in range(9)]  # type: ignore[misc]
    right = sum(_nearest(members, probes) == np.asarray([one.row for one in found]))
    compared = median(one.compared for one in found)
    case = (
        f"{size:,} members, 1 thread: {right:,} of {len(probes):,} as by exact search,"
        f" {compared:,.0f} compared"
    )
    for baseline, took in (("a list of float64", theirs), ("one float32 product", whole)):
        yield _result(case, median(ours), baseline, median(took))


def _took(work: Callable[[], object]) -> float:
    """Return the microseconds that it takes."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e6


def _nearest(members: Numbers, probes: Numbers) -> NDArray[np.int64]:
    """Return the row of each probe's nearest member, by float64 distances to all of them."""
    wide = probes.astype(np.float64)
    nearest = np.zeros(len(probes), np.int64)
    least = np.full(len(probes), np.inf)
    for start in range(0, len(members), _PIECE):
        piece = members[start : start + _PIECE].astype(np.float64)
        # The squared distance less the probe's own length, which is the same for all.
        apart = np.einsum("ij,ij->i", piece, piece)[:, None] - 2.0 * (piece @ wide.T)
        best = apart.argmin(axis=0)
        nearer = apart[best, np.arange(len(probes))]
        nearest = np.where(nearer < least, start + best, nearest)
        least = np.minimum(nearer, least)
    return nearest


def _result(case: str, value: float, baseline: str, baseline_value: float) -> Result:
    return Result(
        bench="match",
        case=case,
        value=round(value, 1),
        unit="µs",
        baseline=baseline,
        baseline_value=round(baseline_value, 1),
        ratio=round(baseline_value / value, 1),
    )
