"""The manager's page of programs: which have a token of the box's API, which sign what they send.

Called by `edge.console.app`; keeps nothing itself, `edge.store.tokens` and `senders` do.
"""

from collections.abc import Callable
from typing import Final

from flask import Blueprint, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue

from edge.console.access import caller
from edge.console.api import SenderDesk, TokenDesk
from edge.console.page import shop_page
from edge.console.view import ShopView
from edge.core.scopes import SCOPES, SENDER_SCOPES, UnknownScope, read_scopes
from edge.store.devices import NAME_CHARS_MAX
from edge.store.senders import FreshSender, TooMany
from edge.store.tokens import Fresh
from menkou.tokens import DAYS

DAYS_OFFERED: Final = (30, 90, DAYS)


def tokens_pages(view: Callable[[], ShopView], desk: TokenDesk, senders: SenderDesk) -> Blueprint:
    """Make the page and its forms."""
    pages = Blueprint("tokens", __name__, url_prefix="/tokens")

    def shown(
        fresh: Fresh | None = None,
        *,
        unmade: bool = False,
        sender: FreshSender | None = None,
        too_many: bool = False,
    ) -> str:
        shop = shop_page(view())
        return render_template(
            "tokens.html",
            page=shop,
            view=shop.view,
            tokens=[token for token in desk.tokens().all() if token.revoked_at is None],
            scopes=SCOPES,
            days_offered=DAYS_OFFERED,
            days=DAYS,
            name_chars=NAME_CHARS_MAX,
            fresh=fresh,
            unmade=unmade,
            senders=senders.senders().good(),
            sender_scopes=SENDER_SCOPES,
            sender=sender,
            too_many=too_many,
        )

    @pages.get("")
    def page() -> str:
        return shown()

    @pages.post("/add")
    def add() -> ResponseReturnValue:
        # The token is shown in this answer alone: it is kept nowhere that a reload could find it.
        try:
            scopes = read_scopes(request.form.getlist("scope"))
        except UnknownScope:
            return shown(unmade=True), 409
        fresh = desk.tokens().make(
            name=request.form.get("name", ""),
            scopes=scopes,
            days=_days(request.form.get("days", "")),
            by=caller().actor,
            now=desk.now(),
        )
        return shown(fresh)

    @pages.post("/revoke")
    def revoke() -> ResponseReturnValue:
        token = request.form.get("token", "")
        if desk.tokens().revoke(token, by=caller().actor, now=desk.now()):
            desk.revoked()
        return "", 303, {"Location": url_for(".page")}

    @pages.post("/sender")
    def add_sender() -> ResponseReturnValue:
        # The secret is shown in this answer alone.
        try:
            scopes = read_scopes(request.form.getlist("scope"), SENDER_SCOPES)
            fresh = senders.senders().make(
                name=request.form.get("name", ""),
                scopes=scopes,
                by=caller().actor,
                now=senders.now(),
            )
        except UnknownScope:
            return shown(unmade=True), 409
        except TooMany:
            return shown(too_many=True), 409
        return shown(sender=fresh)

    @pages.post("/sender/revoke")
    def revoke_sender() -> ResponseReturnValue:
        sender = request.form.get("sender", "")
        senders.senders().revoke(sender, by=caller().actor, now=senders.now())
        return "", 303, {"Location": url_for(".page")}

    return pages


def _days(text: str) -> int:
    found = next((days for days in DAYS_OFFERED if str(days) == text), None)
    return found or abort(400)
