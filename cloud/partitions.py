"""The months of facts on PostgreSQL: made ahead, dropped when their time has come.

    event            by `at`           a moment in milliseconds
    visit            by `visit`        a ULID, which begins with its time
    crossing_minute  by `minute`       a moment in milliseconds
    presence_minute  by `minute`       the same

All these columns are told by the box and never change for the same fact, so that what arrives
twice meets itself in the same partition. What is told of a month that has no partition (a clock
that is wrong by years) goes to the default one. Called by `retention`, within its transactions.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID_TIME: Final = 10  # characters of five bits; 48 of the 50 bits are used
MONTHS_AHEAD: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Monthly:
    """A partitioned table: its column, and the column's value at the beginning of a month."""

    table: str
    column: str
    bound: Callable[[datetime], str]
    old: str
    """What of its default partition is older than `:until` milliseconds."""

    def name(self, month: datetime) -> str:
        """Return the name of a month's partition."""
        return f"{self.table}_{month:%Y_%m}"


def _milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp()) * 1000)


def ulid_time(moment: datetime) -> str:
    """Return the ten characters with which the ULIDs of a moment begin."""
    value, digits = int(moment.timestamp() * 1000), ""
    for _ in range(_ULID_TIME):
        value, digit = divmod(value, len(_CROCKFORD))
        digits = _CROCKFORD[digit] + digits
    return digits


def _ulid_from(moment: datetime) -> str:
    return f"'{ulid_time(moment)}'"


_TABLES: Final = (
    _Monthly(table="event", column="at", bound=_milliseconds, old="at < :until"),
    _Monthly(
        table="visit",
        column="visit",
        bound=_ulid_from,
        old="coalesce(opened_at, closed_at) < :until",
    ),
    *(
        _Monthly(table=name, column="minute", bound=_milliseconds, old="minute < :until")
        for name in ("crossing_minute", "presence_minute")
    ),
)


def month_of(moment: datetime) -> datetime:
    """Return the beginning of the month, in UTC, that holds an aware moment in UTC."""
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(month: datetime) -> datetime:
    """Return the beginning of the month after the one that begins at `month`."""
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def make_next(connection: Connection, first: datetime, now: datetime) -> list[str]:
    """Make what one table lacks of the months from one to some ahead of now.

    What the table's default partition holds of them moves there. Writers of other months are not
    held up: a partition is made apart, then attached.

    Args:
        connection: on PostgreSQL.
        first: the beginning of a month.
        now: an aware moment in UTC.

    Returns:
        The partitions that were made; none once no table lacks any.
    """
    for one in _TABLES:
        there = set(_months(connection, one))
        lacking = [month for month in _ahead(first, now) if one.name(month) not in there]
        for month in lacking:
            _make(connection, one, month)
        if lacking:
            return [one.name(month) for month in lacking]
    return []


def _ahead(first: datetime, now: datetime) -> Iterator[datetime]:
    last = month_of(now)
    for _ in range(MONTHS_AHEAD):
        last = next_month(last)
    while first <= last:
        yield first
        first = next_month(first)


def _make(connection: Connection, one: _Monthly, month: datetime) -> None:
    table, name = one.table, one.name(month)
    low, high = one.bound(month), one.bound(next_month(month))
    for statement in (
        f"LOCK TABLE {table}_default IN ACCESS EXCLUSIVE MODE",
        f"CREATE TABLE {name} (LIKE {table})",
        f"WITH moved AS (DELETE FROM {table}_default"
        f" WHERE {one.column} >= {low} AND {one.column} < {high} RETURNING *)"
        f" INSERT INTO {name} SELECT * FROM moved",
        f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({low}) TO ({high})",
    ):
        connection.execute(text(statement))


def drop_next(connection: Connection, until: datetime) -> list[str]:
    """Drop one partition that ends at a moment or before; return its name, nothing if none is left.

    Args:
        connection: on PostgreSQL.
        until: the beginning of a month.
    """
    for one in _TABLES:
        for name in _months(connection, one):
            if name < one.name(until):
                _drop(connection, one, name, until)
                return [name]
    return []


def _drop(connection: Connection, one: _Monthly, name: str, until: datetime) -> None:
    """Drop a partition; what still counts of it, a visit that was dated anew, stays."""
    kept = f"INSERT INTO {one.table}_default SELECT * FROM {name} WHERE NOT ({one.old})"
    connection.execute(text(f"ALTER TABLE {one.table} DETACH PARTITION {name}"))
    connection.execute(text(kept), {"until": int(until.timestamp()) * 1000})
    connection.execute(text(f"DROP TABLE {name}"))


def clear_default(connection: Connection, until: datetime) -> int:
    """Delete what the default partitions hold of before a moment; return how many rows."""
    done = 0
    for one in _TABLES:
        old = text(f"DELETE FROM {one.table}_default WHERE {one.old}")
        done += connection.execute(old, {"until": int(until.timestamp()) * 1000}).rowcount
    return done


def _months(connection: Connection, one: _Monthly) -> list[str]:
    """Return the names of a table's partitions, the oldest first, without the default one."""
    names = connection.execute(
        text(
            "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid"
            " WHERE inhparent = to_regclass(:of) AND relname <> :rest"
        ),
        {"of": one.table, "rest": f"{one.table}_default"},
    )
    return sorted(names.scalars())
