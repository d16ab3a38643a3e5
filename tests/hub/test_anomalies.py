"""Anomalies: found, told once for each cause, never where data is only missing, and over."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from cloud.accounts.scope import EVERYTHING, Scope
from cloud.anomalies import desk
from cloud.anomalies.desk import Anomaly
from cloud.anomalies.hours import curves
from cloud.anomalies.look import Lookout
from cloud.anomalies.tables import CHAIN, anomaly, expectation
from cloud.db import reading, writing
from cloud.expect.calendar import EMPTY, read_calendar
from cloud.ingest import Ingest
from cloud.orders import Issuer
from cloud.tables import box as boxes
from cloud.tables import box_order
from edge.wire.messages import OrderRefused
from edge.wire.orders import NoticeOrder
from tests.hub.conftest import FakeBox, on_sqlite
from tests.hub.test_orders import Hub, Obeying
from tests.support import tallies
from tests.support.footfall import Shape, as_usual, live_on, past

NOW = datetime(2026, 6, 4, 5, 5, tzinfo=UTC)  # a Thursday, 13:05 in Shanghai
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SHOP = "nj-001"
DAYS = 70


def since(begin: datetime, factor: float, until: datetime | None = None) -> Shape:
    """Return that from a moment on only a part of the visitors come, or more."""
    return lambda at: factor if begin <= at and (until is None or at < until) else 1.0


class Chain:
    """Shops that live hour by hour, and what looks at them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.now = NOW
        self.lookout = Lookout(engine, EMPTY)
        self.shops: list[str] = []

    def open(self, *shops: str, days: int = DAYS) -> None:
        """Have shops there that were as usual up to now, and learn them."""
        with writing(self.engine) as connection:
            for shop in shops:
                past(connection, shop, self.now, days)
        self.shops += shops
        while self.lookout.learn(self.now):
            pass
        assert self.lookout.look(self.now).opened == 0

    def live(self, shape: Shape = as_usual, hours: int = 1, *, only: str | None = None) -> None:
        """Let hours pass, and look after each."""
        for _ in range(hours):
            before, self.now = self.now, self.now + HOUR
            with writing(self.engine) as connection:
                for shop in self.shops:
                    mine = shape if only in (None, shop) else as_usual
                    live_on(connection, shop, before, self.now, mine)
            self.lookout.look(self.now)

    def sleep(self, shape: Shape, hours: int) -> None:
        """Let hours pass, and look once."""
        before, self.now = self.now, self.now + hours * HOUR
        with writing(self.engine) as connection:
            for shop in self.shops:
                live_on(connection, shop, before, self.now, shape)
        self.lookout.look(self.now)

    def told(self, scope: Scope = EVERYTHING) -> tuple[Anomaly, ...]:
        """Return what goes on."""
        with reading(self.engine) as connection:
            return desk.open_ones(connection, scope, 50)

    def past(self) -> tuple[Anomaly, ...]:
        """Return what is over."""
        with reading(self.engine) as connection:
            return desk.past_ones(connection, EVERYTHING, 50)

    def ever(self) -> list[Any]:
        """Return every anomaly that there ever was."""
        with reading(self.engine) as connection:
            return list(connection.execute(select(anomaly).order_by(anomaly.c.opened_at)))

    def orders(self) -> list[Any]:
        """Return the orders that tell shops of anomalies."""
        chosen = select(box_order).where(box_order.c.kind == NoticeOrder.KIND)
        with reading(self.engine) as connection:
            return list(connection.execute(chosen))

    def has_box(self, shop: str = SHOP, **values: Any) -> None:
        """Say how the shop's box is."""
        row = {"state": "online", "last_seen": self.now, "oldest_unacked_at": None, "cameras": []}
        with writing(self.engine) as connection:
            done = connection.execute(
                update(boxes).where(boxes.c.store == shop).values(**{**row, **values})
            )
            if not done.rowcount:
                connection.execute(
                    insert(boxes), [{"store": shop, "id": f"{shop}-a", **row, **values}]
                )


@pytest.fixture
def chain(engine: Engine) -> Chain:
    made = Chain(engine)
    made.open(SHOP)
    return made


def test_a_drop_is_told_once_with_its_comparison_and_ends_when_visitors_are_back(
    chain: Chain,
) -> None:
    began = chain.now
    chain.live(since(began - 5 * timedelta(minutes=1), 0.5), hours=9)
    (one,) = chain.told()
    assert (one.store, one.kind, one.reason, one.state) == (SHOP, "drop", "fewer", "open")
    assert abs(one.since - began) <= 3 * HOUR
    assert one.got is not None
    assert one.got < one.low < one.expected < one.high
    assert 0.4 < one.got / one.expected < 0.62
    chain.live(since(began, 0.5), hours=20)
    (later,) = chain.told()
    assert later.id == one.id
    assert later.expected > one.expected
    chain.live(hours=36)
    assert chain.told() == ()
    (over,) = chain.past()
    assert (over.id, over.state, over.ended) == (one.id, "over", "recovered")
    assert len(chain.ever()) == 1


@on_sqlite
def test_more_visitors_than_expected_are_told_too(chain: Chain) -> None:
    chain.live(since(chain.now - HOUR, 2.2), hours=8)
    (one,) = chain.told()
    assert (one.kind, one.reason) == ("surge", "more")


@on_sqlite
def test_an_ordinary_fortnight_raises_nothing(chain: Chain) -> None:
    for _ in range(14):
        chain.sleep(as_usual, 24)
    assert chain.ever() == []


@on_sqlite
def test_the_same_hour_is_looked_at_once_however_often_it_is_asked(chain: Chain) -> None:
    chain.live()
    assert chain.lookout.look(chain.now).hours == 0
    assert chain.lookout.look(chain.now + HOUR - timedelta(minutes=3)).hours == 0
    assert chain.lookout.look(chain.now + HOUR).hours == 1


@on_sqlite
def test_a_silent_box_is_told_as_silent_and_never_as_a_drop(chain: Chain) -> None:
    gone = chain.now
    chain.has_box(last_seen=gone)
    chain.live(since(gone - HOUR, 0.0), hours=10)
    (one,) = chain.told()
    assert (one.kind, one.reason, one.got) == ("silent", "box_silent", None)
    assert one.expected > 100
    chain.has_box()
    chain.lookout.look(chain.now)
    for _ in range(30):
        chain.has_box(last_seen=chain.now + HOUR)
        chain.live()
    (over,) = chain.past()
    assert (over.kind, over.ended) == ("silent", "data_back")
    assert len(chain.ever()) == 1, "the hours in which the box was off are no drop"


@on_sqlite
def test_a_silence_by_night_when_nobody_comes_is_not_told(chain: Chain) -> None:
    chain.live(hours=9)  # until 22:05
    chain.has_box(last_seen=chain.now)
    chain.live(hours=11)
    assert chain.told() == ()


@on_sqlite
def test_hours_that_a_box_tells_late_are_looked_at_once_they_are_there(chain: Chain) -> None:
    began = chain.now
    chain.has_box(last_seen=began)
    # Cut off: it counts all the same, and nobody hears of it.
    chain.live(since(began - HOUR, 0.0), hours=10)
    chain.has_box()
    with writing(chain.engine) as connection:
        live_on(connection, SHOP, began, chain.now, since(began, 0.5))
    chain.lookout.look(chain.now)
    kinds = {row.kind for row in chain.ever() if row.closed_at is None}
    assert kinds == {"drop"}


@on_sqlite
def test_a_box_that_is_behind_is_waited_for(chain: Chain) -> None:
    began = chain.now
    for _ in range(10):
        chain.has_box(last_seen=chain.now + HOUR, oldest_unacked_at=began)
        chain.live(since(began - HOUR, 0.2))
    (one,) = chain.told()
    assert (one.kind, one.reason) == ("silent", "lagging")


@on_sqlite
def test_a_camera_that_does_not_see_explains_why_nobody_came(chain: Chain) -> None:
    began = chain.now
    for _ in range(8):
        chain.has_box(last_seen=chain.now + HOUR, cameras=[["door", "lost"]])
        chain.live(since(began - HOUR, 0.0))
    (one,) = chain.told()
    assert (one.kind, one.reason) == ("silent", "camera_lost")


@on_sqlite
def test_a_shop_that_really_stands_empty_is_told_as_a_drop(chain: Chain) -> None:
    began = chain.now
    for _ in range(9):
        chain.has_box(last_seen=chain.now + HOUR, cameras=[["door", "ok"]])
        chain.live(since(began - HOUR, 0.0))
    (one,) = chain.told()
    assert (one.kind, one.got) == ("drop", 0)


def test_many_shops_at_once_are_one_word_for_the_chain(chain: Chain) -> None:
    chain.open(*(f"sh-{number:03}" for number in range(11)))
    chain.live(since(chain.now - HOUR, 0.5), hours=9)
    (one,) = chain.told()
    assert (one.store, one.kind, one.reason) == (CHAIN, "chain", "fewer")
    assert one.timezone == "Asia/Shanghai"
    assert one.shops is not None
    assert one.shops >= 5
    chain.live(hours=40)
    assert chain.told() == ()
    assert {row.kind for row in chain.ever()} == {"chain"}


@on_sqlite
def test_one_shop_of_many_is_told_as_its_own(chain: Chain) -> None:
    chain.open(*(f"sh-{number:03}" for number in range(11)))
    chain.live(since(chain.now - HOUR, 0.4), hours=9, only=SHOP)
    (one,) = chain.told()
    assert (one.store, one.kind) == (SHOP, "drop")


@on_sqlite
def test_what_lasts_for_four_weeks_is_the_new_usual(chain: Chain) -> None:
    began = chain.now
    chain.live(since(began - HOUR, 0.5), hours=10)
    (one,) = chain.told()
    # One look a day: each takes all hours since the last.
    for _ in range(29):
        chain.sleep(since(began - HOUR, 0.5), 24)
    (over,) = chain.past()
    assert (over.id, over.ended) == (one.id, "new_level")


def test_bookings_are_told_by_the_one_rule_and_once(chain: Chain) -> None:
    today = date(2026, 6, 4)
    with writing(chain.engine) as connection:
        for back in range(1, 64):
            booked = 8 if back <= 7 else 20
            tallies.day(connection, SHOP, today - back * DAY, booked=booked)
    chain.now += DAY - timedelta(hours=1)
    with writing(chain.engine) as connection:
        tallies.day(connection, SHOP, today, booked=8)
    chain.has_box()
    chain.lookout.look(chain.now)
    (one,) = [row for row in chain.told() if row.kind == "bookings"]
    assert (one.reason, one.got, round(one.expected)) == ("down", 56, 138)
    assert one.told_at == chain.now, "the shop is told without anybody's doing"
    chain.lookout.look(chain.now + HOUR)
    assert [row.kind for row in chain.ever()].count("bookings") == 1
    assert [order.object for order in chain.orders()] == [one.id]


def test_bookings_a_twentieth_below_others_are_never_told(chain: Chain) -> None:
    today = date(2026, 6, 4)
    chain.has_box()
    with writing(chain.engine) as connection:
        for back in range(64):
            tallies.day(connection, SHOP, today - back * DAY, booked=19 if back < 7 else 20)
    chain.now += DAY - timedelta(hours=1)
    chain.lookout.look(chain.now)
    assert chain.orders() == []
    assert [row.kind for row in chain.ever()].count("bookings") == 0


@on_sqlite
def test_a_model_is_learnt_once_a_day(chain: Chain) -> None:
    assert chain.lookout.learn(chain.now + timedelta(hours=21)) == 0
    assert chain.lookout.learn(chain.now + timedelta(hours=22)) == 1


@on_sqlite
def test_a_shop_without_four_weeks_is_not_looked_at(chain: Chain) -> None:
    with writing(chain.engine) as connection:
        past(connection, "new-1", chain.now, 20)
    chain.lookout.learn(chain.now)
    with reading(chain.engine) as connection:
        model = connection.execute(
            select(expectation.c.model).where(expectation.c.store == "new-1")
        ).scalar_one()
    assert model is None
    assert chain.lookout.look(chain.now + HOUR).shops == 1


def test_of_two_processes_one_looks(chain: Chain) -> None:
    other = Lookout(chain.engine, read_calendar())
    assert chain.lookout(chain.now) is not None
    assert other(chain.now) is None
    assert other(chain.now + timedelta(minutes=10)) is not None


# Taken on, and told to the shop


def _drop(chain: Chain) -> Anomaly:
    chain.live(since(chain.now - HOUR, 0.4), hours=9)
    (one,) = chain.told()
    return one


def test_somebody_takes_it_on_once_and_may_say_why(chain: Chain) -> None:
    one = _drop(chain)
    with writing(chain.engine) as connection:
        assert not desk.acknowledge(connection, EVERYTHING, one.id, "nonsense", "li", chain.now)
        assert desk.acknowledge(connection, EVERYTHING, one.id, "works", "li", chain.now)
        assert not desk.acknowledge(connection, EVERYTHING, one.id, "event", "wu", chain.now)
    (taken,) = chain.told()
    assert (taken.state, taken.ack_by, taken.ack_reason) == ("acknowledged", "li", "works")
    with reading(chain.engine) as connection:
        assert desk.how_many(connection, EVERYTHING) == (0, 1, 0)


def test_each_sees_and_takes_on_what_is_of_the_own_shops(chain: Chain) -> None:
    one = _drop(chain)
    others = Scope(shops=frozenset({"sz-777"}), names=False)
    ours = Scope(shops=frozenset({SHOP}), names=False)
    with writing(chain.engine) as connection:
        connection.execute(update(anomaly).where(anomaly.c.id == one.id).values(told_at=None))
        assert not desk.acknowledge(connection, others, one.id, "", "li", chain.now)
        assert not desk.tell_shop(connection, others, Issuer(), one.id, "li", chain.now)
        assert desk.open_ones(connection, others, 9) == ()
        assert desk.how_many(connection, others) == (0, 0, 0)
        assert curves(connection, others, [one], EMPTY, chain.now) == {}
        assert len(desk.open_ones(connection, ours, 9)) == 1
        connection.execute(update(anomaly).values(store=CHAIN, kind="chain"))
        assert desk.open_ones(connection, ours, 9) == ()
        assert len(desk.open_ones(connection, EVERYTHING, 9)) == 1


def test_the_hours_are_drawn_with_what_was_expected(chain: Chain) -> None:
    one = _drop(chain)
    with reading(chain.engine) as connection:
        points = curves(connection, EVERYTHING, [one], EMPTY, chain.now)[one.id]
    after = [point for point in points if point.start >= one.since.timestamp()]
    assert len(points) > len(after) > 4
    assert sum(point.got or 0 for point in after) == one.got
    assert all(point.low <= point.mean <= point.high for point in points)


@pytest.fixture
def told(chain: Chain, ingest: Ingest) -> tuple[Chain, Hub, Obeying, Anomaly]:
    """A drop of which the shop was told, and the shop's box."""
    obeying = Obeying(FakeBox(store=SHOP, box=f"{SHOP}-a"))
    ingest.take(obeying.greets(chain.now))
    chain.has_box(last_seen=chain.now + 9 * HOUR)
    one = _drop(chain)
    with writing(chain.engine) as connection:
        assert desk.tell_shop(connection, EVERYTHING, Issuer(), one.id, "li", chain.now)
        assert not desk.tell_shop(connection, EVERYTHING, Issuer(), one.id, "wu", chain.now)
    return chain, Hub(chain.engine, ingest, chain.now), obeying, one


def test_a_shop_is_told_once_and_hears_when_it_is_over(
    told: tuple[Chain, Hub, Obeying, Anomaly],
) -> None:
    chain, hub, obeying, one = told
    hub.deliver(obeying)
    (said,) = obeying.said(NoticeOrder)
    assert isinstance(said, NoticeOrder)
    assert (said.id, said.what, said.since, said.ends) == (one.id, "drop", one.since, False)
    assert (said.expected, said.got) == (round(one.expected), one.got)
    (shown,) = chain.told()
    assert (shown.told_to, shown.refused) == (1, 0)
    for _ in range(30):
        chain.has_box(last_seen=chain.now + HOUR)
        chain.live()
    assert chain.told() == ()
    hub.now = chain.now
    hub.deliver(obeying)
    assert [body.ends for body in obeying.said(NoticeOrder)] == [False, True]  # type: ignore[union-attr]


@on_sqlite
def test_a_box_that_was_offline_hears_only_that_it_is_over(
    told: tuple[Chain, Hub, Obeying, Anomaly],
) -> None:
    chain, hub, obeying, _ = told
    for _ in range(30):
        chain.has_box(last_seen=chain.now + HOUR)
        chain.live()
    hub.now = chain.now
    hub.deliver(obeying)
    assert [body.ends for body in obeying.said(NoticeOrder)] == [True]  # type: ignore[union-attr]


@on_sqlite
def test_a_box_of_an_older_release_refuses_it_and_the_page_says_so(
    told: tuple[Chain, Hub, Obeying, Anomaly],
) -> None:
    chain, hub, obeying, _ = told
    with reading(chain.engine) as connection:
        row = connection.execute(
            select(box_order).where(box_order.c.kind == NoticeOrder.KIND)
        ).one()
    box = obeying.box
    box.tell(OrderRefused(order_epoch=row.epoch, order_seq=row.seq, code="unknown"), chain.now)
    hub.ingest.take([box.batch(*box.events)])
    (shown,) = chain.told()
    assert (shown.told_to, shown.refused) == (0, 1)
