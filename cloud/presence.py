"""Recomputes the hours and days of Wi-Fi from the facts, where there are any. Called by `rollup`.

    presence_minute ┐
    presence_hour   ┴─> presence_hourly ─┐
    hourly (visitors) ───────────────────┴─> presence_daily

Several radios of one shop hear the same pavement: their figures are not added up, the largest
counts. An hour that has closed is the box's own word on it; before, its minutes are added up.
`captured` are the visitors of the hours in which the passers-by are known and the cameras saw all
of the hour: the capture rate is the one by the other, and of one basis only.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Row, Table, bindparam, func, or_, select

from cloud.db import upsert
from cloud.hours import day_bounds, hour_end
from cloud.tables import (
    STAYS,
    hourly,
    presence_daily,
    presence_hour,
    presence_hourly,
    presence_minute,
)

_OF: Final[ColumnElement[str]] = bindparam("of")
_SINCE: Final = bindparam("since", type_=presence_minute.c.minute.type)
_UNTIL: Final = bindparam("until", type_=presence_minute.c.minute.type)
_IN_MINUTES: Final = (
    (presence_minute.c.store == _OF)
    & (presence_minute.c.minute >= _SINCE)
    & (presence_minute.c.minute < _UNTIL)
)
_IN_HOURS: Final = (
    (presence_hour.c.store == _OF)
    & (presence_hour.c.hour >= _SINCE)
    & (presence_hour.c.hour < _UNTIL)
)
_ANY: Final = select(
    or_(
        select(presence_minute.c.minute).where(_IN_MINUTES).exists(),
        select(presence_hour.c.hour).where(_IN_HOURS).exists(),
    )
)
_MINUTES: Final = (
    select(
        presence_minute.c.box,
        func.count().label("minutes"),
        func.sum(presence_minute.c.footfall).label("footfall"),
        func.max(presence_minute.c.classes).label("peak"),
        func.sum(presence_minute.c.probes).label("probes"),
    )
    .where(_IN_MINUTES)
    .group_by(presence_minute.c.box)
)
_HOURS: Final = select(presence_hour).where(_IN_HOURS)
_SENSED: Final = (
    *("minutes", "footfall", "peak", "probes", "passers", "captured", "error"),
    *("basis", "learnt", "needed"),
    *STAYS,
)


def recompute_presence(
    connection: Connection,
    store_id: str,
    zone: ZoneInfo,
    hours: Sequence[int],
    days: Iterable[date],
) -> None:
    """Compute hours of a shop (UTC seconds), and days, anew; `hourly` is up to date already."""
    if not hours:
        return
    span = _span(min(hours), max(hour_end(hour, zone) for hour in hours))
    if not connection.execute(_ANY, {"of": store_id, **span}).scalar():
        return
    visitors = _visitors(connection, store_id, hours)
    of_hours = [
        {"store": store_id, "hour": hour, **found}
        for hour in hours
        if (found := _hour(connection, store_id, hour, hour_end(hour, zone), visitors.get(hour)))
    ]
    _write(connection, presence_hourly, of_hours)
    of_days = [
        {"store": store_id, "day": day, **found}
        for day in days
        if (found := _day(connection, store_id, *day_bounds(day, zone)))
    ]
    _write(connection, presence_daily, of_days)


def _span(start: int, end: int) -> dict[str, datetime]:
    return {
        "since": datetime.fromtimestamp(start, UTC),
        "until": datetime.fromtimestamp(end, UTC),
    }


def _visitors(
    connection: Connection, store_id: str, hours: Sequence[int]
) -> dict[int, tuple[int, str]]:
    rows = connection.execute(
        select(hourly.c.hour, hourly.c.visitors, hourly.c.basis).where(
            hourly.c.store == store_id, hourly.c.hour.in_(hours)
        )
    )
    return {hour: (visitors, basis) for hour, visitors, basis in rows.all()}


def _hour(
    connection: Connection,
    store_id: str,
    start: int,
    end: int,
    visitors: tuple[int, str] | None,
) -> dict[str, Any] | None:
    """Return the figures of an hour; None if no radio said anything of it."""
    within = {"of": store_id, **_span(start, end)}
    counted = connection.execute(_MINUTES, within).all()
    closed = connection.execute(_HOURS, within).all()
    if not counted and not closed:
        return None
    best = max(closed, key=_by_passers, default=None)
    came, basis = visitors or (0, "crossings")
    seen = best is not None and all(row.visitors is not None for row in closed)
    return {
        "minutes": max(row.minutes for row in (*counted, *closed)),
        "footfall": max(int(row.footfall) for row in (*counted, *closed)),
        "peak": max((row.peak for row in counted), default=0),
        "probes": max((int(row.probes) for row in counted), default=0),
        "passers": best.passers if best else None,
        "captured": came if best and seen and best.passers is not None else None,
        "error": best.error if best else None,
        "basis": basis,
        "learnt": best.learnt if best else 0,
        "needed": best.needed if best else 0,
        **{name: best._mapping[name] if best else None for name in STAYS},
    }


def _by_passers(row: Row[Any]) -> tuple[int, int]:
    return (-1 if row.passers is None else row.passers), row.learnt


def _day(connection: Connection, store_id: str, start: int, end: int) -> dict[str, Any] | None:
    """Add up the hours of a day; None if no radio said anything of it."""
    rows = connection.execute(
        select(presence_hourly)
        .where(presence_hourly.c.store == store_id)
        .where(presence_hourly.c.hour >= start, presence_hourly.c.hour < end)
        .order_by(presence_hourly.c.hour)
    ).all()
    if not rows:
        return None
    told = [row for row in rows if row.captured is not None]
    bases = {row.basis for row in told}
    last = next((row for row in reversed(rows) if row.needed), rows[-1])
    stayed = next((row for row in reversed(rows) if row.stays), None)
    return {
        "minutes": sum(row.minutes for row in rows),
        "footfall": sum(row.footfall for row in rows),
        "peak": max(row.peak for row in rows),
        "probes": sum(row.probes for row in rows),
        # Of the hours in which both are known: the one may be set against the other.
        "passers": sum(row.passers for row in told) if told else None,
        "captured": sum(row.captured for row in told) if len(bases) == 1 else None,
        # Hours err together, by the same radio and the same phones: no square root of their number.
        "error": max((row.error for row in told if row.error is not None), default=None),
        "basis": bases.pop() if len(bases) == 1 else last.basis,
        "learnt": last.learnt,
        "needed": last.needed,
        # Of the day so far, told with each hour; the key that they are known by goes at midnight.
        **{name: stayed._mapping[name] if stayed else None for name in STAYS},
    }


def _write(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    statement = upsert(connection, table)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=table.primary_key.columns,
            set_={name: statement.excluded[name] for name in _SENSED},
        ),
        rows,
    )
