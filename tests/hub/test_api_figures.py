"""Head office's figures for programs: what the pages show and hide, within each one's scope."""

import csv
import io
import json
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from flask.testing import FlaskClient
from sqlalchemy import Connection, Engine

from cloud.accounts import tokens
from cloud.api.figures import LIMIT_MOST, TABLES
from cloud.app import create_app
from cloud.config import load
from cloud.db import writing
from cloud.figures.metric import METRICS
from cloud.tables import box as boxes
from cloud.tally.tables import (
    bin_tally,
    booking_tally,
    channel_money,
    channel_tally,
    money_tally,
    staff_tally,
)
from tests.hub.conftest import on_sqlite
from tests.hub.test_api import conforms
from tests.support import tallies
from tests.support.accounts import HubOffice, cheaply

ROOT = Path(__file__).resolve().parents[2]
DAY = date(2026, 11, 21)
ASKED = f"from={DAY - timedelta(days=6)}&to={DAY}"


def _fill(engine: Engine) -> None:
    """Three shops of one basis, one of the other; of s-1 few bought."""
    with writing(engine) as connection:
        for number, sales in enumerate((4, 60, 75)):
            for back in range(2):
                tallies.day(
                    *(connection, f"s-{number + 1}", DAY - timedelta(days=back)),
                    visitors=100,
                    till_visitors=100,
                    sales=0 if back and not number else sales,
                )
        tallies.day(connection, "s-9", DAY, basis="distinct", visitors=50, members=30)
        _fill_guests(connection)
        tallies.sum_chain(connection)
        waits = [{"bin": number, "count": 20} for number in range(3)]
        of = {"store": "s-2", "day": DAY, "measure": "wait"}
        tallies.rows(connection, bin_tally, *({**of, **one} for one in waits))
        tallies.rows(connection, bin_tally, {**of, "measure": "queue", "bin": 0, "count": 3})
        tallies.rows(connection, boxes, {"store": "s-2", "id": "a", "cameras": []})


def _fill_guests(connection: Connection) -> None:
    """Channels of which one brought few, ways of booking, and two at work in s-2."""
    of = {"store": "s-2", "day": DAY}
    brought = {"walk_in": (90, 0, 50), "web": (60, 40, 30), "friend": (12, 11, 3)}
    for channel, (asked, booked, sales) in brought.items():
        row = {**of, "channel": channel, "advert": "a1" if channel == "web" else ""}
        tallies.rows(
            connection, channel_tally, {**row, "asked": asked, "booked": booked, "sales": sales}
        )
        tallies.rows(connection, channel_money, {**row, "currency": "CNY", "value": 100_00 * sales})
    tallies.rows(
        connection, money_tally, {**of, "currency": "CNY", "sales": 83, "value": 1, "back": 0}
    )
    for way, kept in (("web", 40), ("phone", 30)):
        told = {"booked": kept + 10, "kept": kept, "late": 10, "no_show": 10, "cancelled": 0}
        tallies.rows(connection, booking_tally, {**of, "channel": way, **told})
    for staff, greeted in (("A", 80), ("B", 8)):
        counts = {"greeted": greeted, "greeted_30s": 0, "members": 0, "sales": greeted // 4}
        told = {**counts, "wrong_person": 0, "follow_ups": 0}
        tallies.rows(connection, staff_tally, {**of, "staff": staff * 26, **told})


@pytest.fixture
def client(engine: Engine, tmp_path: Path) -> Iterator[FlaskClient]:
    _fill(engine)
    config = load(None, {"MENKOU_DATA_DIR": str(tmp_path)})
    with create_app(config, engine).test_client() as made:
        yield made


def _rows(client: FlaskClient, table: str = "", query: str = ASKED) -> list[dict[str, Any]]:
    answer = client.get(f"/api/v1/figures{table}?{query}")
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.get_json()["rows"]
    return rows


def test_the_figures_of_a_period_are_by_basis_and_each_is_there(client: FlaskClient) -> None:
    crossings, distinct = _rows(client)
    assert (crossings["basis"], distinct["basis"]) == ("crossings", "distinct")
    assert set(crossings["figures"]) == set(METRICS)
    assert crossings["figures"]["visitors"] == 600
    assert crossings["figures"]["sales"] == 274
    assert crossings["figures"]["conversion"] == pytest.approx(274 / 600)
    assert crossings["figures"]["members"] is None
    assert crossings["hidden"] == []
    assert distinct["figures"]["members"] == 30


def test_a_shop_of_few_is_hidden_with_what_would_give_it_away(client: FlaskClient) -> None:
    shops = {row["shop"]: row for row in _rows(client, "/shops")}
    assert list(shops) == ["s-1", "s-2", "s-3", "s-9"]
    for shop in ("s-1", "s-2"):
        assert shops[shop]["figures"]["sales"] is None
        assert {"sales", "conversion"} <= set(shops[shop]["hidden"])
        assert shops[shop]["figures"]["visitors"] == 200  # footfall is nobody in particular
    assert shops["s-3"]["figures"]["sales"] == 150
    # Nor is it told by the shop's own address, by some shops together, or by days.
    (alone,) = _rows(client, query=f"{ASKED}&shop=s-2")
    assert "sales" in alone["hidden"]
    (two,) = _rows(client, query=f"{ASKED}&shop=s-1&shop=s-3")
    assert "sales" in two["hidden"]
    days = _rows(client, "/days", f"{ASKED}&shop=s-1")
    assert [row["figures"]["sales"] for row in days] == [None, None]
    assert all("sales" in row["hidden"] for row in days), "the days are parts of what is hidden"


def test_a_shops_day_is_hidden_where_the_list_of_that_day_hides_it(client: FlaskClient) -> None:
    """s-1 sold 4 on the 21st; s-2, which hides it there, is hidden among its own days, too."""
    of_day = _rows(client, "/shops", f"from={DAY}&to={DAY}")
    listed = {row["shop"]: "sales" in row["hidden"] for row in of_day}
    assert listed == {"s-1": True, "s-2": True, "s-3": False, "s-9": False}
    for shop in ("s-1", "s-2", "s-3"):
        days = _rows(client, "/days", f"{ASKED}&shop={shop}")
        assert ("sales" in days[-1]["hidden"]) is listed[shop], shop


def test_people_are_told_by_days_of_a_month_at_most(client: FlaskClient) -> None:
    for length, told in ((31, 150), (32, None)):
        first = DAY - timedelta(days=length - 1)
        days = _rows(client, "/days", f"from={first}&to={DAY}&shop=s-3")
        assert [row["figures"]["visitors"] for row in days] == [100, 100]
        assert [row["figures"]["sales"] for row in days] == [75 if told else None] * 2
        assert all(("sales" in row["hidden"]) is not bool(told) for row in days)


def test_days_whose_sum_is_hidden_do_not_sum_to_it(client: FlaskClient) -> None:
    days = _rows(client, "/days", f"{ASKED}&shop=s-2")
    assert [row["figures"]["visitors"] for row in days] == [100, 100]
    assert any("sales" in row["hidden"] for row in days)
    whole = [row for row in _rows(client, "/days") if row["basis"] == "crossings"]
    assert [(row["day"], row["figures"]["sales"]) for row in whole] == [
        ("2026-11-20", 135),
        ("2026-11-21", 139),
    ]


def test_times_are_percentiles_of_enough_people(client: FlaskClient) -> None:
    wait, queue, dwell = _rows(client, "/times")
    assert wait == {
        "measure": "wait",
        "figures": {"count": 60, "p50": 15.0, "p90": pytest.approx(27.0)},
        "hidden": [],
    }
    assert queue["hidden"] == ["count", "p50", "p90"]
    assert dwell["figures"] == {"count": 0, "p50": None, "p90": None}


def test_channels_are_told_as_their_page_does_with_what_they_brought(client: FlaskClient) -> None:
    rows = {(row["channel"], row["advert"]): row for row in _rows(client, "/channels")}
    assert set(rows) == {("walk_in", ""), ("web", ""), ("web", "a1"), ("friend", "")}
    assert rows["walk_in", ""]["figures"]["asked"] == 90
    assert "sales" in rows["friend", ""]["hidden"]
    assert rows["friend", ""]["value"] is None
    seen = [row for row in rows.values() if "sales" not in row["hidden"]]
    assert [row["value"] for row in seen] == ["CNY 500000"]  # web's would tell of friend's
    one = _rows(client, "/channels", f"{ASKED}&shop=s-2")
    assert one == _rows(client, "/channels")
    assert client.get(f"/api/v1/figures/channels?{ASKED}&shop=no-such").status_code == 404
    two = client.get(f"/api/v1/figures/channels?{ASKED}&shop=s-1&shop=s-2")
    assert (two.status_code, two.get_json()["code"]) == (400, "query")


def test_bookings_are_told_by_how_they_were_booked(client: FlaskClient) -> None:
    ways = {row["booked_by"]: row["figures"] for row in _rows(client, "/bookings")}
    assert ways["web"]["booked"] == 50
    assert ways["web"]["kept_share"] == pytest.approx(0.8)
    assert ways["phone"]["no_show_share"] == pytest.approx(0.25)


def test_consultants_are_told_by_shop_and_of_one_shop_each(client: FlaskClient) -> None:
    (whole,) = _rows(client, "/consultants")
    assert (whole["shop"], whole["staff"], whole["figures"]["greeted"]) == ("s-2", None, 88)
    shop, first, second = _rows(client, "/consultants", f"{ASKED}&shop=s-2")
    assert shop == whole
    assert [row["staff"][0] for row in (first, second)] == ["A", "B"]
    assert "greeted" in first["hidden"]  # or 88 less 80 would be the other's 8
    assert "greeted" in second["hidden"]


def test_a_long_list_is_read_in_parts(client: FlaskClient) -> None:
    seen: list[str] = []
    after = ""
    for _ in range(9):
        told = client.get(f"/api/v1/figures/shops?{ASKED}&limit=2{after}").get_json()
        seen += [row["shop"] for row in told["rows"]]
        if told["after"] is None:
            break
        after = f"&after={told['after']}"
    assert seen == ["s-1", "s-2", "s-3", "s-9"]
    part = client.get(f"/api/v1/figures/shops?{ASKED}&limit=2&format=csv")
    assert part.headers["X-Menkou-After"] == "s-2"
    (box,) = _rows(client, "/fleet")
    assert (box["store_id"], box["box_id"], box["state"]) == ("s-2", "a", "silent")


@pytest.mark.parametrize("table", TABLES)
def test_each_table_is_the_same_as_json_csv_and_parquet(
    client: FlaskClient, table: str, tmp_path: Path
) -> None:
    address = "/api/v1/figures" + ("" if table == "figures" else f"/{table}")
    told = client.get(f"{address}?{ASKED}").get_json()["rows"]
    by_address = client.get(f"{address}?{ASKED}&format=csv")
    by_accept = client.get(f"{address}?{ASKED}", headers={"Accept": "text/csv"})
    assert by_address.data == by_accept.data
    assert by_address.content_type == "text/csv; charset=utf-8"
    sheet = list(csv.DictReader(io.StringIO(by_address.data.decode("utf-8-sig"))))
    assert len(sheet) == len(told)
    for line, row in zip(sheet, told, strict=True):
        for name, value in row.get("figures", {}).items():
            if name in row["hidden"]:
                assert line[name] == "hidden"
            elif value is None:
                assert line[name] == ""
            else:
                assert float(line[name]) == pytest.approx(value, abs=1e-6)
    path = tmp_path / "t.parquet"
    path.write_bytes(client.get(f"{address}?{ASKED}&format=parquet").data)
    with duckdb.connect() as made:
        found = made.sql(f"SELECT * FROM '{path}'")
        assert len(found.fetchall()) == len(told)
        if table == "shops":
            bought = made.sql(f"SELECT shop, sales, sales_hidden FROM '{path}'").fetchall()
            assert bought[0] == ("s-1", None, True)


@on_sqlite
@pytest.mark.parametrize("table", TABLES)
def test_each_answer_is_what_the_document_says(client: FlaskClient, table: str) -> None:
    document = client.get("/api/v1/openapi.json").get_json()
    path = "/api/v1/figures" + ("" if table == "figures" else f"/{table}")
    content = document["paths"][path]["get"]["responses"]["200"]["content"]
    told = client.get(f"{path}?{ASKED}").get_json()
    assert told["rows"]
    conforms(told, content["application/json"]["schema"], document)


def test_the_document_names_every_figure_and_what_it_is() -> None:
    document = json.loads((ROOT / "cloud/api/openapi.json").read_text(encoding="utf-8"))
    figures = document["components"]["schemas"]["FigureSet"]["properties"]
    assert list(figures) == list(METRICS)
    for key, metric in METRICS.items():
        assert figures[key]["anyOf"][0]["type"] == ("number" if metric.bottom else "integer")
        assert ("÷" in figures[key]["description"]) == bool(metric.bottom)


@on_sqlite
@pytest.mark.parametrize(
    "query",
    [
        *("from=2026-02-30", "to=x", "days=0", "days=733", "from=2026-11-02&to=2026-11-01"),
        *("from=", "to=", "days=", "limit=", "format="),
        *(
            "limit=0",
            f"limit={LIMIT_MOST + 1}",
            "limit=1e3",
            "limit=٣",
            "limit=00000000199999",
            "after=",
            "shop=",
        ),
        *("format=xlsx", "page=2", "days=7&days=8", f"shop={'x' * 65}", "shop=a%00b"),
        "&".join(f"shop=s{n}" for n in range(201)),
    ],
)
def test_what_there_is_not_is_refused_with_what_was_expected(
    client: FlaskClient, query: str
) -> None:
    answer = client.get(f"/api/v1/figures/shops?{query}")
    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"
    told = answer.get_json()
    assert (told["status"], told["code"]) == (400, "query")
    assert "expected" in told["detail"]
    assert "got" in told["detail"]


@on_sqlite
def test_without_the_extra_parquet_is_a_problem_that_says_so(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    answer = client.get("/api/v1/figures?format=parquet")
    assert answer.status_code == 501
    assert answer.get_json()["code"] == "no_parquet"
    assert "menkou[hub,parquet]" in answer.get_json()["remedy"]


@on_sqlite
def test_a_program_reads_figures_of_its_shops_with_the_scope_alone(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cheaply(monkeypatch)
    _fill(engine)
    office = HubOffice(engine, tmp_path)
    office.person("li")

    def asked(scope: str, shops: tuple[str, ...] | None, path: str) -> Any:
        with writing(engine) as connection:
            made = tokens.make(
                connection,
                name="bi",
                scopes=(scope,),
                shops=shops,
                days=30,
                by="command",
                now=office.clock.now(),
            )
        headers = {"Authorization": f"Bearer {made.text}", "Accept": "application/json"}
        return office.client().get(path, headers=headers)

    for table in TABLES:
        path = "/api/v1/figures" + ("" if table == "figures" else f"/{table}") + f"?{ASKED}"
        assert asked("read:health", None, path).status_code == 403
        assert office.client().get(path).status_code == 401
        told = asked("read:figures", ("s-3",), path)
        assert told.status_code == 200
        for other in ("s-1", "s-2", "s-9"):
            assert other not in told.text
    (own,) = asked("read:figures", ("s-3",), f"/api/v1/figures?{ASKED}").get_json()["rows"]
    assert own["figures"]["visitors"] == 200
    # Two of three, of whom one is hidden in the chain's list, are not summed for a region either.
    (two,) = asked("read:figures", ("s-1", "s-3"), f"/api/v1/figures?{ASKED}").get_json()["rows"]
    assert "sales" in two["hidden"]


@on_sqlite
def test_without_days_it_is_the_last_28_where_the_shops_are(client: FlaskClient) -> None:
    told = client.get("/api/v1/figures").get_json()
    first, last = (date.fromisoformat(told[name]) for name in ("from", "to"))
    assert (last - first).days == 27
    assert abs((last - datetime.now(UTC).date()).days) <= 1
