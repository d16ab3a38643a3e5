"""Works out what the manager's page draws from the desk's records. Pure; called by `corner`.

Holds codes, the templates turn them into words.
"""

from dataclasses import dataclass
from typing import Final

from edge.core.weekday import Band
from edge.desk.corner_view import Today
from menkou.web.chart import Curve, Tick, curve, ribbon, scale, ticks

_HOURS_LEAST: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One figure of today. `band` None: no day to compare with. `says`: above, below or within;
    `apart`: how far it is from the mean, rounded, never below 0.
    """

    what: str
    value: int | None
    unit: str
    band: tuple[int, int, int] | None
    says: str
    apart: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HourRow:
    """One hour in the table beside the drawing; `visitors` None: it has not begun."""

    hour: int
    visitors: int | None
    current: bool
    mean: int | None
    low: int | None
    high: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayDrawing:
    """Today's curve against the band. `whole` are the hours that are over, `last` is the point of
    the one that goes on: it is not joined to them, since it would look like a fall.
    """

    rows: tuple[HourRow, ...]
    ticks: tuple[Tick, ...]
    band: str
    mean: Curve
    whole: Curve
    last: tuple[float, float] | None
    middles: tuple[float, ...]


def compared(today: Today) -> tuple[Compared, ...]:
    """Return the figures of today, each beside what is usual by this time."""
    usual = today.usual
    return (
        _compared("visitors", today.visitors, usual.visitors),
        _compared("members", today.members, usual.members),
        _compared("people", today.people, usual.people),
        _compared("conversion", today.conversion, usual.conversion, unit="percent"),
    )


def _compared(what: str, value: float | None, band: Band | None, unit: str = "") -> Compared:
    shown = None if value is None else round(value)
    if value is None or band is None:
        return Compared(what=what, value=shown, unit=unit, band=None, says="", apart=0)
    return Compared(
        what=what,
        value=shown,
        unit=unit,
        band=(round(band.mean), round(band.low), round(band.high)),
        says=band.says(value),
        apart=abs(round(value) - round(band.mean)),
    )


def day_drawing(today: Today, open_hours: tuple[int, ...]) -> DayDrawing | None:
    """Return today's drawing; None: there is nothing to draw, today or on any other day.

    Args:
        today: the figures.
        open_hours: the hours of the wall clock in which the shop is open today.
    """
    now, bands = today.minute // 60, today.usual.hours
    worth = {
        *open_hours,
        *(hour for hour, count in enumerate(today.hours) if count),
        *(hour for hour, band in enumerate(bands) if band.high),
    }
    if not any(today.hours) and not any(band.high for band in bands):
        return None
    first, last = min(worth), max(worth)
    last = min(23, max(last, first + _HOURS_LEAST - 1))
    hours = range(min(first, last - _HOURS_LEAST + 1), last + 1)
    shown = [today.hours[hour] for hour in hours if hour <= now]
    usual = [bands[hour] for hour in hours] if bands else []
    lines = scale(max([*shown, *(round(band.high) for band in usual)], default=0))
    top, many = lines[-1], len(hours)
    every = curve(shown, top, many)
    goes_on = now in hours
    whole = curve(shown[:-1] if goes_on else shown, top, many)
    return DayDrawing(
        rows=tuple(_row(today, hour, bands[hour] if bands else None) for hour in hours),
        ticks=ticks(lines),
        band=ribbon([b.low for b in usual], [b.high for b in usual], top),
        mean=curve([b.mean for b in usual], top, many),
        whole=whole,
        last=every.points[-1] if goes_on and shown else None,
        middles=tuple(x for x, _ in curve([0] * many, top, many).points),
    )


def _row(today: Today, hour: int, band: Band | None) -> HourRow:
    now = today.minute // 60
    return HourRow(
        hour=hour,
        visitors=today.hours[hour] if hour <= now else None,
        current=hour == now,
        mean=round(band.mean) if band else None,
        low=round(band.low) if band else None,
        high=round(band.high) if band else None,
    )
