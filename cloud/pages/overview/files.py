"""The tables of head office's first page as files: figures, shops that stand out, the grid. Pure.

Called by `cloud.pages.overview`; the rows are those of the board that is drawn.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from cloud.figures.period import Period
from cloud.pages.export import Cell, Column
from cloud.pages.overview.board import Board, Row
from cloud.pages.overview.cards import Card

Sheet = tuple[Sequence[Column], list[tuple[Cell, ...]]]
_BAND: Final = tuple(
    Column(key=key, title=f"overview.file_{key}", kind="number", people=people)
    for key, people in (
        *(("value", True), ("week_ago", True), ("year_ago", True)),
        *(("low", False), ("high", False)),
    )
)
_BASIS: Final = Column(key="basis", title="shops.basis")
_SHOP: Final = (Column(key="shop", title="shops.id"), Column(key="name", title="chain.shop"))
_FIGURES: Final = (
    _BASIS,
    Column(key="key", title="overview.file_key"),
    *_BAND,
    Column(key="verdict", title="overview.file_verdict"),
    Column(key="known", title="overview.file_known", kind="count"),
    Column(key="shops", title="overview.file_shops", kind="count"),
)
_RANKED: Final = (
    _BASIS,
    Column(key="list", title="overview.file_list"),
    *_SHOP,
    Column(key="value", title="overview.file_value", kind="number", people=True),
    Column(key="usual", title="overview.file_usual", kind="number"),
)


def figures_sheet(board: Board) -> Sheet:
    """Return every figure of the day beside what it was; shares of 1, times in seconds."""

    def line(card: Card, basis: str | None) -> tuple[Cell, ...]:
        it = card.compare
        values = (it.value, it.week_ago, it.year_ago, it.low, it.high)
        return (basis, card.key, *values, it.verdict, card.known, card.shops)

    apart = [
        (card, group.basis) for group in board.groups for card in (group.visitors, *group.cards)
    ]
    return _FIGURES, [
        *(line(card, basis) for card, basis in apart),
        *(line(card, None) for card in (*board.people, *board.waiting)),
    ]


def ranked_sheet(board: Board) -> Sheet:
    """Return the shops that stand out, by list: below | above | best | least."""

    def rows(basis: str, name: str, found: Sequence[Row]) -> Iterator[tuple[Cell, ...]]:
        share = name in ("best", "least")
        for row in found:
            value = row.standing.conversion if share else row.standing.compare.value
            usual = None if share else row.usual
            yield basis, name, row.store_id, row.name, value, usual

    return _RANKED, [
        line
        for group in board.groups
        if group.listing
        for name in ("below", "above", "best", "least")
        for line in rows(group.basis, name, getattr(group.listing, name))
    ]


def grid_sheet(board: Board) -> Sheet:
    """Return visitors day by day of the shops on the page, a column for each day."""
    grid = board.grid
    days = Period(first=grid.first, last=grid.last).days()
    columns = (*_SHOP, _BASIS, *(Column(key=day.isoformat(), kind="count") for day in days))
    return columns, [(one.store_id, one.name, one.basis, *one.days) for one in grid.rows]


SHEETS: Final[dict[str, Callable[[Board], Sheet]]] = {
    "figures": figures_sheet,
    "ranked": ranked_sheet,
    "grid": grid_sheet,
}
"""By what an address calls them, with `?table=`; the first one without."""
