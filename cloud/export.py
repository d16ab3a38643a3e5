"""Writes tables as Parquet files, for DuckDB and the like. Called by `cli`; its extra: `parquet`.

    menkou-hub export --table hourly --from 2026-01-01 --to 2026-12-31 OUT
    OUT.parquet        one file
    OUT                a new directory: OUT/month=2026-11/part.parquet and so on

What is exported is what head office sees: figures, visits without who they were, and what was
done at the desks, by random ids of the staff. No subject leaves this way, nor what ties a re-entry
to the visit before it.
"""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Engine, Select, select

from cloud.accounts.scope import Scope
from cloud.db import reading
from cloud.errors import ExportFault
from cloud.partitions import next_month
from cloud.tables import (
    FIGURES,
    PRESENCE,
    STAYS,
    crossing_minute,
    daily,
    desk_fact,
    hourly,
    presence_daily,
    presence_hourly,
    presence_minute,
    visit,
)
from menkou.errors import told

Say = Callable[[str], None]
_ROWS_A_GROUP: Final = 65_536
_DAY: Final = timedelta(days=1)
_COUNTS: Final = ("entered", "left", "entered_closed", "left_closed", "staff", "turned_back")
_SECONDS: Final = "timestamp[s, UTC]"
_MOMENT: Final = "timestamp[ms, UTC]"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Export:
    """A table: its columns with Arrow's name of their types, the shop's first; what dates rows."""

    columns: tuple[tuple[Column[Any], str], ...]
    dated: Column[Any]
    bound: Callable[[date], Any]
    where: tuple[ColumnElement[bool], ...] = ()

    def rows(self, scope: Scope, first: date, after: date) -> Select[Any]:
        """Return the question for the rows from a day to another, which is excluded."""
        chosen = [column for column, _ in self.columns]
        return (
            select(*chosen)
            .where(self.dated >= self.bound(first), self.dated < self.bound(after), *self.where)
            .where(scope.only(chosen[0]))
            .order_by(self.dated, chosen[0])
        )


def _moment(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _second(day: date) -> int:
    return int(_moment(day).timestamp())


def _figures(table: Any) -> tuple[tuple[Column[Any], str], ...]:
    return (*((table.c[name], "int64") for name in FIGURES), (table.c.basis, "string"))


def _sensed(table: Any) -> tuple[tuple[Column[Any], str], ...]:
    numbers = ("minutes", "footfall", "peak", "probes", "passers", "captured", "error")
    return (*((table.c[name], "int64") for name in (*numbers, *STAYS)), (table.c.basis, "string"))


_EXPORTS: Final = {
    "hourly": _Export(
        columns=((hourly.c.store, "string"), (hourly.c.hour, _SECONDS), *_figures(hourly)),
        dated=hourly.c.hour,
        bound=_second,
    ),
    "daily": _Export(
        columns=((daily.c.store, "string"), (daily.c.day, "date32"), *_figures(daily)),
        dated=daily.c.day,
        bound=lambda day: day,
    ),
    "visits": _Export(
        columns=(
            *((visit.c[name], "string") for name in ("store", "box", "visit")),
            (visit.c.opened_at, _MOMENT),
            *((visit.c[name], "string") for name in ("camera", "who", "basis")),
            *((visit.c[name], "bool") for name in ("reentry", "counted")),
            (visit.c.closed_at, _MOMENT),
            (visit.c.close_reason, "string"),
        ),
        dated=visit.c.opened_at,
        bound=_moment,
        where=(visit.c.void.is_(False),),
    ),
    "desk": _Export(
        columns=(
            *((desk_fact.c[name], "string") for name in ("store", "box", "what", "id")),
            (desk_fact.c.rev, "int32"),
            (desk_fact.c.at, _MOMENT),
            (desk_fact.c.about, _MOMENT),
            *((desk_fact.c[name], "string") for name in ("visit", "staff", "told")),
        ),
        dated=desk_fact.c.about,
        bound=_moment,
    ),
    "crossings": _Export(
        columns=(
            (crossing_minute.c.store, "string"),
            (crossing_minute.c.minute, _MOMENT),
            *((crossing_minute.c[name], "string") for name in ("box", "camera")),
            *((crossing_minute.c[name], "int32") for name in _COUNTS),
        ),
        dated=crossing_minute.c.minute,
        bound=_moment,
    ),
    "presence_minutes": _Export(
        columns=(
            (presence_minute.c.store, "string"),
            (presence_minute.c.minute, _MOMENT),
            (presence_minute.c.box, "string"),
            *((presence_minute.c[name], "int32") for name in PRESENCE),
        ),
        dated=presence_minute.c.minute,
        bound=_moment,
    ),
    "presence_hourly": _Export(
        columns=(
            (presence_hourly.c.store, "string"),
            (presence_hourly.c.hour, _SECONDS),
            *_sensed(presence_hourly),
        ),
        dated=presence_hourly.c.hour,
        bound=_second,
    ),
    "presence_daily": _Export(
        columns=(
            (presence_daily.c.store, "string"),
            (presence_daily.c.day, "date32"),
            *_sensed(presence_daily),
        ),
        dated=presence_daily.c.day,
        bound=lambda day: day,
    ),
}
TABLES: Final = tuple(_EXPORTS)
"""What can be exported."""
SUFFIX: Final = ".parquet"
"""How the name of a single file ends."""


def export(
    engine: Engine, scope: Scope, table: str, first: date, last: date, out: Path, say: Say
) -> int:
    """Write the rows of some days; whoever looks at `out` sees all of them or nothing.

    Args:
        engine: the database.
        scope: whose shops' rows.
        table: one of `TABLES`.
        first: the first day: the shop's own for `daily`, in UTC for the others.
        last: the last day.
        out: a file that ends in `.parquet`, or a directory that is not there yet.
        say: is told of the progress.

    Returns:
        How many rows were written.

    Raises:
        ExportFault: pyarrow is not installed, the directory is there already or would be empty,
            or nothing can be written there.
    """
    one_file = out.suffix == SUFFIX
    if not one_file and out.exists():
        raise ExportFault(f"{out}: expected a new directory or NAME.parquet, got one that is there")
    months = list(_months(first, last))
    with _finished(out) as unfinished:
        if one_file:
            return _write(engine, scope, _EXPORTS[table], months, unfinished, say)
        unfinished.mkdir(parents=True)
        done = 0
        for start, after in months:
            part = unfinished / f"month={start:%Y-%m}" / "part.parquet"
            part.parent.mkdir()
            rows = _write(engine, scope, _EXPORTS[table], [(start, after)], part, say)
            if not rows:
                shutil.rmtree(part.parent)
            done += rows
        if not done:
            raise ExportFault(
                f"{out}: expected rows of {table} from {first} to {last}, got none; nothing was"
                " written"
            )
        return done


@contextmanager
def _finished(out: Path) -> Iterator[Path]:
    """Yield a place beside the final one; what stands there in the end is moved to it at once."""
    if out.parent.exists() and not out.parent.is_dir():
        raise ExportFault(f"{out}: cannot be written: {out.parent} is no directory")
    unfinished = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        yield unfinished
        unfinished.replace(out)
    except OSError as exc:
        raise ExportFault(f"{out}: cannot be written: {told(exc)}") from exc
    finally:
        if unfinished.is_dir():
            shutil.rmtree(unfinished)
        unfinished.unlink(missing_ok=True)


def _months(first: date, last: date) -> Iterator[tuple[date, date]]:
    """Yield the months from one day to another: their first day and the one after their last."""
    start, end = first, last + _DAY
    while start < end:
        after = min(next_month(_moment(start.replace(day=1))).date(), end)
        yield start, after
        start = after


def _write(
    engine: Engine,
    scope: Scope,
    table: _Export,
    months: Sequence[tuple[date, date]],
    path: Path,
    say: Say,
) -> int:
    """Write months into one file, a row group at a time; return how many rows."""
    arrow, parquet = _libraries()
    schema = arrow.schema([(column.name, _type(arrow, kind)) for column, kind in table.columns])
    done = 0
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for start, after in months:
            for rows in _groups(engine, table.rows(scope, start, after)):
                columns = zip(*rows, strict=True)
                arrays = [
                    arrow.array(values, field.type)
                    for values, field in zip(columns, schema, strict=True)
                ]
                writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))
                done += len(rows)
            say(f"{start:%Y-%m}: {done:,} rows")
    return done


def _groups(engine: Engine, question: Select[Any]) -> Iterator[list[Any]]:
    """Yield rows in portions, without holding all of them in memory."""
    with reading(engine) as connection:
        streaming = connection.execution_options(stream_results=True, max_row_buffer=_ROWS_A_GROUP)
        result = iter(streaming.execute(question))
        while rows := list(itertools.islice(result, _ROWS_A_GROUP)):
            yield rows


def _libraries() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as exc:
        raise ExportFault(
            "export: expected the extra `parquet`, got none; pip install 'menkou[hub,parquet]'"
        ) from exc
    return pyarrow, parquet


def _type(arrow: Any, kind: str) -> Any:
    if kind.startswith("timestamp"):
        return arrow.timestamp("s" if kind == _SECONDS else "ms", tz="UTC")
    return getattr(arrow, {"bool": "bool_"}.get(kind, kind))()
