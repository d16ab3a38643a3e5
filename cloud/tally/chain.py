"""Adds up the counted days of all shops, by basis; `sums` adds up the rest. Called by `recount`.

What no shop knows of a day is null; what some know is their sum, beside the sums of what it is a
share of in the same shops.
"""

from datetime import date
from typing import Final

from sqlalchemy import Connection, Engine, bindparam, delete, func, insert, select

from cloud.aside import CHANGES, count_up
from cloud.db import writing
from cloud.tally.marks import one_counts
from cloud.tally.sums import sum_days
from cloud.tally.tables import COUNTS, chain_tally, day_tally, dirty_chain

_DAYS_AT_ONCE: Final = 4


def count_chain(engine: Engine, days: list[date]) -> int:
    """Add up marked days of the chain; return how many."""
    return sum(
        _count_some(engine, days[start : start + _DAYS_AT_ONCE])
        for start in range(0, len(days), _DAYS_AT_ONCE)
    )


def _count_some(engine: Engine, days: list[date]) -> int:
    with writing(engine) as connection:
        if not one_counts(connection):
            return 0
        read = select(dirty_chain.c.day, dirty_chain.c.mark).where(dirty_chain.c.day.in_(days))
        marks = connection.execute(read).all()
        for day, _ in marks:
            _count(connection, day)
        sum_days(connection, [day for day, _ in marks])
        if marks:
            connection.execute(
                delete(dirty_chain).where(
                    dirty_chain.c.day == bindparam("on"), dirty_chain.c.mark == bindparam("read")
                ),
                [{"on": day, "read": mark} for day, mark in marks],
            )
            count_up(connection, {CHANGES: 1})
        return len(marks)


def _count(connection: Connection, day: date) -> None:
    basis = func.coalesce(day_tally.c.basis, "")
    sums = (func.sum(day_tally.c[name]) for name in COUNTS)
    summed = (
        select(day_tally.c.day, basis, func.count(), *sums)
        .where(day_tally.c.day == day)
        .group_by(day_tally.c.day, basis)
    )
    connection.execute(delete(chain_tally).where(chain_tally.c.day == day))
    names = ["day", "basis", "shops", *COUNTS]
    connection.execute(insert(chain_tally).from_select(names, summed))
