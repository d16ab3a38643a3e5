"""Turns a walk through the shop with one's own phone into the two thresholds of `[wifi]`. Pure.

    beside the box    which kind of phone it is: the one that is heard loudest
    door, far wall    how weak it is heard inside          ─┐
    pavement          how loud it is heard outside          ┴─> near_dbm between the two
                      how weak it is heard there           ──> far_dbm below that

Called by `edge.app.survey`; calls nothing. Signals are dBm, as the radio tells them.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, Literal, NamedTuple

Spot = Literal["box", "door", "wall", "pavement"]
SPOTS: Final[tuple[Spot, ...]] = ("box", "door", "wall", "pavement")
INSIDE: Final[tuple[Spot, ...]] = ("door", "wall")
SAMPLES_NEEDED: Final = 3
"""Frames at a spot: a phone sends a handful in each burst, strong and weak ones."""
BESIDE_DBM: Final = -50
"""So loud at least is a phone within arm's length of an antenna."""
_FAR_MARGIN_DB: Final = 3
_LOWEST_DBM: Final = -95
_WEAK, _LOUD = 0.1, 0.9


class Sample(NamedTuple):
    """One frame: what kind of phone sent it, by the day's key, and how strong it came in."""

    cls: int
    signal_dbm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """The phone at one spot: how many of its frames, the weakest tenth, the middle, the loudest."""

    frames: int
    weak_dbm: int
    middle_dbm: int
    loud_dbm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """The thresholds. `apart_db`: by how much inside is louder than outside; below 0 they overlap:
    some of those outside will be taken for inside, and the other way round.
    """

    near_dbm: int
    far_dbm: int
    apart_db: int


def own_phone(samples: Sequence[Sample]) -> int | None:
    """Return the class of the phone that is held beside the box; None: none is loud enough."""
    by_class: dict[int, list[int]] = defaultdict(list)
    for sample in samples:
        by_class[sample.cls].append(sample.signal_dbm)
    loud = {
        cls: median(signals)
        for cls, signals in by_class.items()
        if len(signals) >= SAMPLES_NEEDED and median(signals) >= BESIDE_DBM
    }
    return max(loud, key=lambda cls: loud[cls], default=None)


def heard_of(samples: Sequence[Sample], cls: int) -> Heard | None:
    """Return how a phone was heard at a spot; None: too seldom to say."""
    signals = sorted(sample.signal_dbm for sample in samples if sample.cls == cls)
    if len(signals) < SAMPLES_NEEDED:
        return None
    return Heard(
        frames=len(signals),
        weak_dbm=_at(signals, _WEAK),
        middle_dbm=_at(signals, 0.5),
        loud_dbm=_at(signals, _LOUD),
    )


def suggest(spots: Mapping[Spot, Heard]) -> Suggestion:
    """Return thresholds from what was heard at the door, at the far wall and on the pavement.

    A class counts by its strongest frame of a minute, so the middles are compared: near lies half
    way between the weaker of the spots inside and the pavement.
    """
    inside = min(spots[spot].middle_dbm for spot in INSIDE)
    outside = spots["pavement"].middle_dbm
    near = max(_LOWEST_DBM + 1, math.ceil((inside + outside) / 2))
    far = max(_LOWEST_DBM, min(spots["pavement"].weak_dbm - _FAR_MARGIN_DB, near - 1))
    return Suggestion(near_dbm=near, far_dbm=far, apart_db=inside - outside)


def _at(ordered: Sequence[int], share: float) -> int:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
