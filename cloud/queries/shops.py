"""The list of shops: found by name or id, in order of a figure, a page of them at a time.

In order of their names only the shops on the page have their days read. In order of a figure that
figure alone is summed of every shop, and all else of those on the page. Beside `days`, which sums
every count there is.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, func, or_, select

from cloud.accounts.scope import Scope
from cloud.bulk import NAMED_AT_ONCE
from cloud.figures.metric import METRICS, Sums
from cloud.figures.period import Period
from cloud.figures.suppress import LEAST, Hidden, Shown
from cloud.figures.yearly import yearly
from cloud.memo import Memo
from cloud.queries.chain_people import KEPT, all_counts, counts_of
from cloud.queries.hidden import ChainScreen, chain_screen
from cloud.tables import store
from cloud.views import PAGE_SHOPS, on_page, pages_of

SHOWN: Final = ("visitors", "conversion", "member_share", "capture_rate")
"""The figures of a shop in the list."""


def _made_of(*keys: str) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(name for key in keys for name in (*METRICS[key].top, *METRICS[key].bottom))
    )


LISTED: Final = _made_of(*SHOWN)
"""The counts that they are made of."""
SORTS: Final = ("name", "visitors", "change", "conversion", "member_share", "capture_rate")


class Named(Struct, frozen=True, kw_only=True):
    """A shop by its name."""

    store_id: str
    name: str
    timezone: str


class Counted(Struct, frozen=True, kw_only=True):
    """What a shop's days of one basis come to; `days`: how many of them know their visitors."""

    days: int
    sums: Sums


class Line(Struct, frozen=True, kw_only=True):
    """A shop in the list: its days of one basis. `basis` is empty where nobody was counted.

    `whole` are the visitors of those days that are over, `before` those of the same days a year
    ago by the same basis.
    """

    shop: Named
    basis: str
    now: Counted
    whole: Counted
    before: Counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked of the list: a period, which shops, and which of them first.

    `sort`: a key of `SORTS`; `down`: the greatest first, or the last name. `page` None: all.
    """

    period: Period
    today: date
    text: str = ""
    sort: str = "name"
    down: bool = False
    page: int | None = 1

    @property
    def over(self) -> Period | None:
        """Its days that are over, which alone are compared with others; None: none is."""
        return days_over(self.period, self.today)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopList:
    """A page of the list: from `first` to `last`, counted from 1, of all `shops` found.

    `screen`: what is hidden of their figures.
    """

    lines: tuple[Line, ...]
    screen: ChainScreen
    page: int
    pages: int
    first: int
    last: int
    shops: int


OfShops = Mapping[tuple[str, str], Counted]
"""By shop and basis."""
Order = tuple[tuple[str, str | None], ...]
"""Shops by their ids, each with the basis by which it is in that place; None: by its name."""
ORDER_KEPT_S: Final = 300
NONE: Final = Counted(days=0, sums={})


def days_over(period: Period, today: date) -> Period | None:
    """Return the days of a period that are over; None: none is."""
    last = min(period.last, today - timedelta(days=1))
    return None if last < period.first else Period(first=period.first, last=last)


def listed(
    connection: Connection,
    scope: Scope,
    wanted: Wanted,
    now: datetime,
    orders: Memo,
    least: int = LEAST,
) -> ShopList:
    """Return a page of the shops that are asked for; one that is not there is the nearest."""
    shops = found(connection, scope, wanted.text)
    screen = chain_screen(connection, scope, wanted.period.first, wanted.period.last, least)
    if wanted.sort == "name":
        order: Order = tuple((shop.store_id, None) for shop in shops)
        order = order[::-1] if wanted.down else order
    else:
        # It takes every shop's days: what is shown is asked each time, its order now and then.
        when = int(now.timestamp()) // ORDER_KEPT_S
        asked = (scope.shops, wanted.period, wanted.today, wanted.sort, wanted.down, when)
        every = orders.get(asked, lambda: _order(connection, scope, wanted, screen))
        order = _among(every, shops)
    place = range(len(order)) if wanted.page is None else on_page(len(order), wanted.page)
    here = order[place.start : place.stop]
    return ShopList(
        lines=_lines(connection, scope, wanted, shops, here),
        screen=screen,
        page=place.start // PAGE_SHOPS + 1,
        pages=1 if wanted.page is None else pages_of(len(order)),
        first=min(place.start + 1, len(order)),
        last=place.stop,
        shops=len(order),
    )


def _among(order: Order, shops: Sequence[Named]) -> Order:
    """Return what an order says of some shops; those that it knows nothing of come last."""
    names = {shop.store_id for shop in shops}
    known = {store_id for store_id, _ in order}
    unknown = tuple((shop.store_id, "") for shop in shops if shop.store_id not in known)
    return (*(one for one in order if one[0] in names), *unknown)


def _order(connection: Connection, scope: Scope, wanted: Wanted, screen: ChainScreen) -> Order:
    """Return all shops by a figure, within their basis; those without it last."""
    key = wanted.sort
    values: dict[tuple[str, str], float | None]
    if key == "change":
        now, before = _years(connection, scope, wanted, None)
        days = wanted.over.length if wanted.over else 0
        values = {of: change_of(one, before.get(of, NONE), days) for of, one in now.items()}
    else:
        every = sums_of(connection, scope, wanted.period, _made_of(key))
        values = {
            of: _seen(screen.of_shop(METRICS[key], *of, one.sums))
            for of, one in every.items()
            if of[1] or one.days
        }

    def place(of: tuple[str, str]) -> tuple[str, bool, float, str]:
        value = values[of]
        ranked = value or 0.0
        return of[1] or "~", value is None, -ranked if wanted.down else ranked, of[0]

    return tuple(sorted(values, key=place))


def _years(
    connection: Connection, scope: Scope, wanted: Wanted, shops: Collection[str] | None
) -> tuple[OfShops, OfShops]:
    """Return the visitors of the days that are over, and of the same days a year ago."""
    over, names = wanted.over, ("visitors",)
    if over is None:
        return {}, {}
    return (
        sums_of(connection, scope, over, names, shops),
        sums_of(connection, scope, over.year_ago, names, shops),
    )


def _seen(value: Shown) -> float | None:
    """Return a figure's place; one that is hidden has none, which would tell of it."""
    return None if isinstance(value, Hidden) else value


def change_of(now: Counted, before: Counted, days: int) -> float | None:
    """Return by which share a shop's visitors changed in a year (`cloud.figures.yearly`)."""
    visitors, then = now.sums.get("visitors"), before.sums.get("visitors")
    return yearly(visitors, now.days, then, before.days, days)


def _lines(
    connection: Connection, scope: Scope, wanted: Wanted, shops: Sequence[Named], here: Order
) -> tuple[Line, ...]:
    ids = [store_id for store_id, _ in here]
    named = {shop.store_id: shop for shop in shops}
    every = sums_of(connection, scope, wanted.period, LISTED, ids)
    whole, then = _years(connection, scope, wanted, ids)
    bases: dict[str, list[str]] = defaultdict(list)
    for store_id, basis in every:
        if basis:
            bases[store_id].append(basis)
    return tuple(
        Line(
            shop=named[store_id],
            basis=one,
            now=every.get((store_id, one), NONE),
            whole=whole.get((store_id, one), NONE),
            before=then.get((store_id, one), NONE),
        )
        for store_id, basis in here
        for one in (sorted(bases[store_id]) or [""] if basis is None else [basis])
    )


def found(connection: Connection, scope: Scope, text: str = "") -> tuple[Named, ...]:
    """Return the shops whose name or id holds a text, in the order of their names."""
    chosen = select(store.c.id, store.c.name, store.c.timezone).where(*_holding(scope, text))
    rows = connection.execute(chosen.order_by(store.c.name, store.c.id))
    return tuple(Named(store_id=row[0], name=row[1], timezone=row[2]) for row in rows.all())


def one_shop(connection: Connection, scope: Scope, store_id: str) -> Named | None:
    """Return a shop; None: there is none of that id that one sees."""
    chosen = select(store.c.id, store.c.name, store.c.timezone)
    row = connection.execute(
        chosen.where(store.c.id == store_id, scope.only(store.c.id))
    ).one_or_none()
    return row and Named(store_id=row[0], name=row[1], timezone=row[2])


def main_zone(connection: Connection, scope: Scope) -> str:
    """Return the zone that most shops are in."""
    many = func.count().desc()
    rows = select(store.c.timezone).where(scope.only(store.c.id)).group_by(store.c.timezone)
    return connection.execute(rows.order_by(many, store.c.timezone).limit(1)).scalar() or "UTC"


def sums_of(
    connection: Connection,
    scope: Scope,
    period: Period,
    names: Sequence[str],
    shops: Collection[str] | None = None,
) -> OfShops:
    """Return some counts of shops over a period, by shop and basis.

    Args:
        connection: a transaction on the hub's database.
        scope: which shops are seen.
        period: its days.
        names: of the counts (`cloud.tally.tables.COUNTS`).
        shops: ids, None: all that the scope has.
    """
    about = (connection, scope, period.first, period.last, datetime.now(UTC).date())
    if shops is not None and len(shops) <= NAMED_AT_ONCE:
        found = counts_of(*about, shops)
    else:
        every = all_counts(*about)
        found = {key: one for key, one in every.items() if shops is None or key[0] in shops}
    places = [(name, KEPT.index(name)) for name in names]
    days = KEPT.index("days")
    return {
        key: Counted(days=counts[days] or 0, sums={name: counts[at] for name, at in places})
        for key, counts in found.items()
    }


def _holding(scope: Scope, text: str) -> list[Any]:
    conditions = [scope.only(store.c.id)]
    if text:
        names = (store.c.name, store.c.id)
        conditions.append(or_(*(name.icontains(text, autoescape=True) for name in names)))
    return conditions
