"""Years of a simulated chain straight into the rollups: shops, boxes, hours and days.

For the speed of pages and for demonstrations; no fact stands behind these rows, and a rollup of
one of their hours would find nothing. A row is written for every hour of every day, also for
those in which nobody came: as many rows as a chain has that never closes. Visitors are those
that the facts of the same day would hold; the other figures follow from them by shares.

Called by `command`; SQLite takes the rows by `executemany`, PostgreSQL by COPY, a few shops a
transaction.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from operator import add
from random import Random
from typing import Any, Final

from sqlalchemy import Connection, Engine, Insert, Table, insert

from cloud.bulk import Bulk
from cloud.db import writing
from cloud.simulate.calendar import clock_hours, days_between
from cloud.simulate.chain import VERSION, Box, Shop
from cloud.simulate.day import MEMBERS, RETURNS, TURNED_BACK
from cloud.simulate.plan import OpenHour, day_random, plan
from cloud.simulate.wifi import LEARNT, NEEDED, classes_of, is_learning, sensed, stays
from cloud.tables import FIGURES, box, daily, hourly, presence_daily, presence_hourly, store

_SHOPS_AT_ONCE: Final = 20
_OFFLINE_S: Final = 5 * 3600
_STAFF_HOURS: Final = 0.3  # share of the hours in which staff cross the door
_OUTSIDE_HOURS: Final = 0.1
_LINES_AT_ONCE: Final = 10_000
_ZEROS: Final = (0,) * len(FIGURES)
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """How many rows were written."""

    shops: int
    boxes: int
    days: int
    hours: int
    visitors: int


def fill(
    engine: Engine,
    chain: Sequence[Shop],
    *,
    seed: int,
    years: float,
    now: datetime,
    told: Callable[[int], None],
) -> Filled:
    """Write shops, boxes and their rollups of the years up to a moment.

    Args:
        engine: a migrated database that holds none of these shops.
        chain: the shops.
        seed: of their days.
        years: of 365 days; the last day is the one that holds `now`, up to the hour of `now`.
        now: an aware moment.
        told: is told after each transaction how many shops are done.
    """
    days_back = round(years * 365) - 1
    hours_written = days_written = visitors = 0
    for start in range(0, len(chain), _SHOPS_AT_ONCE):
        shops = chain[start : start + _SHOPS_AT_ONCE]
        hours: list[Row] = []
        days: list[Row] = []
        heard: list[Row] = []
        heard_days: list[Row] = []
        for shop in shops:
            today = now.astimezone(shop.zone).date()
            first = today - timedelta(days=days_back)
            for day in days_between(first, today + timedelta(days=1)):
                _day_rows(seed, shop, day, int(now.timestamp()), hours, days)
                _heard(seed, shop, day, int(now.timestamp()), heard, heard_days)
        with writing(engine) as connection:
            _introduce(connection, shops, now)
            write_rows(connection, hourly, hours)
            write_rows(connection, daily, days)
            write_rows(connection, presence_hourly, heard)
            write_rows(connection, presence_daily, heard_days)
        hours_written += len(hours)
        days_written += len(days)
        visitors += sum(row[2] for row in days)
        told(start + len(shops))
    return Filled(
        shops=len(chain),
        boxes=sum(len(shop.boxes) for shop in chain),
        days=days_written,
        hours=hours_written,
        visitors=visitors,
    )


def _day_rows(
    seed: int, shop: Shop, day: date, now: int, hours: list[Row], days: list[Row]
) -> None:
    """Append a shop's hours of a day up to now, and the day."""
    by_hour: dict[int, list[int]] = {}
    for one in shop.boxes:
        random = day_random(seed, one, day)
        until = now - _OFFLINE_S if one.fault == "offline" else now
        for hour in plan(random, shop, one, day):
            if hour.begin < until:
                passed = min(1.0, (until - hour.begin) / (hour.end - hour.begin))
                figures = _figures(random, one, shop, hour, round(hour.visitors * passed))
                known = by_hour.get(hour.start)
                by_hour[hour.start] = _sum(known, figures) if known else figures
    basis = shop.boxes[0].basis
    total = list(_ZEROS)
    for start, _ in clock_hours(day, shop.zone):
        if start > now:
            break
        if figures := by_hour.get(start, []):
            total = _sum(total, figures)
        hours.append((shop.id, start, *(figures or _ZEROS), basis))
    days.append((shop.id, day, *total, basis))


def _heard(seed: int, shop: Shop, day: date, now: int, hours: list[Row], days: list[Row]) -> None:
    """Append the closed hours of a shop's Wi-Fi, and the day; what it learnt it has learnt."""
    first = shop.boxes[0]
    if not first.wifi or is_learning(shop):
        return
    until = now - _OFFLINE_S if first.fault == "offline" else now
    spans = plan(day_random(seed, first, day), shop, first, day)
    closed = [hour for hour in spans if hour.end <= until]
    rest = (first.basis, LEARNT, NEEDED)
    rows = [
        (
            *(shop.id, one.start, min(60, len(one.minutes)), sum(one.minutes)),
            *(classes_of(max(one.minutes)), sum(one.minutes) // 14),
            *(one.passers, hour.visitors, one.error, *rest, *stays(hour.visitors)),
        )
        for hour, one in zip(closed, sensed(seed, shop, first, day, closed), strict=True)
    ]
    if rows:
        hours += rows
        columns = list(zip(*rows, strict=True))
        minutes, footfall, probes, passers, captured = (sum(columns[n]) for n in (2, 3, 5, 6, 7))
        peak, error = max(columns[4]), max(columns[8])
        of_day = (
            minutes,
            footfall,
            peak,
            probes,
            passers,
            captured,
            error,
            *rest,
            *stays(captured),
        )
        days.append((shop.id, day, *of_day))


def _sum(one: Sequence[int], other: Sequence[int]) -> list[int]:
    return list(map(add, one, other))


def _figures(random: Random, one: Box, shop: Shop, hour: OpenHour, visitors: int) -> list[int]:
    """Return an hour's figures, in the order of `FIGURES`."""
    chance = random.random()  # one for all: shares of small numbers are rounded by it
    members = int(visitors * MEMBERS + chance) if one.mode == "entrance" else 0
    reentries = int(members * RETURNS + chance)
    turned_back = int(visitors * TURNED_BACK + chance)
    entered = visitors + reentries + turned_back
    staff = shop.staff if chance < _STAFF_HOURS else 0
    outside = int(chance < _OUTSIDE_HOURS)  # a delivery early, somebody who leaves late
    left = max(0, entered - outside)
    return [visitors, reentries, members, staff, entered, left, outside, outside, turned_back]


def _introduce(connection: Connection, shops: Sequence[Shop], now: datetime) -> None:
    connection.execute(
        insert(store), [{"id": s.id, "name": s.name, "timezone": s.zone.key} for s in shops]
    )
    connection.execute(insert(box), [_box_row(one, now) for shop in shops for one in shop.boxes])


def _box_row(one: Box, now: datetime) -> dict[str, Any]:
    """Return the row of a box as its last heartbeat left it."""
    heard = now - timedelta(seconds=_OFFLINE_S if one.fault == "offline" else 0)
    return {
        "store": one.store,
        "id": one.id,
        "session": "0" * 32,
        "state": "offline" if one.fault == "offline" else "online",
        "last_seen": heard,
        "last_fact_at": heard,
        "version": VERSION,
        "mode": one.mode,
        "mode_wanted": one.mode,
        "clock": "suspect" if one.fault == "suspect" else "ok",
        "heartbeat_at": heard,
        "backlog": 0,
        "occupancy": 0,
        "cameras": [list(camera) for camera in one.states()],
    }


def write_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Write rows of new keys to a rollup; a row has the table's columns in order."""
    if not rows:
        return
    names = [column.name for column in table.columns]
    if connection.dialect.name != "postgresql":
        _INSERT[table.name].run(connection, [(row[0], _plain(row[1]), *row[2:]) for row in rows])
        return
    columns = ", ".join(f'"{name}"' for name in names)  # left is a word of SQL
    driver: Any = connection.connection.driver_connection
    with driver.cursor().copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy:
        for start in range(0, len(rows), _LINES_AT_ONCE):
            some = rows[start : start + _LINES_AT_ONCE]
            # Ids, dates, numbers and a word: nothing that COPY's text form would have to escape.
            copy.write("".join(["\t".join(map(str, row)) + "\n" for row in some]))


def _plain(value: Any) -> Any:
    """Return a date as SQLite keeps it."""
    return value.isoformat() if isinstance(value, date) else value


def _insert(table: Table, _connection: Connection) -> Insert:
    return insert(table)


_INSERT: Final = {
    table.name: Bulk(partial(_insert, table), [column.name for column in table.columns])
    for table in (hourly, daily, presence_hourly, presence_daily)
}
