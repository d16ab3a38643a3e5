"""Writes rows to the tables of a simulated chain's years. Called by the package; knows SQL only.

SQLite takes the rows by `executemany`, PostgreSQL by COPY.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, Date, Insert, Table, insert

from cloud.bulk import Bulk
from cloud.tables import daily, hourly, presence_daily, presence_hourly
from cloud.tally.tables import OF_DAYS, hour_tally

_LINES_AT_ONCE: Final = 10_000
_TABLES: Final = (hourly, daily, presence_hourly, presence_daily, hour_tally, *OF_DAYS)
Row = tuple[Any, ...]


class Rows:
    """Rows that are not written yet, by table; a row has the table's columns in order."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Row]] = defaultdict(list)

    def of(self, table: Table) -> list[Row]:
        """Return the rows of a table, to append to."""
        return self._rows[table.name]

    def write(self, connection: Connection) -> int:
        """Write all, of new keys; return how many they were."""
        for table in _TABLES:
            if rows := self._rows[table.name]:
                _write(connection, table, rows)
        return sum(map(len, self._rows.values()))


def _write(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    names = [column.name for column in table.columns]
    if connection.dialect.name != "postgresql":
        if isinstance(table.columns[1].type, Date):  # SQLite keeps a date as its text
            rows = [(row[0], row[1].isoformat(), *row[2:]) for row in rows]
        _INSERT[table.name].run(connection, rows)
        return
    word = _word if any(column.nullable for column in table.columns) else str
    columns = ", ".join(f'"{name}"' for name in names)  # left is a word of SQL
    driver: Any = connection.connection.driver_connection
    with driver.cursor().copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy:
        for start in range(0, len(rows), _LINES_AT_ONCE):
            some = rows[start : start + _LINES_AT_ONCE]
            # Ids, dates, numbers and a word: nothing that COPY's text form would have to escape.
            copy.write("".join(["\t".join(map(word, row)) + "\n" for row in some]))


def _word(value: Any) -> str:
    return "\\N" if value is None else str(value)


def _insert(table: Table, _connection: Connection) -> Insert:
    return insert(table)


_INSERT: Final = {
    table.name: Bulk(partial(_insert, table), [column.name for column in table.columns])
    for table in _TABLES
}
