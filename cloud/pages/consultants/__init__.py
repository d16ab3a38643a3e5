"""The room of consultants: what was done for guests, by shop, and by each colleague in one.

`cloud.app` gives it what it asks and registers it; reads nothing itself. What it draws is worked
out by `board`.
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

from flask import Blueprint, Flask, abort, render_template, request
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue

from cloud.figures.period import Period, period_of
from cloud.figures.suppress import LEAST
from cloud.pages.consultants.board import consultant_board
from cloud.pages.consultants.files import colleagues_sheet, shops_sheet
from cloud.pages.export import as_shown, asked_form
from cloud.pages.frame import framed
from cloud.queries.consultants import Colleagues
from menkou.web.i18n import speak

TEXT: Final = Path(__file__).parent / "text"


def create_consultants(
    today: Callable[[], date],
    asks: Callable[[Period, str | None, int | None], Colleagues | None],
    least: int = LEAST,
) -> Blueprint:
    """Make the page of consultants: `/consultants`, with a period, `?shop=` and `?page=`.

    Args:
        today: which day it is, where most of the shops are.
        asks: what it shows, of one shop or of a page of those that the caller sees (None: all).
        least: from how many people on a count is shown.
    """
    pages = Blueprint(
        "consultants", __name__, url_prefix="/consultants", template_folder="templates"
    )
    pages.record_once(_begin)

    @pages.get("")
    def page() -> ResponseReturnValue:
        period, form = period_of(request.args, today()), asked_form()
        shop = request.args.get("shop", "").strip() or None
        # A file has all shops, unless it is of one page.
        number = request.args.get("page", None if form else 1, type=int)
        found = asks(period, shop, number)
        if found is None:
            abort(404)
        board = consultant_board(found, least)
        if form is not None:
            sheet = colleagues_sheet(board) if shop else shops_sheet(board, single=found.single)
            return as_shown(*sheet, form, name="consultants")
        return render_template(
            "consultants.html",
            told=found,
            board=board,
            period=period,
            least=least,
        )

    return pages


def _begin(state: BlueprintSetupState) -> None:
    assert isinstance(state.app, Flask)
    framed(state.app)
    speak(state.app, TEXT)
