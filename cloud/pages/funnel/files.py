"""The funnel's table as a file (`cloud.pages.export`): the shops, then all of them. Pure."""

from collections.abc import Iterator
from typing import Final

from cloud.figures.suppress import HIDDEN, PEOPLE
from cloud.pages.export import Cell, Column
from cloud.pages.funnel.board import FunnelBoard, StepShown
from cloud.queries.funnel import STEPS

COLUMNS: Final = (
    Column(key="shop", title="shops.id"),
    Column(key="name", title="chain.shop"),
    Column(key="basis", title="shops.basis"),
    *(
        column
        for step in STEPS
        for column in (
            Column(
                key=step.key,
                title=f"funnel.step_{step.key}",
                kind="count",
                people=step.count in PEOPLE,
            ),
            *(
                [
                    Column(
                        key=f"{step.key}_share",
                        title=f"metric.{step.share}",
                        kind="share",
                        people=step.count in PEOPLE,
                    )
                ]
                if step.share
                else []
            ),
        )
    ),
)


def rows_of(board: FunnelBoard) -> Iterator[tuple[Cell, ...]]:
    """Yield the shops of each basis, and last all of them together, without an id."""
    for group in board.groups:
        for row in (*group.rows, group.all):
            shop = (row.shop.store_id, row.shop.name) if row.shop else (None, None)
            yield *shop, group.basis or None, *(one for step in row.steps for one in _cells(step))


def _cells(step: StepShown) -> Iterator[Cell]:
    yield HIDDEN if step.why == "few" else step.count
    if step.share is not None:
        yield HIDDEN if step.share.why == "few" else step.share.value
