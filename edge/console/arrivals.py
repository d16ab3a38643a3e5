"""The consultants' page: who has come in, and what is done for each of them.

Called by `edge.console.app`; `edge.console.desk` reads, `edge.desk.guests` acts.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    g,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue

from edge.console.access import caller
from edge.console.codes import CodeDesk
from edge.console.desk import Desk
from edge.console.drawn import DrawnCards, SamePage
from edge.console.page import ShopPage, shop_page
from edge.console.view import ShopView
from edge.core.service import KINDS
from edge.desk.floor import Floor
from edge.desk.guests import Claimed, Late, Noted
from edge.desk.service import WHAT_CHARS_MAX
from edge.desk.sources import SourceDesk
from edge.store.notes import CHARS_MAX
from menkou.web.app import FOR_MANY
from menkou.web.forms import csrf
from menkou.web.i18n import speech

KEEP_S: Final = 1800
"""How long a device shows the list after it has lost the box; then it is taken off the screen."""
KEEP_SHARED_S: Final = 600  # as long as somebody stays signed in on one that several use
FIRST_CARDS: Final = 12
"""How many cards a whole page holds, which is not compressed: the rest comes a second later with
the live part, which is. Twelve of members with all that a card may have are 90 kB.
"""
_SECONDS_DIGITS: Final = 6  # eleven days; a phone keeps things for twelve hours


def arrivals_pages(
    view: Callable[[], ShopView],
    desk: Desk,
    codes: CodeDesk,
    floor: Floor,
    sources: SourceDesk,
) -> Blueprint:
    """Make the page and its forms. A form that comes too late or twice changes nothing; the page
    shows what is true now.
    """
    pages = Blueprint("arrivals", __name__, url_prefix="/arrivals")
    guests = floor.guests
    drawn, same, sent_live = DrawnCards(), SamePage[str](), SamePage[bytes]()
    worked_out = SamePage[ShopPage]()

    def shown(template: str, *, live: bool = False) -> str | bytes:
        figures, who = view(), caller()
        shop = worked_out("shop", figures, lambda: shop_page(figures))
        arrivals, code = desk.arrivals(who.actor, who.role), codes.shown(who.actor)
        people = floor.people.everybody() if arrivals.me.must_choose else ()
        listed = sources.in_force()
        if not live and len(arrivals.cards) > FIRST_CARDS:
            arrivals = replace(arrivals, cards=arrivals.cards[:FIRST_CARDS], again_s=1)

        def draw() -> str:
            return render_template(
                template,
                page=shop,
                view=shop.view,
                arrivals=arrivals,
                code=code,
                people=people,
                note_chars=CHARS_MAX,
                what_chars=WHAT_CHARS_MAX,
                listed=listed,
                kinds=KINDS,
                manages=who.role == "manager",
                fragment="arrivals_live.html",
                drawn=drawn,
                keep_s=KEEP_SHARED_S if arrivals.me.setting.shared else KEEP_S,
                csrf=drawn.mark,
            )

        kind = (template, speech(current_app).language, who.role, code, people, arrivals.me)
        parts = (shop.view, arrivals, listed)
        if live:  # which is compressed, and so holds no form token
            return sent_live(kind, parts, lambda: drawn.finished(draw(), "").encode())
        return drawn.finished(same(kind, parts, draw), csrf())

    def back() -> ResponseReturnValue:
        return redirect(url_for(".page"), code=303)

    def sent(name: str) -> str:
        return request.form.get(name, "")

    def kept(outcome: Claimed | Noted) -> Response:
        """Answer what a phone had kept: it tells its person."""
        told: dict[str, str] = {"outcome": outcome}
        if outcome == "taken" and (holder := guests.holder(sent("visit"))) is not None:
            told |= {"by": holder.name, "since": speech(current_app).clock(holder.since)}
        return jsonify(told)

    @pages.get("")
    def page() -> Response:
        answer = make_response(shown("arrivals.html"))
        # A guest's code is scanned by the phone's camera; what it sees stays on the phone.
        answer.headers["Permissions-Policy"] = "camera=(self), microphone=(), geolocation=()"
        return answer

    @pages.get("/live")
    def live() -> ResponseReturnValue:
        setattr(g, FOR_MANY, True)
        return shown("arrivals_live.html", live=True)

    @pages.post("/wrong")
    def wrong_person() -> ResponseReturnValue:
        desk.wrong_person(sent("visit"), caller().actor)
        return back()

    @pages.post("/claim")
    def claim() -> ResponseReturnValue:
        since = late()
        outcome = guests.claim(sent("visit"), caller().actor, since)
        if since is not None:
            return kept(outcome)
        return redirect(url_for("me.page"), code=303) if outcome == "unnamed" else back()

    @pages.post("/release")
    def release() -> ResponseReturnValue:
        who = caller()
        guests.release(sent("visit"), who.actor, anybodys=who.role == "manager")
        return back()

    @pages.post("/note")
    def note() -> ResponseReturnValue:
        since = late()
        outcome = guests.note(sent("visit"), sent("text"), caller().actor, since)
        return back() if since is None else kept(outcome)

    @pages.post("/offer")
    def offer() -> ResponseReturnValue:
        guests.answer(sent("visit"), sent("offer"), sent("answer"), caller().actor)
        return back()

    @pages.post("/end")
    def end() -> ResponseReturnValue:
        guests.see_off(sent("visit"), caller().actor)
        return back()

    @pages.post("/code")
    def code() -> ResponseReturnValue:
        codes.enter(sent("code"), sent("phone"), caller().actor)
        return back()

    @pages.post("/faces/off")
    def faces_off() -> ResponseReturnValue:
        desk.switch_faces("off", caller().actor)
        return back()

    @pages.post("/faces/on")
    def faces_on() -> ResponseReturnValue:
        desk.switch_faces("on", caller().actor)
        return back()

    return pages


def late() -> Late | None:
    """Return what the form says of when it was filled in, if it was kept on a phone (keep.js).

    How long ago it was bounds nothing but how far back a claim that was let go is looked at.
    """
    waited = request.form.get("waited_s")
    if waited is None:
        return None
    if not (waited.isascii() and waited.isdigit() and len(waited) <= _SECONDS_DIGITS):
        abort(400)
    return Late(staff=request.form.get("staff", ""), waited=timedelta(seconds=int(waited)))
