"""Orders to boxes: numbered when they are issued, and of what they consist when they are sent.

    commands, ingest -> Issuer -> box_order (a pointer: kind and object) -> order_post -> `down`

An order's row only names a thing; what is said of it is read when it is sent. So nothing personal
rests in the queue, of several orders about one thing only the newest says anything, and what was
erased meanwhile cannot be sent. A box that was offline for a month gets the last word of each.

Called by `ingest`, `order_post` and the commands, inside their transactions.
"""

import secrets
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, insert, select

from cloud.db import upsert
from cloud.tables import box, box_order, epoch, event, order_line
from edge.wire.orders import (
    ConfigOrder,
    EraseOrder,
    NoticeOrder,
)
from edge.wire.topics import BoxAddress

WHOLE_SHOP: Final = ""
"""Stands for the box in what is meant for all boxes of a shop."""


class Thing(NamedTuple):
    """What an order is about: its kind, and which one of that kind. `at` is when it came to be."""

    kind: str
    object: str
    at: datetime


class Issuer:
    """Gives orders their identity, under an epoch of this process.

    Within an epoch each box's numbers have no gap. When a number that was given out is not in the
    table any more (its transaction was rolled back, or it was carried out and forgotten), a new
    epoch begins: an identity is never used twice, whatever becomes of the database.
    """

    def __init__(self) -> None:
        self._epoch = secrets.token_hex(16)
        self._last: dict[BoxAddress, int] = {}

    def issue(
        self, connection: Connection, address: BoxAddress, things: Sequence[Thing], now: datetime
    ) -> None:
        """Order things of a box; they are sent as soon as the box can be reached."""
        if not things:
            return
        last = self._goes_on(connection, address)
        connection.execute(
            insert(box_order),
            [
                {
                    "store": address.store,
                    "box": address.box,
                    "epoch": self._epoch,
                    "seq": seq,
                    "kind": thing.kind,
                    "object": thing.object,
                    "at": thing.at,
                }
                for seq, thing in enumerate(things, start=last + 1)
            ],
        )
        self._last[address] = last + len(things)
        send_soon(connection, address, now)

    def _goes_on(self, connection: Connection, address: BoxAddress) -> int:
        top = connection.execute(
            select(func.max(box_order.c.seq)).where(
                of_box(address), box_order.c.epoch == self._epoch
            )
        ).scalar()
        if (top or 0) != self._last.get(address, 0):
            self._epoch = secrets.token_hex(16)
            self._last.clear()
        return self._last.get(address, 0)


def of_box(address: BoxAddress) -> ColumnElement[bool]:
    """Return the condition that an order is one of a box."""
    return and_(box_order.c.store == address.store, box_order.c.box == address.box)


def send_soon(connection: Connection, address: BoxAddress, now: datetime) -> None:
    """Have what waits for a box sent at the next look."""
    statement = upsert(connection, order_line)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=order_line.primary_key.columns, set_={"next_at": now, "tries": 0}
        ),
        {"store": address.store, "box": address.box, "next_at": now, "sent_to": 0, "tries": 0},
    )


def boxes_of(connection: Connection, store_id: str) -> list[BoxAddress]:
    """Return the boxes of a shop that the hub has heard of, by name."""
    names = connection.execute(select(box.c.id).where(box.c.store == store_id).order_by(box.c.id))
    return [BoxAddress(store=store_id, box=name) for name in names.scalars()]


def every_box(connection: Connection) -> list[BoxAddress]:
    """Return all boxes that the hub has heard of, by shop and name."""
    rows = connection.execute(select(box.c.store, box.c.id).order_by(box.c.store, box.c.id))
    return [BoxAddress(store=store, box=name) for store, name in rows]


def configuration(now: datetime) -> Thing:
    """Return that a box is to have the settings that are desired of it."""
    return Thing(ConfigOrder.KIND, "", now)


def erasure(digest: str, now: datetime) -> Thing:
    """Return that a box is to erase whose subject has this hash."""
    return Thing(EraseOrder.KIND, digest, now)


def notice(anomaly: str, now: datetime) -> Thing:
    """Return that a box is to show the manager an anomaly, or that it is over."""
    return Thing(NoticeOrder.KIND, anomaly, now)


def naming(connection: Connection, subjects: Collection[str]) -> dict[str, set[BoxAddress]]:
    """Return by subject the boxes that ever named it in an event: they may hold the member."""
    found: dict[str, set[BoxAddress]] = {subject: set() for subject in subjects}
    for subject in sorted(subjects):
        rows = connection.execute(
            select(epoch.c.store, epoch.c.box)
            .join(event, event.c.epoch_pk == epoch.c.pk)
            .where(event.c.subject == subject)
            .distinct()
        )
        found[subject] |= {BoxAddress(store=store, box=name) for store, name in rows}
    return found


def ordered_before(connection: Connection, address: BoxAddress, kind: str, digest: str) -> bool:
    """Say whether a box was ordered this already, carried out or not."""
    row = connection.execute(
        select(box_order.c.pk)
        .where(of_box(address), box_order.c.kind == kind, box_order.c.object == digest)
        .limit(1)
    ).first()
    return row is not None


def order_erasure(
    connection: Connection,
    issuer: Issuer,
    digest: str,
    addresses: Iterable[BoxAddress],
    now: datetime,
) -> list[BoxAddress]:
    """Order boxes to erase a member, those that were ordered before left out; return the others."""
    new = [
        address
        for address in sorted(addresses, key=lambda one: (one.store, one.box))
        if not ordered_before(connection, address, EraseOrder.KIND, digest)
    ]
    for address in new:
        issuer.issue(connection, address, [erasure(digest, now)], now)
    return new
