"""A table as it is shown, as a file: CSV that a spreadsheet reads as text, Parquet with types."""

import csv
import io
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest
from flask import Flask, Response
from flask.testing import FlaskClient

from cloud.figures.suppress import HIDDEN
from cloud.pages.export import Cell, Column, as_shown, asked_form, can_write
from cloud.pages.frame import framed
from cloud.pages.glossary import create_glossary

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
    assert "expected csv or parquet" in answer.text
