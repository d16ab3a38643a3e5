"""The views for BI tools: what is in them, what never is, and who may read them."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import ProgrammingError

from cloud import bi_views
from cloud.bi_weeks import tell
from cloud.db import open_engine, reading, writing
from cloud.figures.suppress import LEAST, PEOPLE
from cloud.tables import METADATA, hourly
from cloud.tally.tables import COUNTS, FOOTFALL
from tests.hub.conftest import on_postgresql
from tests.support import tallies

DAY = date(2026, 11, 20)
WEEK = date(2026, 11, 16)
Rows = list[dict[str, Any]]
Counts = dict[str, Any]


def rows(engine: Engine, view: str) -> Rows:
    with reading(engine) as connection:
        found = connection.execute(text(f"SELECT * FROM {view}")).mappings()
        return [
            {**one} | {name: _date(one[name]) for name in ("day", "week") if name in one}
            for one in found
        ]


def _date(value: Any) -> date | None:
    """Return a day; a view of SQLite has no types."""
    return date.fromisoformat(value) if isinstance(value, str) else value


@pytest.fixture
def three(engine: Engine) -> Engine:
    """A day of three shops: many people, few, and one that knows no people."""
    with writing(engine) as connection:
        known: Counts = {"visitors": 300, "members": 40, "members_new": 15, "members_back": 25}
        tallies.day(connection, "sh-1", DAY, basis="distinct", **known, sales=30, booked=0)
        few: Counts = {"visitors": 9, "members": 7, "members_new": 3, "members_back": 4}
        tallies.day(connection, "sh-2", DAY, basis="distinct", **few, sales=12, booked=4)
        tallies.day(connection, "sh-3", DAY, visitors=5)
        tallies.sum_chain(connection)
    assert tell(engine, WEEK, LEAST)
    return engine


def test_a_view_of_each_kind_is_there_and_has_the_shops_day(three: Engine) -> None:
    found = {one["shop"]: one for one in rows(three, "bi_shop_day")}
    assert found.keys() == {"sh-1", "sh-2", "sh-3"}
    one = found["sh-1"]
    assert (one["day"], one["basis"], one["timezone"]) == (DAY, "distinct", "Asia/Shanghai")
    assert (one["visitors"], one["entries"]) == (300, None)
    for view in bi_views.VIEWS:
        rows(three, view)


def test_few_people_are_not_shown_and_footfall_is(three: Engine) -> None:
    few = next(one for one in rows(three, "bi_shop_week") if one["shop"] == "sh-2")
    assert (few["week"], few["visitors"], few["booked"]) == (WEEK, 9, None)
    assert [few[name] for name in ("members", "members_new", "members_back")] == [None] * 3


def test_days_and_hours_tell_of_no_people(three: Engine) -> None:
    for view in ("bi_shop_day", "bi_chain_day", "bi_shop_hour"):
        with reading(three) as connection:
            names = set(connection.execute(text(f"SELECT * FROM {view}")).keys())
        assert not names & (PEOPLE | {"items"}), view
    days = {one["basis"]: one for one in rows(three, "bi_chain_day")}
    assert (days["distinct"]["shops"], days["distinct"]["visitors"]) == (2, 309)


def test_a_total_from_which_a_hidden_count_follows_is_hidden_or_another_shop_is(
    three: Engine,
) -> None:
    chain = {one["basis"]: one for one in rows(three, "bi_chain_week")}
    assert chain.keys() == {"distinct", "crossings"}
    both = chain["distinct"]
    shops = {one["shop"]: one for one in rows(three, "bi_shop_week")}
    for name in ("members", "members_new", "booked"):
        assert None in (both[name], shops["sh-1"][name]), name
    assert (both["shops"], both["visitors"], both["sales"]) == (2, 309, 42)
    assert (chain["crossings"]["visitors"], chain["crossings"]["members"]) == (5, None)


def test_no_column_names_anybody() -> None:
    for query in bi_views.queries("sqlite").values():
        assert "staff_tally" not in query
        for word in ("subject", "visit ", "visit_id", "phone"):
            assert word not in query


def test_the_columns_of_the_views_are_plain_counts(engine: Engine, three: Engine) -> None:
    keys = {"shop", "shop_name", "timezone", "day", "basis", "hour", "hour_unix", "shops"}
    keys |= {"channel", "advert", "week"}
    counts = {*COUNTS, "entries", "exits", "staff_crossings"} - {"entered", "left", "staff"}
    with reading(engine) as connection:
        for view in bi_views.VIEWS:
            told = connection.execute(text(f"SELECT * FROM {view}"))
            assert set(told.keys()) <= keys | counts, view
            assert not {"subject", "visit", "staff", "id"} & set(told.keys())


def test_an_hours_footfall_is_told_with_its_moment(engine: Engine) -> None:
    with writing(engine) as connection:
        tallies.shop(connection, "sh-1")
        told = {name: number for number, name in enumerate(FOOTFALL, start=2)}
        rest = dict.fromkeys(("members", "entered_closed", "left_closed", "turned_back"), 0)
        hour = {"store": "sh-1", "hour": 1_763_600_400, "basis": "crossings", **told, **rest}
        tallies.rows(connection, hourly, hour)
    (one,) = rows(engine, "bi_shop_hour")
    assert (one["visitors"], one["entries"], one["exits"]) == (2, 3, 4)
    assert one["hour_unix"] == 1_763_600_400
    assert str(one["hour"]).replace(" ", "T").startswith("2025-11-20T")
    assert "members" not in one


@on_postgresql
def test_a_role_that_is_granted_the_views_reads_them_and_no_table(three: Engine) -> None:
    granted = _statements("operations.md")
    assert [line.split()[0] for line in granted] == ["CREATE", "GRANT", "GRANT", "GRANT"]
    with writing(three) as connection:
        connection.execute(text("DROP ROLE IF EXISTS bi"))
        for statement in granted:
            connection.execute(text(statement.replace(" hub ", f' "{three.url.database}" ')))
    try:
        _reads_views_only(three)
    finally:
        with writing(three) as connection:
            connection.execute(text("DROP OWNED BY bi"))
            connection.execute(text("DROP ROLE bi"))


def _statements(document: str) -> list[str]:
    lines = (Path(__file__).parents[2] / "docs" / document).read_text(encoding="utf-8").splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("CREATE ROLE bi"))
    return [line.rstrip(";") for line in lines[first : first + 4]]


def _reads_views_only(engine: Engine) -> None:
    url = make_url(engine.url).set(username="bi")
    reader = open_engine(url.render_as_string(hide_password=False))
    try:
        for view in bi_views.VIEWS:
            assert rows(reader, view) == rows(engine, view)
        for table in METADATA.sorted_tables:
            with pytest.raises(ProgrammingError) as refused, reading(reader) as connection:
                connection.execute(text(f'SELECT 1 FROM "{table.name}"'))
            assert isinstance(refused.value.orig, psycopg.errors.InsufficientPrivilege)
        with pytest.raises(ProgrammingError), writing(reader) as connection:
            connection.execute(text("CREATE TABLE mine (one integer)"))
    finally:
        reader.dispose()


def test_views_can_be_taken_away_and_made_anew(engine: Engine) -> None:
    with writing(engine) as connection:
        execute: Any = connection.exec_driver_sql
        bi_views.unmake(execute)
        bi_views.unmake(execute)
        bi_views.make(execute, engine.dialect.name)
    assert _all_empty(rows(engine, view) for view in bi_views.VIEWS)


def _all_empty(found: Iterable[Rows]) -> bool:
    return not any(found)
