"""Works out what the list of shops draws: two tables, one for each basis. Pure.

Called by the room's blueprint; holds codes, the template turns them into words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cloud.figures.metric import METRICS
from cloud.figures.period import Period
from cloud.pages.board import ShopRow
from cloud.pages.known import Figure, figure_of
from cloud.queries.hidden import ChainScreen
from cloud.queries.shops import SHOWN, SORTS, Line, ShopList, Wanted, change_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRow:
    """A shop in the list. `change`: by which share its visitors changed in a year; None: `why`.

    `days`: how many days of the period are counted; `state`: how it is now, None: nothing is known.
    """

    line: Line
    figures: tuple[Figure, ...]
    change: float | None
    why: str
    days: int
    state: ShopRow | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListGroup:
    """The shops of one basis on the page; `basis` is empty where nobody was counted.

    `keys`: the figures that some of them know; `without`: those that none knows, with why.
    """

    basis: str
    rows: tuple[ListRow, ...]
    keys: tuple[str, ...]
    without: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort:
    """A way to order the list: what its link asks for, and whether it is the one that is shown."""

    key: str
    down: bool
    now: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListBoard:
    """The page of the list."""

    period: Period
    text: str
    sort: Sort
    sorts: tuple[Sort, ...]
    groups: tuple[ListGroup, ...]
    page: int
    pages: int
    first: int
    last: int
    shops: int


def list_board(found: ShopList, wanted: Wanted, states: Mapping[str, ShopRow]) -> ListBoard:
    """Work out the page; `states` are the shops on it as they are now."""
    rows = [
        _row(line, wanted, found.screen, states.get(line.shop.store_id)) for line in found.lines
    ]
    bases = sorted({row.line.basis for row in rows}, key=lambda basis: basis or "~")
    return ListBoard(
        period=wanted.period,
        text=wanted.text,
        sort=Sort(key=wanted.sort, down=wanted.down, now=True),
        sorts=tuple(_sort(key, wanted) for key in SORTS),
        groups=tuple(
            _group(basis, [row for row in rows if row.line.basis == basis]) for basis in bases
        ),
        page=found.page,
        pages=found.pages,
        first=found.first,
        last=found.last,
        shops=found.shops,
    )


def _group(basis: str, rows: Sequence[ListRow]) -> ListGroup:
    whys = {
        key: {one.why for row in rows for one in row.figures if one.key == key} for key in SHOWN
    }
    # A column in which every shop lacks the same is one sentence.
    alike = {
        key: why
        for key, found in whys.items()
        if len(found) == 1 and "" not in found
        for why in found
        if why.startswith("no_")
    }
    return ListGroup(
        basis=basis,
        rows=tuple(rows),
        keys=tuple(key for key in SHOWN if key not in alike or key == "visitors"),
        without=tuple((key, why) for key, why in alike.items() if key != "visitors"),
    )


def _sort(key: str, wanted: Wanted) -> Sort:
    now = key == wanted.sort
    # A figure's greatest first; asked for again, the other way round.
    return Sort(key=key, down=not wanted.down if now else key != "name", now=now)


def _row(line: Line, wanted: Wanted, screen: ChainScreen, state: ShopRow | None) -> ListRow:
    shop, sums = line.shop.store_id, line.now.sums
    seen = {key: screen.of_shop(METRICS[key], shop, line.basis, sums) for key in SHOWN}
    change = change_of(line.whole, line.before, wanted.over.length if wanted.over else 0)
    why = ""
    if change is None:
        why = "no_year" if not line.before.days else "few_days"
    return ListRow(
        line=line,
        figures=tuple(figure_of(key, value, sums) for key, value in seen.items()),
        change=change,
        why=why,
        days=line.now.days,
        state=state,
    )
