"""What each of the staff did for guests: of the chain, of each shop, of each day in one.

Staff are random ids of the shop; who they are is known in the shop alone. Whoever may not have
members named (`Scope.names`) is not told of single colleagues either.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date

from msgspec import Struct
from sqlalchemy import Connection, select

from cloud.accounts.scope import Scope
from cloud.figures.fair import Fair, Greetings, fairly
from cloud.figures.metric import Sums
from cloud.figures.period import Period
from cloud.figures.suppress import LEAST
from cloud.queries.days import Shops, only
from cloud.queries.hidden import ChainScreen, chain_screen
from cloud.queries.named import few_names, names
from cloud.queries.summed import summed
from cloud.tally.tables import staff_tally
from cloud.views import on_page

ByDay = dict[date, dict[str, Greetings]]


class Colleagues(Struct, frozen=True, kw_only=True):
    """What the page of consultants is about: one shop, or all that somebody sees.

    `screen`: what is hidden of the shops' guests, which their colleagues greeted.
    `shops`: sums of all of them by shop, `names` of those it is about. Of one shop `staff`: sums
    by random id, and `fair`: each beside the others; of all, `fair` is that of each shop in `page`.
    Both are empty for whoever is not told of single colleagues (`single` is false).
    """

    shop: str | None
    single: bool
    screen: ChainScreen
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
    least: int = LEAST,
) -> Colleagues | None:
    """Return what is asked of consultants; None: there is no such shop to be seen.

    Args:
        connection: the database.
        scope: whose shops.
        period: which days.
        shop: of one shop only.
        page: of the list of shops, from 1; one that is not there is the nearest; None: all of it.
        told: the answer of `by_shop`, of all shops: what is hidden of one depends on the others.
        least: from how many people on a count is shown.
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
    days = by_day(*about, compared) if compared else {}
    return Colleagues(
        shop=shop,
        single=scope.names,
        screen=chain_screen(*about, least),
        names=seen,
        choices=few_names(connection, scope),
        shops=told,
        staff=staff,
        fair={store_id: fairly(of) for store_id, of in days.items()},
        page=here,
    )


def by_shop(
    connection: Connection, scope: Scope, first: date, last: date, shops: Shops = None
) -> dict[str, Sums]:
    """Return the sums of each shop in which somebody greeted, by its id."""
    rows = summed(connection, scope, staff_tally, first, last, ("store",), shops)
    return {store_id: sums for (store_id,), sums in rows.items()}


def by_colleague(
    connection: Connection, scope: Scope, first: date, last: date, shop: str
) -> dict[str, Sums]:
    """Return the sums of each colleague of a shop, by their random id."""
    if not scope.names:
        return {}
    rows = summed(connection, scope, staff_tally, first, last, ("staff",), (shop,))
    return {staff: sums for (staff,), sums in rows.items()}


def by_day(
    connection: Connection, scope: Scope, first: date, last: date, shops: Shops = None
) -> dict[str, ByDay]:
    """Return what each colleague of each shop did on each day."""
    if not scope.names:
        return {}
    of = staff_tally.c
    rows = connection.execute(
        select(of.store, of.day, of.staff, of.greeted, of.sales).where(
            of.day.between(first, last), only(staff_tally, scope, shops)
        )
    )
    found: dict[str, ByDay] = defaultdict(lambda: defaultdict(dict))
    for store_id, day, staff, greeted, sales in rows:
        found[store_id][day][staff] = Greetings(greeted=greeted, sales=sales)
    return found
