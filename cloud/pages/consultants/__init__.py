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

from cloud.figures.period import Period
from cloud.figures.suppress import LEAST
from cloud.pages.channels import asked_period
from cloud.pages.consultants.board import consultant_board
from cloud.pages.frame import framed
from cloud.queries.consultants import Colleagues
from menkou.web.i18n import speak

TEXT: Final = Path(__file__).parent / "text"


def create_consultants(
    today: Callable[[], date],
    asks: Callable[[Period, str | None, int], Colleagues | None],
    least: int = LEAST,
) -> Blueprint:
    """Make the page of consultants: `/consultants`, with a period, `?shop=` and `?page=`.

    Args:
        today: which day it is, where most of the shops are.
        asks: what it shows, of one shop or of a page of those that the caller sees.
        least: from how many people on a count is shown.
    """
    pages = Blueprint(
        "consultants", __name__, url_prefix="/consultants", template_folder="templates"
    )
    pages.record_once(_begin)

    @pages.get("")
    def page() -> str:
        period, fault = asked_period(today())
        shop = request.args.get("shop", "").strip() or None
        found = asks(period, shop, request.args.get("page", 1, type=int))
        if found is None:
            abort(404)
        return render_template(
            "consultants.html",
            told=found,
            board=consultant_board(found, least),
            period=period,
            fault=fault,
            least=least,
        )

    return pages


def _begin(state: BlueprintSetupState) -> None:
    assert isinstance(state.app, Flask)
    framed(state.app)
    speak(state.app, TEXT)
