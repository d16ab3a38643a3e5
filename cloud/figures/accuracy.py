"""How right a count is, by the hours that people counted beside it. Pure.

    ratio     people counted by the camera / people who came, over all hours that were checked
    low, high its 95 % interval, Byar's (`intervals.byar`): as if the counted were a Poisson count
              beside the true one. Both are of the same people, so that it is rather too wide.
    off       by how much an hour was off in the mean, as a share of who came: hours that are too
              high and too low do not make each other good in it

Stands beside footfall wherever that is shown; asked of `cloud.queries.counting`.
"""

from datetime import datetime, timedelta
from typing import Final, Literal

from msgspec import Struct

from cloud.figures.intervals import byar

Word = Literal["few", "good", "fair", "low", "high"]
ENOUGH: Final = 100
"""People who came in the checked hours: of fewer the interval reaches a fifth either way."""
GOOD: Final = 5
FAIR: Final = 10
"""Percent by which a count may be off."""
OLD_AFTER: Final = timedelta(days=180)
"""Shop windows are dressed anew and cameras are moved: a check is good for half a year."""


class Accuracy(Struct, frozen=True, kw_only=True):
    """What checked hours say of a count. `hours` were checked, the last one at `last_at`.

    `ratio` and the rest are None where nobody came in any of them.
    """

    counted: int
    true: int
    hours: int
    last_at: datetime
    ratio: float | None
    low: float | None
    high: float | None
    off: float | None

    @property
    def word(self) -> Word:
        """A plain word: good (within 5 %) | fair (10 %) | low, high | few (too few to say)."""
        if self.ratio is None or self.true < ENOUGH:
            return "few"
        away = 100 * abs(self.counted - self.true)
        if away <= GOOD * self.true:
            return "good"
        return "fair" if away <= FAIR * self.true else "low" if self.ratio < 1 else "high"

    def is_old(self, now: datetime) -> bool:
        """Say whether it is time to check again."""
        return now - self.last_at > OLD_AFTER


def accuracy(*, counted: int, true: int, hours: int, off: int, last_at: datetime) -> Accuracy:
    """Work out how right a count is.

    Args:
        counted: people counted by the camera in the checked hours.
        true: people who came, as persons counted them.
        hours: how many were checked.
        off: the sum of how many people each hour was off.
        last_at: when the last one was entered.

    >>> found = accuracy(counted=95, true=100, hours=2, off=7, last_at=datetime(2026, 11, 1))
    >>> found.ratio, round(found.low, 2), round(found.high, 2), found.off, found.word
    (0.95, 0.77, 1.16, 0.07, 'good')
    """
    interval = byar(counted, true) if true else None
    return Accuracy(
        counted=counted,
        true=true,
        hours=hours,
        last_at=last_at,
        ratio=counted / true if true else None,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        off=off / true if true else None,
    )
