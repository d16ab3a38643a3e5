"""Members for programs: by scope and shop, the same again changes nothing, each reading noted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from cloud.accounts import audit, tokens
from cloud.accounts.audit import Wanted
from cloud.db import reading, writing
from cloud.office.seal import keys_of
from cloud.shares import master_of
from cloud.tables import box_order, erased_subject, office_member
from menkou.private_file import create_private
from tests.support.accounts import HubOffice

PATH = "/api/v1/members"
Ask = Callable[..., Any]


@pytest.fixture
def office(engine: Engine, tmp_path: Path) -> HubOffice:
    made = HubOffice(engine, tmp_path)
    made.shops("nj-001", "nj-002")
    return made


@pytest.fixture
def opened(office: HubOffice) -> HubOffice:
    with writing(office.engine) as connection:
        keys = keys_of(master_of(connection, office.config.share_secret))
    create_private(office.config.office_keys, keys)
    office.config.share_secret.unlink()  # what the pages' process can do without
    return office


def program(office: HubOffice, *scopes: str, shops: tuple[str, ...] | None = None) -> Ask:
    with writing(office.engine) as connection:
        text = tokens.make(
            connection,
            name="crm",
            scopes=scopes or ("read:members", "write:members"),
            shops=shops,
            days=30,
            by="command",
            now=office.clock.now(),
        ).text
    client = office.app.test_client()

    def ask(method: str, path: str, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {text}"}
        return client.open(PATH + path, method=method, headers=headers, **more)

    return ask


def wang(name: str = "王芳", store: str = "nj-001", **more: Any) -> dict[str, Any]:
    return {"store": store, "profile": {"name": name, "phone": "138-0000 0000"}, **more}


def test_a_put_makes_a_member_orders_it_of_the_box_and_the_same_again_nothing(
    opened: HubOffice,
) -> None:
    ask = program(opened)
    made = ask("PUT", "/C-1", json=wang())
    assert made.status_code == 201
    assert made.json["profile"] == {"name": "王芳", "phone": "13800000000"}
    again = ask("PUT", "/C-1", json=wang())
    assert (again.status_code, again.json) == (200, made.json)
    with reading(opened.engine) as connection:
        kinds = connection.execute(select(box_order.c.kind)).scalars().all()
        (sealed,) = connection.execute(select(office_member.c.sealed)).scalars().all()
    assert kinds == ["key_wanted", "member"]
    assert "王芳".encode() not in sealed


def test_a_put_replaces_and_an_old_revision_is_refused(opened: HubOffice) -> None:
    ask = program(opened)
    rev = ask("PUT", "/C-1", json=wang(rev=0)).json["rev"]
    changed = ask("PUT", "/C-1", json={"store": "nj-001", "profile": {"name": "王"}, "rev": rev})
    assert changed.json["profile"] == {"name": "王"}
    assert changed.json["rev"] > rev
    late = ask("PUT", "/C-1", json=wang(rev=rev))
    assert (late.status_code, late.json["code"]) == (409, "moved")
    assert late.content_type == "application/problem+json"


def test_each_reading_is_a_line_of_the_audit_log_that_holds_no_number(opened: HubOffice) -> None:
    ask = program(opened)
    ask("PUT", "/C-1", json=wang())
    assert ask("GET", "/C-1").json["stores"] == ["nj-001"]
    assert ask("GET", "/C-1").headers["Cache-Control"] == "no-store"
    with reading(opened.engine) as connection:
        lines = audit.entries(connection, Wanted(what="view"), 10)
        (member,) = connection.execute(select(office_member.c.id)).scalars().all()
    assert [line.subject for line in lines] == [member, member]
    assert "C-1" not in str(lines)


def test_without_its_scope_a_program_does_nothing(opened: HubOffice) -> None:
    writer, reader = program(opened, "write:members"), program(opened, "read:members")
    assert writer("PUT", "/C-1", json=wang()).status_code == 201
    refused = writer("GET", "/C-1")
    assert (refused.status_code, refused.json["code"]) == (403, "forbidden")
    assert reader("DELETE", "/C-1").status_code == 403
    assert program(opened, "read:figures")("GET", "/C-1").status_code == 403
    assert opened.app.test_client().get(f"{PATH}/C-1").status_code == 403


def test_a_program_of_one_shop_sees_and_changes_no_other_shops_members(opened: HubOffice) -> None:
    every, bound = program(opened), program(opened, shops=("nj-002",))
    every("PUT", "/C-1", json=wang())
    assert bound("GET", "/C-1").status_code == 404
    assert bound("PUT", "/C-1", json=wang("别人", "nj-002")).status_code == 403
    assert bound("PUT", "/C-9", json=wang(store="nj-001")).status_code == 403
    assert bound("DELETE", "/C-1").status_code == 404
    assert every("GET", "/C-1").json["profile"]["name"] == "王芳"


def test_of_a_batch_the_broken_are_named_and_the_rest_is_taken(opened: HubOffice) -> None:
    ask = program(opened)
    rows = [{"external_id": "C-1", "name": "王芳"}, {"external_id": "C-2"}, "x", {"name": 1}]
    told = ask("POST", "/batch", json={"store": "nj-001", "members": rows}).json
    assert told["added"] == 1
    assert {fault["place"] for fault in told["faults"]} == {1, 2, 3}
    many = [{"external_id": f"C-{n}", "name": "x"} for n in range(501)]
    over = ask("POST", "/batch", json={"store": "nj-001", "members": many})
    assert (over.status_code, over.json["code"]) == (400, "body")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_of_a_csv_the_broken_row_is_named_by_line(opened: HubOffice, encoding: str) -> None:
    ask = program(opened)
    text = "external_id,name,birthday\nC-1,王芳,03-08\nC-2,李娜,31-31\nC-3,张伟,\n"
    told = ask("POST", "/csv?store=nj-001", data=text.encode(encoding)).json
    assert told["added"] == 2
    (fault,) = told["faults"]
    assert fault["line"] == 3
    assert "李娜" not in fault["detail"]
    assert "31-31" not in fault["detail"]
    none = ask("POST", "/csv?store=nj-001", data=b"PK\x03\x04")
    assert (none.status_code, none.json["code"]) == (422, "no_table")


def test_a_delete_is_an_erasure(opened: HubOffice) -> None:
    ask = program(opened)
    ask("PUT", "/C-1", json=wang())
    assert ask("DELETE", "/C-1").json == {"boxes": 1}
    assert ask("GET", "/C-1").status_code == 404
    with reading(opened.engine) as connection:
        assert connection.execute(select(office_member)).all() == []
        assert len(connection.execute(select(erased_subject)).all()) == 1


def test_a_merge_asks_for_a_word_and_both_numbers_lead_to_one(opened: HubOffice) -> None:
    ask = program(opened)
    ask("PUT", "/C-1", json=wang())
    ask("PUT", "/C-2", json=wang("王方", "nj-002"))
    assert ask("POST", "/C-1/merge", json={"gone": "C-2"}).status_code == 400
    assert ask("POST", "/C-1/merge", json={"gone": "C-2", "yes": True}).json == {"merged": True}
    assert ask("POST", "/C-1/merge", json={"gone": "C-2", "yes": True}).json == {"merged": False}
    one = ask("GET", "/C-2").json
    assert (one["external_id"], one["stores"]) == ("C-1", ["nj-001", "nj-002"])


def test_until_it_is_opened_the_api_says_how(office: HubOffice) -> None:
    refused = program(office)("GET", "/C-1")
    assert (refused.status_code, refused.json["code"]) == (503, "members_closed")
    assert "open-api" in refused.json["remedy"]
