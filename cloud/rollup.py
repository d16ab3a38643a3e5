"""Recomputes the hours and days that ingest marked dirty, from the facts.

Called by `mqtt`'s rollup thread; safe to repeat, to kill and to run several times at once. One
transaction a shop: it locks the shop, then the marks that it read, counts, and deletes those
marks. A mark set meanwhile either waits for the lock (PostgreSQL: it is an update of the same
row, or a new row once this one is gone) or cannot happen (SQLite: one writer). A mark that was
counted up after it was read stays, and the hour is computed once more.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Executable,
    and_,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
)

from cloud.aside import CHANGES, count_up
from cloud.boxes import zone_of
from cloud.db import reading, upsert, writing
from cloud.hours import day_bounds, hour_end, local_day
from cloud.tables import FIGURES, crossing_minute, daily, dirty, hourly, store, visit

_HOURS_AT_ONCE: Final = 20  # a tenth of a second's work: nothing else is written meanwhile
_CROSSINGS: Final = ("staff", "entered", "left", "entered_closed", "left_closed", "turned_back")


def rollup(engine: Engine, give_way: Callable[[], None] = lambda: None) -> int:
    """Recompute every dirty hour, and the days that hold them.

    Args:
        engine: the database.
        give_way: called between transactions.

    Returns:
        How many hours were recomputed.

    Raises:
        sqlalchemy.exc.DBAPIError: the database cannot write now; the marks stay.
    """
    done = 0
    with reading(engine) as connection:
        stores = connection.execute(select(dirty.c.store).distinct().order_by(dirty.c.store))
        names = list(stores.scalars())
    for name in names:
        while count := _roll_store(engine, name):
            done += count
            give_way()
    return done


def _roll_store(engine: Engine, store_id: str) -> int:
    """Recompute some dirty hours of a shop; return how many, 0 when there are none left."""
    with writing(engine) as connection:
        # One at a time for a shop: two that compute the same day could overwrite each other.
        locked = connection.execute(
            select(store.c.id)
            .where(store.c.id == store_id)
            .with_for_update(key_share=True, skip_locked=True)
        ).first()
        if locked is None:
            return 0
        marks = connection.execute(
            select(dirty.c.hour, dirty.c.mark)
            .where(dirty.c.store == store_id)
            .order_by(dirty.c.hour)
            .limit(_HOURS_AT_ONCE)
            .with_for_update(skip_locked=True)
        ).all()
        if not marks:
            return 0
        zone = zone_of(connection, store_id)
        recompute(connection, store_id, zone, [row.hour for row in marks])
        connection.execute(
            delete(dirty).where(
                dirty.c.store == bindparam("of"),
                dirty.c.hour == bindparam("at"),
                dirty.c.mark == bindparam("read"),
            ),
            [{"of": store_id, "at": row.hour, "read": row.mark} for row in marks],
        )
        count_up(connection, {CHANGES: 1})
        return len(marks)


def recompute(connection: Connection, store_id: str, zone: ZoneInfo, hours: Iterable[int]) -> None:
    """Compute the given hours of a shop, and their days, anew from the facts."""
    of_hours = [
        {
            "store": store_id,
            "hour": hour,
            **_figures(connection, store_id, hour, hour_end(hour, zone)),
        }
        for hour in hours
    ]
    days: list[date] = sorted({local_day(row["hour"], zone) for row in of_hours})
    of_days = [
        {"store": store_id, "day": day, **_figures(connection, store_id, *day_bounds(day, zone))}
        for day in days
    ]
    for table, rows in ((hourly, of_hours), (daily, of_days)):
        statement = upsert(connection, table)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=table.primary_key.columns,
                set_={name: statement.excluded[name] for name in (*FIGURES, "basis")},
            ),
            rows,
        )


def _figures(connection: Connection, store_id: str, start: int, end: int) -> dict[str, Any]:
    """Count the facts of a shop from `start` to `end` (UTC seconds, the end excluded)."""
    since, until = (datetime.fromtimestamp(second, UTC) for second in (start, end))
    within = {"of": store_id, "since": since, "until": until}
    crossings = connection.execute(_CROSSED, within).one()
    visits = connection.execute(_VISITED, within).one()
    # Several boxes do not know each other's visitors: one person may be counted by each.
    distinct = visits.shown and not visits.by_crossings and visits.boxes == 1
    return {
        **{name: int(value) for name, value in crossings._mapping.items()},
        **{name: int(visits._mapping[name]) for name in ("visitors", "reentries", "members")},
        "basis": "distinct" if distinct else "crossings",
    }


def _number_of(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count(case((condition, 1)))


def _crossed() -> Executable:
    sums = (func.coalesce(func.sum(crossing_minute.c[n]), 0).label(n) for n in _CROSSINGS)
    return select(*sums).where(*_within(crossing_minute.c.store, crossing_minute.c.minute))


def _visited() -> Executable:
    people = and_(visit.c.void.is_(False), visit.c.who != "staff")
    first = and_(people, visit.c.reentry.is_(False))
    # A check-in without a crossing is a visit, but no visitor; its basis then says nothing here.
    visitors = and_(first, visit.c.counted.is_(True))
    shown = and_(people, or_(visit.c.counted.is_(True), visit.c.reentry.is_(True)))
    return select(
        _number_of(visitors).label("visitors"),
        _number_of(and_(people, visit.c.reentry.is_(True))).label("reentries"),
        _number_of(and_(first, visit.c.who == "member")).label("members"),
        _number_of(and_(shown, visit.c.basis == "crossings")).label("by_crossings"),
        func.count(case((shown, visit.c.box)).distinct()).label("boxes"),
        _number_of(shown).label("shown"),
    ).where(*_within(visit.c.store, visit.c.opened_at))


def _within(store_id: Column[Any], at: Column[Any]) -> tuple[ColumnElement[bool], ...]:
    return store_id == bindparam("of"), at >= bindparam("since"), at < bindparam("until")


# Both are made once: to build a statement takes longer than to run it, and a chain's hub runs them
# for every hour of every shop.
_CROSSED: Final = _crossed()
_VISITED: Final = _visited()
