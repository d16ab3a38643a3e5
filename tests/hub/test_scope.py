"""Each sees the own shops only: on every page and route there is, by page, address and API."""

import inspect
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
from flask import Blueprint
from flask.testing import FlaskClient
from sqlalchemy import Connection, Engine

from cloud import export, queries
from cloud.accounts import access, audit, tokens
from cloud.accounts.access import OPEN, RULES, Rule
from cloud.accounts.audit import Wanted
from cloud.accounts.errors import AccountFault
from cloud.accounts.scope import Scope
from cloud.anomalies import desk, hours
from cloud.db import reading, writing
from cloud.ingest import Ingest
from cloud.rollup import rollup
from tests.hub.conftest import FakeBox, on_sqlite
from tests.support.accounts import HubOffice, cheaply, token_of

OURS, THEIRS = "nj-001", "sz-777"
_HUBS_OWN = {"change_token", "hub_health", "decide", "decide_ahead", "refresh", "keep", "revisions"}
"""Questions that are of no shop, or of all: `decide` hides by the whole chain and shows nothing,
nor do those who call it ahead;
`keep` reads ahead what others ask for by scope, `revisions` when days were added up.
"""


@pytest.fixture
def office(
    engine: Engine, ingest: Ingest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> HubOffice:
    """A hub with two shops, both of which had visitors and Wi-Fi today."""
    cheaply(monkeypatch)
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    for place, shop in enumerate((OURS, THEIRS)):
        box = FakeBox(store=shop, box=f"{shop}-a", epoch=f"{place}" * 32)
        box.opened(now), box.sensed(now - timedelta(minutes=2))
        box.compared(now.replace(minute=0) - timedelta(hours=1))
        ingest.take([box.hello(), box.heartbeat(), box.batch(*box.events)])
    rollup(engine)
    return HubOffice(engine, tmp_path)


def _addresses(office: HubOffice) -> list[str]:
    """Return every address that can be opened; of shops' own pages those of the other shop."""
    found = []
    for rule in office.app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.endpoint in OPEN | {"static"}:
            continue
        parts = dict.fromkeys(rule.arguments, THEIRS) | dict(rule.defaults or {})
        found.append(office.app.url_map.bind("").build(rule.endpoint, parts))
    return found


def _reads(client: FlaskClient, address: str, **headers: str) -> str:
    return client.get(address, headers=headers).text


def test_whoever_is_bound_to_a_shop_finds_no_word_of_another_anywhere(office: HubOffice) -> None:
    clerk = office.sign_in(office.person("chen", "shop", OURS))
    region = office.sign_in(office.person("zhou", "region", OURS, THEIRS))
    addresses = _addresses(office)
    assert len(addresses) > 12
    for address in addresses:
        assert THEIRS not in _reads(clerk, address).replace(address, ""), address
    assert OURS in _reads(clerk, "/today")
    assert clerk.get(f"/street/{OURS}").status_code == 200
    assert clerk.get(f"/street/{THEIRS}").status_code == 404
    assert [shop["store_id"] for shop in clerk.get("/api/v1/shops").get_json()["shops"]] == [OURS]
    both = {shop["store_id"] for shop in region.get("/api/v1/street").get_json()["shops"]}
    assert both == {OURS, THEIRS}


def test_a_shops_total_is_its_own_and_not_the_chains(office: HubOffice) -> None:
    clerk = office.sign_in(office.person("chen", "shop", OURS))
    head = office.sign_in(office.person("li"))
    totals = [
        sum(shop["visitors"] for shop in client.get("/api/v1/shops").get_json()["shops"])
        for client in (clerk, head)
    ]
    assert totals == [1, 2]


@on_sqlite
def test_a_program_reads_what_its_token_says_and_of_its_shops_only(office: HubOffice) -> None:
    def made(*scopes: str, shops: tuple[str, ...] | None = None, days: int = 30) -> tokens.Fresh:
        with writing(office.engine) as connection:
            return tokens.make(
                connection,
                name="bi",
                scopes=scopes,
                shops=shops,
                days=days,
                by="command",
                now=office.clock.now(),
            )

    def status(address: str, text: str) -> int:
        headers = {"Authorization": f"Bearer {text}"}
        return office.client().get(address, headers=headers).status_code

    head = office.sign_in(office.person("li"))
    bound, free = made("read:figures", shops=(OURS,)), made("read:figures", "read:health")
    told = _reads(office.client(), "/api/v1/shops", Authorization=f"Bearer {bound.text}")
    assert OURS in told
    assert THEIRS not in told
    paths = ("/api/v1/shops", "/api/v1/street", "/api/v1/health", "/", "/audit")
    assert [status(path, bound.text) for path in paths] == [200, 200, 403, 303, 303]
    assert [status(path, free.text) for path in paths] == [200, 200, 200, 303, 303]
    assert status("/api/v1/shops", bound.text[:-1] + "x") == 401
    assert office.client().get("/api/v1/shops").status_code == 401
    with writing(office.engine) as connection:
        assert tokens.revoke(connection, bound.token.id, by="command", now=office.clock.now())
    assert status("/api/v1/shops", bound.text) == 401
    assert head.get("/programs").text.count('id="token-') == 1
    office.clock.go(days=31)
    assert status("/api/v1/shops", free.text) == 401
    for wrong in ({"days": 0}, {"days": 1096}, {"shops": ()}):
        with pytest.raises(AccountFault, match="token: expected"):
            made("read:figures", **wrong)
    with pytest.raises(AccountFault, match="token: expected one or more of"):
        made("write:everything")


@on_sqlite
def test_head_office_makes_a_programs_token_on_its_page(office: HubOffice) -> None:
    head = office.sign_in(office.person("li"))
    form = {"name": "bi", "scope": "read:figures", "shops": OURS, "days": "30"}
    page = head.post("/programs/add", data={"csrf": token_of(head.get("/programs")), **form})
    text = page.text.split('id="token-text">')[1].split("<")[0]
    assert text not in head.get("/programs").text
    told = _reads(office.client(), "/api/v1/shops", Authorization=f"Bearer {text}")
    assert THEIRS not in told
    assert OURS in told
    for wrong in ({"shops": "nj-999"}, {"scope": ""}):
        csrf = token_of(head.get("/programs"))
        assert head.post("/programs/add", data={"csrf": csrf, **form, **wrong}).status_code == 409


@on_sqlite
def test_a_page_of_members_is_for_who_may_name_them_and_each_look_is_noted(
    office: HubOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = Blueprint("probe", __name__)
    probe.add_url_rule("/probe", "members", lambda: "a member")
    office.app._got_first_request = False
    office.app.register_blueprint(probe)
    rule = Rule(roles=frozenset(access._ALL), members=True)
    monkeypatch.setattr(access, "RULES", {**RULES, "probe.members": rule})
    monkeypatch.setattr("cloud.accounts.door.RULES", access.RULES)
    auditor = office.sign_in(office.person("audit", "auditor"))
    clerk = office.sign_in(office.person("chen2", "shop", OURS))
    assert auditor.get("/probe").status_code == 403
    for _ in range(3):
        assert clerk.get("/probe").text == "a member"
    office.clock.go(minutes=20)
    clerk.get("/")
    with reading(office.engine) as connection:
        views = audit.entries(connection, Wanted(what="view"), 10)
    assert len(views) == 1
    assert views[0].detail == {"page": "probe.members", "path": "/probe"}


def test_no_question_can_be_asked_without_a_scope() -> None:
    asked = 0
    rooms = [f"{queries.__name__}.{room.name}" for room in iter_modules(queries.__path__)]
    for module in (*map(import_module, rooms), desk, hours, export):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            hints = inspect.signature(function).parameters.values()
            kinds = {hint.annotation for hint in hints}
            if function.__module__ != module.__name__ or name.startswith("_"):
                continue
            if not kinds & {Connection, Engine} or name in _HUBS_OWN:
                continue
            assert Scope in kinds, f"{module.__name__}.{name}"
            asked += 1
    assert asked >= 5
