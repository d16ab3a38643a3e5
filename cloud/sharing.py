"""Carries members from box to box without being able to read them, or to say who a box is.

    Sharing: a box's signed keys, the shops it asks for ──> box_key, box_wish ──> `box_key` orders
    Shared: sealed and signed by the sender ──> shared ──> `template` orders ──acked──> deleted

Which keys to believe, whom to seal to and whose bundle to take the boxes decide by their own
authority's certificates. Called by `ingest`, `order_post` and `erasures`, in their transactions.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, update

from cloud.acks import Reply
from cloud.bulk import some_at_once
from cloud.db import upsert
from cloud.orders import Issuer, Thing, of_box
from cloud.tables import box_key, box_order, box_wish, erased_subject, shared
from edge.wire.codec import bundle_text, encode, read_bundle, read_statement, statement_text
from edge.wire.orders import BoxKeyOrder, ShareAgainOrder, TemplateOrder
from edge.wire.sharing import Bundle, HeldBundle, Shared, SharedAck, Sharing, Statement
from edge.wire.topics import BoxAddress

_OBJECT_MAX: Final = 64  # of an order; a common name, which a place is, holds no more either


def place_of(address: BoxAddress) -> str:
    """Return how a box is named in what boxes sign."""
    return f"{address.store}/{address.box}"


def address_of(place: str) -> BoxAddress:
    """Return the box that a place names."""
    store, _, box = place.partition("/")
    return BoxAddress(store=store, box=box)


def heard(
    connection: Connection,
    issuer: Issuer,
    address: BoxAddress,
    said: Sharing | Shared,
    now: datetime,
) -> list[Reply]:
    """Take what a box says of sharing, order what follows from it, and return the answer."""
    if isinstance(said, Shared):
        return _take(connection, issuer, address, said, now)
    _take_statement(connection, issuer, address, said.statement, now)
    _take_wishes(connection, address, said.shops)
    _tell_keys(connection, issuer, address, said.shops, now)
    top = connection.execute(select(func.max(shared.c.rev)).where(_from(address))).scalar()
    if (top or 0) >= (said.top or 0):
        return []
    # Restored from a copy: what the box was told is held is here no more.
    ack = SharedAck(session=said.session, again=True, held=())
    return [(address.topic("down"), encode(ack))]


def _from(address: BoxAddress) -> ColumnElement[bool]:
    return and_(shared.c.store == address.store, shared.c.box == address.box)


def _to(address: BoxAddress) -> ColumnElement[bool]:
    return and_(shared.c.to_store == address.store, shared.c.to_box == address.box)


def _take_statement(
    connection: Connection,
    issuer: Issuer,
    address: BoxAddress,
    statement: Statement | None,
    now: datetime,
) -> None:
    mine = and_(box_key.c.store == address.store, box_key.c.box == address.box)
    if statement is None:
        connection.execute(delete(box_key).where(mine))
        return
    held = connection.execute(select(box_key.c.at).where(mine)).scalar()
    if statement.place != place_of(address) or (held is not None and held >= statement.at):
        return
    upserted = upsert(connection, box_key)
    changed = {name: upserted.excluded[name] for name in ("at", "taken_at", "statement")}
    connection.execute(
        upserted.on_conflict_do_update(index_elements=box_key.primary_key.columns, set_=changed),
        {
            "store": address.store,
            "box": address.box,
            "at": statement.at,
            "taken_at": now,
            "statement": statement_text(statement),
        },
    )
    wishing = connection.execute(
        select(box_wish.c.store, box_wish.c.box)
        .where(box_wish.c.shop == address.store)
        .order_by(box_wish.c.store, box_wish.c.box)
    )
    for store, box in wishing.all():
        other = BoxAddress(store=store, box=box)
        if other != address:
            _order_keys(connection, issuer, other, [place_of(address)], now)


def _take_wishes(connection: Connection, address: BoxAddress, shops: Collection[str]) -> None:
    mine = and_(box_wish.c.store == address.store, box_wish.c.box == address.box)
    held = set(connection.execute(select(box_wish.c.shop).where(mine)).scalars())
    for some in some_at_once(sorted(held - set(shops))):
        connection.execute(delete(box_wish).where(mine, box_wish.c.shop.in_(some)))
    if new := sorted(set(shops) - held):
        rows = [{"store": address.store, "box": address.box, "shop": shop} for shop in new]
        connection.execute(insert(box_wish), rows)


def _tell_keys(
    connection: Connection,
    issuer: Issuer,
    address: BoxAddress,
    shops: Collection[str],
    now: datetime,
) -> None:
    """Order a box to take the keys that it was not ordered to take yet."""
    there: dict[str, datetime] = {}
    for some in some_at_once(sorted(set(shops))):
        keys = connection.execute(select(box_key).where(box_key.c.store.in_(some)))
        there |= {f"{row.store}/{row.box}": row.taken_at for row in keys}
    there.pop(place_of(address), None)
    if not there:
        return
    rows = connection.execute(
        select(box_order.c.object, func.max(box_order.c.at))
        .where(of_box(address), box_order.c.kind == BoxKeyOrder.KIND)
        .group_by(box_order.c.object)
    )
    ordered = {str(place): at for place, at in rows}
    # What is sent is read then: an order given after the statement was taken has told it.
    missing = [
        place for place, at in sorted(there.items()) if place not in ordered or ordered[place] < at
    ]
    _order_keys(connection, issuer, address, missing, now)


def _order_keys(
    connection: Connection,
    issuer: Issuer,
    address: BoxAddress,
    places: Iterable[str],
    now: datetime,
) -> None:
    things = [Thing(BoxKeyOrder.KIND, one, now) for one in places if len(one) <= _OBJECT_MAX]
    issuer.issue(connection, address, things, now)


def _take(
    connection: Connection, issuer: Issuer, address: BoxAddress, said: Shared, now: datetime
) -> list[Reply]:
    held = [_take_bundle(connection, issuer, address, one, now) for one in said.bundles]
    ack = SharedAck(session=said.session, again=False, held=tuple(held))
    return [(address.topic("down"), encode(ack))]


def _take_bundle(
    connection: Connection, issuer: Issuer, address: BoxAddress, bundle: Bundle, now: datetime
) -> HeldBundle:
    receiver = address_of(bundle.place)
    row = connection.execute(
        select(shared.c.rev).where(_from(address), _to(receiver), shared.c.id == bundle.id)
    ).first()
    if row is not None and row.rev >= bundle.rev:
        return HeldBundle(place=bundle.place, id=bundle.id, rev=row.rev)
    ends = bundle.sealed_template is None
    gone = not ends and _is_erased(connection, bundle.id)
    statement = upsert(connection, shared)
    changed = {name: statement.excluded[name] for name in ("rev", "ends", "bundle")}
    pk = connection.execute(
        statement.on_conflict_do_update(
            index_elements=["store", "box", "to_store", "to_box", "id"], set_=changed
        ).returning(shared.c.pk),
        {
            "store": address.store,
            "box": address.box,
            "to_store": receiver.store,
            "to_box": receiver.box,
            "id": bundle.id,
            "rev": bundle.rev,
            "ends": ends,
            "bundle": None if gone else bundle_text(bundle),
        },
    ).scalar_one()
    if not gone:
        issuer.issue(connection, receiver, [Thing(TemplateOrder.KIND, str(pk), now)], now)
    return HeldBundle(place=bundle.place, id=bundle.id, rev=bundle.rev)


def _is_erased(connection: Connection, digest: str) -> bool:
    found = select(erased_subject.c.hash).where(erased_subject.c.hash == digest)
    return connection.execute(found).first() is not None


def key_order(connection: Connection, place: str) -> BoxKeyOrder | None:
    """Return the keys of a box in its own words, None when it has none (any more)."""
    of = address_of(place)
    text = connection.execute(
        select(box_key.c.statement).where(box_key.c.store == of.store, box_key.c.box == of.box)
    ).scalar()
    if text is None:
        return None
    one = read_statement(text)
    return BoxKeyOrder(**{name: getattr(one, name) for name in Statement.__dataclass_fields__})


def template_order(connection: Connection, thing: str) -> TemplateOrder | None:
    """Return a bundle as its receiver gets it, None when it was delivered, or erased."""
    row = connection.execute(select(shared).where(shared.c.pk == int(thing))).first()
    if row is None or row.bundle is None:
        return None
    sender = BoxAddress(store=row.store, box=row.box)
    one = replace(read_bundle(row.bundle), place=place_of(sender))
    return TemplateOrder(**{name: getattr(one, name) for name in Bundle.__dataclass_fields__})


def delivered(connection: Connection, address: BoxAddress, things: Collection[str]) -> None:
    """Delete bundles that their receiver has; those made anew meanwhile wait under a new order."""
    if not things:
        return
    waits = connection.execute(
        select(box_order.c.object).where(
            of_box(address),
            box_order.c.kind == TemplateOrder.KIND,
            box_order.c.acked_at.is_(None),
        )
    )
    done = sorted({int(thing) for thing in set(things) - set(waits.scalars())})
    for some in some_at_once(done):
        connection.execute(update(shared).where(shared.c.pk.in_(some)).values(bundle=None))


def share_again(connection: Connection, issuer: Issuer, address: BoxAddress, now: datetime) -> None:
    """Ask whoever shared something with a box to do so once more."""
    rows = connection.execute(
        select(shared.c.store, shared.c.box)
        .where(_to(address))
        .distinct()
        .order_by(shared.c.store, shared.c.box)
    )
    place = place_of(address)
    if len(place) > _OBJECT_MAX:
        return
    for store, box in rows.all():
        sender = BoxAddress(store=store, box=box)
        issuer.issue(connection, sender, [Thing(ShareAgainOrder.KIND, place, now)], now)


def boxes_of(connection: Connection, digests: Collection[str]) -> set[BoxAddress]:
    """Return the boxes between which members travelled, by the hashes of their subjects."""
    found: set[BoxAddress] = set()
    for some in some_at_once(sorted(digests)):
        rows = connection.execute(
            select(shared.c.store, shared.c.box, shared.c.to_store, shared.c.to_box).where(
                shared.c.id.in_(some)
            )
        )
        for store, box, to_store, to_box in rows:
            found |= {BoxAddress(store=store, box=box), BoxAddress(store=to_store, box=to_box)}
    return found


def forget(connection: Connection, digests: Collection[str]) -> None:
    """Delete what is on its way of members who were erased; that it ends still travels."""
    for some in some_at_once(sorted(digests)):
        connection.execute(
            update(shared)
            .where(shared.c.id.in_(some), shared.c.ends.is_(False))
            .values(bundle=None)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """From one box to another: members shared, those on their way, and ends on their way."""

    sender: BoxAddress
    receiver: BoxAddress
    shared: int
    waiting: int
    ending: int


def flows(connection: Connection) -> list[Flow]:
    """Return the counts between all boxes, by name."""
    waits = shared.c.bundle.is_not(None)
    names = (shared.c.store, shared.c.box, shared.c.to_store, shared.c.to_box)

    def count(*where: Any) -> ColumnElement[int]:
        return func.count().filter(*where)

    rows = connection.execute(
        select(
            *names,
            count(shared.c.ends.is_(False), shared.c.bundle.is_(None)),
            count(shared.c.ends.is_(False), waits),
            count(shared.c.ends.is_(True), waits),
        )
        .group_by(*names)
        .order_by(*names)
    )
    return [
        Flow(
            sender=BoxAddress(store=store, box=box),
            receiver=BoxAddress(store=to_store, box=to_box),
            shared=there,
            waiting=waiting,
            ending=ending,
        )
        for store, box, to_store, to_box, there, waiting, ending in rows
    ]
