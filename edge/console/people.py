"""Who uses this device, and who works here. Called by `app`; `edge.desk.staff` acts."""

from collections.abc import Callable

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from edge.console.access import caller
from edge.console.page import shop_page
from edge.console.view import ShopView
from edge.core.stay import LEAST_MINUTES, MOST_MINUTES
from edge.desk.staff import PIN_DIGITS, Chosen, Refused, StaffDesk
from edge.store.devices import NAME_CHARS_MAX
from edge.store.staff import STAFF_ROLES


def people_pages(view: Callable[[], ShopView], desk: StaffDesk) -> tuple[Blueprint, Blueprint]:
    """Make the page of this device, and the manager's of all who work here."""
    return _me_pages(view, desk), _staff_pages(view, desk)


def _sent(name: str) -> str:
    return request.form.get(name, "")


def _me_pages(view: Callable[[], ShopView], desk: StaffDesk) -> Blueprint:
    pages = Blueprint("me", __name__, url_prefix="/me")

    def shown(outcome: Chosen | None = None, minutes: int = 0) -> str:
        shop = shop_page(view())
        return render_template(
            "me.html",
            page=shop,
            view=shop.view,
            me=desk.me(caller().actor),
            people=desk.everybody(),
            pin_chars=PIN_DIGITS[1],
            outcome=outcome,
            minutes=minutes,
        )

    @pages.get("")
    def page() -> str:
        return shown()

    @pages.post("/choose")
    def choose() -> ResponseReturnValue:
        staff = _sent("staff")
        outcome = desk.choose(caller().actor, staff, _sent("pin"))
        if outcome == "chosen":
            return redirect(url_for("arrivals.page"), code=303)
        return shown(outcome, desk.wait_minutes(staff)), 409

    @pages.post("/leave")
    def leave() -> ResponseReturnValue:
        desk.leave(caller().actor)
        return redirect(url_for(".page"), code=303)

    @pages.post("/alerts")
    def alerts() -> ResponseReturnValue:
        desk.set_alerts(
            caller().actor, sound=_sent("sound") == "on", vibration=_sent("vibration") == "on"
        )
        return redirect(url_for(".page"), code=303)

    return pages


def _staff_pages(view: Callable[[], ShopView], desk: StaffDesk) -> Blueprint:
    pages = Blueprint("staff", __name__, url_prefix="/staff")

    def shown(problem: Refused | None = None) -> str:
        shop = shop_page(view())
        return render_template(
            "staff.html",
            page=shop,
            view=shop.view,
            people=desk.everybody(),
            roles=STAFF_ROLES,
            name_chars=NAME_CHARS_MAX,
            pin_chars=PIN_DIGITS[1],
            thresholds=desk.thresholds(),
            minutes=(LEAST_MINUTES, MOST_MINUTES),
            problem=problem,
        )

    def answer(problem: Refused | None) -> ResponseReturnValue:
        if problem is not None:
            return shown(problem), 409
        return redirect(url_for(".page"), code=303)

    @pages.get("")
    def page() -> str:
        return shown()

    @pages.post("/add")
    def add() -> ResponseReturnValue:
        return answer(desk.add(_sent("name"), _sent("role"), _sent("pin"), caller().actor))

    @pages.post("/rename")
    def rename() -> ResponseReturnValue:
        return answer(desk.rename(_sent("staff"), _sent("name"), caller().actor))

    @pages.post("/pin")
    def pin() -> ResponseReturnValue:
        return answer(desk.set_pin(_sent("staff"), _sent("pin"), caller().actor))

    @pages.post("/end")
    def end() -> ResponseReturnValue:
        desk.end(_sent("staff"), caller().actor)
        return answer(None)

    @pages.post("/stay")
    def stay() -> ResponseReturnValue:
        return answer(desk.set_thresholds(_sent("tea"), _sent("meal"), caller().actor))

    return pages
