"""The queue's pages: the consultants' list, and the big numbers before the guests.

Called by `edge.console.app`; `edge.desk.queue` does the work. What a device has just been given or
shown is kept here for a minute, in memory and for that device alone.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from edge.console.access import caller
from edge.console.page import shop_page
from edge.console.view import ShopView
from edge.core.queue import CALL_AFTER_MIN, State
from edge.desk.queue import QueueDesk
from edge.desk.queue_view import Given

TOLD_FOR_S: Final = 60.0
_MOVES: Final[frozenset[State]] = frozenset({"called", "back", "served", "gone"})
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A phone number that a device has just asked for."""

    ticket: str
    phone: str = field(repr=False)


class Lately(Generic[T]):
    """What each device was told last, for a minute. Safe from several threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._told: dict[str, tuple[float, T]] = {}

    def tell(self, actor: str, what: T) -> None:
        """Keep it, and forget what is over."""
        now = self._clock()
        kept = {a: one for a, one in self._told.items() if now - one[0] < TOLD_FOR_S}
        self._told = {**kept, actor: (now, what)}

    def told(self, actor: str) -> T | None:
        """Return it while it is fresh."""
        at, what = self._told.get(actor, (float("-inf"), None))
        return what if self._clock() - at < TOLD_FOR_S else None


def queue_pages(
    view: Callable[[], ShopView], desk: QueueDesk, clock: Callable[[], float] = time.monotonic
) -> Blueprint:
    """Make the pages and their forms. `clock`: monotonic seconds."""
    pages = Blueprint("queue", __name__, url_prefix="/queue")
    given: Lately[Given] = Lately(clock)
    shown: Lately[Shown] = Lately(clock)

    def drawn(template: str) -> str:
        shop, actor = shop_page(view()), caller().actor
        return render_template(
            template,
            page=shop,
            view=shop.view,
            queue=desk.shown(actor),
            given=given.told(actor),
            shown=shown.told(actor),
            minutes=CALL_AFTER_MIN,
            fragment="queue_live.html",
        )

    def board(template: str) -> str:
        return render_template(
            template, view=view(), display=desk.display(), fragment="queue_display_live.html"
        )

    def back() -> ResponseReturnValue:
        return redirect(url_for(".page"), code=303)

    @pages.get("")
    def page() -> str:
        return drawn("queue.html")

    @pages.get("/live")
    def live() -> str:
        return drawn("queue_live.html")

    @pages.get("/display")
    def display() -> str:
        return board("queue_display.html")

    @pages.get("/display/live")
    def display_live() -> str:
        return board("queue_display_live.html")

    @pages.post("/take")
    def take() -> ResponseReturnValue:
        phone, code, member = (request.form.get(name, "") for name in ("phone", "code", "member"))
        actor = caller().actor
        given.tell(actor, desk.take(phone=phone, code=code, member=member, actor=actor))
        return back()

    @pages.post("/move")
    def move() -> ResponseReturnValue:
        to = next((state for state in _MOVES if state == request.form.get("to")), None)
        if to is None:
            abort(400)
        # Somebody else was quicker: the page shows what is true now.
        desk.move(request.form.get("ticket", ""), to, caller().actor)
        return back()

    @pages.post("/phone")
    def phone() -> ResponseReturnValue:
        ticket, actor = request.form.get("ticket", ""), caller().actor
        if (number := desk.phone(ticket, actor)) is not None:
            shown.tell(actor, Shown(ticket=ticket, phone=number))
        return back()

    @pages.post("/reached")
    def reached() -> ResponseReturnValue:
        desk.end_task(request.form.get("ticket", ""), "reached", caller().actor)
        return back()

    @pages.post("/unreached")
    def unreached() -> ResponseReturnValue:
        desk.end_task(request.form.get("ticket", ""), "unreached", caller().actor)
        return back()

    @pages.post("/time")
    def time_set() -> ResponseReturnValue:
        text = request.form.get("minutes", "")
        minutes = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
        if not desk.set_call_after(minutes, caller().actor):
            abort(400)
        return back()

    return pages
