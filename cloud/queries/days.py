"""Counts of days, summed: the chain's, one shop's, or those of the shops that somebody sees.

Of the whole chain the sums are there (`chain_tally`); of some shops they are added up.
Days of different basis are never added: every answer is by basis ("": the days of which nobody
was counted).
"""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, Table, func, select

from cloud.accounts.scope import Scope
from cloud.figures.metric import Sums
from cloud.tally.tables import COUNTS, chain_tally, day_tally

Shops = Collection[str] | None
"""Ids of the shops that are asked for, None: all that the scope has."""


def by_basis(
    connection: Connection, scope: Scope, first: date, last: date, shops: Shops = None
) -> dict[str, Sums]:
    """Return the sums of a period by basis; both days are in it."""
    table = _table(scope, shops)
    basis = _basis(table)
    rows = connection.execute(_chosen(table, scope, first, last, shops, basis).group_by(basis))
    return {row[0]: _sums(row[1:]) for row in rows.all()}


def by_day(
    connection: Connection,
    scope: Scope,
    first: date,
    last: date,
    shops: Shops = None,
    counts: Sequence[str] = COUNTS,
) -> dict[tuple[date, str], Sums]:
    """Return the sums of each day of a period and basis, of all counts or of some; a day of which
    nothing is known is not in it.
    """
    table = _table(scope, shops)
    day, basis = table.c.day, _basis(table)
    chosen = _chosen(table, scope, first, last, shops, day, basis, counts=counts)
    rows = connection.execute(chosen.group_by(day, basis).order_by(day))
    return {(row[0], row[1]): _sums(row[2:], counts) for row in rows.all()}


def by_shop(
    connection: Connection, scope: Scope, first: date, last: date, shops: Shops = None
) -> dict[tuple[str, str], Sums]:
    """Return the sums of a period by shop and basis, of shops of which something is known."""
    store, basis = day_tally.c.store, _basis(day_tally)
    chosen = _chosen(day_tally, scope, first, last, shops, store, basis)
    rows = connection.execute(chosen.group_by(store, basis).order_by(store))
    return {(row[0], row[1]): _sums(row[2:]) for row in rows.all()}


def only(table: Table, scope: Scope, shops: Shops = None) -> ColumnElement[bool]:
    """Return the condition that a row of a table with shops is one of those asked for."""
    of = table.c.store
    condition = scope.only(of)
    return condition if shops is None else condition & of.in_(sorted(shops))


def _table(scope: Scope, shops: Shops) -> Table:
    return chain_tally if scope.shops is None and shops is None else day_tally


def _basis(table: Table) -> ColumnElement[str]:
    return table.c.basis if table is chain_tally else func.coalesce(table.c.basis, "")


def _chosen(
    table: Table,
    scope: Scope,
    first: date,
    last: date,
    shops: Shops,
    *keys: ColumnElement[Any],
    counts: Sequence[str] = COUNTS,
) -> Select[Any]:
    sums = (func.sum(table.c[name]) for name in counts)
    chosen = select(*keys, *sums).where(table.c.day.between(first, last))
    return chosen if table is chain_tally else chosen.where(only(table, scope, shops))


def _sums(values: Any, counts: Sequence[str] = COUNTS) -> Sums:
    # PostgreSQL adds whole numbers up to a Decimal.
    return {
        name: None if value is None else int(value)
        for name, value in zip(counts, values, strict=True)
    }


NOTHING: Final[Sums] = dict.fromkeys(COUNTS)
"""The sums where nothing is known."""
