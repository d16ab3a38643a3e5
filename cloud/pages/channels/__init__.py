"""The room of channels and bookings: what brought guests, and what became of appointments.

`cloud.app` gives it what it asks and registers it; reads nothing itself. What it draws is worked
out by `board` and `bookings`.
"""

from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final

from flask import Blueprint, Flask, abort, current_app, render_template, request
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue

from cloud.figures.period import Period, period_of
from cloud.figures.suppress import LEAST
from cloud.pages.channels.board import UNKNOWN, ChannelBoard, channel_board
from cloud.pages.channels.bookings import BookingBoard, booking_board
from cloud.pages.channels.files import (
    TABLES,
    Sheet,
    bookings_sheet,
    channels_sheet,
    reasons_sheet,
    weeks_sheet,
)
from cloud.pages.export import as_shown, asked_form
from cloud.pages.frame import framed
from cloud.pages.money import money_text
from cloud.queries.channels import Asked
from menkou.web.i18n import Speech, speak, speech

TEXT: Final = Path(__file__).parent / "text"


def create_channels(
    today: Callable[[], date],
    asks: Callable[[Period, str | None], Asked | None],
    least: int = LEAST,
) -> Blueprint:
    """Make the page of channels and bookings: `/channels`, with a period and `?shop=`.

    Args:
        today: which day it is, where most of the shops are.
        asks: what it shows, of one shop or of all that the caller sees.
        least: from how many people on a count is shown.
    """
    pages = Blueprint("channels", __name__, url_prefix="/channels", template_folder="templates")
    pages.record_once(_begin)

    @pages.get("")
    def page() -> ResponseReturnValue:
        period = period_of(request.args, today())
        found = asks(period, request.args.get("shop", "").strip() or None)
        if found is None:
            abort(404)
        said = speech(current_app)
        board, bookings = channel_board(found, least), booking_board(found, least)
        if (form := asked_form()) is not None:
            table, sheet = _sheet(said, found, board, bookings)
            return as_shown(*sheet, form, name=table)
        return render_template(
            "channels.html",
            asked=found,
            board=board,
            bookings=bookings,
            period=period,
            least=least,
            money=lambda minor, currency: money_text(said, minor, currency),
            named=lambda channel, advert="": name_of(said, found, channel, advert),
            way_name=partial(way_of, said),
            why_name=partial(why_of, said),
        )

    return pages


def _sheet(
    said: Speech, found: Asked, board: ChannelBoard, bookings: BookingBoard
) -> tuple[str, Sheet]:
    """Return the table that the address asks for, and its name."""
    match table := request.args.get("table", TABLES[0]):
        case "channels":
            names = partial(name_of, said, found)
            return table, channels_sheet(board, names, said.t("channels.all"))
        case "bookings":
            return table, bookings_sheet(bookings, partial(way_of, said))
        case "weeks":
            return table, weeks_sheet(bookings)
        case "reasons":
            return table, reasons_sheet(bookings, partial(why_of, said))
    expected = ", ".join(TABLES)
    return abort(400, description=f"table: expected one of {expected}, got {table[:32]!r}")


def name_of(said: Speech, asked: Asked, channel: str, advert: str = "") -> str:
    """Return how people call a channel or an advertisement; without a name it is its id."""
    if advert == UNKNOWN:
        return said.t("channels.unknown_advert")
    if channel == UNKNOWN:
        return said.t("channels.unknown")
    called = asked.called.get((channel, advert))
    if called is not None:
        return str(getattr(called, said.language))
    if advert or not said.has(f"channels.named_{channel}"):
        return advert or channel
    return said.t(f"channels.named_{channel}")


def way_of(said: Speech, way: str) -> str:
    """Return how people call a way to book; "": all of them, a new one stands for itself."""
    if not way:
        return said.t("channels.all")
    return said.t(f"channels.by_{way}") if said.has(f"channels.by_{way}") else way


def why_of(said: Speech, reason: str) -> str:
    """Return how people call a reason; "": nobody said, a new one stands for itself."""
    key = reason or "unsaid"
    return said.t(f"channels.because_{key}") if said.has(f"channels.because_{key}") else reason


def _begin(state: BlueprintSetupState) -> None:
    assert isinstance(state.app, Flask)
    framed(state.app)
    speak(state.app, TEXT)
