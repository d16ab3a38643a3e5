"""The door of head office: who asks, and whether they may.

A `menkou.web.app.Door`. Every request looks up session and account, so that what is ended or
changed holds at the next. Nobody is asked on loopback of a hub where there is neither an account,
nor a password, nor a provider, nor an address for others.
"""

import logging
from collections import OrderedDict
from math import ceil
from typing import Any, Final

from flask import Blueprint, Flask, Response, abort, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from cloud.accounts import audit, people, sessions, tokens
from cloud.accounts.access import LOCAL, OPEN, RULES, Caller
from cloud.accounts.bearers import Bearers
from cloud.accounts.desk import AccountDesk
from cloud.accounts.entry import SHARED, Entry
from cloud.accounts.scope import EVERYTHING
from cloud.accounts.sessions import Session
from cloud.db import reading, writing
from menkou.listen import Listen
from menkou.web.forms import Rate, csrf, csrf_matches
from menkou.web.i18n import speech

_log = logging.getLogger(__name__)
_POSTS: Final = 60
_POSTS_WITHIN_S: Final = 60.0
_HEALTH: Final = "api_v1.how"
_UNSEEN: Final = ("/live", "/events")
"""Pages fetch these by themselves: nobody is there because of it."""
_VIEWS_KEPT: Final = 4096
_GREETED_S: Final = 60


class Door:
    """Lets people and programs in.

    Args:
        desk: what the pages of accounts work with.
        entry: where one comes in.
        listen: where the hub is served.
    """

    def __init__(self, desk: AccountDesk, entry: Entry, listen: Listen) -> None:
        self._desk = desk
        self._entry = entry
        self._listen = listen
        self._rate = Rate(often=_POSTS, within_s=_POSTS_WITHIN_S)
        self._bearers = Bearers(self._token, clock=desk.clock)
        self._viewed: OrderedDict[tuple[str, str, str], None] = OrderedDict()

    def mount(self, app: Flask, blueprint: Blueprint) -> None:
        """Guard every path of the app; add the pages to sign in and out."""
        self._app = app
        app.config["SESSION_REFRESH_EACH_REQUEST"] = False
        app.before_request(self._guard)
        app.context_processor(self._for_templates)
        self._entry.mount(app, blueprint, lambda: self._caller() is not None)

    def _for_templates(self) -> dict[str, Any]:
        found: Caller | None = g.get("caller")
        session = found.session if found else None
        told: dict[str, Any] = {"csrf": csrf, "caller": found, "signed_in": session is not None}
        if found is not None and found.account is not None and session is not None:
            told |= {
                "person_page": url_for("me.page"),
                "person_name": found.account.shown,
                "greeting": self._greeting(session),
                "greeting_ask": speech(self._app).t("sign.not_you"),
            }
        return told

    def _greeting(self, session: Session) -> str | None:
        """Return the notice of the sign-in before, in the first minute of a session."""
        now = self._desk.now()
        if (now - session.made_at).total_seconds() >= _GREETED_S:
            return None
        said, before = speech(self._app), session.before
        if before.at is None:
            return said.t("sign.first_here")
        told = said.t("sign.last_here", ago=said.ago(before.at, now), address=before.address)
        if before.failed:
            told += " · " + said.t("sign.failed_since", count=before.failed)
        return told

    # Who asks

    def _token(self, text: str) -> tokens.Token | None:
        with reading(self._desk.engine) as connection:
            return tokens.find(connection, text, self._desk.now())

    def _caller(self) -> Caller | None:
        if "Authorization" in request.headers and request.path.startswith("/api/"):
            return self._program()
        now = self._desk.now()
        with reading(self._desk.engine) as connection:
            session = self._entry.held(connection)
            if session is not None and session.account is not None:
                account = people.by_id(connection, session.account)
                if account is not None and account.state(now) == "active":
                    return Caller(
                        actor=account.actor,
                        scope=account.scope,
                        role=account.role,
                        account=account,
                        session=session,
                    )
            elif session is not None and self._entry.is_shared(connection, session):
                return Caller(actor=SHARED, scope=EVERYTHING, role="head_office", session=session)
            return LOCAL if self._is_open(connection) else None

    def _is_open(self, connection: Connection) -> bool:
        listen = self._listen
        if not listen.is_loopback or listen.password_hash or self._desk.provider:
            return False
        return not listen.public_url and not people.anybody(connection)

    def _program(self) -> Caller:
        """Return the program that asks. NotLetIn goes out to `cloud.api.problems`."""
        token = self._bearers.token()
        now = self._desk.now()
        if tokens.is_to_be_noted(token, now) and self._bearers.may_note():
            try:
                with writing(self._desk.engine) as connection:
                    tokens.used(connection, token, now)
            except SQLAlchemyError as exc:
                self._bearers.could_not_note()
                _log.error("that a token is in use cannot be kept: %s", type(exc).__name__)
        return Caller(actor=token.actor, scope=token.scope, role=None, token=token)

    # Whether they may

    def _guard(self) -> ResponseReturnValue | None:
        if request.endpoint in OPEN:
            return None
        try:
            found = self._caller()
        except SQLAlchemyError:
            if request.endpoint == _HEALTH:  # that the database is away is for whoever watches
                abort(503)
            raise
        if found is None:
            return self._not_signed_in()
        g.caller = found
        if request.endpoint is None:
            return None  # no such page
        if not found.may(request.endpoint):
            abort(403)
        rule = RULES[request.endpoint]
        if request.method == "POST" and found.token is None:  # a token no browser sends by itself
            self._check_post(found)
        if found.session is not None:
            self._note_use(found.session)
            if rule.proved and not found.session.is_proved(self._desk.now()):
                return self._prove_first()
        if rule.members:
            self._note_view(found)
        return None

    def _not_signed_in(self) -> ResponseReturnValue:
        if request.path.startswith("/api/"):
            abort(401)
        if request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
            return redirect(url_for("web.login", next=request.path), code=303)
        return _answer("Sign in first / 请先登录\n", 401, {})

    def _check_post(self, found: Caller) -> None:
        if not csrf_matches():
            abort(400)
        if wait_s := self._rate.wait_s(found.actor, self._desk.clock()):
            wait = {"Retry-After": str(ceil(wait_s))}
            abort(_answer("Too often / 操作太频繁\n", 429, wait))

    def _prove_first(self) -> ResponseReturnValue:
        page = request.path if request.method == "GET" else f"/{request.path.split('/')[1]}"
        return redirect(url_for("me.prove", next=page), code=303)

    def _note_use(self, session: Session) -> None:
        """Note that somebody does something. If it cannot be written, the session ends sooner."""
        now = self._desk.now()
        if request.path.endswith(_UNSEEN) or not sessions.is_to_be_noted(session, now):
            return
        try:
            with writing(self._desk.engine) as connection:
                sessions.used(connection, session, now)
        except SQLAlchemyError as exc:
            _log.error("that a session is in use cannot be kept: %s", type(exc).__name__)

    def _note_view(self, found: Caller) -> None:
        """Note who looks at members, once a session, page and hour; what cannot be is not shown."""
        now = self._desk.now()
        hour = now.strftime("%Y%m%d%H")
        who = found.session.id if found.session else found.actor
        seen = (who, request.path, hour)
        if seen in self._viewed:
            return
        with writing(self._desk.engine) as connection:
            audit.append(
                connection,
                at=now,
                what="view",
                actor=found.actor,
                detail={"page": (request.endpoint or "")[:64], "path": _as_code(request.path)},
            )
        self._viewed[seen] = None
        while len(self._viewed) > _VIEWS_KEPT:
            self._viewed.popitem(last=False)


def _answer(text: str, status: int, headers: dict[str, str]) -> Response:
    return Response(text, status=status, headers=headers, content_type="text/plain; charset=utf-8")


def _as_code(path: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "_.:/-") else "." for c in path)[:64]
