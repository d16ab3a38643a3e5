"""How near this box's own strangers come to its members, as a histogram of distances.

Kept by faces.gallery in the eyes' memory; calls core.threshold. Nothing of anybody is in it: a
count for each hundredth of distance, of people who were taken for nobody. A restart forgets it.

LFW's people are not those of this shop. Where a quarter of the strangers comes nearer to a member
than a quarter of LFW's would, all of them are taken to be so much nearer, and the threshold moves.

Members who were missed are counted too, and somebody may walk past a hundred times. So the lowest
quarter is looked at, not the few nearest, among whom the missed members are; a person counts once
a track; the threshold only ever becomes stricter, and by MOST at most: the worst that anybody
can do in front of a camera is that some members are not recognised.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from edge.core.threshold import nearest_of_part

PART: Final = 0.25
NEEDED: Final = 500
"""Strangers below which nothing is said: the quarter's distance is then known to 0.004."""
KEPT: Final = 4_000
"""With so many all counts are halved: a year ago tells nothing of who comes in now."""
MOST: Final = 0.05
"""The most that a threshold is made stricter by: FPIR falls to about a tenth."""
STEP: Final = 0.01
REACH: Final = 0.3  # further from LFW's quarter is counted as this far


class StrangerDistances:
    """The histogram. Not thread-safe."""

    def __init__(self) -> None:
        self._counts = np.zeros(round(2 * REACH / STEP), np.int64)

    @property
    def seen(self) -> int:
        """How many strangers count."""
        return int(self._counts.sum())

    def add(self, nearest: float, *, members: int, photos: int, frames: int) -> None:
        """Count a stranger whose nearest member, among `members`, is at a distance of `nearest`.

        `photos` and `frames` as in core.threshold. Raises ValueError for fewer than one of these.
        """
        if min(members, photos, frames) < 1:
            raise ValueError(
                "strangers: expected 1 or more members, photos and frames,"
                f" got {members}, {photos}, {frames}"
            )
        gap = nearest - nearest_of_part(members, photos, frames, PART)
        place = int((gap + REACH) / STEP)
        self._counts[min(max(place, 0), len(self._counts) - 1)] += 1
        if self.seen >= KEPT:
            self._counts //= 2

    def nearer(self) -> float:
        """How much nearer than LFW's strangers these are, 0 to MOST; 0 while they are too few."""
        seen = self.seen
        if seen < NEEDED:
            return 0.0
        below = np.cumsum(self._counts)
        place = int(np.searchsorted(below, PART * seen))
        before = float(below[place - 1]) if place else 0.0
        within = (PART * seen - before) / float(self._counts[place])
        quarter = (place + within) * STEP - REACH
        return min(MOST, max(0.0, -quarter))

    def clear(self) -> None:
        """Forget all."""
        self._counts.fill(0)
