"""One shop's page: its days, hours, times, staff and Wi-Fi over a period, and a day's usual hours.

Reads rollups and counted days of one shop by their key; the records are what `cloud.pages.shops`
draws. Hours are those of `hourly`, each under its own basis: the page draws one basis at a time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Table, func, select

from cloud.accounts.scope import Scope
from cloud.boxes import zone_or_utc
from cloud.figures.compare import WEEKS
from cloud.figures.metric import Sums
from cloud.figures.period import Period
from cloud.figures.suppress import LEAST
from cloud.hours import day_bounds
from cloud.queries.days import by_basis, by_day
from cloud.queries.funnel import Screens, screens_of
from cloud.queries.shops import Named, one_shop
from cloud.tables import hourly, presence_daily
from cloud.tally.tables import bin_tally, hour_tally, staff_tally


class Hour(Struct, frozen=True, kw_only=True):
    """An hour in which somebody crossed the door; `start` is local."""

    start: datetime
    basis: str
    visitors: int


class DeskHour(Struct, frozen=True, kw_only=True):
    """An hour in which somebody worked at the desk; `start` is local."""

    start: datetime
    served: int
    sales: int
    on_duty: int


class StaffSums(Struct, frozen=True, kw_only=True):
    """What one of the staff did in the period, under a random id."""

    staff: str
    greeted: int
    greeted_30s: int
    members: int
    sales: int


class StreetDay(Struct, frozen=True, kw_only=True):
    """A day of Wi-Fi. `passers` came by, give or take `error` percent, and `captured` of them came
    in; None: not known. `minutes` of it were observed.
    """

    day: date
    basis: str
    minutes: int
    passers: int | None
    captured: int | None
    error: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopPeriod:
    """What is known of a shop over a period.

    `days` are its counts by day and basis; a day of which nothing is known is not in it; of those
    of `year_ago` the visitors alone. `due` are
    those, by basis, of the days of which it is known who came back (`funnel.due_of`). `times`
    are the counts in the bins of `cloud.figures.bins`, by measure. `of_day` and `usual` are the
    hours of `day` and of the same weekday of the weeks before it; `usual_days` are those of these
    days that are known, with their basis. `single`: whether single
    colleagues are told.
    """

    shop: Named
    screens: Screens
    zone: ZoneInfo
    period: Period
    day: date
    days: Mapping[tuple[date, str], Sums]
    year_ago: Mapping[tuple[date, str], Sums]
    due: Mapping[str, Sums]
    hours: tuple[Hour, ...]
    desk: tuple[DeskHour, ...]
    times: Mapping[str, Mapping[int, int]]
    staff: tuple[StaffSums, ...]
    street: tuple[StreetDay, ...]
    of_day: tuple[Hour, ...]
    day_basis: str | None
    usual: tuple[Hour, ...]
    usual_days: Mapping[date, str]
    single: bool = True


TIMED: Final[Mapping[str, str]] = {"wait": "served", "queue": "queue_back"}
"""Of how many guests times are, as a count of the day; of `dwell` there is none."""


def shop_period(
    connection: Connection,
    scope: Scope,
    store_id: str,
    period: Period,
    day: date,
    due: Period,
    least: int = LEAST,
) -> ShopPeriod | None:
    """Return what a shop's page shows; None: there is no such shop, or none that one sees.

    `day` is that of the curve, `due` the days of which it is known who came back.
    """
    shop = one_shop(connection, scope, store_id)
    if shop is None:
        return None
    zone, one = zone_or_utc(shop.timezone), (store_id,)
    before = [day - timedelta(weeks=number) for number in WEEKS]
    then = period.year_ago
    known = _bases(connection, scope, store_id, [day, *before])
    by_weeks = {
        on: _hours(connection, scope, store_id, zone, Period(first=on, last=on))
        for on in (day, *before)
    }
    return ShopPeriod(
        shop=shop,
        screens=screens_of(connection, scope, period, due, least),
        zone=zone,
        period=period,
        day=day,
        days=by_day(connection, scope, period.first, period.last, one),
        due=by_basis(connection, scope, due.first, due.last, one),
        year_ago=by_day(connection, scope, then.first, then.last, one, ("visitors",)),
        hours=_hours(connection, scope, store_id, zone, period),
        desk=_desk(connection, scope, store_id, zone, period),
        times=_times(connection, scope, store_id, period),
        staff=_staff(connection, scope, store_id, period),
        street=_street(connection, scope, store_id, period),
        of_day=by_weeks[day],
        day_basis=known.get(day),
        usual=tuple(hour for on in before for hour in by_weeks[on]),
        usual_days={on: basis for on, basis in known.items() if on != day},
        single=scope.names,
    )


def _of(
    table: Table, scope: Scope, store_id: str, period: Period
) -> tuple[ColumnElement[bool], ...]:
    return (
        table.c.store == store_id,
        scope.only(table.c.store),
        table.c.day.between(period.first, period.last),
    )


def _bases(
    connection: Connection, scope: Scope, store_id: str, days: Sequence[date]
) -> dict[date, str]:
    """Return by what visitors were counted, for those of some days on which they were."""
    found = by_day(connection, scope, min(days), max(days), (store_id,), ("visitors",))
    return {
        day: basis
        for (day, basis), sums in found.items()
        if day in days and sums["visitors"] is not None
    }


def _between(
    table: Table, scope: Scope, store_id: str, zone: ZoneInfo, period: Period
) -> tuple[ColumnElement[bool], ...]:
    begin, end = day_bounds(period.first, zone)[0], day_bounds(period.last, zone)[1]
    hour = table.c.hour
    return table.c.store == store_id, scope.only(table.c.store), hour >= begin, hour < end


def _hours(
    connection: Connection, scope: Scope, store_id: str, zone: ZoneInfo, period: Period
) -> tuple[Hour, ...]:
    rows = connection.execute(
        select(hourly.c.hour, hourly.c.basis, hourly.c.visitors)
        .where(*_between(hourly, scope, store_id, zone, period))
        .order_by(hourly.c.hour)
    )
    return tuple(
        Hour(start=_local(row[0], zone), basis=row[1], visitors=row[2]) for row in rows.all()
    )


@lru_cache(maxsize=20_000)  # a year has 8,766 hours, the same ones in all shops of a zone
def _local(start: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(start, zone)


def _desk(
    connection: Connection, scope: Scope, store_id: str, zone: ZoneInfo, period: Period
) -> tuple[DeskHour, ...]:
    columns = (hour_tally.c.hour, hour_tally.c.served, hour_tally.c.sales, hour_tally.c.on_duty)
    rows = connection.execute(
        select(*columns).where(*_between(hour_tally, scope, store_id, zone, period))
    )
    return tuple(
        DeskHour(start=_local(row[0], zone), served=row[1], sales=row[2], on_duty=row[3])
        for row in rows.all()
    )


def _times(
    connection: Connection, scope: Scope, store_id: str, period: Period
) -> dict[str, dict[int, int]]:
    rows = connection.execute(
        select(bin_tally.c.measure, bin_tally.c.bin, func.sum(bin_tally.c.count))
        .where(*_of(bin_tally, scope, store_id, period))
        .group_by(bin_tally.c.measure, bin_tally.c.bin)
    )
    found: dict[str, dict[int, int]] = {}
    for measure, number, count in rows.all():
        found.setdefault(measure, {})[number] = int(count)
    return found


def _staff(
    connection: Connection, scope: Scope, store_id: str, period: Period
) -> tuple[StaffSums, ...]:
    if not scope.names:
        return ()  # nor is who may not have members named told of single colleagues
    of = staff_tally.c
    names = ("greeted", "greeted_30s", "members", "sales")
    rows = connection.execute(
        select(of.staff, *(func.sum(of[name]) for name in names))
        .where(*_of(staff_tally, scope, store_id, period))
        .group_by(of.staff)
        .order_by(func.sum(of.greeted).desc(), of.staff)
    )
    return tuple(
        StaffSums(
            staff=row[0],
            greeted=int(row[1]),
            greeted_30s=int(row[2]),
            members=int(row[3]),
            sales=int(row[4]),
        )
        for row in rows.all()
    )


def _street(
    connection: Connection, scope: Scope, store_id: str, period: Period
) -> tuple[StreetDay, ...]:
    of = presence_daily.c
    rows = connection.execute(
        select(of.day, of.basis, of.minutes, of.passers, of.captured, of.error)
        .where(*_of(presence_daily, scope, store_id, period))
        .order_by(of.day)
    )
    return tuple(
        StreetDay(
            day=row[0], basis=row[1], minutes=row[2], passers=row[3], captured=row[4], error=row[5]
        )
        for row in rows.all()
    )
