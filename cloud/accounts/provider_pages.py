"""Coming in through the company's provider: the way there, and the way back.

    /login/provider ──> the provider ──> /login/back?code=&state= ──> a page that leads on

Mounted by `rooms` beside the door. The way back is a page of another site's making, so it takes
nothing but the state and the cookie of the browser in which the sign-in began.
"""

import logging
from typing import Any, Final

from flask import Blueprint, Response, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from cloud.accounts import changes, flows, people, sessions
from cloud.accounts.access import Caller, caller
from cloud.accounts.desk import AccountDesk
from cloud.accounts.entry import Entry, onward_page
from cloud.accounts.errors import AccountFault, ProviderFault, SealFault
from cloud.accounts.flows import Flow, Purpose
from cloud.accounts.oidc import Known, Provider
from cloud.accounts.people import Account
from cloud.accounts.roles import BOUND
from cloud.db import writing
from menkou.web.forms import next_path

_log = logging.getLogger(__name__)
_PROVIDER: Final = "provider"


class ProviderWay:
    """The way to the provider and back.

    Args:
        desk: what the pages of accounts work with.
        entry: begins the sessions.
        secure: whether the hub is opened over TLS.
    """

    def __init__(self, desk: AccountDesk, entry: Entry, *, secure: bool) -> None:
        self._desk = desk
        self._entry = entry
        self._secure = secure
        self._cookie = "__Host-menkou_way" if secure else "menkou_way"

    def mount(self, blueprint: Blueprint) -> None:
        """Add the two routes."""
        blueprint.add_url_rule("/login/provider", "to_provider", self._enter)
        blueprint.add_url_rule("/login/back", "from_provider", self._back)

    def _enter(self) -> ResponseReturnValue:
        return self.there("enter", onward=next_path(), account=None, by_form=False)

    def there(
        self, purpose: Purpose, *, onward: str, account: str | None, by_form: bool
    ) -> ResponseReturnValue:
        """Return the answer that leads to the provider; from a form by a page in between."""
        if self._desk.provider is None:
            return self._entry.form("sign.no_provider"), 404
        flow = Flow(
            purpose=purpose,
            nonce=flows.fresh(),
            verifier=flows.fresh(),
            onward=onward,
            account=account,
        )
        try:
            with writing(self._desk.engine) as connection:
                begun = flows.begin(connection, flow, self._desk.seal, self._desk.now())
            address = self._desk.provider.address(flow, begun.state)
        except (ProviderFault, SealFault) as fault:
            return self._away(fault)
        answer: Any = Response(onward_page(address)) if by_form else redirect(address, code=303)
        # Lax: the provider's redirect is to bring it back; it opens nothing by itself.
        answer.set_cookie(
            self._cookie,
            begun.browser,
            max_age=int(flows.GOOD_FOR.total_seconds()),
            secure=self._secure,
            httponly=True,
            samesite="Lax",
            path="/",
        )
        made: ResponseReturnValue = answer
        return made

    def _away(self, fault: Exception) -> ResponseReturnValue:
        _log.error("sign-in through the provider: %s", fault)
        return self._entry.form("sign.provider_away"), 503

    def _back(self) -> ResponseReturnValue:
        provider = self._desk.provider
        if provider is None:
            return self._entry.form("sign.no_provider"), 404
        state, code = (request.args.get(name, "") for name in ("state", "code"))
        try:
            with writing(self._desk.engine) as connection:
                flow = flows.take(
                    connection,
                    state,
                    request.cookies.get(self._cookie, ""),
                    self._desk.seal,
                    self._desk.now(),
                )
            if flow is None:
                return self._entry.form("sign.way_lost"), 400
            if not code:
                return self._entry.form("sign.provider_refused"), 403
            known = provider.known(flow, code, request.args.get("iss"), self._desk.now())
        except (ProviderFault, SealFault) as fault:
            return self._away(fault)
        return self._came(provider, flow, known)

    def _came(self, provider: Provider, flow: Flow, known: Known) -> ResponseReturnValue:
        """Let somebody in whom the provider vouches for, if the hub knows what to make of them."""
        if flow.purpose == "prove":
            return self._proved(flow, known)
        try:
            with writing(self._desk.engine) as connection:
                account = self._account(connection, provider, flow, known)
        except AccountFault as fault:
            _log.warning("sign-in through the provider: %s", fault)
            return self._entry.form("sign.not_here"), 403
        if account is None:
            return self._entry.form("sign.not_here"), 403
        return self._entry.enter(
            account,
            how=_PROVIDER,
            onward=self._without_way(Response(onward_page(flow.onward))),
            id_token=self._desk.sealed_token(known.id_token),
        )

    def _account(
        self, connection: Connection, provider: Provider, flow: Flow, known: Known
    ) -> Account | None:
        """Return the account of somebody, made or changed as the provider's claims say."""
        now = self._desk.now()
        held = people.by_subject(connection, known.issuer, known.subject)
        if flow.purpose == "begin":
            invited = people.by_id(connection, flow.account or "")
            if held is not None or invited is None or invited.state(now) != "invited":
                return None
            return changes.bind(
                connection, invited, issuer=known.issuer, subject=known.subject, now=now
            )
        if held is not None and held.state(now) != "active":
            return None
        if not provider.gives_roles:
            return held
        if known.role is None or (known.role in BOUND and not known.shops):
            if held is not None:
                sessions.end_all(connection, held.id)
            return None
        if held is None:
            return changes.add_known(
                connection,
                name=known.name,
                shown=known.shown,
                role=known.role,
                shops=known.shops,
                issuer=known.issuer,
                subject=known.subject,
                now=now,
            )
        return changes.change(
            connection, held, role=known.role, shops=known.shops, by=_PROVIDER, now=now
        )

    def _proved(self, flow: Flow, known: Known) -> ResponseReturnValue:
        """Note that it was proved who this is. Their own cookie comes with the page after this."""
        now = self._desk.now()
        with writing(self._desk.engine) as connection:
            account = people.by_subject(connection, known.issuer, known.subject)
            session_id, _, owner = (flow.account or "").partition("/")
            if account is None or account.id != owner:
                return self._entry.form("sign.not_here"), 403
            for session in sessions.of_account(connection, account.id, now):
                if session.id == session_id:
                    sessions.proved(connection, session, now)
        return self._without_way(Response(onward_page(flow.onward)))

    def _without_way(self, answer: Response) -> Response:
        answer.delete_cookie(self._cookie, secure=self._secure, httponly=True, samesite="Lax")
        return answer

    def prove(self, onward: str) -> ResponseReturnValue:
        """Let the caller prove at the provider who they are."""
        found = caller()
        return self.there("prove", onward=onward, account=_session_of(found), by_form=True)

    def begin(self, account: Account) -> ResponseReturnValue:
        """Let an invited person begin with the provider's account."""
        return self.there("begin", onward="/", account=account.id, by_form=True)


def _session_of(found: Caller) -> str:
    session = found.session.id if found.session else ""
    return f"{session}/{found.account.id if found.account else ''}"
