"""Serves declared routes: who asks, whether they may, whether what they send fits; then the answer.

Every route of the API goes through `_Served`, so none can be open by oversight. Called by
`edge.console.api.create_api`.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any, Final

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from pydantic import TypeAdapter, ValidationError

from edge.console.api.peer import Peer, peer
from edge.console.api.problems import Refused, Unfit, refusal, unfit
from edge.console.api.route import Route, Topic
from edge.console.api.signed import SCHEME, Asked, SenderDesk, SignedRequests, is_signed
from edge.store.database import StoreAway
from edge.store.devices import SEEN_EVERY
from edge.store.senders import Sender
from edge.store.tokens import Token, Tokens
from menkou.web.forms import Rate, asker

log = logging.getLogger(__name__)

REQUESTS: Final = 600
REFUSALS: Final = 60
WITHIN_S: Final = 60.0
"""A caller may ask so often within a minute; an address with tokens or signatures that are none,
so often."""
_AWAY_S: Final = 5
_JSON: Final = "application/json"
_CSV: Final = "text/csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenDesk:
    """What the API and the manager's page work with.

    `tokens` gives them over a connection of the calling thread; `revoked` is called when one may
    no longer be used; `clock` gives monotonic seconds.
    """

    tokens: Callable[[], Tokens]
    now: Callable[[], datetime]
    revoked: Callable[[], None]
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """Who may do what was asked; `asked`: it is signed, so its work is done once."""

    caller: Token | Sender | Peer
    asked: Asked | None = None


class Gatekeeper:
    """Finds who makes a request, and holds each to its rate.

    Args:
        desk: the tokens.
        senders: who signs requests.
    """

    def __init__(self, desk: TokenDesk, senders: SenderDesk) -> None:
        self._desk = desk
        self.signed = SignedRequests(senders)
        self._clock = desk.clock
        self._rate = Rate(often=REQUESTS, within_s=WITHIN_S)
        self._refusals = Rate(often=REFUSALS, within_s=WITHIN_S)
        self._next_note = float("-inf")
        self._lock = threading.Lock()

    def let_in(self, route: Route) -> Admitted:
        """Return who asks, by one of the ways that the route takes.

        Raises:
            Refused: nobody that is known, without the route's scope, or too often.
        """
        admitted = self._admitted(route)
        caller = admitted.caller
        if wait_s := self._rate.wait_s(caller.actor, self._clock()):
            raise _too_often(wait_s)
        if not route.streams:  # that one runs on the server's loop: no writing
            self._note_use(caller)
        if route.scope not in caller.scopes:
            told = f'error="insufficient_scope", scope="{route.scope}"'
            scheme = "Bearer" if isinstance(caller, Token) else SCHEME
            headers = {"WWW-Authenticate": f"{scheme} {told}"}
            raise Refused("scope_missing", values={"scope": route.scope}, headers=headers)
        return admitted

    def _admitted(self, route: Route) -> Admitted:
        if "signature" in route.by and is_signed():
            return self._signed()
        if "certificate" in route.by and (shown := peer()) is not None:
            return Admitted(caller=shown)
        if "token" in route.by:
            return Admitted(caller=self._token())
        raise Refused("signature_missing", headers={"WWW-Authenticate": SCHEME})

    def _signed(self) -> Admitted:
        try:
            asked = self.signed.read()
        except Refused as refused:
            if refused.code == "signature_wrong":
                self._count_refusal()
            raise
        return Admitted(caller=asked.sender, asked=asked)

    def _token(self) -> Token:
        kind, _, text = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not text:
            raise Refused("token_missing", headers={"WWW-Authenticate": "Bearer"})
        token = self._desk.tokens().find(text.strip(), self._desk.now())
        if token is not None:
            return token
        self._count_refusal()
        told = 'Bearer error="invalid_token"'
        raise Refused("token_unknown", headers={"WWW-Authenticate": told})

    def _count_refusal(self) -> None:
        if wait_s := self._refusals.wait_s(asker(), self._clock()):
            raise _too_often(wait_s)

    def _note_use(self, caller: Token | Sender | Peer) -> None:
        """Note that somebody is heard; where nothing can be written it is still good."""
        with self._lock:
            if self._clock() < self._next_note:
                return
        try:
            if isinstance(caller, Token):
                self._desk.tokens().used(caller, self._desk.now())
            elif isinstance(caller, Sender):
                self.signed.note_use(caller)
        except StoreAway as exc:
            with self._lock:
                self._next_note = self._clock() + SEEN_EVERY.total_seconds()
            log.error("that a program is in use cannot be kept: %s", exc)


def _too_often(wait_s: float) -> Refused:
    seconds = ceil(wait_s)
    return Refused("too_often", values={"count": seconds}, headers={"Retry-After": str(seconds)})


def blueprint_of(topic: Topic, gate: Gatekeeper) -> Blueprint:
    """Make the blueprint of a topic's routes."""
    made = Blueprint(f"api_{topic.name}", __name__)
    for route in topic.routes:
        made.add_url_rule(
            route.path,
            route.name,
            _Served(route, gate),
            methods=[route.method],
            provide_automatic_options=False,  # no preflight is answered: there is no CORS
        )
    return made


class _Served:
    """One route as Flask calls it."""

    def __init__(self, route: Route, gate: Gatekeeper) -> None:
        self._route = route
        self._gate = gate
        self.__name__ = route.name

    def __call__(self, **parts: str) -> ResponseReturnValue:
        try:
            return self._do(parts)
        except Refused as refused:
            return refusal(refused)
        except Unfit as found:
            return unfit(found)
        except StoreAway as exc:
            log.error("the API cannot reach the store: %s", exc)
            return refusal(Refused("away", headers={"Retry-After": str(_AWAY_S)}))

    def _do(self, parts: dict[str, str]) -> ResponseReturnValue:
        admitted = self._gate.let_in(self._route)
        asked = admitted.asked
        if asked is None:
            return _response(*self._work(admitted, parts))
        with self._gate.signed.once(asked) as before:
            if before is not None:
                return _response(before.status, before.answer)
            status, answer = self._work(admitted, parts)
            self._gate.signed.remember(asked, status, answer)
        return _response(status, answer)

    def _work(self, admitted: Admitted, parts: dict[str, str]) -> tuple[int, bytes]:
        """Do what was asked; return the status and the JSON that says what came of it."""
        route = self._route
        given: dict[str, Any] = {
            name: _part(adapter, parts[name]) for name, adapter in route.parts.items()
        }
        if route.caller:
            given["caller"] = admitted.caller
        if route.query is not None:
            given["query"] = _query(route.query)
        if route.body is not None:
            given["body"] = _body(route.body)
        if route.table:
            given["table"] = _table()
        answer = route.do(**given)
        if route.answer is None:
            return 204, b""
        return route.status, route.answer.dump_json(answer)


def _response(status: int, answer: bytes) -> Response:
    if status == 204:
        return Response(status=204)
    return Response(answer, status=status, content_type=_JSON)


def _part(adapter: TypeAdapter[Any], text: str) -> Any:
    try:
        return adapter.validate_python(text)
    except ValidationError as exc:
        raise Refused("not_found") from exc


def _query(adapter: TypeAdapter[Any]) -> Any:
    # A name that is given twice is a list, which no field of a query is.
    given = {
        name: values[0] if len(values) == 1 else values for name, values in request.args.lists()
    }
    given.pop("lang", None)  # the language of what is said, on every route
    try:
        return adapter.validate_strings(given)
    except ValidationError as exc:
        raise Unfit("?", exc) from exc


def _table() -> bytes:
    if request.mimetype != _CSV:
        raise Refused("media_type_csv")
    return request.get_data()


def _body(adapter: TypeAdapter[Any]) -> Any:
    if request.mimetype != _JSON:
        raise Refused("media_type")
    try:
        return adapter.validate_json(request.get_data())
    except ValidationError as exc:
        raise Unfit("#/", exc) from exc
