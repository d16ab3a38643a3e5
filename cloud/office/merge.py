"""Two members of head office turn out to be one person. Called by `people`.

What the one that goes was called leads to the one that stays for ever (`member_merge`): a table
that still names it changes the one that stays, and boxes are told of it anew when they are restored
from a copy. Nobody can be told apart again.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete, insert, select, update

from cloud.errors import HubFault
from cloud.office.seal import Seal
from cloud.office.united import united
from cloud.orders import Thing
from cloud.tables import (
    box_order,
    member_link,
    member_merge,
    office_appointment,
    office_member,
    office_member_shop,
)
from cloud.tally.returns import mark_person
from edge.wire.checks import milliseconds
from edge.wire.orders import SEALED_KINDS, AppointmentOrder, MemberOrder, MergeOrder
from edge.wire.topics import BoxAddress

GONE: Final = "gone"
"""In what a box is told: the external id that leads elsewhere now."""


class MemberUnknown(HubFault):
    """No member of head office has this external id."""


class Merged:
    """What became of two members: who they are now, in which shops, and what boxes are told."""

    __slots__ = ("member", "shops", "things")

    def __init__(self, member: str, shops: Sequence[str], things: Sequence[Thing]) -> None:
        self.member = member
        self.shops = tuple(shops)
        self.things = tuple(things)


def known_by(connection: Connection, ref: str) -> str | None:
    """Return the member whom an external id stands for, by itself or since a merge."""
    own = select(office_member.c.id).where(office_member.c.ref == ref)
    led = select(member_merge.c.kept).where(member_merge.c.ref == ref)
    found = connection.execute(own.union_all(led)).first()
    return None if found is None else str(found[0])


def now_called(connection: Connection, member: str) -> str:
    """Return the id of a member, who may have gone by another before."""
    led = select(member_merge.c.kept).where(member_merge.c.gone == member)
    return connection.execute(led).scalar() or member


def merge(connection: Connection, seal: Seal, keep: str, gone: str, now: datetime) -> Merged | None:
    """Make two members one; None: they are.

    Args:
        connection: of the transaction.
        seal: of the office.
        keep: the external id that stays.
        gone: the one that leads there from now on.
        now: the time.

    Raises:
        MemberUnknown: nobody has one of them.
    """
    ids = [known_by(connection, seal.ref("member", one)) for one in (keep, gone)]
    for name, one in zip(("the member to keep", "the member that goes"), ids, strict=True):
        if one is None:
            raise MemberUnknown(f"{name}: expected an external id that this hub knows, got another")
    kept, old = str(ids[0]), str(ids[1])
    if kept == old:
        return None
    rows = {
        row.id: row
        for row in connection.execute(
            # In one order, or two who merge the same two would wait for each other.
            select(office_member)
            .where(office_member.c.id.in_(ids))
            .order_by(office_member.c.id)
            .with_for_update()
        )
    }
    before, lost = (seal.open(one, rows[one].sealed) for one in (kept, old))
    external_id = before["external_id"]
    texts = {**united(before, lost, seal.fits), "external_id": external_id}
    rev = max(milliseconds(now), rows[kept].rev + 1, rows[old].rev + 1)
    connection.execute(
        update(office_member)
        .where(office_member.c.id == kept)
        .values(rev=rev, sealed=seal.close(kept, texts))
    )
    shops = _join_shops(connection, kept, old)
    booked = _rebook(connection, seal, rows[kept].ref, rows[old].ref, external_id)
    led = _lead(connection, kept, old)
    connection.execute(
        insert(member_merge),
        {
            "gone": old,
            "ref": rows[old].ref,
            "kept": kept,
            "sealed": seal.close(old, {"external_id": lost["external_id"]}),
            "at": now,
        },
    )
    mark_person(connection, kept)
    _void(connection, old)
    connection.execute(delete(office_member).where(office_member.c.id == old))
    things = [Thing(MergeOrder.KIND, one, now) for one in [*led, old]]
    things += [Thing(MemberOrder.KIND, kept, now)]
    return Merged(
        kept, shops, [*things, *(Thing(AppointmentOrder.KIND, one, now) for one in booked)]
    )


def _join_shops(connection: Connection, kept: str, old: str) -> list[str]:
    """Give the one that stays to the shops of both; return them."""
    of = select(office_member_shop.c.store)
    has = set(connection.execute(of.where(office_member_shop.c.member == kept)).scalars())
    had = set(connection.execute(of.where(office_member_shop.c.member == old)).scalars())
    connection.execute(delete(office_member_shop).where(office_member_shop.c.member == old))
    if had - has:
        rows = [{"member": kept, "store": shop} for shop in sorted(had - has)]
        connection.execute(insert(office_member_shop), rows)
    return sorted(has | had)


def _rebook(
    connection: Connection, seal: Seal, kept_ref: str, old_ref: str, external_id: str
) -> list[str]:
    """Make the appointments of the one that goes those of the one that stays; return them."""
    rows = connection.execute(
        select(office_appointment).where(office_appointment.c.of == old_ref)
    ).all()
    for row in rows:
        sealed = row.sealed
        if sealed is not None:
            texts = {**seal.open(row.id, sealed), "external_id": external_id}
            sealed = seal.close(row.id, texts)
        connection.execute(
            update(office_appointment)
            .where(office_appointment.c.id == row.id)
            .values(of=kept_ref, rev=row.rev + 1, sealed=sealed)
        )
    return [row.id for row in rows]


def _lead(connection: Connection, kept: str, old: str) -> list[str]:
    """Let what led to the one that goes, subjects of boxes too, lead to the one that stays."""
    led = list(
        connection.execute(select(member_merge.c.gone).where(member_merge.c.kept == old)).scalars()
    )
    connection.execute(update(member_merge).where(member_merge.c.kept == old).values(kept=kept))
    connection.execute(update(member_link).where(member_link.c.member == old).values(member=kept))
    return led


def _void(connection: Connection, old: str) -> None:
    connection.execute(
        update(box_order)
        .where(box_order.c.kind.in_(SEALED_KINDS), box_order.c.object == old)
        .values(object=None)
    )


def merged_of(connection: Connection, store: str, now: datetime) -> list[Thing]:
    """Return all that a shop's boxes are told of members who turned out to be others."""
    rows = connection.execute(
        select(member_merge.c.gone)
        .join(office_member_shop, office_member_shop.c.member == member_merge.c.kept)
        .where(office_member_shop.c.store == store)
        .order_by(member_merge.c.at, member_merge.c.gone)
    )
    return [Thing(MergeOrder.KIND, gone, now) for gone in rows.scalars()]


def merge_order(
    connection: Connection, seal: Seal, address: BoxAddress, gone: str, public: str
) -> MergeOrder | None:
    """Return what a box is told of a merge, None when the member was erased since."""
    led = connection.execute(select(member_merge).where(member_merge.c.gone == gone)).first()
    if led is None:
        return None
    row = connection.execute(select(office_member).where(office_member.c.id == led.kept)).one()
    texts = seal.open(row.id, row.sealed)
    told = {name: texts[name] for name in ("external_id", "name")}
    told |= {GONE: seal.open(gone, led.sealed)["external_id"]}
    sealed = seal.texts_for_box(address, MergeOrder.KIND, gone, row.rev, told, public)
    return MergeOrder(id=gone, kept=row.id, rev=row.rev, sealed=sealed)
