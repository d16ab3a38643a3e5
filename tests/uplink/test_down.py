"""Orders carried out by a box: each once in effect, whatever the way does to them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlite_utils import Database

from edge.app.orders import HeadOffice
from edge.ports import ClockState
from edge.store.audit import Audit
from edge.store.consents import live_consent
from edge.store.database import StoreFull, connect, migrate
from edge.store.orders import HeldOrders, digest_of, is_buried, wish_of
from edge.store.outbox import Outbox
from edge.store.people import Member, People
from edge.store.register import Register, erase
from edge.uplink.down import TOLD_EVERY_S, Down
from edge.wire.messages import EpochAck
from edge.wire.orders import (
    CheckpointOrder,
    ConfigOrder,
    EraseOrder,
    FaultyOrder,
    Order,
    OrderBody,
    Orders,
    VoidOrder,
    WithdrawOrder,
)
from tests.edge.test_desired import wish
from tests.edge.test_modes import shop
from tests.support.people import NOW, consent, joined, profile_keys, template

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

    def __post_init__(self) -> None:
        epoch = Outbox(self.db).begin_epoch(NOW, "run")
        self.office = HeadOffice(
            config=shop(self.folder),
            db=self.db,
            epoch=epoch,
            clock=self.clock,
            changed=self._on_changed,
            wake=lambda: None,
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
    assert down.take(message, SESSION).epochs == (EpochAck(epoch=HUB, through=1),)
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
