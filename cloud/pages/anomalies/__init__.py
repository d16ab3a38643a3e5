"""The page of anomalies: what goes on, with its comparison; who takes it on; the word to a shop.

`cloud.app` gives it what is asked and done, and registers the blueprint.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue

from cloud.anomalies.desk import KINDS, REASONS
from cloud.pages.anomalies.board import COLUMNS, Found, board_of, rows_of
from cloud.pages.export import as_shown, asked_form
from cloud.pages.frame import framed
from menkou.web.i18n import speak

TEXT: Final = Path(__file__).parent / "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asks:
    """What the page asks and does; the latter says whether it was done.

    `found`: by the pages of those that go on and of past ones (0: all), and the kind ("": all).
    `take_on`: by id and reason. `tell`: by id.
    """

    found: Callable[[int, int, str], Found]
    take_on: Callable[[str, str], bool]
    tell: Callable[[str], bool]
    may: Callable[[str], bool]


def create_anomalies(asks: Asks) -> Blueprint:
    """Make the blueprint: `/anomalies`, with `?page=` of past ones and `?open=` of those that go
    on, `?kind=`; and its two forms.
    """
    pages = Blueprint("anomalies", __name__, url_prefix="/anomalies", template_folder="templates")

    @pages.record_once
    def _record(state: BlueprintSetupState) -> None:
        framed(state.app)
        speak(state.app, TEXT)

    @pages.get("")
    def page() -> ResponseReturnValue:
        if (form := asked_form()) is not None:
            return as_shown(COLUMNS, rows_of(asks.found(0, 0, _kind())), form, name="anomalies")
        found = asks.found(_page("open"), _page("page"), _kind())
        return render_template(
            "anomalies.html",
            board=board_of(found),
            reasons=REASONS,
            may_take=asks.may("anomalies.take_on"),
            may_tell=asks.may("anomalies.tell"),
        )

    @pages.post("/<which>/ack")
    def take_on(which: str) -> ResponseReturnValue:
        # Somebody else was quicker, or it is over: the page shows what is true now.
        asks.take_on(which, request.form.get("reason", ""))
        back = "overview.page" if request.form.get("to") == "overview" else ".page"
        return redirect(url_for(back), code=303)

    @pages.post("/<which>/tell")
    def tell(which: str) -> ResponseReturnValue:
        asks.tell(which)
        return redirect(url_for(".page") + f"#a-{which}", code=303)

    return pages


def _page(name: str) -> int:
    return max(1, request.args.get(name, 1, type=int))


def _kind() -> str:
    asked = request.args.get("kind", "")
    return asked if asked in KINDS else ""
