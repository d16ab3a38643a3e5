"""A person's own page: where one is signed in, the password, the app, codes on paper; and the page
on which one proves anew who one is, before what is dangerous.

Called by `cloud.app`.
"""

import threading
from math import ceil
from typing import Any

from flask import Blueprint, abort, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cloud.accounts import audit, changes, passwords, second, sessions
from cloud.accounts.access import caller
from cloud.accounts.desk import AccountDesk
from cloud.accounts.errors import SealFault
from cloud.accounts.passwords import WeakPassword
from cloud.accounts.people import Account
from cloud.accounts.provider_pages import ProviderWay
from cloud.accounts.qr import app_of
from cloud.accounts.sessions import Session
from cloud.db import reading, writing
from menkou.web.forms import asker, next_path
from menkou.web.i18n import speech


def me_pages(desk: AccountDesk, way: ProviderWay) -> Blueprint:
    """Make the pages under /me."""
    pages = Blueprint("me", __name__, url_prefix="/me")
    checking = threading.Lock()

    def whose() -> tuple[Account, Session]:
        found = caller()
        if found.account is None or found.session is None:
            abort(403)
        return found.account, found.session

    @pages.get("")
    def page() -> str:
        account, session = whose()
        with reading(desk.engine) as connection:
            held = sessions.of_account(connection, account.id, desk.now())
            left = second.papers_left(connection, account)
        return render_template(
            "me.html", account=account, session=session, held=held, left=left, now=desk.now()
        )

    @pages.post("/end")
    def end() -> ResponseReturnValue:
        account, _ = whose()
        with writing(desk.engine) as connection:
            if sessions.end(connection, request.form.get("session", ""), account.id):
                _tell(connection, account)
        return redirect(url_for(".page"), code=303)

    @pages.post("/end-others")
    def end_others() -> ResponseReturnValue:
        account, session = whose()
        with writing(desk.engine) as connection:
            if sessions.end_all(connection, account.id, but=session.id):
                _tell(connection, account)
        return redirect(url_for(".page"), code=303)

    def _tell(connection: Any, account: Account) -> None:
        audit.append(
            connection,
            at=desk.now(),
            what="sign_out",
            actor=account.actor,
            subject=account.id,
            detail={"how": "elsewhere"},
        )

    def keys_page(problem: str | None = None, **values: Any) -> ResponseReturnValue:
        account, _ = whose()
        app = None
        if account.local:
            with writing(desk.engine) as connection:
                app = app_of(second.offered(connection, account, desk.seal), account)
        told = speech(current_app).t(problem, **values) if problem else None
        shown = render_template(
            "keys.html", account=account, app=app, problem=told, length=passwords.LENGTH_MIN
        )
        return (shown, 409) if problem else shown

    @pages.get("/keys")
    def keys() -> ResponseReturnValue:
        return keys_page()

    @pages.post("/password")
    def password() -> ResponseReturnValue:
        account, session = whose()
        if not account.local:
            abort(403)
        try:
            wanted = passwords.checked(request.form.get("password", ""), account.name)
        except WeakPassword as weak:
            return keys_page(f"password.{weak.code}", count=passwords.LENGTH_MIN)
        with checking:
            kept = passwords.hash_of(wanted)
        with writing(desk.engine) as connection:
            changes.set_password(connection, account, kept, desk.now())
            sessions.end_all(connection, account.id, but=session.id)
        return redirect(url_for(".page"), code=303)

    @pages.post("/app")
    def app() -> ResponseReturnValue:
        account, session = whose()
        typed, now = request.form.get("code", ""), desk.now()
        with writing(desk.engine) as connection:
            done = account.local and second.confirm(connection, account, typed, desk.seal, now)
            if done:
                sessions.end_all(connection, account.id, but=session.id)
                audit.append(
                    connection,
                    at=now,
                    what="account",
                    actor=account.actor,
                    subject=account.id,
                    detail={"how": "app"},
                )
        return redirect(url_for(".page"), code=303) if done else keys_page("app.wrong")

    @pages.post("/papers")
    def papers() -> ResponseReturnValue:
        account, _ = whose()
        if not account.local:
            abort(403)
        with writing(desk.engine) as connection:
            codes = second.new_papers(connection, account, desk.now())
        return render_template("papers.html", papers=codes, onward=url_for(".page"))

    def prove_form(problem: str | None = None, **values: Any) -> str:
        account, _ = whose()
        told = speech(current_app).t(problem, **values) if problem else None
        return render_template(
            "prove.html",
            account=account,
            problem=told,
            next=next_path(),
            provider=desk.provider if account.subject else None,
        )

    @pages.route("/prove", methods=["GET", "POST"])
    def prove() -> ResponseReturnValue:
        account, session = whose()
        if request.method == "GET" or not account.local:
            return prove_form()
        typed = {name: request.form.get(name, "") for name in ("password", "code")}
        with checking:
            tried = desk.try_in(name=account.name, **typed, address=asker())
        if tried.wait_s:
            return prove_form("sign.wait", count=ceil(tried.wait_s / 60)), 429
        if tried.account is None or tried.account.id != account.id:
            return prove_form("sign.unsealed" if tried.unsealed else "prove.wrong"), 403
        with writing(desk.engine) as connection:
            sessions.proved(connection, session, desk.now())
        return redirect(next_path(), code=303)

    @pages.post("/prove-there")
    def prove_there() -> ResponseReturnValue:
        account, _ = whose()
        if account.subject is None:
            abort(403)
        return way.prove(next_path())

    @pages.errorhandler(SealFault)
    def unsealed(_: SealFault) -> ResponseReturnValue:
        return prove_form("sign.unsealed"), 503

    return pages
