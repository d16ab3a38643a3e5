"""Works out what head office's first page draws from `Morning`: groups, strips, grid. Pure.

Called by `cloud.pages.overview`; its cards are made by `cards`. Holds codes, the templates
turn them into words. Figures of different basis are in different groups and are never added.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from msgspec import Struct

from cloud.figures.metric import METRICS
from cloud.figures.ranking import Ranking, Standing
from cloud.figures.suppress import LEAST
from cloud.pages.overview.cards import Card, card, card_of_all, known_in, waiting_cards
from cloud.pages.overview.privacy import Privacy, privacy_of
from cloud.queries.morning_views import NAMED, DataHealth, Grid, Morning
from cloud.queries.overview import OF_PEOPLE, OF_VISITORS
from cloud.views import PAGE_SHOPS, pages_of

_FEW: Final = 0.25
"""A basis with less than this share of the shops is drawn smaller."""
_DAY: Final = timedelta(days=1)


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
        people=tuple(card_of_all(METRICS[key], morning, least) for key in OF_PEOPLE),
        waiting=waiting_cards(morning, least) if known_in(chain.known, "served") else (),
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
            visitors=card(METRICS["visitors"], basis, morning, least),
            cards=tuple(card(METRICS[key], basis, morning, least) for key in OF_VISITORS[1:]),
            listing=_listing(rankings.get(basis), morning.names),
        )
        for basis, count in sorted(shops.items(), key=lambda pair: (-pair[1], pair[0]))
    )


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
