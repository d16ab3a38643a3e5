"""Tables of guests for programs: what brought them, appointments, and consultants. Pure.

Made of what the pages of channels and of consultants draw, so that what they hide is hidden.
Called by `cloud.desks.figures`.
"""

from collections.abc import Mapping
from typing import Final

from cloud.figures.metric import DEFINED, Sums
from cloud.figures.suppress import Hidden, Screen, Shown
from cloud.pages.channels.board import Line, channel_board
from cloud.pages.channels.bookings import booking_board
from cloud.pages.consultants.board import shops_screen, staff_screen
from cloud.queries.channels import Asked
from cloud.queries.figures import Figures, Row, Wanted
from cloud.queries.hidden import ChainScreen

CHANNELS: Final = ("asked", "booked", "brought_booked", "sales", "brought_sales")
BOOKINGS: Final = ("booked", "kept_share", "late_share", "no_show_share", "cancelled")
CONSULTANTS: Final = (
    *("greeted", "greeted_quick", "sales", "greeted_sales", "follow_ups", "greeted_wrong"),
)


def channels_table(asked: Asked, least: int) -> Figures:
    """Return guests by channel, and below each its advertisements; "": all of the channel.

    `value` is what they bought for, in minor units by currency: `CNY 123400`; none: it is hidden.
    """
    board = channel_board(asked, least)
    lines = [line for whole in board.lines for line in (whole, *whole.adverts)]
    return _table(
        ("channel", "advert", "value"),
        CHANNELS,
        [
            Row(keys=(line.channel, line.advert, _value(line)), figures=_brought(line))
            for line in lines
        ],
    )


def _brought(line: Line) -> dict[str, Shown]:
    return {
        "asked": line.asked,
        "booked": line.booked,
        "brought_booked": line.booked_share,
        "sales": line.sales,
        "brought_sales": line.sales_share,
    }


def _value(line: Line) -> str | None:
    if isinstance(line.value, Hidden):
        return None
    return " ".join(f"{code} {minor}" for code, minor in line.value)


def bookings_table(asked: Asked, least: int) -> Figures:
    """Return what became of appointments, by how they were booked."""
    ways = booking_board(asked, least).ways
    rows = [
        Row(keys=(way.channel,), figures={name: way.figures[name] for name in BOOKINGS})
        for way in ways
    ]
    return _table(("booked_by",), BOOKINGS, rows)


def consultants_table(
    shops: Mapping[str, Sums], staff: Mapping[str, Sums], of: ChainScreen, wanted: Wanted
) -> Figures:
    """Return what consultants did, by shop; of one shop also each of them, by random id.

    `shops` are all: what is hidden of one depends on the others. `of`: what is of their guests.
    """
    screen = shops_screen(shops, of, wanted.least)
    asked = sorted(shops if wanted.shops is None else shops.keys() & set(wanted.shops))
    rows = [Row(keys=(name, None), figures=_of(screen, name)) for name in asked]
    if (shop := wanted.one_shop) is not None:
        single = staff_screen(staff, screen, shop, wanted.least)
        rows += [Row(keys=(shop, name), figures=_of(single, name)) for name in sorted(staff)]
    return _table(("shop", "staff"), CONSULTANTS, rows)


def _of(screen: Screen[str], name: str) -> dict[str, Shown]:
    return {key: screen.shown(DEFINED[key], name) for key in CONSULTANTS}


def _table(keys: tuple[str, ...], names: tuple[str, ...], rows: list[Row]) -> Figures:
    return Figures(keys=keys, names=names, people=frozenset(names), rows=tuple(rows))
