"""The views for BI tools: what is in them, what never is, and who may read them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import ProgrammingError

from cloud import bi_views
from cloud.db import open_engine, reading, writing
from cloud.figures.suppress import LEAST, LINKS, PEOPLE
from cloud.tables import METADATA, hourly
from cloud.tally.sums import sum_days
from cloud.tally.tables import BOOKINGS, COUNTS, FOOTFALL, booking_tally, channel_tally
from tests.hub.conftest import on_postgresql
from tests.support import tallies

DAY = date(2026, 11, 20)
Rows = list[dict[str, Any]]
Counts = dict[str, Any]


def rows(engine: Engine, view: str) -> Rows:
    with reading(engine) as connection:
        found = connection.execute(text(f"SELECT * FROM {view}")).mappings()
        return [{**one, "day": _date(one.get("day"))} for one in found]


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
    return engine


def test_a_view_of_each_kind_is_there_and_has_the_shops_day(three: Engine) -> None:
    found = {one["shop"]: one for one in rows(three, "bi_shop_day")}
    assert found.keys() == {"sh-1", "sh-2", "sh-3"}
    one = found["sh-1"]
    assert (one["day"], one["basis"], one["timezone"]) == (DAY, "distinct", "Asia/Shanghai")
    assert (one["visitors"], one["members"], one["sales"], one["booked"]) == (300, 40, 30, 0)
    for view in bi_views.VIEWS:
        rows(three, view)


def test_few_people_are_not_shown_and_footfall_is(three: Engine) -> None:
    few = next(one for one in rows(three, "bi_shop_day") if one["shop"] == "sh-2")
    assert (few["visitors"], few["sales"]) == (9, 12)
    assert [few[name] for name in ("members", "members_new", "members_back", "booked")] == [
        None
    ] * 4


def test_a_total_from_which_a_hidden_count_follows_is_hidden(three: Engine) -> None:
    chain = {one["basis"]: one for one in rows(three, "bi_chain_day")}
    assert chain.keys() == {"distinct", "crossings"}
    both = chain["distinct"]
    assert (both["shops"], both["visitors"], both["sales"]) == (2, 309, 42)
    assert both["members"] is None, "47 less the 40 of the other shop are 7"
    assert both["members_new"] is None
    assert (chain["crossings"]["visitors"], chain["crossings"]["members"]) == (5, None)


def test_a_part_is_hidden_where_few_people_are_not_in_it(engine: Engine) -> None:
    with writing(engine) as connection:
        counts: Counts = {"served": 100, "greeted_30s": 97, "served_members": 40}
        tallies.day(connection, "sh-1", DAY, **counts, members=20, members_new=0, members_back=20)
    (one,) = rows(engine, "bi_shop_day")
    assert (one["served"], one["greeted_30s"], one["served_members"]) == (100, None, 40)
    assert (one["members"], one["members_new"], one["members_back"]) == (20, 0, 20)


def test_no_column_names_anybody() -> None:
    for query in bi_views.queries("sqlite").values():
        assert "staff_tally" not in query
        for word in ("subject", "visit ", "visit_id", "phone"):
            assert word not in query


def test_the_columns_of_the_views_are_plain_counts(engine: Engine, three: Engine) -> None:
    keys = {"shop", "shop_name", "timezone", "day", "basis", "hour", "hour_unix", "shops"}
    keys |= {"channel", "advert"}
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


def test_what_is_booked_is_told_by_channel(engine: Engine) -> None:
    with writing(engine) as connection:
        for number in range(3):
            shop = f"sh-{number}"
            counts: Counts = {"booked": 60, "kept": 40, "late": 0, "no_show": 20, "cancelled": 10}
            tallies.day(connection, shop, DAY, **{k: 2 * v for k, v in counts.items()})
            for channel in ("app", "web"):
                row = {"store": shop, "day": DAY, "channel": channel, **counts}
                tallies.rows(connection, booking_tally, row)
        sum_days(connection)
    found = {one["channel"]: one for one in rows(engine, "bi_booking_day")}
    assert {name: found["app"][name] for name in BOOKINGS} == {
        **{"booked": 180, "kept": 120, "late": 0, "no_show": 60, "cancelled": 30}
    }
    assert found.keys() == {"app", "web"}


def split(engine: Engine, asked: Sequence[int], *, by_shop: Sequence[int]) -> list[int | None]:
    """Put guests there who were asked, by shop and by channel; return what is told by channel."""
    assert sum(asked) == sum(by_shop)
    with writing(engine) as connection:
        for number, count in enumerate(by_shop):
            tallies.day(connection, f"sh-{number}", DAY, asked=count)
        for number, count in enumerate(asked):
            counts = {"advert": "", "asked": count, "booked": 0, "sales": 0}
            row: dict[str, Any] = {"store": "sh-0", "day": DAY, "channel": f"c{number}", **counts}
            tallies.rows(connection, channel_tally, row)
        sum_days(connection)
    found = {one["channel"]: one["asked"] for one in rows(engine, "bi_channel_day")}
    return [found[f"c{number}"] for number in range(len(asked))]


@pytest.mark.parametrize(
    ("asked", "by_shop", "told"),
    [
        pytest.param([40, 20], [60], [40, 20], id="all are many"),
        pytest.param([57, 3], [60], [None, None], id="one is few: it follows from the total"),
        pytest.param([50, 4, 6], [60], [50, None, None], id="each could be any number"),
        pytest.param([44, 8, 8], [60], [None, None, None], id="of 16 none is below 7"),
        pytest.param([57, 1, 2], [60], [None, None, None], id="of 3 two are 1 and 2"),
        pytest.param([40, 20], [57, 3], [None, None], id="a shop's few follow from the sum"),
    ],
)
def test_a_channel_is_told_where_nothing_hidden_follows_from_it(
    engine: Engine, asked: list[int], by_shop: list[int], told: list[int | None]
) -> None:
    assert split(engine, asked, by_shop=by_shop) == told


def test_whoever_knows_the_rule_works_out_no_hidden_count(engine: Engine) -> None:
    """Plays it on made-up days: each hidden count could be any number from 1 to 9 for all that is
    told of its shop and of the chain.
    """
    random, truth = Random(20261123), {}
    days = [DAY + timedelta(days=number) for number in range(40)]
    with writing(engine) as connection:
        for day in days:
            for number in range(random.choice((1, 2, 3, 5, 9))):
                counts = _people(random)
                truth[f"sh-{number}", day] = counts
                tallies.day(connection, f"sh-{number}", day, basis="distinct", **counts)
        tallies.sum_chain(connection)
    shops = {(one["shop"], one["day"]): one for one in rows(engine, "bi_shop_day")}
    totals = {one["day"]: one for one in rows(engine, "bi_chain_day")}
    hidden = 0
    for (shop, day), counts in truth.items():
        for name, value in counts.items():
            if name in PEOPLE and 1 <= value < LEAST:
                assert shops[shop, day][name] is None
                others = {s: of for (s, d), of in truth.items() if d == day and s != shop}
                shown = {s: shops[s, day] for s in others}
                assert _could_be_any(name, value, others, shown, totals[day][name])
                hidden += 1
    assert hidden > 100
    assert sum(one["sales"] is not None for one in totals.values()) > 5


def _people(random: Random) -> dict[str, int]:
    def some() -> int:
        return random.choice((0, random.randint(1, 12), random.randint(10, 60)))

    new, back, kept, missed = some(), some(), some(), some()
    return {
        **{"members": new + back, "members_new": new, "members_back": back},
        **{"booked": kept + missed, "kept": kept, "no_show": missed, "sales": some()},
        **{"visitors": random.randint(0, 9)},
    }


def _could_be_any(
    name: str,
    value: int,
    others: Mapping[str, Mapping[str, int]],
    shown: Mapping[str, Any],
    total: int | None,
) -> bool:
    """Say whether a hidden count could be 1 and could be 9, if the chain's total is known."""
    if total is None:
        return True
    unknown = [others[shop][name] for shop in others if shown[shop][name] is None]
    small = sum(1 <= other < LEAST for other in unknown)
    if small < len(unknown):  # a count that is hidden for another one's sake: it may be any number
        return True
    together = value + sum(unknown)
    least, most = small, small * (LEAST - 1)
    return least <= together - (LEAST - 1) and together - 1 <= most


def test_totals_that_add_up_are_shown_or_hidden_together(engine: Engine) -> None:
    random = Random(3)
    with writing(engine) as connection:
        for number in range(60):
            for shop in range(3):
                day = DAY + timedelta(days=number)
                tallies.day(connection, f"sh-{shop}", day, basis="distinct", **_people(random))
        tallies.sum_chain(connection)
    seen: set[bool] = set()
    for one in rows(engine, "bi_chain_day"):
        for link in (link for link in LINKS if all("-" not in part for part in link.parts)):
            hidden = {one[name] is None for name in (link.whole, *link.parts)}
            assert len(hidden) == 1
            seen |= hidden
    assert seen == {True, False}


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
