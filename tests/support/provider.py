"""A real OIDC provider as a process, and a browser without pictures that signs in at it."""

import html
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import requests
from flask.testing import FlaskClient
from joserfc.jwk import RSAKey
from werkzeug.test import TestResponse

from tests.support.processes import Running, free_port, until

CLIENT: Final = "menkou-hub"
SECRET: Final = "a secret between hub and provider"
_FOLDER: Final = Path(__file__).parent / "oidc"


def new_keys(kid: str) -> dict[str, Any]:
    """Return a key set with one new private key."""
    key = RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"})
    return {"keys": [key.as_dict(private=True)]}


class Provider(Running):
    """The provider, for a hub at an address; `people` are their claims by what they sign in as."""

    def __init__(self, folder: Path, hub: str) -> None:
        node = shutil.which("node")
        assert node, "node: expected Node.js and npm, found none; scripts/test installs them"
        there = (_FOLDER / "node_modules" / "oidc-provider").is_dir()
        assert there, f"expected the packages of {_FOLDER}, found none; scripts/test installs them"
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self._people, self._keys = folder / "people.json", folder / "keys.json"
        settings = {
            "issuer": self.issuer,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "back": f"{hub}/login/back",
            "home": f"{hub}/login",
            "people": str(self._people),
            "keys": str(self._keys),
        }
        (folder / "provider.json").write_text(json.dumps(settings), encoding="utf-8")
        self.know({})
        self.sign_with("first")
        script = str(_FOLDER / "provider.mjs")
        super().__init__([node, script, str(folder / "provider.json")], folder / "provider.log")

    def start(self) -> "Provider":
        """Start it and wait until it answers."""
        super().start()
        until(self._answers, what=f"the provider ({self.log()})")
        return self

    def _answers(self) -> bool:
        try:
            address = f"{self.issuer}/.well-known/openid-configuration"
            return requests.get(address, timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def know(self, people: Mapping[str, Mapping[str, Any]]) -> None:
        """Change what is claimed of whom."""
        self._people.write_text(json.dumps(people), encoding="utf-8")

    def sign_with(self, kid: str) -> None:
        """Sign with a new key from the next start on."""
        self._keys.write_text(json.dumps(new_keys(kid)), encoding="utf-8")

    def settings(self, **more: str) -> str:
        """Return the hub's `[oidc]`; the secret is in `oidc.secret` beside it."""
        lines = {"issuer": self.issuer, "client_id": CLIENT, "client_secret": "file:oidc.secret"}
        return "[oidc]\n" + "".join(f'{k} = "{v}"\n' for k, v in {**lines, **more}.items())


class There:
    """A browser at the provider: follows redirects, fills in its two forms."""

    def __init__(self) -> None:
        self._web = requests.Session()

    def sign_in(self, address: str, name: str, hub: str) -> str:
        """Sign in at the provider from an address; return the address back at the hub."""
        answer = self._web.get(address, allow_redirects=False, timeout=10)
        for _ in range(20):
            if answer.is_redirect:
                address = urljoin(address, answer.headers["Location"])
                if address.startswith(hub):
                    return address
                answer = self._web.get(address, allow_redirects=False, timeout=10)
                continue
            action = re.search(r'<form[^>]*action="([^"]+)"', answer.text)
            assert action, answer.text
            prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
            assert prompt, answer.text
            address = urljoin(address, html.unescape(action[1]))
            form = {"prompt": prompt[1], "login": name, "password": "any"}
            answer = self._web.post(address, data=form, allow_redirects=False, timeout=10)
        raise AssertionError(f"no way back from {address}: {answer.text[:500]}")


def through(client: FlaskClient, name: str, hub: str, begin: TestResponse) -> TestResponse:
    """Go to the provider as an answer of the hub leads, and come back; return what the hub says."""
    led = re.search(r'content="0;url=([^"]+)"', begin.text)
    there = html.unescape(led[1]) if led else begin.location
    back = urlsplit(There().sign_in(there, name, hub))
    return client.get(f"{back.path}?{back.query}")
