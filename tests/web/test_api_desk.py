"""The API at the desk: who greets whom, notes, offers, who am I, the queue; as the pages do it."""

from datetime import timedelta
from pathlib import Path

import pytest

from edge.core.scopes import SCOPES
from edge.store.devices import LOCAL
from tests.web.test_api import NOBODY, Programs, problem


@pytest.fixture
def shop(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


def _staff(shop: Programs, *names: str, pin: str = "") -> dict[str, str]:
    token = shop.token("manage:desk", "write:desk").text
    for name in names:
        body = {"name": name, "role": "consultant", "pin": pin}
        assert shop.ask("POST", "/staff", token, body).status_code == 201
    return {one["name"]: one["id"] for one in shop.get("/staff", "write:desk").get_json()["people"]}


def test_the_first_program_that_claims_a_guest_wins_and_others_are_told_so(shop: Programs) -> None:
    visit = shop.box.visit(shop.box.member("王丽华"))
    ids = _staff(shop, "小林", "周敏")
    path = f"/visits/{visit.id}/claim"
    lin, zhou = shop.token("write:desk").text, shop.token("write:desk").text
    assert problem(shop.ask("POST", path, lin)) == "nobody_here"
    for token, name in ((lin, "小林"), (zhou, "周敏")):
        me = shop.ask("POST", "/me", token, {"staff": ids[name]}).get_json()
        assert (me["person"]["name"], me["must_choose"]) == (name, False)
    assert [shop.ask("POST", path, lin).status_code for _ in range(2)] == [200, 200]
    assert problem(shop.ask("POST", path, zhou)) == "claimed"
    (card,) = shop.get("/arrivals", "read:arrivals", "read:names").get_json()["cards"]
    assert (card["served"]["claimed"], card["served"]["by"]) == (True, "小林")
    assert problem(shop.ask("DELETE", path, zhou)) == "not_yours"
    both = shop.token("write:desk", "manage:desk").text
    assert shop.ask("DELETE", path, both).status_code == 204, "the manager's scope takes it back"
    assert shop.ask("POST", path, zhou).status_code == 200
    assert problem(shop.ask("POST", f"/visits/{NOBODY}/claim", lin)) == "not_found"


def test_notes_are_written_by_one_scope_and_read_by_that_of_names_with_a_view_in_the_log(
    shop: Programs,
) -> None:
    member = shop.box.member("王丽华")
    mine, passer = shop.box.visit(member), shop.box.visit()
    writer = shop.token("write:desk").text
    for visit, text in ((mine, "下周带先生来"), (passer, "blue scarf")):
        for _ in range(2):
            path = f"/visits/{visit.id}/notes"
            assert shop.ask("POST", path, writer, {"text": text}).status_code == 201
    assert problem(shop.ask("POST", path, writer, {"text": " \n\x07"})) == "invalid"
    assert problem(shop.ask("GET", path, writer)) == "scope_missing"
    reader = shop.token("read:names")
    told = [
        shop.ask("GET", f"/visits/{visit.id}/notes", reader.text).get_json()["notes"]
        for visit in (mine, passer)
    ]
    assert [[one["text"] for one in notes] for notes in told] == [["下周带先生来"], ["blue scarf"]]
    assert shop.box.audited("view") == [(f"token:{reader.token.id}", member.subject)]
    plain = shop.get("/arrivals", "read:arrivals").get_data(as_text=True)
    assert "blue scarf" not in plain, "what was typed may hold a name"
    assert problem(shop.ask("GET", f"/visits/{NOBODY}/notes", reader.text)) == "not_found"
    shop.box.root = None
    assert problem(shop.ask("GET", path, reader.text)) == "key_missing"


def test_an_offer_is_answered_once_and_a_visit_ended_once(shop: Programs) -> None:
    visit = shop.box.visit(shop.box.member("王丽华"), ago_s=1500)
    token = shop.token("write:desk").text
    path = f"/visits/{visit.id}"
    tea = [
        shop.ask("POST", f"{path}/offers/tea", token, {"answer": answer}).get_json()["kept"]
        for answer in ("taken", "declined")
    ]
    ended = [shop.ask("POST", f"{path}/end", token).get_json()["asked"] for _ in range(2)]
    assert (tea, ended) == ([True, False], [True, False])
    shop.box.correct()
    late = shop.ask("POST", f"{path}/offers/meal", token, {"answer": "taken"})
    assert late.get_json() == {"kept": False}
    assert problem(shop.ask("POST", f"{path}/offers/cake", token, {"answer": "taken"})) == (
        "not_found"
    )


def test_the_managers_scope_sets_when_something_is_offered_and_who_works_here(
    shop: Programs,
) -> None:
    token = shop.token("manage:desk").text
    assert shop.get("/stay", "read:shop").get_json() == {"tea": 20, "meal": 90}
    told = shop.ask("POST", "/stay", token, {"tea": 15, "meal": None})
    assert told.get_json() == {"tea": 15, "meal": None}
    assert problem(shop.ask("POST", "/stay", token, {"tea": 30, "meal": 20})) == "minutes"
    ids = _staff(shop, "小林", pin="2468")
    assert problem(shop.ask("POST", f"/staff/{NOBODY}/pin", token, {"pin": ""})) == "no_such_person"
    assert problem(shop.ask("POST", f"/staff/{ids['小林']}/pin", token, {"pin": "12"})) == "invalid"
    assert shop.ask("DELETE", f"/staff/{ids['小林']}", token).status_code == 204
    assert shop.get("/staff", "write:desk").get_json() == {"people": []}


def test_a_token_that_several_people_share_asks_for_the_pin_and_locks(shop: Programs) -> None:
    ids = _staff(shop, "小林", pin="2468")
    token = shop.token("write:desk")
    shop.box.floor.people.share(token.token.actor, shared=True, actor=LOCAL)
    body = {"staff": ids["小林"]}
    assert problem(shop.ask("POST", "/me", token.text, body)) == "pin"
    told = [shop.ask("POST", "/me", token.text, {**body, "pin": "1111"}) for _ in range(6)]
    assert problem(told[0]) == "pin"
    assert problem(told[5]) == "pin_locked"
    assert shop.ask("DELETE", "/me", token.text).status_code == 204
    assert shop.ask("GET", "/me", token.text).get_json()["person"] is None
    alerts = {"sound": False, "vibration": True}
    set_so = shop.ask("POST", "/me/alerts", token.text, alerts).get_json()
    assert (set_so["sound"], set_so["vibration"]) == (False, True)


def test_a_device_is_made_shared_by_whoever_manages_devices(shop: Programs) -> None:
    shop.paired("consultant")
    token = shop.token("manage:devices").text
    (device,) = shop.ask("GET", "/devices", token).get_json()["devices"]
    path = f"/devices/{device['id']}/shared"
    assert shop.ask("POST", path, token, {"shared": True}).status_code == 204
    assert shop.box.floor.people.shared() == {device["id"]}
    gone = shop.ask("POST", f"/devices/{NOBODY}/shared", token, {"shared": True})
    assert problem(gone) == "not_found"


def test_a_number_goes_its_way_and_each_step_is_taken_once(shop: Programs) -> None:
    token = shop.token("write:desk").text
    made = shop.ask("POST", "/queue", token, {"phone": "138 0013 8000"})
    assert (made.status_code, made.get_json()) == (201, {"number": "A001"})
    (line,) = shop.get("/queue", "read:arrivals").get_json()["waiting"]
    assert (line["number"], line["phone"], line["has_phone"]) == ("A001", "", True)
    assert shop.get("/queue/display", "read:shop").get_json()["waiting"] == 1
    path = f"/queue/{line['id']}"
    steps = [
        shop.ask("POST", f"{path}/{step}", token).get_json()["done"]
        for step in ("called", "called", "back", "served", "served")
    ]
    assert steps == [True, False, True, True, False]
    assert problem(shop.ask("POST", f"{path}/forgotten", token)) == "not_found"


def test_the_queue_names_members_and_numbers_only_with_the_scope_of_names(shop: Programs) -> None:
    member = shop.box.member("王丽华", external_id="V-1")
    token = shop.token("write:desk").text
    body = {"member": "V-1", "phone": "13800138000"}
    assert shop.ask("POST", "/queue", token, body).status_code == 201
    plain = shop.get("/queue", "read:arrivals")
    assert "王丽华" not in plain.get_data(as_text=True)
    assert "8000" not in plain.get_data(as_text=True)
    assert shop.box.audited("view") == []
    named = shop.token("read:arrivals", "read:names")
    (line,) = shop.ask("GET", "/queue", named.text).get_json()["waiting"]
    assert (line["name"], line["phone"]) == ("王丽华", "…8000")
    assert shop.box.audited("view") == [(f"token:{named.token.id}", member.subject)]
    whole = shop.ask("GET", f"/queue/{line['id']}/phone", named.text)
    assert whole.get_json() == {"phone": "13800138000"}
    assert problem(shop.ask("GET", f"/queue/{NOBODY}/phone", named.text)) == "not_found"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param({}, "invalid", id="nobody"),
        pytest.param({"phone": "call me"}, "phone_unclear", id="no phone number"),
        pytest.param({"member": "V-9"}, "no_such_member", id="no member"),
        pytest.param({"code": "000000"}, "code_not_taken", id="no code"),
    ],
)
def test_who_gets_no_number_is_told_why(shop: Programs, body: dict[str, str], told: str) -> None:
    assert problem(shop.post("/queue", body, "write:desk")) == told


def test_what_was_expected_is_said_in_words_that_help(shop: Programs) -> None:
    offset = "a time with its offset, such as 2026-11-22T15:04:05+08:00"
    for path, body, said in (
        ("/queue", {}, "one of phone, code and member, with a value"),
        ("/appointments/desk", {"at": "2026-11-22T15:04:05"}, offset),
        ("/appointments/desk", {"at": "3 pm"}, offset),
    ):
        answer = shop.post(path, body, "write:desk")
        assert problem(answer) == "invalid"
        assert [one["expected"] for one in answer.get_json()["errors"]] == [said]
    answer = shop.get("/appointments?day=22.11.2026", "read:arrivals")
    assert [one["expected"] for one in answer.get_json()["errors"]] == ["a day, such as 2026-11-22"]


def test_somebody_who_has_to_be_called_is_asked_for_once(shop: Programs) -> None:
    token = shop.token("write:desk", "manage:desk").text
    assert shop.ask("POST", "/queue/settings", token, {"call_after_min": 5}).status_code == 200
    assert problem(shop.ask("POST", "/queue/settings", token, {"call_after_min": 0})) == "invalid"
    shop.box.member("王丽华", external_id="V-1")
    assert shop.ask("POST", "/queue", token, {"member": "V-1"}).status_code == 201
    assert shop.box.fixed
    shop.box.fixed += timedelta(minutes=6)
    shop.box.hands.seconds += 360
    assert shop.box.queue.fire() == 1
    queue = shop.get("/queue", "read:arrivals").get_json()
    assert queue["call_after_min"] == 5
    (task,) = queue["tasks"]
    path = f"/queue/{task['id']}/call-task"
    done = [shop.ask("POST", path, token, {"reached": False}).get_json() for _ in range(2)]
    assert done == [{"done": True}, {"done": False}]


def test_every_scope_is_told_of_in_the_guide() -> None:
    guide = (Path(__file__).parents[2] / "docs/api.md").read_text(encoding="utf-8")
    assert [scope for scope in SCOPES if f"`{scope}`" not in guide] == []
