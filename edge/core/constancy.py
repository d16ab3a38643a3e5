"""Sets devices aside that never leave: tills, printers, staff's phones, neighbours. Pure.

    a pseudonym that lasts for hours ──────────────> aside, until the day's key goes
    a class that is there whenever the shop is shut ─> its share of each hour is taken away,
                                                      or all of it where it fills the air

Only what keeps its address can be known again, and only within the day; a member of staff whose
phone changes it at each scan is one visitor more, every hour, which the cameras' scale takes in.
Called by `core.presence`; calls nothing. Everything in here lives in RAM, until `forget`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from edge.core.loads import MINUTES, Load

_QUARTER_S: Final = 900
STAYS: Final = 8
"""Quarters of an hour from the first to the last that make a device one that stays: two hours.
Guests of a jeweller's do not stay that long."""
_OFTEN: Final = 0.5
"""Part of those quarters in which it must have been seen: who comes back for a repair was away."""
_STAYS_MOST: Final = 20_000
NIGHT_HOURS: Final = 2
"""Shut hours that must have been heard before a class is called constant."""
_ALWAYS: Final = 0.75
"""Part of the shut hours in which a class must have been heard."""
_FILLS: Final = 0.5
"""Part of the minutes: with more, nothing can be told of guests of the same class."""


class Constancy:
    """Knows what never leaves. `aside` holds pseudonyms and classes that are not counted."""

    def __init__(self) -> None:
        self.aside: set[int] = set()
        self._stays: dict[int, tuple[int, int]] = {}
        self._nights = 0
        self._nightly: dict[int, list[Load]] = {}

    def note(self, lasting: Iterable[int], at_s: int) -> None:
        """Note pseudonyms of phones that keep their address, seen at `at_s` since 1970."""
        quarter = at_s // _QUARTER_S
        for who in lasting:
            known = self._stays.get(who)
            if known is None:
                if len(self._stays) >= _STAYS_MOST:
                    continue
                known = (quarter, 0)
            first, quarters = known
            quarters |= 1 << max(0, quarter - first)
            self._stays[who] = (first, quarters)
            span = quarters.bit_length()
            if span >= STAYS and quarters.bit_count() >= _OFTEN * span:
                self.aside.add(who)

    def note_shut(self, loads: Mapping[int, Load]) -> None:
        """Note what was on the air in an hour in which the shop was shut."""
        self._nights += 1
        for cls, load in loads.items():
            self._nightly.setdefault(cls, []).append(load)
        if self._nights >= NIGHT_HOURS:
            self.aside.update(
                cls
                for cls in self._nightly
                if (usual := self._usual(cls)) and usual.minutes >= _FILLS * MINUTES
            )

    def guests(self, loads: Mapping[int, Load]) -> list[Load]:
        """Return the loads of an hour without what is always there."""
        if self._nights < NIGHT_HOURS:
            return list(loads.values())
        return [
            load if (usual := self._usual(cls)) is None else load.without(usual)
            for cls, load in loads.items()
        ]

    def forget(self) -> None:
        """Hold nothing any more: the day's key is gone."""
        self.aside.clear()
        self._stays.clear()
        self._nightly.clear()
        self._nights = 0

    def _usual(self, cls: int) -> Load | None:
        """Return what a class shows in a shut hour, None unless it is nearly always there."""
        nights = self._nightly.get(cls, ())
        if len(nights) < _ALWAYS * self._nights:
            return None
        return Load(
            lasting=sum(load.lasting for load in nights) / self._nights,
            pseudonyms=sum(load.pseudonyms for load in nights) / self._nights,
            minutes=sum(load.minutes for load in nights) / self._nights,
            within_3=sum(load.within_3 for load in nights) / self._nights,
            within_5=sum(load.within_5 for load in nights) / self._nights,
        )
