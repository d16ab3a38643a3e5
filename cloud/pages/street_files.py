"""The table of a shop's passers-by as a file: the hours that the page shows. Pure."""

from typing import Final

from cloud.pages.export import Cell, Column
from cloud.pages.street import StreetShop
from menkou.rates import capture_rate

HOURS: Final = (
    Column(key="hour", title="street.hour", kind="moment"),
    Column(key="passers", title="street.passers", kind="count"),
    Column(key="captured", title="street.captured", kind="count"),
    Column(key="capture_rate", title="street.rate", kind="share"),
    Column(key="minutes", title="street.observed", kind="count"),
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
