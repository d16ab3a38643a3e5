"""What is kept of the shops' counts is what the shops' days say, whatever changed meanwhile."""

from collections.abc import Sequence
from datetime import date, timedelta
from random import Random

import pytest
from sqlalchemy import Connection, Engine, delete, update

from cloud.accounts.scope import EVERYTHING, Scope
from cloud.db import reading, writing
from cloud.queries import chain_people
from cloud.queries.chain_people import NAMES, counts_of, people_of
from cloud.queries.days import by_shop
from cloud.queries.kept import ByShop, KeptSums, Span, spans
from cloud.tally.chain import count_chain
from cloud.tally.marks import mark_chain
from cloud.tally.sums import sum_days
from cloud.tally.tables import COUNTS, day_tally
from tests.hub.conftest import on_sqlite
from tests.support import tallies

TODAY = date(2026, 11, 21)
FIRST = TODAY - timedelta(days=70)
OLD = TODAY - timedelta(days=40)


def _people(engine: Engine, first: date = FIRST, last: date = TODAY) -> dict[tuple[str, str], int]:
    with reading(engine) as connection:
        found = people_of(connection, EVERYTHING, first, last, TODAY)
        told = by_shop(connection, EVERYTHING, first, last)
    place = NAMES.index("sales")
    assert found.keys() == told.keys()
    return {key: counts[place] or 0 for key, counts in found.items()}


def _sold(engine: Engine, shop: str, on: date, sales: int, *, summed: bool = True) -> None:
    """Change a shop's day; `summed`: and the chain's sum of it."""
    with writing(engine) as connection:
        _set(connection, shop, on, sales)
        if summed:
            tallies.sum_chain(connection)


def _set(connection: Connection, shop: str, on: date, sales: int) -> None:
    of = day_tally.c
    connection.execute(update(day_tally).where(of.store == shop, of.day == on).values(sales=sales))


@pytest.fixture
def chain(engine: Engine, random: Random) -> Engine:
    """Four shops over ten weeks; what they know, and by which basis, changes in between."""
    with writing(engine) as connection:
        for shop in range(4):
            for back in range(71):
                counts = {name: random.randint(0, 9) for name in NAMES if random.random() < 0.7}
                on = TODAY - timedelta(days=back)
                counts.setdefault("sales", 1)
                basis = random.choice(["crossings", "distinct", None])
                tallies.day(connection, f"s-{shop}", on, basis=basis, **counts)
        tallies.sum_chain(connection)
    return engine


def test_any_periods_sums_are_those_of_its_shops_days(chain: Engine, random: Random) -> None:
    with reading(chain) as connection:
        for _ in range(40):
            first = FIRST + timedelta(days=random.randint(0, 70))
            last = first + timedelta(days=random.randint(0, 70))
            today = TODAY + timedelta(days=random.randint(-30, 30))
            found = people_of(connection, EVERYTHING, first, last, today)
            told = by_shop(connection, EVERYTHING, first, last)
            expected = {key: tuple(sums[name] for name in NAMES) for key, sums in told.items()}
            assert found == expected, (first, last, today)


def test_a_late_fact_of_an_old_day_is_in_the_sums_once_the_chain_knows_it(chain: Engine) -> None:
    before = sum(_people(chain).values())
    _sold(chain, "s-0", OLD, 500)
    assert 490 <= sum(_people(chain).values()) - before <= 500


def test_a_change_of_an_old_day_is_in_the_sums_before_the_chain_is_added_up(chain: Engine) -> None:
    before = sum(_people(chain).values())
    _sold(chain, "s-0", OLD, 500, summed=False)
    with writing(chain) as connection:
        mark_chain(connection, [OLD])
    assert 490 <= sum(_people(chain).values()) - before <= 500


@on_sqlite
def test_the_newest_days_are_read_each_time(chain: Engine) -> None:
    before = sum(_people(chain).values())
    _sold(chain, "s-0", TODAY, 500, summed=False)
    assert 490 <= sum(_people(chain).values()) - before <= 500


def test_changes_that_make_up_for_each_other_are_in_the_sums(engine: Engine) -> None:
    with writing(engine) as connection:
        for shop in "ab":
            tallies.day(connection, shop, OLD, sales=20, till_visitors=90)
        tallies.sum_chain(connection)
    _people(engine)
    with writing(engine) as connection:
        _set(connection, "a", OLD, 3)
        _set(connection, "b", OLD, 37)
        sum_days(connection, [OLD])
    assert _people(engine) == {("a", "crossings"): 3, ("b", "crossings"): 37}


def test_a_day_that_was_marked_twice_and_added_up_once_is_in_the_sums_as_it_is(
    engine: Engine,
) -> None:
    """After the migration no day has a revision: a first mark is no first revision."""
    with writing(engine) as connection:
        tallies.day(connection, "a", OLD, sales=20, till_visitors=90)
        mark_chain(connection, [OLD])
    assert _people(engine) == {("a", "crossings"): 20}
    with writing(engine) as connection:
        _set(connection, "a", OLD, 30)
        mark_chain(connection, [OLD])
    assert count_chain(engine, OLD)
    assert _people(engine) == {("a", "crossings"): 30}


def test_a_day_of_which_nothing_is_left_is_in_no_sum(engine: Engine) -> None:
    with writing(engine) as connection:
        tallies.day(connection, "a", OLD, sales=20, till_visitors=90)
        sum_days(connection)
    assert _people(engine) == {("a", "crossings"): 20}
    with writing(engine) as connection:
        connection.execute(delete(day_tally))
        sum_days(connection)
    assert not _people(engine)


@on_sqlite
def test_some_shops_sums_are_those_of_their_days_whatever_is_kept(
    chain: Engine, random: Random
) -> None:
    kept = 0
    with reading(chain) as connection:
        for round_ in range(60):
            first = FIRST + timedelta(days=random.randint(0, 70))
            last = first + timedelta(days=random.randint(0, 70))
            shops = random.sample([f"s-{number}" for number in range(4)], 2)
            scope = random.choice([EVERYTHING, Scope(shops=frozenset({"s-1", "s-2"}), names=False)])
            if round_ == 30:
                kept = len(people_of(connection, EVERYTHING, FIRST, TODAY, TODAY))
            found = counts_of(connection, scope, first, last, TODAY, shops)
            told = by_shop(connection, scope, first, last, shops)
            expected = {key: tuple(sums[name] for name in COUNTS) for key, sums in told.items()}
            assert {key: counts[:-1] for key, counts in found.items()} == expected
    assert kept


@on_sqlite
def test_old_days_are_read_once_for_all_periods_that_hold_their_month(
    chain: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def counted(
        connection: Connection, scope: Scope, span: Span, shops: Sequence[str] | None
    ) -> ByShop:
        asked.append(span)
        return chain_people._read(connection, scope, span, shops)

    monkeypatch.setattr(chain_people, "_DAYS", KeptSums(counted))
    _people(chain)
    _people(chain, FIRST + timedelta(days=1))
    october = (date(2026, 10, 1), date(2026, 10, 31))
    assert asked.count(october) == 1
    newest = (TODAY - timedelta(days=2), TODAY)
    assert asked.count(newest) == 2


@on_sqlite
def test_of_some_shops_nothing_is_kept_and_no_other_is_told(chain: Engine) -> None:
    _people(chain)
    few = Scope(shops=frozenset({"s-1"}), names=False)
    with reading(chain) as connection:
        found = people_of(connection, few, FIRST, TODAY, TODAY)
        told = by_shop(connection, few, FIRST, TODAY)
    assert found.keys() == told.keys()
    _sold(chain, "s-1", OLD, 500, summed=False)
    with reading(chain) as connection:
        again = people_of(connection, few, FIRST, TODAY, TODAY)
    place = NAMES.index("sales")
    assert sum((counts[place] or 0) for counts in again.values()) >= 500
    assert {shop for shop, _ in again} == {"s-1"}


def test_a_periods_parts_are_all_its_days_once(random: Random) -> None:
    for _ in range(200):
        first = FIRST + timedelta(days=random.randint(0, 400))
        last = first + timedelta(days=random.randint(0, 400))
        days = [
            start + timedelta(days=step)
            for start, end in spans(first, last, TODAY + timedelta(days=random.randint(-99, 500)))
            for step in range((end - start).days + 1)
        ]
        assert days == [first + timedelta(days=n) for n in range((last - first).days + 1)]
