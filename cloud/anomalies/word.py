"""The word to a shop: an anomaly as its manager reads it at the box.

Orders are made by `tell` (a page, or `weekly`) and `tell_over` (the look); what they say is read
when they are sent (`cloud.order_post`), so that a box that was offline hears only how it stands
now.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Row, select, update

from cloud.anomalies.tables import CHAIN, anomaly
from cloud.orders import Issuer, boxes_of, notice
from edge.wire.orders import NOTICES, NoticeOrder

BY_RULE: Final = "rule"
"""Who let a shop know where nobody did: bookings that deviate are told by themselves."""
_OF_BOX: Final[Mapping[str, str]] = {
    "silent": "box_silent",
    "camera": "box_camera",
    **dict.fromkeys(("storage", "disk"), "box_full"),
    **dict.fromkeys(("lagging", "missing"), "box_behind"),
    "hot": "box_hot",
    "clock": "box_clock",
}
ALERTS: Final = tuple(_OF_BOX)
"""What a shop can be told of a box's troubles (`cloud.queries.fleet.TROUBLES`). A box that was
never heard of shows nothing, and settings are head office's own matter."""
_WIDE: dict[str, str] = {"box_silent": "silent", "lagging": "silent", "camera_lost": "blind"}


def what_of(kind: str, reason: str) -> str:
    """Return what the box calls an anomaly.

    >>> what_of("silent", "camera_lost"), what_of("bookings", "down"), what_of("drop", "fewer")
    ('blind', 'bookings_down', 'drop')
    """
    if kind == "silent":
        return _WIDE[reason]
    if kind == "box":
        return _OF_BOX[reason]
    return f"{kind}_{reason}" if kind == "bookings" else kind


def tell(connection: Connection, issuer: Issuer, which: str, by: str, now: datetime) -> bool:
    """Let the manager of a shop know of an anomaly that goes on; once.

    Args:
        connection: of the transaction.
        issuer: numbers the orders.
        which: the anomaly.
        by: who lets them know.
        now: the time.

    Returns:
        Whether it is told now; not where it is over, the chain's, told already, or the shop has
        no box that could show it.
    """
    row = connection.execute(select(anomaly).where(anomaly.c.id == which)).first()
    if row is None or row.store == CHAIN or row.closed_at is not None:
        return False
    boxes = boxes_of(connection, row.store)
    if not boxes:
        return False
    done = connection.execute(
        update(anomaly)
        .where(anomaly.c.id == which, anomaly.c.told_at.is_(None), anomaly.c.closed_at.is_(None))
        .values(told_at=now, told_by=by)
    )
    if not done.rowcount:
        return False
    for address in boxes:
        issuer.issue(connection, address, [notice(which, now)], now)
    return True


def tell_over(
    connection: Connection, issuer: Issuer, row: Row[tuple[object, ...]], now: datetime
) -> None:
    """Take a notice back from the shop that was told of what is over now."""
    if row.told_at is None:
        return
    for address in boxes_of(connection, row.store):
        issuer.issue(connection, address, [notice(row.id, now)], now)


def notice_order(connection: Connection, which: str) -> NoticeOrder | None:
    """Return what a box is told of an anomaly now, None if there is nothing (any more)."""
    row = connection.execute(select(anomaly).where(anomaly.c.id == which)).first()
    if row is None:
        return None
    what = what_of(row.kind, row.reason)
    if what not in NOTICES:
        return None
    return NoticeOrder(
        id=row.id,
        what=what,
        since=row.since,
        expected=round(row.expected),
        got=row.got,
        ends=row.closed_at is not None,
    )
