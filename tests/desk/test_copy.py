"""A member's own copy, and what is left of a member who is erased: all that the desk keeps."""

import json
from pathlib import Path

import pytest

from edge.core.receipt import Line
from edge.store.database import FILE_NAME
from edge.store.endings import tidy
from tests.desk.test_till import receipt, take
from tests.support.people import NOW
from tests.web.shopbox import ShopBox

PHONE = "13700137000"
GOLD = "足金手镯"


@pytest.fixture
def box(tmp_path: Path) -> ShopBox:
    return ShopBox(tmp_path, now=NOW)


def test_a_copy_holds_purchases_numbers_messages_greetings_and_offers(box: ShopBox) -> None:
    member = box.member("王丽华", external_id="V-1")
    visit = box.visit(member, ago_s=60).id
    box.floor.guests.claim(visit, "local")
    box.floor.guests.answer(visit, "tea", "taken", "local")
    box.queue.take(phone=PHONE, code="", member="V-1", actor="local")
    (waiting,) = box.queue.shown("local").waiting
    box.queue.move(waiting.id, "called", "local")
    take(box, receipt("A-1", member="V-1", lines=(Line(what=GOLD, amount=100),)))
    take(box, receipt("A-2", member="V-1", kind="return"))
    others = box.member("李雷", external_id="V-2")
    take(box, receipt("B-1", member="V-2"))

    copy = box.members.exported(member.id, "local")
    assert isinstance(copy, dict)
    bought = [(one["receipt"], one["kind"]) for one in copy["purchases"]]
    assert bought == [("A-1", "sale"), ("A-2", "return")]
    assert copy["purchases"][0]["lines"][0]["what"] == GOLD
    assert copy["purchases"][0]["visit"] == visit
    assert [(one["phone"], one["state"]) for one in copy["queue"]] == [(PHONE, "called")]
    assert [one["kind"] for one in copy["messages"]] == ["queue.call"]
    assert [one["visit"] for one in copy["greetings"]] == [visit]
    assert [(one["visit"], one["tea"]) for one in copy["offers"]] == [(visit, "taken")]
    assert json.loads(json.dumps(copy)) == copy

    empty = box.members.exported(others.id, "local")
    assert isinstance(empty, dict)
    assert (empty["queue"], empty["messages"], empty["greetings"]) == ([], [], [])


def test_what_was_struck_out_is_not_in_the_log_of_the_file_either(box: ShopBox) -> None:
    tidy(box.db)
    visit = box.visit(box.member("王丽华")).id
    box.floor.guests.note(visit, "喜欢素圈", "local")
    ticket = box.service.take_in("repair", device="local", name="李女士", what=GOLD).ticket
    box.service.move(ticket, "cancelled", "local")
    sealed = [
        row[0] for row in box.db.execute("SELECT sealed FROM note UNION SELECT sealed FROM service")
    ]
    (note,) = box.db.execute("SELECT id FROM note").fetchone()
    box.floor.guests.delete_note(note, "local", anybodys=False)
    box.service.forget(ticket, "local")
    assert tidy(box.db)
    files = [path.read_bytes() for path in box.folder.glob(f"{FILE_NAME}*")]
    assert len(sealed) == 2
    assert [one for one in sealed for file in files if one[-40:] in file] == []
