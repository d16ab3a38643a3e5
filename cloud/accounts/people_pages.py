"""Head office's page of people: who has an account, in which role, for which shops.

Called by `cloud.app`; keeps nothing itself, `people` does.
"""

from flask import Blueprint, abort, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cloud.accounts import changes, people
from cloud.accounts.access import caller
from cloud.accounts.desk import AccountDesk
from cloud.accounts.errors import AccountFault
from cloud.accounts.people import Account, Invited
from cloud.accounts.roles import BOUND, ROLES, Role, is_role
from cloud.db import reading, writing
from menkou.web.i18n import speech


def people_pages(desk: AccountDesk) -> Blueprint:
    """Make the page and its forms."""
    pages = Blueprint("people", __name__, url_prefix="/people")

    def shown(fresh: Invited | None = None, problem: str | None = None) -> str:
        with reading(desk.engine) as connection:
            accounts = people.all_accounts(connection)
        return render_template(
            "people.html",
            accounts=accounts,
            roles=ROLES,
            bound=BOUND,
            now=desk.now(),
            fresh=fresh,
            link=desk.link(fresh.code) if fresh else None,
            problem=speech(current_app).t(problem) if problem else None,
            name_chars=people.NAME_CHARS_MAX,
            days=changes.INVITED_FOR.days,
        )

    def role_and_shops() -> tuple[Role, list[str]]:
        """Return what the form says; shops count for roles that are bound to them."""
        role = request.form.get("role", "")
        if not is_role(role):
            abort(400)
        text = request.form.get("shops", "")
        return role, desk.shops_of(text) if role in BOUND else []

    def found() -> Account:
        with reading(desk.engine) as connection:
            account = people.by_id(connection, request.form.get("account", ""))
        return account or abort(404)

    @pages.get("")
    def page() -> str:
        return shown()

    @pages.post("/add")
    def add() -> ResponseReturnValue:
        # The link is shown in this answer alone: it is kept nowhere that a reload could find it.
        try:
            role, shops = role_and_shops()
            with writing(desk.engine) as connection:
                invited = changes.add(
                    connection,
                    name=request.form.get("name", ""),
                    shown=request.form.get("shown", ""),
                    role=role,
                    shops=shops,
                    by=caller().actor,
                    now=desk.now(),
                )
        except AccountFault:
            return shown(problem="people.unfit"), 409
        return shown(invited)

    @pages.post("/change")
    def change() -> ResponseReturnValue:
        account = found()
        try:
            role, shops = role_and_shops()
            with writing(desk.engine) as connection:
                if role != "head_office" and not people.others_keep(connection, account.id):
                    return shown(problem="people.last"), 409
                changes.change(
                    connection, account, role=role, shops=shops, by=caller().actor, now=desk.now()
                )
        except AccountFault:
            return shown(problem="people.unfit"), 409
        return redirect(url_for(".page"), code=303)

    @pages.post("/again")
    def again() -> ResponseReturnValue:
        account = found()
        with writing(desk.engine) as connection:
            if not people.others_keep(connection, account.id):
                return shown(problem="people.last"), 409
            invited = changes.invite(connection, account, by=caller().actor, now=desk.now())
        return shown(invited)

    @pages.post("/disable")
    def disable() -> ResponseReturnValue:
        account = found()
        with writing(desk.engine) as connection:
            if not people.others_keep(connection, account.id):
                return shown(problem="people.last"), 409
            changes.disable(connection, account, by=caller().actor, now=desk.now())
        return redirect(url_for(".page"), code=303)

    return pages
