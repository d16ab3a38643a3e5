"""What an hour of probe requests says of how many phones sent them: saturation inverted. Pure.

    minute: classes, pseudonyms ──> a class's load: lasting pseudonyms, minutes with the others
    all classes' loads          ──> index: proportional to the visitors of the hour

Ten phones of one model look like one in a count of classes. But they fill more minutes, show
more addresses and leave fewer gaps than one does, each by its own law: together these tell how
many there were. Phones whose address lasts are counted, the others by class. The weights are those
of streets of 4 to 80 models made of the recordings of eleven phones on three channels, fitted to be
proportional from 5 to 250 visitors an hour whatever the models and their shares; what a unit of the
index is worth here, the cameras say (`core.footfall`). How good it is: docs/adr/0022.

Called by `core.presence`; calls nothing.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

MINUTES: Final = 60
LASTS: Final = 3
"""A pseudonym seen in minutes this far apart is of a phone that keeps its address: one visitor.
Most of those that change it do so with every scan."""
PSEUDONYMS_MOST: Final = 50_000
"""Of one hour: 200 visitors with the busiest phone of the recordings show 15,000."""
CLASSES_MOST: Final = 1_000
"""Of one hour. More are made up by somebody."""
_FULL: Final = 0.985
"""Of an hour: a class that fills more of it says only that there are many."""
_ABSENT: Final = 0.5
"""Of a minute: what is left of a class after its background is nobody."""

OFFSET: Final = 0.1
FEW: Final = 0.5
# Fitted by scripts/measure-footfall --fit; between least and most lay 999 of 1,000 streets.
_LEAST: Final = (-2.3, -2.3, -2.3, -2.3, -2.3)
_MOST: Final = (3.9, 2.4, 1.8, 2.8, 4.2)
_LINEAR: Final = (0.0649, 0.334, -0.0568, 0.6121, -0.2605)
_SQUARES: Final = (
    (-0.0609, -0.0103, 0.1305, 0.1234, -0.0118),
    (0.0243, -0.1061, 0.0148, -0.019),
    (-0.2535, -0.0534, 0.3966),
    (0.0924, -0.2208),
    (0.0821,),
)
_CLASSES: Final = 1.116
_CONSTANT: Final = 0.1494


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one class shows in an hour.

    `lasting` are its pseudonyms that last. Of the others: `pseudonyms` how many, and how many
    minutes have one of them (`minutes`), or had one within the last 3 or 5 (`within_3`,
    `within_5`).
    """

    lasting: float
    pseudonyms: float
    minutes: float
    within_3: float
    within_5: float

    def without(self, background: Load) -> Load:
        """Return what remains when a constant background is taken away.

        What is seen by chance in a part f of the minutes with a background that alone is seen in a
        part b was there without it in 1 - (1 - f) / (1 - b).
        """
        return Load(
            lasting=max(0.0, self.lasting - background.lasting),
            pseudonyms=max(0.0, self.pseudonyms - background.pseudonyms),
            minutes=_beyond(self.minutes, background.minutes),
            within_3=_beyond(self.within_3, background.within_3),
            within_5=_beyond(self.within_5, background.within_5),
        )

    @property
    def is_nobody(self) -> bool:
        """Say whether nothing is left of the class."""
        return self.lasting < _ABSENT and self.minutes < _ABSENT


def sums_of(loads: Iterable[Load]) -> tuple[int, tuple[float, ...]]:
    """Return how many classes somebody is left of, and what their loads come to.

    The sums are minutes, minutes within 5 (as windows), the logarithm of the pseudonyms, the
    lasting, and minutes within 3 (as windows) with chance overlaps undone.
    """
    count, sums = 0, [0.0] * 5
    for load in loads:
        if load.is_nobody:
            continue
        count += 1
        sums[0] += load.minutes
        sums[1] += load.within_5 / 5
        sums[2] += math.log1p(load.pseudonyms)
        sums[3] += load.lasting
        sums[4] -= math.log(1 - min(_FULL, load.within_3 / MINUTES)) * MINUTES / 3
    return count, tuple(sums)


def means_of(count: int, sums: Sequence[float]) -> list[float]:
    """Return the logarithms of the mean loads of `count` classes, as they are weighed."""
    return [math.log(total / (count + FEW) + OFFSET) for total in sums]


def index_of(loads: Iterable[Load]) -> float:
    """Return the footfall index of an hour by the loads of its classes; 0 without any."""
    count, sums = sums_of(loads)
    if not count:
        return 0.0
    found = means_of(count, sums)
    limits = zip(found, _LEAST, _MOST, strict=True)
    means = [min(most, max(least, mean)) for mean, least, most in limits]
    # Beyond what the streets of the fit have shown it grows as the load does.
    beyond = max(0.0, *(mean - most for mean, most in zip(found, _MOST, strict=True)))
    power = _CONSTANT + _CLASSES * math.log(count + FEW) + beyond
    for place, (mean, linear, squares) in enumerate(zip(means, _LINEAR, _SQUARES, strict=True)):
        power += mean * linear
        power += mean * sum(a * b for a, b in zip(means[place:], squares, strict=True))
    return math.exp(power)


class HourLoads:
    """Gathers the loads of one hour, a minute after the other."""

    def __init__(self) -> None:
        self._models: dict[int, _Model] = {}
        self._room = PSEUDONYMS_MOST

    def add(self, minute: int, cls: int, pseudonyms: Collection[int]) -> list[tuple[int, int]]:
        """Add what a class showed in a minute of the hour (0 to 60).

        Minutes come in order. Beyond the limits nothing is added. Returns those of the pseudonyms
        that last, each with the minute it was first seen in.
        """
        model = self._models.get(cls)
        if model is None:
            if len(self._models) >= CLASSES_MOST:
                return []
            model = self._models[cls] = _Model()
        before = len(model.seen)
        lasting = model.add(minute, pseudonyms, self._room)
        self._room -= len(model.seen) - before
        return lasting

    def loads(self) -> dict[int, Load]:
        """Return the load of each class."""
        return {cls: model.load() for cls, model in self._models.items()}


class _Model:
    """A class in an hour.

    `seen`: the minutes of each pseudonym as bits; of one that lasts -1 less its first minute.
    """

    __slots__ = ("_counts", "_lasting", "_minutes", "seen")

    def __init__(self) -> None:
        self.seen: dict[int, int] = {}
        self._counts = [0] * (MINUTES + 1)
        self._minutes = 0
        self._lasting = 0

    def add(self, minute: int, pseudonyms: Collection[int], room: int) -> list[tuple[int, int]]:
        lasting, bit = [], 1 << minute
        for who in pseudonyms:
            known = self.seen.get(who)
            if known is None:
                if room <= 0:
                    continue
                room -= 1
                self._note(who, bit, minute)
            elif known < 0:
                lasting.append((who, -1 - known))
            elif minute - (first := (known & -known).bit_length() - 1) >= LASTS:
                self._lasts(who, known, first)
                lasting.append((who, first))
            elif not known & bit:
                self._note(who, known | bit, minute)
        return lasting

    def load(self) -> Load:
        spread = self._minutes
        two = spread | spread << 1
        three = (two | spread << 2) & _HOUR
        five = (two | two << 2 | spread << 4) & _HOUR
        return Load(
            lasting=self._lasting,
            pseudonyms=len(self.seen) - self._lasting,
            minutes=spread.bit_count(),
            within_3=three.bit_count(),
            within_5=five.bit_count(),
        )

    def _note(self, who: int, minutes: int, minute: int) -> None:
        self.seen[who] = minutes
        self._counts[minute] += 1
        self._minutes |= 1 << minute

    def _lasts(self, who: int, minutes: int, first: int) -> None:
        self.seen[who] = -1 - first
        self._lasting += 1
        while minutes:
            minute = minutes.bit_length() - 1
            minutes ^= 1 << minute
            self._counts[minute] -= 1
            if not self._counts[minute]:
                self._minutes ^= 1 << minute


_HOUR: Final = (1 << MINUTES + 1) - 1


def _beyond(minutes: float, background: float) -> float:
    rest = 1 - min(_FULL, background / MINUTES)
    return max(0.0, MINUTES * (1 - (1 - minutes / MINUTES) / rest))
