"""The room of the funnel: from passers-by to the next visit, of the chain, a shop or a channel.

`cloud.app` gives it what it asks and registers it; what it draws is worked out by `board`.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from flask import Blueprint, abort, current_app, render_template, request
from flask.typing import ResponseReturnValue

from cloud.figures.accuracy import Accuracy
from cloud.figures.metric import Sums
from cloud.figures.period import Period
from cloud.pages.channels import name_of
from cloud.pages.channels.board import channel_board
from cloud.pages.export import as_shown, asked_form
from cloud.pages.funnel.board import Shops, channel_steps, funnel_board
from cloud.pages.funnel.files import COLUMNS, rows_of
from cloud.pages.shops import asked_period, begin
from cloud.queries.channels import Asked
from cloud.queries.funnel import Knowing, Screens
from cloud.queries.shops import Named, OfShops
from cloud.views import PAGE_SHOPS, on_page
from menkou.web.i18n import speak, speech

TEXT: Final = Path(__file__).parent / "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """What is counted of the funnel. `shops` are all that it may be of, by their names.

    `sums`: by basis; `of_shops`: of those on the page; `knowing`: who knows what, on day `on`;
    `screens`: what is hidden;
    `due`: of which days the last step is.
    """

    sums: Mapping[str, Sums]
    of_shops: OfShops
    knowing: Mapping[str, Knowing]
    screens: Screens
    on: date | None
    due: Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What the room asks; each is scoped by who opens the page.

    `counted` is asked for a period, the shop that it is narrowed to, and the shops on the page;
    `channels`, what the page of channels shows, for a period and that shop, where one is asked for;
    `measured`: how right the counting of it, or of all, was found to be.
    """

    today: Callable[[str | None], date]
    shops: Callable[[], tuple[Named, ...]]
    counted: Callable[[Period, str | None, Collection[str]], Funnel]
    channels: Callable[[Period, str | None], Asked | None]
    measured: Callable[[str | None], Accuracy | None]
    least: int


def create_funnel(asking: Asking) -> Blueprint:
    """Make the page `/funnel`, with `?shop=` and `?channel=`."""
    pages = Blueprint("funnel", __name__, url_prefix="/funnel", template_folder="templates")
    pages.record_once(lambda state: begin(state.app))
    pages.record_once(lambda state: speak(state.app, TEXT))

    @pages.get("")
    def page() -> ResponseReturnValue:
        one = request.args.get("shop") or None
        period, fault = asked_period(asking.today(one))
        every = asking.shops()
        among = [shop for shop in every if one in (None, shop.store_id)]
        form = asked_form()
        shops = _on_page(among, alone=one is not None, whole=form is not None)
        if one is not None and not shops.every:
            abort(404)
        found = asking.counted(period, one, [shop.store_id for shop in shops.here])
        board = funnel_board(
            period, found.sums, found.of_shops, shops, found.knowing, found.screens
        )
        if form is not None:
            return as_shown(COLUMNS, rows_of(board), form, name="funnel")
        # `all`: of every channel alike, but with a choice of them.
        channel = request.args.get("channel", "")[:32]
        asked = asking.channels(period, one) if channel else None
        lines = channel_board(asked, asking.least).lines if asked else ()
        return render_template(
            "funnel.html",
            board=board,
            measured=asking.measured(one),
            on=found.on,
            due=found.due,
            one=shops.every[0] if one else None,
            channel=channel_steps(channel, lines) if channel not in ("", "all") else None,
            channels={line.channel: _called(asked, line.channel) for line in lines},
            period=period,
            fault=fault,
        )

    return pages


def _called(asked: Asked | None, channel: str) -> str:
    return name_of(speech(current_app), asked, channel) if asked else channel


def _on_page(shops: list[Named], *, alone: bool, whole: bool) -> Shops:
    """Return the shops on the page; `whole`: of a file, all of them unless it names a page."""
    if whole and "page" not in request.args:
        return Shops(every=shops, here=shops, number=1, alone=alone)
    place = on_page(len(shops), request.args.get("page", 1, type=int))
    number = place.start // PAGE_SHOPS + 1
    return Shops(every=shops, here=shops[place.start : place.stop], number=number, alone=alone)
