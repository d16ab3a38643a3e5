"""The box's API: who is let in, what the document says, what each route does, how it refuses."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from edge.console.api.problems import PROBLEMS
from edge.core.scopes import SCOPES, Scope
from edge.store.devices import LOCAL
from edge.store.tokens import Fresh
from menkou.listen import Listen
from tests.web.shopbox import SHANGHAI, ShopBox
from tests.web.test_access import BASE, Shop
from tests.web.test_console import _view

NOW = datetime(2026, 11, 21, 16, 25, 30, tzinfo=SHANGHAI)
DOCUMENT = "/api/v1/openapi.json"
ROOT_TEXT = Path(__file__).parents[2] / "edge/console/text"
SCHEMES = {
    "token": ("Bearer", "token_missing"),
    "signature": ("Webhook-Signature", "signature_missing"),
}
"""What a request is asked for that proves nothing, by the route's way in."""
NOBODY = "01JZZZZZZZZZZZZZZZZZZZZZZZ"


class Programs(Shop):
    """A box on the shop's network, and programs that ask its API."""

    def token(self, *scopes: Scope, days: int = 30) -> Fresh:
        return self.box.tokens().make(
            name="till", scopes=scopes, days=days, by=LOCAL, now=self.box.now()
        )

    def ask(
        self, method: str, path: str, token: str | None = None, body: Any = None, **headers: str
    ) -> TestResponse:
        """Ask as a program does, with no cookie."""
        given = {"Accept-Language": "en", **headers}
        if token is not None:
            given["Authorization"] = f"Bearer {token}"
        return self.device().open(
            f"/api/v1{path}", method=method, base_url=BASE, headers=given, json=body
        )

    def get(self, path: str, *scopes: Scope) -> TestResponse:
        return self.ask("GET", path, self.token(*scopes).text)

    def post(self, path: str, body: Any, *scopes: Scope) -> TestResponse:
        return self.ask("POST", path, self.token(*scopes).text, body)


@pytest.fixture
def shop(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


@pytest.fixture
def document(shop: Programs) -> dict[str, Any]:
    answer = shop.ask("GET", "/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.get_json()
    return found


def problem(answer: TestResponse) -> str:
    """Return the code of a problem document, after a look at its form."""
    assert answer.mimetype == "application/problem+json"
    told = answer.get_json()
    assert told["status"] == answer.status_code
    assert told["title"]
    assert told["detail"]
    kind: str = told["type"].removeprefix("urn:problem-type:menkou:")
    return kind


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path.removeprefix("/api/v1"), operation)
        for path, found in document["paths"].items()
        for method, operation in found.items()
        if path != DOCUMENT
    ]


def test_every_address_below_the_api_is_in_the_document_and_asks_for_a_token(
    shop: Programs, document: dict[str, Any]
) -> None:
    served = {
        (method, re.sub(r"<(\w+)>", r"{\1}", rule.rule))
        for rule in shop.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/v1/")
    }
    told = {(method, f"/api/v1{path}") for method, path, _ in operations(document)}
    assert served - {("GET", DOCUMENT)} == told
    for method, path, operation in operations(document):
        address = re.sub(r"\{\w+\}", NOBODY, path)
        answer = shop.ask(method, address)
        by, code = SCHEMES[next(iter(operation["security"][0]))]
        assert (answer.status_code, problem(answer)) == (401, code), path
        assert answer.headers["WWW-Authenticate"] == by


def test_a_token_opens_what_its_scope_names_and_nothing_else(
    shop: Programs, document: dict[str, Any]
) -> None:
    for method, path, operation in operations(document):
        if "token" not in operation["security"][0]:
            everything = shop.ask(method, path, shop.token(*SCOPES).text)
            assert problem(everything) == "signature_missing", path
            continue
        (scope,) = operation["security"][0]["token"]
        assert scope in SCOPES
        others = tuple(one for one in SCOPES if one != scope)
        address = re.sub(r"\{\w+\}", NOBODY, path)
        refused = shop.ask(method, address, shop.token(*others).text)
        assert (refused.status_code, problem(refused)) == (403, "scope_missing"), path
        assert scope in refused.get_json()["detail"]
        assert shop.ask(method, address, shop.token(scope).text).status_code not in (401, 403)


@pytest.mark.parametrize("text", ["menkou_x", "x" * 5000, "é", "menkou_" + "ÿ" * 43])
def test_a_text_that_is_no_token_is_refused(shop: Programs, text: str) -> None:
    answer = shop.ask("GET", "/shop", text)
    assert (answer.status_code, problem(answer)) == (401, "token_unknown")


def test_a_token_that_was_revoked_or_has_expired_opens_nothing(shop: Programs) -> None:
    revoked, old = shop.token("read:shop"), shop.token("read:shop", days=1)
    assert shop.ask("GET", "/shop", revoked.text).status_code == 200
    assert shop.box.tokens().revoke(revoked.token.id, by=LOCAL, now=shop.box.now())
    assert problem(shop.ask("GET", "/shop", revoked.text)) == "token_unknown"
    shop.box.fixed = NOW + timedelta(days=1)
    assert problem(shop.ask("GET", "/shop", old.text)) == "token_unknown"


def test_a_token_that_asks_too_often_waits_and_others_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.console.api.serve.REQUESTS", 5)
    shop = Programs(tmp_path)
    busy, other = shop.token("read:shop").text, shop.token("read:shop").text
    answers = [shop.ask("GET", "/time", busy) for _ in range(6)]
    assert {answer.status_code for answer in answers[:5]} == {200}
    assert problem(answers[5]) == "too_often"
    assert int(answers[5].headers["Retry-After"]) > 0
    assert shop.ask("GET", "/time", other).status_code == 200
    shop.seconds += 60
    assert shop.ask("GET", "/time", busy).status_code == 200


def test_an_address_that_guesses_tokens_is_slowed_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.console.api.serve.REFUSALS", 3)
    shop = Programs(tmp_path)
    told = [problem(shop.ask("GET", "/shop", f"menkou_{n}")) for n in range(4)]
    assert told == [*["token_unknown"] * 3, "too_often"]


def test_a_paired_device_needs_a_token_too(shop: Programs) -> None:
    client = shop.paired("manager")
    assert client.get("/api/v1/shop", base_url=BASE).status_code == 401


def test_no_other_site_is_let_in(shop: Programs) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = shop.ask("OPTIONS", "/faces/off", **asked)
    assert answer.status_code == 405
    allowed = shop.ask("GET", "/shop", shop.token("read:shop").text, Origin=asked["Origin"])
    for headers in (answer.headers, allowed.headers):
        assert "access-control" not in str(headers).lower()


def test_names_need_their_scope_and_are_noted_as_views_of_the_token(shop: Programs) -> None:
    member = shop.box.member("王丽华", note="喜欢素圈")
    visit = shop.box.visit(member)
    plain = shop.get("/arrivals", "read:arrivals")
    assert plain.get_json()["cards"][0]["who"] == "withheld"
    assert "王丽华" not in plain.get_data(as_text=True)
    assert "喜欢素圈" not in plain.get_data(as_text=True)
    assert shop.box.audited("view") == []
    token = shop.token("read:arrivals", "read:names")
    for _ in range(2):
        (card,) = shop.ask("GET", "/arrivals", token.text).get_json()["cards"]
        assert (card["visit"], card["name"], card["note"]) == (visit.id, "王丽华", "喜欢素圈")
    assert shop.box.audited("view") == [(f"token:{token.token.id}", member.subject)]


def test_wrong_person_is_asked_once_by_the_token(shop: Programs) -> None:
    visit = shop.box.visit(shop.box.member("王丽华"))
    path = f"/visits/{visit.id}/wrong-person"
    token = shop.token("write:desk").text
    said = [shop.ask("POST", path, token) for _ in range(2)]
    assert [(one.status_code, one.get_json()) for one in said] == [
        (202, {"asked": True}),
        (202, {"asked": False}),
    ]
    assert shop.box.woken == ["eyes"]
    assert problem(shop.ask("POST", "/visits/nothing/wrong-person", token)) == "not_found"


def test_faces_go_off_by_a_consultants_scope_and_on_by_the_managers(shop: Programs) -> None:
    assert shop.post("/faces/off", None, "write:desk").get_json() == {"faces": "off"}
    assert shop.box.faces_off()
    assert problem(shop.post("/faces/on", None, "write:desk")) == "scope_missing"
    assert shop.box.faces_off()
    assert shop.post("/faces/on", None, "manage:faces").get_json() == {"faces": "on"}
    assert not shop.box.faces_off()


def test_a_code_that_was_made_is_taken_once(shop: Programs) -> None:
    member = shop.box.member("王丽华", external_id="V-1")
    made = shop.post("/codes", {"member": "V-1"}, "manage:codes")
    assert made.status_code == 201
    entered = {"code": made.get_json()["code"]}
    assert shop.post("/codes/entered", entered, "write:desk").get_json()["outcome"] == "taken"
    assert shop.post("/codes/entered", entered, "write:desk").get_json()["outcome"] == "used"
    shop.box.let_in()
    (card,) = shop.get("/arrivals", "read:arrivals", "read:names").get_json()["cards"]
    assert (card["name"], card["certainty"]) == ("王丽华", "card")
    assert shop.box.audited("code")[0][1] == member.subject


def test_a_token_that_guesses_codes_is_locked_and_the_manager_unlocks_it(shop: Programs) -> None:
    guesser = shop.token("write:desk")
    for n in range(6):
        answer = shop.ask("POST", "/codes/entered", guesser.text, {"code": f"00000{n}"})
    assert answer.get_json()["outcome"] == "locked"
    (locked,) = shop.get("/codes/locked", "manage:codes").get_json()["devices"]
    assert (locked["device"], locked["name"]) == (guesser.token.actor, "till")
    done = shop.post("/codes/unlock", {"device": locked["device"]}, "manage:codes")
    assert done.status_code == 204
    assert shop.get("/codes/locked", "manage:codes").get_json() == {"devices": []}


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        pytest.param("/codes", {"member": "nobody"}, "no_such_member", id="nobody's number"),
        pytest.param("/codes/phone", {"member": "V-1", "phone": "abcd"}, "phone_unclear", id="abc"),
        pytest.param("/codes/end", {"member": "nobody"}, "no_such_member", id="nobody's phone"),
    ],
)
def test_what_a_manager_cannot_make_is_said(
    shop: Programs, path: str, body: Any, told: str
) -> None:
    shop.box.member("王丽华", external_id="V-1")
    assert problem(shop.post(path, body, "manage:codes")) == told


def test_a_device_is_paired_and_revoked_but_no_manager_made(shop: Programs) -> None:
    made = shop.post("/devices", {"role": "consultant", "name": "counter"}, "manage:devices")
    device = shop.device()
    page = device.get("/pair", base_url=BASE)
    csrf = re.search(r'name="csrf" value="(\w+)"', page.text)
    assert csrf
    form = {"csrf": csrf[1], "code": made.get_json()["code"]}
    assert device.post("/pair", data=form, base_url=BASE).status_code == 303
    (paired,) = shop.get("/devices", "manage:devices").get_json()["devices"]
    assert (paired["name"], paired["role"]) == ("counter", "consultant")
    token = shop.token("manage:devices").text
    assert shop.ask("DELETE", f"/devices/{paired['id']}", token).status_code == 204
    assert shop.doubted == [True]
    assert problem(shop.ask("DELETE", f"/devices/{paired['id']}", token)) == "not_found"
    assert problem(shop.post("/devices", {"role": "manager"}, "manage:devices")) == "invalid"


def test_a_pairing_code_dies_with_the_token_that_made_it(shop: Programs) -> None:
    token = shop.token("manage:devices")
    code = shop.ask("POST", "/devices", token.text, {"role": "consultant"}).get_json()["code"]
    shop.box.tokens().revoke(token.token.id, by=LOCAL, now=shop.box.now())
    assert shop.box.devices().redeem(code, now=shop.box.now()) is None


def test_the_time_that_the_box_knows_needs_nobodys_word(shop: Programs) -> None:
    shown = shop.get("/time", "read:shop").get_json()
    assert datetime.fromisoformat(shown["now"]).tzinfo is not None
    word = {"timeline": shown["timeline"]}
    assert problem(shop.post("/time/confirm", word, "manage:time")) == "time_known"


def test_a_word_for_the_time_is_taken_while_the_box_cannot_know(tmp_path: Path) -> None:
    shop = Programs(tmp_path, clock="suspect")
    shown = shop.get("/time", "read:shop").get_json()
    told = {
        "timeline": shown["timeline"],
        "asked": shown["asked"],
        "utc_ms": int((NOW + timedelta(hours=1)).timestamp() * 1000),
    }
    assert shop.post("/time", told, "manage:time").status_code == 204
    assert shop.get("/time", "read:shop").get_json()["word"] == "person"
    assert problem(shop.post("/time", told, "manage:time")) in ("time_known", "time_stale")


def test_notices_are_told_in_words_of_the_language_that_is_asked_for(shop: Programs) -> None:
    shop.notices = ("disk_full", "from_a_newer_part")
    token = shop.token("read:shop").text
    told = shop.ask("GET", "/notices", token).get_json()["notices"]
    assert {one["code"] for one in told} == {"disk_full", "from_a_newer_part"}
    chinese = shop.ask("GET", "/notices", token, **{"Accept-Language": "zh"}).get_json()["notices"]
    assert re.search(r"[\u4e00-\u9fff]", chinese[0]["title"])
    assert not re.search(r"[\u4e00-\u9fff]", told[0]["title"])


def test_the_guests_screen_is_told_of_by_the_camera_that_there_is(shop: Programs) -> None:
    shop.box.told["desk"] = "left"
    assert shop.get("/checkin/desk", "read:shop").get_json() == {"told": "left"}
    assert shop.get("/checkin/counter", "read:shop").get_json() == {"told": "idle"}
    assert problem(shop.get("/checkin/cellar", "read:shop")) == "not_found"


def test_every_place_that_is_wrong_is_named_and_no_value_repeated(shop: Programs) -> None:
    body = {"member": "", "phone": 138_0013_8000, "secret": "hush"}
    answer = shop.post("/codes/phone", body, "manage:codes")
    assert problem(answer) == "invalid"
    assert [(one["where"], one["expected"], one["got"]) for one in answer.get_json()["errors"]] == [
        ("#/member", "a text of at least 1 characters", "a text of 0 characters"),
        ("#/phone", "a text", "a number"),
        ("#/secret", "no such field", "a text of 4 characters"),
    ]
    assert "hush" not in answer.text
    assert "138" not in answer.text


@pytest.mark.parametrize(
    ("body", "kind", "told"),
    [
        pytest.param(b"{", "application/json", "malformed", id="half a body"),
        pytest.param(b"\xff\xfe", "application/json", "malformed", id="no UTF-8"),
        pytest.param(b"", "application/json", "malformed", id="no body"),
        pytest.param(b"[]", "application/json", "invalid", id="a list"),
        pytest.param(b"{}", "text/plain", "media_type", id="a text"),
        pytest.param(b"member=V-1", "application/x-www-form-urlencoded", "media_type", id="form"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(
    shop: Programs, body: bytes, kind: str, told: str
) -> None:
    headers = {"Authorization": f"Bearer {shop.token('manage:codes').text}"}
    answer = shop.device().post(
        "/api/v1/codes", base_url=BASE, headers=headers, data=body, content_type=kind
    )
    assert problem(answer) == told


def test_errors_that_no_route_raises_are_problems_as_well(shop: Programs) -> None:
    assert problem(shop.ask("GET", "/nothing")) == "not_found"
    wrong = shop.ask("DELETE", "/shop")
    assert problem(wrong) == "method"
    assert "GET" in wrong.headers["Allow"]
    large = shop.ask("POST", "/codes", shop.token("manage:codes").text, {"member": "x" * 70_000})
    assert problem(large) == "too_large"


def test_a_store_that_is_away_is_said_and_to_be_asked_again(shop: Programs) -> None:
    visit = shop.box.visit(shop.box.member("王丽华"))
    token = shop.token("write:desk").text
    shop.box.fill_up()
    answer = shop.ask("POST", f"/visits/{visit.id}/wrong-person", token)
    assert problem(answer) == "away"
    assert int(answer.headers["Retry-After"]) > 0


def test_a_box_without_its_key_says_so(shop: Programs) -> None:
    shop.box.root = None
    assert problem(shop.post("/codes", {"member": "V-1"}, "manage:codes")) == "key_missing"
    entered = shop.post("/codes/entered", {"code": "123456"}, "write:desk")
    assert problem(entered) == "key_missing"


def test_the_answers_are_what_the_document_says(shop: Programs, document: dict[str, Any]) -> None:
    shop.box.visit(shop.box.member("王丽华", birthday="11-22", note="喜欢素圈"))
    shop.box.visit()
    token = shop.token(*SCOPES).text
    asked = [
        path
        for method, path, _ in operations(document)
        if method == "GET" and "{" not in path and path != "/events"
    ]
    assert len(asked) >= 6
    for path in asked:
        content = document["paths"][f"/api/v1{path}"]["get"]["responses"]["200"]["content"]
        schema = {**content["application/json"]["schema"], "components": document["components"]}
        answer = shop.ask("GET", path, token)
        assert answer.status_code == 200, path
        jsonschema_rs.validate(schema, answer.get_json())


def test_every_problem_has_its_words_in_both_languages(shop: Programs) -> None:
    texts = [json.loads((ROOT_TEXT / f"{tag}.json").read_text("utf-8")) for tag in ("zh", "en")]
    for said in texts:
        for code in PROBLEMS:
            assert said[f"api.{code}_title"]
            assert said[f"api.{code}_detail"]


def test_the_stream_admits_a_token_that_may_read_arrivals(shop: Programs) -> None:
    assert shop.get("/events", "read:arrivals").status_code == 204
    assert shop.get("/events", "read:shop").status_code == 403


def test_on_the_box_itself_a_token_is_asked_for_as_well(tmp_path: Path) -> None:
    box = ShopBox(tmp_path, now=NOW)
    app: Flask = box.app(lambda: _view(), Listen(host="127.0.0.1", port=0))
    answer = app.test_client().get("/api/v1/shop", headers={"Host": "127.0.0.1"})
    assert answer.status_code == 401


def test_the_manager_makes_and_revokes_a_token_on_the_page(shop: Programs) -> None:
    client = shop.paired("manager")

    def page() -> str:
        text: str = client.get(
            "/tokens", base_url=BASE, headers={"Accept": "text/html", "Accept-Language": "en"}
        ).text
        return text

    csrf = re.search(r'name="csrf" value="(\w+)"', page())
    assert csrf
    form = {"csrf": csrf[1], "name": "till <b>", "days": "30", "scope": ["read:shop"]}
    made = client.post("/tokens/add", base_url=BASE, data=form)
    text = re.search(r'id="token-text">([^<]+)<', made.text)
    assert text
    assert shop.ask("GET", "/shop", text[1]).status_code == 200
    assert text[1] not in page()
    assert "till &lt;b&gt;" in page()
    (token,) = shop.box.tokens().all()
    gone = client.post("/tokens/revoke", base_url=BASE, data={"csrf": csrf[1], "token": token.id})
    assert gone.status_code == 303
    assert problem(shop.ask("GET", "/shop", text[1])) == "token_unknown"
    assert shop.doubted == [True]
    assert [actor for actor, _ in shop.box.audited("token")] == [token.made_by] * 2
    unmade = client.post("/tokens/add", base_url=BASE, data={"csrf": csrf[1], "days": "30"})
    assert unmade.status_code == 409
