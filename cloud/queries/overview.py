"""What head office's first page asks of the counted days. Called by `morning`, which remembers.

Everything goes by the index of days: a day of all shops is one row a shop, and the chain's sums
are there (`chain_tally`) for whoever sees every shop.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, or_, select, true

from cloud.accounts.scope import Scope
from cloud.boxes import zone_or_utc
from cloud.bulk import some_at_once
from cloud.figures.metric import METRICS, Sums
from cloud.queries.morning_views import Bins, Grid, ShopDays
from cloud.tables import daily, store
from cloud.tally.tables import bin_tally, chain_tally, day_tally
from cloud.views import PAGE_SHOPS, on_page

OF_VISITORS: Final = ("visitors", "member_share", "conversion", "capture_rate")
"""Figures that stand apart by basis."""
OF_PEOPLE: Final = ("members_new", "members_back", "kept_share")
GRID_DAYS: Final = 28
_COUNTS: Final = tuple(
    sorted(
        {
            name
            for key in (*OF_VISITORS, *OF_PEOPLE)
            for name in (*METRICS[key].top, *METRICS[key].bottom)
        }
        | {"served"}
    )
)


def sums_of_days(
    connection: Connection, scope: Scope, days: Collection[date]
) -> dict[tuple[date, str], Sums]:
    """Return what the page needs of some days, by day and basis."""
    whole = scope.shops is None
    table = chain_tally if whole else day_tally
    basis = table.c.basis if whole else func.coalesce(table.c.basis, "")
    sums = (func.sum(table.c[name]) for name in _COUNTS)
    chosen = select(table.c.day, basis, *sums).where(table.c.day.in_(sorted(days)))
    if not whole:
        chosen = chosen.where(scope.only(day_tally.c.store))
    rows = connection.execute(chosen.group_by(table.c.day, basis)).all()
    return {
        (day, of): {
            name: None if value is None else int(value)
            for name, value in zip(_COUNTS, values, strict=True)
        }
        for day, of, *values in rows
    }


def known_on(
    connection: Connection, scope: Scope, day: date
) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """Return how many shops have a day, by basis; and how many of them know each count."""
    basis = func.coalesce(day_tally.c.basis, "")
    counts = (func.count(day_tally.c[name]) for name in _COUNTS)
    rows = connection.execute(
        select(basis, func.count(), *counts)
        .where(day_tally.c.day == day, scope.only(day_tally.c.store))
        .group_by(basis)
    ).all()
    known = {row[0]: dict(zip(_COUNTS, row[2:], strict=True)) for row in rows}
    return {row[0]: row[1] for row in rows}, known


def waits_on(connection: Connection, scope: Scope, day: date) -> Bins:
    """Return how long guests waited to be greeted on a day, all shops together."""
    rows = connection.execute(
        select(bin_tally.c.bin, func.sum(bin_tally.c.count))
        .where(bin_tally.c.day == day, bin_tally.c.measure == "wait")
        .where(scope.only(bin_tally.c.store))
        .group_by(bin_tally.c.bin)
    )
    return {number: int(count) for number, count in rows.all()}


def shops_on(
    connection: Connection, scope: Scope, day: date
) -> list[tuple[str, str, int | None, int | None, int | None]]:
    """Return of each shop on a day: id, basis, visitors, sales, and visitors where there is a till.

    Only days on which visitors were counted.
    """
    of = day_tally.c
    rows = connection.execute(
        select(of.store, of.basis, of.visitors, of.sales, of.till_visitors)
        .where(of.day == day, of.visitors.is_not(None), of.basis.is_not(None))
        .where(scope.only(of.store))
    )
    return [tuple(row) for row in rows.all()]


def visitors_on(
    connection: Connection, scope: Scope, days: Sequence[date]
) -> dict[tuple[str, str], dict[date, int]]:
    """Return each shop's visitors on some days, by shop and basis."""
    of = day_tally.c
    rows = connection.execute(
        select(of.store, of.basis, of.day, of.visitors)
        .where(of.day.in_(days), of.visitors.is_not(None), of.basis.is_not(None))
        .where(scope.only(of.store))
    )
    found: dict[tuple[str, str], dict[date, int]] = defaultdict(dict)
    for shop, basis, day, visitors in rows.all():
        found[shop, basis][day] = visitors
    return found


def names_of(connection: Connection, scope: Scope, shops: Collection[str]) -> dict[str, str]:
    """Return the names of shops."""
    found: dict[str, str] = {}
    for some in some_at_once(sorted(shops)):
        rows = connection.execute(
            select(store.c.id, store.c.name).where(store.c.id.in_(some), scope.only(store.c.id))
        )
        found |= {row.id: row.name for row in rows}
    return found


def grid(connection: Connection, scope: Scope, last: date, find: str, page: int) -> Grid:
    """Return some shops' visitors of the days up to `last`.

    Args:
        connection: a transaction on the hub's database.
        scope: which shops may be among them.
        last: the last of the days.
        find: what their names or ids hold; empty for all.
        page: from 1; one that is not there is the nearest.
    """
    first = last - timedelta(days=GRID_DAYS - 1)
    among = scope.only(store.c.id) & _named(find)
    shops = connection.execute(select(func.count()).select_from(store).where(among)).scalar_one()
    places = on_page(shops, page)
    listed = connection.execute(
        select(store.c.id, store.c.name)
        .where(among)
        .order_by(store.c.id)
        .limit(PAGE_SHOPS)
        .offset(places.start)
    ).all()
    of = day_tally.c
    rows = connection.execute(
        select(of.store, of.day, of.basis, of.visitors)
        .where(of.store.in_([shop.id for shop in listed]), of.day.between(first, last))
        .where(of.visitors.is_not(None), scope.only(of.store))
        .order_by(of.day)
    )
    counted: dict[str, list[Any]] = defaultdict(list)
    for row in rows.all():
        counted[row.store].append(row)
    return Grid(
        first=first,
        last=last,
        start=places.start,
        shops=shops,
        rows=tuple(_days_of(shop, counted[shop.id], first) for shop in listed),
    )


def _named(find: str) -> ColumnElement[bool]:
    if not find:
        return true()
    return or_(
        store.c.name.icontains(find, autoescape=True), store.c.id.icontains(find, autoescape=True)
    )


def _days_of(shop: Any, rows: Sequence[Any], first: date) -> ShopDays:
    basis = rows[-1].basis or "" if rows else ""
    by_day = {row.day: row.visitors for row in rows if row.basis == basis}
    days = (first + timedelta(days=number) for number in range(GRID_DAYS))
    return ShopDays(
        store_id=shop.id,
        name=shop.name,
        basis=basis,
        days=tuple(by_day.get(day) for day in days),
        known=len(by_day),
        most=max(by_day.values(), default=0),
    )


def commonest_zone(connection: Connection, scope: Scope) -> str:
    """Return the zone that most of somebody's shops are in."""
    count = func.count().label("shops")
    found = connection.execute(
        select(store.c.timezone)
        .where(scope.only(store.c.id))
        .group_by(store.c.timezone)
        .order_by(count.desc(), store.c.timezone)
        .limit(1)
    ).scalar()
    return found or "UTC"


def today_so_far(connection: Connection, scope: Scope, now: datetime) -> dict[str, int]:
    """Return the visitors so far, by basis: each shop's of the day that it is there."""
    zones = connection.execute(
        select(store.c.timezone).where(scope.only(store.c.id)).distinct()
    ).scalars()
    days = {name: now.astimezone(zone_or_utc(name)).date() for name in zones}
    found: dict[str, int] = defaultdict(int)
    for day in sorted(set(days.values())):
        theirs = [name for name, of in days.items() if of == day]
        chosen = select(daily.c.basis, func.sum(daily.c.visitors)).where(
            daily.c.day == day, scope.only(daily.c.store)
        )
        if len(theirs) < len(days):  # elsewhere it is another day: then the shops are looked up
            there = select(store.c.id).where(store.c.timezone.in_(theirs))
            chosen = chosen.where(daily.c.store.in_(there))
        for basis, visitors in connection.execute(chosen.group_by(daily.c.basis)).all():
            found[basis] += int(visitors)
    return dict(found)
