"""Members' pages, as a browser without scripts uses them, and what nobody should send."""

import io
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from edge.store.people import People
from tests.support import people
from tests.web.test_access import BASE, Shop, get, post, token

HARSH = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}",
    "王" * 3000,
    "刘\u202e备",
    "\u0000",
    "' OR 1=1 --",
)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def consultant(shop: Shop) -> FlaskClient:
    return shop.paired("consultant")


@pytest.fixture
def manager(shop: Shop) -> FlaskClient:
    return shop.paired("manager")


def sent(client: FlaskClient, path: str, **form: Any) -> TestResponse:
    return post(client, path, csrf=token(client, "/members/new"), **form)


def made(client: FlaskClient, **form: str) -> str:
    answer = sent(client, "/members/add", **form)
    assert answer.status_code == 303, answer.text
    return str(answer.location).rsplit("/", 1)[1]


def profile(shop: Shop, member: str) -> dict[str, str]:
    return People(shop.box.db, shop.box.keys).by_id(member).profile.texts()


def test_a_member_is_made_found_by_a_part_of_anything_and_changed(
    shop: Shop, consultant: FlaskClient
) -> None:
    member = made(
        consultant,
        **{"name": "王丽华", "called": "王女士", "external_id": "V-1001", "phone": "138 0013 8000"},
    )
    made(consultant, name="李雷")
    for words in ("丽华", "王女士", "v-10", "Ｖ-1001", "8000", "0013 8000", "王 1001"):
        found = get(consultant, f"/members?q={words}").text
        assert member in found, words
        assert "李雷" not in found, words
    assert "Nobody found" in get(consultant, "/members?q=韩梅").text
    page = get(consultant, f"/members/{member}").text
    since = re.search(r'name="since" value="([^"]+)"', page)
    assert since
    assert shop.box.fixed
    shop.box.fixed += timedelta(seconds=1)
    changed = {"name": "王丽华", "tier": "金卡", "phone": ""}
    answer = sent(consultant, f"/members/{member}/change", since=since[1], **changed)
    assert answer.status_code == 303
    assert profile(shop, member) == {
        "name": "王丽华",
        "called": "王女士",
        "external_id": "V-1001",
        "tier": "金卡",
    }
    late = sent(consultant, f"/members/{member}/change", since=since[1], name="王丽", tier="银卡")
    assert late.status_code == 409
    assert "Somebody has just changed this member" in late.text
    assert 'value="银卡"' in late.text  # what was typed is not lost
    assert profile(shop, member)["tier"] == "金卡"


def test_each_look_each_change_and_each_export_is_in_the_audit_log_and_on_the_page(
    shop: Shop, manager: FlaskClient
) -> None:
    member = made(manager, name="王丽华")
    subject = People(shop.box.db, shop.box.keys).by_id(member).subject
    get(manager, f"/members/{member}")
    exported = sent(manager, f"/members/{member}/export")
    assert json.loads(exported.text)["profile"] == {"name": "王丽华"}
    assert member in exported.headers["Content-Disposition"]
    get(manager, "/members?q=王")
    actors = {actor for what in ("enrol", "view", "export") for actor, _ in shop.box.audited(what)}
    (device,) = actors
    assert (device, subject) in shop.box.audited("view")
    assert (device, None) in shop.box.audited("view")  # that members were listed
    assert (device, subject) in shop.box.audited("export")
    page = get(manager, f"/members/{member}").text
    assert [word for word in ("Enrolled", "Looked at", "Exported") if word not in page] == []


def test_what_does_not_fit_is_named_at_its_field_and_nothing_is_kept(
    shop: Shop, consultant: FlaskClient
) -> None:
    shop.box.member("李雷", external_id="C-1")
    answer = sent(
        consultant, "/members/add", name="王丽", birthday="13-40", phone="none", external_id="C-1"
    )
    assert answer.status_code == 409
    assert 'id="w-birthday"' in answer.text
    assert 'id="w-phone"' in answer.text
    assert 'value="13-40"' in answer.text
    taken = sent(consultant, "/members/add", name="王丽", external_id="ｃ-1")
    assert (taken.status_code, 'id="w-external_id"' in taken.text) == (409, True)
    assert shop.box.db.table("member").count == 1


def test_whatever_is_typed_is_text_and_no_server_error(shop: Shop, manager: FlaskClient) -> None:
    member = shop.box.member("王丽华", note="喜欢素圈").id
    csrf = token(manager, "/members/new")
    paths = ["/members/add"]
    paths += [f"/members/{member}/{one}" for one in ("change", "confirm", "withdraw", "note")]
    paths += [f"/members/nobody/{one}" for one in ("change", "erase", "export", "screen", "note")]
    for value in HARSH:
        shop.seconds += 61
        form = dict.fromkeys(("name", "called", "note", "tags", "since", "text", "screen"), value)
        answers = {path: post(manager, path, csrf=csrf, **form) for path in paths}
        answers["find"] = manager.get(
            "/members", base_url=BASE, query_string={"q": value}, headers={"Accept": "text/html"}
        )
        assert {p: one.status_code for p, one in answers.items() if one.status_code >= 500} == {}
        pages = [one.text for one in answers.values()] + [get(manager, "/members").text]
        assert not any("<script>alert" in page or "<img src=x" in page for page in pages)
        assert "\u202e" not in pages[-1]
    assert "&lt;script&gt;alert(1)" in pages[-1]


def test_only_a_manager_exports_erases_and_imports(
    shop: Shop, consultant: FlaskClient, manager: FlaskClient
) -> None:
    member = made(consultant, name="王丽华")
    for path in (f"/members/{member}/export", f"/members/{member}/erase", "/members/join/new"):
        assert sent(consultant, path).status_code == 403
    assert get(consultant, "/members/import").status_code == 403
    assert sent(manager, f"/members/{member}/erase").status_code == 303
    assert get(manager, f"/members/{member}").status_code == 404
    assert shop.box.db.table("member").count == 0


def test_a_consent_is_taken_back_by_any_consultant_and_the_face_goes_with_it(
    shop: Shop, consultant: FlaskClient
) -> None:
    member = shop.box.member("王丽华")
    shop.box.register.enrol(
        member.id,
        shop.box.now(),
        consent=people.consent(now=shop.box.now()),
        template=people.template(member.subject),
    )
    assert "A template is stored" in get(consultant, f"/members/{member.id}").text
    assert sent(consultant, f"/members/{member.id}/withdraw").status_code == 303
    assert shop.box.db.table("template").count == 0
    assert "Not agreed" in get(consultant, f"/members/{member.id}").text
    assert sent(consultant, f"/members/{member.id}/withdraw").status_code == 409


def test_a_note_is_changed_and_deleted_by_who_wrote_it_or_a_manager(
    shop: Shop, consultant: FlaskClient, manager: FlaskClient
) -> None:
    other = shop.paired("consultant")
    member = shop.box.member("王丽华")
    visit = shop.box.visit(member).id

    def jot(words: str) -> None:
        form = {"visit": visit, "text": words}
        post(consultant, "/arrivals/note", csrf=token(consultant, "/arrivals"), **form)

    for words in ("喜欢素圈", "戒指 52 号"):
        jot(words)
    first, second = (row[0] for row in shop.box.db.execute("SELECT id FROM note ORDER BY id"))
    path = f"/members/{member.id}/note"

    def notes() -> list[str]:
        page = get(manager, f"/members/{member.id}").text
        return re.findall(r'<p class="note">([^<]+)</p>', page)

    assert "Change or delete" not in get(other, f"/members/{member.id}").text
    sent(other, path, note=first, text="不对")
    sent(other, path, note=first, delete="yes")
    assert notes() == ["戒指 52 号", "喜欢素圈"]
    sent(consultant, path, note=first, text="喜欢宽圈")
    assert notes() == ["戒指 52 号", "喜欢宽圈"]
    sent(manager, path, note=second, delete="yes")
    sent(manager, path, note=second, delete="yes")
    assert notes() == ["喜欢宽圈"]
    jot("新的")
    (last,) = shop.box.db.execute("SELECT max(id) FROM note").fetchone()
    assert last > second  # a page that was open before cannot hit a new note
    assert [how for how in _hows(shop) if how] == ["changed", "deleted"]


def _hows(shop: Shop) -> list[str | None]:
    rows = shop.box.db.execute("SELECT detail FROM audit WHERE what = 'note' ORDER BY id")
    return [json.loads(detail).get("how") for (detail,) in rows]


def upload(client: FlaskClient, raw: bytes) -> TestResponse:
    return client.post(
        "/members/import",
        base_url=BASE,
        data={"csrf": token(client, "/members/import"), "table": (io.BytesIO(raw), "m.csv")},
        headers={"Accept": "text/html", "Accept-Language": "en"},
    )


def test_a_table_in_gbk_is_taken_in_and_its_broken_rows_are_named(
    shop: Shop, manager: FlaskClient
) -> None:
    shop.box.member("王丽", external_id="C-1", tier="银卡", called="王女士")
    table = "姓名,会员号,等级\n王丽,c-1,金卡\n李雷,C-2,\n,C-3,\n韩梅,C-2,\n赵云,C-4\n"
    assert upload(manager, table.encode("gbk")).status_code == 303
    shop.box.imports.wait(20)
    page = get(manager, "/members/import/state").text
    assert 'id="stage-done"' in page
    assert re.findall(r'id="(added|changed|broken)">(\d+)', page) == [
        *(("added", "1"), ("changed", "1"), ("broken", "3"))
    ]
    assert "<strong>Line 4</strong> Name: expected 1 to 80" in page
    assert "<strong>Line 5</strong> Member number: an earlier row has the same" in page
    assert "<strong>Line 6</strong> The row has another number of columns" in page
    assert "韩梅" not in page
    upload(manager, table.encode("utf-8-sig"))
    shop.box.imports.wait(20)
    assert shop.box.db.table("member").count == 2  # twice is once
    known = People(shop.box.db, shop.box.keys).by_external_id("C-1")
    assert known
    assert known.profile.texts()["called"] == "王女士"


REFUSED = (
    b"PK\x03\x04" + b"\0" * 100,
    b"name,name\na,b\n",
    b"x" * 200_000,
    b"name\n",
    b"\xff" * 99,
)


def test_what_is_no_table_is_refused_with_words(shop: Shop, manager: FlaskClient) -> None:
    for raw in REFUSED:
        assert upload(manager, raw).status_code == 303
        shop.box.imports.wait(20)
        page = get(manager, "/members/import/state").text
        assert 'id="stage-refused"' in page
        assert 'id="faults"' in page
    assert shop.box.db.table("member").count == 0


def test_without_a_file_or_beside_another_import_nothing_begins(
    shop: Shop, manager: FlaskClient
) -> None:
    assert "Choose a file" in upload(manager, b"").text
    rows = "name\n" + "王丽\n" * 900
    assert shop.box.imports.begin(rows.encode(), "local") is None
    assert upload(manager, b"name\nA\n").status_code == 409
    shop.box.imports.wait(30)
    assert shop.box.db.table("member").count == 900


def test_without_the_key_the_pages_say_so_and_ask_for_it(
    shop: Shop, consultant: FlaskClient, manager: FlaskClient
) -> None:
    member = shop.box.member("王丽华").id
    shop.box.root = None
    assert "fetching the key" in get(consultant, "/members").text
    assert get(consultant, f"/members/{member}").status_code == 503
    assert sent(consultant, "/members/add", name="李雷").status_code == 409
    refused = upload(manager, b"name\nA\n")
    assert refused.status_code == 503
    assert "The box lacks its key" in refused.text
    wanted = shop.box.db.execute("SELECT count(*) FROM joining_setting WHERE name = 'members'")
    assert wanted.fetchone() == (1,)


def test_a_birthday_is_written_as_the_page_s_language_writes_a_day(
    shop: Shop, consultant: FlaskClient
) -> None:
    path = f"/members/{shop.box.member('王丽华', birthday='02-29').id}"
    assert "<dd>29 February</dd>" in get(consultant, path).text
    assert "<dd>2月29日</dd>" in get(consultant, path + "?lang=zh").text
