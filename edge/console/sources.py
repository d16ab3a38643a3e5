"""Where guests come from: the answer on a card, guests whom no camera saw, the manager's list.

Called by `edge.console.app`; `edge.desk.sources` does the work.
"""

import secrets
from collections.abc import Callable

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from edge.console.access import caller
from edge.console.page import shop_page
from edge.console.view import ShopView
from edge.desk.sources import NAME_CHARS_MAX, Answered, SourceDesk, Unlisted


def sources_pages(view: Callable[[], ShopView], desk: SourceDesk) -> Blueprint:
    """Make the pages and their forms."""
    pages = Blueprint("sources", __name__, url_prefix="/sources")

    def sent(name: str) -> str:
        return request.form.get(name, "")

    def asking(entry: str, problem: Answered | None = None) -> str:
        shop = shop_page(view())
        return render_template(
            "sources.html",
            page=shop,
            view=shop.view,
            listed=desk.in_force(),
            entry=entry,
            guest=desk.entered(entry),
            entered=desk.today(),
            problem=problem,
        )

    def listing(problem: Unlisted | None = None) -> str:
        shop = shop_page(view())
        return render_template(
            "channels.html",
            page=shop,
            view=shop.view,
            listed=desk.in_force(),
            name_chars=NAME_CHARS_MAX,
            problem=problem,
        )

    def relisted(problem: Unlisted | None) -> ResponseReturnValue:
        if problem is not None:
            return listing(problem), 409
        return redirect(url_for(".channels"), code=303)

    @pages.get("")
    def page() -> str:
        # A guest is known by what this page calls it, so a form that is sent twice is one guest.
        return asking(request.args.get("entry") or secrets.token_urlsafe(16))

    @pages.post("/enter")
    def enter() -> ResponseReturnValue:
        entry = sent("entry")
        outcome = desk.enter(entry, sent("channel"), sent("advert"), caller().actor)
        if outcome != "kept":
            return asking(entry, outcome), 409
        return redirect(url_for(".page", entry=entry), code=303)

    @pages.post("/answer")
    def answer() -> ResponseReturnValue:
        # What the list has no more, or a visit that is gone: the page shows what is true now.
        desk.answer(sent("visit"), sent("channel"), sent("advert"), caller().actor)
        return redirect(url_for("arrivals.page"), code=303)

    @pages.get("/list")
    def channels() -> str:
        return listing()

    @pages.post("/list/channel")
    def add_channel() -> ResponseReturnValue:
        return relisted(desk.add_channel(sent("id"), sent("zh"), sent("en"), caller().actor))

    @pages.post("/list/advert")
    def add_advert() -> ResponseReturnValue:
        name, zh, en = sent("id"), sent("zh"), sent("en")
        return relisted(desk.add_advert(sent("channel"), name, zh, en, caller().actor))

    @pages.post("/list/switch")
    def switch() -> ResponseReturnValue:
        active = sent("active") == "on"
        problem = desk.switch(sent("channel"), sent("advert"), active=active, actor=caller().actor)
        return relisted(problem)

    return pages
