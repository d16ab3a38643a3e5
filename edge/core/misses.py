"""How many members a gallery of a size is expected to miss. Called by the front; pure.

Calls core.threshold for the distance that such a gallery allows. How far a member's own face lies
from the template was measured on the pictures of the 461 people of LFW (names A to E) who have two
or more: templates of each choice of 1 to 4 of a person's, each other picture a probe, 2026-11. At
the thresholds of 300 members by one photo, 245 by two and 165 by three it says 19, 9 and 6 %;
searching splits gave 20, 11 and 6 (docs/adr/0016).

The members' half is measured down to the distances that matter; which distance that is for more
than 600 members is extrapolated (core.threshold), and said to be. A track's mean of several frames
comes nearer to its member, as it does to everybody, for which the threshold allows: it is taken
to do both alike. People walking in are not those of LFW: a shop measures its own with `menkou-edge
evaluate`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edge.core.threshold import MOST, threshold

_FIRST: Final = 0.16
_STEP: Final = 0.02
# The part of a member's own pictures that is further from the template than 0.16, 0.18 ... 0.40, by
# photos in the template.
_FURTHER: Final = {
    1: (0.99, 0.97, 0.93, 0.876, 0.783, 0.665, 0.504, 0.341, 0.206, 0.122, 0.068, 0.039, 0.02),
    2: (0.975, 0.933, 0.856, 0.717, 0.534, 0.356, 0.204, 0.117, 0.059, 0.031, 0.017, 0.011, 0.008),
    3: (0.973, 0.91, 0.798, 0.614, 0.407, 0.239, 0.133, 0.071, 0.033, 0.018, 0.008, 0.006, 0.006),
    4: (0.97, 0.888, 0.75, 0.526, 0.324, 0.187, 0.103, 0.051, 0.021, 0.013, 0.008, 0.006, 0.006),
}
_DISTANCES: Final = tuple(round(_FIRST + _STEP * place, 2) for place in range(13))


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The part of members' visits that finds nobody, 0 to 1; whether that is extrapolated."""

    fnir: float
    extrapolated: bool


def expected_fnir(members: Mapping[int, int], fpir: float) -> Expected:
    """How often a member of a gallery is missed, when a part `fpir` of strangers may be taken.

    `members` counts them by the photos in their templates.

    >>> expected_fnir({1: 300}, 0.01)
    Expected(fnir=0.194, extrapolated=False)
    >>> expected_fnir({3: 20_000}, 0.01)
    Expected(fnir=0.375, extrapolated=True)

    Raises ValueError without members, and for a rate not between 0 and 1.
    """
    count = sum(members.values())
    missed = sum(
        number * _further(threshold(count, photos, 1, fpir), photos)
        for photos, number in members.items()
        if number
    )
    if not count:
        raise ValueError("expected FNIR: expected one member or more, got none")
    return Expected(fnir=round(missed / count, 3), extrapolated=count > MOST)


def _further(distance: float, photos: int) -> float:
    """The part of a member's own pictures that is further away."""
    parts = _FURTHER[min(photos, max(_FURTHER))]
    place = bisect_right(_DISTANCES, distance)
    if place == 0:
        return 1.0  # nearer than was measured: nobody is promised to be found
    if place == len(_DISTANCES):
        return parts[-1]
    share = (distance - _DISTANCES[place - 1]) / _STEP
    return parts[place - 1] + share * (parts[place] - parts[place - 1])
