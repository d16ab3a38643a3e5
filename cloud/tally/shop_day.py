"""A day of a shop, and what one room counts of it. Used by the rooms of the tally; pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Table

from cloud.hours import day_bounds, hour_of_minute

_MINUTE_MS = 60_000
Keyed = Counter[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopDay:
    """A local day of a shop; `since` and `until` (excluded) in milliseconds since 1970."""

    store: str
    day: date
    zone: ZoneInfo
    since: int
    until: int

    @property
    def span(self) -> dict[str, Any]:
        """The parameters of the questions: which shop, from when, until when."""
        return {"of": self.store, "since": self.since, "until": self.until}

    def hour_of(self, milliseconds: int) -> int:
        """Return the UTC second at which the local hour of a moment begins."""
        return hour_of_minute(milliseconds // _MINUTE_MS, self.zone)


def shop_day(store: str, day: date, zone: ZoneInfo) -> ShopDay:
    """Return a local day of a shop."""
    first, last = day_bounds(day, zone)
    return ShopDay(store=store, day=day, zone=zone, since=first * 1000, until=last * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a room counted of a day.

    `counts` are columns of `day_tally`; `told` the kinds of which there was anything; `tables`
    rows of other tallies by their keys; `hours` and `staff` counts of each hour and each consultant
    by the names of their columns.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    told: frozenset[str] = frozenset()
    tables: Mapping[Table, Mapping[tuple[Any, ...], Mapping[str, int]]] = field(
        default_factory=dict
    )
    hours: Mapping[str, Counter[int]] = field(default_factory=dict)
    staff: Mapping[str, Counter[str]] = field(default_factory=dict)


def rows_of(
    names: Iterable[str], counters: Mapping[str, Keyed]
) -> dict[tuple[Any, ...], dict[str, int]]:
    """Return counters of the same keys as rows: a column each, 0 where one has not the key."""
    keys = {key for counter in counters.values() for key in counter}
    return {key: {name: counters[name][key] for name in names} for key in keys}
