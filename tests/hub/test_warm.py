"""What is slow the first time is there before somebody asks, and is still true when they do."""

import threading
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine

from cloud import warm
from cloud.accounts.scope import EVERYTHING, Scope
from cloud.db import reading, writing
from cloud.queries import chain_people
from cloud.queries.chain_people import NAMES, people_of
from cloud.queries.kept import ByShop, KeptSums, Span
from cloud.tally.sums import sum_days
from tests.hub.conftest import on_sqlite
from tests.support import tallies
from tests.support.processes import until

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
TODAY = NOW.date()


class Unhurried(threading.Event):
    """A stop event that lets nobody rest."""

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(0.0)


@pytest.fixture
def read(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[Span]:
    """Which parts of periods are read; the chain has one shop's year."""
    with writing(engine) as connection:
        for back in range(0, 400, 10):
            tallies.day(connection, "s-1", TODAY - timedelta(days=back), sales=11)
        tallies.sum_chain(connection)
    found: list[Span] = []

    def told(
        connection: Connection, scope: Scope, span: Span, shops: Sequence[str] | None
    ) -> ByShop:
        found.append(span)
        return chain_people._read(connection, scope, span, shops)

    monkeypatch.setattr(chain_people, "_DAYS", KeptSums(told))
    return found


def _sales(engine: Engine, days: int) -> int:
    with reading(engine) as connection:
        first = TODAY - timedelta(days=days - 1)
        found = people_of(connection, EVERYTHING, first, TODAY, TODAY)
    return found["s-1", "crossings"][NAMES.index("sales")] or 0


@on_sqlite
def test_a_years_months_are_there_before_somebody_asks(engine: Engine, read: list[Span]) -> None:
    asked: list[datetime] = []
    warm.warm(engine, asked.append, NOW, Unhurried())
    assert asked == [NOW]
    october = (date(2026, 10, 1), date(2026, 10, 31))
    assert read.count(october) == 1
    read.clear()
    assert _sales(engine, 364) == 37 * 11
    # What the year begins with, and its newest days.
    assert read == [(TODAY - timedelta(days=2), TODAY), (date(2025, 11, 23), date(2025, 11, 30))]


@on_sqlite
def test_what_is_there_and_true_is_not_read_again_and_a_late_fact_is(
    engine: Engine, read: list[Span]
) -> None:
    def look() -> None:
        read.clear()
        warm.warm(engine, lambda now: None, NOW, Unhurried())

    look()
    look()
    assert not read
    with writing(engine) as connection:
        tallies.day(connection, "s-2", date(2026, 9, 9), sales=12)
        sum_days(connection, [date(2026, 9, 9)])
    look()
    assert read == [(date(2026, 9, 1), date(2026, 9, 30))]


@on_sqlite
def test_it_ends_when_it_is_told_to(engine: Engine, read: list[Span]) -> None:
    stop = threading.Event()
    asked: list[datetime] = []
    thread = threading.Thread(target=warm.watch, args=(engine, asked.append, stop))
    thread.start()
    until(lambda: bool(asked), what="it asks")
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
