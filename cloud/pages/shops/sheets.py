"""Every table and plot of a shop's page as a file, by what an address calls it. Pure.

Beside `board`; called by the room's blueprint. What is hidden on the page is hidden here.
"""

from collections.abc import Callable, Sequence
from typing import Final

from cloud.figures.suppress import HIDDEN
from cloud.pages.export import Cell, Column
from cloud.pages.shops.board import ShopBoard
from cloud.pages.shops.desk_pictures import Times
from cloud.pages.shops.files import DAYS, cell, day_rows
from cloud.queries.shop import ShopPeriod

Sheet = tuple[Sequence[Column], list[tuple[Cell, ...]]]
_HOUR: Final = Column(key="hour", title="shops.hour", kind="count")
_VISITORS: Final = Column(key="visitors", title="metric.visitors", kind="number")


def _days(found: ShopPeriod, _board: ShopBoard) -> Sheet:
    return DAYS, list(day_rows(found))


def _figures(_found: ShopPeriod, board: ShopBoard) -> Sheet:
    columns = (
        Column(key="figure", title="shops.file_figure"),
        Column(key="value", title="shops.file_value", kind="number", people=True),
        Column(key="why", title="shops.file_why"),
    )
    rows = [(key, cell(one), one.why or None) for key, one in board.figures.items()]
    return columns, [*rows]


def _heat(_found: ShopPeriod, board: ShopBoard) -> Sheet:
    weekdays = (
        Column(key=f"weekday_{number + 1}", title=f"shops.weekday_{number}", kind="number")
        for number in range(7)
    )
    heat = board.heat.hours if board.heat else ()
    return (_HOUR, *weekdays), [(hour, *(one.value for one in cells)) for hour, cells in heat]


def _hours(_found: ShopPeriod, board: ShopBoard) -> Sheet:
    columns = (
        Column(key="day", title="shops.day", kind="day"),
        _HOUR,
        Column(key="visitors", title="metric.visitors", kind="count"),
        Column(key="usual", title="shops.legend_median", kind="number"),
        Column(key="low", title="shops.file_low", kind="number"),
        Column(key="high", title="shops.file_high", kind="number"),
    )
    curve = board.curve
    hours = curve.hours if curve else ()
    return columns, [
        (curve.day if curve else None, one.hour, one.visitors, one.usual, one.low, one.high)
        for one in hours
    ]


def _duty(_found: ShopPeriod, board: ShopBoard) -> Sheet:
    columns = (
        _HOUR,
        _VISITORS,
        Column(key="on_duty", title="shops.on_duty", kind="number"),
        Column(key="each", title="shops.each", kind="number"),
    )
    hours = board.duty.hours if board.duty else ()
    return columns, [(one.hour, one.visitors, one.on_duty, one.each) for one in hours]


def _times(_found: ShopPeriod, board: ShopBoard) -> Sheet:
    columns = (
        Column(key="measure", title="shops.file_figure"),
        Column(key="median_s", title="shops.median", kind="number", people=True),
        Column(key="p90_s", title="shops.p90", kind="number", people=True),
        Column(key="count", title="shops.measured_count", kind="count", people=True),
    )

    def row(name: str, it: Times | None) -> tuple[Cell, ...]:
        if it is None:
            return name, None, None, None
        return (name, *((HIDDEN,) * 3 if it.few else (it.median, it.p90, it.count)))

    return columns, [row(name, it) for name, it in board.times.items()]


def _dwell(_found: ShopPeriod, board: ShopBoard) -> Sheet:
    columns = (
        Column(key="from_s", title="shops.file_from", kind="count"),
        Column(key="to_s", title="shops.file_to", kind="count"),
        Column(key="count", title="shops.measured_count", kind="count", people=True),
    )
    dwell = board.times.get("dwell")
    return columns, [
        (bar.low, bar.high, HIDDEN if bar.count is None else bar.count)
        for bar in (dwell.bars if dwell else ())
    ]


def _staff(_found: ShopPeriod, board: ShopBoard) -> Sheet:
    columns = (
        Column(key="code", title="shops.staff_code"),
        Column(key="greeted", title="shops.greeted", kind="count", people=True),
        Column(key="members", title="shops.greeted_members", kind="count", people=True),
    )

    def shown(count: int | None) -> Cell:
        return HIDDEN if count is None else count

    return columns, [(one.code, shown(one.greeted), shown(one.members)) for one in board.staff]


def _street(found: ShopPeriod, board: ShopBoard) -> Sheet:
    columns = (
        Column(key="day", title="shops.day", kind="day"),
        Column(key="passers", title="metric.passers", kind="count"),
    )
    return columns, list(zip(found.period.days(), board.street_days, strict=True))


SHEETS: Final[dict[str, Callable[[ShopPeriod, ShopBoard], Sheet]]] = {
    "days": _days,
    "figures": _figures,
    "heat": _heat,
    "hours": _hours,
    "duty": _duty,
    "times": _times,
    "dwell": _dwell,
    "staff": _staff,
    "street": _street,
}
"""By what an address calls them, with `?table=`; the first one without."""
