"""Head office's page of programs: which tokens open the API, for which shops.

Called by `cloud.app`; keeps nothing itself, `tokens` does.
"""

from typing import Final

from flask import Blueprint, abort, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cloud.accounts import tokens
from cloud.accounts.access import caller
from cloud.accounts.desk import AccountDesk
from cloud.accounts.errors import AccountFault
from cloud.accounts.tokens import NAME_CHARS_MAX, SCOPES, Fresh
from cloud.db import reading, writing
from menkou.tokens import DAYS
from menkou.web.i18n import speech

DAYS_OFFERED: Final = (30, 90, DAYS)


def program_pages(desk: AccountDesk) -> Blueprint:
    """Make the page and its two forms."""
    pages = Blueprint("programs", __name__, url_prefix="/programs")

    def shown(fresh: Fresh | None = None, problem: str | None = None) -> str:
        with reading(desk.engine) as connection:
            held = tokens.all_tokens(connection)
        return render_template(
            "programs.html",
            tokens=[token for token in held if token.revoked_at is None],
            scopes=SCOPES,
            days_offered=DAYS_OFFERED,
            days=DAYS,
            name_chars=NAME_CHARS_MAX,
            now=desk.now(),
            fresh=fresh,
            problem=speech(current_app).t(problem) if problem else None,
        )

    @pages.get("")
    def page() -> str:
        return shown()

    @pages.post("/add")
    def add() -> ResponseReturnValue:
        # The token is shown in this answer alone: it is kept nowhere that a reload could find it.
        days = next((d for d in DAYS_OFFERED if str(d) == request.form.get("days", "")), None)
        typed = request.form.get("shops", "")
        try:
            shops = desk.shops_of(typed) if typed.strip() else None
            with writing(desk.engine) as connection:
                fresh = tokens.make(
                    connection,
                    name=request.form.get("name", ""),
                    scopes=request.form.getlist("scope"),
                    shops=shops,
                    days=days or abort(400),
                    by=caller().actor,
                    now=desk.now(),
                )
        except AccountFault:
            return shown(problem="programs.unfit"), 409
        return shown(fresh)

    @pages.post("/revoke")
    def revoke() -> ResponseReturnValue:
        with writing(desk.engine) as connection:
            which = request.form.get("token", "")
            tokens.revoke(connection, which, by=caller().actor, now=desk.now())
        return redirect(url_for(".page"), code=303)

    return pages
