"""Works out what head office's first page draws from `Morning`: cards by basis, strips, grid. Pure.

Called by `cloud.pages.overview`; holds codes, the templates turn them into words. Figures of
different basis are in different groups and are never added.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from msgspec import Struct

from cloud.figures.compare import YEAR, Comparison, compare
from cloud.figures.metric import METRICS, Form, Metric, Sums
from cloud.figures.ranking import Ranking, Standing
from cloud.figures.suppress import HIDDEN, LEAST
from cloud.figures.times import compare_times
from cloud.pages.overview.privacy import Privacy, privacy_of
from cloud.queries.morning_views import NAMED, DataHealth, Grid, Morning
from cloud.queries.overview import OF_PEOPLE, OF_VISITORS
from cloud.views import PAGE_SHOPS, pages_of

_FEW: Final = 0.25
"""A basis with less than this share of the shops is drawn smaller."""
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A figure of the day beside what it was. `form`: count | share | time.

    It is known in `known` of `shops`.
    """

    key: str
    form: Form | str
    better: str
    compare: Comparison
    known: int
    shops: int


class Row(Struct, frozen=True, kw_only=True):
    """A shop that stands out. `usual`: the middle of its band."""

    store_id: str
    name: str
    standing: Standing
    usual: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The rankings of one basis, with the shops' names."""

    below: tuple[Row, ...]
    above: tuple[Row, ...]
    best: tuple[Row, ...]
    least: tuple[Row, ...]
    with_till: int
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What may be added and compared: the shops of one basis. `minor`: few of all shops.

    `lacks`: so many of them lack some of the day's data.
    """

    basis: str
    shops: int
    lacks: int
    minor: bool
    visitors: Card
    cards: tuple[Card, ...]
    listing: Listing | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The page. `before` and `after`: the days next to the one that is shown, if they are over.

    `lacking`: names of the first shops whose day lacks something, of `lacks` in all.
    """

    now: datetime
    day: date
    newest: date
    before: date
    after: date | None
    today: Mapping[str, int]
    groups: tuple[Group, ...]
    people: tuple[Card, ...]
    waiting: tuple[Card, ...]
    lacking: tuple[str, ...]
    lacks: int
    health: DataHealth
    privacy: Privacy
    grid: Grid
    find: str
    page: int
    pages: int
    first: int
    last: int
    shops: int


def board_of(morning: Morning, least: int = LEAST) -> Board:
    """Work out the page.

    Args:
        morning: what was read.
        least: from how many people on a figure is shown.
    """
    grid, chain = morning.grid, morning.chain
    lacking = _lacking(morning)
    return Board(
        now=morning.now,
        day=morning.day,
        newest=morning.newest,
        before=morning.day - _DAY,
        after=morning.day + _DAY if morning.day < morning.newest else None,
        today=morning.today,
        groups=_groups(morning, least),
        people=tuple(_of_all(METRICS[key], morning, least) for key in OF_PEOPLE),
        waiting=_waiting(morning, least) if _sum(chain.known, "served") else (),
        lacking=tuple(morning.names.get(one, one) for one in sorted(lacking)[:NAMED]),
        lacks=len(lacking),
        health=morning.health,
        privacy=privacy_of(morning, least),
        grid=grid,
        find=morning.find,
        page=grid.start // PAGE_SHOPS + 1,
        pages=pages_of(grid.shops),
        first=grid.start + 1,
        last=grid.start + len(grid.rows),
        shops=grid.shops,
    )


def _lacking(morning: Morning) -> frozenset[str]:
    """Return the shops whose day lacks something, or is empty though a week before it was not."""
    return morning.health.lacking | morning.uncounted


def _groups(morning: Morning, least: int) -> tuple[Group, ...]:
    chain = morning.chain
    shops = {basis: count for basis, count in chain.shops.items() if basis}
    every = sum(shops.values())
    lacks = Counter(morning.bases.get(one, "") for one in _lacking(morning))
    rankings = {one.basis: one for one in morning.rankings}
    return tuple(
        Group(
            basis=basis,
            shops=count,
            lacks=lacks[basis],
            minor=count < _FEW * every,
            visitors=_card(METRICS["visitors"], basis, morning, least),
            cards=tuple(_card(METRICS[key], basis, morning, least) for key in OF_VISITORS[1:]),
            listing=_listing(rankings.get(basis), morning.names),
        )
        for basis, count in sorted(shops.items(), key=lambda pair: (-pair[1], pair[0]))
    )


def _card(metric: Metric, basis: str, morning: Morning, least: int) -> Card:
    chain = morning.chain
    known = chain.known.get(basis, {})
    hidden = {week for week, gone in chain.hidden.items() if (basis, metric.key) in gone}
    sums, history = chain.sums.get(basis, {}), chain.history.get(basis, {})
    return Card(
        key=metric.key,
        form=metric.form,
        better=metric.better,
        compare=_compared(metric, sums, history, hidden, least),
        known=min(known.get(name, 0) for name in (*metric.top, *metric.bottom)),
        shops=chain.shops.get(basis, 0),
    )


def _of_all(metric: Metric, morning: Morning, least: int) -> Card:
    """Return a figure of people, who are the same whatever their visits are counted by.

    It is hidden with that of either basis: other pages show the one beside it.
    """
    chain = morning.chain
    weeks = {week for history in chain.history.values() for week in history}
    history = {
        week: _added(of[week] for of in chain.history.values() if week in of) for week in weeks
    }
    hidden = {week for week, gone in chain.hidden.items() if metric.key in {key for _, key in gone}}
    names = (*metric.top, *metric.bottom)
    return Card(
        key=metric.key,
        form=metric.form,
        better=metric.better,
        compare=_compared(metric, _added(chain.sums.values()), history, hidden, least),
        known=min(_sum(chain.known, name) for name in names),
        shops=_counting(morning),
    )


def _compared(
    metric: Metric, sums: Sums, history: Mapping[int, Sums], hidden: set[int], least: int
) -> Comparison:
    """Return a figure beside what it was; `hidden`: the weeks before of which nothing is told."""
    seen = {week: then for week, then in history.items() if week not in hidden}
    found = compare(metric, sums, seen, least)
    return Comparison(
        value=HIDDEN if 0 in hidden else found.value,
        week_ago=HIDDEN if 1 in hidden else found.week_ago,
        year_ago=HIDDEN if YEAR in hidden else found.year_ago,
        low=None if 0 in hidden else found.low,
        high=None if 0 in hidden else found.high,
        verdict="unknown" if 0 in hidden else found.verdict,
    )


def _waiting(morning: Morning, least: int) -> tuple[Card, ...]:
    chain = morning.chain
    return tuple(
        Card(
            key=key,
            form="time",
            better="less",
            compare=compare_times("wait", share, chain.waits, chain.waits_before, least),
            known=_sum(chain.known, "served"),
            shops=_counting(morning),
        )
        for key, share in (("wait_median", 0.5), ("wait_p90", 0.9))
    )


def _counting(morning: Morning) -> int:
    return sum(count for basis, count in morning.chain.shops.items() if basis)


def _sum(known: Mapping[str, Mapping[str, int]], name: str) -> int:
    return sum(of.get(name, 0) for of in known.values())


def _added(every: Iterable[Sums]) -> Sums:
    """Return the sums of sums; what one does not know, the others may."""
    found: dict[str, int | None] = {}
    for sums in every:
        for name, count in sums.items():
            before = found.get(name)
            found[name] = before if count is None else count + (before or 0)
    return found


def _listing(ranking: Ranking | None, names: Mapping[str, str]) -> Listing | None:
    if ranking is None:
        return None

    def rows(standings: Iterable[Standing]) -> tuple[Row, ...]:
        return tuple(
            Row(
                store_id=one.store_id,
                name=names.get(one.store_id, one.store_id),
                standing=one,
                usual=((one.compare.low or 0.0) + (one.compare.high or 0.0)) / 2,
            )
            for one in standings
        )

    return Listing(
        below=rows(ranking.below),
        above=rows(ranking.above),
        best=rows(ranking.best),
        least=rows(ranking.least),
        with_till=ranking.with_till,
        left_out=ranking.left_out,
    )
