"""Alerts that head office opens to a shop: told at once, once, and over by themselves."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from cloud.accounts.scope import EVERYTHING, Scope
from cloud.anomalies import desk
from cloud.anomalies.by_hand import Alerts
from cloud.anomalies.desk import Anomaly
from cloud.anomalies.look import Lookout
from cloud.anomalies.word import ALERTS, notice_order, what_of
from cloud.app import create_app
from cloud.config import load
from cloud.db import reading, writing
from cloud.expect.calendar import EMPTY
from cloud.tables import box, box_order
from edge.wire.orders import NOTICES, NoticeOrder
from tests.hub.conftest import on_sqlite
from tests.support.fleets import boxed

NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)


@pytest.fixture
def alerts(engine: Engine) -> Alerts:
    with writing(engine) as connection:
        boxed(connection, "nj-001", NOW, temperature_c=91)
        boxed(connection, "sz-001", NOW)
    return Alerts(engine)


def going_on(engine: Engine) -> tuple[Anomaly, ...]:
    with reading(engine) as connection:
        return desk.open_ones(connection, EVERYTHING, 50)


def orders(engine: Engine) -> list[Any]:
    chosen = select(box_order).where(box_order.c.kind == NoticeOrder.KIND)
    with reading(engine) as connection:
        return list(connection.execute(chosen.order_by(box_order.c.seq)))


def test_a_shop_is_told_once_what_is_wrong_with_its_box(engine: Engine, alerts: Alerts) -> None:
    assert alerts.open(EVERYTHING, "li", "nj-001", "hot", NOW)
    assert not alerts.open(EVERYTHING, "wu", "nj-001", "hot", NOW)
    (one,) = going_on(engine)
    assert (one.store, one.kind, one.reason, one.state) == ("nj-001", "box", "hot", "acknowledged")
    assert (one.told_at, one.ack_by) == (NOW, "li")
    (order,) = orders(engine)
    assert (order.store, order.object) == ("nj-001", one.id)
    with reading(engine) as connection:
        said = notice_order(connection, one.id)
    assert said is not None
    assert (said.what, said.since, said.got, said.ends) == ("box_hot", NOW, None, False)


@pytest.mark.parametrize(
    ("scope", "shop", "trouble"),
    [
        pytest.param(EVERYTHING, "sz-001", "hot", id="nothing is wrong there"),
        pytest.param(EVERYTHING, "nj-001", "clock", id="something else is wrong"),
        pytest.param(EVERYTHING, "nj-001", "config", id="not the shop's matter"),
        pytest.param(EVERYTHING, "no-such", "hot", id="no such shop"),
        pytest.param(
            Scope(shops=frozenset({"sz-001"}), names=True), "nj-001", "hot", id="another's shop"
        ),
    ],
)
@on_sqlite
def test_no_other_alert_can_be_opened(
    engine: Engine, alerts: Alerts, scope: Scope, shop: str, trouble: str
) -> None:
    assert not alerts.open(scope, "li", shop, trouble, NOW)
    assert going_on(engine) == ()
    assert orders(engine) == []


def test_an_alert_is_over_once_the_box_is_well(engine: Engine, alerts: Alerts) -> None:
    alerts.open(EVERYTHING, "li", "nj-001", "hot", NOW)
    lookout = Lookout(engine, EMPTY)
    lookout.look(NOW + timedelta(minutes=1))
    assert len(going_on(engine)) == 1
    with writing(engine) as connection:
        connection.execute(update(box).values(temperature_c=60))
    lookout.look(NOW + timedelta(minutes=2))
    assert going_on(engine) == ()
    with reading(engine) as connection:
        (over,) = desk.past_ones(connection, EVERYTHING, 50)
        said = notice_order(connection, over.id)
    assert over.ended == "recovered"
    assert said is not None
    assert said.ends
    assert alerts.open(EVERYTHING, "li", "nj-001", "hot", NOW) is False


def test_every_trouble_that_can_be_told_is_known_to_the_box() -> None:
    assert {what_of("box", trouble) for trouble in ALERTS} <= set(NOTICES)


@on_sqlite
def test_the_page_of_the_fleet_tells_the_shop(engine: Engine, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    with writing(engine) as connection:
        boxed(connection, "nj-001", now, temperature_c=91)
        boxed(connection, "sz-001", now)
    client = create_app(load(None, {"MENKOU_DATA_DIR": str(tmp_path)}), engine).test_client()
    page = client.get("/fleet?show=all&lang=en").text
    assert page.count('name="trouble"') == 1
    token = page.split('name="csrf" value="')[1].split('"')[0]
    sent = {"csrf": token, "shop": "nj-001", "trouble": "hot"}
    answer = client.post("/fleet/alert?show=all", data=sent)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/fleet?page=1&show=all")
    (one,) = going_on(engine)
    page = client.get("/fleet?show=all&lang=en").text
    assert "The shop was told" in page
    assert 'name="trouble"' not in page
    anomalies = client.get("/anomalies?lang=en").text
    assert "The box is too hot" in anomalies
    assert f'id="a-{one.id}"' in anomalies
    assert "anomaly-expected" not in anomalies
    rows = client.get("/anomalies?lang=en&format=csv").text.splitlines()
    assert ",box,hot,acknowledged," in rows[1]
