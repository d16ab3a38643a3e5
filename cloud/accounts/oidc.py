"""The company's OIDC provider: where to send people, and what is believed of whom comes back.

Authorization Code with PKCE. Authlib speaks the protocol and checks the claims, joserfc the
signature; here is what is kept of the provider (its document for an hour, its keys until it signs
with one that is not known) and what its claims mean. Called by `provider_pages`.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from cloud.accounts.errors import ProviderFault
from cloud.accounts.flows import Flow
from cloud.accounts.roles import BOUND, Role
from cloud.config_oidc import OidcConfig
from cloud.urls import check_page_url

_SCOPE: Final = "openid profile email"
_KEPT_S: Final = 3600.0
_TIMEOUT_S: Final = 10.0
_BYTES_MAX: Final = 1_000_000
LEEWAY_S: Final = 120
"""How far two clocks may be apart."""
PROVED_WITHIN_S: Final = 300
"""Who is to prove anew who they are has signed in at the provider so lately."""
_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384")
_ALGORITHMS_MORE: Final = ("ES512", "EdDSA")
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_OPTIONAL: Final = ("userinfo_endpoint", "end_session_endpoint")
SHOPS_MAX: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Somebody for whom the provider vouches.

    `role` is None where its claims give none; `name` is what it calls the person.
    """

    issuer: str
    subject: str
    name: str
    shown: str
    role: Role | None
    shops: tuple[str, ...]
    id_token: str = field(repr=False)


class Provider:
    """The provider of the settings. Nothing is asked until somebody signs in.

    Args:
        config: `[oidc]`.
        back: the address to which it sends people.
        home: the address to which it sends who signed out.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        config: OidcConfig,
        *,
        back: str,
        home: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._back = back
        self._home = home
        self._clock = clock
        self._lock = threading.Lock()
        self._document: Mapping[str, Any] | None = None
        self._read_at = 0.0
        self._keys: KeySet | None = None

    @property
    def label(self) -> str:
        """How the button names it; empty: in plain words."""
        return self._config.label

    @property
    def gives_roles(self) -> bool:
        """Whether its claims say who comes in; else one has to be invited."""
        return self._config.role_claim is not None

    def address(self, flow: Flow, state: str) -> str:
        """Return where to send somebody.

        Raises:
            ProviderFault: the provider does not answer, or not as one does.
        """
        endpoint = self._told()["authorization_endpoint"]
        more = {"prompt": "login", "max_age": "0"} if flow.purpose == "prove" else {}
        with self._session() as session:
            address, _ = session.create_authorization_url(
                endpoint, state=state, code_verifier=flow.verifier, nonce=flow.nonce, **more
            )
        return str(address)

    def known(self, flow: Flow, code: str, issuer: str | None, now: datetime) -> Known:
        """Return who came back with a code.

        Args:
            flow: the sign-in of the same state and browser.
            code: what the provider gave the browser.
            issuer: what came beside it (RFC 9207), None for nothing.
            now: an aware moment.

        Raises:
            ProviderFault: the provider does not answer, or what it says is not to be believed.
        """
        told = self._told()
        promised = told.get("authorization_response_iss_parameter_supported") is True
        if (issuer or promised) and issuer != self._config.issuer:
            raise ProviderFault("oidc: the answer is of another provider than was asked")
        tokens = self._tokens(told["token_endpoint"], flow, code)
        id_token, access = tokens.get("id_token"), tokens.get("access_token")
        if not isinstance(id_token, str):
            raise ProviderFault("oidc: expected an id_token from the provider, got none")
        claims = self._checked(id_token, flow, access, now)
        if flow.purpose == "prove":
            _check_lately(claims, now)
        return self._read(self._with_more(claims, access), id_token)

    def end_address(self, id_token: str | None) -> str | None:
        """Return where to send who signs out, None if the provider has no such place."""
        try:
            endpoint = self._told().get("end_session_endpoint")
        except ProviderFault:
            return None
        if endpoint is None:
            return None
        told = {"client_id": self._config.client_id, "post_logout_redirect_uri": self._home}
        told |= {"id_token_hint": id_token} if id_token else {}
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(told)}"

    def _session(self) -> OAuth2Session:
        session = OAuth2Session(
            client_id=self._config.client_id,
            client_secret=self._config.client_secret,
            scope=_SCOPE,
            redirect_uri=self._back,
            code_challenge_method="S256",
        )
        session.verify = True if self._config.ca is None else str(self._config.ca)
        return session

    def _tokens(self, endpoint: str, flow: Flow, code: str) -> Mapping[str, Any]:
        try:
            with self._session() as session:
                tokens: Mapping[str, Any] = session.fetch_token(
                    endpoint,
                    grant_type="authorization_code",
                    code=code,
                    redirect_uri=self._back,
                    code_verifier=flow.verifier,
                    timeout=_TIMEOUT_S,
                    allow_redirects=False,
                )
        except AuthlibBaseError as exc:
            raise ProviderFault(f"oidc: the provider refuses the code: {_code(exc.error)}") from exc
        except (requests.RequestException, ValueError) as exc:
            raise _away(exc) from exc
        return tokens

    def _checked(
        self, id_token: str, flow: Flow, access: str | None, now: datetime
    ) -> Mapping[str, Any]:
        """Return the claims of an id_token that was signed by the provider, for this sign-in."""
        token = self._verified(id_token)
        claims = CodeIDToken(
            token.claims,
            token.header,
            options={
                "iss": {"essential": True, "value": self._config.issuer},
                "aud": {"essential": True, "value": self._config.client_id},
                "sub": {"essential": True},
            },
            params={
                "nonce": flow.nonce,
                "client_id": self._config.client_id,
                "access_token": access,
            },
        )
        try:
            claims.validate(now=int(now.timestamp()), leeway=LEEWAY_S)
        except (JoseError, AuthlibBaseError) as exc:
            raise ProviderFault(f"oidc: an id_token is not to be believed: {_code(exc)}") from exc
        return dict(claims)

    def _verified(self, id_token: str) -> jwt.Token:
        for again in (False, True):
            keys = self._key_set(again=again)
            try:
                return jwt.decode(id_token, keys, algorithms=self._algorithms())
            except (JoseError, ValueError) as exc:
                # Signed with a key that is not known: the provider may have changed its keys.
                if again or _has_key(id_token, keys):
                    told = _code(exc)
                    raise ProviderFault(f"oidc: an id_token is not signed rightly: {told}") from exc
        raise AssertionError("the second time returns or raises")

    def _algorithms(self) -> list[str]:
        safe = (*_ALGORITHMS, *_ALGORITHMS_MORE)
        told = self._told().get("id_token_signing_alg_values_supported", ("RS256",))
        return [name for name in safe if name in told]

    def _key_set(self, *, again: bool) -> KeySet:
        with self._lock:
            held = self._keys
        if held is not None and not again:
            return held
        raw = self._get(self._told()["jwks_uri"])
        try:
            keys = KeySet.import_key_set(raw)  # type: ignore[arg-type]
        except (JoseError, ValueError, KeyError, TypeError) as exc:
            raise ProviderFault("oidc: expected the provider's keys, got something else") from exc
        with self._lock:
            self._keys = keys
        return keys

    def _told(self) -> Mapping[str, Any]:
        """Return the provider's document."""
        with self._lock:
            if self._document is not None and self._clock() - self._read_at < _KEPT_S:
                return self._document
        issuer = self._config.issuer
        told = self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if told.get("issuer") != issuer:
            raise ProviderFault(f"oidc: expected a document of {issuer}, got one of another issuer")
        for name in (*_ENDPOINTS, *_OPTIONAL):
            if name in _ENDPOINTS or name in told:
                _check_endpoint(name, told.get(name))
        with self._lock:
            self._document, self._read_at = told, self._clock()
        return told

    def _get(self, url: str, access: str | None = None) -> dict[str, Any]:
        headers = {"Accept": "application/json"}
        headers |= {"Authorization": f"Bearer {access}"} if access else {}
        ca = True if self._config.ca is None else str(self._config.ca)
        try:
            answer = requests.get(
                url, headers=headers, timeout=_TIMEOUT_S, allow_redirects=False, verify=ca
            )
            if answer.status_code != requests.codes.ok or len(answer.content) > _BYTES_MAX:
                raise ProviderFault(f"oidc: the provider answers {answer.status_code} at {url}")
            told = answer.json()
        except (requests.RequestException, ValueError) as exc:
            raise _away(exc) from exc
        if not isinstance(told, dict):
            raise ProviderFault(f"oidc: expected an object at {url}, got something else")
        return told

    def _with_more(self, claims: Mapping[str, Any], access: str | None) -> Mapping[str, Any]:
        """Return the claims with those that the provider tells apart from the id_token."""
        endpoint = self._told().get("userinfo_endpoint")
        if endpoint is None or access is None:
            return claims
        more = self._get(endpoint, access)
        if more.get("sub") != claims["sub"]:
            raise ProviderFault("oidc: the provider tells of another person than signed in")
        return {**more, **claims}

    def _read(self, claims: Mapping[str, Any], id_token: str) -> Known:
        subject = claims["sub"]
        named = next(
            (
                value
                for name in ("preferred_username", "email")
                if isinstance(value := claims.get(name), str) and value
            ),
            subject,
        )
        role = self._role(claims)
        shown = claims.get("name")
        return Known(
            issuer=self._config.issuer,
            subject=subject,
            name=named,
            shown=shown if isinstance(shown, str) else named,
            role=role,
            shops=_texts(claims, self._config.shops_claim) if role in BOUND else (),
            id_token=id_token,
        )

    def _role(self, claims: Mapping[str, Any]) -> Role | None:
        """Return the role that the claims give; of several the first in the settings."""
        held = _texts(claims, self._config.role_claim)
        return next((role for text, role in self._config.roles.items() if text in held), None)


def _texts(claims: Mapping[str, Any], name: str | None) -> tuple[str, ...]:
    """Return what stands in a claim: one text, or a list of them."""
    value = claims.get(name) if name else None
    values = value if isinstance(value, list) else [value]
    return tuple(text for text in values[:SHOPS_MAX] if isinstance(text, str))


def _check_lately(claims: Mapping[str, Any], now: datetime) -> None:
    at = claims.get("auth_time")
    if not isinstance(at, int | float) or now.timestamp() - at > PROVED_WITHIN_S:
        raise ProviderFault("oidc: expected that the person signed in anew just now")


def _check_endpoint(name: str, value: Any) -> None:
    try:
        # An endpoint may have a query; it is not sent to in the clear.
        check_page_url(value.partition("?")[0] if isinstance(value, str) else "")
    except ValueError as exc:
        raise ProviderFault(f"oidc: {name} of the provider: {exc}") from exc


def _has_key(id_token: str, keys: KeySet) -> bool:
    """Say whether the key is known with which an id_token says it is signed."""
    try:
        kid = jws.extract_compact(id_token.encode()).headers().get("kid")
    except (JoseError, ValueError):
        return True  # no token at all
    return any(key.kid == kid for key in keys.keys)


def _away(exc: Exception) -> ProviderFault:
    # The exception's own text may hold the address with what was sent.
    return ProviderFault(f"oidc: the provider does not answer: {type(exc).__name__}")


def _code(error: object) -> str:
    """Return what was wrong as a short code; a token may stand in the longer text."""
    text = getattr(error, "error", error)
    return text[:40] if isinstance(text, str) and text.isprintable() else type(error).__name__
