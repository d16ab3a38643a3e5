"""Alerts that head office opens to a shop, about what is wrong with its box.

Opened from the page of the fleet, told at once, and taken on by whoever opened them. Over by
themselves once no box of the shop has that trouble any more: `look` asks.
"""

import threading
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Engine, select

from cloud.accounts.scope import EVERYTHING, Scope
from cloud.anomalies import desk, keep
from cloud.anomalies.keep import Known, Told
from cloud.anomalies.tables import anomaly
from cloud.anomalies.word import ALERTS, tell
from cloud.db import reading, writing
from cloud.orders import Issuer
from cloud.queries.fleet import FleetBox, fleet_of

KIND: Final = "box"


def alert_of(box: FleetBox) -> str:
    """Return the trouble that a shop would be told of, what costs figures first; "": none."""
    return next((one for one in box.troubles if one in ALERTS), "")


class Alerts:
    """Opens alerts. Any thread may ask."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._issuer = Issuer()
        self._one_at_a_time = threading.Lock()

    def open(self, scope: Scope, by: str, shop: str, trouble: str, now: datetime) -> bool:
        """Let a shop know what is wrong with its box; say whether it is told now.

        Not of a shop that the caller does not see, of a trouble that is over, or while it has an
        alert of a box already.
        """
        with reading(self._engine) as connection:
            boxes = [one for one in fleet_of(connection, scope, now) if one.store_id == shop]
        ailing = [one for one in boxes if trouble in ALERTS and trouble in one.troubles]
        if not ailing:
            return False
        with self._one_at_a_time, writing(self._engine) as connection:
            return self._open(connection, ailing[0], trouble, by, now)

    def _open(
        self, connection: Connection, box: FleetBox, trouble: str, by: str, now: datetime
    ) -> bool:
        of = anomaly.c
        goes_on = (of.store == box.store_id, of.kind == KIND, of.closed_at.is_(None))
        if connection.execute(select(of.id).where(*goes_on)).first():
            return False
        told = Told(
            store=box.store_id,
            kind=KIND,
            reason=trouble,
            since=box.last_seen if trouble == "silent" and box.last_seen else now,
            expected=0.0,
            low=0,
            high=0,
            got=None,
        )
        which = keep.say(connection, {}, told, now)
        assert which is not None
        desk.acknowledge(connection, EVERYTHING, which, "", by, now)
        return tell(connection, self._issuer, which, by, now)


def close_over(engine: Engine, issuer: Issuer, known: Known, now: datetime) -> None:
    """Note which alerts are over: no box of the shop has that trouble now."""
    rows = [row for (_, kind), row in known.items() if kind == KIND]
    if not rows:
        return
    with reading(engine) as connection:
        boxes = fleet_of(connection, EVERYTHING, now)
    ails = {(one.store_id, trouble) for one in boxes for trouble in one.troubles}
    over = [row for row in rows if (row.store, row.reason) not in ails]
    if over:
        with writing(engine) as connection:
            keep.close(connection, issuer, over, "recovered", now)
