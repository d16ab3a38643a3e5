"""People with accounts at a hub, who come in as people do: by a link, a password and codes."""

import dataclasses
import re
from base64 import b32decode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, insert
from werkzeug.test import TestResponse

from cloud import app as cloud_app
from cloud.accounts import changes, passwords, people, sessions
from cloud.accounts.desk import AccountDesk
from cloud.accounts.people import Account
from cloud.accounts.roles import Role
from cloud.config import load
from cloud.db import writing
from cloud.tables import box, store
from menkou.totp import code_at, step_at

PASSWORD = "correct horse battery"
HTML = {"Accept": "text/html", "Accept-Language": "en"}


class Clock:
    """A time that stands still until it is moved."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def now(self) -> datetime:
        """Return the time."""
        return self.time

    def go(self, **how_long: float) -> None:
        """Let time pass."""
        self.time += timedelta(**how_long)


def cheaply(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let passwords cost next to nothing; what is right and what is not stays the same."""
    cost = "$argon2id$v=19$m=32,t=1,p=1$"
    nobodys = passwords._NOBODYS.replace(passwords._COST, cost)
    for name, value in (("_PASSES", 1), ("_LANES", 1), ("_MEMORY_KIB", 32), ("_COST", cost)):
        monkeypatch.setattr(passwords, name, value)
    monkeypatch.setattr(passwords, "_NOBODYS", nobodys)


def token_of(page: TestResponse) -> str:
    """Return the form token of a page."""
    found = re.search(r'(?:name="csrf" value|data-csrf)="(\w+)"', page.text)
    assert found, page.text[:400]
    return found[1]


@dataclass
class Person:
    """Somebody with an account and an authenticator app."""

    account: Account
    clock: Clock
    secret: bytes = b""
    papers: tuple[str, ...] = ()
    password: str = PASSWORD

    def code(self) -> str:
        """Return what the app shows now."""
        return code_at(self.secret, step_at(self.clock.now()))


@dataclass
class HubOffice:
    """A hub's app over a database, on a clock of its own; by `settings` if there are any."""

    engine: Engine
    folder: Path
    clock: Clock = field(default_factory=Clock)
    environ: dict[str, str] = field(default_factory=dict)
    settings: Path | None = None

    def __post_init__(self) -> None:
        environ = {"MENKOU_DATA_DIR": str(self.folder), **self.environ}
        self.config = load(self.settings, environ)
        made = cloud_app.account_desk

        def desk(config: Any, engine: Engine) -> AccountDesk:
            return dataclasses.replace(made(config, engine), now=self.clock.now)

        patched = pytest.MonkeyPatch()
        patched.setattr(cloud_app, "account_desk", desk)
        try:
            self.app: Flask = cloud_app.create_app(self.config, self.engine)
        finally:
            patched.undo()

    def client(self, **more: Any) -> FlaskClient:
        """Return a browser of its own."""
        made = self.app.test_client(**more)
        made.environ_base["HTTP_ACCEPT"] = HTML["Accept"]
        made.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
        return made

    def shops(self, *ids: str) -> None:
        """Make shops with a box each."""
        with writing(self.engine) as connection:
            for shop in ids:
                connection.execute(
                    insert(store).values(id=shop, name=f"店 {shop}", timezone="Asia/Shanghai")
                )
                connection.execute(insert(box).values(store=shop, id=f"{shop}-a", cameras=[]))

    def invited(self, name: str, role: Role = "head_office", *shops: str) -> str:
        """Make an account; return the code of its link."""
        with writing(self.engine) as connection:
            return changes.add(
                connection,
                name=name,
                shown=f"Shown {name}",
                role=role,
                shops=shops,
                by="command",
                now=self.clock.now(),
            ).code

    def begin(self, client: FlaskClient, code: str, password: str = PASSWORD) -> TestResponse:
        """Open the link, and fill in the form as it asks."""
        csrf = token_of(client.get("/welcome"))
        page = client.post("/welcome/look", data={"csrf": csrf, "invite": code})
        secret = secret_on(page)
        digits = code_at(secret, step_at(self.clock.now()))
        form = {"csrf": token_of(page), "invite": code, "password": password, "code": digits}
        return client.post("/welcome/begin", data=form)

    def begin_refused(self, code: str) -> int:
        """Open a link that is not good; return the status."""
        client = self.client()
        form = {"csrf": token_of(client.get("/welcome")), "invite": code}
        return client.post("/welcome/look", data=form).status_code

    def person(self, name: str, role: Role = "head_office", *shops: str) -> Person:
        """Return somebody who has begun, and whose first session is over."""
        code, client = self.invited(name, role, *shops), self.client()
        page = client.post(
            "/welcome/look", data={"csrf": token_of(client.get("/welcome")), "invite": code}
        )
        secret = secret_on(page)
        digits = code_at(secret, step_at(self.clock.now()))
        form = {"csrf": token_of(page), "invite": code, "password": PASSWORD, "code": digits}
        done = client.post("/welcome/begin", data=form)
        assert done.status_code == 200, done.text
        papers = tuple(re.findall(r"<li[^>]*>([0-9A-Z-]{19})</li>", done.text))
        self.clock.go(minutes=1)
        with writing(self.engine) as connection:
            account = people.by_name(connection, name)
            assert account is not None
            sessions.end_all(connection, account.id)
        return Person(account, self.clock, secret, papers)

    def sign_in(self, person: Person, client: FlaskClient | None = None, **form: str) -> Any:
        """Sign in; return the browser, or the answer if a browser is given."""
        browser = client or self.client()
        typed = {"name": person.account.name, "password": person.password, "code": person.code()}
        csrf = token_of(browser.get("/login"))
        answer = browser.post("/login", data={"csrf": csrf, **typed, **form})
        if client is not None:
            return answer
        assert answer.status_code == 303, answer.text
        self.clock.go(seconds=30)  # the app's next code
        return browser


def secret_on(page: TestResponse) -> bytes:
    """Return the secret that a page shows for an app."""
    found = re.search(r'id="app-secret">([A-Z2-7 ]+)<', page.text)
    assert found, page.text
    plain = found[1].replace(" ", "")
    return b32decode(plain + "=" * (-len(plain) % 8))
