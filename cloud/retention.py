"""How long facts are kept. Hours and days are kept for ever, and are final once their facts go.

    run (daily, by every ingest; `menkou-hub retain`)
      PostgreSQL   make the months ahead, drop those past keeping
      SQLite       delete in small steps, so that nobody waits long for the write lock

A month goes as a whole, on both. `kept_from` is written before anything goes: from then on a fact
of before is set aside by `ingest`, a resent one passes for held, `rollup` leaves its hour alone.
Called by `run` and `cli`; `ingest`, `boxes` and `rollup` ask `kept_from`.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Table,
    and_,
    bindparam,
    delete,
    func,
    literal,
    select,
    text,
    tuple_,
)
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from cloud import partitions
from cloud.db import reading, upsert, writing
from cloud.partitions import drop_next, make_next
from cloud.tables import (
    alert,
    crossing_minute,
    desk_fact,
    event,
    member_change,
    meter,
    presence_hour,
    presence_minute,
    visit,
)
from cloud.tally.tables import SUBJECTS_KEPT, correction, subject_day

_log = logging.getLogger(__name__)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_KEPT_FROM: Final = "kept_from"
_CLEARED_TO: Final = "cleared_to"
_ROWS_AT_ONCE: Final = 2_000
_PAUSE_S: Final = 0.05
_LOCK_WAIT: Final = "2s"  # a partition is dropped when nobody reads it; meanwhile all others wait
_TRIES: Final = 10
# Any fixed number: whoever makes or drops partitions holds this lock.
_LOCK: Final = 6_213_703
_LOCK_NOT_AVAILABLE: Final = "55P03"
_AGAIN_S: Final = 1.0
_HOURLY_S: Final = 3600.0
_DAILY_S: Final = 24 * 3600.0
Step = Callable[[Connection], list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """What a run did: since when facts are kept, the partitions it made and dropped, and how many
    rows it deleted besides.
    """

    kept_from: datetime
    made: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    deleted: int = 0


def kept_from(connection: Connection) -> int:
    """Return the milliseconds since 1970 before which facts are gone; 0 if none ever went."""
    return _read(connection, _KEPT_FROM)


def _read(connection: Connection, name: str) -> int:
    return connection.execute(select(meter.c.value).where(meter.c.name == name)).scalar() or 0


def _note(connection: Connection, name: str, value: int) -> None:
    """Write a mark that only rises."""
    statement = upsert(connection, meter).values(name=name, value=value)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[meter.c.name],
            set_={"value": statement.excluded.value},
            where=statement.excluded.value > meter.c.value,
        )
    )


def retain(engine: Engine, keep: timedelta, now: datetime, stop: threading.Event) -> Cleared:
    """Let go of facts that are older than they are kept; on PostgreSQL, make the months ahead.

    Args:
        engine: the database. Several processes may run this at once.
        keep: how long facts are kept at least; up to a month longer, until theirs is over.
        now: an aware moment in UTC.
        stop: ends a long run between two steps; the next run goes on.

    Raises:
        sqlalchemy.exc.DBAPIError: the database cannot write now; what was done stays done.
    """
    with writing(engine) as connection:
        _note(connection, _KEPT_FROM, _ms(partitions.month_of(now - keep)))
        until = _EPOCH + timedelta(milliseconds=kept_from(connection))
        cleared = _read(connection, _CLEARED_TO) >= _ms(until)
    made: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    deleted = 0
    if engine.dialect.name == "postgresql":
        made = _each(engine, lambda connection: make_next(connection, until, now), stop)
        dropped = _each(engine, lambda connection: drop_next(connection, until), stop)
        with writing(engine) as connection:
            deleted = partitions.clear_default(connection, until)
    if not cleared:
        deleted += sum(_delete(engine, *one, stop) for one in _rest(engine, until))
        if not stop.is_set():
            with writing(engine) as connection:
                _note(connection, _CLEARED_TO, _ms(until))
    return Cleared(kept_from=until, made=made, dropped=dropped, deleted=deleted)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


def _each(engine: Engine, step: Step, stop: threading.Event) -> tuple[str, ...]:
    """Take a step, a transaction each, until it finds nothing to do; return what it did."""
    done: list[str] = []
    while not stop.is_set() and (names := _patiently(engine, step, stop)):
        done += names
    return tuple(done)


def _patiently(engine: Engine, step: Step, stop: threading.Event) -> list[str]:
    """Take a step that needs a table for itself; whoever uses it now is let finish.

    All who come after a waiting step wait behind it: it gives way after two seconds.
    """
    for left in reversed(range(_TRIES)):
        try:
            with writing(engine) as connection:
                connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
                return step(connection)
        except OperationalError as exc:
            if not left or getattr(exc.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
        if stop.wait(_AGAIN_S):
            break
    return []


def _rest(engine: Engine, until: datetime) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    """Yield the tables without partitions, and what of them is past keeping."""
    tables = [
        (alert, alert.c.at < until),
        (member_change, member_change.c.at < until),
        (desk_fact, desk_fact.c.about < until),
        (presence_hour, presence_hour.c.hour < until),
        (correction, correction.c.at < until),
        # A day that is kept is counted with whoever came in the days before it.
        (subject_day, subject_day.c.day < until.date() - SUBJECTS_KEPT),
    ]
    if engine.dialect.name == "sqlite":
        stood = func.coalesce(visit.c.opened_at, visit.c.closed_at)
        tables += [
            (event, event.c.at < until),
            (visit, stood < until),
            (crossing_minute, crossing_minute.c.minute < until),
            (presence_minute, presence_minute.c.minute < until),
        ]
    yield from tables


def _delete(engine: Engine, table: Table, old: ColumnElement[bool], stop: threading.Event) -> int:
    """Delete rows in small steps, along the table's key; return how many."""
    key = list(table.primary_key.columns)
    this = and_(*(column == bindparam(f"of_{column.name}") for column in key))
    last: tuple[Any, ...] | None = None
    done = 0
    while not stop.is_set():
        rest = old if last is None else and_(old, tuple_(*key) > _tuple(key, last))
        with reading(engine) as connection:
            rows = connection.execute(
                select(*key).where(rest).order_by(*key).limit(_ROWS_AT_ONCE)
            ).all()
        if not rows:
            break
        with writing(engine) as connection:
            connection.execute(
                delete(table).where(this, old),  # a visit may have moved meanwhile
                [{f"of_{column.name}": row[n] for n, column in enumerate(key)} for row in rows],
            )
        done += len(rows)
        last = tuple(rows[-1])
        stop.wait(_PAUSE_S)
    return done


def _tuple(key: list[Column[Any]], values: tuple[Any, ...]) -> Any:
    pairs = zip(key, values, strict=True)
    return tuple_(*(literal(value, column.type) for column, value in pairs))


def watch(engine: Engine, keep: timedelta, stop: threading.Event) -> None:
    """Run at once, then daily, until stopped; what fails is tried again after an hour."""
    wait_s = 0.0
    while not stop.wait(wait_s):
        try:
            cleared = retain(engine, keep, datetime.now(UTC), stop)
        except SQLAlchemyError as exc:
            _log.error("retention: %s; tried again in an hour", type(exc).__name__)
            wait_s = _HOURLY_S
            continue
        wait_s = _DAILY_S
        _log.info("retention: %s", words(cleared))


def words(cleared: Cleared) -> str:
    """Return what a run did, for people."""
    parts = [f"facts are kept from {cleared.kept_from:%Y-%m-%d}"]
    parts += [f"made {len(cleared.made)} partitions"] if cleared.made else []
    parts += [f"dropped {', '.join(cleared.dropped)}"] if cleared.dropped else []
    parts += [f"deleted {cleared.deleted} rows"] if cleared.deleted else []
    return "; ".join(parts)
