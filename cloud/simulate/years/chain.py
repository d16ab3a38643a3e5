"""The chain's days as the sums of its shops' days. Called by the package and by `removal`."""

from sqlalchemy import Connection, delete, func, insert, select

from cloud.tally.sums import sum_days
from cloud.tally.tables import COUNTS, chain_tally, day_tally


def sum_up(connection: Connection) -> None:
    """Make the sums of all days anew, of simulated shops and of any others."""
    day, basis = day_tally.c.day, func.coalesce(day_tally.c.basis, "")
    sums = (func.sum(day_tally.c[name]) for name in COUNTS)
    connection.execute(delete(chain_tally))
    names = ["day", "basis", "shops", *COUNTS]
    summed = select(day, basis, func.count(), *sums).group_by(day, basis)
    connection.execute(insert(chain_tally).from_select(names, summed))
    sum_days(connection)
