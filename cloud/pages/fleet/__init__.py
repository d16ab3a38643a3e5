"""The page of the fleet: how every box is, what is wrong with it, and its settings.

`cloud.app` gives it the boxes and registers the blueprint; reads nothing itself.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from flask import Blueprint, render_template, request

from cloud.pages.fleet.board import Wanted, board_of
from cloud.queries.fleet import TROUBLES, FleetBox
from menkou.web.i18n import speak

TEXT: Final = Path(__file__).parent / "text"
_CHARS_MAX: Final = 64


def create_fleet(boxes: Callable[[], tuple[datetime, Sequence[FleetBox]]]) -> Blueprint:
    """Make the blueprint: `/fleet`, with `?show=`, `?version=`, `?mode=`, `?q=` and `?page=`.

    `boxes` is asked once a request: the moment, and all boxes that the caller sees.
    """
    pages = Blueprint("fleet", __name__, url_prefix="/fleet", template_folder="templates")
    pages.record_once(lambda state: speak(state.app, TEXT))

    @pages.get("")
    def page() -> str:
        now, found = boxes()
        return render_template("fleet.html", board=board_of(found, _wanted(), now))

    return pages


def _wanted() -> Wanted:
    """Return what the address asks for; what it cannot ask for is passed over."""
    given = request.args
    show = given.get("show", "")
    return Wanted(
        show=show if show in ("all", "trouble", "old", "lowered", *TROUBLES) else "",
        version=given.get("version", "")[:_CHARS_MAX],
        mode=given.get("mode", "")[:_CHARS_MAX],
        text=" ".join(given.get("q", "").split())[:_CHARS_MAX],
        page=given.get("page", 1, type=int),
    )
