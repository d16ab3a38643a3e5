"""The shop's web app: the page, its live part, the same figures as JSON.

`edge.app` gives it a view of the shop and hands it to `menkou.web.app.dress`; reads nothing itself.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from flask import Blueprint, Flask, jsonify, render_template
from flask.typing import ResponseReturnValue

from edge.console.page import ShopPage, shop_page
from edge.console.view import ShopView
from menkou.web.i18n import speak
from menkou.web.records import as_json

TEXT: Final = Path(__file__).parent / "text"


def create_console(view: Callable[[], ShopView]) -> Flask:
    """Make the shop's app. `view` is asked once a request, from several threads.

    To be dressed (`menkou.web.app.dress`) before it is served.
    """
    app = Flask("edge.console", static_folder=None)
    speak(app, TEXT)
    pages = Blueprint("shop", __name__, template_folder="templates")

    def page(template: str) -> str:
        shown: ShopPage = shop_page(view())
        return render_template(template, page=shown, view=shown.view, fragment="shop_live.html")

    @pages.get("/")
    def shop() -> str:
        return page("shop.html")

    @pages.get("/live")
    def live() -> str:
        return page("shop_live.html")

    @pages.get("/api/state")
    def state() -> ResponseReturnValue:
        value: dict[str, Any] = as_json(view())
        return jsonify(value)

    @pages.get("/healthz")
    def healthz() -> ResponseReturnValue:
        return {"ok": True}

    app.register_blueprint(pages)
    return app
