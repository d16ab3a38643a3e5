"""Measures the footfall index on simulated shop hours, and fits its weights. Long.

    scripts/measure-footfall         errors by visitors an hour, those of plain class-minutes beside
    scripts/measure-footfall --fit   weights for edge/core/loads.py, from all three channels
    scripts/measure-footfall --held-out  the same table for weights that never saw the phones

Called by scripts/measure-footfall; calls `shop_hours`.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.core.loads import FEW, HourLoads, means_of, sums_of
from edge.core.rates import mean_of
from tests.support.shop_hours import Session, ShopHour, Street, class_minutes, index_of, sessions_of

VISITORS: Final = (10, 30, 60, 120, 200)
LEARNT_HOURS: Final = 20
LEARNT_VISITORS: Final = 30
CHANNELS: Final = (1, 6, 11)
_FITTED_TO: Final = (5, 10, 15, 20, 30, 40, 60, 80, 100, 120, 150, 200, 250)
_STREETS: Final = 600
_RIDGE: Final = 1e-4
_MOST: Final = 40

Floats = NDArray[np.float64]
Index = Callable[[ShopHour], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Of one seed: mean error by visitors an hour (a part of the truth), and the correlation."""

    errors: tuple[float, ...]
    correlation: float


def outcome(learnt: Street, street: Street, index: Index, seed: int, hours: int) -> Outcome:
    """Learn the scale once on 20 hours of 30 visitors of a street, and estimate other hours."""
    chance = np.random.default_rng(seed)
    known = sum(index(learnt.hour(LEARNT_VISITORS, chance)) for _ in range(LEARNT_HOURS))
    scale = LEARNT_HOURS * LEARNT_VISITORS / known
    found = np.asarray(
        [[scale * index(street.hour(n, chance)) for _ in range(hours)] for n in VISITORS]
    )
    truth = np.broadcast_to(np.asarray(VISITORS, np.float64)[:, None], found.shape)
    return Outcome(
        errors=tuple(np.mean(np.abs(found - truth) / truth, axis=1).tolist()),
        correlation=float(np.corrcoef(found.ravel(), truth.ravel())[0, 1]),
    )


def table(name: str, outcomes: Sequence[Outcome]) -> str:
    """Return a row of means over seeds, each with half its 95 % interval, in percent."""
    columns = zip(*(one.errors for one in outcomes), strict=True)
    cells = [mean_of([100 * value for value in column]) for column in columns]
    correlation = mean_of([one.correlation for one in outcomes])
    text = " | ".join(f"{cell.value:5.1f} ± {cell.half:3.1f}" for cell in cells)
    return f"{name:44} | {text} | {correlation.value:.4f}"


def measure(folder: Path, seeds: int, hours: int) -> None:
    """Print the tables."""
    sessions = sessions_of(folder)
    _say(f"{'':44} | {' | '.join(f'{n:11}' for n in VISITORS)} | correlation")
    phones = Street(sessions).phones
    indices: tuple[tuple[str, Index], ...] = (
        ("index", index_of),
        ("class-minutes", lambda hour: float(class_minutes(hour))),
        ("oracle: minutes of each visitor", _visitor_minutes),
    )
    everybody = Street(sessions)
    for name, index in indices:
        rows = [outcome(everybody, everybody, index, seed, hours) for seed in range(seeds)]
        _say(table(f"{name}, 11 phones", rows))
    for name, index in indices[:2]:
        same, other = [], []
        for seed in range(seeds):
            shuffled = np.random.default_rng(50 + seed).permutation(phones)
            some, rest = (Street(sessions, part.tolist()) for part in (shuffled[:6], shuffled[6:]))
            same.append(outcome(rest, rest, index, seed, hours))
            other.append(outcome(some, rest, index, seed, hours))
        _say(table(f"{name}, learnt and tested on 5 phones", same))
        _say(table(f"{name}, learnt on 6, tested on 5 others", other))


def _visitor_minutes(hour: ShopHour) -> float:
    minutes = (hour.seconds // 60).astype(np.int64)
    return float(len(np.unique(np.stack([minutes, hour.who], axis=1), axis=0)))


class _Library:
    """Hours of one kind of phone each, by how many of them: sums of loads, to be added up."""

    def __init__(self, sessions: Sequence[Session], chance: np.random.Generator) -> None:
        self._chance = chance
        self.phones = Street(sessions).phones
        self._sums = [self._of(Street(sessions, [phone])) for phone in self.phones]

    def _of(self, street: Street) -> list[Floats]:
        found = [np.zeros((1, 6))]
        for count in range(1, _MOST + 1):
            times = 250 if count < 5 else 100 if count < 11 else 40
            found.append(
                np.asarray([_sums(street.hour(count, self._chance)) for _ in range(times)])
            )
        return found

    def hours(self, visitors: int, hours: int, phones: Sequence[int], shares: Floats) -> Floats:
        """Return the sums of hours of visitors, (hours, 6): classes, then the loads."""
        total = np.zeros((hours, 6))
        counts = self._chance.multinomial(visitors, shares, size=hours)
        for place, phone in enumerate(phones):
            for hour in range(hours):
                able = self._sums[phone][min(_MOST, counts[hour, place])]
                total[hour] += able[self._chance.integers(len(able))]
        return total


def _sums(hour: ShopHour) -> list[float]:
    loads = HourLoads()
    minutes = (hour.seconds // 60).astype(np.int64)
    rows = np.unique(np.stack([minutes, hour.classes, hour.pseudonyms], axis=1), axis=0)
    for minute, cls, who in rows.tolist():
        loads.add(minute, cls, [who])
    count, sums = sums_of(loads.loads().values())
    return [float(count), *sums]


def _terms(sums: Floats) -> tuple[Floats, Floats]:
    """Return what is weighed of hours, and the logarithm of their classes, which is not."""
    means = np.asarray([means_of(int(row[0]), row[1:].tolist()) for row in sums])
    classes = np.log(sums[:, 0] + FEW)
    squares = [means[:, a] * means[:, b] for a in range(5) for b in range(a, 5)]
    return np.column_stack([means, *squares, classes]), classes


def weights(
    library: _Library, phones: Sequence[int], chance: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Fit the weights to streets of these phones: the same proportion at any number of visitors.

    Also returns between what 999 in 1,000 of the mean loads lie.
    """
    rows, wanted, trust, means = [], [], [], []
    for _ in range(_STREETS):
        size = round(np.exp(chance.uniform(np.log(4), np.log(80))))
        models = chance.choice(phones, size, replace=size > len(phones))
        shares = chance.dirichlet(np.full(size, chance.choice([2, 5, 50])))
        terms, classes = _terms(library.hours(LEARNT_VISITORS, 40, models, shares))
        for visitors in _FITTED_TO:
            some, some_classes = _terms(library.hours(visitors, 10, models, shares))
            rows.append(some - terms.mean(axis=0))
            means.append(some[:, :5])
            wanted.append(np.log(visitors / LEARNT_VISITORS) - (some_classes - classes.mean()))
            near = np.exp(-(np.log(visitors / 50) ** 2) / (2 * 0.5**2))
            trust.append(np.full(10, np.sqrt(visitors) * (0.15 + near)))
    matrix, target, by = np.vstack(rows), np.concatenate(wanted), np.concatenate(trust)
    scale = matrix.std(axis=0)
    matrix = matrix / scale
    square = (matrix.T * by) @ matrix + _RIDGE * by.sum() * np.eye(matrix.shape[1])
    found = np.linalg.solve(square, (matrix.T * by) @ target) / scale
    least, most = np.quantile(np.vstack(means), (0.001, 0.999), axis=0)
    return np.asarray(found), np.asarray(least), np.asarray(most)


def held_out(folder: Path, seeds: int, hours: int) -> None:
    """Print the table of weights fitted to six phones, for streets of the five others."""
    sessions = sessions_of(folder)
    library = _Library(_of_all_channels(folder), np.random.default_rng(1))
    same, other = [], []
    for seed in range(seeds):
        chance = np.random.default_rng(50 + seed)
        shuffled = chance.permutation(Street(sessions).phones).tolist()
        known = [place for place, name in enumerate(library.phones) if name[0] in shuffled[:6]]
        found, *_ = weights(library, known, chance)
        index = partial(_index_by, found)
        some, rest = (Street(sessions, part) for part in (shuffled[:6], shuffled[6:]))
        same.append(outcome(rest, rest, index, seed, hours))
        other.append(outcome(some, rest, index, seed, hours))
    _say(table("fitted on 6, learnt and tested on 5 others", same))
    _say(table("fitted and learnt on 6, tested on 5 others", other))


def _index_by(found: Floats, hour: ShopHour) -> float:
    terms, classes = _terms(np.asarray([_sums(hour)]))
    return float(np.exp(terms @ found + classes)[0])


def _of_all_channels(folder: Path) -> list[Session]:
    """Return the sessions of all channels, each phone on each channel a phone of its own."""
    return [
        replace(session, phone=f"{session.phone}{channel}")
        for channel in CHANNELS
        for session in sessions_of(folder, channel)
    ]


def fit(folder: Path) -> None:
    """Print the weights for edge/core/loads.py."""
    chance = np.random.default_rng(1)
    library = _Library(_of_all_channels(folder), chance)
    everything = range(len(library.phones))
    found, least, most = weights(library, everything, chance)
    some = library.hours(LEARNT_VISITORS, 2000, everything, np.full(33, 1 / 33))
    terms, classes = _terms(some)
    constant = np.log(LEARNT_VISITORS) - float(np.mean(terms @ found + classes))
    _say(f"_LEAST = {np.round(least, 1).tolist()}")
    _say(f"_MOST = {np.round(most, 1).tolist()}")
    _say(f"_LINEAR = {np.round(found[:5], 4).tolist()}")
    place = 5
    for size in range(5, 0, -1):
        _say(f"_SQUARES: {np.round(found[place : place + size], 4).tolist()}")
        place += size
    _say(f"_CLASSES = {1 + float(found[-1]):.4f}, _CONSTANT = {constant:.4f}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Measure, or fit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("../shared/data/probes"))
    parser.add_argument("--fit", action="store_true", help="print weights instead of the table")
    parser.add_argument("--held-out", action="store_true", help="weights of other phones")
    parser.add_argument("--seeds", type=int, default=10, help="10 unless told")
    parser.add_argument("--hours", type=int, default=40, help="of each number of visitors")
    args = parser.parse_args()
    if args.fit:
        fit(args.folder)
    elif args.held_out:
        held_out(args.folder, args.seeds, args.hours)
    else:
        measure(args.folder, args.seeds, args.hours)


if __name__ == "__main__":
    main()
