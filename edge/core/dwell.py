"""How long guests stay, by the few phones that keep their address while they are here. Pure.

    pseudonyms that last ──> Stays: first and last minute, in RAM ──> a tally of lengths, no names

Most phones change their address with every scan, and nothing in here follows them: what is known is
the stay of those that do not, from the first to the last minute they were heard. A phone is silent
for minutes at a time, so both ends are cut; on average a stay is longer than what was seen by the
mean gap between the minutes it was heard in. Stays under five minutes are mostly not seen at all,
and are left out: the shares are of the longer ones. On simulated hours the mean stay is
right to a minute, and long stays are overstated by up to eight points of a hundred, for short ones
are missed more often. Called by `core.presence`; calls nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

LEAST_MIN: Final = 5
"""Minutes: of shorter stays too few are seen."""
LENGTHS_MIN: Final = (5, 10, 20, 40)
"""Where a length begins; the last has no end."""
STAYS_NEEDED: Final = 30
"""Before shares are told: fewer say little, and something about someone."""
_GONE_MIN: Final = 10
"""Minutes unheard after which a phone has left: the longest silence of 9 in 10 is 5."""
_MOST: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Dwell:
    """Estimated stays of five minutes and more: how many, and the share of each of LENGTHS_MIN."""

    stays: int
    shares: tuple[float, ...]


class Stays:
    """Measures stays, until `forget`."""

    def __init__(self) -> None:
        self._open: dict[int, _Stay] = {}
        self._lengths = [0] * len(LENGTHS_MIN)

    def note(
        self, pseudonyms: Iterable[int], lasting: Iterable[tuple[int, int]], minute: int
    ) -> None:
        """Note who was heard in `minute` (any count), and who of them lasts, since which minute."""
        for who in pseudonyms:
            stay = self._open.get(who)
            if stay is not None:
                stay.last = minute
                stay.heard += 1
        for who, first in lasting:
            if who not in self._open and len(self._open) < _MOST:
                self._open[who] = _Stay(first, minute)

    def end(self, minute: int, aside: Collection[int]) -> None:
        """Tally the stays that were over by `minute`; those of devices set aside are none."""
        over = [who for who, stay in self._open.items() if minute - stay.last > _GONE_MIN]
        for who in over:
            length = self._open.pop(who).length
            if who not in aside and length >= LEAST_MIN:
                self._lengths[sum(length >= start for start in LENGTHS_MIN) - 1] += 1

    def dwell(self) -> Dwell | None:
        """Return the shares of the stays that are over, None while they are too few."""
        stays = sum(self._lengths)
        if stays < STAYS_NEEDED:
            return None
        return Dwell(stays=stays, shares=tuple(count / stays for count in self._lengths))

    def forget(self) -> None:
        """Hold nothing any more: the day's key is gone."""
        self._open.clear()
        self._lengths = [0] * len(LENGTHS_MIN)


class _Stay:
    """One stay; a phone that lasts was heard in two minutes at least."""

    __slots__ = ("first", "heard", "last")

    def __init__(self, first: int, last: int) -> None:
        self.first = first
        self.last = last
        self.heard = 2

    @property
    def length(self) -> float:
        """Estimated minutes: what was seen, and one mean gap for both ends together."""
        seen = self.last - self.first
        return seen + seen / (self.heard - 1)
