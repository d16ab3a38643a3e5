"""Appointments: how they were booked, what became of them, and shops' weeks in a row."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from msgspec import Struct, structs
from sqlalchemy import Column, ColumnElement, Connection, and_, case, func, or_, select

from cloud.accounts.scope import Scope
from cloud.figures.metric import Sums
from cloud.figures.weekly import WEEKS
from cloud.hours import day_bounds, zone_named
from cloud.queries.days import Shops, only
from cloud.queries.summed import summed
from cloud.tables import box, store
from cloud.tally.tables import booking_tally, day_tally, reason_tally

_DAY: Final = timedelta(days=1)
_DAYS: Final = 7


class Weeks(Struct, frozen=True, kw_only=True):
    """A shop's bookings in nine weeks up to its last whole day, the oldest week first.

    None: not known, or not of every day.
    """

    name: str
    last: date
    booked: tuple[int | None, ...]


def by_way(
    connection: Connection, scope: Scope, first: date, last: date, shops: Shops = None
) -> dict[str, Sums]:
    """Return what became of the appointments for a period, by how they were booked."""
    rows = summed(connection, scope, booking_tally, first, last, ("channel",), shops)
    return {channel: sums for (channel,), sums in rows.items()}


def reasons(
    connection: Connection, scope: Scope, first: date, last: date, shops: Shops = None
) -> dict[str, int]:
    """Return how many did not come for each reason; "": nobody said why."""
    rows = summed(connection, scope, reason_tally, first, last, ("reason",), shops)
    return {reason: sums["count"] or 0 for (reason,), sums in rows.items()}


def weeks(
    connection: Connection, scope: Scope, now: datetime, shops: Shops = None
) -> dict[str, Weeks]:
    """Return the weeks of each shop that knows its bookings of yesterday, by its id.

    A shop whose boxes have not told all of it yet has no last week: what is missing is not a drop.
    """
    zones = connection.execute(
        select(store.c.timezone).distinct().where(_ours(scope, store.c.id, shops))
    )
    found: dict[str, Weeks] = {}
    for zone in zones.scalars().all():
        last, over = _yesterday(zone, now)
        behind = _behind(connection, scope, zone, over, shops)
        for store_id, one in _of_zone(connection, scope, zone, last, shops).items():
            late = structs.replace(one, booked=(*one.booked[:-1], None))
            found[store_id] = late if store_id in behind else one
    return found


def _ours(scope: Scope, of: Column[Any], shops: Shops) -> ColumnElement[bool]:
    condition = scope.only(of)
    return condition if shops is None else condition & of.in_(sorted(shops))


def _yesterday(name: str, now: datetime) -> tuple[date, datetime]:
    """Return the last whole day of a zone, and when it was over."""
    try:
        zone = zone_named(name)
    except ValueError:
        zone = zone_named("UTC")
    last = now.astimezone(zone).date() - _DAY
    return last, datetime.fromtimestamp(day_bounds(last, zone)[1], UTC)


def _of_zone(
    connection: Connection, scope: Scope, zone: str, last: date, shops: Shops
) -> dict[str, Weeks]:
    # From the one day first, by its index: in most shops of a chain nothing is booked at all.
    there, day = day_tally.alias("there"), day_tally.c.day
    ends = [last - 7 * back * _DAY for back in range(WEEKS, -1, -1)]
    week = case(*((day <= end, number) for number, end in enumerate(ends))).label("week")
    booked = day_tally.c.booked
    rows = connection.execute(
        select(store.c.id, store.c.name, week, func.sum(booked), func.count(booked))
        .select_from(there)
        .join(store, store.c.id == there.c.store)
        .join(day_tally, day_tally.c.store == there.c.store)
        .where(
            there.c.day == last,
            there.c.booked.is_not(None),
            store.c.timezone == zone,
            day.between(ends[0] - 6 * _DAY, last),
            only(day_tally, scope, shops),
        )
        .group_by(store.c.id, store.c.name, week)
    )
    names: dict[str, str] = {}
    told: dict[str, list[int | None]] = defaultdict(lambda: [None] * (WEEKS + 1))
    for store_id, name, number, count, days in rows:
        names[store_id] = name
        # Half a week is no week.
        told[store_id][number] = int(count) if days == _DAYS else None
    return {
        store_id: Weeks(name=names[store_id], last=last, booked=tuple(booked))
        for store_id, booked in told.items()
    }


def _behind(
    connection: Connection, scope: Scope, zone: str, over: datetime, shops: Shops
) -> frozenset[str]:
    """Return the shops of which a box may still have to tell something of before a moment."""
    rows = connection.execute(
        select(box.c.store)
        .join(store, store.c.id == box.c.store)
        .where(
            store.c.timezone == zone,
            _ours(scope, box.c.store, shops),
            or_(box.c.last_seen < over, and_(box.c.backlog > 0, box.c.oldest_unacked_at < over)),
        )
    )
    return frozenset(rows.scalars())
