"""What is counted by channel, currency, reason and colleague, summed over all shops.

So that a page about the whole chain reads some dozen rows a day, not those of every shop. Called
for the days that were counted anew, in the same transaction as `chain_tally`'s; and for all days
where years are simulated.
"""

from collections.abc import Collection
from datetime import date

from sqlalchemy import Connection, Table, delete, func, insert, select

from cloud.tally.tables import SUMMED


def sum_days(connection: Connection, days: Collection[date] | None = None) -> None:
    """Make the sums of days anew; None: of all there are."""
    if days is not None and not days:
        return
    for shops, chain in SUMMED:
        _sum(connection, shops, chain, days)


def _sum(connection: Connection, shops: Table, chain: Table, days: Collection[date] | None) -> None:
    keys = [shops.c[column.name] for column in chain.primary_key]
    counts = [column.name for column in chain.columns if not column.primary_key]
    gone = delete(chain)
    summed = select(*keys, *(func.sum(shops.c[name]) for name in counts)).group_by(*keys)
    if days is not None:
        gone = gone.where(chain.c.day.in_(days))
        summed = summed.where(shops.c.day.in_(days))
    connection.execute(gone)
    names = [key.name for key in keys] + counts
    connection.execute(insert(chain).from_select(names, summed))
