"""Sums of the tables that are counted by channel, currency, reason or colleague.

Of the whole chain they are there (`cloud.tally.sums`); of some shops they are added up. Asked by
`channels`, `bookings`, `money` and `consultants`.
"""

from datetime import date
from typing import Final

from sqlalchemy import Connection, Table, func, select

from cloud.accounts.scope import Scope
from cloud.figures.metric import Sums
from cloud.queries.days import Shops, only
from cloud.tally.tables import SUMMED

_CHAINS: Final = {shops.name: chain for shops, chain in SUMMED}


def summed(
    connection: Connection,
    scope: Scope,
    of: Table,
    first: date,
    last: date,
    keys: tuple[str, ...] = (),
    shops: Shops = None,
) -> dict[tuple[str, ...], Sums]:
    """Return the sums of a table's counts over a period, by the given of its keys.

    Args:
        connection: the database.
        scope: whose shops.
        of: a table of shops' days.
        first: the first day.
        last: the last one.
        keys: columns of it; whose shop and which colleague it was is only in the shops' own rows.
        shops: ids of those that are asked for, None: all that the scope has.
    """
    whole = scope.shops is None and shops is None and not {"store", "staff"} & set(keys)
    table = _CHAINS[of.name] if whole else of
    counts = [column.name for column in _CHAINS[of.name].columns if not column.primary_key]
    by = [table.c[key] for key in keys]
    chosen = select(*by, *(func.sum(table.c[name]) for name in counts))
    chosen = chosen.where(table.c.day.between(first, last)).group_by(*by)
    if not whole:
        chosen = chosen.where(only(table, scope, shops))
    found: dict[tuple[str, ...], Sums] = {}
    for row in connection.execute(chosen):
        told = (None if value is None else int(value) for value in row[len(keys) :])
        found[tuple(row[: len(keys)])] = dict(zip(counts, told, strict=True))
    return found
