"""Adds up the counted days of all shops: each day by basis, and what is counted by channel,
currency, reason and colleague.

So that a page about the whole chain reads some dozen rows a day, not those of every shop. What no
shop knows of a day is null; what some know is their sum, beside the sums of what it is a share of
in the same shops. Called for the days that were counted anew, and for all days where years are
simulated. Each time, the day's revision is counted up: whoever keeps sums of shops' days in memory
sees by it that they have changed.
"""

from collections.abc import Collection
from datetime import date
from typing import Any

from sqlalchemy import Connection, Select, Table, delete, func, insert, select, update
from sqlalchemy import literal_column as written

from cloud.db import upsert
from cloud.tally.tables import COUNTS, SUMMED, chain_revision, chain_tally, day_tally

Days = Collection[date] | None
"""Which days; None: all there are."""


def sum_days(connection: Connection, days: Days = None) -> None:
    """Make the sums of days anew."""
    if days is not None and not days:
        return
    _sum_counts(connection, days)
    for shops, chain in SUMMED:
        _sum(connection, shops, chain, days)
    _revise(connection, days)


def _sum_counts(connection: Connection, days: Days) -> None:
    day, basis = day_tally.c.day, func.coalesce(day_tally.c.basis, "")
    sums = (func.sum(day_tally.c[name]) for name in COUNTS)
    summed = select(day, basis, func.count(), *sums).group_by(day, basis)
    names = ["day", "basis", "shops", *COUNTS]
    _replace(connection, day_tally, chain_tally, names, summed, days)


def _sum(connection: Connection, shops: Table, chain: Table, days: Days) -> None:
    keys = [shops.c[column.name] for column in chain.primary_key]
    counts = [column.name for column in chain.columns if not column.primary_key]
    summed = select(*keys, *(func.sum(shops.c[name]) for name in counts)).group_by(*keys)
    names = [key.name for key in keys] + counts
    _replace(connection, shops, chain, names, summed, days)


def _replace(
    connection: Connection,
    shops: Table,
    chain: Table,
    names: list[str],
    summed: Select[Any],
    days: Days,
) -> None:
    gone = delete(chain)
    if days is not None:
        gone = gone.where(chain.c.day.in_(days))
        summed = summed.where(shops.c.day.in_(days))
    connection.execute(gone)
    connection.execute(insert(chain).from_select(names, summed))


def _revise(connection: Connection, days: Days) -> None:
    """Count up the revisions of days; of all days also those of which nothing is left."""
    if days is None:
        known = select(chain_tally.c.day).distinct().scalar_subquery()
        days = list(connection.execute(select(chain_tally.c.day).distinct()).scalars())
        gone = chain_revision.c.day.not_in(known)
        more = chain_revision.c.revision + written("1")
        connection.execute(update(chain_revision).where(gone).values(revision=more))
    if days:
        statement = upsert(connection, chain_revision).on_conflict_do_update(
            index_elements=["day"],
            set_={"revision": chain_revision.c.revision + written("1")},
        )
        connection.execute(statement, [{"day": day, "revision": 1} for day in days])
