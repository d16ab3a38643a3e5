"""Head office's sign-in through a real OIDC provider: roles by claims, invitations, new keys."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from cloud.accounts import audit, people
from cloud.accounts.audit import Wanted
from cloud.accounts.people import Account
from cloud.accounts.tables import account_session
from cloud.db import migrate, open_engine, reading, writing
from tests.support.accounts import HubOffice, cheaply, token_of
from tests.support.provider import SECRET, Provider, through

HUB = "http://127.0.0.1:8700"
LI = {"name": "李娜", "preferred_username": "li.na", "groups": ["staff", "retail-head"]}
CHEN = {"preferred_username": "chen", "groups": "retail-shop", "shops": ["nj-001"]}
BY_CLAIMS = """role_claim = "groups"
shops_claim = "shops"
[oidc.roles]
"retail-head" = "head_office"
"retail-shop" = "shop"
"""


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    running = Provider(tmp_path_factory.mktemp("provider"), HUB).start()
    yield running
    running.stop()


def _office(
    provider: Provider, folder: Path, monkeypatch: pytest.MonkeyPatch, more: str = BY_CLAIMS
) -> HubOffice:
    cheaply(monkeypatch)
    (folder / "oidc.secret").write_text(SECRET, encoding="utf-8")
    text = f'[hub]\nurl = "{HUB}"\n{provider.settings()}{more}'
    (folder / "hub.toml").write_text(text, encoding="utf-8")
    engine = open_engine(f"sqlite:///{folder / 'hub.db'}")
    migrate(engine)
    return HubOffice(engine, folder, settings=folder / "hub.toml")


@pytest.fixture
def office(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HubOffice]:
    made = _office(provider, tmp_path, monkeypatch)
    provider.know({"1": LI, "2": CHEN})
    made.shops("nj-001", "nj-002")
    yield made
    made.engine.dispose()


def _enter(client: FlaskClient, name: str) -> TestResponse:
    return through(client, name, HUB, client.get("/login/provider?next=/street"))


def _account(office: HubOffice, name: str) -> Account | None:
    with reading(office.engine) as connection:
        return people.by_name(connection, name)


def test_the_providers_claims_give_a_role_and_shops_at_each_sign_in(
    office: HubOffice, provider: Provider
) -> None:
    head, clerk = office.client(), office.client()
    assert 'id="provider"' in head.get("/login").text
    led = _enter(head, "1")
    assert led.status_code == 200
    assert 'content="0;url=/street"' in led.text
    assert head.get("/people").status_code == 200
    assert "李娜" in head.get("/people").text
    _enter(clerk, "2")
    assert clerk.get("/street/nj-001").status_code == 200
    assert clerk.get("/street/nj-002").status_code == 404
    first = _account(office, "chen")
    provider.know({"1": LI, "2": {**CHEN, "shops": ["nj-002"]}})
    _enter(clerk, "2")
    assert clerk.get("/street/nj-001").status_code == 404
    again = _account(office, "chen")
    assert first is not None
    assert again is not None
    assert (first.id, again.shops) == (again.id, ("nj-002",))
    # Whoever lost the group is out, with all sessions.
    losses: tuple[dict[str, list[str]], ...] = ({"groups": ["staff"]}, {"shops": []})
    for lost in losses:
        provider.know({"1": LI, "2": CHEN})
        _enter(clerk, "2")
        provider.know({"1": LI, "2": {**CHEN, **lost}})
        assert _enter(office.client(), "2").status_code == 403
        assert clerk.get("/").status_code == 303
    with reading(office.engine) as connection:
        lines = audit.entries(connection, Wanted(what="account"), 20)
        whole = audit.verify(connection)
    hows = [line.detail["how"] for line in lines]
    assert hows == ["changed", "changed", "bound", "made", "bound", "made"]
    assert whole.broken is None


def test_new_keys_of_the_provider_are_asked_for_when_one_is_not_known(
    office: HubOffice, provider: Provider
) -> None:
    assert _enter(office.client(), "1").status_code == 200
    provider.stop()
    provider.sign_with("second")
    away = office.client()
    assert away.get("/login/provider").status_code == 303  # its document is still known
    provider.start()
    assert _enter(office.client(), "1").status_code == 200


def test_an_answer_is_good_in_the_browser_in_which_it_began_and_once(office: HubOffice) -> None:
    client, thief = office.client(), office.client()
    begun = client.get("/login/provider")
    thief.get("/login/provider")  # a cookie of their own
    back = through(thief, "1", HUB, begun)
    assert back.status_code == 400
    assert thief.get("/").status_code == 303
    begun = client.get("/login/provider")
    assert through(client, "1", HUB, begun).status_code == 200
    assert client.get("/login/back?state=x&code=y").status_code == 400
    refused = client.get("/login/provider")
    state = refused.location.split("state=")[1].split("&")[0]
    assert client.get(f"/login/back?state={state}&error=access_denied").status_code == 403


def test_what_is_dangerous_is_proved_at_the_provider_anew(office: HubOffice) -> None:
    client = office.client()
    _enter(client, "1")
    long_ago = office.clock.now() - timedelta(minutes=11)
    with writing(office.engine) as connection:
        connection.execute(update(account_session).values(proved_at=long_ago))
    assert client.get("/people").location == "/me/prove?next=/people"
    for name, status, then in (("2", 403, 303), ("1", 200, 200)):
        form = {"csrf": token_of(client.get("/me/prove")), "next": "/people"}
        led = client.post("/me/prove-there", data=form)
        assert "prompt=login" in led.text
        assert through(client, name, HUB, led).status_code == status
        assert client.get("/people").status_code == then


def test_signing_out_ends_the_session_at_the_provider_too(
    office: HubOffice, provider: Provider
) -> None:
    client = office.client()
    _enter(client, "1")
    page = client.post("/logout", data={"csrf": token_of(client.get("/me"))}).text
    assert f"url={provider.issuer}/session/end?" in page
    assert "id_token_hint=" in page
    assert client.get("/").status_code == 303


def test_without_a_claim_of_roles_one_comes_in_by_invitation_only(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = _office(provider, tmp_path, monkeypatch, more="")
    provider.know({"1": LI})
    client = office.client()
    assert _enter(client, "1").status_code == 403
    code = office.invited("li", "auditor")
    invite = {"csrf": token_of(client.get("/welcome")), "invite": code}
    assert client.post("/welcome/look", data=invite).status_code == 200
    led = client.post("/welcome/there", data=invite)
    assert through(client, "1", HUB, led).status_code == 200
    assert client.get("/audit").status_code == 200
    assert office.begin_refused(code) == 403
    again = office.client()
    assert _enter(again, "1").status_code == 200
    assert again.get("/audit").status_code == 200
    office.engine.dispose()


def test_a_provider_that_is_away_leaves_the_password(
    office: HubOffice, provider: Provider, tmp_path: Path
) -> None:
    person = office.person("wang")
    provider.stop()
    fresh = HubOffice(office.engine, tmp_path, office.clock, settings=office.settings)
    page = fresh.client().get("/login/provider")
    assert page.status_code == 503
    assert "Company sign-in does not work just now" in page.text
    assert fresh.sign_in(person, fresh.client()).status_code == 303
    provider.start()
