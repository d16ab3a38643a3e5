"""Geometry of the hand-made bar charts, in percent of the drawing. Pure; used by both sides' pages.

Percentages let one drawing fit a phone and a desk without scaling its text:

    0 %  ┌──────────────┐
         │ head: labels │
    12 % ├┄┄┄┄┄┄┄┄┄┄┄┄┄┄┤ top of the scale
         │   ▐▌         │
   100 % └──────────────┘ zero
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

HEAD: Final = 12.0
"""Percent of the height kept free above the scale, for the figure over the highest bar."""
_BAR_SHARE: Final = 0.66
_STEPS_MAX: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A line across the drawing: its value and its height from the top."""

    value: int
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One value's column: `x`, `width` and `middle` of the column, the bar's own box inside."""

    x: float
    width: float
    middle: float
    bar_x: float
    bar_width: float
    bar_y: float
    bar_height: float


def scale(peak: int) -> tuple[int, ...]:
    """Return the values of at most five lines for a highest value, in round steps.

    `scale(61)` is `(20, 40, 60, 80)`; `scale(0)` is `(1, 2)`.
    """
    rough = max(peak, 1) / _STEPS_MAX
    power = 10 ** max(math.floor(math.log10(rough)), 0)
    steps = (power, 2 * power, 5 * power // 2, 5 * power, 10 * power)  # 25 but not 2.5
    step = next(step for step in steps if step >= rough)
    lines = max(math.ceil(peak / step), 2)
    return tuple(step * (line + 1) for line in range(lines))


def ticks(lines: Sequence[int], *, head: float = HEAD) -> tuple[Tick, ...]:
    """Return where the lines of a scale lie; the last is its top."""
    return tuple(Tick(value=value, y=_y(value, lines[-1], head)) for value in lines)


def columns(values: Sequence[int], top: int, *, head: float = HEAD) -> tuple[Column, ...]:
    """Return a column for each value; `top` is the value that reaches the top of the scale."""
    found = []
    for value, (x, width, middle, bar_x, bar_width) in zip(
        values, _places(len(values)), strict=True
    ):
        y = _y(value, top, head)
        found.append(
            Column(
                x=x,
                width=width,
                middle=middle,
                bar_x=bar_x,
                bar_width=bar_width,
                bar_y=y,
                bar_height=round(100 - y, 3),
            )
        )
    return tuple(found)


@lru_cache(maxsize=64)  # a page draws the same hours of fifty shops
def _places(count: int) -> tuple[tuple[float, float, float, float, float], ...]:
    """Return of each of so many columns its place, and that of its bar."""
    width = 100 / max(count, 1)
    margin = width * (1 - _BAR_SHARE) / 2
    return tuple(
        (
            round(index * width, 3),
            round(width, 3),
            round((index + 0.5) * width, 3),
            round(index * width + margin, 3),
            round(width - 2 * margin, 3),
        )
        for index in range(count)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Minutes:
    """A line of many values, drawn as one shape.

    `path` is for a drawing of `0 0 100 100` that is stretched to its frame; `missing` are the
    spans without a value, as `x` and `width`.
    """

    path: str
    missing: tuple[tuple[float, float], ...]


def minutes(values: Sequence[int | None], top: int, *, head: float = HEAD) -> Minutes:
    """Return the shape of values in equal steps; None: nothing is known there.

    `minutes([1, None], 1, head=0)` is the path `M0 100V0H50V100Z` and the span from 50 to 100.
    """
    width = 100 / max(len(values), 1)
    path: list[str] = []
    missing: list[tuple[float, float]] = []
    at = 0
    for known, group in itertools.groupby(values, key=lambda value: value is not None):
        run = list(group)
        start, at = at, at + len(run)
        left = round(start * width, 3)
        if not known:
            missing.append((left, round(len(run) * width, 3)))
            continue
        steps = (
            f"V{_y(value or 0, top, head):g}H{round((start + number) * width, 3):g}"
            for number, value in enumerate(run, start=1)
        )
        path.append(f"M{left:g} 100{''.join(steps)}V100Z")
    return Minutes(path="".join(path), missing=tuple(missing))


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A curve through the middles of columns. `path` and `points` are in percent, as in `Minutes`;
    `points` are (x, y) of each value.
    """

    path: str
    points: tuple[tuple[float, float], ...]


def curve(values: Sequence[float], top: float, of: int, *, head: float = HEAD) -> Curve:
    """Return the curve of the first values of `of` columns.

    `curve([0, 1], 1, 2, head=0).path` is `M25 100L75 0`.
    """
    width = 100 / max(of, 1)
    points = tuple(
        (round((number + 0.5) * width, 3), _y(value, top, head))
        for number, value in enumerate(values)
    )
    path = "L".join(f"{x:g} {y:g}" for x, y in points)
    return Curve(path=f"M{path}" if path else "", points=points)


def ribbon(lows: Sequence[float], highs: Sequence[float], top: float, *, head: float = HEAD) -> str:
    """Return the path of what lies between two curves, drawn on to both sides of the picture."""
    if not lows:
        return ""
    over = curve(highs, top, len(highs), head=head).points
    under = curve(lows, top, len(lows), head=head).points
    there = [(0.0, over[0][1]), *over, (100.0, over[-1][1])]
    back = [(100.0, under[-1][1]), *reversed(under), (0.0, under[0][1])]
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in (*there, *back)) + "Z"


def _y(value: float, top: float, head: float) -> float:
    return round(100 - (100 - head) * min(value, top) / top, 3)
