"""What is to be sent to boxes now, and what they say of it. Called by `ingest`.

    order_line: next_at ──due──> the oldest orders that wait, read out of their tables ──> `down`
         ^                                                                                   │
         └── sent again, ever more seldom <── acked: box_order.acked_at <── `orders_ack` ────┘

A box is spoken to on the connection on which it told what it holds, and not before. Orders are
kept for 30 days after they were carried out, for a box that is restored from an older copy; before
they are forgotten the box is given a mark, and a box that comes without it gets everything anew.
"""

import logging
import random
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, delete, func, or_, select, update

from cloud import desired, sharing
from cloud.acks import Reply
from cloud.anomalies.word import notice_order
from cloud.bulk import some_at_once
from cloud.db import upsert
from cloud.errors import ShareFault
from cloud.office.people import Office, forget_key, key_of, note_key, order_sealed, things_of
from cloud.orders import (
    WHOLE_SHOP,
    Issuer,
    Thing,
    configuration,
    erasure,
    of_box,
    send_soon,
)
from cloud.tables import box, box_order, erased_subject, order_line
from cloud.tables import desired as wishes
from edge.wire.codec import encode
from edge.wire.messages import EpochAck
from edge.wire.orders import (
    ORDERS_MAX,
    SEALED_KINDS,
    BoxKeyOrder,
    CheckpointOrder,
    ConfigOrder,
    EraseOrder,
    KeyWantedOrder,
    NoticeOrder,
    Order,
    OrderBody,
    Orders,
    OrdersAck,
    ShareAgainOrder,
    TemplateOrder,
    VoidOrder,
    WithdrawOrder,
)
from edge.wire.topics import BoxAddress

_log = logging.getLogger(__name__)
_Sealer = tuple[Office, str]
KEEP_ACKED: Final = timedelta(days=30)
WINDOW: Final = 4 * ORDERS_MAX
"""Orders on their way to one box at a time."""
_BOXES_AT_ONCE: Final = 100
_OF_OTHERS: Final = (TemplateOrder.KIND, BoxKeyOrder.KIND)
_BULKY: Final = 4  # as much as so many members: 21 kB at most, of 6
_FIRST_PATIENCE_S: Final = 5.0
_LAST_PATIENCE_S: Final = 300.0


def anything_due(connection: Connection, now: datetime) -> bool:
    """Say whether there may be something to send. Reads only."""
    return connection.execute(_due(now).limit(1)).first() is not None


def _due(now: datetime) -> Any:
    online = and_(
        box.c.store == order_line.c.store,
        box.c.id == order_line.c.box,
        box.c.session == order_line.c.session,
        box.c.state == "online",
    )
    return select(order_line).join(box, online).where(order_line.c.next_at <= now)


def due(connection: Connection, now: datetime, office: Callable[[], Office]) -> list[Reply]:
    """Return what to publish now; each box is left alone for a while after that.

    Args:
        connection: of the transaction.
        now: the time.
        office: returns what opens members and appointments; raises ShareFault where it cannot.
    """
    lines = connection.execute(
        _due(now)
        .order_by(order_line.c.next_at)
        .limit(_BOXES_AT_ONCE)
        .with_for_update(skip_locked=True, of=order_line)  # another ingest process looks too
    ).all()
    return [reply for line in lines for reply in _send(connection, line, now, office)]


def _send(
    connection: Connection, line: Row[Any], now: datetime, office: Callable[[], Office]
) -> list[Reply]:
    address = BoxAddress(store=line.store, box=line.box)
    sealer = _sealer(connection, address, office)
    rows = _waiting(connection, address, sealed=sealer is not None)
    if not rows:
        _note_line(connection, address, next_at=None, tries=0)
        return []
    patience_s = min(_FIRST_PATIENCE_S * 2**line.tries, _LAST_PATIENCE_S)
    again = now + timedelta(seconds=patience_s * random.uniform(0.7, 1.3))
    _note_line(
        connection,
        address,
        next_at=again,
        tries=min(line.tries + 1, 16),
        sent_to=max(row.pk for row in rows),
    )
    newest = _newest(connection, address)
    orders = [(row.epoch, _order(connection, address, row, sealer, newest=newest)) for row in rows]
    topic = address.topic("down")
    return [(topic, encode(message)) for message in _messages(orders)]


def _order(
    connection: Connection,
    address: BoxAddress,
    row: Row[Any],
    sealer: _Sealer | None,
    *,
    newest: Mapping[tuple[str, str], int],
) -> Order:
    """Return an order as it is sent; one that the wire does not allow says nothing."""
    last = newest.get((row.kind, row.object)) == row.pk
    try:
        order = Order(seq=row.seq, body=_body(connection, address, row, sealer, last=last))
        encode(Orders(epoch=row.epoch, orders=(order,)))
    except ValueError as exc:
        # One thing that cannot be said must not keep the hub from all the others, for ever.
        name = f"{address.store}/{address.box}"
        _log.error("an order (%s) to box %s cannot be sent: %s", row.kind, name, type(exc).__name__)
        return Order(seq=row.seq, body=VoidOrder())
    return order


def _sealer(
    connection: Connection, address: BoxAddress, office: Callable[[], Office]
) -> _Sealer | None:
    """Return what seals to a box; None while its key, or the hub's secret, is not there."""
    public = key_of(connection, address)
    if public is None:
        return None
    try:
        return office(), public
    except ShareFault as fault:
        _log.error("members and appointments are not sent: %s", fault)
        return None


def _waiting(connection: Connection, address: BoxAddress, *, sealed: bool) -> Sequence[Row[Any]]:
    kinds = () if sealed else SEALED_KINDS
    return connection.execute(
        select(box_order)
        .where(of_box(address), box_order.c.acked_at.is_(None))
        .where(or_(box_order.c.kind.not_in(kinds), box_order.c.object.is_(None)))
        # A box whose own key is away carries out no sealed ones, and one that counts, or whose
        # clock is in doubt, nothing of other boxes: the others go first, erasures among them.
        .order_by(
            box_order.c.kind.in_(_OF_OTHERS), box_order.c.kind.in_(SEALED_KINDS), box_order.c.pk
        )
        .limit(WINDOW)
    ).all()


def _messages(orders: Iterable[tuple[str, Order]]) -> Iterator[Orders]:
    """Put orders into messages: of one epoch each, and not too many."""
    by_epoch: dict[str, list[Order]] = {}
    for epoch, order in orders:
        by_epoch.setdefault(epoch, []).append(order)
    for epoch, held in by_epoch.items():
        some: list[Order] = []
        size = 0
        for order in held:
            bulk = _BULKY if isinstance(order.body, TemplateOrder | BoxKeyOrder) else 1
            if len(some) == ORDERS_MAX or size + bulk > ORDERS_MAX:
                yield Orders(epoch=epoch, orders=tuple(some))
                some, size = [], 0
            some.append(order)
            size += bulk
        yield Orders(epoch=epoch, orders=tuple(some))


def _newest(connection: Connection, address: BoxAddress) -> Mapping[tuple[str, str], int]:
    """Return the newest order of each thing of which any waits."""
    rows = connection.execute(
        select(box_order.c.kind, box_order.c.object, func.max(box_order.c.pk))
        .where(of_box(address), box_order.c.acked_at.is_(None))
        .group_by(box_order.c.kind, box_order.c.object)
    )
    return {(kind, thing): pk for kind, thing, pk in rows}


def _body(
    connection: Connection,
    address: BoxAddress,
    row: Row[Any],
    sealer: _Sealer | None,
    *,
    last: bool,
) -> OrderBody:
    """Return what is said now of the thing that an order is about."""
    if row.object is None:
        return VoidOrder()
    match row.kind:
        case EraseOrder.KIND:
            return EraseOrder(hash=row.object)
        case WithdrawOrder.KIND:
            return WithdrawOrder(hash=row.object, at=row.at)
        case CheckpointOrder.KIND:
            return CheckpointOrder(mark=row.object)
        case KeyWantedOrder.KIND:
            return KeyWantedOrder()
        case ShareAgainOrder.KIND:
            return ShareAgainOrder(place=row.object)
        case BoxKeyOrder.KIND if last:
            return sharing.key_order(connection, row.object) or VoidOrder()
        case TemplateOrder.KIND if last:
            return sharing.template_order(connection, row.object) or VoidOrder()
        case ConfigOrder.KIND if last:
            return desired.of_box(connection, address) or VoidOrder()
        case NoticeOrder.KIND if last:
            return notice_order(connection, row.object) or VoidOrder()
        case kind if last and kind in SEALED_KINDS and sealer is not None:
            office, public = sealer
            return office.order(connection, address, kind, row.object, public) or VoidOrder()
        case _:
            return VoidOrder()


def hear(
    connection: Connection, issuer: Issuer, address: BoxAddress, ack: OrdersAck, now: datetime
) -> None:
    """Take a box's word on what it holds."""
    if ack.whole:
        _greet(connection, issuer, address, ack, now)
    for entry in ack.epochs:
        _acknowledge(connection, address, entry, now)
    _forget(connection, issuer, address, now)
    line = _line(connection, address)
    rest = connection.execute(
        select(func.min(box_order.c.pk)).where(of_box(address), box_order.c.acked_at.is_(None))
    ).scalar()
    if rest is None:
        _note_line(connection, address, next_at=None, tries=0)
    elif ack.whole or (line is not None and rest > line.sent_to):
        send_soon(connection, address, now)


def hear_key(connection: Connection, address: BoxAddress, public: str, now: datetime) -> None:
    """Take the key to which a box has members sealed; what waited for it is sent."""
    if note_key(connection, address, public, now):
        send_soon(connection, address, now)


def _line(connection: Connection, address: BoxAddress) -> Row[Any] | None:
    return connection.execute(
        select(order_line).where(
            order_line.c.store == address.store, order_line.c.box == address.box
        )
    ).first()


def _note_line(connection: Connection, address: BoxAddress, **values: Any) -> None:
    statement = upsert(connection, order_line)
    fresh = {"store": address.store, "box": address.box, "sent_to": 0, "tries": 0}
    connection.execute(
        statement.on_conflict_do_update(index_elements=order_line.primary_key.columns, set_=values),
        fresh | values,
    )


def _greet(
    connection: Connection, issuer: Issuer, address: BoxAddress, ack: OrdersAck, now: datetime
) -> None:
    """Begin a connection: what the box does not hold, any more or ever, waits again."""
    line = _line(connection, address)
    known = {entry.epoch: entry for entry in ack.epochs}
    acked = connection.execute(
        select(box_order.c.pk, box_order.c.epoch, box_order.c.seq, box_order.c.kind).where(
            of_box(address), box_order.c.acked_at.is_not(None)
        )
    )
    lost = [row for row in acked if not _holds(known.get(row.epoch), row.seq)]
    if any(row.kind == KeyWantedOrder.KIND for row in lost):
        forget_key(connection, address)
    if any(row.kind == TemplateOrder.KIND for row in lost):
        sharing.share_again(connection, issuer, address, now)
    for some in some_at_once([row.pk for row in lost]):
        connection.execute(
            update(box_order)
            .where(box_order.c.pk.in_(some))
            .values(acked_at=None, refused=None, settled_by=None)
        )
    mark = line.mark if line is not None else None
    if line is None or line.session is None:
        _snapshot(connection, issuer, address, now, erased=False)
    elif mark is not None and not _passed(connection, address, mark, ack.mark):
        _snapshot(connection, issuer, address, now, erased=True)
        mark = None
    _note_line(connection, address, session=ack.session, mark=mark)


def _snapshot(
    connection: Connection, issuer: Issuer, address: BoxAddress, now: datetime, *, erased: bool
) -> None:
    """Order everything of a box that head office wants of it now; nobody erased is among it.

    Args:
        connection: of the transaction.
        issuer: numbers the orders.
        address: the box.
        now: the time.
        erased: also whom to erase: the box was restored from a copy that may hold them.
    """
    forget_key(connection, address)
    things: list[Thing] = []
    held = connection.execute(
        select(wishes.c.version).where(
            wishes.c.store == address.store, wishes.c.box.in_([WHOLE_SHOP, address.box])
        )
    ).first()
    if held is not None:
        things.append(configuration(now))
    if erased:
        digests = connection.execute(select(erased_subject.c.hash).order_by(erased_subject.c.hash))
        things += [erasure(digest, now) for digest in digests.scalars()]
    issuer.issue(connection, address, things, now)
    order_sealed(connection, issuer, [address], things_of(connection, address.store, now), now)
    sharing.share_again(connection, issuer, address, now)


def _holds(entry: EpochAck | None, seq: int) -> bool:
    if entry is None or seq > entry.through:
        return False
    return not any(low <= seq <= high for low, high in entry.missing)


def _passed(connection: Connection, address: BoxAddress, needed: str, mark: str | None) -> bool:
    """Say whether a box has a checkpoint, or one that was issued after it."""
    rows = connection.execute(
        select(box_order.c.object, box_order.c.pk).where(
            of_box(address),
            box_order.c.kind == CheckpointOrder.KIND,
            box_order.c.object.in_([needed, mark]),
        )
    ).all()
    issued = {row.object: row.pk for row in rows}
    return mark in issued and issued[mark] >= issued[needed]


def _acknowledge(
    connection: Connection, address: BoxAddress, entry: EpochAck, now: datetime
) -> None:
    rows = connection.execute(
        select(box_order.c.pk, box_order.c.seq, box_order.c.kind, box_order.c.object).where(
            of_box(address), box_order.c.epoch == entry.epoch, box_order.c.acked_at.is_(None)
        )
    )
    held = [row for row in rows if _holds(entry, row.seq)]
    for some in some_at_once([row.pk for row in held]):
        connection.execute(update(box_order).where(box_order.c.pk.in_(some)).values(acked_at=now))
    bundles = {row.object for row in held if row.kind == TemplateOrder.KIND and row.object}
    sharing.delivered(connection, address, bundles)


def refused(connection: Connection, address: BoxAddress, order: tuple[str, int], code: str) -> None:
    """Note that a box refuses an order for good."""
    epoch, seq = order
    connection.execute(
        update(box_order)
        .where(of_box(address), box_order.c.epoch == epoch, box_order.c.seq == seq)
        .values(refused=code)
    )


def _forget(connection: Connection, issuer: Issuer, address: BoxAddress, now: datetime) -> None:
    """Forget what was carried out long ago, once the box has a mark that stands for all of it."""
    mine = of_box(address)
    marks = connection.execute(
        select(box_order.c.pk, box_order.c.object, box_order.c.acked_at)
        .where(mine, box_order.c.kind == CheckpointOrder.KIND)
        .order_by(box_order.c.pk.desc())
    ).all()
    for pk, mark, acked_at in marks:
        if acked_at is None:
            return  # one at a time
        gone = connection.execute(delete(box_order).where(mine, box_order.c.settled_by == pk))
        if gone.rowcount:
            _note_line(connection, address, mark=mark)
    old = connection.execute(
        select(box_order.c.pk)
        .where(mine, box_order.c.acked_at < now - KEEP_ACKED, box_order.c.settled_by.is_(None))
        .where(box_order.c.kind != CheckpointOrder.KIND)
        .limit(1)
    ).first()
    if old is None:
        return
    mark = secrets.token_hex(16)
    issuer.issue(connection, address, [Thing(CheckpointOrder.KIND, mark, now)], now)
    (pk,) = connection.execute(
        select(func.max(box_order.c.pk)).where(mine, box_order.c.object == mark)
    ).one()
    connection.execute(
        update(box_order).where(mine, box_order.c.acked_at < now - KEEP_ACKED).values(settled_by=pk)
    )
