"""What Wi-Fi says, at the hub: once only, by hour and by day, and never two bases in one rate."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from cloud import tables
from cloud.accounts.scope import EVERYTHING
from cloud.db import reading
from cloud.ingest import Ingest
from cloud.metrics_fleet import fleet
from cloud.queries.street import street_of, street_today
from cloud.rollup import rollup
from tests.hub.conftest import MINUTE, NOW, FakeBox, acks

HOUR = NOW.replace(minute=0)
AN_HOUR = timedelta(hours=1)
DAY = date(2026, 11, 21)


def hours(engine: Engine) -> dict[datetime, dict[str, Any]]:
    with reading(engine) as connection:
        rows = connection.execute(select(tables.presence_hourly)).mappings().all()
    return {datetime.fromtimestamp(row["hour"], UTC): dict(row) for row in rows}


def day(engine: Engine) -> dict[str, Any]:
    with reading(engine) as connection:
        (row,) = connection.execute(select(tables.presence_daily)).mappings().all()
    return dict(row)


def take(ingest: Ingest, engine: Engine, *boxes: FakeBox) -> None:
    for box in boxes:
        ingest.take([box.hello((1, len(box.events))), box.batch(*box.events)])
    rollup(engine)


def test_minutes_are_added_up_until_the_box_has_closed_the_hour(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    box.sensed(HOUR, footfall=500), box.sensed(HOUR + MINUTE, footfall=900)
    box.sensed(HOUR + 2 * MINUTE, footfall=0)
    take(ingest, engine, box)
    found = hours(engine)[HOUR]
    assert (found["minutes"], found["footfall"], found["peak"]) == (3, 1400, 4)
    assert (found["passers"], found["captured"], found["error"]) == (None, None, None)
    ingest.take([box.batch(box.compared(HOUR, minutes=60, footfall=54_000))])
    rollup(engine)
    found = hours(engine)[HOUR]
    assert (found["minutes"], found["footfall"], found["peak"]) == (60, 54_000, 4)
    assert (found["passers"], found["error"], found["learnt"]) == (40, 14, 26)


def test_a_minute_told_twice_or_late_is_one_and_its_highest_revision_wins(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    second, first = box.sensed(HOUR, rev=2, footfall=700), box.sensed(HOUR, rev=1, footfall=300)
    ingest.take([box.hello((1, 2)), box.batch(second)])
    ingest.take([box.batch(first)])
    (ack,) = acks(ingest.take([box.batch(first, second)]))
    rollup(engine)
    assert ack.epochs[0].through == 2
    assert (hours(engine)[HOUR]["minutes"], hours(engine)[HOUR]["footfall"]) == (1, 700)


def test_a_shop_without_wi_fi_has_no_row_and_no_zero(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    box.opened(), box.crossed()
    take(ingest, engine, box)
    assert hours(engine) == {}


def test_captured_are_the_visitors_as_they_are_known_now(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    turned = box.opened()
    box.opened(), box.opened(), box.compared(HOUR, visitors=3)
    take(ingest, engine, box)
    assert hours(engine)[HOUR]["captured"] == 3
    ingest.take([box.batch(box.revised(turned, void=True, reason="u_turn"))])
    rollup(engine)
    assert hours(engine)[HOUR]["captured"] == 2
    assert (day(engine)["captured"], day(engine)["passers"]) == (2, 40)


@pytest.mark.parametrize("unknown", ["visitors", "passers"])
def test_an_hour_of_which_one_half_is_unknown_is_in_no_rate(
    engine: Engine, ingest: Ingest, box: FakeBox, unknown: str
) -> None:
    box.opened(), box.opened(HOUR - MINUTE)
    box.compared(HOUR), box.compared(HOUR - AN_HOUR, **{unknown: None})
    take(ingest, engine, box)
    assert hours(engine)[HOUR - AN_HOUR]["captured"] is None
    found = day(engine)
    assert (found["passers"], found["captured"], found["minutes"]) == (40, 1, 120)


def test_hours_of_two_bases_make_no_capture_rate_of_the_day(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    box.opened(), box.compared(HOUR)
    box.opened(HOUR - MINUTE, basis="distinct")
    box.compared(HOUR - AN_HOUR, basis="distinct")
    take(ingest, engine, box)
    found = hours(engine)
    assert {hour: row["basis"] for hour, row in found.items()} == {
        HOUR: "crossings",
        HOUR - AN_HOUR: "distinct",
    }
    assert day(engine)["captured"] is None
    assert day(engine)["passers"] == 80


def test_two_radios_of_one_shop_hear_the_same_pavement(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    other = FakeBox(box="nj-001-b", epoch="b" * 32)
    box.opened(), box.compared(HOUR, passers=40, footfall=54_000, error=14)
    other.opened(), other.compared(HOUR, passers=55, footfall=20_000, error=30)
    take(ingest, engine, box, other)
    found = hours(engine)[HOUR]
    assert (found["passers"], found["error"], found["footfall"]) == (55, 30, 54_000)
    assert found["captured"] == 2


def test_a_days_stays_are_those_that_its_last_hour_tells(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    shares = {"stays_5": 41, "stays_10": 33, "stays_20": 20, "stays_40": 6}
    box.compared(HOUR - AN_HOUR, stays=31, **{**shares, "stays_40": 5})
    box.compared(HOUR, stays=64, **shares)
    box.compared(HOUR + AN_HOUR)  # the next day's key knows none yet
    take(ingest, engine, box)
    assert [day(engine)[name] for name in tables.STAYS] == [64, 41, 33, 20, 6]
    with reading(engine) as connection:
        (shop,) = street_today(connection, EVERYTHING, NOW).shops
    assert shop.stays == (64, 41, 33, 20, 6)


def test_a_shop_that_moves_to_another_zone_keeps_its_wi_fi(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    box.sensed(HOUR)
    take(ingest, engine, box)
    box.timezone = "Asia/Kolkata"
    ingest.take([box.hello((1, 1), session="6" * 32)])
    rollup(engine)
    assert list(hours(engine)) == [HOUR - timedelta(minutes=30)]


def test_prometheus_is_told_how_many_shops_know_their_passers_by(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    said: list[dict[str, object]] = [
        {"passers": 40},
        {"passers": None, "error": None},
        {"passers": None, "error": None, "learnt": 3},
    ]
    for number, told in enumerate(said):
        other = FakeBox(store=f"s-{number}", box="a", epoch=f"{number}" * 32)
        other.compared(HOUR, **told)
        take(ingest, engine, other)
    ingest.take([box.hello()])
    with reading(engine) as connection:
        assert fleet(connection, NOW).wifi == {"known": 1, "waiting": 1, "learning": 1}


def test_the_page_of_a_shop_reads_its_minutes_and_no_others(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    box.sensed(HOUR, footfall=500), box.sensed(HOUR + MINUTE, footfall=0)
    box.sensed(HOUR - 24 * AN_HOUR, footfall=9)
    other = FakeBox(store="nj-002", box="nj-002-a", epoch="b" * 32)
    other.sensed(HOUR, footfall=7000)
    take(ingest, engine, box, other)
    with reading(engine) as connection:
        found = street_of(connection, EVERYTHING, "nj-001", NOW)
        assert street_of(connection, EVERYTHING, "nobody", NOW) is None
        today = street_today(connection, EVERYTHING, NOW)
    assert found is not None
    noon = (HOUR - found.start) // MINUTE
    assert found.minutes[noon - 1 : noon + 3] == (None, 4, 4, None)
    assert len(found.minutes) == 24 * 60
    assert [(one.store_id, one.minutes, one.heard_on) for one in today.shops] == [
        ("nj-001", 2, DAY),
        ("nj-002", 1, DAY),
    ]
    assert [hour.minutes for hour in found.shop.hours if hour.minutes] == [2]
