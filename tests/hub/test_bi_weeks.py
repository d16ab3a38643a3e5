"""What BI tools are told of weeks: what the pages tell of them, when, and nothing beside."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, insert, select, text

from cloud.accounts.scope import EVERYTHING
from cloud.bi_weeks import Telling, tell, untold
from cloud.db import reading, writing
from cloud.desks.guest_tables import bookings_table, channels_table
from cloud.figures.metric import Metric
from cloud.figures.period import Period
from cloud.figures.suppress import HIDDEN, LEAST, PEOPLE, small
from cloud.queries import chain_people, hidden
from cloud.queries.channels import channels_page
from cloud.queries.days import by_basis, by_shop
from cloud.queries.hidden import chain_screen
from cloud.tally.chain import count_chain
from cloud.tally.tables import BOOKINGS, COUNTS, booking_tally, channel_tally, dirty_chain
from cloud.tally.told import told_week, week_of
from tests.hub.conftest import on_sqlite
from tests.support import tallies

WEEK = date(2026, 11, 2)
SUNDAY = WEEK + timedelta(days=6)
PERIOD = Period(first=WEEK, last=SUNDAY)
NOW = datetime(2026, 11, 21, 4, 30, tzinfo=UTC)
WAYS = ("app", "phone", "web")
COUNTED = tuple(name for name in COUNTS if name in PEOPLE)
Truth = dict[str, dict[str, dict[str, int]]]


def _view(engine: Engine, name: str) -> list[dict[str, Any]]:
    with reading(engine) as connection:
        return [dict(one) for one in connection.execute(text(f"SELECT * FROM {name}")).mappings()]


def _chain(engine: Engine, random: Random, shops: int) -> Truth:
    """Put a week of shops there, few people in many cells; return their appointments by way."""

    def some() -> int:
        return random.choice((0, random.randint(1, 12), random.randint(10, 60)))

    truth: Truth = {}
    with writing(engine) as connection:
        for number in range(shops):
            shop, asked = f"sh-{number}", {name: some() for name in WAYS}
            truth[shop] = {}
            for way in WAYS:
                kept, missed, cancelled = some(), some(), some()
                late = random.randint(0, kept)
                counts = (kept + missed, kept, late, missed, cancelled)
                truth[shop][way] = dict(zip(BOOKINGS, counts, strict=True))
            sums = {name: sum(of[name] for of in truth[shop].values()) for name in BOOKINGS}
            new, back, served = some(), some(), 40 + some()
            members = {"members": new + back, "members_new": new, "members_back": back}
            desk = {"served": served, "greeted_30s": random.randint(0, served)}
            known: dict[str, Any] = {**sums, **members, **desk, "asked": sum(asked.values())}
            day = WEEK + timedelta(days=random.randrange(7))
            basis = random.choice(("crossings", "distinct"))
            tallies.day(connection, shop, day, basis=basis, visitors=7, **known, sales=some())
            row: dict[str, Any] = {"store": shop, "day": day}
            for way in WAYS:
                told = {**row, "channel": way, **truth[shop][way]}
                tallies.rows(connection, booking_tally, told)
                of = {"asked": asked[way], "booked": 0, "sales": random.randint(0, asked[way])}
                for advert in ("", "deal"):
                    half = {name: count // 2 for name, count in of.items()}
                    rest = {name: count - half[name] for name, count in of.items()}
                    told = {**row, "channel": way, "advert": advert, **(half if advert else rest)}
                    tallies.rows(connection, channel_tally, told)
        tallies.sum_chain(connection)
    return truth


def _count(name: str) -> Metric:
    return Metric(key=name, top=(name,), people=name in PEOPLE)


@pytest.mark.parametrize("shops", [1, 2, 3, 8])
def test_a_week_is_told_as_pages_and_api_tell_it(engine: Engine, shops: int) -> None:
    _chain(engine, Random(shops), shops)
    assert tell(engine, WEEK, LEAST)
    of_shops = {(one["shop"], one["basis"]): one for one in _view(engine, "bi_shop_week")}
    of_all = {one["basis"]: one for one in _view(engine, "bi_chain_week")}
    with reading(engine) as connection:
        screen = chain_screen(connection, EVERYTHING, WEEK, SUNDAY)
        whole = by_basis(connection, EVERYTHING, WEEK, SUNDAY)
        for (shop, basis), sums in by_shop(connection, EVERYTHING, WEEK, SUNDAY).items():
            for name in (*COUNTED, "visitors"):
                seen = screen.of_shop(_count(name), shop, basis, sums)
                assert of_shops[shop, basis][name] == (None if seen is HIDDEN else seen), name
                seen = screen.of_all(_count(name), basis, whole[basis])
                assert of_all[basis][name] == (None if seen is HIDDEN else seen), name
        asked = channels_page(connection, EVERYTHING, PERIOD, None, NOW)
    assert asked is not None
    for view, table in (("bi_channel_week", channels_table), ("bi_booking_week", bookings_table)):
        rows: dict[tuple[str, str], Mapping[str, Any]] = {}
        for row in table(asked, LEAST).rows:  # a channel stands before its advertisements
            advert = str(row.keys[1]) if view == "bi_channel_week" else ""
            rows.setdefault((str(row.keys[0]), advert), row.figures)
        told = {(one["channel"], one.get("advert", "")): one for one in _view(engine, view)}
        assert told.keys() == rows.keys()
        for key, one in told.items():
            for of in {"asked", "booked", "sales", "cancelled"} & one.keys():
                seen = rows[key][of]
                assert one[of] == (None if seen is HIDDEN else seen), (key, of)


def test_whoever_has_views_pages_and_api_works_out_no_hidden_count(engine: Engine) -> None:
    """Plays it: every number that is told of a week is an equation of what is hidden."""
    secrets = shown = 0
    for seed in range(25):
        random = Random(seed)
        _emptied(engine)
        truth = _chain(engine, random, random.choice((2, 3, 5)))
        assert tell(engine, WEEK, LEAST)
        equations = list(_told(engine, truth))
        cells = sorted({cell for equation in equations for cell in equation[0]})
        secret = [cell for cell in cells if small(_value(truth, cell))]
        known = _solved(cells, equations)
        assert not known & set(secret), (seed, known & set(secret))
        secrets, shown = secrets + len(secret), shown + len(known)
    assert secrets > 80
    assert shown > 100


Cell = tuple[str, str, str]
"""A shop, a way to book, and a count; "" for all shops, or all ways."""
Equation = tuple[dict[Cell, int], float]


def _value(truth: Truth, cell: Cell) -> int:
    shop, way, name = cell
    shops = truth.values() if not shop else [truth[shop]]
    return sum(of[one][name] for of in shops for one in (WAYS if not way else (way,)))


def _told(engine: Engine, truth: Truth) -> Iterator[Equation]:
    """Yield what is told of appointments, and how it adds up."""
    for name in BOOKINGS:
        yield {("", "", name): -1, **{(shop, "", name): 1 for shop in truth}}, 0
        yield {("", "", name): -1, **{("", way, name): 1 for way in WAYS}}, 0
    for shop, way in [(shop, "") for shop in ("", *truth)] + [("", way) for way in WAYS]:
        whole, kept, missed = ((shop, way, name) for name in ("booked", "kept", "no_show"))
        yield {whole: -1, kept: 1, missed: 1}, 0
    views = [(one["shop"], "", one) for one in _view(engine, "bi_shop_week")]
    views += [("", one["channel"], one) for one in _view(engine, "bi_booking_week")]
    bases = _view(engine, "bi_chain_week")
    for shop, way, one in views:
        yield from (({(shop, way, n): 1}, one[n]) for n in BOOKINGS if one[n] is not None)
    of = {(one["shop"], one["basis"]) for one in _view(engine, "bi_shop_week")}
    for one in bases:
        among = [shop for shop, basis in of if basis == one["basis"]]
        for name in BOOKINGS:
            if one[name] is not None:
                yield {(shop, "", name): 1 for shop in among}, one[name]
    with reading(engine) as connection:
        asked = channels_page(connection, EVERYTHING, PERIOD, None, NOW)
        assert asked is not None
        for row in bookings_table(asked, LEAST).rows:
            for name in ("booked", "cancelled"):
                if isinstance(seen := row.figures[name], int | float):
                    yield {("", str(row.keys[0]), name): 1}, seen
        screen = chain_screen(connection, EVERYTHING, WEEK, SUNDAY)
        for (shop, basis), sums in by_shop(connection, EVERYTHING, WEEK, SUNDAY).items():
            for name in BOOKINGS:
                seen = screen.of_shop(_count(name), shop, basis, sums)
                if isinstance(seen, int | float):
                    yield {(shop, "", name): 1}, seen


def _solved(cells: list[Cell], equations: list[Equation]) -> set[Cell]:
    """Return the cells that equations leave one value: those of which no solution is free."""
    place = {cell: number for number, cell in enumerate(cells)}
    matrix = np.zeros((len(equations), len(cells)))
    for row, (terms, _) in enumerate(equations):
        for cell, factor in terms.items():
            matrix[row, place[cell]] = factor
    _, sizes, rows = np.linalg.svd(matrix)
    free = rows[int((sizes > 1e-9).sum()) :]
    return {cell for cell in cells if not np.abs(free[:, place[cell]]).max(initial=0) > 1e-9}


def _emptied(engine: Engine) -> None:
    with writing(engine) as connection:
        for table in ("day_tally", "booking_tally", "channel_tally", "chain_tally"):
            connection.execute(text(f"DELETE FROM {table}"))
    for kept in (chain_people._DAYS, hidden):  # what was decided stands for a minute
        kept._memos.pop(engine, None)


def _counts(engine: Engine, day: date, **counts: Any) -> None:
    with writing(engine) as connection:
        tallies.day(connection, "sh-1", day, visitors=9, **counts)
        tallies.sum_chain(connection)


def test_a_week_is_told_two_days_behind_its_end(engine: Engine) -> None:
    _counts(engine, WEEK, sales=40)
    monday = SUNDAY + timedelta(days=1)
    moments = [datetime(2026, 11, day, 12, tzinfo=UTC) for day in (8, 10, 11)]
    assert [untold(engine, LEAST, now) for now in moments] == [[], [], [WEEK]]
    _counts(engine, monday, sales=40)
    assert untold(engine, LEAST, NOW) == [monday, WEEK]


def test_weeks_are_told_one_at_a_time_the_newest_first_with_rests(engine: Engine) -> None:
    for back in range(3):
        _counts(engine, WEEK - timedelta(weeks=back), sales=40)
    time = [0.0]

    def clock() -> float:
        time[0] += 1
        return time[0]

    telling = Telling(engine, LEAST, clock)
    done = [telling.run(lambda: None, NOW) for _ in range(30)]
    assert sum(done) == 3
    assert 1 not in done[1:9], "it rests"
    with reading(engine) as connection:
        weeks = set(connection.execute(select(told_week.c.week)).scalars())
    assert weeks == {WEEK - timedelta(weeks=back) for back in range(3)}


def test_a_week_whose_day_was_counted_anew_is_told_anew(engine: Engine) -> None:
    _counts(engine, WEEK, sales=40)
    assert tell(engine, WEEK, LEAST)
    assert untold(engine, LEAST, NOW) == []
    with writing(engine) as connection:
        connection.execute(text("UPDATE day_tally SET sales = 45"))
        connection.execute(insert(dirty_chain), [{"day": WEEK, "mark": 1}])
    assert untold(engine, LEAST, NOW) == []
    assert not tell(engine, WEEK, LEAST), "its day is not added up yet"
    assert count_chain(engine, WEEK)
    assert _view(engine, "bi_shop_week") == []
    assert untold(engine, LEAST, NOW) == [WEEK]
    assert tell(engine, WEEK, LEAST)
    assert [one["sales"] for one in _view(engine, "bi_shop_week")] == [45]


def test_a_week_is_told_anew_where_fewer_people_are_few(engine: Engine) -> None:
    _counts(engine, WEEK, sales=14)
    assert tell(engine, WEEK, 20)
    assert [one["sales"] for one in _view(engine, "bi_shop_week")] == [None]
    assert untold(engine, 20, NOW) == []
    assert untold(engine, LEAST, NOW) == [WEEK]
    assert tell(engine, WEEK, LEAST)
    assert [one["sales"] for one in _view(engine, "bi_shop_week")] == [14]


@on_sqlite
def test_what_was_sold_is_hidden_with_how_many_bought(engine: Engine) -> None:
    _counts(engine, WEEK, sales=1, items=1)
    assert tell(engine, WEEK, LEAST)
    (one,) = _view(engine, "bi_shop_week")
    assert (one["visitors"], one["sales"], one["items"]) == (9, None, None)


def test_a_week_begins_on_monday() -> None:
    assert {week_of(WEEK + timedelta(days=number)) for number in range(7)} == {WEEK}
