"""What the live boards ask is worked out once for all who see the same, and is never old."""

from datetime import datetime, timedelta

from sqlalchemy import Engine

from cloud.accounts.scope import EVERYTHING, Scope
from cloud.ingest import Ingest
from cloud.queries.live import Live
from cloud.rollup import rollup
from cloud.tally.recount import recount
from tests.hub.conftest import NOW, FakeBox, on_sqlite


@on_sqlite
def test_who_asks_at_the_same_moment_gets_the_same_answer(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    ingest.take([box.hello()])
    live = Live(engine)
    assert live.today(EVERYTHING, NOW, 1) is live.today(EVERYTHING, NOW, 1)
    assert live.street(EVERYTHING, NOW, 1) is live.street(EVERYTHING, NOW, 1)
    assert live.today(EVERYTHING, NOW, 1) is not live.today(EVERYTHING, NOW, 2)


def test_a_change_is_seen_within_the_same_second(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    ingest.take([box.hello()])
    live = Live(engine)
    (before,) = live.today(EVERYTHING, NOW, 1).shops
    ingest.take([box.batch(box.opened(NOW))])
    rollup(engine)
    (after,) = live.today(EVERYTHING, NOW, 1).shops
    assert (before.visitors, after.visitors) == (0, 1)


@on_sqlite
def test_a_box_falls_silent_without_any_change(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    ingest.take([box.hello(), box.heartbeat()])
    live = Live(engine)

    def state(at: datetime) -> str:
        ((one,),) = [shop.boxes for shop in live.today(EVERYTHING, at, 1).shops]
        return one.state

    assert state(NOW) == "online"
    assert state(NOW + timedelta(minutes=3)) == "silent"


@on_sqlite
def test_nobody_gets_what_others_see(engine: Engine, ingest: Ingest, box: FakeBox) -> None:
    ingest.take([box.hello()])
    live = Live(engine)
    nobody = Scope(shops=frozenset(), names=False)
    assert live.today(EVERYTHING, NOW, 1).shops
    assert not live.today(nobody, NOW, 1).shops
    assert not live.street(nobody, NOW, 1).shops


@on_sqlite
def test_few_members_of_a_shop_are_hidden_and_what_would_give_them_away(
    engine: Engine, ingest: Ingest
) -> None:
    for name, members in (("s-1", 4), ("s-2", 12), ("s-3", 30), ("s-4", 0)):
        box = FakeBox(store=name, box=f"{name}-a", epoch=name[-1] * 32)
        came = [box.opened(NOW, who="member") for _ in range(members)]
        ingest.take([box.hello(), box.batch(box.opened(NOW), *came)])
    rollup(engine)
    recount(engine, now=NOW)
    shops = Live(engine).today(EVERYTHING, NOW, None).shops
    # Of the chain's 46 the four would follow from the others; how many go with them `cells` says.
    few, other, _, nobody = (shop.members for shop in shops)
    assert (few, other, nobody) == (None, None, 0)
    assert [shop.visitors for shop in shops] == [5, 13, 31, 1], "who passed the door is nobody"


@on_sqlite
def test_members_who_were_not_counted_yet_are_hidden_for_themselves(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    came = [box.opened(NOW, who="member") for _ in range(9)]
    ingest.take([box.hello(), box.batch(*came)])
    rollup(engine)
    live = Live(engine)
    assert [shop.members for shop in live.today(EVERYTHING, NOW, 1).shops] == [None]
    ingest.take([box.batch(box.opened(NOW, who="member"))])
    rollup(engine)
    assert [shop.members for shop in live.today(EVERYTHING, NOW, 1).shops] == [10]
