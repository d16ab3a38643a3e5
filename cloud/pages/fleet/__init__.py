"""The page of the fleet: how every box is, what is wrong with it, and its settings.

`cloud.app` gives it the boxes and registers the blueprint; reads nothing itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cloud.accounts.access import caller
from cloud.pages.export import as_shown, asked_form
from cloud.pages.fleet.board import Wanted, board_of
from cloud.pages.fleet.files import COLUMNS, rows_of
from cloud.queries.fleet import TROUBLES, FleetBox
from menkou.web.i18n import speak

TEXT: Final = Path(__file__).parent / "text"
_CHARS_MAX: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What is asked: all boxes that the caller sees, and `silences`: by shop, the anomaly that its
    data are missing, and whether the shop was told of it.
    """

    now: datetime
    boxes: Sequence[FleetBox]
    silences: Mapping[str, tuple[str, bool]]


def create_fleet(fleet: Callable[[], Fleet], alert: Callable[[str, str], bool]) -> Blueprint:
    """Make the blueprint: `/fleet` by `?show=`, `?version=`, `?mode=`, `?q=`, `?page=`, `?format=`.

    `fleet` is asked once a request; `alert` lets a shop know of a trouble of its box, and says
    whether it is told now.
    """
    pages = Blueprint("fleet", __name__, url_prefix="/fleet", template_folder="templates")
    pages.record_once(lambda state: speak(state.app, TEXT))

    @pages.get("")
    def page() -> ResponseReturnValue:
        found = fleet()
        if (form := asked_form()) is not None:
            whole = "page" not in request.args
            board = board_of(found.boxes, _wanted(), found.now, whole=whole)
            return as_shown(COLUMNS, rows_of(board), form, name="fleet")
        return render_template(
            "fleet.html",
            board=board_of(found.boxes, _wanted(), found.now),
            silences=found.silences,
            may_tell=caller().may("anomalies.tell"),
            may_alert=caller().may("fleet.alert"),
        )

    @pages.post("/alert", endpoint="alert")
    def alert_shop() -> ResponseReturnValue:
        # Somebody else was quicker, or it is over: the page shows what is true now.
        given = request.form
        alert(given.get("shop", "")[:_CHARS_MAX], given.get("trouble", "")[:_CHARS_MAX])
        wanted = _wanted()
        args: dict[str, Any] = {"page": wanted.page, **wanted.args}
        return redirect(url_for(".page", **args), code=303)

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
