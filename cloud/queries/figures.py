"""Tables of figures for programs: of the whole, by day, by shop, of times, and the fleet's.

What is hidden is what the pages hide (`cloud.queries.hidden`). Called by `cloud.api.figures`.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, func, select

from cloud.accounts.scope import Scope
from cloud.figures.bins import EDGES, quantile
from cloud.figures.metric import METRICS, Sums
from cloud.figures.period import Period
from cloud.figures.splits import split_rows
from cloud.figures.suppress import HIDDEN, PEOPLE, Shown, small
from cloud.queries.days import by_basis, by_day, by_shop, only
from cloud.queries.fleet import fleet_of
from cloud.queries.hidden import DAYS_MOST, ChainScreen, chain_screen, day_screens
from cloud.queries.shop import TIMED
from cloud.tables import store
from cloud.tally.tables import bin_tally

Key = str | int | date | None | tuple[str, ...]
_BASES: Final = ("crossings", "distinct", "")
_SHARES: Final = {"p50": 0.5, "p90": 0.9}


class Wanted(Struct, frozen=True, kw_only=True):
    """What an address asks for.

    `shops` None: all that the caller sees. Of lists at most `limit` shops, those whose id is after
    `after`. `least`: from how many people on a count is shown.
    """

    period: Period
    shops: tuple[str, ...] | None
    limit: int
    after: str
    least: int

    @property
    def one_shop(self) -> str | None:
        """The shop, where one is asked for."""
        return self.shops[0] if self.shops is not None and len(self.shops) == 1 else None


class Row(Struct, frozen=True, kw_only=True):
    """A row: what it is of, by `Figures.keys`, and its figures."""

    keys: tuple[Key, ...]
    figures: Mapping[str, Shown]


class Figures(Struct, frozen=True, kw_only=True):
    """A table. `after`: where the rest of a long list begins; None: there is no more.

    `names` are those of the figures; which are of people, and may be hidden, is in `people`.
    """

    keys: tuple[str, ...]
    names: tuple[str, ...]
    people: frozenset[str]
    rows: tuple[Row, ...]
    after: str | None = None


_NAMES: Final = tuple(METRICS)
_OF_PEOPLE: Final = frozenset(key for key, metric in METRICS.items() if metric.people)


def whole(connection: Connection, scope: Scope, wanted: Wanted) -> Figures:
    """Return the figures of a period, by basis."""
    about = (wanted.period.first, wanted.period.last)
    screen = chain_screen(connection, scope, *about, wanted.least)
    found = by_basis(connection, scope, *about, wanted.shops)
    return _table(
        ("basis",),
        {
            (basis,): {
                key: screen.of_all(metric, basis, sums, wanted.shops)
                for key, metric in METRICS.items()
            }
            for basis, sums in sorted(found.items())
        },
    )


def by_days(connection: Connection, scope: Scope, wanted: Wanted) -> Figures:
    """Return the figures of each day of a period, by basis.

    The days of a basis are parts of the period's sum, and each is also a period of its own, as
    which the list of shops tells it. Of people only as many days are told as are decided one by
    one (`DAYS_MOST`).
    """
    about = (wanted.period.first, wanted.period.last)
    chain = chain_screen(connection, scope, *about, wanted.least)
    tables: dict[str, dict[date, Sums]] = defaultdict(dict)
    for (day, basis), sums in by_day(connection, scope, *about, wanted.shops).items():
        tables[basis][day] = sums
    days = sorted({day for rows in tables.values() for day in rows})
    decided = {}
    if wanted.period.length <= DAYS_MOST:
        decided = day_screens(connection, scope, days, wanted.least)
    rows: dict[tuple[Key, ...], dict[str, Shown]] = {}
    for basis, of in tables.items():
        wholes = {name: _hides(chain, name, basis, wanted) for name in PEOPLE}
        hidden = [
            (day, name)
            for day, sums in of.items()
            for name in PEOPLE & sums.keys()
            if sums[name] is not None
            and (day not in decided or _hides(decided[day], name, basis, wanted))
        ]
        screen = split_rows(of, wholes, wanted.least, hidden=hidden)
        for day in of:
            rows[day, basis] = {key: screen.shown(metric, day) for key, metric in METRICS.items()}
    return _table(("day", "basis"), dict(sorted(rows.items(), key=lambda item: str(item[0]))))


def _hides(screen: ChainScreen, name: str, basis: str, wanted: Wanted) -> bool:
    """Say whether a period's count is hidden; of one shop, as in the list of shops."""
    if wanted.one_shop is not None:
        return wanted.one_shop in screen.hidden.get((basis, name), ())
    return screen.hides_all(name, basis, wanted.shops)


def by_shops(connection: Connection, scope: Scope, wanted: Wanted) -> Figures:
    """Return the figures of each shop of which something is known, by shop and basis."""
    chosen = select(store.c.id, store.c.name).where(
        scope.only(store.c.id), store.c.id > wanted.after
    )
    if wanted.shops is not None:
        chosen = chosen.where(store.c.id.in_(wanted.shops))
    listed = connection.execute(chosen.order_by(store.c.id).limit(wanted.limit + 1)).all()
    names = {row[0]: row[1] for row in listed[: wanted.limit]}
    about = (wanted.period.first, wanted.period.last)
    screen = chain_screen(connection, scope, *about, wanted.least)
    found = by_shop(connection, scope, *about, names.keys()) if names else {}
    return _table(
        ("shop", "name", "basis"),
        {
            (shop, names[shop], basis): {
                key: screen.of_shop(metric, shop, basis, sums) for key, metric in METRICS.items()
            }
            for (shop, basis), sums in sorted(found.items())
        },
        listed[wanted.limit - 1][0] if len(listed) > wanted.limit else None,
    )


def times(connection: Connection, scope: Scope, wanted: Wanted) -> Figures:
    """Return median and 90th percentile of waiting, queue and dwell, in seconds.

    How many guests stayed is told of one shop at a time: nothing else says of which shops it would
    have to be hidden together with their sum.
    """
    screen = chain_screen(connection, scope, wanted.period.first, wanted.period.last, wanted.least)
    counted = connection.execute(
        select(bin_tally.c.measure, bin_tally.c.bin, func.sum(bin_tally.c.count))
        .where(
            bin_tally.c.day.between(wanted.period.first, wanted.period.last),
            only(bin_tally, scope, wanted.shops),
        )
        .group_by(bin_tally.c.measure, bin_tally.c.bin)
    )
    bins: dict[str, dict[int, int]] = defaultdict(dict)
    for measure, number, count in counted:
        bins[measure][number] = int(count)
    rows: dict[tuple[Key, ...], dict[str, Shown]] = {}
    for measure in EDGES:
        count = sum(bins[measure].values())
        of = TIMED.get(measure)
        few = small(count, wanted.least) or bool(
            count and of and any(_hides(screen, of, basis, wanted) for basis in _BASES)
        )
        summed = of is None and wanted.one_shop is None and count > 0
        rows[(measure,)] = {"count": HIDDEN if few or summed else count} | {
            name: HIDDEN if few else quantile(measure, bins[measure], share)
            for name, share in _SHARES.items()
        }
    names = ("count", *_SHARES)
    return _table(("measure",), rows, names=names, people=frozenset(names))


FLEET: Final = (
    *("store_id", "name", "box_id", "state", "last_seen", "version", "mode", "clock"),
    *("backlog", "missing", "storage", "temperature_c", "disk_mb", "disk_free_mb", "troubles"),
)


def fleet(connection: Connection, scope: Scope, wanted: Wanted, now: datetime) -> Figures:
    """Return how every box is, by shop and box."""
    boxes = [
        one
        for one in fleet_of(connection, scope, now)
        if one.store_id > wanted.after and (wanted.shops is None or one.store_id in wanted.shops)
    ]
    shops = sorted({one.store_id for one in boxes})
    here = set(shops[: wanted.limit])
    rows = tuple(
        Row(keys=tuple(getattr(one, name) for name in FLEET), figures={})
        for one in boxes
        if one.store_id in here
    )
    more = shops[wanted.limit - 1] if len(shops) > wanted.limit else None
    return Figures(keys=FLEET, names=(), people=frozenset(), rows=rows, after=more)


def _table(
    keys: tuple[str, ...],
    rows: Mapping[tuple[Key, ...], Mapping[str, Shown]],
    after: str | None = None,
    *,
    names: tuple[str, ...] = _NAMES,
    people: frozenset[str] = _OF_PEOPLE,
) -> Figures:
    told = tuple(Row(keys=of, figures=figures) for of, figures in rows.items())
    return Figures(keys=keys, names=names, people=people, rows=told, after=after)
