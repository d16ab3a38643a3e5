"""Runs one statement for many rows, and one question for many keys. Called by ingest's rooms.

SQLAlchemy looks at each value of each row; at tens of thousands of rows a second that takes
longer than the database does. Here it only compiles the statement, once for each database, and
the rows go to the driver as they are: instants as whole milliseconds, hours as whole seconds.
On PostgreSQL many rows are copied in (`copying`), at a third of what a statement for each costs.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final, TypeVar

from sqlalchemy import (
    Column,
    Connection,
    Delete,
    Insert,
    Select,
    Update,
    text,
)

from cloud.copying import Copy

T = TypeVar("T")
NAMED_AT_ONCE: Final = 500
"""Keys in one question. SQLite takes 32,766 values in a statement, a key has up to three."""

TOGETHER: Final = 100
"""Rows in one statement on SQLite."""

KEYS: Final = text("KEYS")
"""Stands in a question for the condition that a row has one of the keys."""


class Bulk:
    """A statement of many rows.

    Args:
        make: returns the statement, for the database of the connection. Every value in it that
            differs from row to row is a parameter, and there are no others.
        names: the parameters, in the order in which they stand in a row.
        copied: how its rows may be copied in, if there are ever many.
    """

    def __init__(
        self,
        make: Callable[[Connection], Insert | Update | Delete],
        names: Sequence[str],
        copied: Copy | None = None,
    ) -> None:
        self._make = make
        self._names = tuple(names)
        self._copied = copied
        self._compiled: dict[str, tuple[str, tuple[str, ...] | None]] = {}

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Run the statement for each row; nothing at all without rows."""
        if not rows:
            return
        if self._copied is not None and self._copied.suits(connection, rows):
            self._copied.run(connection, self._make(connection), self._names, rows)
            return
        sql, order = self._sql(connection)
        if order == self._names:
            if not self._run_together(connection, sql, rows):
                connection.exec_driver_sql(sql, list(rows))
        elif order is None:
            named = [dict(zip(self._names, row, strict=True)) for row in rows]
            connection.exec_driver_sql(sql, named)
        else:
            pick = itemgetter(*(self._names.index(name) for name in order))
            connection.exec_driver_sql(sql, [pick(row) for row in rows])

    def _run_together(
        self, connection: Connection, sql: str, rows: Sequence[tuple[Any, ...]]
    ) -> bool:
        """Insert rows many to a statement, where that is quicker; return whether it is."""
        one = f"({', '.join(['?'] * len(self._names))})"
        if connection.dialect.name != "sqlite" or f"VALUES {one}" not in sql:
            return False
        count, many = 0, sql
        for start in range(0, len(rows), TOGETHER):
            some = rows[start : start + TOGETHER]
            if len(some) != count:  # the first, and a last one of fewer
                count = len(some)
                many = sql.replace(f"VALUES {one}", f"VALUES {', '.join([one] * count)}")
            connection.exec_driver_sql(many, tuple(chain.from_iterable(some)))
        return True

    def _sql(self, connection: Connection) -> tuple[str, tuple[str, ...] | None]:
        dialect = connection.dialect
        if dialect.name not in self._compiled:
            compiled = self._make(connection).compile(
                dialect=dialect, column_keys=list(self._names)
            )
            order = tuple(compiled.positiontup or ()) if compiled.positional else None
            self._compiled[dialect.name] = (str(compiled), order)
        return self._compiled[dialect.name]


class Question:
    """A question for the rows of many keys. The answers are as the driver gives them.

    Args:
        select: the question without its keys: with `KEYS` for a condition.
        key: the columns of a key.
    """

    def __init__(self, select: Select[Any], key: Sequence[Column[Any]]) -> None:
        self._select = select
        self._key = f"({', '.join(str(column) for column in key)})"
        self._width = len(key)
        self._compiled: dict[tuple[str, int], str] = {}  # by database and number of keys

    def ask(self, connection: Connection, keys: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Return the rows of the keys, in no order but the question's own within 500 keys."""
        found: list[tuple[Any, ...]] = []
        for some in some_at_once(keys):
            values = tuple(chain.from_iterable(some))
            result = connection.exec_driver_sql(self._sql(connection, len(some)), values)
            found += result.cursor.fetchall() if result.cursor else []
            result.close()
        return found

    def _sql(self, connection: Connection, count: int) -> str:
        dialect = connection.dialect
        known = (dialect.name, count)
        if known not in self._compiled:
            mark = "?" if dialect.positional else "%s"
            one = f"({', '.join([mark] * self._width)})"
            named = f"VALUES {', '.join([one] * count)}"
            if dialect.name == "sqlite":  # looks into the whole table for several rows of values
                named = f"SELECT * FROM ({named})"
            keys = f"{self._key} IN ({named})"
            sql = str(self._select.compile(dialect=dialect)).replace(str(KEYS), keys)
            self._compiled[known] = sql
        return self._compiled[known]


def parts(items: Collection[T], size: int) -> Iterator[list[T]]:
    """Yield items in lists of at most so many, for short transactions.

    >>> list(parts("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    held = list(items)
    for start in range(0, len(held), size):
        yield held[start : start + size]


def some_at_once(keys: Sequence[Any]) -> list[Sequence[Any]]:
    """Return the keys in portions of at most 500."""
    return [keys[start : start + NAMED_AT_ONCE] for start in range(0, len(keys), NAMED_AT_ONCE)]
