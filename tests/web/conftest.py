"""Small dressed apps and a real server for the tests of `menkou.web`."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, redirect, request
from flask.typing import ResponseReturnValue

from edge.store import devices, staff
from menkou.listen import Listen
from menkou.web.app import dress
from menkou.web.server import serve
from menkou.web.stream import Broadcast


@pytest.fixture(autouse=True)
def _cheap_guesses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let codes and PINs cost next to nothing; what is right and what is not stays the same."""
    for module in (devices, staff):
        monkeypatch.setitem(module._SCRYPT, "n", 2)


class KeyDoor:
    """A door that a browser opens with a cookie, until the key is taken back."""

    key = "key=open-sesame"

    def __init__(self) -> None:
        self.taken_back = False

    def mount(self, app: Flask, blueprint: Blueprint) -> None:
        app.before_request(self._guard)

    def _guard(self) -> ResponseReturnValue | None:
        if not self.taken_back and self.key == f"key={request.cookies.get('key')}":
            return None
        if "text/html" in request.headers.get("Accept", ""):
            return redirect("/login", code=303)
        return "Sign in first", 401


def small_app() -> Flask:
    """An app with one page, one JSON answer and one that fails."""
    app = Flask("small", static_folder=None)
    app.add_url_rule("/", "first", lambda: "<p>first page</p>")
    app.add_url_rule("/live", "live", lambda: "<p>part</p>")
    app.add_url_rule("/api/state", "state", lambda: {"visitors": 3})
    app.add_url_rule("/healthz", "healthz", lambda: {"ok": True})
    app.add_url_rule("/broken", "broken", lambda: f"{1 // 0}")
    return app


@pytest.fixture
def dressed(tmp_path: Path) -> Callable[..., Flask]:
    """A function that dresses a small app; keywords change the `Listen`."""

    def make(**changes: Any) -> Flask:
        app = small_app()
        listen = Listen(**{"host": "127.0.0.1", "port": 8780, **changes})
        dress(app, listen, secret_file=tmp_path / "secret")
        return app

    return make


@dataclass(frozen=True)
class Served:
    """A running server."""

    url: str
    port: int
    broadcast: Broadcast
    stop: Callable[[], None]


Serving = Callable[..., AbstractContextManager[Served]]


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    """A context manager that serves a small app on a free port; behind a `KeyDoor` if it is to
    have a password.
    """

    @contextmanager
    def run(
        broadcast: Broadcast | None = None, door: KeyDoor | None = None, **changes: Any
    ) -> Iterator[Served]:
        listen = Listen(**{"host": "127.0.0.1", "port": 0, **changes})
        app = small_app()
        door = door or (KeyDoor() if listen.password_hash else None)
        dress(app, listen, secret_file=tmp_path / "secret", door=door)
        told = broadcast or Broadcast()
        stop, up, url = threading.Event(), threading.Event(), []

        def ready(address: str) -> None:
            url.append(address)
            up.set()

        thread = threading.Thread(
            target=serve,
            args=(app, listen),
            kwargs={"broadcast": told, "stop": stop, "ready": ready},
        )

        def end() -> None:
            stop.set()
            thread.join(10)
            assert not thread.is_alive(), "the server did not stop within 10 s"

        thread.start()
        try:
            assert up.wait(10), "the server did not come up"
            yield Served(url[0], int(url[0].rstrip("/").rpartition(":")[2]), told, end)
        finally:
            end()

    return run
