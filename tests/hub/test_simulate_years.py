"""`menkou-hub simulate --years`: the counted days of a simulated chain agree with each other."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from cloud.db import migrate, open_engine, reading, writing
from cloud.simulate.chain import Shop, make_chain
from cloud.simulate.plan import day_random, plan
from cloud.simulate.removal import remove
from cloud.simulate.years import fill
from cloud.simulate.years.bookings import AHEAD
from cloud.simulate.years.habits import Habits, habits_of
from cloud.tables import FIGURES, daily, store
from cloud.tally.recount import recount
from cloud.tally.tables import (
    BOOKINGS,
    COUNTS,
    DESK,
    FACES,
    FOOTFALL,
    OF_DAYS,
    SUMMED,
    TILL,
    bin_tally,
    booking_tally,
    chain_tally,
    channel_tally,
    day_tally,
    dirty_chain,
    hour_tally,
    money_tally,
    reason_tally,
    staff_tally,
)
from tests.support.tallies import day, sum_chain

SEED = 1
NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)  # half past four in Shanghai
DAYS = 110
SHOPS = 12
Key = tuple[Any, ...]


@pytest.fixture(scope="module")
def chain() -> tuple[Shop, ...]:
    return make_chain(seed=SEED, shops=SHOPS, visits_a_year=SHOPS * 150_000)


@pytest.fixture(scope="module")
def habits(chain: tuple[Shop, ...]) -> dict[str, Habits]:
    found = {shop.id: habits_of(SEED, shop) for shop in chain}
    kinds = {(one.desk, one.till) for one in found.values()}
    assert kinds == {(True, True), (False, True), (False, False)}, "a chain with shops of each kind"
    return found


@pytest.fixture(scope="module")
def filled(chain: tuple[Shop, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('years') / 'hub.db'}")
    migrate(engine)
    fill(engine, chain, seed=SEED, years=DAYS / 365, now=NOW, told=lambda _: None)
    yield engine
    engine.dispose()


def days(engine: Engine) -> list[Any]:
    with reading(engine) as connection:
        return list(connection.execute(select(day_tally)).mappings())


def counted(engine: Engine) -> list[Any]:
    """Return the days that have begun."""
    return [one for one in days(engine) if one["basis"]]


def summed(engine: Engine, table: Any, count: str, *where: Any) -> dict[Key, int]:
    """Return the sums of a tally by shop and day."""
    keys = (table.c.store, table.c.day)
    with reading(engine) as connection:
        rows = connection.execute(
            select(*keys, func.sum(table.c[count])).where(*where).group_by(*keys)
        )
        return {(row[0], row[1]): row[2] for row in rows}


def some(engine: Engine, count: str) -> dict[Key, int]:
    """Return a count of shops' days where it is more than nothing."""
    return {(one["store"], one["day"]): one[count] for one in days(engine) if one[count]}


def nonzero(sums: dict[Key, int]) -> dict[Key, int]:
    return {key: value for key, value in sums.items() if value}


def test_a_shops_day_is_that_of_its_doors(filled: Engine) -> None:
    with reading(filled) as connection:
        doors = {
            (one["store"], one["day"]): one for one in connection.execute(select(daily)).mappings()
        }
    assert set(FOOTFALL) < set(FIGURES)
    told = counted(filled)
    assert len(told) == len(doors) == SHOPS * DAYS
    for one in told:
        door = doors[one["store"], one["day"]]
        assert [one[name] for name in FOOTFALL] == [door[name] for name in FOOTFALL]
        assert one["basis"] == door["basis"]
        assert one["members"] in (None, door["members"])


def test_a_shop_knows_what_its_desk_and_its_till_tell_it_and_nothing_else(
    filled: Engine, habits: dict[str, Habits]
) -> None:
    for one in counted(filled):
        of = habits[one["store"]]
        assert (one["till_visitors"] is not None) is of.till
        assert all((one[name] is not None) is of.till for name in TILL if name != "sales_members")
        known = (*FACES, *DESK, *BOOKINGS, "sales_members")
        assert all((one[name] is not None) is of.desk for name in known)


def test_what_a_share_is_of_is_no_less_than_the_share(filled: Engine) -> None:
    with_desk = [one for one in counted(filled) if one["served"] is not None]
    for one in with_desk:
        assert one["desk_visitors"] == one["faces_visitors"] == one["visitors"]
        assert one["greeted_30s"] <= one["served"] <= one["visitors"]
        assert one["served_members"] <= one["members"] == one["members_new"] + one["members_back"]
        assert one["members_returned"] <= one["members_due"] <= one["members"]
        assert one["asked"] <= one["served"]
        assert one["queued"] == one["queue_back"] + one["queue_gone"]
        assert one["sales_members"] <= one["sales"] <= one["visitors"]
        assert one["late"] <= one["kept"]
        assert one["kept"] + one["no_show"] <= one["booked"]
    for one in counted(filled):
        assert one["passers"] is None or one["captured"] <= one["passers"]


def test_whether_a_member_returned_is_asked_once_the_days_for_it_are_over(filled: Engine) -> None:
    today = NOW.date()
    for one in counted(filled):
        if one["members"]:
            over = today - one["day"] > timedelta(days=90)
            assert one["members_due"] == (one["members"] if over else 0)


@pytest.mark.parametrize(
    ("table", "count", "of"),
    [
        (staff_tally, "greeted", "served"),
        (staff_tally, "greeted_30s", "greeted_30s"),
        (staff_tally, "members", "served_members"),
        (money_tally, "sales", "sales"),
        (channel_tally, "asked", "asked"),
        (reason_tally, "count", "no_show"),
        *((booking_tally, name, name) for name in BOOKINGS),
    ],
)
def test_what_a_day_is_split_into_adds_up_to_it(
    filled: Engine, table: Any, count: str, of: str
) -> None:
    split = nonzero(summed(filled, table, count))
    assert split == some(filled, of)
    assert len(split) > 50


def test_the_times_of_a_day_are_those_of_who_waited(filled: Engine) -> None:
    waits, bin_ = bin_tally.c.measure == "wait", bin_tally.c.bin
    assert nonzero(summed(filled, bin_tally, "count", waits)) == some(filled, "served")
    quick = nonzero(summed(filled, bin_tally, "count", waits, bin_ < 3))
    assert quick == some(filled, "greeted_30s")
    queue = summed(filled, bin_tally, "count", bin_tally.c.measure == "queue")
    assert nonzero(queue) == some(filled, "queue_back")
    stays = summed(filled, bin_tally, "count", bin_tally.c.measure == "dwell")
    assert all(number <= some(filled, "served")[key] for key, number in stays.items())


@pytest.mark.parametrize("count", ["served", "sales"])
def test_the_hours_of_a_shop_add_up_to_its_days(filled: Engine, count: str) -> None:
    with reading(filled) as connection:
        of_hours = connection.execute(
            select(hour_tally.c.store, func.sum(hour_tally.c[count])).group_by(hour_tally.c.store)
        )
        of_days = connection.execute(
            select(day_tally.c.store, func.sum(day_tally.c[count]))
            .where(day_tally.c.sales.is_not(None))
            .group_by(day_tally.c.store)
        )
        told = {row[0]: row[1] or 0 for row in of_hours}
        assert told == {row[0]: row[1] or 0 for row in of_days}


def test_nobody_greets_more_often_than_there_are_guests_at_work(filled: Engine) -> None:
    with reading(filled) as connection:
        rows = connection.execute(select(hour_tally)).mappings().all()
    assert {row["on_duty"] for row in rows} > {0, 1, 2}
    assert all(row["on_duty"] <= row["served"] + row["sales"] for row in rows)


def test_what_is_to_come_is_booked_and_nothing_else_is_known_of_it(
    filled: Engine, habits: dict[str, Habits]
) -> None:
    ahead = [one for one in days(filled) if one["basis"] is None]
    desks = {name for name, one in habits.items() if one.desk}
    first = NOW.date()
    assert {one["store"] for one in ahead} == desks
    assert {(one["day"] - first).days for one in ahead} == set(range(1, AHEAD + 1))
    for one in ahead:
        assert [one[name] for name in ("kept", "late", "no_show")] == [0, 0, 0]
        assert all(one[name] is None for name in COUNTS if name not in BOOKINGS)
    assert sum(one["booked"] for one in ahead) > 50


def test_the_chains_days_are_the_sums_of_its_shops_by_basis(filled: Engine) -> None:
    with reading(filled) as connection:
        told = {
            (one["day"], one["basis"]): dict(one)
            for one in connection.execute(select(chain_tally)).mappings()
        }
    expected: dict[Key, dict[str, Any]] = {}
    for one in days(filled):
        key = (one["day"], one["basis"] or "")
        of = expected.setdefault(
            key, {"day": key[0], "basis": key[1], "shops": 0} | dict.fromkeys(COUNTS)
        )
        of["shops"] += 1
        for name in COUNTS:
            if one[name] is not None:
                of[name] = (of[name] or 0) + one[name]
    assert told == expected
    assert {basis for _, basis in told} == {"", "crossings", "distinct"}


def test_a_shop_in_trouble_sees_fewer_people_since_some_days(tmp_path: Path) -> None:
    chain = make_chain(seed=SEED, shops=120, visits_a_year=120 * 150_000)
    found = {shop.id: habits_of(SEED, shop) for shop in chain}
    ailing = [shop for shop in chain if found[shop.id].sees == 0.6]
    assert 0 < len(ailing) < 12
    shop, since = ailing[0], found[ailing[0].id].declines
    engine = open_engine(f"sqlite:///{tmp_path / 'hub.db'}")
    migrate(engine)
    fill(engine, [shop], seed=SEED, years=15 / 365, now=NOW, told=lambda _: None)
    for one in counted(engine):
        ago = (NOW.date() - one["day"]).days
        if ago:  # today goes on
            plans = [
                plan(day_random(SEED, box, one["day"]), shop, box, one["day"]) for box in shop.boxes
            ]
            usual = sum(hour.visitors for hours in plans for hour in hours)
            assert one["visitors"] / usual == pytest.approx(0.6 if ago < since else 1.0, abs=0.03)
    engine.dispose()


def test_all_kinds_of_rows_are_written_and_all_are_removed(
    engine: Engine, chain: tuple[Shop, ...]
) -> None:
    done = fill(engine, chain, seed=SEED, years=8 / 365, now=NOW, told=lambda _: None)
    tables = (*OF_DAYS, hour_tally, chain_tally, *(chain for _, chain in SUMMED))
    assert all(rows_in(engine, table) for table in tables)
    assert done.days == SHOPS * 8
    assert done.rows > sum(rows_in(engine, table) for table in (*OF_DAYS, hour_tally))
    remove(engine, lambda _: None)
    assert not any(rows_in(engine, table) for table in tables)


@pytest.mark.parametrize("then", ["removed again", "counted"])
def test_a_removal_that_is_killed_before_its_sums_is_brought_to_its_end(
    engine: Engine, chain: tuple[Shop, ...], monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    fill(engine, chain[:2], seed=SEED, years=4 / 365, now=NOW, told=lambda _: None)
    with writing(engine) as connection:
        day(connection, "nj-001", NOW.date() - timedelta(days=1), visitors=700, sales=70)
        sum_chain(connection)
    expected = sums_of(engine, "nj-001")

    def killed(_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("cloud.simulate.removal.sum_days", killed)
        with pytest.raises(KeyboardInterrupt):
            remove(engine, lambda _: None)
    assert rows_in(engine, store) == 1  # all simulated ones are gone, and the sums hold them still
    assert chain_sums(engine) != expected
    if then == "counted":
        recount(engine, now=NOW)
    else:
        assert remove(engine, lambda _: None) == 0
    assert chain_sums(engine) == expected
    assert rows_in(engine, dirty_chain) == 0


def sums_of(engine: Engine, shop: str) -> dict[Any, Any]:
    """Return a shop's days as the chain's would be if there were no other."""
    with reading(engine) as connection:
        rows = connection.execute(select(day_tally).where(day_tally.c.store == shop)).mappings()
        return {
            (row["day"], row["basis"] or ""): [row[name] for name in COUNTS] for row in rows.all()
        }


def chain_sums(engine: Engine) -> dict[Any, Any]:
    with reading(engine) as connection:
        rows = connection.execute(select(chain_tally)).mappings().all()
    return {(row["day"], row["basis"]): [row[name] for name in COUNTS] for row in rows}


def rows_in(engine: Engine, table: Any) -> int:
    with reading(engine) as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_sqlite_and_postgresql_are_given_the_same_rows(
    engine: Engine, chain: tuple[Shop, ...], tmp_path: Path
) -> None:
    other = open_engine(f"sqlite:///{tmp_path / 'other.db'}")
    migrate(other)
    for one in (engine, other):
        fill(one, chain[:4], seed=SEED, years=4 / 365, now=NOW, told=lambda _: None)
    tables = (*OF_DAYS, hour_tally, chain_tally, *(chain for _, chain in SUMMED))
    for table in tables:
        with reading(engine) as here, reading(other) as there:
            assert sorted(map(repr, here.execute(select(table)))) == sorted(
                map(repr, there.execute(select(table)))
            ), table.name
    other.dispose()
