"""Counted days of made-up shops, for what reads them."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Connection, Table, insert

from cloud.db import upsert
from cloud.tables import store
from cloud.tally.sums import sum_days
from cloud.tally.tables import COUNTS, day_tally


def shop(
    connection: Connection, name: str, *, called: str = "", zone: str = "Asia/Shanghai"
) -> None:
    """Put a shop there, unless it is."""
    statement = upsert(connection, store).on_conflict_do_nothing()
    connection.execute(statement, [{"id": name, "name": called or name, "timezone": zone}])


def day(
    connection: Connection, of: str, on: date, *, basis: str | None = "crossings", **counts: int
) -> None:
    """Put a counted day of a shop there, and the shop; counts that are not named are not known."""
    assert set(counts) <= set(COUNTS), counts
    shop(connection, of)
    row = {"store": of, "day": on, "basis": basis, **dict.fromkeys(COUNTS), **counts}
    connection.execute(insert(day_tally), [row])


def rows(connection: Connection, table: Table, *told: Mapping[str, Any]) -> None:
    """Put rows of another tally there."""
    connection.execute(insert(table), [dict(one) for one in told])


def sum_chain(connection: Connection) -> None:
    """Make the chain's sums of the shops' days that are there."""
    sum_days(connection)
