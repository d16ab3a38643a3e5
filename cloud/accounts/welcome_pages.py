"""How an invited person begins: with the link's code, a password and an authenticator app, or with
the company's provider.

    /welcome#CODE ──> who it is for, a QR code ──> signed in, and codes on paper, shown once

Mounted by `rooms` beside the door. Nobody has a password that somebody else knew.
"""

import threading
from typing import Final

from flask import Blueprint, Response, current_app, render_template, request
from flask.typing import ResponseReturnValue

from cloud.accounts import changes, passwords, people, second
from cloud.accounts.desk import AccountDesk
from cloud.accounts.entry import Entry
from cloud.accounts.errors import SealFault
from cloud.accounts.passwords import WeakPassword
from cloud.accounts.people import Account
from cloud.accounts.provider_pages import ProviderWay
from cloud.accounts.qr import app_of
from cloud.db import reading, writing
from menkou.web.forms import Rate, asker, csrf_matches
from menkou.web.i18n import speech

_TRIES: Final = 30
_WITHIN_S: Final = 300.0


class Welcome:
    """The pages of whoever was invited.

    Args:
        desk: what the pages of accounts work with.
        entry: begins the session.
        way: leads to the provider.
    """

    def __init__(self, desk: AccountDesk, entry: Entry, way: ProviderWay) -> None:
        self._desk = desk
        self._entry = entry
        self._way = way
        # The code cannot be guessed; what is slowed down is the work that a try makes.
        self._rate = Rate(often=_TRIES, within_s=_WITHIN_S)
        self._hashing = threading.Lock()

    def mount(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        blueprint.add_url_rule("/welcome", "welcome", lambda: self._ask(None))
        for path, do in (("look", self._look), ("begin", self._begin), ("there", self._there)):
            name = "begin_there" if path == "there" else path
            blueprint.add_url_rule(f"/welcome/{path}", name, do, methods=["POST"])

    def _ask(self, problem: str | None) -> str:
        told = speech(current_app).t(problem) if problem else None
        return render_template("welcome.html", problem=told)

    def _invited(self) -> Account | ResponseReturnValue:
        """Return whose code was sent, or what to answer instead."""
        if not csrf_matches():
            return self._ask("sign.stale"), 400
        if self._rate.wait_s(asker(), self._desk.clock()):
            return self._ask("welcome.often"), 429
        with reading(self._desk.engine) as connection:
            found = people.by_invitation(
                connection, request.form.get("invite", "").strip(), self._desk.now()
            )
        return found or (self._ask("welcome.unknown"), 403)

    def _look(self) -> ResponseReturnValue:
        found = self._invited()
        return self._form(found, None) if isinstance(found, Account) else found

    def _form(self, account: Account, problem: str | None) -> ResponseReturnValue:
        try:
            with writing(self._desk.engine) as connection:
                secret = second.offered(connection, account, self._desk.seal)
        except SealFault:
            return self._ask("sign.unsealed"), 503
        values = {"count": passwords.LENGTH_MIN}
        told = speech(current_app).t(problem, **values) if problem else None
        page = render_template(
            "begin.html",
            account=account,
            problem=told,
            invite=request.form.get("invite", "").strip(),
            app=app_of(secret, account),
            length=passwords.LENGTH_MIN,
            provider=self._desk.provider,
        )
        return (page, 409) if problem else page

    def _begin(self) -> ResponseReturnValue:
        found = self._invited()
        if not isinstance(found, Account):
            return found
        try:
            password = passwords.checked(request.form.get("password", ""), found.name)
        except WeakPassword as weak:
            return self._form(found, f"password.{weak.code}")
        with self._hashing:
            kept = passwords.hash_of(password)
        now, typed = self._desk.now(), request.form.get("code", "")
        with writing(self._desk.engine) as connection:
            account = people.by_invitation(connection, request.form["invite"].strip(), now)
            done = account is not None and second.confirm(
                connection, account, typed, self._desk.seal, now
            )
            if account is not None and done:
                changes.set_password(connection, account, kept, now)
                changes.begun(connection, account)
                papers = second.new_papers(connection, account, now)
        if account is None or not done:
            return self._form(found, "app.wrong")
        page = Response(render_template("papers.html", papers=papers, onward="/"))
        return self._entry.enter(account, how="begun", onward=page)

    def _there(self) -> ResponseReturnValue:
        found = self._invited()
        return self._way.begin(found) if isinstance(found, Account) else found
