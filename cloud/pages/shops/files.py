"""The tables of the pages of shops as files (`cloud.pages.export`). Pure."""

from collections.abc import Iterator
from typing import Final

from cloud.figures.suppress import HIDDEN
from cloud.pages.export import Cell, Column
from cloud.pages.known import Figure
from cloud.pages.shops.listing import ListBoard
from cloud.queries.shop import ShopPeriod
from cloud.queries.shops import SHOWN

LIST: Final = (
    Column(key="shop", title="shops.id"),
    Column(key="name", title="chain.shop"),
    Column(key="basis", title="shops.basis"),
    Column(key="days", title="shops.days_counted", kind="count"),
    Column(key="visitors", title="metric.visitors", kind="count"),
    Column(key="change", title="shops.change", kind="share"),
    Column(key="conversion", title="metric.conversion", kind="share", people=True),
    Column(key="member_share", title="metric.member_share", kind="share", people=True),
    Column(key="capture_rate", title="metric.capture_rate", kind="share"),
    Column(key="health", title="chain.state"),
)
DAYS: Final = (
    Column(key="day", title="shops.day", kind="day"),
    Column(key="basis", title="shops.basis"),
    *(
        Column(key=key, title=f"metric.{key}", kind="count")
        for key in ("visitors", "entered", "reentries", "staff")
    ),
)
"""Footfall, which is not people and is never hidden."""


def cell(figure: Figure) -> Cell:
    """Return a figure as a file has it."""
    return HIDDEN if figure.why == "few" else figure.value


def list_rows(board: ListBoard) -> Iterator[tuple[Cell, ...]]:
    """Yield the list's rows, in its order."""
    for group in board.groups:
        for row in group.rows:
            shown = {one.key: cell(one) for one in row.figures}
            visitors, *shares = (shown[key] for key in SHOWN)
            yield (
                row.line.shop.store_id,
                row.line.shop.name,
                row.line.basis or None,
                row.days,
                visitors,
                row.change,
                *shares,
                row.state.health if row.state else None,
            )


def day_rows(found: ShopPeriod) -> Iterator[tuple[Cell, ...]]:
    """Yield a shop's counted days."""
    for (on, basis), sums in sorted(found.days.items()):
        if basis:
            counts = (sums[key] for key in ("visitors", "entered", "reentries", "staff"))
            yield on, basis, *counts
