"""Which local hour and which local day of a shop hold a moment. Pure; calls nothing.

An hour is named by the UTC instant at which it begins, in whole seconds. A day of the shop's
zone has 24 of them, or 23 or 25 where the clocks change. In zones of half and quarter hours
they begin at :30 or :45 of UTC.

    Asia/Kolkata (+05:30)   local 10:00        11:00        12:00
                            UTC   04:30        05:30        06:30
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


def zone_named(name: str) -> ZoneInfo:
    """Return a time zone.

    Raises:
        ValueError: this machine knows no zone of that name.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        # Names of folders and of files that are no zones raise errors other than KeyError.
        raise ValueError(
            f"expected an IANA time zone such as Asia/Shanghai, got {name!r}"
        ) from None


def hour_start(at: datetime, zone: ZoneInfo) -> int:
    """Return the UTC second at which the local hour that holds a moment begins.

    >>> hour_start(datetime(2026, 11, 21, 4, 45, tzinfo=UTC), ZoneInfo("Asia/Kolkata")) % 3600
    1800
    """
    return hour_of_minute(int(at.timestamp()) // 60, zone)


@lru_cache(maxsize=65_536)
def hour_of_minute(minute: int, zone: ZoneInfo) -> int:
    """Return the same as `hour_start`, for a minute counted from 1970 in UTC."""
    at = datetime.fromtimestamp(minute * 60, UTC)
    start = at - at.astimezone(zone).minute * _MINUTE
    offset = at.astimezone(zone).utcoffset()
    # A zone that shifts by half an hour does so within an hour, which is then two of ours.
    while start.astimezone(zone).utcoffset() != offset:
        start += _MINUTE
    return int(start.timestamp())


def hour_end(start: int, zone: ZoneInfo) -> int:
    """Return the UTC second at which the local hour that begins at `start` ends."""
    at = datetime.fromtimestamp(start, UTC)
    end = at + _HOUR - at.astimezone(zone).minute * _MINUTE
    while hour_start(end - _MINUTE, zone) != start:
        end -= _MINUTE
    return int(end.timestamp())


def local_day(hour: int, zone: ZoneInfo) -> date:
    """Return the local day to which an hour belongs."""
    return datetime.fromtimestamp(hour, zone).date()


def day_bounds(day: date, zone: ZoneInfo) -> tuple[int, int]:
    """Return the UTC seconds at which a local day begins and ends (exclusive)."""
    return _day_start(day, zone), _day_start(day + _DAY, zone)


def _day_start(day: date, zone: ZoneInfo) -> int:
    # Where midnight itself is skipped, the day begins at the first minute that exists.
    midnight = datetime.combine(day, time(), zone).astimezone(UTC)
    while midnight.astimezone(zone).date() < day:
        midnight += _MINUTE
    while (midnight - _MINUTE).astimezone(zone).date() >= day:
        midnight -= _MINUTE
    return int(midnight.timestamp())


def hours_of_day(day: date, zone: ZoneInfo) -> Iterator[int]:
    """Yield the start of each local hour of a day, in order."""
    hour, end = day_bounds(day, zone)
    while hour < end:
        yield hour
        hour = hour_end(hour, zone)
