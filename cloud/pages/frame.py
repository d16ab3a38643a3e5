"""The frame of all head office pages: their common words, style sheet, macros and how figures read.

Each room calls `framed` when it is registered; `templates/office.html` is the page that rooms
extend, `templates/figures.html` holds the macros.
"""

from datetime import date
from pathlib import Path
from typing import Any, Final

from flask import Blueprint, Flask, current_app, g, request, url_for
from flask.sansio.app import App

from cloud.figures.suppress import Hidden, Shown
from cloud.pages.plots import band_of, gaps_of, spark_of
from menkou.web.i18n import Speech, speak, speech

TEXT: Final = Path(__file__).parent / "text"
_KNOWN: Final = "menkou.frame"
_MINUTES_FROM_S: Final = 90
_NOT_KNOWN: Final = "–"


def framed(app: App) -> None:
    """Give an app the frame; what is there already stays."""
    if app.extensions.setdefault(_KNOWN, app) is not app or "office" in app.blueprints:
        return
    assert isinstance(app, Flask)
    speak(app, TEXT)
    app.register_blueprint(Blueprint("office", __name__, template_folder="templates"))
    # As globals, so that macros have them however they are imported.
    app.jinja_env.globals.update(
        t=lambda key, **values: speech(current_app).t(key, **values),
        word=lambda group, code, **values: speech(current_app).word(group, code, **values),
        number=lambda value: speech(current_app).number(value),
        figure_text=lambda value, form="count": figure_text(speech(current_app), value, form),
        change_text=lambda now, then, form="count": change_text(
            speech(current_app), now, then, form
        ),
        day_text=lambda day: day_text(speech(current_app), day),
        has_place=has_place,
        address=address,
        band_of=band_of,
        spark_of=spark_of,
        gaps_of=gaps_of,
    )
    app.context_processor(lambda: {"sheet": "office.css"})


def figure_text(said: Speech, value: Shown, form: str = "count") -> str:
    """Return a figure as it is read. `form`: count | share (a fraction of 1) | time (seconds)."""
    if value is None:
        return _NOT_KNOWN
    if isinstance(value, Hidden):
        return said.t("figure.hidden")
    if form == "share":
        return f"{100 * value:.1f} %"
    if form == "time":
        if value < _MINUTES_FROM_S:
            return said.t("figure.seconds", value=f"{value:.0f}")
        return said.t("figure.minutes", value=f"{value / 60:.1f}")
    return said.number(round(value))


def change_text(said: Speech, now: Shown, then: Shown, form: str = "count") -> str:
    """Return by how much a figure has changed: of a share in points, of all else as a share.

    Empty: it cannot be said.
    """
    if now is None or isinstance(now, Hidden) or then is None or isinstance(then, Hidden):
        return ""
    if form != "share" and not then:
        return ""
    if form == "share":
        return said.t("figure.points", value=_signed(100 * (now - then)))
    return f"{_signed(100 * (now - then) / then)} %" if then else ""


def day_text(said: Speech, day: date) -> str:
    """Return a day with its weekday."""
    return said.t(
        "date.day",
        month=said.t(f"date.month_{day.month}"),
        day=day.day,
        weekday=said.t(f"date.weekday_{day.weekday()}"),
    )


def has_place(endpoint: str) -> bool:
    """Say whether a page is there and whoever asks may open it: else nothing links to it."""
    asks = g.get("caller")
    return endpoint in current_app.view_functions and (asks is None or asks.may(endpoint))


def address(**changes: Any) -> str:
    """Return this page's own address with some of its `?` values changed; None takes one out."""
    asked: dict[str, Any] = {**request.args.to_dict(flat=False), **changes}
    kept = {name: value for name, value in asked.items() if value is not None}
    return url_for(request.endpoint or "", **{**kept, **(request.view_args or {})})


def _signed(value: float) -> str:
    shown = f"{value:+.1f}"
    return "±0.0" if shown in ("+0.0", "-0.0") else shown.replace("-", "−")
