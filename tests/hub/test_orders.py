"""Orders of the hub: numbered without a gap, sent until they are held, after every restore too."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

import pytest
from sqlalchemy import Engine, func, select, update

from cloud import desired, erasures
from cloud.db import reading, writing
from cloud.ingest import Ingest
from cloud.members import hash_of
from cloud.order_post import KEEP_ACKED
from cloud.orders import Issuer, Thing
from cloud.tables import box_order, order_line
from cloud.tables import desired as wishes
from edge.wire.codec import decode_down, encode
from edge.wire.messages import ConfigReported, EpochAck, Event, OrderRefused
from edge.wire.orders import (
    CheckpointOrder,
    ConfigOrder,
    EraseOrder,
    OrderBody,
    Orders,
    OrdersAck,
    VoidOrder,
    WithdrawOrder,
)
from edge.wire.received import Received
from tests.hub.conftest import NOW, FakeBox, Message, ulid

SECOND = timedelta(seconds=1)
NOTHING = {
    **dict.fromkeys(("name", "hours", "mode_at_most", "window_s_at_most")),
    **dict.fromkeys(("since", "who", "wifi")),
}


def wish(name: str | None = None) -> ConfigOrder:
    return ConfigOrder(version=1, **{**NOTHING, "name": name})  # type: ignore[arg-type]


@dataclass
class Obeying:
    """A box that carries out what it hears; what it holds can be copied and restored."""

    box: FakeBox
    held: dict[str, Received] = field(default_factory=dict)
    mark: str | None = None
    config: int = 0
    carried_out: list[OrderBody] = field(default_factory=list)

    def greets(self, at: datetime = NOW) -> list[Message]:
        """Return what a box says on connecting."""
        topic, payload, _ = self.box.hello()
        status, online, _ = self.box.status("online")
        return [(status, online, at), (topic, payload, at), self.tells(whole=True, at=at)]

    def tells(self, *epochs: str, whole: bool = False, at: datetime = NOW) -> Message:
        names = list(self.held) if whole else list(epochs)
        acks = [
            EpochAck(epoch=e, through=self.held[e].top, missing=tuple(self.held[e].gaps))
            for e in names
        ]
        ack = OrdersAck(session=self.box.session, whole=whole, mark=self.mark, epochs=tuple(acks))
        return self.box.sends("up", encode(ack), at)

    def hears(self, payload: bytes) -> str:
        """Carry out a message of orders; return its epoch."""
        orders = decode_down(payload)
        assert isinstance(orders, Orders)
        held = self.held.setdefault(orders.epoch, Received())
        for order in orders.orders:
            if not held.holds(order.seq):
                self._carry_out(order.body)
                held.take([order.seq])
        return orders.epoch

    def _carry_out(self, body: OrderBody) -> None:
        self.carried_out.append(body)
        match body:
            case ConfigOrder():
                self.config = max(self.config, body.version)
            case CheckpointOrder():
                self.mark = body.mark

    def said(self, kind: type) -> list[OrderBody]:
        return [body for body in self.carried_out if isinstance(body, kind)]


@dataclass
class Hub:
    """A hub and its clock."""

    engine: Engine
    ingest: Ingest
    now: datetime = NOW

    def set(self, place: tuple[str, str], name: str | None) -> int:
        """Wish settings as a command does: with an issuer of its own."""
        with writing(self.engine) as connection:
            version, _ = desired.set_desired(connection, Issuer(), place, wish(name), self.now)
        return version

    def due(self, after_s: float = 1) -> list[tuple[str, bytes]]:
        self.now += after_s * SECOND
        return self.ingest.orders_due(self.now)

    def waiting(self) -> int:
        with reading(self.engine) as connection:
            count = select(func.count()).where(box_order.c.acked_at.is_(None))
            return connection.execute(count.select_from(box_order)).scalar_one()

    def deliver(self, obeying: Obeying, times: int = 6) -> None:
        """Send what is due to a box that hears and answers, until nothing is."""
        for _ in range(times):
            for topic, payload in self.due():
                if topic != obeying.box.address.topic("down"):
                    continue  # another box's
                epoch = obeying.hears(payload)
                self.ingest.take([obeying.tells(epoch, at=self.now)])


@pytest.fixture
def hub(engine: Engine, ingest: Ingest) -> Hub:
    return Hub(engine, ingest)


@pytest.fixture
def obeying(box: FakeBox, hub: Hub) -> Obeying:
    made = Obeying(box)
    hub.ingest.take(made.greets())
    return made


def numbers(payloads: Sequence[bytes]) -> list[tuple[str, int]]:
    found = []
    for payload in payloads:
        orders = decode_down(payload)
        assert isinstance(orders, Orders)
        found += [(orders.epoch, order.seq) for order in orders.orders]
    return found


def test_a_box_is_told_what_was_wished_and_it_is_sent_no_more_once_it_is_held(
    hub: Hub, obeying: Obeying
) -> None:
    assert hub.due() == []
    version = hub.set(("nj-001", ""), "外滩店")
    ((topic, payload),) = hub.due()
    assert topic == "menkou/v1/nj-001/nj-001-a/down"
    hub.ingest.take([obeying.tells(obeying.hears(payload), at=hub.now)])
    (config,) = obeying.said(ConfigOrder)
    assert isinstance(config, ConfigOrder)
    assert (config.version, config.name) == (version, "外滩店")
    assert hub.due(3600) == []


def test_what_is_not_answered_is_sent_again_ever_more_seldom(hub: Hub, obeying: Obeying) -> None:
    hub.set(("nj-001", ""), "a")
    sent = [hub.due(1) for _ in range(600)]
    at = [second for second, replies in enumerate(sent) if replies]
    pauses = [late - early for early, late in itertools.pairwise(at)]
    assert 4 <= len(at) <= 10
    assert pauses == sorted(pauses)
    assert len({tuple(replies) for replies in sent if replies}) == 1


def test_a_box_that_did_not_say_what_it_holds_on_this_connection_is_left_alone(
    hub: Hub, obeying: Obeying
) -> None:
    hub.set(("nj-001", ""), "a")
    hub.ingest.take([obeying.box.status("offline")])
    assert hub.due() == []
    other = "6" * 32
    hub.ingest.take([obeying.box.status("online", other), obeying.box.hello(session=other)])
    assert hub.due(3600) == []
    obeying.box.session = other
    hub.ingest.take([obeying.tells(whole=True)])
    assert len(hub.due()) == 1


def test_of_several_wishes_that_wait_only_the_newest_says_anything(
    hub: Hub, obeying: Obeying
) -> None:
    hub.set(("nj-001", ""), "a")
    hub.set(("nj-001", "nj-001-a"), "b")
    version = hub.set(("nj-001", ""), "c")
    hub.deliver(obeying)
    (config,) = obeying.said(ConfigOrder)
    assert isinstance(config, ConfigOrder)
    assert (config.version, config.name) == (version, "c")
    assert len(obeying.said(VoidOrder)) == 2
    assert hub.waiting() == 0


def test_what_was_wished_last_holds_for_the_shop_or_for_the_one_box(
    hub: Hub, obeying: Obeying
) -> None:
    other = Obeying(FakeBox(box="nj-001-b", session="7" * 32))
    hub.ingest.take(other.greets())
    for name, place in (("shop", ("nj-001", "")), ("one", ("nj-001", "nj-001-a"))):
        hub.set(place, name)
        hub.deliver(obeying, 1)
    with reading(hub.engine) as connection:
        for box, name in ((obeying.box, "one"), (other.box, "shop")):
            held = desired.of_box(connection, box.address)
            assert held is not None
            assert held.name == name


def test_versions_grow_even_when_the_clock_of_the_hub_goes_back(hub: Hub) -> None:
    first = hub.set(("nj-001", ""), "a")
    hub.now -= timedelta(days=3)
    assert hub.set(("nj-001", "x"), "b") > first
    assert hub.set(("nj-001", ""), "c") > first + 1


def test_numbers_of_one_process_have_no_gap_and_those_of_two_are_never_the_same(
    hub: Hub, obeying: Obeying
) -> None:
    first, second = Issuer(), Issuer()
    address = obeying.box.address
    for issuer, digest in ((first, "1"), (second, "2"), (first, "3"), (first, "4")):
        with writing(hub.engine) as connection:
            issuer.issue(connection, address, [Thing("erase", digest * 64, NOW)], NOW)
    given = numbers([payload for _, payload in hub.due()])
    by_epoch = {epoch: [seq for e, seq in given if e == epoch] for epoch, _ in given}
    assert sorted(by_epoch.values()) == [[1], [1, 2, 3]]


def test_a_number_whose_transaction_failed_is_never_given_out_again(
    hub: Hub, obeying: Obeying
) -> None:
    issuer, address = Issuer(), obeying.box.address

    def issue(digest: str, *, fails: bool = False) -> None:
        with writing(hub.engine) as connection:
            issuer.issue(connection, address, [Thing("erase", digest * 64, NOW)], NOW)
            if fails:
                raise KeyboardInterrupt

    issue("1")
    with pytest.raises(KeyboardInterrupt):
        issue("2", fails=True)
    issue("3")
    issue("4")
    given = numbers([payload for _, payload in hub.due()])
    by_epoch = {epoch: [seq for e, seq in given if e == epoch] for epoch, _ in given}
    assert sorted(by_epoch.values()) == [[1], [1, 2]]


def test_a_new_box_catches_up_with_what_is_wished_now(hub: Hub) -> None:
    version = hub.set(("nj-001", ""), "外滩店")
    new = Obeying(FakeBox())
    hub.ingest.take(new.greets())
    hub.deliver(new)
    assert new.config == version
    hub.ingest.take(new.greets(hub.now))
    hub.deliver(new)
    assert len(new.carried_out) == 1, "the snapshot comes once"


def test_a_box_restored_from_an_older_copy_is_told_again_what_it_forgot(
    hub: Hub, obeying: Obeying
) -> None:
    hub.set(("nj-001", ""), "a")
    hub.deliver(obeying)
    copy = Obeying(obeying.box, {e: Received(top=r.top) for e, r in obeying.held.items()})
    with writing(hub.engine) as connection:
        erasures.erase(connection, Issuer(), ulid(7), None, hub.now)
    version = hub.set(("nj-001", ""), "b")
    hub.deliver(obeying)
    assert hub.waiting() == 0
    hub.ingest.take(copy.greets(hub.now))
    hub.deliver(copy)
    assert copy.config == version
    assert copy.said(EraseOrder) == [EraseOrder(hash=hash_of(ulid(7)))]
    assert hub.waiting() == 0


def age(hub: Hub) -> None:
    hub.now += KEEP_ACKED + timedelta(days=1)


def orders(hub: Hub) -> int:
    with reading(hub.engine) as connection:
        return connection.execute(select(func.count()).select_from(box_order)).scalar_one()


def test_what_was_carried_out_long_ago_is_forgotten_and_a_copy_from_before_gets_it_anew(
    hub: Hub, obeying: Obeying
) -> None:
    version = hub.set(("nj-001", ""), "a")
    with writing(hub.engine) as connection:
        erasures.erase(connection, Issuer(), ulid(7), None, hub.now)
    before = Obeying(obeying.box)
    hub.deliver(obeying)
    age(hub)
    hub.ingest.take(obeying.greets(hub.now))
    hub.deliver(obeying)
    assert obeying.mark is not None
    assert orders(hub) == 1, "only the checkpoint is left"
    hub.ingest.take(obeying.greets(hub.now))
    hub.deliver(obeying)
    assert len(obeying.carried_out) == 3, "who has the mark hears nothing again"

    hub.ingest.take(before.greets(hub.now))
    hub.deliver(before)
    assert before.config == version
    assert EraseOrder(hash=hash_of(ulid(7))) in before.carried_out
    assert hub.waiting() == 0


def test_what_waits_is_never_forgotten(hub: Hub, obeying: Obeying) -> None:
    hub.set(("nj-001", ""), "a")
    hub.deliver(obeying)
    with writing(hub.engine) as connection:
        erasures.erase(connection, Issuer(), ulid(7), None, hub.now)
    hub.ingest.take([obeying.box.status("offline")])
    age(hub)
    age(hub)
    hub.ingest.take(obeying.greets(hub.now))
    hub.deliver(obeying)
    assert obeying.said(EraseOrder) == [EraseOrder(hash=hash_of(ulid(7)))]


def test_a_restored_hub_reuses_no_identity_and_its_box_keeps_the_newer_settings(
    hub: Hub, obeying: Obeying
) -> None:
    older = hub.set(("nj-001", ""), "a")
    hub.deliver(obeying)
    with writing(hub.engine) as connection:
        saved = connection.execute(select(box_order)).all()
    newer = hub.set(("nj-001", ""), "b")
    hub.deliver(obeying)
    hub.ingest.take([obeying.box.batch(report(obeying.box, newer))])
    with writing(hub.engine) as connection:  # yesterday's database
        connection.execute(box_order.delete().where(box_order.c.pk > saved[-1].pk))
        connection.execute(update(wishes).values(version=older, body=desired._text(wish("a"))))
    hub.ingest.take(obeying.greets(hub.now))
    hub.deliver(obeying)
    assert obeying.config == newer
    with reading(hub.engine) as connection:
        (standing,) = desired.standings(connection)
    assert standing.state == "newer"
    assert hub.set(("nj-001", ""), "c") > newer
    hub.deliver(obeying)
    assert obeying.config > newer


def report(box: FakeBox, version: int, state: str = "applied") -> Event:
    return box.tell(ConfigReported(version=version, state=state, code=None))


def test_config_list_says_how_far_a_box_is(hub: Hub, obeying: Obeying) -> None:
    def state() -> tuple[str, str | None]:
        with reading(hub.engine) as connection:
            (standing,) = desired.standings(connection)
        return standing.state, standing.code

    assert state() == ("none", None)
    version = hub.set(("nj-001", ""), "a")
    assert state() == ("waiting", None)
    hub.ingest.take([obeying.box.batch(report(obeying.box, version))])
    assert state() == ("applied", None)
    hub.set(("nj-001", ""), "b")
    assert state() == ("waiting", None)
    *_, (epoch, seq) = numbers([payload for _, payload in hub.due()])
    body = OrderRefused(order_epoch=epoch, order_seq=seq, code="unknown")
    hub.ingest.take([obeying.box.batch(obeying.box.tell(body, NOW + SECOND))])
    assert state() == ("refused", "unknown")


def test_an_erasure_in_one_shop_is_ordered_of_the_boxes_that_named_the_member(
    hub: Hub, obeying: Obeying
) -> None:
    elsewhere = Obeying(FakeBox("sh-002", "sh-002-a", session="8" * 32, epoch="c" * 32))
    stranger = Obeying(FakeBox("bj-003", "bj-003-a", session="9" * 32, epoch="d" * 32))
    hub.ingest.take([*elsewhere.greets(), *stranger.greets()])
    for one in (obeying, elsewhere):
        hub.ingest.take([one.box.batch(one.box.member(ulid(7), "joined"))])
    hub.ingest.take([obeying.box.batch(obeying.box.member(ulid(7), "erased"))])
    topics = dict(hub.due())
    assert sorted(topics) == [one.box.address.topic("down") for one in (obeying, elsewhere)], (
        "the box that told it may be restored from a copy that still holds the member"
    )
    for one in (obeying, elsewhere):
        payload = topics[one.box.address.topic("down")]
        hub.ingest.take([one.tells(one.hears(payload), at=hub.now)])
        assert one.said(EraseOrder) == [EraseOrder(hash=hash_of(ulid(7)))]
    hub.ingest.take([elsewhere.box.batch(elsewhere.box.member(ulid(7), "erased"))])
    assert hub.due(3600) == [], "its answer is no new erasure"


@pytest.mark.parametrize("together", [False, True], ids=["later", "in one set"])
def test_a_box_that_names_an_erased_member_only_afterwards_is_told_to_erase_as_well(
    hub: Hub, obeying: Obeying, together: bool
) -> None:
    elsewhere = Obeying(FakeBox("sh-002", "sh-002-a", session="8" * 32, epoch="c" * 32))
    hub.ingest.take(elsewhere.greets())
    erasure = obeying.box.batch(obeying.box.member(ulid(7), "erased"))
    waited = elsewhere.box.batch(elsewhere.box.opened(who="member", subject=ulid(7)))
    for messages in [[erasure, waited]] if together else [[erasure], [waited]]:
        hub.ingest.take(messages)
    hub.deliver(elsewhere, 1)
    assert elsewhere.said(EraseOrder) == [EraseOrder(hash=hash_of(ulid(7)))]
    again = elsewhere.box.opened(who="member", subject=ulid(7))
    hub.ingest.take([elsewhere.box.batch(again)])
    assert elsewhere.box.address.topic("down") not in dict(hub.due(3600)), "it was told"


def test_a_box_restored_from_a_copy_is_told_again_whom_it_erased_itself(
    hub: Hub, obeying: Obeying
) -> None:
    hub.ingest.take([obeying.box.batch(obeying.box.member(ulid(7), "joined"))])
    hub.ingest.take([obeying.box.batch(obeying.box.member(ulid(7), "erased"))])
    hub.deliver(obeying, 1)
    restored = Obeying(FakeBox(session="8" * 32, epoch="c" * 32))
    hub.ingest.take(restored.greets())
    hub.deliver(restored, 1)
    assert EraseOrder(hash=hash_of(ulid(7))) in restored.said(EraseOrder)


def test_a_withdrawal_under_a_clock_in_doubt_holds_from_when_it_was_heard(
    hub: Hub, obeying: Obeying
) -> None:
    elsewhere = Obeying(FakeBox("sh-002", "sh-002-a", session="8" * 32, epoch="c" * 32))
    hub.ingest.take(elsewhere.greets())
    for one in (obeying, elsewhere):
        hub.ingest.take([one.box.batch(one.box.member(ulid(7), "consent_given"))])
    told = obeying.box.member(ulid(7), "consent_withdrawn", NOW - timedelta(days=60))
    hub.ingest.take([obeying.box.batch(replace(told, clock="suspect"))])
    hub.deliver(elsewhere, 1)
    (order,) = elsewhere.said(WithdrawOrder)
    assert isinstance(order, WithdrawOrder)
    assert order.at >= NOW


def test_a_withdrawal_is_passed_on_and_its_echo_is_not(hub: Hub, obeying: Obeying) -> None:
    elsewhere = Obeying(FakeBox("sh-002", "sh-002-a", session="8" * 32, epoch="c" * 32))
    hub.ingest.take(elsewhere.greets())
    for one in (obeying, elsewhere):
        hub.ingest.take([one.box.batch(one.box.member(ulid(7), "consent_given"))])
    at = NOW + timedelta(hours=1)
    hub.now = at
    told = obeying.box.member(ulid(7), "consent_withdrawn", at)
    hub.ingest.take([obeying.box.batch(told)])
    hub.deliver(elsewhere, 1)
    assert elsewhere.said(WithdrawOrder) == [WithdrawOrder(hash=hash_of(ulid(7)), at=at)]
    echo = elsewhere.box.member(ulid(7), "consent_withdrawn", hub.now)
    hub.ingest.take([elsewhere.box.batch(echo)])
    assert hub.due(3600) == []
    later = elsewhere.box.member(ulid(7), "consent_withdrawn", hub.now)
    hub.ingest.take([elsewhere.box.batch(later)])
    hub.deliver(obeying, 1)
    assert len(obeying.said(WithdrawOrder)) == 1


def test_whom_nobody_ever_named_is_erased_in_every_box(hub: Hub, obeying: Obeying) -> None:
    other = FakeBox("sh-002", "sh-002-a", session="8" * 32, epoch="c" * 32)
    hub.ingest.take([other.hello()])
    with writing(hub.engine) as connection:
        ordered = erasures.erase(connection, Issuer(), ulid(9), None, NOW)
    assert [one.store for one in ordered] == ["nj-001", "sh-002"]
    with writing(hub.engine) as connection:
        assert erasures.erase(connection, Issuer(), ulid(9), None, NOW) == []


def test_no_row_of_an_order_holds_the_subject_of_who_was_erased(hub: Hub, obeying: Obeying) -> None:
    hub.ingest.take([obeying.box.batch(obeying.box.member(ulid(7), "joined"))])
    with writing(hub.engine) as connection:
        erasures.erase(connection, Issuer(), ulid(7), None, NOW)
    with reading(hub.engine) as connection:
        rows = connection.execute(select(box_order)).all()
    assert rows
    assert not any(ulid(7) in str(row) for row in rows)


def test_lost_doubled_and_reordered_messages_end_with_everything_held(
    hub: Hub, obeying: Obeying, random: Random
) -> None:
    digests = [f"{n:064x}" for n in range(430)]
    for start in range(0, len(digests), 43):
        with writing(hub.engine) as connection:
            things = [Thing("erase", one, NOW) for one in digests[start : start + 43]]
            Issuer().issue(connection, obeying.box.address, things, NOW)
    copy: Obeying | None = None
    for round_ in range(400):
        payloads = [payload for _, payload in hub.due(random.uniform(1, 60))]
        payloads += random.sample(payloads, len(payloads) // 2)
        random.shuffle(payloads)
        for payload in payloads:
            if random.random() < 0.4:
                continue
            epoch = obeying.hears(payload)
            if random.random() < 0.6:
                hub.ingest.take([obeying.tells(epoch, at=hub.now)])
        if round_ == 10:
            held = {e: Received(top=r.top, gaps=list(r.gaps)) for e, r in obeying.held.items()}
            copy = Obeying(obeying.box, held, carried_out=list(obeying.carried_out))
        if round_ == 30 and copy is not None:
            obeying = copy
            hub.ingest.take(obeying.greets(hub.now))
        if random.random() < 0.1:
            hub.ingest.take(obeying.greets(hub.now))
        if not hub.waiting():
            break
    assert hub.waiting() == 0
    assert {body.hash for body in obeying.said(EraseOrder) if isinstance(body, EraseOrder)} == set(
        digests
    )
    assert len(obeying.carried_out) == len(digests)


def test_two_ingest_processes_do_not_send_the_same_at_once(hub: Hub, obeying: Obeying) -> None:
    hub.set(("nj-001", ""), "a")
    other = Ingest(hub.engine, hub.ingest._shares)
    hub.now += SECOND
    assert len(hub.ingest.orders_due(hub.now)) + len(other.orders_due(hub.now)) == 1


def test_an_acknowledgement_of_orders_that_do_not_exist_changes_nothing(
    hub: Hub, obeying: Obeying
) -> None:
    hub.set(("nj-001", ""), "a")
    ack = OrdersAck(
        session=obeying.box.session,
        whole=False,
        mark="f" * 32,
        epochs=(EpochAck(epoch="a" * 32, through=9, missing=((3, 4),)),),
    )
    hub.ingest.take([obeying.box.sends("up", encode(ack))])
    assert len(hub.due()) == 1
    with reading(hub.engine) as connection:
        assert connection.execute(select(order_line.c.mark)).scalar() is None
