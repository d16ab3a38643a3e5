"""Members and appointments as head office has them: sealed at rest, sealed anew for each box.

    CSV -> Office -> office_member, office_appointment (AES-GCM under a key of the hub's secret)
                     order_post -> HPKE to the one box's key -> `down`

Called by the `import` commands, by `order_post`, and by `erasures`, which forgets. They rest here
so that a new box can be given those of its shop; an erasure deletes the rows.
"""

import hmac
import json
import logging
import secrets
import unicodedata
from base64 import b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, Row, delete, insert, select, update

from cloud.db import upsert
from cloud.errors import HubFault
from cloud.orders import Issuer, Thing, boxes_of
from cloud.shares import derive
from cloud.tables import (
    box_order,
    member_link,
    office_appointment,
    office_member,
    office_member_shop,
    sealing_key,
)
from edge.wire.checks import milliseconds
from edge.wire.orders import SEALED_KINDS, AppointmentOrder, MemberOrder
from edge.wire.sealing import order_context
from edge.wire.topics import BoxAddress

_log = logging.getLogger(__name__)
KEPT_AFTER: Final = timedelta(days=7)
"""An appointment is forgotten so long after it was due."""
_NONCE_BYTES: Final = 12
TEXTS_BYTES_MAX: Final = 4_400
"""Of one member or appointment as JSON: sealed they must fit what the wire allows of an order."""
_SUITE: Final = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_ULID: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
Texts = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a table's rows."""

    added: int
    changed: int
    same: int


def plain_id(external_id: str) -> str:
    """Return an id without the ways of writing it: width, case, spaces around it."""
    return unicodedata.normalize("NFKC", external_id).strip().casefold()


def random_id() -> str:
    """Return a ULID of random bits only: 128, of which the first character holds three."""
    number, digits = secrets.randbits(128), ""
    for _ in range(26):
        number, digit = divmod(number, 32)
        digits = _ULID[digit] + digits
    return digits


class TextsTooLong(HubFault):
    """What is to be kept of a member or an appointment is more than an order can carry."""


class Office:
    """What head office knows of people, and the keys for it. repr shows nothing.

    Args:
        master: the hub's secret (`shares.master_of`).
    """

    def __init__(self, master: bytes) -> None:
        self._at_rest = AESGCM(derive(master, "menkou/v1/office"))
        self._index = derive(master, "menkou/v1/office-index")

    def __repr__(self) -> str:
        return "Office(...)"

    def ref(self, kind: str, external_id: str) -> str:
        """Return by what an id of the shop's own systems is found; it cannot be guessed.

        Ways of writing the same id are one, as on the boxes.
        """
        external_id = plain_id(external_id)
        return hmac.digest(self._index, f"{kind}/{external_id}".encode(), sha256).hex()

    def _seal(self, thing: str, texts: Texts) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        raw = json.dumps(texts, ensure_ascii=False).encode()
        if len(raw) > TEXTS_BYTES_MAX:
            raise TextsTooLong(
                f"a row: expected texts of at most {TEXTS_BYTES_MAX:,} bytes together (a Chinese"
                f" character has 3), got {len(raw):,}; shorten its longest, such as the note"
            )
        return nonce + self._at_rest.encrypt(nonce, raw, thing.encode())

    def _open(self, thing: str, sealed: bytes) -> dict[str, str]:
        nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        texts: dict[str, str] = json.loads(self._at_rest.decrypt(nonce, rest, thing.encode()))
        return texts

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
        counts = {"added": 0, "changed": 0, "same": 0}
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
            if store not in shops or what != "same":
                ordered.append(Thing(MemberOrder.KIND, member_id, now))
            if what == "changed":
                for shop in shops - {store}:
                    elsewhere.setdefault(shop, []).append(Thing(MemberOrder.KIND, member_id, now))
            counts[what] += 1
        for shop, things in {store: ordered, **elsewhere}.items():
            order_sealed(connection, issuer, boxes_of(connection, shop), things, now)
        return Imported(**counts)

    def _take_member(self, connection: Connection, row: Texts, now: datetime) -> tuple[str, str]:
        ref = self.ref("member", row["external_id"])
        known = connection.execute(select(office_member).where(office_member.c.ref == ref)).first()
        if known is None:
            member_id = random_id()
            sealed = self._seal(member_id, row)
            values = {"id": member_id, "ref": ref, "rev": milliseconds(now), "sealed": sealed}
            connection.execute(insert(office_member), values)
            return member_id, "added"
        before = self._open(known.id, known.sealed)
        texts = {**before, **row}
        if texts == before:
            return known.id, "same"
        rev = max(milliseconds(now), known.rev + 1)
        connection.execute(
            update(office_member)
            .where(office_member.c.id == known.id)
            .values(rev=rev, sealed=self._seal(known.id, texts))
        )
        return known.id, "changed"

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
        for row in rows:
            thing, what = self._take_appointment(connection, store, row, now)
            counts[what] += 1
            if what != "same":
                things.append(Thing(AppointmentOrder.KIND, thing, now))
        order_sealed(connection, issuer, boxes_of(connection, store), things, now)
        return Imported(**counts)

    def _take_appointment(
        self, connection: Connection, store: str, row: Texts, now: datetime
    ) -> tuple[str, str]:
        ref = self.ref("appointment", f"{store}/{row['id']}")
        texts = {name: row[name] for name in ("external_id", "at", "what", "channel")}
        booked = row["state"] == "booked"
        known = connection.execute(
            select(office_appointment).where(office_appointment.c.ref == ref)
        ).first()
        thing = known.id if known is not None else random_id()
        if known is not None:
            before = self._open(thing, known.sealed) if known.sealed else None
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
                "of": self.ref("member", row["external_id"]),
                "rev": rev,
                "at": datetime.fromisoformat(row["at"]),
                "sealed": self._seal(thing, texts) if booked else None,
            },
        )
        return thing, "added" if known is None else "changed"

    def find(self, connection: Connection, external_id: str) -> str | None:
        """Return the member with an id of the shop's own systems."""
        ref = self.ref("member", external_id)
        row = connection.execute(
            select(office_member.c.id).where(office_member.c.ref == ref)
        ).first()
        return None if row is None else str(row.id)

    def member_order(
        self, connection: Connection, address: BoxAddress, member_id: str, public: str
    ) -> MemberOrder | None:
        """Return what a box is told of a member, None when there is none (any more)."""
        row = connection.execute(
            select(office_member).where(office_member.c.id == member_id)
        ).first()
        if row is None:
            return None
        sealed = self._for_box(address, MemberOrder.KIND, row, public)
        return MemberOrder(id=row.id, rev=row.rev, sealed=sealed)

    def appointment_order(
        self, connection: Connection, address: BoxAddress, thing: str, public: str
    ) -> AppointmentOrder | None:
        """Return what a box is told of an appointment, None when it is forgotten."""
        row = connection.execute(
            select(office_appointment).where(office_appointment.c.id == thing)
        ).first()
        if row is None:
            return None
        kind = AppointmentOrder.KIND
        sealed = self._for_box(address, kind, row, public) if row.sealed else None
        return AppointmentOrder(id=row.id, rev=row.rev, sealed=sealed)

    def _for_box(self, address: BoxAddress, kind: str, row: Row[Any], public: str) -> str:
        raw = json.dumps(self._open(row.id, row.sealed), ensure_ascii=False).encode()
        key = X25519PublicKey.from_public_bytes(bytes.fromhex(public))
        info = order_context(address, kind, row.id, row.rev)
        return b64encode(_SUITE.encrypt(raw, key, info=info)).decode()


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
    connection.execute(
        statement,
        {"subject": subject, "member": member_id, "store": address.store, "box": address.box},
    )


def members_among(connection: Connection, ids: Collection[str]) -> set[str]:
    """Return the members of head office that subjects or ids stand for."""
    linked = connection.execute(select(member_link.c.member).where(member_link.c.subject.in_(ids)))
    own = connection.execute(select(office_member.c.id).where(office_member.c.id.in_(ids)))
    return {*linked.scalars(), *own.scalars()}


def subjects_of(connection: Connection, members: Collection[str]) -> dict[str, BoxAddress]:
    """Return what boxes call members, with the box."""
    rows = connection.execute(select(member_link).where(member_link.c.member.in_(members)))
    return {row.subject: BoxAddress(store=row.store, box=row.box) for row in rows}


def boxes_given(connection: Connection, members: Collection[str]) -> set[BoxAddress]:
    """Return the boxes of the shops that members were given to."""
    shops = connection.execute(
        select(office_member_shop.c.store)
        .where(office_member_shop.c.member.in_(members))
        .distinct()
    )
    return {address for shop in shops.scalars() for address in boxes_of(connection, shop)}


def forget(connection: Connection, members: Collection[str]) -> None:
    """Delete members with their appointments; orders that wait for them become void."""
    mine = office_member.c.id.in_(members)
    refs = list(connection.execute(select(office_member.c.ref).where(mine)).scalars())
    of_them = office_appointment.c.of.in_(refs)
    booked = list(connection.execute(select(office_appointment.c.id).where(of_them)).scalars())
    connection.execute(
        update(box_order)
        .where(box_order.c.kind.in_(SEALED_KINDS), box_order.c.object.in_([*members, *booked]))
        .values(object=None)
    )
    connection.execute(delete(office_appointment).where(of_them))
    for table in (office_member_shop, member_link):
        connection.execute(delete(table).where(table.c.member.in_(members)))
    connection.execute(delete(office_member).where(mine))


def forget_past(connection: Connection, now: datetime) -> None:
    """Delete appointments that were due long ago."""
    connection.execute(delete(office_appointment).where(office_appointment.c.at < now - KEPT_AFTER))
