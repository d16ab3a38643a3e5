"""Shops with a past: hours and days of visitors that come as they always do, for what learns it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert

from cloud.db import upsert
from cloud.hours import day_bounds, hour_start, local_day
from cloud.tables import FIGURES, daily, hourly
from tests.support.tallies import shop

ZONE = ZoneInfo("Asia/Shanghai")
BY_HOUR = (*[0] * 10, 20, 30, 44, 40, 30, 28, 30, 38, 46, 50, 36, 22, 0, 0)
"""An ordinary day: 414 visitors between 10 and 22."""
WEEKDAYS = (0.85, 0.82, 0.84, 0.88, 1.04, 1.34, 1.23)
Shape = Callable[[datetime], float]
"""Says by how much an hour differs from what is usual."""


def as_usual(at: datetime) -> float:
    """Say that nothing is the matter."""
    return 1.0


def lived(of: str, at: datetime, shape: Shape = as_usual) -> int:
    """Return how many came in the hour that holds a moment: of a shop always the same number."""
    local = at.astimezone(ZONE)
    mean = BY_HOUR[local.hour] * WEEKDAYS[local.weekday()] * shape(at)
    random = Random(f"{of}/{local:%Y-%m-%d %H}")
    return max(0, round(random.gauss(mean, mean**0.5))) if mean else 0


def past(
    connection: Connection, of: str, now: datetime, days: int, shape: Shape = as_usual
) -> None:
    """Put the hours of a shop up to a moment there, and their days."""
    shop(connection, of)
    hours = hours_until(of, now - timedelta(days=days), now, shape)
    sums: dict[date, int] = {}
    for hour, visitors in hours.items():
        day = local_day(hour, ZONE)
        sums[day] = sums.get(day, 0) + visitors
    nothing = dict.fromkeys(FIGURES, 0)
    rows = [
        {"store": of, "hour": hour, **nothing, "visitors": visitors, "basis": "crossings"}
        for hour, visitors in hours.items()
    ]
    whole = [
        {"store": of, "day": day, **nothing, "visitors": visitors, "basis": "crossings"}
        for day, visitors in sums.items()
    ]
    connection.execute(insert(hourly), rows)
    connection.execute(insert(daily), whole)


def hours_until(of: str, since: datetime, now: datetime, shape: Shape) -> dict[int, int]:
    """Return the visitors of whole hours from a local midnight to a moment."""
    hour = day_bounds(since.astimezone(ZONE).date(), ZONE)[0]
    found = {}
    while hour + 3600 <= now.timestamp():
        found[hour] = lived(of, datetime.fromtimestamp(hour, UTC), shape)
        hour += 3600
    return found


def live_on(
    connection: Connection, of: str, since: datetime, now: datetime, shape: Shape = as_usual
) -> None:
    """Put the hours that have passed since a moment there."""
    first = hour_start(since, ZONE)
    rows = [
        {
            "store": of,
            "hour": hour,
            **dict.fromkeys(FIGURES, 0),
            "visitors": visitors,
            "basis": "crossings",
        }
        for hour, visitors in hours_until(of, since, now, shape).items()
        if hour >= first
    ]
    if rows:
        statement = upsert(connection, hourly)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=[hourly.c.store, hourly.c.hour],
                set_={"visitors": statement.excluded.visitors},
            ),
            rows,
        )
