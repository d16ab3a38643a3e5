"""Head office's pages: all shops today, their passers-by, one shop's; and each one's live part.

`cloud.app` gives it today's figures and registers the blueprints; reads nothing itself.
"""

from collections.abc import Callable

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue

from cloud.pages.board import board_of
from cloud.pages.export import as_shown, asked_form
from cloud.pages.frame import framed
from cloud.pages.street import street_board, street_shop
from cloud.pages.street_files import HOURS, STREET, hour_rows, street_rows
from cloud.pages.today_files import SHOPS, shop_rows
from cloud.views import ChainToday, StreetMinutes, StreetToday
from menkou.rates import capture_rate


def create_pages(today: Callable[[int], ChainToday]) -> Blueprint:
    """Make head office's blueprint: `/today` and `/today/live`, both with `?page=`.

    `today` is asked once a request, for the page: the shops on it need their hours.

    The app that registers it is dressed (`menkou.web.app.dress`) before it is served, and
    answers /api/v1/shops, to which the page links.
    """
    pages = Blueprint("chain", __name__, url_prefix="/today", template_folder="templates")
    pages.record_once(lambda state: framed(state.app))

    def page(template: str) -> str:
        number = request.args.get("page", 1, type=int)
        board = board_of(today(number), number)
        return render_template(template, board=board, fragment="chain_live.html")

    @pages.get("")
    def chain() -> ResponseReturnValue:
        if (form := asked_form()) is not None:
            number = request.args.get("page", type=int)
            return as_shown(SHOPS, shop_rows(today(number or 1), number), form, name="today")
        return page("chain.html")

    @pages.get("/live")
    def live() -> str:
        return page("chain_live.html")

    return pages


def create_street(
    today: Callable[[int], StreetToday], of: Callable[[str], StreetMinutes | None]
) -> Blueprint:
    """Make the pages of passers-by, beside `create_pages`: `/street` and `/street/SHOP`.

    `today`, which gets the page, and `of`, which gets a shop's id, are asked once a request.
    """
    pages = Blueprint("street", __name__, url_prefix="/street", template_folder="templates")
    pages.app_context_processor(lambda: {"rate_of": capture_rate})

    def board(template: str) -> str:
        number = request.args.get("page", 1, type=int)
        shown = street_board(today(number), number)
        return render_template(template, board=shown, fragment="street_live.html")

    def one(template: str, store_id: str) -> str:
        found = of(store_id)
        if found is None:
            abort(404)
        return render_template(template, shop=street_shop(found), fragment="street_shop_live.html")

    @pages.get("")
    def street() -> ResponseReturnValue:
        if (form := asked_form()) is not None:
            number = request.args.get("page", type=int)
            return as_shown(STREET, street_rows(today(number or 1), number), form, name="street")
        return board("street.html")

    @pages.get("/live")
    def street_live() -> str:
        return board("street_live.html")

    @pages.get("/<store_id>")
    def shop(store_id: str) -> ResponseReturnValue:
        form = asked_form()
        if form is None:
            return one("street_shop.html", store_id)
        found = of(store_id)
        if found is None:
            abort(404)
        return as_shown(HOURS, hour_rows(street_shop(found)), form, name=f"street-{store_id}")

    @pages.get("/<store_id>/live")
    def shop_live(store_id: str) -> str:
        return one("street_shop_live.html", store_id)

    return pages
