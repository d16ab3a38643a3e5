"""The box's web app: who came in, today's figures, one-time codes, the paired devices, the time.

`edge.app` gives it a view of the shop, a desk for each of these, and hands it to
`menkou.web.app.dress` with `access.Access` as its door; reads nothing itself.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from flask import Blueprint, Flask, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from edge.console.access import caller
from edge.console.checkin import GuestScreen, checkin_pages
from edge.console.clock import ClockDesk, clock_pages
from edge.console.codes import CodeDesk, codes_pages
from edge.console.desk import Desk
from edge.console.devices import DeviceDesk, devices_pages
from edge.console.page import ShopPage, shop_page
from edge.console.view import ShopView
from menkou.web.i18n import speak
from menkou.web.records import as_json

TEXT: Final = Path(__file__).parent / "text"
_NAV: Final = (("arrivals.page", "arrivals"), ("shop.shop", "today"), ("devices.page", "devices"))


def create_console(
    view: Callable[[], ShopView],
    desk: Desk,
    devices: DeviceDesk,
    clock: ClockDesk,
    codes: CodeDesk,
    screen: GuestScreen,
) -> Flask:
    """Make the box's app. `view` is asked once a request, from several threads.

    To be dressed (`menkou.web.app.dress`) with a door before it is served.
    """
    app = Flask("edge.console", static_folder=None)
    speak(app, TEXT)
    app.context_processor(lambda: {"places": _NAV, "here": request.blueprint})
    app.register_blueprint(_shop_pages(view))
    app.register_blueprint(_arrivals_pages(view, desk, codes))
    app.register_blueprint(devices_pages(view, devices))
    app.register_blueprint(clock_pages(view, clock))
    app.register_blueprint(codes_pages(view, codes))
    app.register_blueprint(checkin_pages(view, screen))
    return app


def _shop_pages(view: Callable[[], ShopView]) -> Blueprint:
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

    return pages


def _arrivals_pages(view: Callable[[], ShopView], desk: Desk, codes: CodeDesk) -> Blueprint:
    pages = Blueprint("arrivals", __name__, url_prefix="/arrivals")

    def shown(template: str) -> str:
        shop = shop_page(view())
        return render_template(
            template,
            page=shop,
            view=shop.view,
            arrivals=desk.arrivals(caller().actor),
            code=codes.shown(caller().actor),
            fragment="arrivals_live.html",
        )

    @pages.get("")
    def page() -> str:
        return shown("arrivals.html")

    @pages.get("/live")
    def live() -> str:
        return shown("arrivals_live.html")

    @pages.post("/wrong")
    def wrong_person() -> ResponseReturnValue:
        # Asked twice, or of a visit that is gone: the page shows what is true now.
        desk.wrong_person(request.form.get("visit", ""), caller().actor)
        return redirect(url_for(".page"), code=303)

    @pages.post("/code")
    def code() -> ResponseReturnValue:
        typed = request.form.get("code", ""), request.form.get("phone", "")
        codes.enter(*typed, caller().actor)
        return redirect(url_for(".page"), code=303)

    @pages.post("/faces/off")
    def faces_off() -> ResponseReturnValue:
        desk.switch_faces("off", caller().actor)
        return redirect(url_for(".page"), code=303)

    @pages.post("/faces/on")
    def faces_on() -> ResponseReturnValue:
        desk.switch_faces("on", caller().actor)
        return redirect(url_for(".page"), code=303)

    return pages
