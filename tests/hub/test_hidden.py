"""Whether a shop's figure is shown is decided once, for the list, its own page and every caller."""

import threading
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import Engine

from cloud.accounts.scope import EVERYTHING, Scope
from cloud.db import reading, writing
from cloud.figures.metric import METRICS
from cloud.figures.suppress import HIDDEN, suppress_rows
from cloud.queries import hidden
from cloud.queries.days import by_basis, by_shop
from cloud.queries.hidden import (
    KEPT_S,
    chain_screen,
    day_screens,
    decide,
    decide_ahead,
    refresh,
)
from cloud.tally.marks import mark_chain
from cloud.tally.sums import sum_days
from tests.hub.conftest import on_sqlite
from tests.support import tallies
from tests.support.processes import until

TODAY = date(2026, 11, 21)
SALES, MEMBERS, SHARE = METRICS["sales"], METRICS["members"], METRICS["conversion"]


def _chain(
    engine: Engine, *sales: int, basis: str = "crossings", on: date = TODAY, first: int = 0
) -> None:
    with writing(engine) as connection:
        for number, count in enumerate(sales, start=first):
            tallies.day(
                *(connection, f"s-{basis[0]}{number}", on),
                basis=basis,
                visitors=40 * count,
                till_visitors=40 * count,
                sales=count,
            )


def _bound(*shops: str) -> Scope:
    return Scope(shops=frozenset(shops), names=False)


def test_the_list_and_a_shops_own_page_hide_the_same(engine: Engine) -> None:
    _chain(engine, 3, 14, 60, 80)
    with reading(engine) as connection:
        for scope in (EVERYTHING, _bound("s-c1"), _bound("s-c1", "s-c2")):
            screen = chain_screen(connection, scope, TODAY, TODAY)
            for (shop, basis), sums in by_shop(connection, scope, TODAY, TODAY).items():
                found = screen.of_shop(SALES, shop, basis, sums)
                assert (found is HIDDEN) == (shop in ("s-c0", "s-c1")), shop
                assert (screen.of_shop(SHARE, shop, basis, sums) is HIDDEN) == (found is HIDDEN)


@on_sqlite
def test_some_shops_sum_is_hidden_where_the_list_beside_it_would_give_one_away(
    engine: Engine,
) -> None:
    _chain(engine, 3, 14, 60, 80)
    with reading(engine) as connection:
        for shops, expected in (
            (("s-c0", "s-c2"), HIDDEN),
            (("s-c0", "s-c1", "s-c2"), 77),
            (("s-c2", "s-c3"), 140),
        ):
            scope = _bound(*shops)
            sums = by_basis(connection, scope, TODAY, TODAY)["crossings"]
            screen = chain_screen(connection, scope, TODAY, TODAY)
            assert screen.of_all(SALES, "crossings", sums) == expected
            whole = chain_screen(connection, EVERYTHING, TODAY, TODAY)
            assert whole.of_all(SALES, "crossings", sums, shops) == expected
        tallied = by_basis(connection, _bound(*[f"s-c{n}" for n in range(4)]), TODAY, TODAY)
        assert whole.of_all(SALES, "crossings", tallied["crossings"]) == 157


@on_sqlite
def test_no_choice_of_shops_tells_of_a_hidden_one_by_its_sums(engine: Engine) -> None:
    _chain(engine, 3, 5, 8, 60, 80)
    with reading(engine) as connection:
        screen = chain_screen(connection, EVERYTHING, TODAY, TODAY)
        small = [f"s-c{number}" for number in range(3)]
        assert set(screen.hidden["crossings", "sales"]) == set(small)
        for number in range(3):
            pair = [one for one in small if one != small[number]]
            for shops in (pair, [*pair, "s-c3"], [small[number], "s-c3", "s-c4"]):
                sums = by_basis(connection, EVERYTHING, TODAY, TODAY, shops)["crossings"]
                assert screen.of_all(SALES, "crossings", sums, shops) is HIDDEN, shops
        together = by_basis(connection, EVERYTHING, TODAY, TODAY, small)["crossings"]
        assert screen.of_all(SALES, "crossings", together, small) == 16  # as total less the rest


@on_sqlite
def test_each_basis_is_a_table_of_its_own(engine: Engine) -> None:
    _chain(engine, 3, 70, 80)
    _chain(engine, 12, 90, basis="distinct")
    with reading(engine) as connection:
        screen = chain_screen(connection, EVERYTHING, TODAY, TODAY)
    assert set(screen.hidden["crossings", "sales"]) == {"s-c0", "s-c1"}
    assert not screen.hidden.get(("distinct", "sales"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Each time that something is decided anew."""
    found: list[object] = []

    def counted(*args: object) -> object:
        found.append(args)
        return decide(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(hidden, "decide", counted)
    return found


@on_sqlite
def test_what_was_decided_is_kept_for_a_minute_and_a_count_that_is_small_is_hidden_at_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, asked: list[object]
) -> None:
    time, today = [1000.0], datetime.now(UTC).date()
    monkeypatch.setattr("cloud.queries.hidden.time.monotonic", lambda: time[0])
    _chain(engine, 30, 70, on=today)
    with reading(engine) as connection:
        for _ in range(3):
            screen = chain_screen(connection, EVERYTHING, today, today)
        assert len(asked) == 1
        small = {"sales": 4, "till_visitors": 90}
        assert screen.of_shop(SALES, "s-c9", "crossings", small) is HIDDEN
        assert screen.of_all(SALES, "crossings", small) is HIDDEN
        chain_screen(connection, EVERYTHING, today, today, 40)
        chain_screen(connection, EVERYTHING, today - timedelta(days=1), today)
        assert len(asked) == 3
        time[0] += KEPT_S
        chain_screen(connection, EVERYTHING, today, today)
        assert len(asked) == 4


def test_what_was_decided_of_days_that_are_over_is_kept_until_one_is_counted_anew(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, asked: list[object]
) -> None:
    time, old = [1000.0], datetime.now(UTC).date() - timedelta(days=9)
    monkeypatch.setattr("cloud.queries.hidden.time.monotonic", lambda: time[0])
    _chain(engine, 30, 70, on=old)

    def hides() -> set[str]:
        with reading(engine) as connection:
            day = day_screens(connection, EVERYTHING, [old])[old]
            screen = chain_screen(connection, EVERYTHING, old, old)
        assert screen.hidden == day.hidden
        return set(screen.hidden.get(("crossings", "sales"), ()))

    assert not hides()
    time[0] += 9 * KEPT_S
    assert not hides()
    assert len(asked) == 1
    _chain(engine, 3, 12, on=old, first=2)
    with writing(engine) as connection:
        mark_chain(connection, [old])
    assert hides() == {"s-c2", "s-c3"}
    with writing(engine) as connection:
        sum_days(connection, [old])
    assert hides() == {"s-c2", "s-c3"}


@on_sqlite
def test_it_hides_what_the_table_of_the_whole_chain_hides(engine: Engine, random: Random) -> None:
    _chain(engine, *(random.randint(0, 40) for _ in range(40)))
    with reading(engine) as connection:
        screen = decide(connection, TODAY, TODAY, 10)
        rows = by_shop(connection, EVERYTHING, TODAY, TODAY)
    table = suppress_rows(rows)
    for (shop, basis), sums in rows.items():
        for metric in (SALES, SHARE, MEMBERS):
            assert screen.of_shop(metric, shop, basis, sums) == table.shown(metric, (shop, basis))


@on_sqlite
def test_what_is_asked_for_is_decided_before_it_is_a_minute_old(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, asked: list[object]
) -> None:
    time, today = [1000.0], datetime.now(UTC).date()
    monkeypatch.setattr("cloud.queries.hidden.time.monotonic", lambda: time[0])
    _chain(engine, 30, 70, on=today)

    def hides() -> set[str]:
        with reading(engine) as connection:
            screen = chain_screen(connection, EVERYTHING, today, today)
        return set(screen.hidden.get(("crossings", "sales"), ()))

    def refreshed() -> None:
        with reading(engine) as connection:
            refresh(connection)

    refreshed()
    assert not asked, "nobody has asked"
    assert not hides()
    _chain(engine, 3, 12, on=today, first=2)
    time[0] += 40
    refreshed()
    assert len(asked) == 2
    time[0] += 59
    assert hides() == {"s-c2", "s-c3"}
    assert len(asked) == 2, "nobody has waited for it"
    time[0] += 1
    assert hides() == {"s-c2", "s-c3"}
    assert len(asked) == 3, "what is a minute old is decided anew"
    time[0] += 301
    refreshed()
    assert len(asked) == 3, "nobody asks any more"


@on_sqlite
def test_it_is_decided_ahead_until_it_is_stopped(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, asked: list[object]
) -> None:
    today, stop = datetime.now(UTC).date(), threading.Event()
    monkeypatch.setattr(hidden, "_AHEAD_S", 0.01)
    _chain(engine, 30, 70, on=today)
    with reading(engine) as connection:
        chain_screen(connection, EVERYTHING, today, today)
    thread = threading.Thread(target=decide_ahead, args=(engine, stop))
    thread.start()
    until(lambda: len(asked) > 1, what="it is decided anew")
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
