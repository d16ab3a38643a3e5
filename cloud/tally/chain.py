"""Adds up the marked days of the chain, each in a transaction of its own. Called by `recount`."""

from datetime import date

from sqlalchemy import Engine, delete, select

from cloud.aside import CHANGES, count_up
from cloud.db import reading, writing
from cloud.tally.marks import one_counts
from cloud.tally.sums import sum_days
from cloud.tally.tables import dirty_chain


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
        sum_days(connection, [day])
        mine = (dirty_chain.c.day == day) & (dirty_chain.c.mark == mark)
        connection.execute(delete(dirty_chain).where(mine))
        count_up(connection, {CHANGES: 1})
        return True
