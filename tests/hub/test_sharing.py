"""Members on their way between boxes: what the hub keeps of them, for how long, and for whom."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from cloud import cli, erasures
from cloud.db import reading, writing
from cloud.ingest import Ingest
from cloud.members import hash_of
from cloud.order_post import WINDOW
from cloud.orders import Issuer
from cloud.tables import box_order, shared
from edge.wire.codec import decode_down, decode_up, encode
from edge.wire.orders import (
    BoxKeyOrder,
    EraseOrder,
    Orders,
    ShareAgainOrder,
    TemplateOrder,
    WithdrawOrder,
)
from edge.wire.sharing import Bundle, Shared, SharedAck, Sharing, Statement
from tests.hub.conftest import FakeBox, on_sqlite, ulid
from tests.hub.test_orders import Hub, Obeying
from tests.wire.test_golden import GOLDEN

B = "sh-002/sh-002-a"


def golden(name: str) -> Sharing | Shared:
    message, _ = decode_up((GOLDEN / f"{name}.json").read_bytes())
    assert isinstance(message, Sharing | Shared)
    return message


@pytest.fixture
def hub(engine: Engine, ingest: Ingest) -> Hub:
    return Hub(engine, ingest)


@pytest.fixture
def a(hub: Hub) -> Obeying:
    made = Obeying(FakeBox())
    hub.ingest.take(made.greets())
    return made


@pytest.fixture
def b(hub: Hub) -> Obeying:
    made = Obeying(FakeBox("sh-002", "sh-002-a", session="8" * 32, epoch="c" * 32))
    hub.ingest.take(made.greets())
    return made


def bundle(rev: int = 1_795_000_000_123, subject: str | None = None, **changes: object) -> Bundle:
    message = golden("shared")
    assert isinstance(message, Shared)
    of = {} if subject is None else {"id": hash_of(subject)}
    return replace(message.bundles[0], rev=rev, **{**of, **changes})  # type: ignore[arg-type]


def says(hub: Hub, box: Obeying, word: Sharing | Shared) -> list[SharedAck]:
    """Let a box say something; return what the hub answers to that."""
    replies = hub.ingest.take([box.box.sends("up", encode(word), hub.now)])
    found = [decode_down(payload) for topic, payload in replies if topic.endswith("/down")]
    return [one for one in found if isinstance(one, SharedAck)]


def shares(hub: Hub, box: Obeying, *bundles: Bundle) -> SharedAck:
    (ack,) = says(hub, box, Shared(session=box.box.session, bundles=bundles))
    return ack


def wishes(hub: Hub, box: Obeying, *shops: str, top: int | None = None) -> list[SharedAck]:
    return says(hub, box, Sharing(session=box.box.session, statement=None, shops=shops, top=top))


def states(hub: Hub, box: Obeying, at: int = 1_795_000_000_000) -> Statement:
    message = golden("sharing")
    assert isinstance(message, Sharing)
    assert message.statement is not None
    made = replace(message.statement, at=at)
    says(hub, box, replace(message, session=box.box.session, statement=made, shops=(), top=None))
    return made


@pytest.mark.parametrize("first", ["wish", "key"])
def test_a_box_is_told_the_keys_of_the_shops_that_it_asks_for(
    hub: Hub, a: Obeying, b: Obeying, first: str
) -> None:
    if first == "wish":
        wishes(hub, a, "sh-002")
    made = states(hub, b)
    if first == "key":
        wishes(hub, a, "sh-002")
    hub.deliver(a, 2)
    (told,) = a.said(BoxKeyOrder)
    assert told == BoxKeyOrder(**{n: getattr(made, n) for n in Statement.__dataclass_fields__})
    wishes(hub, a, "sh-002")
    states(hub, b)
    hub.deliver(a, 2)
    assert len(a.said(BoxKeyOrder)) == 1, "what is no news is not told again"
    newer = states(hub, b, 1_795_000_000_001)
    states(hub, b, 1_794_000_000_000)
    hub.deliver(a, 2)
    assert [order.at for order in a.said(BoxKeyOrder)][1:] == [newer.at]  # type: ignore[union-attr]
    assert b.said(BoxKeyOrder) == []


def test_a_box_speaks_only_for_itself(hub: Hub, a: Obeying, b: Obeying) -> None:
    wishes(hub, b, "sh-002", "nj-001")
    states(hub, a)  # in the words of B
    hub.deliver(b, 2)
    assert b.said(BoxKeyOrder) == []


def test_a_bundle_is_acknowledged_sent_on_and_deleted_once_it_is_there(
    hub: Hub, a: Obeying, b: Obeying
) -> None:
    one = bundle()
    ack = shares(hub, a, one)
    assert [(held.place, held.id, held.rev) for held in ack.held] == [(B, one.id, one.rev)]
    assert stored(hub) == [True]
    hub.deliver(b, 2)
    (order,) = b.said(TemplateOrder)
    assert isinstance(order, TemplateOrder)
    assert (order.place, order.signature) == ("nj-001/nj-001-a", one.signature)
    assert stored(hub) == [False]
    assert shares(hub, a, one) == ack
    hub.deliver(b, 2)
    assert len(b.said(TemplateOrder)) == 1


def stored(hub: Hub) -> list[bool]:
    with reading(hub.engine) as connection:
        return [row.bundle is not None for row in connection.execute(select(shared))]


def test_of_two_revisions_the_newest_is_sent_in_whatever_order_they_come(
    hub: Hub, a: Obeying, b: Obeying
) -> None:
    one = bundle()
    for rev in (one.rev + 1, one.rev):
        shares(hub, a, bundle(rev))
    hub.deliver(b, 2)
    assert [order.rev for order in b.said(TemplateOrder)] == [one.rev + 1]  # type: ignore[union-attr]


def test_an_acknowledgement_of_the_old_keeps_the_new(hub: Hub, a: Obeying, b: Obeying) -> None:
    one = bundle()
    shares(hub, a, one)
    ((_, payload),) = hub.due()
    shares(hub, a, bundle(one.rev + 1))
    hub.ingest.take([b.tells(b.hears(payload), at=hub.now)])
    assert stored(hub) == [True]
    hub.deliver(b, 2)
    assert [order.rev for order in b.said(TemplateOrder)] == [one.rev, one.rev + 1]  # type: ignore[union-attr]
    assert stored(hub) == [False]


def test_a_box_that_lost_what_it_had_has_its_senders_asked(
    hub: Hub, a: Obeying, b: Obeying
) -> None:
    shares(hub, a, bundle())
    hub.deliver(b, 2)
    restored = Obeying(b.box)
    hub.ingest.take(restored.greets(hub.now))
    hub.deliver(a, 2)
    assert a.said(ShareAgainOrder) == [ShareAgainOrder(place=B)]


def test_a_hub_that_lost_what_it_acknowledged_says_so(hub: Hub, a: Obeying) -> None:
    one = bundle()
    shares(hub, a, one)
    assert wishes(hub, a, top=one.rev) == []
    with writing(hub.engine) as connection:
        connection.execute(shared.delete())
    (ack,) = wishes(hub, a, top=one.rev)
    assert ack.again


@pytest.mark.parametrize("teller", ["sender", "receiver"])
def test_an_erasure_reaches_both_ends_though_one_never_named_the_member(
    hub: Hub, a: Obeying, b: Obeying, teller: str
) -> None:
    shares(hub, a, bundle(subject=ulid(7)))
    box = a if teller == "sender" else b
    hub.ingest.take([box.box.batch(box.box.member(ulid(7), "erased"))])
    assert stored(hub) == [False], "what is on its way is deleted"
    hub.deliver(a, 2)
    hub.deliver(b, 12)  # what was sent to it meanwhile comes again after some seconds
    order = EraseOrder(hash=hash_of(ulid(7)))
    assert (a.said(EraseOrder), b.said(EraseOrder)) == ([order], [order])
    assert b.said(TemplateOrder) == []
    shares(hub, a, bundle(1_795_000_000_999, subject=ulid(7)))
    assert stored(hub) == [False], "nor is it taken in later"


def test_a_withdrawal_reaches_who_was_given_the_member_before_it_said_a_word(
    hub: Hub, a: Obeying, b: Obeying
) -> None:
    shares(hub, a, bundle(subject=ulid(7)))
    hub.ingest.take([a.box.batch(a.box.member(ulid(7), "consent_withdrawn"))])
    hub.deliver(b, 2)
    (order,) = b.said(WithdrawOrder)
    assert isinstance(order, WithdrawOrder)
    assert order.hash == hash_of(ulid(7))


def test_an_end_travels_though_the_member_is_erased(hub: Hub, a: Obeying, b: Obeying) -> None:
    hub.ingest.take([a.box.batch(a.box.member(ulid(7), "erased"))])
    shares(hub, a, bundle(subject=ulid(7), sealed_profile=None, sealed_template=None))
    hub.deliver(b, 2)
    assert len(b.said(TemplateOrder)) == 1


def test_many_large_bundles_travel_in_messages_of_the_allowed_size(
    hub: Hub, a: Obeying, b: Obeying
) -> None:
    large = bundle(sealed_profile="A" * 6_000, sealed_template="A" * 6_000)
    many = [replace(large, id=f"{n:064x}", certificates=large.certificates * 3) for n in range(60)]
    for start in range(0, 60, 10):
        shares(hub, a, *many[start : start + 10])
    hub.deliver(b, 4)
    assert len(b.said(TemplateOrder)) == 60


@on_sqlite
def test_the_command_counts_and_names_nobody(
    hub: Hub, a: Obeying, b: Obeying, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shares(hub, a, bundle())
    config = tmp_path / "hub.toml"
    config.write_text(f'[hub]\ndata_dir = "{tmp_path}"\n[broker]\nembedded = true\n')
    assert cli.main(["member", "shared", "--config", str(config)]) == 0
    assert capsys.readouterr().out == f"nj-001/nj-001-a\t{B}\t0\t1\t0\n"


def test_no_order_names_whom_it_is_about(hub: Hub, a: Obeying, b: Obeying) -> None:
    shares(hub, a, bundle(subject=ulid(7)))
    with reading(hub.engine) as connection:
        rows = connection.execute(select(box_order)).all()
    assert not any(ulid(7) in str(row) for row in rows)


def test_bundles_that_a_box_cannot_take_now_keep_no_erasure_from_it(
    hub: Hub, a: Obeying, b: Obeying
) -> None:
    """A box that counts takes none, perhaps for months; a window of them must not fill up."""
    for start in range(0, WINDOW + 20, 10):
        shares(hub, a, *(bundle(id=f"{n:064x}") for n in range(start, start + 10)))
    with writing(hub.engine) as connection:
        erasures.erase(connection, Issuer(), ulid(7), store="sh-002", now=hub.now)
    told = [decode_down(payload) for topic, payload in hub.due() if topic.endswith("-a/down")]
    orders = [one.body for said in told if isinstance(said, Orders) for one in said.orders]
    assert len(orders) == WINDOW
    assert EraseOrder(hash=hash_of(ulid(7))) in orders
