"""Counts of each of the chain's shops, summed over a period (`kept`).

Called by `hidden` for the people of all shops, by `shops` for the counts of some.

    people = people_of(connection, WHOLE, first, last, today)
    people["nj-001", "crossings"]    the counts of `NAMES`, in their order; None: not known
"""

from collections.abc import Collection, Sequence
from datetime import date
from operator import itemgetter
from typing import Final

from sqlalchemy import Connection, func, select

from cloud.accounts.scope import Scope
from cloud.figures.suppress import PEOPLE
from cloud.queries.kept import ByShop, Counts, KeptSums, Span, Sums, whole
from cloud.tables import store
from cloud.tally.tables import COUNTS, day_tally

NAMES: Final = tuple(name for name in COUNTS if name in PEOPLE)
KEPT: Final = (*COUNTS, "days")
"""What is kept of a shop and basis: its counts, and how many of its days know their visitors."""
_people = itemgetter(*(KEPT.index(name) for name in NAMES))


def people_of(
    connection: Connection, scope: Scope, first: date, last: date, today: date
) -> dict[tuple[str, str], Counts]:
    """Return the sums of `NAMES` by shop and basis ("": of days that have none).

    Args:
        connection: a transaction on the hub's database.
        scope: whose shops.
        first: the first day.
        last: the last one; it is in the period.
        today: the present day. It says what is kept, never what is counted.
    """
    found = all_counts(connection, scope, first, last, today)
    return {key: _people(counts) for key, counts in found.items()}


def all_counts(connection: Connection, scope: Scope, first: date, last: date, today: date) -> Sums:
    """Return the sums of `KEPT` by shop and basis, of all shops that somebody sees."""
    return _DAYS.all(connection, scope, first, last, today)


def counts_of(
    connection: Connection,
    scope: Scope,
    first: date,
    last: date,
    today: date,
    shops: Collection[str],
) -> Sums:
    """Return the same of some shops."""
    return _DAYS.some(connection, scope, first, last, today, shops)


def keep(connection: Connection, span: Span) -> None:
    """Read a part of a period before somebody asks (`kept.spans`), unless it is kept and true."""
    _DAYS.keep(connection, span)


def _read(connection: Connection, scope: Scope, span: Span, shops: Sequence[str] | None) -> ByShop:
    of, basis = day_tally.c.store, func.coalesce(day_tally.c.basis, "")
    # Shop by shop: a period of each lies together, the days of all lie far apart.
    among = select(store.c.id).where(scope.only(store.c.id)) if shops is None else shops
    sums = (func.sum(day_tally.c[name]) for name in COUNTS)
    rows = connection.execute(
        select(of, basis, *sums, func.count(day_tally.c.visitors))
        .where(of.in_(among), scope.only(of), day_tally.c.day.between(*span))
        .group_by(of, basis)
    )
    found: dict[str, dict[str, Counts]] = {}
    for row in rows.all():
        found.setdefault(row[0], {})[row[1]] = tuple(map(whole, row[2:]))
    return found


_DAYS: Final = KeptSums(_read)
