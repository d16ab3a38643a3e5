"""Boxes of made-up shops as the hub would have them, for what reads the fleet."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert

from cloud.tables import box
from tests.support.tallies import shop

GB = 1_000


def boxed(connection: Connection, store_id: str, now: datetime, **changes: Any) -> None:
    """Put a shop and its box there: in good health, but for what is changed."""
    name = changes.pop("id", f"{store_id}-a")
    shop(connection, store_id, called=changes.pop("called", ""))
    well = {
        "store": store_id,
        "id": name,
        "session": "0" * 32,
        "state": "online",
        "last_seen": now - timedelta(seconds=20),
        "version": "1.4.0",
        "mode": "count",
        "mode_wanted": "count",
        "clock": "ok",
        "backlog": 0,
        "storage": "ok",
        "cameras": [["door", "ok"]],
        "temperature_c": 55,
        "disk_mb": 30 * GB,
        "disk_free_mb": 20 * GB,
    }
    connection.execute(insert(box).values(**{**well, **changes}))
