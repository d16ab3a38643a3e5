"""Head office's first page: the last whole day of all shops, for one look in the morning.

`cloud.app` gives it what it shows and registers the blueprint; reads nothing itself.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from cloud.accounts.access import caller
from cloud.anomalies.desk import REASONS, Anomaly
from cloud.figures.suppress import LEAST
from cloud.pages.export import as_shown, asked_form, asked_table
from cloud.pages.frame import framed
from cloud.pages.overview.board import board_of
from cloud.pages.overview.files import SHEETS
from cloud.queries.morning_views import Asked, Morning
from menkou.web.i18n import speak

TEXT: Final = Path(__file__).parent / "text"
_CHARS_MAX: Final = 64
ALARMS_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """What goes on and nobody has taken on: the first of `count` anomalies."""

    count: int
    first: Sequence[Anomaly]


def create_overview(
    read: Callable[[Asked], Morning],
    alarms: Callable[[], Alarms] | None = None,
    least: int = LEAST,
) -> Blueprint:
    """Make the first page's blueprint: `/`, with `?day=`, `?q=` (shops by name) and `?page=`.

    `read` and `alarms` are asked once a request; `least` is from how many people on a figure is
    shown.
    """
    pages = Blueprint("overview", __name__, template_folder="templates")
    pages.record_once(lambda state: framed(state.app))
    pages.record_once(lambda state: speak(state.app, TEXT))

    @pages.get("/")
    def page() -> ResponseReturnValue:
        day, text = None, request.args.get("day", "")
        with suppress(ValueError):
            day = date.fromisoformat(text) if text else None
        morning = read(
            Asked(
                day=day,
                find=" ".join(request.args.get("q", "").split())[:_CHARS_MAX],
                page=request.args.get("page", 1, type=int),
            )
        )
        board = board_of(morning, least)
        if (form := asked_form()) is not None:
            table = asked_table(SHEETS)
            return as_shown(*SHEETS[table](board), form, name=f"overview-{table}")
        wrong_day = bool(text) and morning.day.isoformat() != text
        return render_template(
            "overview.html",
            board=board,
            wrong_day=wrong_day,
            alarms=alarms() if alarms else Alarms(count=0, first=()),
            reasons=REASONS if alarms and caller().may("anomalies.take_on") else (),
        )

    return pages
