"""The shops and boxes of a simulated chain's years, as their last heartbeats left them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from sqlalchemy import Connection, insert

from cloud.simulate.chain import VERSION, Box, Shop
from cloud.simulate.years.footfall import OFFLINE_S
from cloud.tables import box, store

_AILS: Final = (0.02, 0.06, 0.03, 0.01)
"""Shares of the boxes that lag behind, run an older release, run in a lower mode than they want to,
have a store that is nearly full."""
_OLD_VERSION: Final = "0.9.4"


def introduce(connection: Connection, shops: Sequence[Shop], now: datetime) -> None:
    """Write shops and their boxes."""
    connection.execute(
        insert(store), [{"id": s.id, "name": s.name, "timezone": s.zone.key} for s in shops]
    )
    connection.execute(insert(box), [_box_row(one, now) for shop in shops for one in shop.boxes])


def _box_row(one: Box, now: datetime) -> dict[str, Any]:
    """Return the row of a box as its last heartbeat left it."""
    heard = now - timedelta(seconds=OFFLINE_S if one.fault == "offline" else 0)
    random = Random(f"{one.id}/ails")
    behind, old, low, full = (random.random() < share for share in _AILS)
    return {
        "store": one.store,
        "id": one.id,
        "session": "0" * 32,
        "state": "offline" if one.fault == "offline" else "online",
        "last_seen": heard,
        "last_fact_at": heard,
        "version": _OLD_VERSION if old else VERSION,
        "mode": one.mode,
        "mode_wanted": "entrance" if low else one.mode,
        "mode_why": "declaration_expired" if low and one.mode == "count" else None,
        "clock": "suspect" if one.fault == "suspect" else "ok",
        "heartbeat_at": heard,
        "backlog": random.randint(2_000, 40_000) if behind else 0,
        "oldest_unacked_at": now - timedelta(hours=random.randint(2, 30)) if behind else None,
        "occupancy": 0,
        "storage": "early" if full else "ok",
        "cameras": [list(camera) for camera in one.states()],
        **one.board(),
        "controller": one.controller,
    }
