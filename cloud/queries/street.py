"""What the page of passers-by shows: rollups of Wi-Fi, and one shop's minutes of today.

The minutes are the only facts that a page reads: those of one shop and one day, by their key.
A shop without Wi-Fi has no row, and says so: that is not zero.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from operator import attrgetter
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from cloud.accounts.scope import Scope
from cloud.boxes import zone_or_utc
from cloud.bulk import NAMED_AT_ONCE
from cloud.hours import day_bounds, hours_of_day
from cloud.tables import STAYS, daily, presence_daily, presence_hourly, presence_minute, store
from cloud.views import ShopStreet, StreetHour, StreetMinutes, StreetToday, on_page

LATELY: Final = timedelta(days=14)
"""A shop that was heard so lately has Wi-Fi, if not today."""
_HUNDREDTHS: Final = 100
_MINUTE: Final = timedelta(minutes=1)
_STAYS: Final = attrgetter(*STAYS)
_SHOPS: Final = select(store.c.id, store.c.name, store.c.timezone).order_by(store.c.id)


def street_today(
    connection: Connection, scope: Scope, now: datetime, page: int | None = None
) -> StreetToday:
    """Return all shops today that somebody sees.

    Args:
        connection: a transaction on the hub's database.
        scope: which shops these are.
        now: an aware moment.
        page: the page whose shops have their hours (`views.on_page`, of those with Wi-Fi); None:
            all have them.
    """
    shops = connection.execute(_SHOPS.where(scope.only(store.c.id))).all()
    found = _streets(connection, scope, shops, now, page)
    return StreetToday(now=now.astimezone(UTC), shops=found)


def street_of(
    connection: Connection, scope: Scope, store_id: str, now: datetime
) -> StreetMinutes | None:
    """Return one shop today by the minute; None: there is no such shop, or none that one sees."""
    this = _SHOPS.where(store.c.id == store_id, scope.only(store.c.id))
    shops = connection.execute(this).all()
    if not shops:
        return None
    (shop,) = _streets(connection, scope, shops, now, None)
    zone = zone_or_utc(shop.timezone)
    first, after = (datetime.fromtimestamp(s, UTC) for s in day_bounds(shop.day, zone))
    rows = connection.execute(
        select(presence_minute.c.minute, func.max(presence_minute.c.classes))
        .where(presence_minute.c.store == store_id)
        .where(presence_minute.c.minute >= first, presence_minute.c.minute < after)
        .group_by(presence_minute.c.minute)
    )
    found: dict[datetime, int] = {row[0]: row[1] for row in rows.all()}
    count = (after - first) // _MINUTE
    return StreetMinutes(
        shop=shop,
        now=now.astimezone(zone),
        start=first.astimezone(zone),
        minutes=tuple(found.get(first + number * _MINUTE) for number in range(count)),
    )


def _streets(
    connection: Connection, scope: Scope, shops: Sequence[Any], now: datetime, page: int | None
) -> tuple[ShopStreet, ...]:
    in_zones = {
        name: now.astimezone(zone_or_utc(name)).date() for name in {shop.timezone for shop in shops}
    }
    days = {shop.id: in_zones[shop.timezone] for shop in shops}
    of_days = _days(connection, scope, days)
    heard = _heard(connection, scope, days, of_days, now)
    sensing = [shop for shop in shops if shop.id in heard]
    drawn = sensing if page is None else [sensing[at] for at in on_page(len(sensing), page)]
    hours = _hours(
        connection, {shop.id: shop.timezone for shop in drawn if shop.id in of_days}, days
    )
    bases = _bases(connection, scope, days)
    return tuple(
        _street(
            shop,
            days[shop.id],
            of_days.get(shop.id),
            bases.get(shop.id, "crossings"),
            heard.get(shop.id),
            hours.get(shop.id, ()),
        )
        for shop in shops
    )


def _heard(
    connection: Connection,
    scope: Scope,
    days: Mapping[str, date],
    of_days: Mapping[str, Any],
    now: datetime,
) -> dict[str, date]:
    """Return the last day on which Wi-Fi was observed, of shops where that is not long ago."""
    heard = {name: row.day for name, row in of_days.items() if row.minutes}
    others = [name for name in days if name not in heard]
    if not others:
        return heard
    of = presence_daily.c
    # The latest of each by its key: to group two weeks of all shops takes three times as long.
    last = (
        select(of.day)
        .where(of.store == store.c.id, of.day >= (now - LATELY).date(), of.minutes > 0)
        .order_by(of.day.desc())
        .limit(1)
        .correlate(store)
        .scalar_subquery()
    )
    question = select(store.c.id, last).where(scope.only(store.c.id))
    if len(others) <= NAMED_AT_ONCE:
        question = question.where(store.c.id.in_(others))
    before = {row[0]: row[1] for row in connection.execute(question).all() if row[1]}
    return heard | {name: before[name] for name in others if name in before}


def _days(connection: Connection, scope: Scope, days: Mapping[str, date]) -> dict[str, Any]:
    rows = connection.execute(
        select(presence_daily)
        .where(presence_daily.c.day.in_(set(days.values())))
        .where(scope.only(presence_daily.c.store))
    )
    return {row.store: row for row in rows.all() if row.day == days.get(row.store)}


def _bases(connection: Connection, scope: Scope, days: Mapping[str, date]) -> dict[str, str]:
    """Return by what today's visitors are counted; for shops in which somebody was counted."""
    rows = connection.execute(
        select(daily.c.store, daily.c.day, daily.c.basis)
        .where(daily.c.day.in_(set(days.values())))
        .where(scope.only(daily.c.store))
    )
    return {name: basis for name, day, basis in rows.all() if day == days.get(name)}


def _hours(
    connection: Connection, zones: Mapping[str, str], days: Mapping[str, date]
) -> dict[str, tuple[StreetHour, ...]]:
    if not zones:
        return {}
    starts = {
        (day, zone): _starts(day, zone_or_utc(zone))
        for day, zone in {(days[name], zone) for name, zone in zones.items()}
    }
    known = [start for of_day in starts.values() for start, _ in of_day]
    question = _OF_HOURS.where(presence_hourly.c.hour.between(min(known), max(known)))
    if len(zones) <= NAMED_AT_ONCE:
        question = question.where(presence_hourly.c.store.in_(list(zones)))
    rows = connection.execute(question)
    found: dict[str, dict[int, Any]] = defaultdict(dict)
    for name, hour, *told in rows.all():
        found[name][hour] = told
    return {
        name: tuple(
            [_hour(begins, found[name].get(start)) for start, begins in starts[days[name], zone]]
        )
        for name, zone in zones.items()
    }


def _starts(day: date, zone: ZoneInfo) -> tuple[tuple[int, datetime], ...]:
    """Return the hours of a day, as the table has them and as people read them."""
    return tuple((start, datetime.fromtimestamp(start, zone)) for start in hours_of_day(day, zone))


_OF_HOURS: Final = select(
    *(presence_hourly.c.store, presence_hourly.c.hour, presence_hourly.c.minutes),
    *(presence_hourly.c.footfall, presence_hourly.c.passers, presence_hourly.c.captured),
)


def _hour(start: datetime, told: Any | None) -> StreetHour:
    if told is None:
        return StreetHour(start=start, minutes=0, footfall=0.0, passers=None, captured=None)
    minutes, footfall, passers, captured = told
    return StreetHour(
        start=start,
        minutes=minutes,
        footfall=footfall / _HUNDREDTHS,
        passers=passers,
        captured=captured,
    )


def _street(
    shop: Any,
    day: date,
    row: Any | None,
    basis: str,
    heard_on: date | None,
    hours: tuple[StreetHour, ...],
) -> ShopStreet:
    return ShopStreet(
        store_id=shop.id,
        name=shop.name,
        timezone=shop.timezone,
        day=day,
        basis=row.basis if row and row.captured is not None else basis,
        passers=row.passers if row else None,
        captured=row.captured if row else None,
        error=row.error if row else None,
        learnt=row.learnt if row else 0,
        needed=row.needed if row else 0,
        minutes=row.minutes if row else 0,
        heard_on=heard_on,
        hours=hours,
        stays=_STAYS(row) if row and hours and row.stays else (),
    )
