"""What is known of shops: until when their boxes have told everything, and why not more.

Reads the rows of boxes, never the facts. Called by `look`.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Text, cast, select

from cloud.anomalies.shop import WAITS, Heard
from cloud.tables import INCOMPLETE, box, epoch

SILENT_AFTER: Final = timedelta(minutes=10)
_BEHIND_AFTER: Final = timedelta(minutes=30)
_GONE_AFTER: Final = timedelta(days=7)
"""A box that is silent for so long beside one that is not was taken away."""
_BLIND: Final = frozenset({"lost", "frozen", "unreadable"})
_ORDER: Final = ("box_silent", "lagging", "camera_lost", "")


def heard_of(connection: Connection, now: datetime) -> dict[str, Heard]:
    """Return what is known of each shop that has a box."""
    missing = {
        (row.store, row.box)
        for row in connection.execute(select(epoch.c.store, epoch.c.box).where(INCOMPLETE))
    }
    boxes: dict[str, list[Any]] = defaultdict(list)
    for row in connection.execute(
        select(
            *(box.c.store, box.c.id, box.c.state, box.c.last_seen, box.c.oldest_unacked_at),
            cast(box.c.cameras, Text).label("cameras"),
        )
    ):
        if row.last_seen is not None:
            boxes[row.store].append(row)
    return {
        store: _together(
            [_one(row, now, missing=(row.store, row.id) in missing) for row in _there(rows, now)]
        )
        for store, rows in boxes.items()
    }


def _there(rows: list[Any], now: datetime) -> list[Any]:
    return [row for row in rows if row.last_seen >= now - _GONE_AFTER] or rows


def _one(row: Any, now: datetime, *, missing: bool) -> Heard:
    oldest = row.oldest_unacked_at
    if row.state == "offline" or row.last_seen < now - SILENT_AFTER:
        return Heard(min(filter(None, (oldest, row.last_seen))), "box_silent")
    if oldest is not None and oldest < now - _BEHIND_AFTER:
        return Heard(oldest, "lagging")
    if missing:
        # Which hours its missing events are of, nobody knows: all of the last wait for them.
        return Heard(now - WAITS)
    if any(state in _BLIND for _, state in json.loads(row.cameras or "[]")):
        return Heard(now, "camera_lost")
    return Heard(now)


def _together(boxes: Iterable[Heard]) -> Heard:
    held = list(boxes)
    worst = min(held, key=lambda one: _ORDER.index(one.why))
    return Heard(min(one.until for one in held), worst.why)
