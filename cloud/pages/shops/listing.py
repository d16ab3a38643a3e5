"""Works out what the list of shops draws: two tables, one for each basis. Pure.

Called by the room's blueprint; holds codes, the template turns them into words.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cloud.figures.period import Period
from cloud.pages.board import ShopRow
from cloud.pages.known import Figure, figure
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
    """The shops of one basis on the page; `basis` is empty where nobody was counted."""

    basis: str
    rows: tuple[ListRow, ...]


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
    rows = [_row(line, wanted, states.get(line.shop.store_id)) for line in found.lines]
    bases = sorted({row.line.basis for row in rows}, key=lambda basis: basis or "~")
    return ListBoard(
        period=wanted.period,
        text=wanted.text,
        sort=Sort(key=wanted.sort, down=wanted.down, now=True),
        sorts=tuple(_sort(key, wanted) for key in SORTS),
        groups=tuple(
            ListGroup(basis=basis, rows=tuple(row for row in rows if row.line.basis == basis))
            for basis in bases
        ),
        page=found.page,
        pages=found.pages,
        first=found.first,
        last=found.last,
        shops=found.shops,
    )


def _sort(key: str, wanted: Wanted) -> Sort:
    now = key == wanted.sort
    # A figure's greatest first; asked for again, the other way round.
    return Sort(key=key, down=not wanted.down if now else key != "name", now=now)


def _row(line: Line, wanted: Wanted, state: ShopRow | None) -> ListRow:
    change = change_of(line.now, line.before, wanted.period.length)
    why = ""
    if change is None:
        why = "no_year" if not line.before.days else "few_days"
    return ListRow(
        line=line,
        figures=tuple(figure(key, line.now.sums) for key in SHOWN),
        change=change,
        why=why,
        days=line.now.days,
        state=state,
    )
