"""Whatever the API refuses is one problem document: what, where, expected, got, what to do."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import OperationalError

from cloud.accounts import tokens
from cloud.api.problems import EARLY, KNOWN
from cloud.db import reading, writing
from cloud.office.seal import keys_of
from cloud.shares import master_of
from cloud.tables import office_member
from menkou.private_file import create_private
from menkou.web import early
from tests.hub.conftest import on_sqlite
from tests.hub.test_api import ROOT, conforms
from tests.support.accounts import HubOffice, cheaply

DOCUMENT = json.loads((ROOT / "cloud/api/openapi.json").read_text(encoding="utf-8"))
ALL = ("read:figures", "read:health", "read:members", "write:members")
PATH = "/api/v1/members"
ODD = {
    "a nul": "a\0b",
    "only a nul": "\0",
    "a lone surrogate": "\ud800",
    "the end of a pair": "a\udc00b",
    "a new line": "a\nb",
    "right to left": "a\u202eb",
    "nothing": "",
    "so long": "x" * 60_000,
}


@pytest.fixture
def office(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HubOffice:
    cheaply(monkeypatch)
    made = HubOffice(engine, tmp_path)
    made.shops("nj-001")
    made.person("li")  # nothing is open to whoever is on loopback
    with writing(engine) as connection:
        keys = keys_of(master_of(connection, made.config.share_secret))
    create_private(made.config.office_keys, keys)
    return made


def ask(
    office: HubOffice, path: str, *, method: str = "GET", scopes: Any = ALL, **more: Any
) -> Any:
    """Ask as a program with these scopes; None: as nobody."""
    headers = more.pop("headers", {})
    if "json" in more:  # as ASCII: what UTF-8 cannot write can be named all the same
        more |= {"data": json.dumps(more.pop("json")), "content_type": "application/json"}
    if scopes is not None:
        with writing(office.engine) as connection:
            headers["Authorization"] = "Bearer " + made_token(office, connection, scopes)
    return office.app.test_client().open(path, method=method, headers=headers, **more)


def made_token(office: HubOffice, connection: Any, scopes: Any) -> str:
    named = {"name": "t", "scopes": scopes, "shops": None, "days": 1, "by": "command"}
    return tokens.make(connection, **named, now=office.clock.now()).text


def is_problem(answer: Any, status: int, code: str, schema: str = "Problem") -> Any:
    """Check that an answer is a problem as the document describes it; return it."""
    assert answer.content_type == "application/problem+json", answer.text
    told = answer.get_json()
    assert (answer.status_code, told["status"], told["code"]) == (status, status, code)
    conforms(told, DOCUMENT["components"]["schemas"][schema], DOCUMENT)
    assert told["type"] == f"urn:problem-type:menkou:{code}"
    assert "expected" in told["detail"]
    assert "got" in told["detail"]
    assert told["title"]
    assert told["remedy"]
    return told


ROUTES = [
    path.replace("{external_id}", "C-1")
    for path, methods in DOCUMENT["paths"].items()
    if "get" in methods and methods["get"].get("security")
]


@on_sqlite
def test_who_shows_no_good_token_is_told_so_at_every_route(office: HubOffice) -> None:
    for path in ROUTES:
        shows_no_good_token(office, path)


def shows_no_good_token(office: HubOffice, path: str) -> None:
    """Ask a route with no token, an unknown one, and something else."""
    answer = ask(office, path, scopes=None)
    is_problem(answer, 401, "token_missing")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    wrong = ask(office, path, scopes=None, headers={"Authorization": "Bearer menkou_x"})
    is_problem(wrong, 401, "token_unknown")
    assert "invalid_token" in wrong.headers["WWW-Authenticate"]
    basic = ask(office, path, scopes=None, headers={"Authorization": "Basic YTpi"})
    is_problem(basic, 401, "token_missing")


@on_sqlite
def test_a_token_without_the_scope_is_told_which(office: HubOffice) -> None:
    for path in ROUTES:
        operation = DOCUMENT["paths"][path.replace("C-1", "{external_id}")]["get"]
        needed = operation["security"][0]["token"][0]
        others = tuple(scope for scope in ALL if scope != needed)
        told = is_problem(ask(office, path, scopes=others), 403, "forbidden")
        assert needed in told["detail"]


@on_sqlite
def test_somebody_in_another_role_is_told_who_may(office: HubOffice) -> None:
    browser = office.sign_in(office.person("wu", "shop", "nj-001"))
    told = is_problem(browser.get("/api/v1/health"), 403, "forbidden")
    assert "auditor or head_office" in told["detail"]
    assert "read:health" in told["detail"]
    told = is_problem(browser.get("/api/v1/members/C-1"), 403, "forbidden")
    assert "read:members" in told["detail"]


@on_sqlite
def test_what_is_not_there_and_what_is_not_taken_are_problems_too(office: HubOffice) -> None:
    is_problem(ask(office, "/api/v1/nothing"), 404, "not_found")
    is_problem(ask(office, "/api/v2"), 404, "not_found")
    is_problem(ask(office, "/api/v1/figures/channels?shop=nobody"), 404, "not_found")
    answer = ask(office, "/api/v1/shops", method="POST")
    told = is_problem(answer, 405, "method_not_allowed")
    assert "GET" in told["detail"]
    assert "GET" in answer.headers["Allow"]
    large = ask(
        office,
        "/api/v1/members/batch",
        method="POST",
        data=b"x" * 13_000_000,
        content_type="application/json",
    )
    is_problem(large, 413, "too_large")


@on_sqlite
def test_who_asks_too_often_is_told_for_how_long(
    office: HubOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("menkou.web.forms.Rate.wait_s", lambda *_: 2.5)
    answer = ask(office, "/api/v1/shops")
    is_problem(answer, 429, "too_often")
    assert answer.headers["Retry-After"] == "3"


@on_sqlite
@pytest.mark.parametrize(
    ("path", "schema"), [("/api/v1/shops", "Problem"), ("/api/v1/health", "DatabaseAway")]
)
def test_a_database_that_is_away_and_a_fault_of_the_hub_are_problems(
    office: HubOffice, monkeypatch: pytest.MonkeyPatch, path: str, schema: str
) -> None:
    def away(*_: Any) -> None:
        raise OperationalError("SELECT secret", {}, Exception("gone"))

    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    for question in ("queries.live.chain_today", "desks.chain.hub_health"):
        monkeypatch.setattr(f"cloud.{question}", away)
    told = is_problem(ask(office, path), 503, "away", schema)
    assert "secret" not in str(told)
    for question in ("queries.live.chain_today", "desks.chain.hub_health"):
        monkeypatch.setattr(f"cloud.{question}", broken)
    office.app.config["PROPAGATE_EXCEPTIONS"] = False
    is_problem(ask(office, path), 500, "failed")


@on_sqlite
def test_what_is_refused_before_any_route_is_a_problem_too(office: HubOffice) -> None:
    foreign = ask(office, "/api/v1/shops", headers={"Sec-Fetch-Site": "cross-site"})
    is_problem(foreign, 403, "foreign")
    is_problem(ask(office, "/api/v1/shops", headers={"Host": "evil.test"}), 421, "not_here")
    page = ask(office, "/today", scopes=None, headers={"Host": "evil.test"})
    assert page.content_type.startswith("text/plain")


def test_every_code_stands_in_the_document() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for name in ("Problem", "DatabaseAway"):
        assert schemas[name]["properties"]["code"]["enum"] == sorted([*KNOWN, *EARLY])
    told = (early.BUSY, early.SLOW, early.NOT_HERE, early.FOREIGN)
    assert tuple(one.code for one in told) == EARLY
    assert early.too_large(1).code in KNOWN


def refused_everywhere(office: HubOffice, odd: str) -> None:
    """Check that no route keeps a text that no id, name or column can have."""
    sound = {"store": "nj-001", "profile": {"name": "王芳"}}
    row = {"external_id": "C-2", "name": "李娜"}
    bodies = [
        ("PUT", "/C-9", {**sound, "store": odd}, 400, "body"),
        ("PUT", "/C-9", {**sound, "profile": {"name": odd}}, 422, "unsound"),
        ("PUT", "/C-9", {**sound, "profile": {"name": "x", odd: "x"}}, 422, "unsound"),
        ("POST", "/batch", {"store": odd, "members": [row]}, 400, "body"),
        ("POST", "/C-1/merge", {"gone": odd, "yes": True}, 400, "body"),
        ("POST", "/C-1/merge", {"gone": "C-1", "yes": odd}, 400, "body"),
    ]
    for method, where, body, status, code in bodies:
        is_problem(ask(office, PATH + where, method=method, json=body), status, code)
    batch = {"store": "nj-001", "members": [{"external_id": odd, "name": "x"}, row]}
    done = ask(office, f"{PATH}/batch", method="POST", json=batch).get_json()
    assert done["added"] + done["same"] == 1  # the sound one beside it is taken
    assert [fault["place"] for fault in done["faults"]] == [0]


def test_odd_text_is_refused_clearly_by_every_database_and_nothing_is_kept_or_lost(
    office: HubOffice,
) -> None:
    sound = {"store": "nj-001", "profile": {"name": "王芳"}}
    assert ask(office, f"{PATH}/C-1", method="PUT", json=sound).status_code == 201
    for odd in ODD.values():
        refused_everywhere(office, odd)
    assert ask(office, f"{PATH}/C-1").get_json()["profile"] == {"name": "王芳"}
    with reading(office.engine) as connection:
        assert connection.execute(select(func.count()).select_from(office_member)).scalar() == 2


def test_an_address_that_no_member_can_have_is_refused(office: HubOffice) -> None:
    body, merge = {"store": "nj-001", "profile": {"name": "x"}}, {"gone": "C-1", "yes": True}
    for odd in ("%00", "C%001", "%0A", "x" * 65, "C%E2%80%AE1"):
        for method in ("GET", "PUT", "DELETE"):
            is_problem(ask(office, f"{PATH}/{odd}", method=method, json=body), 400, "body")
        answer = ask(office, f"{PATH}/{odd}/merge", method="POST", json=merge)
        is_problem(answer, 400, "body")
        table = ask(office, f"{PATH}/csv?store={odd}", method="POST", data=b"a")
        is_problem(table, 400, "body")


def test_of_a_csv_with_a_nul_the_row_is_named_and_the_others_are_taken(office: HubOffice) -> None:
    text = "external_id,name\nC-1,王芳\nC-2,a\0b\nC\0-3,x\nC-4,李娜\n"
    told = ask(office, f"{PATH}/csv?store=nj-001", method="POST", data=text.encode())
    assert told.get_json()["added"] == 2, told.text
    assert [fault["line"] for fault in told.get_json()["faults"]] == [3, 4]


@on_sqlite
def test_a_body_that_is_none_is_refused(office: HubOffice) -> None:
    whole = b'{"store": "nj-001", "profile": {"name": "x"}, "rev": %s}'
    bodies = {
        "lists in lists": b"[" * 60_000,
        "objects in objects": b'{"store":' * 7_000,
        "no text": b"\xff\xfe\x00",
        "empty": b"",
        "one long text": b'"' + b"x" * 60_000 + b'"',
        "a number": b'{"store": 7, "profile": {}, "members": []}',
        "infinite": whole % b"1e999",
        "no number": whole % b"NaN",
        "more digits than a number may have": whole % (b"9" * 5_000),
    }
    for body in bodies.values():
        sent = {"data": body, "content_type": "application/json"}
        is_problem(ask(office, f"{PATH}/C-1", method="PUT", **sent), 400, "body")
        is_problem(ask(office, f"{PATH}/batch", method="POST", **sent), 400, "body")
    beyond = {"data": whole % (b"9" * 30), "content_type": "application/json"}
    is_problem(ask(office, f"{PATH}/C-1", method="PUT", **beyond), 409, "moved")
