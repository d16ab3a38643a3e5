"""One password for all pages of a side: the form, the session, and a brake on guessing.

Mounted by `menkou.web.app` when `Listen.password_hash` is set; the event stream asks the same
guard. Sessions are signed cookies that end with the password, a sign-out, or after 7 days.
"""

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from flask import Blueprint, Flask, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.security import check_password_hash

from menkou.web.forms import Attempts, asker, csrf, csrf_matches, next_path
from menkou.web.i18n import speech

SESSION: Final = timedelta(days=7)
_SIGNED_OUT_MAX: Final = 4096
_PASSWORD_CHARS_MAX: Final = 256
_OPEN_PATHS: Final = ("/healthz", "/login")


class Login:
    """The guard of every page, and the pages /login and /logout.

    `password_hash` is werkzeug's; `clock` returns monotonic seconds.
    """

    def __init__(self, password_hash: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._hash = password_hash
        self._mark = hashlib.sha256(password_hash.encode()).hexdigest()[:16]
        self._clock = clock
        self._attempts = Attempts()
        # One check at a time: each takes 32 MB and a core for a moment (scrypt).
        self._checking = threading.Lock()
        self._signed_out: OrderedDict[str, None] = OrderedDict()

    def mount(self, app: Flask, blueprint: Blueprint) -> None:
        """Guard every path of the app but static files, /login and /healthz."""
        self._app = app
        app.permanent_session_lifetime = SESSION
        app.config["SESSION_REFRESH_EACH_REQUEST"] = False
        app.before_request(self._guard)
        app.context_processor(lambda: {"signed_in": self._is_in(), "csrf": csrf})
        blueprint.add_url_rule("/login", "login", self._login, methods=["GET", "POST"])
        blueprint.add_url_rule("/logout", "logout", self._logout, methods=["POST"])

    def _is_in(self) -> bool:
        return session.get("of") == self._mark and session.get("sid") not in self._signed_out

    def _guard(self) -> ResponseReturnValue | None:
        if request.endpoint == "web.static" or request.path in _OPEN_PATHS or self._is_in():
            return None
        if request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
            return redirect(url_for("web.login", next=request.path), code=303)
        return "Sign in first / 请先登录\n", 401, {"Content-Type": "text/plain; charset=utf-8"}

    def _login(self) -> ResponseReturnValue:
        if request.method == "GET":
            return redirect("/", code=303) if self._is_in() else self._form(None)
        if not csrf_matches():
            return self._form("login.stale"), 400
        address = asker()
        with self._checking:
            wait_s = self._attempts.wait_s(address, self._clock())
            if not wait_s and self._is_password(request.form.get("password", "")):
                self._attempts.succeeded(address)
                return self._enter()
            if not wait_s:
                self._attempts.failed(address, self._clock())
                return self._form("login.wrong"), 403
        minutes = int(wait_s // 60) + 1
        return self._form("login.wait", count=minutes), 429, {"Retry-After": str(int(wait_s) + 1)}

    def _is_password(self, typed: str) -> bool:
        return len(typed) <= _PASSWORD_CHARS_MAX and check_password_hash(self._hash, typed)

    def _enter(self) -> ResponseReturnValue:
        session.clear()
        session.permanent = True
        session["of"] = self._mark
        session["sid"] = secrets.token_hex(16)
        return redirect(next_path(), code=303)

    def _logout(self) -> ResponseReturnValue:
        if not csrf_matches():
            return redirect("/", code=303)
        self._signed_out[session["sid"]] = None
        while len(self._signed_out) > _SIGNED_OUT_MAX:
            self._signed_out.popitem(last=False)
        session.clear()
        return redirect(url_for("web.login"), code=303)

    def _form(self, problem: str | None, **values: Any) -> str:
        told = speech(self._app).t(problem, **values) if problem else None
        return render_template("login.html", problem=told, next=next_path())
