"""The tables of channels and bookings as files: the very rows that are drawn. Pure.

`?table=` says which: channels (the usual one), bookings, weeks or reasons. Called by the package.
"""

from collections.abc import Callable
from typing import Final

from cloud.figures.currency import units
from cloud.figures.suppress import Hidden
from cloud.pages.channels.board import ChannelBoard, Line
from cloud.pages.channels.bookings import KEYS, BookingBoard, ShopWeeks
from cloud.pages.export import Cell, Column, Kind

Sheet = tuple[tuple[Column, ...], list[tuple[Cell, ...]]]
TABLES: Final = ("channels", "bookings", "weeks", "reasons")


def _people(key: str, title: str = "") -> Column:
    kind: Kind = "share" if key.endswith("share") else "count"
    return Column(key=key, title=title or f"metric.{key}", kind=kind, people=True)


def channels_sheet(board: ChannelBoard, named: Callable[[str, str], str], everything: str) -> Sheet:
    """Return the channels, each before its advertisements, and all together at the end.

    Args:
        board: what is drawn.
        named: how people call a channel or an advertisement.
        everything: what the last row is called.
    """
    columns = (
        Column(key="channel"),
        Column(key="advert"),
        Column(key="name", title="channels.channel"),
        _people("asked"),
        _people("booked", "channels.booked"),
        _people("booked_share", "metric.brought_booked"),
        _people("sales", "channels.bought"),
        _people("sales_share", "metric.brought_sales"),
        *(Column(key=f"value_{one}", kind="number", people=True) for one in board.currencies),
    )
    lines = [one for line in board.lines for one in (line, *line.adverts)]
    rows = [_line(one, named(one.channel, one.advert), board.currencies) for one in lines]
    if board.total is not None:
        rows.append(_line(board.total, everything, board.currencies))
    return columns, rows


def _line(line: Line, name: str, currencies: tuple[str, ...]) -> tuple[Cell, ...]:
    if isinstance(line.value, Hidden):
        money: list[Cell] = [line.value for _ in currencies]
    else:
        paid = dict(line.value)
        money = [units(paid[one], one) if one in paid else None for one in currencies]
    counts = (line.asked, line.booked, line.booked_share, line.sales, line.sales_share)
    return (line.channel, line.advert, name, *counts, *money)


def bookings_sheet(board: BookingBoard, named: Callable[[str], str]) -> Sheet:
    """Return what became of appointments by how they were booked; "": all together."""
    columns = (Column(key="channel"), Column(key="name", title="channels.way"))
    ways = (*board.ways, board.total) if board.total is not None else ()
    rows: list[tuple[Cell, ...]] = [
        (way.channel, named(way.channel), *(way.figures[key] for key in KEYS)) for way in ways
    ]
    return (*columns, *(_people(key) for key in KEYS)), rows


def weeks_sheet(board: BookingBoard) -> Sheet:
    """Return the shops whose bookings deviate, or the one shop: nine weeks, the oldest first."""
    shops = board.deviating if board.one is None else (board.one,)
    places = range(len(shops[0].bars)) if shops else range(0)
    columns = (
        Column(key="shop"),
        Column(key="name", title="of_shop.which"),
        Column(key="last_day", kind="day"),
        Column(key="verdict"),
        Column(key="reason"),
        Column(key="usual", kind="number"),
        *(Column(key=f"week_{place + 1}", kind="count", people=True) for place in places),
    )
    return columns, [_weeks(shop) for shop in shops]


def _weeks(shop: ShopWeeks) -> tuple[Cell, ...]:
    found = shop.found
    bars: list[Cell] = [
        Hidden.HIDDEN if bar.state in ("few", "hidden") else bar.booked for bar in shop.bars
    ]
    head = (shop.store_id, shop.name, shop.last, found.verdict, found.reason, found.usual)
    return (*head, *bars)


def reasons_sheet(board: BookingBoard, named: Callable[[str], str]) -> Sheet:
    """Return why nobody came; "": nobody said."""
    columns = (
        Column(key="reason"),
        Column(key="name", title="channels.reasons"),
        _people("count", "metric.no_shows"),
    )
    return columns, [(one.reason, named(one.reason), one.count) for one in board.reasons]
