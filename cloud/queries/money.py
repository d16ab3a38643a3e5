"""What sales came to, by currency: amounts of different currencies are never added."""

from datetime import date

from msgspec import Struct
from sqlalchemy import Connection

from cloud.accounts.scope import Scope
from cloud.queries.days import Shops
from cloud.queries.summed import summed
from cloud.tally.tables import money_tally


class Takings(Struct, frozen=True, kw_only=True):
    """Sales in a currency: how many, their value and what was paid back, in minor units."""

    sales: int
    value: int
    back: int


def takings(
    connection: Connection, scope: Scope, first: date, last: date, shops: Shops = None
) -> dict[str, Takings]:
    """Return what sales came to in a period, by currency: that of most sales first."""
    rows = summed(connection, scope, money_tally, first, last, ("currency",), shops)
    found = {
        currency: Takings(**{name: count or 0 for name, count in sums.items()})
        for (currency,), sums in rows.items()
    }
    return dict(sorted(found.items(), key=lambda item: (-item[1].sales, item[0])))
