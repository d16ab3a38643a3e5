"""Head office's pages: all shops today, and the live part of that page.

`cloud.app` gives it today's figures and registers the blueprint; reads nothing itself.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from flask import Blueprint, render_template, request

from cloud.pages.board import board_of
from cloud.views import ChainToday
from menkou.web.i18n import speak

TEXT: Final = Path(__file__).parent / "text"


def create_pages(today: Callable[[int], ChainToday]) -> Blueprint:
    """Make head office's blueprint: `/` and `/live`, both with `?page=`.

    `today` is asked once a request, for the page: the shops on it need their hours.

    The app that registers it is dressed (`menkou.web.app.dress`) before it is served, and
    answers /api/v1/shops, to which the page links.
    """
    pages = Blueprint("chain", __name__, template_folder="templates")
    pages.record_once(lambda state: speak(state.app, TEXT))

    def page(template: str) -> str:
        number = request.args.get("page", 1, type=int)
        board = board_of(today(number), number)
        return render_template(template, board=board, fragment="chain_live.html")

    @pages.get("/")
    def chain() -> str:
        return page("chain.html")

    @pages.get("/live")
    def live() -> str:
        return page("chain_live.html")

    return pages
