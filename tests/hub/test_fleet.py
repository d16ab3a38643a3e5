"""The page of the fleet: every box, what is wrong with it, and settings that it has otherwise."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from cloud.accounts.scope import EVERYTHING, Scope
from cloud.anomalies.tables import anomaly
from cloud.app import create_app
from cloud.config import load
from cloud.db import reading, writing
from cloud.desired import note_report, set_desired
from cloud.ingest import Ingest
from cloud.orders import Issuer
from cloud.pages.fleet.board import FleetBoard, Wanted, board_of
from cloud.queries.fleet import TROUBLES, FleetBox, fleet_of
from cloud.tables import box as boxes
from cloud.tables import epoch
from edge.wire.messages import STORAGE_STATES
from edge.wire.orders import ConfigOrder
from edge.wire.topics import BoxAddress
from menkou.web.i18n import load_texts
from tests.hub.conftest import NOW, FakeBox, on_sqlite
from tests.support.fleets import boxed

TEXT = Path(__file__).parents[2] / "cloud/pages/fleet/text"
MINUTE = timedelta(minutes=1)


def one(engine: Engine, **changes: Any) -> FleetBox:
    """Return the only box of a fleet."""
    with writing(engine) as connection:
        boxed(connection, "nj-001", NOW, **changes)
    (found,) = all_of(engine)
    return found


def all_of(engine: Engine, scope: Scope = EVERYTHING) -> list[FleetBox]:
    with reading(engine) as connection:
        return fleet_of(connection, scope, NOW)


def test_what_a_box_tells_of_itself_is_kept_and_forgotten_when_it_tells_no_more(
    engine: Engine, ingest: Ingest, box: FakeBox
) -> None:
    told: dict[str, Any] = {"temperature_c": 61, "disk_mb": 30_000, "disk_free_mb": 12_000}
    told["controller"] = "示例珠宝有限公司"
    ingest.take([box.hello(), box.heartbeat(**told)])
    with reading(engine) as connection:
        row = connection.execute(select(boxes)).mappings().one()
    assert {name: row[name] for name in told} == told
    ingest.take([box.heartbeat(NOW + MINUTE)])
    with reading(engine) as connection:
        row = connection.execute(select(boxes)).mappings().one()
    assert {row[name] for name in told} == {None}


@pytest.mark.parametrize(
    ("changes", "troubles"),
    [
        pytest.param({}, (), id="well"),
        pytest.param({"last_seen": None}, ("never",), id="never"),
        pytest.param({"last_seen": NOW - 3 * MINUTE}, ("silent",), id="silent"),
        pytest.param({"state": "offline"}, ("silent",), id="said goodbye"),
        pytest.param({"cameras": [["door", "ok"], ["side", "lost"]]}, ("camera",), id="camera"),
        pytest.param({"cameras": [["door", "connecting"]]}, (), id="camera that connects"),
        pytest.param({"storage": "refused"}, ("storage",), id="storage"),
        pytest.param({"disk_free_mb": 2_999}, ("disk",), id="disk"),
        pytest.param({"disk_free_mb": 3_000}, (), id="a tenth of the disk"),
        pytest.param({"disk_free_mb": None}, (), id="a disk of which nothing is told"),
        pytest.param({"backlog": 51}, ("lagging",), id="lagging"),
        pytest.param({"backlog": 50}, (), id="an ordinary backlog"),
        pytest.param(
            {"backlog": 1, "oldest_unacked_at": NOW - 16 * MINUTE}, ("lagging",), id="stuck"
        ),
        pytest.param(
            {"backlog": 0, "oldest_unacked_at": NOW - 16 * MINUTE}, (), id="nothing waits"
        ),
        pytest.param({"temperature_c": 80}, ("hot",), id="hot"),
        pytest.param({"temperature_c": 79}, (), id="warm"),
        pytest.param({"clock": "suspect"}, ("clock",), id="clock"),
        pytest.param({"mode_wanted": "entrance"}, (), id="a lower mode costs no figure"),
        pytest.param(
            {"state": "offline", "cameras": [["door", "lost"]]}, ("silent",), id="a dead camera"
        ),
    ],
)
@on_sqlite
def test_what_is_wrong_with_a_box(
    engine: Engine, changes: dict[str, Any], troubles: tuple[str, ...]
) -> None:
    assert one(engine, **changes).troubles == troubles


def test_records_that_the_hub_knows_of_and_has_not_are_a_trouble(engine: Engine) -> None:
    with writing(engine) as connection:
        boxed(connection, "nj-001", NOW)
        for number, missing in enumerate((0, 7, 5)):
            connection.execute(
                insert(epoch).values(
                    store="nj-001",
                    box="nj-001-a",
                    epoch=f"{number}" * 32,
                    through=1,
                    top=20,
                    declared=20,
                    missing=missing,
                    lost=0,
                )
            )
    (found,) = all_of(engine)
    assert (found.missing, found.troubles) == (12, ("missing",))


def _wish(engine: Engine, place: tuple[str, str], at: datetime, **fields: Any) -> int:
    with writing(engine) as connection:
        order = ConfigOrder(version=1, **{**dict.fromkeys(_FIELDS), **fields})
        return set_desired(connection, Issuer(), place, order, at)[0]


_FIELDS = ("name", "hours", "mode_at_most", "window_s_at_most", "since", "who", "wifi")


def _told(engine: Engine, version: int, state: str, code: str | None = None) -> None:
    with writing(engine) as connection:
        address = BoxAddress(store="nj-001", box="nj-001-a")
        note_report(connection, address, version, state, code, NOW)


def test_settings_that_were_wished_wait_until_the_box_says_what_became_of_them(
    engine: Engine,
) -> None:
    with writing(engine) as connection:
        boxed(connection, "nj-001", NOW, called="旧名", mode="entrance", mode_wanted="entrance")
        boxed(connection, "sz-001", NOW)
    first = _wish(engine, ("nj-001", ""), NOW - 9 * MINUTE, name="新名", mode_at_most="count")
    ours, theirs = all_of(engine)
    assert (ours.config.state, ours.config.wanted, ours.config.reported) == ("waiting", first, None)
    assert (ours.orders, ours.ordered_at) == (1, NOW - 9 * MINUTE)
    assert (theirs.config.state, theirs.orders) == ("none", 0)
    row = board_of([ours], Wanted(show="all"), NOW).rows[0]
    assert [(d.key, d.wanted, d.runs) for d in row.differences] == [
        ("name", "新名", "旧名"),
        ("mode", "count", "entrance"),
    ]
    assert row.wishes == ("name", "mode_at_most")
    assert row.wished_at == NOW - 9 * MINUTE
    _told(engine, first, "refused", "hours")
    (ours, _) = all_of(engine)
    assert (ours.config.state, ours.config.code, ours.troubles) == ("refused", "hours", ("config",))
    second = _wish(engine, ("nj-001", "nj-001-a"), NOW, name="旧名")
    (ours, _) = all_of(engine)
    assert (ours.config.state, ours.config.code, ours.troubles) == ("waiting", None, ())
    assert board_of([ours], Wanted(show="all"), NOW).rows[0].differences == ()
    _told(engine, second, "applied")
    assert all_of(engine)[0].config.state == "applied"
    _told(engine, second + 1, "applied")
    assert all_of(engine)[0].config.state == "newer"


def _board(engine: Engine, **wanted: Any) -> FleetBoard:
    return board_of(all_of(engine), Wanted(**wanted), NOW)


@pytest.fixture
def fleet(engine: Engine) -> Engine:
    """Sixty boxes: nj-000 is silent and lags, nj-001 hot, nj-002 in a lower mode, nj-003 old."""
    special: dict[int, dict[str, Any]] = {
        0: {"last_seen": NOW - 30 * MINUTE, "backlog": 900},
        1: {"temperature_c": 91},
        2: {"mode_wanted": "entrance", "mode_why": "declaration_missing"},
        3: {"version": "1.3.9", "mode": "checkin", "mode_wanted": "checkin"},
    }
    with writing(engine) as connection:
        for number in range(60):
            name = f"nj-{number:03}"
            boxed(connection, name, NOW, called=f"店{number}", **special.get(number, {}))
    return engine


@on_sqlite
def test_the_page_begins_with_the_boxes_in_trouble_and_with_all_where_there_are_none(
    fleet: Engine,
) -> None:
    board = _board(fleet)
    assert (board.show, [row.box.store_id for row in board.rows]) == (
        "trouble",
        ["nj-000", "nj-001"],
    )
    assert (board.troubled, board.well, board.old, board.lowered) == (2, 58, 1, 1)
    strip = {word: count for word, count in board.strip if count}
    assert strip == {"silent": 1, "lagging": 1, "hot": 1}
    well = board_of([b for b in all_of(fleet) if not b.troubles], Wanted(), NOW)
    assert (well.show, well.found) == ("all", 58)


@on_sqlite
@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"show": "all"}, 60),
        ({"show": "lagging"}, 1),
        ({"show": "old"}, 1),
        ({"show": "lowered"}, 1),
        ({"version": "1.3.9"}, 1),
        ({"mode": "count"}, 59),
        ({"text": "店1"}, 11),
        ({"text": "NJ-005"}, 1),
        ({"text": "nowhere"}, 0),
        ({"show": "trouble", "mode": "checkin"}, 0),
    ],
)
def test_boxes_are_found_by_what_is_asked_for(
    fleet: Engine, wanted: dict[str, str], found: int
) -> None:
    assert _board(fleet, **wanted).found == found


@on_sqlite
def test_fifty_boxes_are_on_a_page_and_a_page_that_is_not_there_is_the_nearest(
    fleet: Engine,
) -> None:
    last = _board(fleet, show="all", page=9)
    assert (last.page, last.pages, last.first, last.last, len(last.rows)) == (2, 2, 51, 60, 10)


@on_sqlite
def test_the_newest_version_is_by_number_and_a_release_comes_after_its_candidates(
    engine: Engine,
) -> None:
    with writing(engine) as connection:
        for number, version in enumerate(("1.9.2", "1.10.0", "1.10.0rc1", None)):
            boxed(connection, f"nj-{number}", NOW, version=version)
    board = _board(engine)
    assert (board.newest, board.old) == ("1.10.0", 2)
    assert [version for version, _ in board.versions] == ["1.10.0", "1.10.0rc1", "1.9.2"]


def test_somebody_sees_the_boxes_of_the_own_shops_only(engine: Engine) -> None:
    with writing(engine) as connection:
        boxed(connection, "nj-001", NOW)
        boxed(connection, "sz-001", NOW)
    _wish(engine, ("sz-001", ""), NOW, name="x")
    (ours,) = all_of(engine, Scope(shops=frozenset({"nj-001"}), names=True))
    assert ours.store_id == "nj-001"
    assert all_of(engine, Scope(shops=frozenset(), names=True)) == []


@pytest.fixture
def page(engine: Engine, tmp_path: Path) -> Callable[..., str]:
    """The page as a browser gets it; its boxes were heard just now."""
    app = create_app(load(None, {"MENKOU_DATA_DIR": str(tmp_path)}), engine)

    def get(path: str = "/fleet", language: str = "zh") -> str:
        return app.test_client().get(path, headers={"Accept-Language": language}).text

    return get


@on_sqlite
def test_the_table_as_a_file_has_the_boxes_that_are_asked_for_in_the_pages_order(
    fleet: Engine, page: Callable[..., str]
) -> None:
    def boxes(query: str) -> list[str]:
        (_, *rows) = csv.reader(io.StringIO(page(f"/fleet?{query}&format=csv")))
        return [row[1] for row in rows]

    assert boxes("show=all") == [f"nj-{number:03}" for number in range(60)]
    assert boxes("show=all&page=2") == [f"nj-{number:03}" for number in range(50, 60)]
    assert boxes("show=lowered") == ["nj-002"]
    assert 'href="/fleet?show=all&amp;format=csv"' in page("/fleet?show=all")


@on_sqlite
def test_the_page_says_in_words_what_is_wrong(engine: Engine, page: Callable[..., str]) -> None:
    assert "还没有设备上报" in page()
    now = datetime.now(UTC)
    with writing(engine) as connection:
        boxed(connection, "nj-001", now, called="<b>新街口</b>", temperature_c=91, backlog=900)
        boxed(connection, "nj-002", now, cameras=[["door", "frozen"]], clock="suspect")
    chinese, english = page(), page("/fleet?show=all", "en")
    assert "过热 91 °C" in chinese
    assert "积压 900 条" in chinese
    assert "door：画面卡住" in chinese
    assert "<b>新街口</b>" not in chinese
    assert "hot: 91 °C" in english
    assert "picture is stuck" in english
    assert "设备都正常" not in chinese
    assert "没有符合的设备" in page("/fleet?q=nowhere")
    assert page("/fleet?show=%27&page=x&version=%3Cb%3E").count("<b>") == 0


def test_every_trouble_and_state_has_words() -> None:
    for texts in load_texts(TEXT).values():
        assert {
            s for s in STORAGE_STATES if s != "ok" and f"fleet_storage.{s}" not in texts
        } == set()
        assert {f for f in (*_FIELDS, "channels") if f"fleet_wish.{f}" not in texts} == set()
        states = ("none", "waiting", "applied", "refused", "newer", "superseded")
        assert {s for s in states if f"fleet.config_{s}" not in texts} == set()
    assert len(TROUBLES) == len(set(TROUBLES))


@on_sqlite
def test_a_shop_whose_data_are_missing_can_be_told_from_here(
    engine: Engine, page: Callable[..., str]
) -> None:
    now = datetime.now(UTC)
    with writing(engine) as connection:
        for shop in ("nj-001", "sz-001", "wx-001"):
            boxed(connection, shop, now, last_seen=now - timedelta(hours=3))
        for number, (shop, kind) in enumerate((("nj-001", "silent"), ("sz-001", "drop"))):
            row: dict[str, Any] = {column.name: None for column in anomaly.c}
            row |= {"id": f"{number}" * 26, "store": shop, "kind": kind, "reason": "box_silent"}
            row |= {"since": now, "opened_at": now, "expected": 100.0, "low": 80, "high": 120}
            connection.execute(insert(anomaly).values(**row))
    assert page().count('/tell"') == 1
    assert f"/anomalies/{'0' * 26}/tell" in page()
    with writing(engine) as connection:
        connection.execute(update(anomaly).values(told_at=now, told_by="x"))
    assert '/tell"' not in page()
    assert "已通知门店" in page()
    with writing(engine) as connection:
        connection.execute(update(anomaly).values(closed_at=now))
    assert "已通知门店" not in page()
