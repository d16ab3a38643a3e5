"""How one comes in at head office, and goes out: the page to sign in, the sessions' cookie.

Mounted by `door`, which knows who is in; `provider_pages` and `welcome_pages` end here, too.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from typing import Any, Final

from flask import Blueprint, Flask, Response, g, redirect, render_template, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection
from werkzeug.security import check_password_hash

from cloud.accounts import audit, brakes, changes, people, sessions
from cloud.accounts.access import Caller
from cloud.accounts.desk import AccountDesk, Tried
from cloud.accounts.people import Account
from cloud.accounts.sessions import Before, Session
from cloud.db import reading, writing
from menkou.listen import Listen
from menkou.web.forms import asker, csrf_matches, next_path
from menkou.web.i18n import speech

SHARED: Final = "shared"
"""How the audit log names whoever uses the one password of before accounts."""
_WAITING_MAX: Final = 3
# Who calls itself by several names is told by the first of these.
_BROWSERS: Final = (
    *(("Edg", "Edge"), ("OPR/", "Opera"), ("MicroMessenger", "WeChat"), ("Firefox/", "Firefox")),
    *(("Chrome/", "Chrome"), ("Safari/", "Safari"), ("curl/", "curl")),
)
_SYSTEMS: Final = (
    *(("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad")),
    *(("Mac OS X", "macOS"), ("Linux", "Linux")),
)


class Entry:
    """Begins and ends sessions.

    Args:
        desk: what the pages of accounts work with.
        listen: where the hub is served.
    """

    def __init__(self, desk: AccountDesk, listen: Listen) -> None:
        self._desk = desk
        self._secure = listen.is_secure
        self._shared = listen.password_hash
        self._mark = hashlib.sha256((self._shared or "").encode()).hexdigest()[:16]
        self._cookie = "__Host-menkou_hub" if listen.is_secure else "menkou_hub"
        self._checking = threading.Lock()
        self._waiting = threading.BoundedSemaphore(_WAITING_MAX)

    def mount(self, app: Flask, blueprint: Blueprint, is_in: Callable[[], bool]) -> None:
        """Add /login and /logout; `is_in` says whether the browser is in already."""
        self._app = app
        self._is_in = is_in
        blueprint.add_url_rule("/login", "login", self._login, methods=["GET", "POST"])
        blueprint.add_url_rule("/logout", "logout", self._logout, methods=["POST"])

    def held(self, connection: Connection) -> Session | None:
        """Return the session of the browser that asks."""
        text = request.cookies.get(self._cookie, "")
        return sessions.find(connection, text, self._desk.now())

    def is_shared(self, connection: Connection, session: Session) -> bool:
        """Say whether a session is of today's shared password, while that is good."""
        known = self._shared is not None and session.mark == self._mark
        return known and not people.anybody_active(connection)

    def _login(self) -> ResponseReturnValue:
        if request.method == "GET":
            return redirect("/", code=303) if self._is_in() else self.form(None)
        if not csrf_matches():
            return self.form("sign.stale"), 400
        typed = {name: request.form.get(name, "") for name in ("name", "password", "code")}
        if self._wants_shared():
            return self._enter_shared(typed["password"])
        with self._turn() as mine:
            if not mine:
                return self.form("sign.busy"), 503
            tried = self._desk.try_in(**typed, address=asker())
        if tried.account is None:
            return self.refused(tried)
        return self.enter(
            tried.account, how=tried.how, failed=tried.failed, onward=redirect_to(next_path())
        )

    @contextmanager
    def _turn(self) -> Iterator[bool]:
        """Wait for one's turn to check a password; False if too many wait already.

        Each check takes 64 MB and a core for a moment, and who waits holds one of the few threads
        that pages have.
        """
        if not self._waiting.acquire(blocking=False):
            yield False
            return
        try:
            with self._checking:
                yield True
        finally:
            self._waiting.release()

    def refused(self, tried: Tried) -> ResponseReturnValue:
        """Return the form again, with why."""
        if tried.wait_s:
            wait = {"Retry-After": str(tried.wait_s)}
            return self.form("sign.wait", count=ceil(tried.wait_s / 60)), 429, wait
        return self.form("sign.unsealed" if tried.unsealed else "sign.wrong"), (
            503 if tried.unsealed else 403
        )

    def enter(
        self,
        account: Account,
        *,
        how: str,
        onward: Response,
        failed: int = 0,
        id_token: bytes | None = None,
    ) -> Response:
        """Begin a session anew and give the answer its cookie; the one before it is ended."""
        now = self._desk.now()
        before = Before(at=account.seen_at, address=account.seen_from, failed=failed)
        with writing(self._desk.engine) as connection:
            self._end_held(connection)
            text = sessions.begin(
                connection,
                account=account.id,
                how=how,
                address=asker(),
                agent=_browser(),
                now=now,
                before=before,
                id_token=id_token,
            )
            changes.came_in(connection, account, how=how, address=asker(), now=now)
        return self._give(onward, text)

    def _give(self, answer: Response, text: str) -> Response:
        cookie.clear()  # form tokens of before are nobody's
        answer.set_cookie(
            self._cookie,
            text,
            max_age=int(sessions.WHOLE.total_seconds()),
            secure=self._secure,
            httponly=True,
            samesite="Strict",
            path="/",
        )
        return answer

    def _end_held(self, connection: Connection) -> None:
        held = self.held(connection)
        if held is not None:
            sessions.end(connection, held.id, held.account)

    def _wants_shared(self) -> bool:
        if self._shared is None:
            return False
        with reading(self._desk.engine) as connection:
            return not people.anybody_active(connection)

    def _enter_shared(self, password: str) -> ResponseReturnValue:
        """Let in by the one password of `[hub] password`, while nobody has an account."""
        now, held = self._desk.now(), brakes.brakes(SHARED, asker())
        with reading(self._desk.engine) as connection:
            wait = brakes.wait_of(connection, held, now).total_seconds()
        if wait > 0:
            return self.refused(Tried(wait_s=ceil(wait)))
        with self._turn() as mine:
            if not mine:
                return self.form("sign.busy"), 503
            right = len(password) <= 256 and check_password_hash(self._shared or "", password)
        with writing(self._desk.engine) as connection:
            if not right:
                brakes.failed(connection, held, now)
            else:
                failed = brakes.succeeded(connection, held)
                self._end_held(connection)
                text = sessions.begin(
                    connection,
                    account=None,
                    mark=self._mark,
                    how=SHARED,
                    address=asker(),
                    agent=_browser(),
                    now=now,
                    before=Before(failed=failed),
                )
                audit.append(connection, at=now, what="sign_in", actor=SHARED)
        return self._give(redirect_to(next_path()), text) if right else self.refused(Tried())

    def _logout(self) -> ResponseReturnValue:
        found: Caller = g.caller
        there: str | None = None
        if found.session is not None:
            with writing(self._desk.engine) as connection:
                sessions.end(connection, found.session.id, found.session.account)
                audit.append(connection, at=self._desk.now(), what="sign_out", actor=found.actor)
            there = self._desk.end_address(found.session)
        cookie.clear()
        onward = there or url_for("web.login")
        answer = Response(onward_page(onward)) if there else redirect_to(onward)
        answer.delete_cookie(self._cookie, secure=self._secure, httponly=True, samesite="Strict")
        return answer

    def form(self, problem: str | None, **values: Any) -> str:
        """Return the page to sign in."""
        told = speech(self._app).t(problem, **values) if problem else None
        with reading(self._desk.engine) as connection:
            nobody = not people.anybody(connection)
        return render_template(
            "sign_in.html",
            problem=told,
            next=next_path(),
            shared=self._wants_shared(),
            nobody=nobody,
            provider=self._desk.provider,
        )


def redirect_to(path: str) -> Response:
    """Return the answer that leads to a path of this site."""
    answer: Response = redirect(path, code=303)  # type: ignore[assignment]
    return answer


def onward_page(address: str) -> str:
    """Return a page that leads on by itself.

    A browser that comes from another site sends none of our cookies along a redirect, and lets no
    form lead to another site by one; from a page of ours it does both.
    """
    return render_template("onward.html", address=address)


def _browser() -> str:
    """Return by what a person knows a session again: the browser and the system, no more."""
    told = request.headers.get("User-Agent", "")
    found = [
        next((name for mark, name in marks if mark in told), None)
        for marks in (_BROWSERS, _SYSTEMS)
    ]
    return " · ".join(filter(None, found))
