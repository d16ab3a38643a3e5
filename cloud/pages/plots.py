"""Geometry of head office's small pictures: a figure beside what is usual, days in a row. Pure.

Drawn by the macros of `figures.html`, which every page of head office uses. In percent, as
`menkou.web.chart`:

    ├─────▒▒▒▒▒▒▒▒▒▒──────◆──┤   band: from the lowest usual value to the highest; mark: the value
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final, Protocol

from cloud.figures.suppress import Hidden, Shown
from menkou.web.chart import Column, Minutes, minutes

_MARGIN: Final = 6.0
"""Percent kept free on both sides, so that a mark at the end is whole."""
_SPARK_HEAD: Final = 6.0


class Compared(Protocol):
    """A figure beside what it was and what is usual; None: not known. It may also be hidden."""

    @property
    def value(self) -> Shown: ...
    @property
    def week_ago(self) -> Shown: ...
    @property
    def year_ago(self) -> Shown: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...
    @property
    def verdict(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Where the usual values and the value lie, from left to right."""

    x: float
    width: float
    value: float


def band_of(compared: Compared) -> Band | None:
    """Return the picture of a figure beside its band; None: one of them is not known, or hidden."""
    value, low, high = compared.value, compared.low, compared.high
    if value is None or isinstance(value, Hidden) or low is None or high is None:
        return None
    # As much beside the band as it is wide shows what is a little and what is far outside.
    width = max(high - low, abs(high) * 0.02)
    first, last = min(value, low - width), max(value, high + width)
    span = (last - first) or 1.0

    def x(of: float) -> float:
        return round(_MARGIN + (100 - 2 * _MARGIN) * (of - first) / span, 2)

    return Band(x=x(low), width=round(max(x(high) - x(low), 1.0), 2), value=x(value))


def spark_of(points: Sequence[float | None], top: float | None = None) -> Minutes:
    """Return the shape of values in a row; None: nothing is known there.

    Args:
        points: the values, from 0.
        top: the value that reaches the top; the greatest of them if it is not given.
    """
    # Whole thousandths: shares are drawn by the same shape as counts.
    highest = top or max((one for one in points if one is not None), default=0) or 1
    scaled = [None if one is None else round(1_000 * one / highest) for one in points]
    return minutes(scaled, 1_000, head=_SPARK_HEAD)


class _Hour(Protocol):
    @property
    def start(self) -> datetime: ...


class Phased(Protocol):
    """An hour's column; of one whose `phase` is "unknown" nobody told us anything."""

    @property
    def hour(self) -> _Hour: ...
    @property
    def column(self) -> Column: ...
    @property
    def phase(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Hours in a row of which nothing is known: where they lie, and when the first and last of
    them begin.
    """

    x: float
    width: float
    first: datetime
    last: datetime


def gaps_of(bars: Sequence[Phased]) -> tuple[Gap, ...]:
    """Return the runs of hours of which nothing is known: one shape each, not one an hour."""
    found = []
    for unknown, run in groupby(bars, key=lambda bar: bar.phase == "unknown"):
        if unknown:
            hours = tuple(run)
            first, last = hours[0], hours[-1]
            width = round(last.column.x + last.column.width - first.column.x, 3)
            gap = Gap(x=first.column.x, width=width, first=first.hour.start, last=last.hour.start)
            found.append(gap)
    return tuple(found)
