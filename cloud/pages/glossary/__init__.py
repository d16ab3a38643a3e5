"""The glossary: what each figure means, on a page of its own and by a tap wherever it is shown.

Registered by `cloud.app`; reads nothing. It brings to every page the macro `figure_name(key)`
(`figure_name.html`), the links to a table's files (`cloud.pages.export`), and the page that says
what is wrong with an address that names no period.
"""

from pathlib import Path
from typing import Final

from flask import Blueprint, Flask, current_app, render_template
from flask.blueprints import BlueprintSetupState

from cloud.figures.metric import DEFINED
from cloud.figures.period import PeriodFault
from cloud.pages.export import can_write
from cloud.pages.frame import framed
from cloud.pages.glossary.board import GROUPS, OF_MONEY, RULES, formula_of, seen_on
from cloud.pages.places import PLACES
from menkou.web.i18n import speak, speech

TEXT: Final = Path(__file__).parent / "text"
_ENDPOINTS: Final = {name: endpoint for endpoint, name in PLACES}


def create_glossary(least: int) -> Blueprint:
    """Make the blueprint: `/glossary`, each figure at its own `#KEY`.

    `least`: from how many people on a count is shown.
    """
    pages = Blueprint("glossary", __name__, url_prefix="/glossary", template_folder="templates")

    def dress(state: BlueprintSetupState) -> None:
        framed(state.app)
        speak(state.app, TEXT)
        assert isinstance(state.app, Flask)
        # As globals, so that the macros have them however they are imported.
        state.app.jinja_env.globals.update(
            formula=lambda key: formula_of(speech(current_app), key),
            figure_of=DEFINED.get,
            suppress_below=least,
            export_forms=can_write,
        )

    pages.record_once(dress)

    @pages.get("")
    def page() -> str:
        return render_template(
            "glossary.html",
            groups=GROUPS,
            rules=RULES,
            seen_on=seen_on,
            endpoints=_ENDPOINTS,
            of_money=OF_MONEY,
        )

    @pages.app_errorhandler(PeriodFault)
    def no_period(fault: PeriodFault) -> tuple[str, int]:
        return render_template("period_fault.html", code=fault.code), 400

    return pages
