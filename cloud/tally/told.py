"""The tables of whole weeks as the pages tell them, for BI tools. Filled by `cloud.bi_weeks`.

    told_week                  a shop's week, and all shops' by basis
    told_channel, told_booking  all shops' week by channel

A week begins on Monday, `week` is that day. What is hidden is null, as what is not known. A week of
which a day was counted anew is untold (`untell`), in the transaction that adds the day up (`sums`).
"""

from collections.abc import Collection
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, Date, Index, Integer, String, Table, delete

from cloud.tables import METADATA
from cloud.tally.tables import BOOKINGS, BROUGHT, COUNTS

_ID: Final = String(64).with_variant(String(64, collation="C"), "postgresql")


def _week() -> Column[Any]:
    return Column("week", Date, primary_key=True)


def _key(name: str, length: int) -> Column[Any]:
    return Column(name, String(length), primary_key=True)


def _known(names: tuple[str, ...]) -> tuple[Column[Any], ...]:
    return tuple(Column(name, BigInteger) for name in names)


told_week: Final = Table(
    "told_week",
    METADATA,
    _week(),
    # "": all shops together, `shops` of them.
    Column("store", _ID, primary_key=True),
    _key("basis", 10),
    Column("shops", Integer, nullable=False),
    # From how many people on a count was told.
    Column("least", Integer, nullable=False),
    *_known(COUNTS),
    Index("told_week_by_shop", "store", "week"),
    sqlite_with_rowid=False,
)
told_channel: Final = Table(
    "told_channel",
    METADATA,
    # `advert` "": all of the channel.
    *(_week(), _key("channel", 32), _key("advert", 32), *_known(BROUGHT)),
    sqlite_with_rowid=False,
)
told_booking: Final = Table(
    "told_booking",
    METADATA,
    *(_week(), _key("channel", 8), *_known(BOOKINGS)),
    sqlite_with_rowid=False,
)
TOLD: Final = (told_week, told_channel, told_booking)


def week_of(day: date) -> date:
    """Return the Monday of a day's week.

    >>> str(week_of(date(2026, 11, 22)))
    '2026-11-16'
    """
    return day - timedelta(days=day.weekday())


def untell(connection: Connection, days: Collection[date] | None = None) -> None:
    """Take the weeks of days away from the tables, until they are told anew; None: all weeks."""
    for table in TOLD:
        gone = delete(table)
        if days is not None:
            gone = gone.where(table.c.week.in_({week_of(day) for day in days}))
        connection.execute(gone)
