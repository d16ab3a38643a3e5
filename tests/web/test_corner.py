"""The manager's pages and the API of the corner: what is said, what is refused, who may."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

import edge.console
from cloud.pages.consultants.board import codes_of
from edge.console.corner import percent, points_of
from edge.console.corner_page import day_drawing
from edge.core.weekday import Usual
from edge.desk.corner_view import Today
from edge.desk.health import Seen
from edge.store.notices import take
from edge.wire.orders import NOTICES, NoticeOrder
from tests.web.test_access import Shop, get, post, token
from tests.web.test_api import NOBODY, Programs, problem

CAMERA = "/manager/cameras/door"
TEXT = Path(edge.console.__file__).parent / "text"
FORM = {"rev": "0", "x1": "10", "y1": "50", "x2": "90", "y2": "55.5", "inside": "below"}


@pytest.fixture
def shop(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


def test_the_manager_draws_and_the_page_says_when_it_is_counted_by(shop: Shop) -> None:
    client = shop.paired("manager")
    sent = {**FORM, "zone": "20,10 80,10 80,90", "staff_zone": ""}
    assert post(client, CAMERA, csrf=token(client, CAMERA), **sent).location == CAMERA
    assert "no longer answers" not in get(client, CAMERA).text
    assert 'id="unheard"' in get(client, CAMERA).text
    shop.box.counted_by["door"] = 0
    assert 'id="taking-over"' in get(client, CAMERA).text
    shop.box.counted_by["door"] = 1
    page = get(client, CAMERA).text
    assert 'id="in-force"' in page
    assert 'value="55.5"' in page
    assert 'value="20,10 80,10 80,90"' in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"x1": "abc"}, "cannot be read", id="no number"),
        pytest.param({"x1": "101"}, "cannot be read", id="beside the picture"),
        pytest.param({"y2": ""}, "cannot be read", id="half a line"),
        pytest.param({"zone": "20,10 80,90 80,10 20,90"}, "sides of the face zone", id="crossed"),
        pytest.param({"x2": "11", "y2": "50"}, "too short", id="short"),
        pytest.param({"inside": ""}, "on which side", id="no side"),
        pytest.param({"rev": "7"}, "Somebody else saved", id="drawn upon"),
        pytest.param({"rev": "x"}, "Somebody else saved", id="no revision"),
        pytest.param({"zone": "9,9 " * 300}, "cannot be read", id="endless"),
    ],
)
def test_a_drawing_that_is_refused_says_what_to_do_and_keeps_nothing(
    shop: Shop, changes: dict[str, str], said: str
) -> None:
    client = shop.paired("manager")
    answer = post(client, CAMERA, csrf=token(client, CAMERA), **{**FORM, **changes})
    assert answer.status_code == 409
    assert said in re.search(r'id="problem".*?</(?:div|p)>', answer.text, re.S)[0]  # type: ignore[index]
    assert shop.box.db.table("drawing").count == 0


def test_the_installer_draws_too_and_a_consultant_sees_no_camera(shop: Shop) -> None:
    shop.box.pictures["door"] = b"\xff\xd8jpeg"
    installer, consultant = shop.paired("installer"), shop.paired("consultant")
    picture = get(installer, f"{CAMERA}/empty.jpg")
    assert (picture.data, picture.mimetype) == (b"\xff\xd8jpeg", "image/jpeg")
    assert picture.headers["Cache-Control"] == "no-store"
    assert post(installer, CAMERA, csrf=token(installer, CAMERA), **FORM).status_code == 303
    assert get(consultant, f"{CAMERA}/empty.jpg").status_code == 403
    assert get(installer, "/manager/cameras/attic").status_code == 404
    assert get(installer, "/manager/cameras/side/empty.jpg").status_code == 404


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("10,20 90,20.5", ((0.1, 0.2), (0.9, 0.205))),
        (" 10，20；90,20 ", ((0.1, 0.2), (0.9, 0.2))),
        ("", ()),
        ("10 20", None),
        ("-1,5", None),
        ("1e1,5", None),
        ("٣,5", None),
        ("nan,5", None),
    ],
)
def test_points_are_read_as_people_write_them(text: str, points: Any) -> None:
    assert points_of(text) == points


def test_points_are_written_as_short_as_they_are() -> None:
    assert [percent(value) for value in (0.0, 0.6, 0.625, 1.0, 0.1 + 0.2)] == [
        *("0", "60", "62.5", "100", "30"),
    ]


def _today(**more: Any) -> Today:
    told: dict[str, Any] = {
        **dict.fromkeys(("day", "conversion", "redrawn", "waits", "waits_before")),
        **dict.fromkeys(("visitors", "members", "people", "call_after_min"), 0),
        "minute": 16 * 60 + 25,
        "hours": (*[0] * 10, 3, 5, 8, 6, 4, 7, 2, *[0] * 7),
        "usual": Usual(days=(), left_out=()),
    }
    return Today(**{**told, **more})


def test_the_hour_that_goes_on_stands_apart_from_those_that_are_over() -> None:
    drawn = day_drawing(_today(), tuple(range(10, 22)))
    assert drawn
    assert [row.hour for row in drawn.rows] == list(range(10, 22))
    assert len(drawn.whole.points) == 6
    assert drawn.last is not None
    assert [row.visitors for row in drawn.rows][-6:] == [2, *[None] * 5]
    assert drawn.band == ""


def test_a_day_on_which_nobody_came_and_nothing_is_usual_is_not_drawn() -> None:
    assert day_drawing(_today(hours=(0,) * 24), (10, 11)) is None


def test_the_page_says_that_all_is_well_or_what_is_not(shop: Shop) -> None:
    client = shop.paired("manager")
    assert 'id="all-well"' in get(client, "/manager").text
    shop.box.parts = [Seen(what="disk", name="", state="tight", count=3)]
    page = get(client, "/manager").text
    assert 'id="look-below"' in page
    assert "nearly full" in page
    assert "larger card" in page
    shop.notices = ("hub_unreachable",)
    assert 'id="look-below"' not in get(client, "/manager").text


def test_every_state_of_a_part_has_words_and_says_what_to_do(shop: Shop) -> None:
    client = shop.paired("manager")
    states = {
        "camera": ("ok", "lost", "frozen"),
        "part": ("running", "silent"),
        "radio": ("ok", "off", "wifi_gone", "wifi_silent", "a newer one"),
        "uplink": ("connected", "offline", "none"),
        "disk": ("ok", "tight", "early", "hourly", "refused"),
        "clock": ("ok", "by_hand", "suspect"),
    }
    for what, found in states.items():
        for state in found:
            shop.box.parts = [Seen(what=what, name="eyes", state=state)]
            page = get(client, "/manager").text
            level = re.search(rf'state-(\w+)" id="health-{what}-eyes"', page)
            assert level
            assert ("state-do" in page) == (level[1] not in ("ok", "none")), (what, state)


def test_a_person_is_renamed_and_the_log_knows_by_id_only(shop: Shop) -> None:
    client = shop.paired("manager")
    shop.box.floor.people.add("小林", "consultant", "", "local")
    (person,) = shop.box.floor.people.everybody()
    csrf = token(client, "/staff")
    form = {"csrf": csrf, "staff": person.id}
    assert post(client, "/staff/rename", **form, name="林小姐").status_code == 303
    assert [one.name for one in shop.box.floor.people.everybody()] == ["林小姐"]
    assert post(client, "/staff/rename", **form, name=" ").status_code == 409
    assert post(client, "/staff/rename", csrf=csrf, staff=NOBODY, name="x").status_code == 409
    row = shop.box.db.execute("SELECT detail FROM audit WHERE what = 'staff' ORDER BY id DESC")
    assert json.loads(row.fetchone()[0]) == {"how": "renamed", "staff": person.id}


def test_the_shop_alone_tells_whose_the_code_at_head_office_is(shop: Shop) -> None:
    client = shop.paired("manager")
    for name in ("小林", "阿芳"):
        shop.box.floor.people.add(name, "consultant", "", "local")
    page = get(client, "/staff?lang=en").text
    people = shop.box.floor.people.everybody()
    codes = codes_of([person.id for person in people])
    for person in people:
        card = page.split(f'id="staff-{person.id}"')[1].split("</li>")[0]
        assert person.name in card
        assert f"at head office: {codes[person.id][-4:]}<" in card


def test_staff_are_marked_one_by_one_and_by_the_shift_without_scripts(shop: Shop) -> None:
    client = shop.paired("manager")
    visit = shop.box.visit(ago_s=600).id
    page = "/manager/staff"
    post(client, page, csrf=token(client, page), visit=visit, **{"is": "staff"})
    assert "being changed" in get(client, page).text
    shop.box.correct()
    assert "A guest after all" in get(client, page).text
    shop.box.visit(ago_s=300)
    form = {"csrf": token(client, page), "begins": "16:00", "ends": "16:25", "count": "4"}
    assert "1 entry is marked" in post(client, "/manager/shift", **form).text
    refused = post(client, "/manager/shift", **{**form, "ends": "15:00"})
    assert refused.status_code == 409
    assert "two times of today" in refused.text


def test_programs_draw_and_are_told_what_is_wrong(shop: Programs) -> None:
    body: dict[str, Any] = {
        "rev": 0,
        "line": [[0.1, 0.5], [0.9, 0.5]],
        "inside": "below",
        "zone": [],
        "staff_zone": [],
    }
    drawn = shop.post("/cameras/door/drawing", body, "manage:shop")
    assert (drawn.status_code, drawn.get_json()["rev"]) == (200, 1)
    again = shop.post("/cameras/door/drawing", body, "manage:shop")
    assert (again.status_code, problem(again)) == (409, "drawing_moved")
    unfit = {**body, "rev": 1, "inside": "left"}
    refused = shop.post("/cameras/door/drawing", unfit, "manage:shop")
    assert (refused.status_code, problem(refused)) == (409, "drawing_unfit")
    assert "line_side" in refused.get_json()["detail"]
    back = shop.post("/cameras/door/from-file", {"rev": 1}, "manage:shop")
    assert (back.status_code, back.get_json()["by_file"]) == (200, True)
    assert shop.post("/cameras/attic/drawing", body, "manage:shop").status_code == 404
    assert shop.get("/cameras/door/empty", "manage:shop").status_code == 404


def test_programs_mark_staff_and_manage_people(shop: Programs) -> None:
    visit = shop.box.visit(ago_s=60).id
    assert shop.post(f"/visits/{visit}/staff", None, "manage:shop").get_json() == {"asked": 1}
    shop.box.correct()
    left = shop.get("/staff-left-out", "manage:shop").get_json()
    assert (left["marked"], left["entries"][0]["staff"]) == (1, True)
    gone = shop.ask("DELETE", f"/visits/{visit}/staff", shop.token("manage:shop").text)
    assert gone.status_code == 204
    wrong = {"begins": "12:00", "ends": "11:00", "count": 1}
    assert problem(shop.post("/shifts", wrong, "manage:shop")) == "shift_hours"
    added = shop.post("/staff", {"name": "小林", "role": "consultant"}, "manage:desk")
    (person,) = added.get_json()["people"]
    named = shop.post(f"/staff/{person['id']}/name", {"name": "阿林"}, "manage:desk")
    assert named.status_code == 204
    assert shop.get("/staff", "write:desk").get_json()["people"][0]["name"] == "阿林"


def test_the_answers_of_the_corner_are_what_the_document_says(shop: Programs) -> None:
    shop.box.visit(ago_s=60)
    document = shop.ask("GET", "/openapi.json").get_json()
    for path, scope in (
        ("/today", "read:shop"),
        ("/health", "read:shop"),
        ("/cameras", "manage:shop"),
        ("/staff-left-out", "manage:shop"),
    ):
        found = document["paths"][f"/api/v1{path}"]["get"]["responses"]["200"]
        schema = {**found["content"]["application/json"]["schema"]}
        schema["components"] = document["components"]
        jsonschema_rs.validator_for(schema).validate(shop.get(path, scope).get_json())  # type: ignore[arg-type]


def test_the_manager_reads_what_head_office_saw_and_taps_it_away(shop: Shop) -> None:
    client = shop.paired("manager")
    told = NoticeOrder(
        id="01KAJ3V7Z0AAAAAAAAAAAAAAAA",
        what="drop",
        since=shop.box.now(),
        expected=412,
        got=230,
        ends=False,
    )
    take(shop.box.db, told, shop.box.now())
    page = get(client, "/manager").text
    assert "412 expected, 230 came" in page
    assert 'id="all-well"' not in page
    sent = post(client, f"/manager/notices/{told.id}", csrf=token(client, "/manager"))
    assert sent.status_code == 303
    assert "412 expected" not in get(client, "/manager").text


def test_every_notice_has_its_words_in_both_languages() -> None:
    for language in ("zh", "en"):
        words = json.loads((TEXT / f"{language}.json").read_text(encoding="utf-8"))
        for what in NOTICES:
            assert f"corner.notice_{what}" in words, (language, what)
            assert f"corner.notice_do_{what}" in words, (language, what)


def test_only_the_manager_taps_a_notice_away(shop: Shop) -> None:
    consultant = shop.paired("consultant")
    path = "/manager/notices/01KAJ3V7Z0AAAAAAAAAAAAAAAA"
    known = token(consultant)
    assert post(consultant, path, csrf=known).status_code == 403
