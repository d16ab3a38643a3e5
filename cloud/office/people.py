"""Members and appointments as head office has them: sealed at rest, sealed anew for each box.

    CSV -> Office -> office_member, office_appointment (AES-GCM under a key of the hub's secret)
                     order_post -> HPKE to the one box's key -> `down`

Called by `office_cli`, by `order_post`, and by `erasures`, which forgets. They rest here
so that a new box can be given those of its shop; an erasure deletes the rows.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from sqlalchemy import Connection, Row, Table, delete, insert, select, update

from cloud.db import upsert
from cloud.office.merge import Merged, known_by, merge, merge_order, merged_of, now_called
from cloud.office.seal import Seal, Texts, keys_of, random_id
from cloud.orders import Issuer, Thing, boxes_of
from cloud.tables import (
    member_link,
    office_appointment,
    office_member,
    office_member_shop,
    sealing_key,
)
from cloud.tally.returns import mark_person
from edge.wire.checks import milliseconds
from edge.wire.orders import AppointmentOrder, MemberOrder, MergeOrder
from edge.wire.topics import BoxAddress

_log = logging.getLogger(__name__)
KEPT_AFTER: Final = timedelta(days=7)
"""An appointment is forgotten so long after it was due."""
_SEALED: Final[Mapping[str, tuple[Table, Callable[..., MemberOrder | AppointmentOrder]]]] = {
    MemberOrder.KIND: (office_member, MemberOrder),
    AppointmentOrder.KIND: (office_appointment, AppointmentOrder),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a table's rows.

    `joined` counts members whom head office knew and who now belong to this shop as well;
    `unknown` are the places of rows whose external id is of no member that the shop was given.
    """

    added: int
    changed: int
    same: int
    joined: int = 0
    unknown: tuple[int, ...] = ()


class Office:
    """What head office knows of people, and the keys for it. repr shows nothing.

    Args:
        master: the hub's secret (`shares.master_of`).
    """

    def __init__(self, master: bytes) -> None:
        self._seal = Seal(keys_of(master))

    @classmethod
    def with_keys(cls, keys: bytes) -> "Office":
        """Return an office for who holds its two keys, and not the hub's secret."""
        made = cls.__new__(cls)
        made._seal = Seal(keys)
        return made

    def __repr__(self) -> str:
        return "Office(...)"

    def take_members(
        self,
        connection: Connection,
        issuer: Issuer,
        store: str,
        rows: Sequence[Texts],
        now: datetime,
    ) -> Imported:
        """Add or, by external id, change members, and give them to a shop's boxes.

        Columns that a row does not have stay as they were.
        """
        counts = {"added": 0, "changed": 0, "same": 0, "joined": 0}
        ordered: list[Thing] = []
        elsewhere: dict[str, list[Thing]] = {}
        for row in rows:
            member_id, what = self._take_member(connection, row, now)
            given = connection.execute(
                select(office_member_shop.c.store).where(office_member_shop.c.member == member_id)
            )
            shops = set(given.scalars())
            if store not in shops:
                connection.execute(
                    insert(office_member_shop), {"member": member_id, "store": store}
                )
                counts["joined"] += what != "added"
            if store not in shops or what != "same":
                ordered.append(Thing(MemberOrder.KIND, member_id, now))
            if what == "changed":
                for shop in shops - {store}:
                    elsewhere.setdefault(shop, []).append(Thing(MemberOrder.KIND, member_id, now))
            counts[what] += 1
        for shop, things in {store: ordered, **elsewhere}.items():
            order_sealed(connection, issuer, boxes_of(connection, shop), things, now)
        return Imported(**counts, unknown=())

    def _take_member(self, connection: Connection, row: Texts, now: datetime) -> tuple[str, str]:
        ref = self._seal.ref("member", row["external_id"])
        known = self._row(connection, ref)
        if known is None:
            member_id = random_id()
            sealed = self._seal.close(member_id, row)
            values = {"id": member_id, "ref": ref, "rev": milliseconds(now), "sealed": sealed}
            connection.execute(insert(office_member), values)
            return member_id, "added"
        before = self._seal.open(known.id, known.sealed)
        # Who was merged keeps the external id of the one that stayed.
        own = {"external_id": before["external_id"]} if known.ref != ref else {}
        texts = {**before, **row, **own}
        if texts == before:
            return known.id, "same"
        rev = max(milliseconds(now), known.rev + 1)
        connection.execute(
            update(office_member)
            .where(office_member.c.id == known.id)
            .values(rev=rev, sealed=self._seal.close(known.id, texts))
        )
        return known.id, "changed"

    def _row(self, connection: Connection, ref: str) -> Row[Any] | None:
        member = known_by(connection, ref)
        found = select(office_member).where(office_member.c.id == member)
        return connection.execute(found).first() if member is not None else None

    def read(self, connection: Connection, external_id: str) -> tuple[str, int, Texts] | None:
        """Return a member's id, revision and texts, by an id of the shop's own systems."""
        row = self._row(connection, self._seal.ref("member", external_id))
        return None if row is None else (row.id, row.rev, self._seal.open(row.id, row.sealed))

    def check(self, connection: Connection, row: Texts) -> None:
        """Make sure that a row can be taken.

        Raises:
            TextsTooLong: with what is known already it is more than an order can carry.
        """
        held = self.read(connection, row["external_id"])
        before = held[2] if held is not None else {}
        self._seal.close("", {**before, **row})

    def merge(
        self, connection: Connection, issuer: Issuer, keep: str, gone: str, now: datetime
    ) -> Merged | None:
        """Make two members one, by their external ids, and tell the boxes; None: they are one.

        Raises:
            MemberUnknown: nobody has one of the external ids.
        """
        done = merge(connection, self._seal, keep, gone, now)
        if done is not None:
            for shop in done.shops:
                order_sealed(connection, issuer, boxes_of(connection, shop), done.things, now)
        return done

    def take_appointments(
        self,
        connection: Connection,
        issuer: Issuer,
        store: str,
        rows: Sequence[Texts],
        now: datetime,
    ) -> Imported:
        """Add or, by their number, change appointments of a shop, and give them to its boxes."""
        counts = {"added": 0, "changed": 0, "same": 0}
        things: list[Thing] = []
        rows = [self._as_kept(connection, row) for row in rows]
        for row in rows:
            thing, what = self._take_appointment(connection, store, row, now)
            counts[what] += 1
            if what != "same":
                things.append(Thing(AppointmentOrder.KIND, thing, now))
        order_sealed(connection, issuer, boxes_of(connection, store), things, now)
        return Imported(**counts, unknown=self._strangers(connection, store, rows))

    def _as_kept(self, connection: Connection, row: Texts) -> Texts:
        """Return an appointment under the external id of who the member is since a merge."""
        ref = self._seal.ref("member", row["external_id"])
        known = self._row(connection, ref)
        if known is None or known.ref == ref:
            return row
        texts = self._seal.open(known.id, known.sealed)
        return {**row, "external_id": texts["external_id"]}

    def _strangers(
        self, connection: Connection, store: str, rows: Sequence[Texts]
    ) -> tuple[int, ...]:
        """Return the places of booked rows whose member the shop was not given from here."""
        given = set(
            connection.execute(
                select(office_member.c.ref)
                .join(office_member_shop, office_member_shop.c.member == office_member.c.id)
                .where(office_member_shop.c.store == store)
            ).scalars()
        )
        refs = [self._seal.ref("member", row["external_id"]) for row in rows]
        return tuple(
            place
            for place, (ref, row) in enumerate(zip(refs, rows, strict=True))
            if ref not in given and row["state"] == "booked"
        )

    def _take_appointment(
        self, connection: Connection, store: str, row: Texts, now: datetime
    ) -> tuple[str, str]:
        ref = self._seal.ref("appointment", f"{store}/{row['id']}")
        texts = {name: row[name] for name in ("external_id", "at", "what", "channel")}
        booked = row["state"] == "booked"
        known = connection.execute(
            select(office_appointment).where(office_appointment.c.ref == ref)
        ).first()
        thing = known.id if known is not None else random_id()
        if known is not None:
            before = self._seal.open(thing, known.sealed) if known.sealed else None
            if before == (texts if booked else None):
                return thing, "same"
        rev = max(milliseconds(now), known.rev + 1 if known is not None else 0)
        statement = upsert(connection, office_appointment)
        changed = ("of", "rev", "at", "sealed")
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=[office_appointment.c.id],
                set_={name: statement.excluded[name] for name in changed},
            ),
            {
                "id": thing,
                "ref": ref,
                "store": store,
                "of": self._seal.ref("member", row["external_id"]),
                "rev": rev,
                "at": datetime.fromisoformat(row["at"]),
                "sealed": self._seal.close(thing, texts) if booked else None,
            },
        )
        return thing, "added" if known is None else "changed"

    def find(self, connection: Connection, external_id: str) -> str | None:
        """Return the member with an id of the shop's own systems."""
        return known_by(connection, self._seal.ref("member", external_id))

    def order(
        self, connection: Connection, address: BoxAddress, kind: str, thing: str, public: str
    ) -> MemberOrder | AppointmentOrder | MergeOrder | None:
        """Return what a box is told of a member or an appointment, None when it is forgotten.

        Args:
            connection: to the database.
            address: the box.
            kind: of the order, one of `SEALED_KINDS`.
            thing: which one of that kind.
            public: the box's key.
        """
        if kind == MergeOrder.KIND:
            return merge_order(connection, self._seal, address, thing, public)
        table, order = _SEALED[kind]
        row = connection.execute(select(table).where(table.c.id == thing)).first()
        if row is None:
            return None
        # A cancelled appointment is one of which nothing is said.
        sealed = self._seal.for_box(address, kind, row, public) if row.sealed else None
        return order(id=row.id, rev=row.rev, sealed=sealed)


def order_sealed(
    connection: Connection,
    issuer: Issuer,
    addresses: Sequence[BoxAddress],
    things: Sequence[Thing],
    now: datetime,
) -> None:
    """Order of boxes what is sealed to their keys, and the keys where they are not known yet."""
    for address in addresses if things else ():
        want = [] if key_of(connection, address) else [Thing("key_wanted", "", now)]
        issuer.issue(connection, address, [*want, *things], now)


def things_of(connection: Connection, store: str, now: datetime) -> list[Thing]:
    """Return all members and appointments that are a shop's now."""
    members = connection.execute(
        select(office_member_shop.c.member)
        .where(office_member_shop.c.store == store)
        .order_by(office_member_shop.c.member)
    )
    appointments = connection.execute(
        select(office_appointment.c.id)
        .where(
            office_appointment.c.store == store,
            office_appointment.c.at > now - KEPT_AFTER,
            office_appointment.c.sealed.is_not(None),
        )
        .order_by(office_appointment.c.id)
    )
    return [
        *merged_of(connection, store, now),
        *(Thing(MemberOrder.KIND, one, now) for one in members.scalars()),
        *(Thing(AppointmentOrder.KIND, one, now) for one in appointments.scalars()),
    ]


def key_of(connection: Connection, address: BoxAddress) -> str | None:
    """Return the key to which a box has things sealed."""
    row = connection.execute(
        select(sealing_key.c.public).where(
            sealing_key.c.store == address.store, sealing_key.c.box == address.box
        )
    ).first()
    return None if row is None else str(row.public)


def forget_key(connection: Connection, address: BoxAddress) -> None:
    """Forget a box's key: the box may have been made anew, and has another."""
    connection.execute(
        delete(sealing_key).where(
            sealing_key.c.store == address.store, sealing_key.c.box == address.box
        )
    )


def _suits(public: str) -> None:
    """Make sure that a key can be used.

    Raises:
        ValueError: it is a point of low order (RFC 7748, section 6.1).
    """
    X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(public)))


def note_key(connection: Connection, address: BoxAddress, public: str, now: datetime) -> bool:
    """Keep a box's key; say whether it is another than before."""
    try:
        _suits(public)
    except ValueError:
        name = f"{address.store}/{address.box}"
        _log.warning("box %s: expected an X25519 key, got one that nothing can be sealed to", name)
        return False
    if key_of(connection, address) == public:
        return False
    statement = upsert(connection, sealing_key)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=sealing_key.primary_key.columns,
            set_={"public": statement.excluded.public, "at": statement.excluded.at},
        ),
        {"store": address.store, "box": address.box, "public": public, "at": now},
    )
    return True


def link(connection: Connection, address: BoxAddress, subject: str, member_id: str) -> None:
    """Note which subject of a box a member of head office is."""
    statement = upsert(connection, member_link).on_conflict_do_nothing()
    member_id = now_called(connection, member_id)
    connection.execute(
        statement,
        {"subject": subject, "member": member_id, "store": address.store, "box": address.box},
    )
    mark_person(connection, member_id)


def forget_past(connection: Connection, now: datetime) -> None:
    """Delete appointments that were due long ago."""
    connection.execute(delete(office_appointment).where(office_appointment.c.at < now - KEPT_AFTER))
