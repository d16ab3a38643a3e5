"""Minutes and hours that cameras counted in made-up shops, for what audits them."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, insert

from cloud.tables import crossing_minute, hourly
from tests.support.fleets import boxed

MINUTE = timedelta(minutes=1)


def counted(
    connection: Connection,
    store: str,
    hour: datetime,
    *,
    entered: int,
    left: int = 0,
    camera: str = "door",
    closed: int = 0,
) -> None:
    """Put an hour of a camera there: all in its third minute, those outside hours in its last."""
    nobody = dict.fromkeys(("entered", "left", "entered_closed", "left_closed"), 0)
    same = {"store": store, "box": f"{store}-a", "camera": camera, "rev": 1}
    for minute, told in ((3, {"entered": entered, "left": left}), (59, {"entered_closed": closed})):
        row = {**same, **nobody, "minute": hour + minute * MINUTE, "staff": 5, "turned_back": 0}
        connection.execute(insert(crossing_minute).values(**{**row, **told}))


def open_shop(
    connection: Connection,
    store: str,
    now: datetime,
    *,
    days: int = 14,
    cameras: tuple[str, ...] = ("door",),
) -> None:
    """Put a shop there that is open from 10 to 20 of UTC, busy from 15 on, and its last days."""
    boxed(connection, store, now, cameras=[[name, "ok"] for name in cameras])
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for number in range(1, days + 1):
        for hour in range(10, 20):
            start = midnight - timedelta(days=number) + timedelta(hours=hour)
            people = 100 if hour >= 15 else 10
            figures = dict.fromkeys([c.name for c in hourly.c], 0)
            row = {**figures, "store": store, "hour": int(start.timestamp()), "entered": people}
            connection.execute(insert(hourly).values(**{**row, "basis": "crossings"}))
            for camera in cameras:
                counted(connection, store, start, entered=people, left=people - 1, camera=camera)
