"""Recomputes the hours and days that ingest marked dirty, from the facts; marks the days for
`tally`.

An hour of which a box sent a summary is counted by it, instead of by that box's visits and
minutes. Called by `mqtt`'s rollup thread; safe to repeat, to kill and to run several times at
once. One transaction a shop: it locks the shop, then the marks that it read, counts, and deletes
those marks. A mark set meanwhile either waits for the lock (PostgreSQL: it is an update of the
same row, or a new row once this one is gone) or cannot happen (SQLite: one writer). A mark that
was counted up after it was read stays, and the hour is computed once more.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    true,
    type_coerce,
)

from cloud.aside import CHANGES, count_up
from cloud.boxes import zone_of
from cloud.db import reading, upsert, writing
from cloud.hours import day_bounds, hour_end, local_day
from cloud.presence import recompute_presence
from cloud.retention import kept_from
from cloud.tables import FIGURES, crossing_minute, daily, dirty, hour_summary, hourly, store, visit
from cloud.tally import marks as days

_HOURS_AT_ONCE: Final = 20  # a tenth of a second's work: nothing else is written meanwhile
_HOUR: Final = timedelta(hours=1)
_MS: Final = timedelta(milliseconds=1)
_OF_VISITS: Final = ("visitors", "reentries", "members")
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
        since = kept_from(connection) // 1000
        hours = [row.hour for row in marks]
        recompute(connection, store_id, zone, hours, since)
        days.mark_days(connection, days.days_of_hours(connection, store_id, zone, hours))
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


def recompute(
    connection: Connection, store_id: str, zone: ZoneInfo, hours: Iterable[int], since: int
) -> None:
    """Compute the given hours of a shop, and their days, anew from the facts.

    Those that begin before `since`, in seconds, are final: their facts are gone.
    """
    of_hours = [
        {
            "store": store_id,
            "hour": hour,
            **_figures(connection, store_id, hour, hour_end(hour, zone)),
        }
        for hour in hours
        if hour >= since
    ]
    touched: set[date] = {local_day(row["hour"], zone) for row in of_hours}
    days = sorted(day for day in touched if day_bounds(day, zone)[0] >= since)
    of_days = [
        {"store": store_id, "day": day, **_figures(connection, store_id, *day_bounds(day, zone))}
        for day in days
    ]
    for table, rows in ((hourly, of_hours), (daily, of_days)):
        if not rows:
            continue
        statement = upsert(connection, table)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=table.primary_key.columns,
                set_={name: statement.excluded[name] for name in (*FIGURES, "basis")},
            ),
            rows,
        )
    recompute_presence(connection, store_id, zone, [row["hour"] for row in of_hours], days)


def _figures(connection: Connection, store_id: str, start: int, end: int) -> dict[str, Any]:
    """Count the facts of a shop from `start` to `end` (UTC seconds, the end excluded)."""
    since, until = (datetime.fromtimestamp(second, UTC) for second in (start, end))
    summaries = _summaries(connection, store_id, since, until)
    summed = _summed([row for row in summaries if row.hour >= since])
    counted = _counted(connection, store_id, since, until, beside_summaries=bool(summaries))
    # Several boxes do not know each other's visitors: one person may be counted by each.
    bases, boxes = counted.bases | summed.bases, counted.boxes | summed.boxes
    distinct = bases == {"distinct"} and len(boxes) == 1
    return {
        **{name: counted.figures[name] + summed.figures[name] for name in FIGURES},
        "basis": "distinct" if distinct else "crossings",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Figures, the boxes that counted visits in them, and by what."""

    figures: Mapping[str, int]
    boxes: frozenset[str]
    bases: frozenset[str]


def _summaries(
    connection: Connection, store_id: str, since: datetime, until: datetime
) -> Sequence[Row[Any]]:
    """Return the summaries of hours that reach into a span."""
    within = {"of": store_id, "since": since - _HOUR, "until": until}
    return connection.execute(_SUMMARIES, within).all()


_OF: Final[ColumnElement[str]] = bindparam("of")
_SINCE: Final = bindparam("since", type_=hour_summary.c.hour.type)
_UNTIL: Final = bindparam("until", type_=hour_summary.c.hour.type)
_SUMMARIES: Final = (
    select(hour_summary)
    .where(hour_summary.c.store == _OF)
    .where(hour_summary.c.hour > _SINCE, hour_summary.c.hour < _UNTIL)
)


def _summed(rows: Sequence[Row[Any]]) -> _Part:
    """Add up hours that boxes sent instead of their visits and minutes."""
    shown = [row for row in rows if row.visitors or row.reentries]
    return _Part(
        figures={name: sum(row._mapping[name] for row in rows) for name in FIGURES},
        boxes=frozenset(row.box for row in shown),
        bases=frozenset(row.basis for row in shown),
    )


def _stands(
    table: Table, moment: Column[datetime], *, beside_summaries: bool
) -> ColumnElement[bool]:
    """Return the condition that no summary of its box stands for a row."""
    if not beside_summaries:
        return true()
    at, hour = (type_coerce(column, BigInteger) for column in (moment, hour_summary.c.hour))
    return ~(
        select(hour_summary.c.hour)
        .where(hour_summary.c.store == table.c.store, hour_summary.c.box == table.c.box)
        .where(hour <= at, hour > at - literal_column(str(_HOUR // _MS)))
        .exists()
    )


def _crossings(*, beside_summaries: bool) -> Select[Any]:
    """Return the question for the minutes for which no summary stands."""
    return (
        select(*(func.coalesce(func.sum(crossing_minute.c[n]), 0).label(n) for n in _CROSSINGS))
        .where(crossing_minute.c.store == _OF)
        .where(crossing_minute.c.minute >= _SINCE, crossing_minute.c.minute < _UNTIL)
        .where(
            _stands(crossing_minute, crossing_minute.c.minute, beside_summaries=beside_summaries)
        )
    )


def _visits(*, beside_summaries: bool) -> Select[Any]:
    """Return the question for the visits for which no summary stands, by box and basis."""
    people = and_(visit.c.void.is_(False), visit.c.who != "staff")
    first = and_(people, visit.c.reentry.is_(False))
    # A check-in without a crossing is a visit, but no visitor; its basis then says nothing here.
    visitors = and_(first, visit.c.counted.is_(True))
    shown = and_(people, or_(visit.c.counted.is_(True), visit.c.reentry.is_(True)))
    return (
        select(
            visit.c.box,
            visit.c.basis,
            _number_of(visitors).label("visitors"),
            _number_of(and_(people, visit.c.reentry.is_(True))).label("reentries"),
            _number_of(and_(first, visit.c.who == "member")).label("members"),
            _number_of(shown).label("shown"),
        )
        .where(visit.c.store == _OF)
        .where(visit.c.opened_at >= _SINCE, visit.c.opened_at < _UNTIL)
        .where(_stands(visit, visit.c.opened_at, beside_summaries=beside_summaries))
        .group_by(visit.c.box, visit.c.basis)
    )


def _number_of(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count(case((condition, 1)))


# Built once: to build a statement takes longer than to run it, and a chain's hub runs these for
# every hour of every shop.
_QUESTIONS: Final = {
    beside: (_crossings(beside_summaries=beside), _visits(beside_summaries=beside))
    for beside in (False, True)
}


def _counted(
    connection: Connection,
    store_id: str,
    since: datetime,
    until: datetime,
    *,
    beside_summaries: bool,
) -> _Part:
    """Count the visits and minutes for which no summary stands."""
    within = {"of": store_id, "since": since, "until": until}
    crossed, visited = _QUESTIONS[beside_summaries]
    crossings = connection.execute(crossed, within).one()
    rows = connection.execute(visited, within).all()
    named = [row for row in rows if row.shown]
    return _Part(
        figures={
            **{name: int(value) for name, value in crossings._mapping.items()},
            **{n: sum(row._mapping[n] for row in rows) for n in _OF_VISITS},
        },
        boxes=frozenset(row.box for row in named),
        bases=frozenset(row.basis for row in named),
    )
