"""Orders carried out by a box: each once in effect, whatever the way does to them."""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from sqlite_utils import Database

from edge.app.orders import HeadOffice
from edge.core.appointments import Booking, Course
from edge.keys.orders import OrderKeys
from edge.ports import ClockState
from edge.store.appointment_book import keep_course
from edge.store.appointments import by_id, forget_past, of_member
from edge.store.audit import Audit
from edge.store.consents import live_consent
from edge.store.database import StoreFull, connect, migrate, transaction
from edge.store.desk_facts import Teller
from edge.store.endings import erase
from edge.store.holding import everything
from edge.store.orders import HeldOrders, digest_of, is_buried, wish_of
from edge.store.outbox import Outbox, Reading
from edge.store.people import Member, People
from edge.store.register import Register
from edge.uplink.down import TOLD_EVERY_S, Down
from edge.wire.messages import EpochAck
from edge.wire.orders import (
    AppointmentOrder,
    CheckpointOrder,
    ConfigOrder,
    EraseOrder,
    FaultyOrder,
    KeyWantedOrder,
    MemberOrder,
    Order,
    OrderBody,
    Orders,
    VoidOrder,
    WithdrawOrder,
)
from edge.wire.sealing import order_context
from edge.wire.topics import BoxAddress
from tests.edge.test_desired import wish
from tests.edge.test_modes import shop
from tests.support.people import NOW, PROFILE_ROOT, consent, joined, profile_keys, template

HUB = "a" * 32
SESSION = "5" * 32


class HandClock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    def mono(self) -> float:
        return 1.0

    def state(self) -> ClockState:
        return "ok"


@dataclass
class Box:
    """A box's store and what takes orders for it."""

    db: Database
    folder: Path
    clock: HandClock = field(default_factory=HandClock)
    changed: int = 0
    root: bytes | None = PROFILE_ROOT

    def __post_init__(self) -> None:
        epoch = self.epoch = Outbox(self.db).begin_epoch(NOW, "run")
        self.office = HeadOffice(
            config=shop(self.folder),
            db=self.db,
            epoch=epoch,
            clock=self.clock,
            changed=self._on_changed,
            wake=lambda: None,
            profile_root=lambda: self.root,
        )
        self.down = self.office.down()

    def _on_changed(self) -> None:
        self.changed += 1

    def take(self, *bodies: OrderBody, first: int = 1, epoch: str = HUB) -> tuple[EpochAck, ...]:
        orders = tuple(Order(seq=n, body=body) for n, body in enumerate(bodies, start=first))
        return self.down.take(Orders(epoch=epoch, orders=orders), SESSION).epochs

    def told(self, kind: str) -> list[dict[str, Any]]:
        rows = self.db.execute("SELECT event FROM outbox WHERE kind = ? ORDER BY id", [kind])
        return [json.loads(event)["body"] for (event,) in rows]

    def register(self) -> Register:
        return Register(self.db, profile_keys(), actor="local", tell=lambda *_: None)

    def joined(self, name: str) -> Member:
        return People(self.db, profile_keys()).by_id(joined(self.register(), name))

    def names(self) -> list[str]:
        return [m.profile.name for m in People(self.db, profile_keys()).everybody().members]


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    db = connect(tmp_path)
    migrate(db)
    yield Box(db, tmp_path)
    db.close()


def later(order: ConfigOrder, by: int = 1, **changes: Any) -> ConfigOrder:
    return wish(version=order.version + by, **changes)


def test_settings_are_laid_over_told_and_audited(box: Box) -> None:
    assert box.take(wish(name="外滩店")) == (EpochAck(epoch=HUB, through=1),)
    held = wish_of(box.db)
    assert held is not None
    assert held.name == "外滩店"
    assert box.changed == 1
    (told,) = box.told("config_reported")
    assert told == {"version": wish().version, "state": "applied", "code": None}
    (entry,) = Audit(box.db).entries()
    assert (entry.what, entry.actor) == ("change", "head_office")
    assert entry.detail == {"config": wish().version, "laid_over": "name"}


def test_an_older_version_is_ignored_acknowledged_and_told(box: Box) -> None:
    newer = later(wish(), name="b")
    box.take(newer)
    assert box.take(wish(name="a"), first=2) == (EpochAck(epoch=HUB, through=2),)
    assert wish_of(box.db) == newer
    assert [told["state"] for told in box.told("config_reported")] == ["applied", "superseded"]
    box.take(newer, epoch="b" * 32)
    assert len(box.told("config_reported")) == 2, "the same version from elsewhere is no news"
    assert box.changed == 1


def test_hours_that_cannot_be_kept_are_refused_with_a_code_and_not_asked_for_again(
    box: Box,
) -> None:
    night = {"mon": ("18:00", "10:00"), "tue": ("09:00", "20:00")}
    assert box.take(wish(hours=night)) == (EpochAck(epoch=HUB, through=1),)
    assert wish_of(box.db) is None
    (told,) = box.told("config_reported")
    assert (told["state"], told["code"]) == ("refused", "hours")
    assert box.changed == 0


def test_an_order_that_cannot_be_read_is_refused_once_and_counts_as_held(box: Box) -> None:
    faulty = (FaultyOrder(seq=2, code="unknown", reason="a kind of tomorrow"),)
    for _ in range(2):
        orders = Orders(epoch=HUB, orders=(Order(seq=1, body=VoidOrder()),), faulty=faulty)
        word = box.down.take(orders, SESSION)
    assert word.epochs == (EpochAck(epoch=HUB, through=2),)
    assert box.told("order_refused") == [{"order_epoch": HUB, "order_seq": 2, "code": "unknown"}]


def test_a_member_is_erased_by_the_hash_and_cannot_come_back(box: Box) -> None:
    member = box.joined("王芳")
    box.joined("李明")
    box.take(EraseOrder(hash=digest_of(member.subject)))
    assert box.names() == ["李明"]
    (told,) = box.told("member_changed")
    assert told == {"subject": member.subject, "change": "erased"}
    assert is_buried(box.db, member.subject)
    box.take(EraseOrder(hash=digest_of(member.subject)), epoch="b" * 32)
    assert len(box.told("member_changed")) == 1
    assert Audit(box.db).entries()[-1].actor == "head_office"


def test_whom_the_shop_erased_is_known_to_be_erased(box: Box) -> None:
    member = box.joined("王芳")
    erase(box.db, member.id, NOW, actor="local", tell=lambda *_: None)
    assert is_buried(box.db, member.subject)


def test_a_withdrawal_elsewhere_takes_the_template_but_not_a_consent_given_since(
    box: Box,
) -> None:
    register = box.register()
    member = box.joined("王芳")
    register.enrol(member.id, NOW, consent=consent(), template=template(member.subject))
    digest = digest_of(member.subject)
    given_at = consent().given_at
    box.take(WithdrawOrder(hash=digest, at=given_at - timedelta(days=1)))
    assert live_consent(box.db, member.subject, NOW) is not None
    box.take(WithdrawOrder(hash=digest, at=given_at + timedelta(hours=1)), first=2)
    assert live_consent(box.db, member.subject, NOW) is None
    assert box.names() == ["王芳"], "the card stays"
    assert [told["change"] for told in box.told("member_changed")] == [
        "template_removed",
        "consent_withdrawn",
    ]
    box.take(WithdrawOrder(hash=digest, at=NOW), first=3)
    assert len(box.told("member_changed")) == 2


def test_a_checkpoint_is_told_and_what_was_held_long_before_is_forgotten(box: Box) -> None:
    box.take(VoidOrder(), epoch="b" * 32)
    box.clock.at += timedelta(days=91)
    box.take(CheckpointOrder(mark="c" * 32))
    word = box.down.whole(SESSION, 0.0)
    assert word is not None
    assert (word.whole, word.mark) == (True, "c" * 32)
    assert [entry.epoch for entry in word.epochs] == [HUB]


def test_all_that_is_held_is_told_on_each_connection_and_now_and_then(box: Box) -> None:
    assert box.down.whole(SESSION, 0.0) is not None
    assert box.down.whole(SESSION, 1.0) is None
    box.down.on_connected()
    assert box.down.whole(SESSION, 2.0) is not None
    assert box.down.whole(SESSION, 2.0 + TOLD_EVERY_S * 1.2) is not None


def test_what_cannot_be_kept_now_is_not_acknowledged_and_comes_again(box: Box) -> None:
    full = True
    done: list[OrderBody] = []

    def carry_out(body: OrderBody) -> str | None:
        if full and isinstance(body, EraseOrder):
            raise StoreFull("the disk is full")
        done.append(body)
        return None

    down = Down(
        held=HeldOrders(box.db),
        carry_out=carry_out,
        refuse=lambda *_: None,
        clock=box.clock,
    )
    bodies: list[OrderBody] = [VoidOrder(), EraseOrder(hash="0" * 64), VoidOrder()]
    orders = tuple(Order(seq=n, body=body) for n, body in enumerate(bodies, start=1))
    message = Orders(epoch=HUB, orders=orders)
    assert down.take(message, SESSION).epochs == (
        EpochAck(epoch=HUB, through=3, missing=((2, 2),)),
    )
    full = False
    assert down.take(message, SESSION).epochs == (EpochAck(epoch=HUB, through=3),)
    assert len(done) == 3


def test_a_power_cut_between_deed_and_note_does_the_deed_once_in_effect(box: Box) -> None:
    member = box.joined("王芳")
    erase_order = EraseOrder(hash=digest_of(member.subject))
    for body in (wish(name="a"), erase_order):
        box.office(body)  # done, and then the power fails before it is noted
    assert box.take(wish(name="a"), erase_order) == (EpochAck(epoch=HUB, through=2),)
    assert len(box.told("config_reported")) == len(box.told("member_changed")) == 1
    assert box.changed == 1


def test_in_any_order_and_any_number_of_times_the_newest_word_holds(box: Box) -> None:
    random = Random(20261122)
    bodies = [wish(version=wish().version + n, name=str(n)) for n in range(40)]
    numbered = [(n, body) for n, body in enumerate(bodies, start=1)] * 3
    random.shuffle(numbered)
    for n, body in numbered:
        acks = box.take(body, first=n)
    assert acks == (EpochAck(epoch=HUB, through=40),)
    assert wish_of(box.db) == bodies[-1]


def test_gaps_are_told(box: Box) -> None:
    box.take(VoidOrder(), first=5)
    assert box.take(VoidOrder(), first=2) == (
        EpochAck(epoch=HUB, through=5, missing=((1, 1), (3, 4))),
    )


def test_the_moment_of_an_order_is_the_boxs_own(box: Box) -> None:
    box.clock.at = datetime(2026, 12, 1, tzinfo=UTC)
    box.take(wish(name="a"))
    assert Audit(box.db).entries()[0].at == box.clock.at


REV = wish().version
OFFICE_ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
WANG = {"external_id": "C-1", "name": "王芳", "tier": "gold"}
SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
HERE = BoxAddress(store="nj-001", box="nj-001-a")


def sealed(kind: str, rev: int, texts: Mapping[str, str], box: BoxAddress = HERE) -> str:
    public = X25519PublicKey.from_public_bytes(bytes.fromhex(OrderKeys(PROFILE_ROOT).public))
    raw = json.dumps(texts).encode()
    return b64encode(
        SUITE.encrypt(raw, public, info=order_context(box, kind, OFFICE_ID, rev))
    ).decode()


def member_order(rev: int = REV, **texts: str) -> MemberOrder:
    return MemberOrder(id=OFFICE_ID, rev=rev, sealed=sealed("member", rev, {**WANG, **texts}))


def booking(rev: int = REV, **texts: str) -> AppointmentOrder:
    held = {"external_id": "C-1", "at": "2026-11-22T07:00:00+00:00", "what": "取戒指"}
    held |= {"channel": "app", **texts}
    return AppointmentOrder(id=OFFICE_ID, rev=rev, sealed=sealed("appointment", rev, held))


def test_the_key_is_told_once_it_is_wanted_and_there(box: Box) -> None:
    assert box.down.sealing_key(SESSION) is None
    box.root = None
    box.take(KeyWantedOrder())
    assert box.down.sealing_key(SESSION) is None
    box.root = PROFILE_ROOT
    word = box.down.sealing_key(SESSION)
    assert word is not None
    assert word.public == OrderKeys(PROFILE_ROOT).public
    assert box.down.sealing_key(SESSION) is None
    box.down.on_connected()
    assert box.down.sealing_key(SESSION) == word


def test_a_member_of_head_office_is_added_changed_and_told_by_random_ids(box: Box) -> None:
    box.take(member_order())
    (member,) = People(box.db, profile_keys()).everybody().members
    assert (member.profile.name, member.profile.tier) == ("王芳", "gold")
    assert box.told("member_linked") == [{"subject": member.subject, "member": OFFICE_ID}]
    box.take(member_order(REV + 1, name="王芳芳", tier=""), first=2)
    (changed,) = People(box.db, profile_keys()).everybody().members
    assert (changed.id, changed.profile.name, changed.profile.tier) == (member.id, "王芳芳", None)
    assert len(box.told("member_linked")) == 1
    entries = Audit(box.db).entries()
    assert [(e.what, e.actor) for e in entries] == [
        ("enrol", "head_office"),
        ("change", "head_office"),
    ]


def test_an_older_revision_is_ignored_and_acknowledged(box: Box) -> None:
    box.take(member_order(REV + 1, name="新"))
    assert box.take(member_order(REV, name="旧"), first=2) == (EpochAck(epoch=HUB, through=2),)
    assert box.names() == ["新"]


def test_who_is_a_member_already_stays_who_it_is_and_keeps_what_the_shop_wrote(box: Box) -> None:
    known = joined(box.register(), "王", external_id="c-1", note="喜欢翡翠")
    box.take(member_order())
    member = People(box.db, profile_keys()).by_id(known)
    assert (member.profile.name, member.profile.note) == ("王芳", "喜欢翡翠")
    assert box.told("member_linked") == [{"subject": member.subject, "member": OFFICE_ID}]


def test_a_change_in_the_shop_holds_until_head_office_says_something_new(box: Box) -> None:
    box.take(member_order())
    people = People(box.db, profile_keys())
    (member,) = people.everybody().members
    local = replace(member.profile, name="王女士")
    box.register().change(member.id, local, NOW)
    box.take(member_order(), epoch="b" * 32)
    assert box.names() == ["王女士"]
    box.take(member_order(REV + 1), epoch="c" * 32)
    assert box.names() == ["王芳"]


@pytest.mark.parametrize("by_shop", [True, False])
def test_an_older_order_does_not_bring_an_erased_member_back(box: Box, by_shop: bool) -> None:
    box.take(member_order(), booking())
    (member,) = People(box.db, profile_keys()).everybody().members
    if by_shop:
        erase(box.db, member.id, NOW, actor="local", tell=lambda *_: None)
    else:
        box.take(EraseOrder(hash=digest_of(OFFICE_ID)), first=3)
    acks = box.take(member_order(REV + 5), epoch="b" * 32)
    assert acks == (EpochAck(epoch="b" * 32, through=1),)
    assert box.names() == []
    assert is_buried(box.db, member.subject)
    for table in ("office_member", "appointment", "member"):
        assert box.db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_an_erasure_that_comes_before_its_member_holds(box: Box) -> None:
    box.take(EraseOrder(hash=digest_of(OFFICE_ID)), member_order())
    assert box.names() == []


def test_without_the_key_a_member_waits_and_an_erasure_does_not(box: Box) -> None:
    box.root = None
    orders = (member_order(), EraseOrder(hash="0" * 64))
    assert box.take(*orders) == (EpochAck(epoch=HUB, through=2, missing=((1, 1),)),)
    box.root = PROFILE_ROOT
    assert box.take(*orders) == (EpochAck(epoch=HUB, through=2),)
    assert box.names() == ["王芳"]


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(
            MemberOrder(id=OFFICE_ID, rev=REV, sealed="A" * 200), id="to nobody that is known"
        ),
        pytest.param(
            MemberOrder(
                id=OFFICE_ID,
                rev=REV,
                sealed=sealed("member", REV, WANG, BoxAddress(store="nj-001", box="b")),
            ),
            id="to another box",
        ),
        pytest.param(
            MemberOrder(id=OFFICE_ID, rev=REV, sealed=sealed("member", REV + 1, WANG)),
            id="as another revision",
        ),
        pytest.param(
            MemberOrder(id=OFFICE_ID, rev=REV, sealed=sealed("appointment", REV, WANG)),
            id="as something else",
        ),
    ],
)
def test_what_does_not_open_is_refused_for_good(box: Box, order: MemberOrder) -> None:
    assert box.take(order) == (EpochAck(epoch=HUB, through=1),)
    assert [told["code"] for told in box.told("order_refused")] == ["unreadable"]
    assert box.names() == []


def test_a_profile_that_is_none_is_refused(box: Box) -> None:
    box.take(member_order(birthday="tomorrow"))
    assert [told["code"] for told in box.told("order_refused")] == ["malformed"]


def today(box: Box) -> list[Booking]:
    ref = profile_keys().blind("C-1")
    found = of_member(box.db, profile_keys(), None, ref)
    return [one.booking for one in found if one.booking and one.course.state != "cancelled"]


def test_an_appointment_may_come_before_its_member_is_changed_and_cancelled(box: Box) -> None:
    box.take(booking())
    (one,) = today(box)
    assert (one.at.hour, one.what, one.channel) == (7, "取戒指", "app")
    box.take(booking(REV + 2, what="试戴"), first=2)
    box.take(booking(REV + 1, what="older"), first=3)
    assert [one.what for one in today(box)] == ["试戴"]
    box.take(AppointmentOrder(id=OFFICE_ID, rev=REV + 3, sealed=None), first=4)
    box.take(booking(REV + 2), first=5)
    assert today(box) == []


def test_who_has_come_has_come_though_head_office_moves_or_cancels_it(box: Box) -> None:
    box.take(booking())
    teller = Teller(epoch=box.epoch, reading=lambda: Reading(at=NOW, mono=1.0, clock="ok"))
    held = by_id(box.db, profile_keys(), OFFICE_ID)
    assert held is not None
    with transaction(box.db):
        came = Course(state="arrived", arrived_at=NOW, by_tap=True)
        assert keep_course(box.db, held, came, None, teller)
    box.take(booking(REV + 1, what="试戴", at="2026-11-24T07:00:00Z"), first=2)
    (one,) = today(box)
    assert (one.what, one.at) == ("试戴", held.at)
    box.take(AppointmentOrder(id=OFFICE_ID, rev=REV + 2, sealed=None), first=3)
    again = by_id(box.db, profile_keys(), OFFICE_ID)
    assert again is not None
    assert (again.course.state, again.course.withdrawn) == ("arrived", True)


def test_appointments_are_encrypted_and_forgotten_after_a_week(box: Box) -> None:
    box.take(booking())
    box.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for file in box.folder.glob("menkou.db*"):
        assert "取戒指".encode() not in file.read_bytes()
        assert b"C-1" not in file.read_bytes()
    forget_past(box.db, NOW + timedelta(days=6))
    assert today(box)
    forget_past(box.db, NOW + timedelta(days=8))
    assert today(box) == []


def test_an_export_holds_the_appointments(box: Box) -> None:
    box.take(member_order(), booking())
    (member,) = People(box.db, profile_keys()).everybody().members
    held = everything(box.db, profile_keys(), member, NOW)
    assert held["appointments"] == [
        {
            "at": "2026-11-22T07:00:00.000Z",
            "what": "取戒指",
            "channel": "app",
            "consultant": "",
            "state": "expected",
            "reason": None,
            "visit": None,
        }
    ]
    assert held["office"] == [{"id": OFFICE_ID, "rev": REV}]
