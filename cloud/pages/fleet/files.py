"""The table of the fleet as a file: the boxes that are asked for, in the page's order. Pure."""

from collections.abc import Iterator
from typing import Final

from cloud.pages.export import Cell, Column
from cloud.pages.fleet.board import FleetBoard, FleetRow

COLUMNS: Final = (
    Column(key="shop", title="fleet.col_shop"),
    Column(key="shop_id"),
    Column(key="box"),
    Column(key="state", title="fleet.col_contact"),
    Column(key="last_seen", kind="moment"),
    Column(key="version", title="fleet.col_version"),
    Column(key="mode", title="fleet.col_mode"),
    Column(key="backlog", title="fleet.col_waiting", kind="count"),
    Column(key="missing", kind="count"),
    Column(key="temperature_c", kind="count"),
    Column(key="disk_left_percent", kind="count"),
    Column(key="cameras", title="fleet.col_cameras"),
    Column(key="clock", title="fleet.col_clock"),
    Column(key="settings", title="fleet.col_settings"),
    Column(key="orders", kind="count"),
    Column(key="troubles"),
)


def rows_of(board: FleetBoard) -> Iterator[tuple[Cell, ...]]:
    """Yield the rows of the page, in codes."""
    return (_row(row) for row in board.rows)


def _row(row: FleetRow) -> tuple[Cell, ...]:
    box = row.box
    return (
        *(box.name, box.store_id, box.box_id),
        "never" if box.last_seen is None else box.state,
        *(box.last_seen, box.version, box.mode, box.backlog, box.missing),
        *(box.temperature_c, row.disk_left),
        " ".join(f"{name}:{state}" for name, state in box.cameras),
        *(box.clock, box.config.state, box.orders),
        " ".join(box.troubles),
    )
