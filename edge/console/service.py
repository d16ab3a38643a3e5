"""The page of service tickets, and the forms that members' cards have for them.

Called by `edge.console.app`; `edge.desk.service` does the work. What a device has just made or been
shown is kept here for a minute, in memory and for that device alone.
"""

import time
from collections.abc import Callable

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from edge.console.access import caller
from edge.console.page import shop_page
from edge.console.queue import Lately, Shown
from edge.console.view import ShopView
from edge.core.service import KINDS, STATES
from edge.desk.service import NAME_CHARS_MAX, WHAT_CHARS_MAX, ServiceDesk
from edge.desk.service_view import Made


def service_pages(
    view: Callable[[], ShopView], desk: ServiceDesk, clock: Callable[[], float] = time.monotonic
) -> Blueprint:
    """Make the page and its forms. `clock`: monotonic seconds."""
    pages = Blueprint("tickets", __name__, url_prefix="/tickets")
    made: Lately[Made] = Lately(clock)
    shown: Lately[Shown] = Lately(clock)

    def drawn(template: str) -> str:
        shop, actor = shop_page(view()), caller().actor
        return render_template(
            template,
            page=shop,
            view=shop.view,
            service=desk.shown(actor),
            made=made.told(actor),
            shown=shown.told(actor),
            kind=next((kind for kind in KINDS if kind == request.args.get("kind")), ""),
            kinds=KINDS,
            states=STATES,
            what_chars=WHAT_CHARS_MAX,
            name_chars=NAME_CHARS_MAX,
            fragment="tickets_live.html",
        )

    def back() -> ResponseReturnValue:
        return redirect(url_for(".page"), code=303)

    def sent(name: str) -> str:
        return request.form.get(name, "")

    @pages.get("")
    def page() -> str:
        return drawn("tickets.html")

    @pages.get("/live")
    def live() -> str:
        return drawn("tickets_live.html")

    @pages.post("/make")
    def make() -> ResponseReturnValue:
        actor = caller().actor
        names = ("what", "due", "visit", "member", "name", "phone")
        outcome = desk.take_in(sent("kind"), device=actor, **{name: sent(name) for name in names})
        made.tell(actor, outcome)
        if sent("visit") and outcome.problem is None:
            return redirect(url_for("arrivals.page"), code=303)
        return back()

    @pages.post("/move")
    def move() -> ResponseReturnValue:
        # Somebody else was quicker: the page shows what is true now.
        desk.move(sent("ticket"), sent("to"), caller().actor)
        return back()

    @pages.post("/hand-over")
    def hand_over() -> ResponseReturnValue:
        desk.hand_over(sent("visit"), caller().actor)
        return redirect(url_for("arrivals.page"), code=303)

    @pages.post("/phone")
    def phone() -> ResponseReturnValue:
        ticket, actor = sent("ticket"), caller().actor
        if (number := desk.phone(ticket, actor)) is not None:
            shown.tell(actor, Shown(ticket=ticket, phone=number))
        return back()

    @pages.post("/forget")
    def forget() -> ResponseReturnValue:
        desk.forget(sent("ticket"), caller().actor)
        return back()

    return pages
