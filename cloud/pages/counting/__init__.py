"""The page of the counting audit: draws hours, takes what people counted, says how right it is.

`cloud.app` gives it the desk and registers the blueprint; keeps nothing itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from flask import Blueprint, current_app, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cloud.accounts.access import caller
from cloud.counting.checks import WHY_DROPPED, CountingFault, Told
from cloud.counting.desk import Audited, CountingDesk
from cloud.counting.draw import Way
from cloud.figures.accuracy import Accuracy
from cloud.pages.counting.board import SHOWN, board_of
from cloud.pages.counting.files import CAMERAS, CHECKS, camera_rows, check_rows
from cloud.pages.export import Form, as_shown, asked_form
from menkou.web.i18n import speak, speech

TEXT: Final = Path(__file__).parent / "text"
_CHARS_MAX: Final = 64
_DIGITS_MAX: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """How right the footfall of all shops is that the caller sees; None: nobody has checked."""

    now: datetime
    found: Accuracy | None
    may: bool


def create_counting(desk: CountingDesk) -> Blueprint:
    """Make the blueprint: `/counting` with `?shop=`, `?page=`, `?format=`; its three forms."""
    pages = Blueprint("counting", __name__, url_prefix="/counting", template_folder="templates")
    pages.record_once(lambda state: speak(state.app, TEXT))

    # Asked only by a page that shows it: `accuracy_line.html` stands beside footfall.
    @pages.app_context_processor
    def _line() -> dict[str, Callable[[], Line]]:
        return {"counting_line": line}

    def line() -> Line:
        if "counting_line" not in g:  # a page may show it more than once
            may = caller().may("counting.page")
            g.counting_line = Line(now=desk.now(), found=desk.all(), may=may)
        found: Line = g.counting_line
        return found

    def shown(problem: str | None = None, check: str = "") -> str:
        shop = _shop()
        audited = desk.audited(shop)
        return render_template(
            "counting.html",
            board=board_of(audited, shop, request.args.get("page", 1, type=int)),
            why_dropped=WHY_DROPPED,
            may_enter=caller().may("counting.enter"),
            problem=speech(current_app).t(f"counting.problem_{problem}") if problem else None,
            problem_at=check,
        )

    @pages.get("")
    def page() -> ResponseReturnValue:
        if (form := asked_form()) is not None:
            return _file(desk.audited(_shop()), form)
        return shown()

    @pages.post("/draw")
    def draw() -> ResponseReturnValue:
        shop = request.form.get("shop", "").strip()[:_CHARS_MAX]
        way: Way = "door" if request.form.get("way") == "door" else "video"
        try:
            desk.draw(shop, way)
        except CountingFault as exc:
            return shown(exc.problem), 409
        return redirect(url_for(".page"), code=303)

    @pages.post("/enter")
    def enter() -> ResponseReturnValue:
        check = request.form.get("check", "")[:_CHARS_MAX]
        entered, left = _number("entered"), _number("left")
        if entered is None or (left is None and request.form.get("left", "").strip()):
            return shown("number", check), 409
        try:
            desk.enter(check, Told(entered=entered, left=left))
        except CountingFault as exc:
            return shown(exc.problem, check), 409
        return redirect(url_for(".page", _anchor="cameras"), code=303)

    @pages.post("/drop")
    def drop() -> ResponseReturnValue:
        check = request.form.get("check", "")[:_CHARS_MAX]
        try:
            desk.drop(check, request.form.get("why", ""))
        except CountingFault as exc:
            return shown(exc.problem, check), 409
        return redirect(url_for(".page"), code=303)

    return pages


def _number(name: str) -> int | None:
    text = request.form.get(name, "").strip()
    fits = text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MAX
    return int(text) if fits else None


def _shop() -> str | None:
    return request.args.get("shop", "")[:_CHARS_MAX] or None


def _file(audited: Audited, form: Form) -> ResponseReturnValue:
    """Return a table of the page: the cameras', or with `?table=hours` that of what was counted."""
    if request.args.get("table") == "hours":
        return as_shown(CHECKS, check_rows(audited.done[:SHOWN]), form, name="counted-hours")
    return as_shown(CAMERAS, camera_rows(audited.cameras), form, name="counting")
