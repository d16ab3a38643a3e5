"""The tables of passers-by as files: all shops today, and the hours of one. Pure."""

from collections.abc import Iterator
from typing import Final

from cloud.pages.export import Cell, Column
from cloud.pages.street import StreetShop, street_board
from cloud.views import StreetToday
from menkou.rates import capture_rate

HOURS: Final = (
    Column(key="hour", title="street.hour", kind="moment"),
    Column(key="passers", title="street.passers", kind="count"),
    Column(key="captured", title="street.captured", kind="count"),
    Column(key="capture_rate", title="street.rate", kind="share"),
    Column(key="minutes", title="street.observed", kind="count"),
)
STREET: Final = (
    Column(key="shop", title="shops.id"),
    Column(key="name", title="chain.shop"),
    Column(key="basis", title="shops.basis"),
    Column(key="passers", title="street.passers", kind="count"),
    Column(key="error", title="street.error", kind="share"),
    Column(key="captured", title="street.captured", kind="count"),
    Column(key="capture_rate", title="street.rate", kind="share"),
    Column(key="state", title="street.sure"),
)
_WHOLE: Final = 1_000
"""`capture_rate` is in tenths of a percent."""


def hour_rows(shop: StreetShop) -> list[tuple[Cell, ...]]:
    """Return the hours that stand in a shop's table."""
    rows: list[tuple[Cell, ...]] = []
    for hour in (bar.hour for bar in shop.row.bars if bar.hour.minutes):
        rate = capture_rate(hour.captured, hour.passers)
        part = None if rate is None else rate / _WHOLE
        rows.append((hour.start, hour.passers, hour.captured, part, hour.minutes))
    return rows


def street_rows(today: StreetToday, page: int | None) -> Iterator[tuple[Cell, ...]]:
    """Yield each shop with Wi-Fi, by basis, or those of a page; `error`: of the passers-by."""
    first = street_board(today, page or 1)
    boards = [first] if page else [street_board(today, n) for n in range(1, first.pages + 1)]
    for basis in (group.basis for group in first.groups):
        for board in boards:
            rows = (row for group in board.groups if group.basis == basis for row in group.rows)
            for row in rows:
                shop = row.shop
                error = None if shop.error is None else shop.error / 100
                rate = None if row.rate is None else row.rate / _WHOLE
                of_shop = (shop.store_id, shop.name, shop.basis)
                yield (*of_shop, shop.passers, error, shop.captured, rate, row.state)
