"""What each of the staff did for guests: of the chain, of each shop, of each day in one.

Staff are random ids of the shop; who they are is known in the shop alone. Whoever may not have
members named (`Scope.names`) is not told of single colleagues either.
"""

from collections import defaultdict
from datetime import date

from sqlalchemy import Connection, select

from cloud.accounts.scope import Scope
from cloud.figures.fair import Greetings
from cloud.figures.metric import Sums
from cloud.queries.days import Shops, only
from cloud.queries.summed import summed
from cloud.tally.tables import staff_tally

ByDay = dict[date, dict[str, Greetings]]


def together(
    connection: Connection, scope: Scope, first: date, last: date, shops: Shops = None
) -> Sums | None:
    """Return the sums of all colleagues together; None: none of them greeted anybody."""
    found = summed(connection, scope, staff_tally, first, last, (), shops).get(())
    return found if found and found["greeted"] is not None else None


def by_shop(
    connection: Connection, scope: Scope, first: date, last: date, shops: Shops = None
) -> dict[str, Sums]:
    """Return the sums of each shop in which somebody greeted, by its id."""
    rows = summed(connection, scope, staff_tally, first, last, ("store",), shops)
    return {store_id: sums for (store_id,), sums in rows.items()}


def by_colleague(
    connection: Connection, scope: Scope, first: date, last: date, shop: str
) -> dict[str, Sums]:
    """Return the sums of each colleague of a shop, by their random id."""
    if not scope.names:
        return {}
    rows = summed(connection, scope, staff_tally, first, last, ("staff",), (shop,))
    return {staff: sums for (staff,), sums in rows.items()}


def by_day(
    connection: Connection, scope: Scope, first: date, last: date, shops: Shops = None
) -> dict[str, ByDay]:
    """Return what each colleague of each shop did on each day."""
    if not scope.names:
        return {}
    of = staff_tally.c
    rows = connection.execute(
        select(of.store, of.day, of.staff, of.greeted, of.sales).where(
            of.day.between(first, last), only(staff_tally, scope, shops)
        )
    )
    found: dict[str, ByDay] = defaultdict(lambda: defaultdict(dict))
    for store_id, day, staff, greeted, sales in rows:
        found[store_id][day][staff] = Greetings(greeted=greeted, sales=sales)
    return found
