"""What each of the staff did for guests: of the chain, of each shop, of each day in one.

Staff are random ids of the shop; who they are is known in the shop alone. Whoever may not have
members named (`Scope.names`) is not told of single colleagues either.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, Double, cast, func, select

from cloud.accounts.scope import Scope
from cloud.figures.fair import Fair, K, Weighed, fairly
from cloud.figures.metric import Sums
from cloud.figures.period import Period
from cloud.queries.days import Shops, only
from cloud.queries.kept import ByShop, KeptSums, Span, whole
from cloud.queries.named import few_names, names
from cloud.queries.summed import summed
from cloud.tables import store
from cloud.tally.tables import chain_staff, staff_tally
from cloud.views import on_page


class Colleagues(Struct, frozen=True, kw_only=True):
    """What the page of consultants is about: one shop, or all that somebody sees.

    `shops`: sums of all of them by shop, `names` of those it is about. Of one shop `staff`: sums
    by random id, and `fair`: each beside the others; of all, `fair` is that of each shop in `page`.
    Both are empty for whoever is not told of single colleagues (`single` is false).
    """

    shop: str | None
    single: bool
    names: Mapping[str, str]
    choices: Mapping[str, str]
    shops: Mapping[str, Sums]
    staff: Mapping[str, Sums]
    fair: Mapping[str, Mapping[str, Fair]]
    page: range


def consultants_page(
    connection: Connection,
    scope: Scope,
    period: Period,
    shop: str | None,
    page: int | None,
    told: Mapping[str, Sums],
) -> Colleagues | None:
    """Return what is asked of consultants; None: there is no such shop to be seen.

    Args:
        connection: the database.
        scope: whose shops.
        period: which days.
        shop: of one shop only.
        page: of the list of shops, from 1; one that is not there is the nearest; None: all of it.
        told: the answer of `by_shop`, of all shops: what is hidden of one depends on the others.
    """
    shops = None if shop is None else (shop,)
    seen = names(connection, scope, shops)
    if shops is not None and not seen:
        return None
    about = (connection, scope, period.first, period.last)
    listed = sorted(told) if shop is None else [shop]
    here = range(len(listed)) if page is None else on_page(len(listed), page)
    staff = {} if shop is None else by_colleague(*about, shop)
    compared = shops if shops is not None else listed[here.start : here.stop]
    staff_of = weighed(*about, compared) if compared else {}
    return Colleagues(
        shop=shop,
        single=scope.names,
        names=seen,
        choices=few_names(connection, scope),
        shops=told,
        staff=staff,
        fair={store_id: fairly(of) for store_id, of in staff_of.items()},
        page=here,
    )


def by_shop(connection: Connection, scope: Scope, first: date, last: date) -> dict[str, Sums]:
    """Return the sums of each shop in which somebody greeted, by its id."""
    today = datetime.now(UTC).date()
    found = _SHOPS.all(connection, scope, first, last, today)
    return {shop: dict(zip(_COUNTS, counts, strict=True)) for (shop, _), counts in found.items()}


def keep(connection: Connection, span: Span) -> None:
    """Read a part of a period before somebody asks (`kept.spans`), unless it is kept and true."""
    _SHOPS.keep(connection, span)


def _read(connection: Connection, scope: Scope, span: Span, shops: Sequence[str] | None) -> ByShop:
    of = staff_tally.c
    # Shop by shop: a period of each lies together, the days of all lie far apart.
    among = select(store.c.id).where(scope.only(store.c.id)) if shops is None else shops
    rows = connection.execute(
        select(of.store, *(func.sum(of[name]) for name in _COUNTS))
        .where(of.store.in_(among), scope.only(of.store), of.day.between(*span))
        .group_by(of.store)
    )
    return {row[0]: {"": tuple(map(whole, row[1:]))} for row in rows.all()}


_COUNTS: Final = tuple(column.name for column in chain_staff.c if not column.primary_key)
_SHOPS: Final = KeptSums(_read)


def by_colleague(
    connection: Connection, scope: Scope, first: date, last: date, shop: str
) -> dict[str, Sums]:
    """Return the sums of each colleague of a shop, by their random id."""
    if not scope.names:
        return {}
    rows = summed(connection, scope, staff_tally, first, last, ("staff",), (shop,))
    return {staff: sums for (staff,), sums in rows.items()}


def weighed(
    connection: Connection, scope: Scope, first: date, last: date, shops: Shops = None
) -> dict[str, dict[str, Weighed]]:
    """Return of each colleague of each shop what `figures.fair.weigh` makes of their days."""
    if not scope.names:
        return {}
    of = staff_tally.c
    day = (of.store, of.day)
    others = (
        select(
            *(of.store, of.staff, of.greeted, of.sales),
            (func.sum(of.greeted).over(partition_by=day) - of.greeted).label("greeted_by_others"),
            (func.sum(of.sales).over(partition_by=day) - of.sales).label("sold_by_others"),
        )
        .where(of.day.between(first, last), only(staff_tally, scope, shops))
        .subquery()
        .c
    )
    weight = cast(others.greeted, Double) / (cast(others.greeted_by_others, Double) + K)
    sold = cast(others.sold_by_others, Double)
    rows = connection.execute(
        select(
            *(others.store, others.staff, func.sum(others.greeted), func.sum(others.sales)),
            *(func.sum(weight), func.sum(weight * sold), func.sum(weight * weight * sold)),
        ).group_by(others.store, others.staff)
    )
    found: dict[str, dict[str, Weighed]] = defaultdict(dict)
    for store_id, staff, greeted, sales, weights, sold_by_others, spread in rows:
        found[store_id][staff] = Weighed(
            greeted=int(greeted),
            sales=int(sales),
            weight=weights,
            others=sold_by_others,
            spread=spread,
        )
    return found
