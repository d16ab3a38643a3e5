"""What is not believed of a provider: a hand-made one that lies in one way at a time."""

import json
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from cloud.accounts import flows
from cloud.accounts.errors import ProviderFault
from cloud.accounts.flows import Flow
from cloud.accounts.oidc import Known, Provider
from cloud.config_oidc import OidcConfig

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
OTHER = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
Change = Callable[[dict[str, Any]], None]


@dataclass
class Liar:
    """A provider on loopback; `say` holds what it answers by path."""

    server: ThreadingHTTPServer
    say: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def claims(self, flow: Flow) -> dict[str, Any]:
        seconds = int(NOW.timestamp())
        return {
            "iss": self.issuer,
            "aud": "menkou-hub",
            "sub": "1",
            "iat": seconds,
            "exp": seconds + 300,
            "nonce": flow.nonce,
            "groups": ["head"],
        }

    def sign(self, claims: dict[str, Any], key: Any = KEY, **header: Any) -> None:
        token = jwt.encode({"alg": "RS256", "kid": "one", **header}, claims, key)
        tokens = {"access_token": "a", "token_type": "Bearer", "id_token": token}
        self.say["/token"] = tokens


@pytest.fixture
def liar() -> Iterator[Liar]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            told = found.say.get(self.path)
            body = json.dumps(told).encode()
            self.send_response(404 if told is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    found = Liar(server)
    found.say = {
        "/.well-known/openid-configuration": {
            "issuer": found.issuer,
            "authorization_endpoint": f"{found.issuer}/auth",
            "token_endpoint": f"{found.issuer}/token",
            "jwks_uri": f"{found.issuer}/jwks",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        },
        "/jwks": {"keys": [KEY.as_dict(private=False)]},
    }
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield found
    server.shutdown()
    thread.join(10)
    server.server_close()


FLOW = Flow(purpose="enter", nonce=flows.fresh(), verifier=flows.fresh(), onward="/")


def _provider(liar: Liar) -> Provider:
    config = OidcConfig(
        issuer=liar.issuer,
        client_id="menkou-hub",
        client_secret="secret",
        label="",
        ca=None,
        role_claim="groups",
        shops_claim=None,
        roles={"head": "head_office"},
    )
    return Provider(config, back="http://127.0.0.1:1/login/back", home="http://127.0.0.1:1/login")


def _known(liar: Liar, issuer: str | None = None, flow: Flow = FLOW) -> Known:
    return _provider(liar).known(flow, "code", issuer, NOW)


def test_a_sound_token_is_believed_also_by_a_clock_that_is_two_minutes_off(liar: Liar) -> None:
    liar.sign(liar.claims(FLOW))
    assert (_known(liar).subject, _known(liar).role) == ("1", "head_office")
    late = liar.claims(FLOW)
    late["exp"] = int((NOW - timedelta(seconds=100)).timestamp())
    liar.sign(late)
    assert _known(liar).subject == "1"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda claims: claims.update(nonce="another"), id="another sign-in's"),
        pytest.param(lambda claims: claims.pop("nonce"), id="of no sign-in"),
        pytest.param(lambda claims: claims.update(aud="another"), id="for another client"),
        pytest.param(
            lambda claims: claims.update(aud=["menkou-hub", "x"], azp="x"), id="given to another"
        ),
        pytest.param(lambda claims: claims.update(iss="https://evil.example"), id="issuer"),
        pytest.param(lambda claims: claims.update(exp=claims["iat"] - 121), id="expired"),
        pytest.param(lambda claims: claims.update(iat=claims["iat"] + 121), id="of the future"),
        pytest.param(lambda claims: claims.pop("sub"), id="nobody's"),
        pytest.param(lambda claims: claims.pop("exp"), id="endless"),
        pytest.param(lambda claims: claims.update(at_hash="x"), id="another access token's"),
    ],
)
def test_a_token_that_is_wrong_in_one_claim_is_not_believed(liar: Liar, change: Change) -> None:
    claims = liar.claims(FLOW)
    change(claims)
    liar.sign(claims)
    with pytest.raises(ProviderFault, match="not to be believed") as caught:
        _known(liar)
    assert FLOW.nonce not in str(caught.value)


def test_a_token_that_the_providers_keys_did_not_sign_is_not_believed(liar: Liar) -> None:
    claims = liar.claims(FLOW)
    forged = [(OTHER, {}), (OctKey.import_key("s" * 32), {"alg": "HS256"})]
    for key, header in forged:
        liar.sign(claims, key, **header)
        with pytest.raises(ProviderFault, match="not signed rightly"):
            _known(liar)
    parts = (json.dumps(part).encode() for part in ({"alg": "none"}, claims))
    unsigned = ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."
    for text in (unsigned, "nonsense", ""):
        liar.say["/token"] = {"access_token": "a", "token_type": "Bearer", "id_token": text}
        with pytest.raises(ProviderFault, match="not signed rightly"):
            _known(liar)


def test_keys_are_asked_for_once_and_again_only_for_one_that_is_not_known(liar: Liar) -> None:
    provider = _provider(liar)
    liar.sign(liar.claims(FLOW))
    for _ in range(3):
        provider.known(FLOW, "code", None, NOW)
    assert liar.asked.count("/jwks") == 1
    fresh = RSAKey.generate_key(2048, {"kid": "two", "use": "sig", "alg": "RS256"})
    liar.say["/jwks"] = {"keys": [fresh.as_dict(private=False)]}
    liar.sign(liar.claims(FLOW), fresh, kid="two")
    assert provider.known(FLOW, "code", None, NOW).subject == "1"
    assert liar.asked.count("/jwks") == 2


def test_another_provider_that_answers_in_its_place_is_not_believed(liar: Liar) -> None:
    liar.sign(liar.claims(FLOW))
    assert _known(liar, liar.issuer).subject == "1"
    with pytest.raises(ProviderFault, match="of another provider"):
        _known(liar, "https://evil.example")
    document = liar.say["/.well-known/openid-configuration"]
    document["authorization_response_iss_parameter_supported"] = True
    with pytest.raises(ProviderFault, match="of another provider"):
        _known(liar)
    document["issuer"] = "https://evil.example"
    with pytest.raises(ProviderFault, match="of another issuer"):
        _known(liar)


def test_nothing_is_sent_in_the_clear_to_where_a_document_says(liar: Liar) -> None:
    document = liar.say["/.well-known/openid-configuration"]
    for name in ("token_endpoint", "jwks_uri", "authorization_endpoint"):
        kept = document[name]
        document[name] = "http://evil.example/x"
        with pytest.raises(ProviderFault, match=f"{name} of the provider: expected https://HOST"):
            _provider(liar).address(FLOW, "state")
        document[name] = kept
    address = _provider(liar).address(FLOW, "state")
    assert "code_challenge_method=S256" in address
    assert FLOW.verifier not in address
    assert "response_type=code" in address


def test_who_is_told_of_apart_must_be_who_signed_in(liar: Liar) -> None:
    document = liar.say["/.well-known/openid-configuration"]
    document["userinfo_endpoint"] = f"{liar.issuer}/me"
    claims = liar.claims(FLOW)
    del claims["groups"]
    liar.sign(claims)
    liar.say["/me"] = {"sub": "1", "groups": "head"}
    assert _known(liar).role == "head_office"
    liar.say["/me"] = {"sub": "1", "groups": ["nothing", 7]}
    assert _known(liar).role is None
    liar.say["/me"] = {"sub": "2", "groups": "head"}
    with pytest.raises(ProviderFault, match="of another person"):
        _known(liar)


def test_who_proves_who_they_are_has_signed_in_just_now(liar: Liar) -> None:
    flow = Flow(purpose="prove", nonce=FLOW.nonce, verifier=FLOW.verifier, onward="/")
    for at, believed in ((NOW, True), (NOW - timedelta(minutes=6), False), (None, False)):
        claims = liar.claims(flow)
        if at is not None:
            claims["auth_time"] = int(at.timestamp())
        liar.sign(claims)
        if believed:
            assert _known(liar, flow=flow).subject == "1"
            continue
        with pytest.raises(ProviderFault, match="anew just now"):
            _known(liar, flow=flow)
