"""Adds up the counted days of all shops, by basis; `sums` adds up the rest. Called by `recount`.

What no shop knows of a day is null; what some know is their sum, beside the sums of what it is a
share of in the same shops.
"""

from datetime import date

from sqlalchemy import Connection, Engine, delete, func, insert, select

from cloud.aside import CHANGES, count_up
from cloud.db import reading, writing
from cloud.tally.marks import one_counts
from cloud.tally.sums import sum_days
from cloud.tally.tables import COUNTS, chain_tally, day_tally, dirty_chain
from cloud.tally.told import untell, week_of


def marked_days(engine: Engine) -> list[date]:
    """Return the days of the chain that must be added up anew, the newest first."""
    with reading(engine) as connection:
        newest_first = select(dirty_chain.c.day).order_by(dirty_chain.c.day.desc())
        return list(connection.execute(newest_first).scalars())


def count_chain(engine: Engine, day: date) -> bool:
    """Add up a marked day of the chain in a transaction of its own; return whether it was."""
    with writing(engine) as connection:
        if not one_counts(connection):
            return False
        read = select(dirty_chain.c.mark).where(dirty_chain.c.day == day)
        mark = connection.execute(read).scalar()
        if mark is None:
            return False
        _count(connection, day)
        sum_days(connection, [day])
        untell(connection, week_of(day))
        mine = (dirty_chain.c.day == day) & (dirty_chain.c.mark == mark)
        connection.execute(delete(dirty_chain).where(mine))
        count_up(connection, {CHANGES: 1})
        return True


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
