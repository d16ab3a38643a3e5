"""What head office sees of today, from rollups and the rows of boxes."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.event import listen

from cloud.accounts.scope import EVERYTHING
from cloud.db import reading
from cloud.ingest import Ingest
from cloud.queries.today import chain_today, change_token, hub_health
from cloud.rollup import rollup
from cloud.views import ChainToday
from tests.hub.conftest import MINUTE, NOW, FakeBox, on_sqlite


def today(engine: Engine, now: datetime = NOW) -> ChainToday:
    with reading(engine) as connection:
        return chain_today(connection, EVERYTHING, now)


def token(engine: Engine) -> int:
    with reading(engine) as connection:
        return change_token(connection)


def test_an_empty_hub_shows_no_shop(engine: Engine) -> None:
    assert today(engine) == ChainToday(now=NOW, shops=(), set_aside=0, ingest_seen_at=None)


def test_a_shop_shows_its_own_day_by_its_own_hours(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    box.opened(), box.opened(NOW - timedelta(hours=1)), box.crossed(entered=6)
    box.opened(NOW - timedelta(days=1))
    ingest.take([box.hello(), box.batch(*box.events)])
    rollup(engine)
    (shop,) = today(engine).shops
    assert (shop.store_id, shop.name, shop.day) == ("nj-001", "南京东路店", date(2026, 11, 21))
    assert (shop.visitors, shop.entered, shop.left, shop.basis) == (2, 6, 2, "crossings")
    assert len(shop.hours) == 24
    busy = {hour.start.isoformat(): hour.visitors for hour in shop.hours if hour.visitors}
    assert busy == {"2026-11-21T11:00:00+08:00": 1, "2026-11-21T12:00:00+08:00": 1}
    assert shop.last_fact_at == NOW


def test_members_and_re_entries_stand_beside_the_visitors(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    box.opened(), box.opened(who="member"), box.opened(who="member", counted=False)
    box.opened(NOW - timedelta(hours=1), who="member", reentry=True)
    ingest.take([box.hello(), box.batch(*box.events)])
    rollup(engine)
    (shop,) = today(engine).shops
    assert (shop.visitors, shop.members, shop.reentries) == (2, 2, 1)
    by_hour = {h.start.hour: (h.visitors, h.reentries) for h in shop.hours}
    assert (by_hour[11], by_hour[12], by_hour[13]) == ((0, 1), (2, 0), (0, 0))


def test_each_shop_is_on_its_own_date(engine: Engine, ingest: Ingest) -> None:
    now = NOW + timedelta(hours=6)
    for store, zone in (("a", "Pacific/Kiritimati"), ("b", "Pacific/Pago_Pago")):
        box = FakeBox(store=store, timezone=zone)
        for days in (-2, -2, 0, 2, 2, 2):  # the other shop's today is within them
            box.opened(now + timedelta(days=days))
        ingest.take([box.hello(), box.batch(*box.events)])
    rollup(engine)
    shops = today(engine, now).shops
    assert [(shop.store_id, shop.day.day, shop.visitors) for shop in shops] == [
        ("a", 22, 1),
        ("b", 20, 1),
    ]


@pytest.mark.parametrize(
    ("when", "count"),
    [("2026-10-25T12:00+00:00", 25), ("2026-03-29T12:00+00:00", 23)],
    ids=["longer", "shorter"],
)
def test_a_day_on_which_the_clocks_change_has_its_true_hours(
    engine: Engine, ingest: Ingest, when: str, count: int
) -> None:
    ingest.take([FakeBox(timezone="Europe/Berlin").hello()])
    assert len(today(engine, datetime.fromisoformat(when)).shops[0].hours) == count


def test_a_box_that_says_nothing_for_two_minutes_is_silent(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    ingest.take([box.hello(), box.heartbeat()])
    states = [
        today(engine, NOW + wait).shops[0].boxes[0].state
        for wait in (timedelta(0), 2 * MINUTE, 2 * MINUTE + timedelta(seconds=1))
    ]
    assert states == ["online", "online", "silent"]
    ingest.take([box.status("offline")])
    assert today(engine).shops[0].boxes[0].state == "offline"


def test_a_box_shows_what_is_missing_of_it(engine: Engine, ingest: Ingest, box: FakeBox) -> None:
    events = [box.crossed(rev=n) for n in range(1, 6)]
    ingest.take([box.batch(events[0], events[3]), box.hello((1, 9))])
    (view,) = today(engine).shops[0].boxes
    assert view.missing == 2 + 5
    ingest.take([box.heartbeat()])
    (view,) = today(engine).shops[0].boxes
    assert (view.version, view.mode, view.clock, view.backlog) == ("1.2.4", "count", "ok", 3)
    assert view.cameras == (("door", "ok"),)
    assert (view.mode_wanted, view.mode_why) == ("entrance", "declaration_missing")


def test_declared_numbers_without_end_can_still_be_shown(engine: Engine, ingest: Ingest) -> None:
    box = FakeBox()
    for number in range(1100):
        box.epoch = f"{number:032x}"
        ingest_hello = box.hello((1, 2**53 - 1))
        if number % 100 == 0:
            ingest.take([ingest_hello])
    assert today(engine).shops[0].boxes[0].missing == 11 * (2**53 - 1)


def test_before_the_first_visitor_a_day_has_the_basis_of_the_last(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    box.opened(NOW - timedelta(days=3), basis="distinct"), box.crossed()
    ingest.take([box.hello(), box.batch(*box.events)])
    rollup(engine)
    assert today(engine).shops[0].basis == "distinct"


def test_a_page_has_the_hours_of_its_own_shops_and_the_totals_of_all(
    engine: Engine, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.views.PAGE_SHOPS", 2)
    for number in range(5):
        box = FakeBox(store=f"s-{number}")
        box.opened()
        ingest.take([box.hello(), box.batch(*box.events)])
    rollup(engine)
    with reading(engine) as connection:
        seen = {
            page: chain_today(connection, EVERYTHING, NOW, page).shops for page in (1, 2, 3, 0, 9)
        }
        whole = chain_today(connection, EVERYTHING, NOW).shops
    for page, ids in ((1, {"s-0", "s-1"}), (2, {"s-2", "s-3"}), (3, {"s-4"})):
        assert {shop.store_id for shop in seen[page] if shop.hours} == ids
        assert [shop.visitors for shop in seen[page]] == [1] * 5
        assert [shop for shop in seen[page] if shop.hours] == [
            s for s in whole if s.store_id in ids
        ]
    assert (seen[0], seen[9]) == (seen[1], seen[3])


@on_sqlite
def test_no_question_of_a_page_walks_through_all_hours_days_or_epochs(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    ingest.take([box.hello((1, 5)), box.batch(box.opened())])
    asked: list[tuple[str, Any]] = []
    listen(engine, "before_cursor_execute", lambda *args: asked.append((args[2], args[3])))
    today(engine)
    with reading(engine) as connection:
        chain_today(connection, EVERYTHING, NOW, 1)
        plans = [
            row[3]
            for statement, values in asked
            if statement.startswith("SELECT")
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        ]
    for table in ("hourly", "daily"):
        assert any(plan.startswith(f"SEARCH {table}") for plan in plans)
        assert not any(plan.startswith(f"SCAN {table}") for plan in plans)
    assert "SCAN epoch USING INDEX epoch_incomplete" in plans


def test_the_token_changes_with_everything_that_the_page_shows(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    seen = [token(engine)]
    for messages in (
        [box.hello()],
        [box.batch(box.opened())],
        [box.heartbeat()],
        [box.status("offline")],
        [("nowhere", b"", NOW)],
    ):
        ingest.take(messages)
        seen.append(token(engine))
    rollup(engine)
    seen.append(token(engine))
    assert len(set(seen)) == len(seen)
    rollup(engine)
    assert token(engine) == seen[-1]


def test_the_hub_is_well_while_ingest_says_that_it_is_alive(engine: Engine, ingest: Ingest) -> None:
    def state(now: datetime) -> str:
        with reading(engine) as connection:
            return hub_health(connection, now).state

    assert state(NOW) == "ingest_silent"
    ingest.beat(NOW)
    assert state(NOW + timedelta(seconds=30)) == "ok"
    assert state(NOW + timedelta(seconds=31)) == "ingest_silent"
    assert today(engine).ingest_seen_at == NOW.astimezone(UTC)
