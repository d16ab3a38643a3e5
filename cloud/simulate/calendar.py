"""How busy a day is, and how a day's visitors spread over its hours. Pure; used by `plan`, `years`.

The shape is what shops in Chinese malls know: weekends, the weeks before Chinese New Year, the
Golden Week; lunch and evening. The figures are ours, chosen for a plausible chain, not measured.
"""

import math
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from cloud.hours import hours_of_day

_DAY: Final = timedelta(days=1)
_WEEKDAYS: Final = (0.84, 0.82, 0.84, 0.88, 1.04, 1.35, 1.23)  # Monday first; they average 1
_MONTHS: Final = (1.06, 0.98, 0.94, 0.95, 1.02, 0.96, 1.0, 1.04, 0.97, 1.04, 0.99, 1.05)
# First day of the lunar year (Hong Kong Observatory, Gregorian-Lunar Calendar Conversion Table).
_NEW_YEARS: Final = (
    *(date(2024, 2, 10), date(2025, 1, 29), date(2026, 2, 17), date(2027, 2, 6)),
    *(date(2028, 1, 26), date(2029, 2, 13), date(2030, 2, 3), date(2031, 1, 23)),
)
_LUNCH: Final = (12.6, 1.1, 0.9)  # middle (hour), width (hours), weight
_EVENING: Final = (19.0, 1.7, 1.5)
_AFTERNOON: Final = (15.5, 2.2, 1.3)
_EVER: Final = 0.25


def busyness(day: date) -> float:
    """Return how a day compares with the average day of its year, 1.0."""
    return _raw(day) / _mean(day.year)


@lru_cache(maxsize=64)
def _mean(year: int) -> float:
    first, end = date(year, 1, 1), date(year + 1, 1, 1)
    days = (end - first).days
    return sum(_raw(first + number * _DAY) for number in range(days)) / days


@lru_cache(maxsize=4096)
def _raw(day: date) -> float:
    return _WEEKDAYS[day.weekday()] * _MONTHS[day.month - 1] * _holiday(day)


def _holiday(day: date) -> float:
    match (day.month, day.day):
        case (10, number) if number <= 7:
            return 1.9  # the Golden Week
        case (5, number) if number <= 5:
            return 1.6
        case (1, 1):
            return 1.4
        case (11, 11):
            return 1.3  # Singles' Day
    for new_year in _NEW_YEARS:
        after = (day - new_year).days
        if after in (-1, 0):
            return 0.45  # the family is at home
        if 1 <= after <= 6:
            return 1.7
        if -14 <= after < -1:
            return 1.35
    return 1.0


@lru_cache(maxsize=4096)
def shares(opens: int, closes: int, weekend: bool) -> tuple[float, ...]:
    """Return each hour's share of a day's visitors, 24 numbers with the sum 1.

    Args:
        opens: minute of the local day at which the shop opens.
        closes: minute at which it closes, later than `opens`.
        weekend: whether the afternoon is busy as well.
    """
    peaks = (_LUNCH, _EVENING, _AFTERNOON) if weekend else (_LUNCH, _EVENING)
    weights = []
    for hour in range(24):
        begin, end = max(opens, hour * 60), min(closes, hour * 60 + 60)
        middle = (begin + end) / 120
        high = _EVER + sum(w * math.exp(-(((middle - m) / s) ** 2) / 2) for m, s, w in peaks)
        weights.append(max(0, end - begin) / 60 * high)
    whole = sum(weights)
    return tuple(weight / whole for weight in weights)


@lru_cache(maxsize=4096)
def clock_hours(day: date, zone: ZoneInfo) -> tuple[tuple[int, int], ...]:
    """Return the hours of a local day: UTC second of the beginning, and minute of the local day."""
    starts = tuple(hours_of_day(day, zone))
    return tuple((start, _minute(start, zone)) for start in starts)


def _minute(start: int, zone: ZoneInfo) -> int:
    local = datetime.fromtimestamp(start, zone)
    return local.hour * 60 + local.minute


def days_between(first: date, end: date) -> list[date]:
    """Return the days from `first` to the one before `end`."""
    return [first + number * _DAY for number in range((end - first).days)]
