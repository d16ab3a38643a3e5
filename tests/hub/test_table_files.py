"""A table as it is shown, as a file: CSV that a spreadsheet reads as text, Parquet with types."""

import csv
import io
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from flask import Flask, Response
from flask.testing import FlaskClient
from sqlalchemy import Engine

from cloud.app import create_app
from cloud.config import load
from cloud.figures.suppress import HIDDEN
from cloud.ingest import Ingest
from cloud.pages.export import Cell, Column, as_shown, asked_form, can_write
from cloud.pages.frame import framed
from cloud.pages.glossary import create_glossary
from cloud.rollup import rollup
from tests.hub.conftest import FakeBox, on_sqlite

NOON = datetime(2026, 11, 21, 4, tzinfo=UTC)
COLUMNS = (
    Column(key="shop", title="nav.shops"),
    Column(key="day", kind="day"),
    Column(key="at", kind="moment"),
    Column(key="members", title="metric.members", kind="count", people=True),
    Column(key="share", kind="share"),
)
ROWS: list[tuple[Cell, ...]] = [
    ("南京东路店", date(2026, 11, 21), NOON, 12, 0.25),
    ("=HYPERLINK()", date(2026, 11, 20), NOON, HIDDEN, None),
    ("a,b", None, None, None, -0.5),
]


@pytest.fixture
def client() -> FlaskClient:
    app = Flask("x")
    framed(app)
    app.register_blueprint(create_glossary(10))

    @app.get("/table")
    def table() -> Response | str:
        form = asked_form()
        return "the page" if form is None else as_shown(COLUMNS, ROWS, form, name="shops")

    return app.test_client()


def _table(client: FlaskClient, language: str = "en") -> list[list[str]]:
    answer = client.get(f"/table?format=csv&lang={language}")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="shops.csv"'
    assert answer.data.startswith(b"\xef\xbb\xbf")  # Excel knows UTF-8 by it
    return list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))


def test_the_table_has_the_rows_as_they_are_shown(client: FlaskClient) -> None:
    assert _table(client) == [
        ["Shops", "day", "at", "Members", "share"],
        ["南京东路店", "2026-11-21", "2026-11-21T04:00:00+00:00", "12", "0.25"],
        ["'=HYPERLINK()", "2026-11-20", "2026-11-21T04:00:00+00:00", "hidden: few people", ""],
        ["a,b", "", "", "", "-0.5"],
    ]
    assert _table(client, "zh")[0][0] == "门店"
    assert client.get("/table").text == client.get("/table?format=html").text == "the page"


@pytest.mark.parametrize(
    "text",
    [*("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\u3000=1"), "＝1", "＠x"],
)
def test_no_text_becomes_a_formula(text: str) -> None:
    with Flask("x").app_context():
        body = as_shown((Column(key="a"),), [(text,)], "csv").data.decode("utf-8-sig")
    (_, (cell,)) = csv.reader(io.StringIO(body, newline=""))
    assert cell == f"'{text}"


def test_a_number_below_nothing_stays_a_number() -> None:
    with Flask("x").app_context():
        column = Column(key="a", kind="number")
        body = as_shown((column,), [(-5,), (-0.5,)], "csv").data.decode("utf-8-sig")
    assert body.split() == ["a", "-5", "-0.5"]


def test_parquet_has_types_and_says_which_cells_are_hidden(
    client: FlaskClient, tmp_path: Path
) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(client.get("/table?format=parquet").data)
    with duckdb.connect() as made:
        found = made.sql(f"SELECT * FROM '{path}'")
        assert found.columns == ["shop", "day", "at", "members", "members_hidden", "share"]
        assert [str(kind) for kind in found.types[3:]] == ["BIGINT", "BOOLEAN", "DOUBLE"]
        rows = made.sql(f"SELECT shop, members, members_hidden FROM '{path}'").fetchall()
    assert rows == [("南京东路店", 12, False), ("=HYPERLINK()", None, True), ("a,b", None, False)]


def test_a_hub_without_the_extra_says_what_to_install(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert can_write() == ("csv", "parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    answer = client.get("/table?format=parquet")
    assert answer.status_code == 501
    assert "pip install 'menkou[hub,parquet]'" in answer.text


def test_another_form_is_refused(client: FlaskClient) -> None:
    answer = client.get("/table?format=xlsx")
    assert answer.status_code == 400
    assert "expected html, csv or parquet" in answer.text


@on_sqlite
def test_the_hours_of_a_shops_passers_by_are_a_file_at_the_pages_own_address(
    engine: Engine, ingest: Ingest, box: FakeBox, tmp_path: Path
) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    for minute in range(3):
        box.sensed(now - timedelta(minutes=minute))
    ingest.take([box.hello(), box.heartbeat(), box.batch(*box.events)])
    rollup(engine)
    app = create_app(load(None, {"MENKOU_DATA_DIR": str(tmp_path)}), engine)
    client = app.test_client()
    link = f"/street/{box.store}?format=csv"
    assert link in client.get(f"/street/{box.store}/live").text
    head, *rows = csv.reader(io.StringIO(client.get(link).data.decode("utf-8-sig")))
    assert len(head) == 5
    (told,) = client.get("/api/v1/street").get_json()["shops"]
    heard = [hour for hour in told["hours"] if hour["minutes"]]
    assert heard
    assert [row[0] for row in rows] == [hour["start"] for hour in heard]
    assert [row[4] for row in rows] == [str(hour["minutes"]) for hour in heard]
    assert client.get("/street/no-such?format=csv").status_code == 404


@on_sqlite
def test_all_shops_today_and_their_passers_by_are_files_of_every_page(
    engine: Engine, ingest: Ingest, box: FakeBox, tmp_path: Path
) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    box.sensed(now)
    ingest.take([box.hello(), box.heartbeat(now), box.batch(*box.events)])
    rollup(engine)
    client = create_app(load(None, {"MENKOU_DATA_DIR": str(tmp_path)}), engine).test_client()
    for place, columns in (("today", 10), ("street", 8)):
        link = f"/{place}?format=csv"
        assert link in client.get(f"/{place}/live").text
        head, *rows = csv.reader(io.StringIO(client.get(link).data.decode("utf-8-sig")))
        assert len(head) == columns
        assert [row[0] for row in rows] == [box.store]
