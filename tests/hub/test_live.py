"""What the live boards ask is worked out once for all who see the same, and is never old."""

from datetime import datetime, timedelta

from sqlalchemy import Engine

from cloud.accounts.scope import EVERYTHING, Scope
from cloud.ingest import Ingest
from cloud.queries.live import Live
from cloud.rollup import rollup
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
    assert live.today(EVERYTHING, NOW, 1) is not live.street(EVERYTHING, NOW, 1)


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
