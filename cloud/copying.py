"""Copies many rows into PostgreSQL at once. Called by `bulk`.

rows --COPY--> the table                            where none can be there already
rows --COPY--> a table of this session --INSERT ... SELECT ... ON CONFLICT--> the table
"""

import itertools
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnClause, Connection, Delete, Insert, Update, column, select, table
from sqlalchemy.exc import DBAPIError

_FEW: Final = 50
"""Up to so many rows a statement for each is as quick."""
_numbers: Final = itertools.count(1)


class Copy:
    """How an insert's rows are copied in.

    Args:
        merged: the statement says what happens to rows that are there already (`ON CONFLICT`);
            then no two rows may have the same key.
    """

    def __init__(self, *, merged: bool) -> None:
        self._merged = merged
        self._aside = f"copied_{next(_numbers)}"
        self._merge: str | None = None

    def suits(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> bool:
        """Whether these rows are better copied."""
        return len(rows) > _FEW and connection.dialect.name == "postgresql"

    def run(
        self,
        connection: Connection,
        statement: Insert | Update | Delete,
        names: Sequence[str],
        rows: Sequence[tuple[Any, ...]],
    ) -> None:
        """Insert the rows as the statement would one by one.

        Raises:
            sqlalchemy.exc.DBAPIError: as for any statement.
        """
        if not isinstance(statement, Insert):
            raise TypeError(f"expected an insert to copy for, got {statement}")
        listed = ", ".join(f'"{name}"' for name in names)
        name = statement.table.name
        if not self._merged:
            _copy(connection, f"COPY {name} ({listed}) FROM STDIN", rows)
            return
        connection.exec_driver_sql(
            f"CREATE TEMP TABLE IF NOT EXISTS {self._aside} AS"
            f" SELECT {listed} FROM {name} WITH NO DATA"
        )
        _copy(connection, f"COPY {self._aside} ({listed}) FROM STDIN", rows)
        connection.exec_driver_sql(self._merging(connection, statement, names))
        connection.exec_driver_sql(f"TRUNCATE {self._aside}")

    def _merging(self, connection: Connection, statement: Insert, names: Sequence[str]) -> str:
        if self._merge is None:
            columns: list[ColumnClause[Any]] = [column(name) for name in names]
            chosen = select(*columns).select_from(table(self._aside, *columns))
            merge = statement.from_select(list(names), chosen)
            self._merge = str(merge.compile(dialect=connection.dialect))
        return self._merge


def _copy(connection: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    driver: Any = connection.connection.driver_connection
    dialect = connection.dialect
    base = dialect.loaded_dbapi.Error
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except base as exc:  # as SQLAlchemy does for what passes through it
        raise DBAPIError.instance(statement, None, exc, base, dialect=dialect) from exc
