"""What ends in one shop ends in all: erasures and withdrawn consents, ordered of other boxes.

Called by `ingest` with events that are new, and by the `member` commands. Who a subject is the
hub does not know; boxes that ever named it may hold the member. They are told its SHA-256, which
is all that is kept here of somebody who was erased.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, or_, select, update

from cloud import aside, members, sharing
from cloud.facts import New
from cloud.office import people
from cloud.orders import (
    Issuer,
    Thing,
    boxes_of,
    every_box,
    naming,
    of_box,
    order_erasure,
)
from cloud.tables import (
    box_order,
    member_link,
    member_merge,
    office_appointment,
    office_member,
    office_member_shop,
)
from edge.wire import checks
from edge.wire.checks import milliseconds
from edge.wire.messages import MemberChanged, MemberLinked
from edge.wire.orders import SEALED_KINDS, WithdrawOrder
from edge.wire.topics import BoxAddress

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ECHO: Final = timedelta(minutes=1)
"""A box that carries out a withdrawal tells of it; that is no new one."""
Ends = Mapping[str, set[BoxAddress]]


def _ending(new: Sequence[New]) -> list[New]:
    return [
        one
        for one in new
        if one.fact.kind == MemberChanged.KIND
        and one.fact.subject is not None
        and one.fact.body.change in ("erased", "consent_withdrawn")
    ]


def concerned(connection: Connection, new: Sequence[New]) -> Ends:
    """Return the boxes that may hold the members whose end is among new events.

    To be asked before the events are taken in: nothing names an erased subject after that.
    """
    ending = _ending(new)
    if not ending:
        return {}
    members.await_others(connection, alone=True)
    return naming(connection, {str(one.fact.subject) for one in ending})


def pass_on(
    connection: Connection, issuer: Issuer, new: Sequence[New], ends: Ends, now: datetime
) -> None:
    """Order of the other boxes what one box told."""
    for _, address, fact in _ending(new):
        subject = str(fact.subject)
        if fact.body.change == "erased":
            # The box that told it as well: restored from a copy, it would hold the member again.
            _erase(connection, issuer, subject, ends[subject] | {address}, now)
            continue
        at = now if fact.clock == "suspect" else _EPOCH + timedelta(milliseconds=fact.at)
        if _is_echo(connection, address, members.hash_of(subject), at):
            continue
        known, where = _same(connection, subject)
        where |= sharing.boxes_of(connection, [members.hash_of(one) for one in known])
        for other in sorted((where | ends[subject]) - {address}, key=_name):
            things = [Thing(WithdrawOrder.KIND, members.hash_of(one), at) for one in sorted(known)]
            issuer.issue(connection, other, things, now)


def pass_on_links(
    connection: Connection, issuer: Issuer, new: Sequence[New], gone: Collection[str], now: datetime
) -> None:
    """Erase under all ids who turns out, only after the erasure, to be head office's member, too.

    What is new overtakes what had waited: the word on who somebody is may come last.
    """
    for _, address, fact in new:
        if fact.kind == MemberLinked.KIND and fact.subject in gone:
            people.link(connection, address, str(fact.subject), fact.body.member)
            _erase(connection, issuer, str(fact.subject), {address}, now)


def pass_on_late(
    connection: Connection, issuer: Issuer, new: Sequence[New], gone: Collection[str], now: datetime
) -> None:
    """Order the erasure of boxes that name an erased subject only now: they may hold the member.

    What waited in a box since before the erasure arrives after it.
    """
    late = {(fact.subject, address) for _, address, fact in new if fact.subject in gone}
    for subject, address in sorted(late, key=lambda one: (str(one[0]), _name(one[1]))):
        order_erasure(connection, issuer, members.hash_of(str(subject)), [address], now)


def _name(address: BoxAddress) -> tuple[str, str]:
    return address.store, address.box


def _same(connection: Connection, subject: str) -> tuple[set[str], set[BoxAddress]]:
    """Return all ids of the person behind one, and the boxes that were given the member."""
    ids = _members_among(connection, [subject])
    linked = _subjects_of(connection, ids)
    where = {*linked.values(), *_boxes_given(connection, ids)}
    return {subject, *ids, *_gone_among(connection, ids), *linked}, where


def _erase(
    connection: Connection,
    issuer: Issuer,
    subject: str,
    boxes: set[BoxAddress],
    now: datetime,
) -> list[BoxAddress]:
    """Erase a person under all ids, here and in the boxes that may hold one of them."""
    members.await_others(connection, alone=True)
    known, where = _same(connection, subject)
    for named in naming(connection, known).values():
        where |= named
    where |= boxes
    digests = [members.hash_of(one) for one in known]
    where |= sharing.boxes_of(connection, digests)
    sharing.forget(connection, digests)
    _forget(connection, _members_among(connection, known))
    members.erase(connection, dict.fromkeys(sorted(known), milliseconds(now)))
    ordered: set[BoxAddress] = set()
    for one in sorted(known):
        digest = members.hash_of(one)
        ordered |= set(order_erasure(connection, issuer, digest, where, now))
    return sorted(ordered, key=_name)


def _members_among(connection: Connection, ids: Collection[str]) -> set[str]:
    """Return the members of head office that subjects or ids stand for."""
    linked = connection.execute(select(member_link.c.member).where(member_link.c.subject.in_(ids)))
    own = connection.execute(select(office_member.c.id).where(office_member.c.id.in_(ids)))
    # Boxes may know somebody by what a merge did away with.
    led = connection.execute(select(member_merge.c.kept).where(member_merge.c.gone.in_(ids)))
    return {*linked.scalars(), *own.scalars(), *led.scalars()}


def _gone_among(connection: Connection, members: Collection[str]) -> set[str]:
    """Return what members were called that turned out to be these."""
    rows = connection.execute(select(member_merge.c.gone).where(member_merge.c.kept.in_(members)))
    return set(rows.scalars())


def _subjects_of(connection: Connection, members: Collection[str]) -> dict[str, BoxAddress]:
    """Return what boxes call members, with the box."""
    rows = connection.execute(select(member_link).where(member_link.c.member.in_(members)))
    return {row.subject: BoxAddress(store=row.store, box=row.box) for row in rows}


def _boxes_given(connection: Connection, members: Collection[str]) -> set[BoxAddress]:
    """Return the boxes of the shops that members were given to."""
    shops = connection.execute(
        select(office_member_shop.c.store)
        .where(office_member_shop.c.member.in_(members))
        .distinct()
    )
    return {address for shop in shops.scalars() for address in boxes_of(connection, shop)}


def _forget(connection: Connection, members: Collection[str]) -> None:
    """Delete members with their appointments; orders that wait for them become void."""
    mine = office_member.c.id.in_(members)
    refs = list(connection.execute(select(office_member.c.ref).where(mine)).scalars())
    of_them = office_appointment.c.of.in_(refs)
    booked = list(connection.execute(select(office_appointment.c.id).where(of_them)).scalars())
    gone = _gone_among(connection, members)
    connection.execute(
        update(box_order)
        .where(
            box_order.c.kind.in_(SEALED_KINDS),
            box_order.c.object.in_([*members, *booked, *gone]),
        )
        .values(object=None)
    )
    connection.execute(delete(office_appointment).where(of_them))
    connection.execute(delete(member_merge).where(member_merge.c.kept.in_(members)))
    for table in (office_member_shop, member_link):
        connection.execute(delete(table).where(table.c.member.in_(members)))
    connection.execute(delete(office_member).where(mine))


def is_subject(text: str) -> bool:
    """Say whether a text has the form of a subject."""
    try:
        return bool(checks.ulid(text))
    except ValueError:
        return False


def erase(
    connection: Connection, issuer: Issuer, subject: str, store: str | None, now: datetime
) -> list[BoxAddress]:
    """Erase a member here, and order it of every box that may hold the member.

    Those are the boxes that ever named the subject and those of `store`; if there is none of
    them, because the hub was made anew, say, all boxes. A hash tells nothing to who lacks the id.

    Returns:
        The boxes that were ordered now.
    """
    members.await_others(connection, alone=True)
    boxes = naming(connection, [subject])[subject] | _same(connection, subject)[1]
    if store is not None:
        boxes |= set(boxes_of(connection, store))
    everywhere = boxes or set(every_box(connection))
    ordered = _erase(connection, issuer, subject, everywhere, now)
    aside.count_up(connection, {aside.CHANGES: 1})
    return ordered


def _is_echo(connection: Connection, address: BoxAddress, digest: str, at: datetime) -> bool:
    row = connection.execute(
        select(box_order.c.pk)
        .where(
            of_box(address),
            box_order.c.kind == WithdrawOrder.KIND,
            box_order.c.object == digest,
            or_(box_order.c.acked_at.is_(None), box_order.c.acked_at >= at - _ECHO),
        )
        .limit(1)
    ).first()
    return row is not None
