"""Service tickets: made once, moved on once, told once; sealed, and gone with the member."""

import json
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.core.moments import Mark
from edge.desk.service import KIND, LIVES, ServiceDesk, Telling
from edge.desk.service_view import TicketLine
from edge.store import outbound
from edge.store.database import FILE_NAME
from edge.store.holding import everything
from edge.store.keeping import prune
from edge.store.people import Member
from tests.desk.test_guests import card, told, works
from tests.web.shopbox import SHANGHAI, ShopBox

NOW = datetime(2026, 11, 22, 16, 25, 30, tzinfo=SHANGHAI)
PHONE = "13800138000"


@pytest.fixture
def box(tmp_path: Path) -> ShopBox:
    return ShopBox(tmp_path, now=NOW)


def make(box: ShopBox, kind: str = "repair", **more: Any) -> str:
    """Make a ticket, of somebody who is no member unless it is said."""
    of_nobody = not more.keys() & {"visit", "member", "name", "phone"}
    given = {"name": "李女士", **more} if of_nobody else more
    made = box.service.take_in(kind, device="local", **given)
    assert made.problem is None, made
    return made.ticket


def later(box: ShopBox, after: timedelta) -> None:
    """Let time go by since the beginning."""
    box.fixed = NOW + after
    box.hands.seconds = 1000.0 + after.total_seconds()


def go(box: ShopBox, ticket: str, *states: str) -> None:
    for state in states:
        assert box.service.move(ticket, state, "local"), state


def line(box: ShopBox, ticket: str) -> TicketLine:
    view = box.service.shown("local")
    (found,) = [one for one in (*view.open, *view.ended) if one.id == ticket]
    return found


def facts(box: ShopBox) -> list[tuple[Any, ...]]:
    names = ("id", "rev", "visit", "staff", "kind", "state", "open_days")
    return [tuple(one[name] for name in names) for one in told(box) if one["what"] == "service"]


def reasons(box: ShopBox, member: Member) -> list[tuple[str, str]]:
    shown = card(box, box.visit(member).id)
    return [(one.code, one.what) for one in shown.reasons if one.code != "first_here"]


def messages(box: ShopBox) -> list[tuple[str, str]]:
    return list(box.db.execute("SELECT kind, state FROM outbound ORDER BY id").fetchall())


def goes_out(box: ShopBox) -> outbound.Content:
    """Do what the courier does with the next message; return what it says."""
    message = outbound.next_for(box.db, "sms")
    assert message
    content = outbound.open_message(box.db, message, box.keys)
    outbound.end(box.db, message, "sent", box.now())
    return content


def test_a_repair_goes_its_way_and_head_office_hears_no_word_of_what_it_is(box: ShopBox) -> None:
    lin = works(box, "小林", "local")
    ticket = make(box, what="戒指改圈", name="李女士", phone=PHONE, due="2026-11-24")
    later(box, timedelta(days=2))
    go(box, ticket, "at_workshop", "ready")
    later(box, timedelta(days=3))
    go(box, ticket, "collected")
    assert facts(box) == [
        (ticket, 1, None, lin, "repair", "taken_in", 0),
        (ticket, 2, None, lin, "repair", "at_workshop", 2),
        (ticket, 3, None, lin, "repair", "ready", 2),
        (ticket, 4, None, lin, "repair", "collected", 3),
    ]
    written = json.dumps(told(box), ensure_ascii=False)
    assert not [word for word in ("戒指", "李女士", PHONE, "2026-11-24") if word in written]
    (sealed,) = box.db.execute("SELECT sealed FROM service").fetchone()
    assert "戒指".encode() not in sealed
    assert (line(box, ticket).what, line(box, ticket).phone) == ("戒指改圈", "…8000")


def test_a_form_that_is_sent_twice_makes_one_ticket(box: ShopBox) -> None:
    assert make(box, what="表带") == make(box, what=" 表带 ")
    assert make(box, what="表带") != make(box, what="表扣")
    assert make(box, what="表带", entry="till-0001") == make(box, what="表带", entry="till-0001")
    assert make(box, "return", what="表带") != make(box, what="表带")
    assert make(box, entry="till-0002", what="a") == make(box, entry="till-0002", what="b")
    two = {make(box, what="表链", entry=f"till-{number}") for number in ("0003", "0004")}
    assert len(two) == 2, "a program means two of the same"
    first = make(box, what="表带")
    later(box, timedelta(minutes=3))
    assert make(box, what="表带") != first, "another one of the same"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"kind": "dance", "name": "李"}, "kind"),
        ({"kind": "repair"}, "nobody"),
        ({"kind": "repair", "what": "表"}, "nobody"),
        ({"kind": "repair", "phone": "no number"}, "phone"),
        ({"kind": "repair", "member": "none"}, "member"),
        ({"kind": "repair", "visit": "none"}, "gone"),
        ({"kind": "repair", "name": "李", "due": "2026-02-30"}, "due"),
        ({"kind": "repair", "name": "李", "due": "tomorrow"}, "due"),
    ],
)
def test_what_makes_no_ticket_says_why(box: ShopBox, given: dict[str, str], problem: str) -> None:
    assert box.service.take_in(device="local", **given).problem == problem
    assert (box.db.table("service").count, told(box)) == (0, [])


def test_a_step_is_taken_once_and_only_where_there_is_one(box: ShopBox) -> None:
    ticket, start, done = make(box), threading.Barrier(4), list[bool]()

    def step() -> None:
        start.wait()
        done.append(box.service.move(ticket, "ready", "local"))

    threads = [threading.Thread(target=step) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False, False, False, True]
    for to in ("taken_in", "settled", "nonsense", "ready"):
        assert not box.service.move(ticket, to, "local")
    assert not box.service.move("no such ticket", "ready", "local")
    go(box, ticket, "collected", "ready", "collected")


def test_who_may_come_is_told_once(box: ShopBox) -> None:
    ticket = make(box, what="戒指改圈", phone=PHONE)
    go(box, ticket, "ready")
    assert line(box, ticket).told == "waiting"
    said = goes_out(box)
    assert (said.phone, said.text) == (PHONE, "ready: repair")
    assert "戒指" not in str((said.text, said.data)), "what it is stays in the shop"
    go(box, ticket, "at_workshop", "ready", "collected", "ready")
    assert (messages(box), line(box, ticket).told) == ([(KIND, "sent")], "sent")
    mark = Mark(at=NOW + timedelta(days=9), boot="this start", mono=10.0**6)
    outbound.sweep(box.db, ["sms"], mark)
    go(box, ticket, "at_workshop", "ready")
    assert messages(box) == [], "a week later it is still the same ticket"


def test_a_message_of_a_tap_that_was_wrong_does_not_go_out_and_the_next_one_does(
    box: ShopBox,
) -> None:
    ticket = make(box, phone=PHONE)
    go(box, ticket, "ready", "at_workshop")
    assert messages(box) == [(KIND, "cancelled")]
    go(box, ticket, "ready")
    assert messages(box) == [(KIND, "cancelled"), (KIND, "waiting")]
    goes_out(box)


def test_where_no_message_can_go_somebody_is_asked_to_call(box: ShopBox) -> None:
    ticket = make(box, name="李女士")
    go(box, ticket, "ready")
    assert (messages(box), line(box, ticket).told) == ([], "none")
    late = make(box, phone=PHONE)
    go(box, late, "ready")
    mark = Mark(at=NOW + LIVES, boot="this start", mono=1000 + LIVES.total_seconds())
    outbound.sweep(box.db, ["sms"], mark)
    assert line(box, late).told == "lost"


def test_a_webhook_tells_a_member_without_a_number(box: ShopBox) -> None:
    desk = ServiceDesk(
        box.means,
        telling=Telling(target="sms", reach="member", text=str),
        staff=box.floor.people,
    )
    member = box.member("王丽华", external_id="V-1")
    ticket = make(box, "stock", member="V-1", what="素圈")
    assert desk.move(ticket, "ready", "local")
    said = goes_out(box)
    assert said.data == {"ticket": ticket, "kind": "stock", "member": "V-1"}
    assert said.phone is None
    row = box.db.execute("SELECT subject FROM outbound").fetchone()
    assert row == (member.subject,)


def test_the_card_says_in_one_line_what_lies_ready_whoever_knows_it(box: ShopBox) -> None:
    member = box.member("王丽华", repair_ready="戒指改圈，18K")
    assert reasons(box, member) == [("repair_ready", "戒指改圈，18K")]
    ticket = make(box, visit=box.visit(member).id, what="戒指改圈")
    assert reasons(box, member) == [("repair_ready", "戒指改圈，18K")]
    go(box, ticket, "ready")
    assert reasons(box, member) == [("repair_ready", "戒指改圈")]
    lines = card(box, box.visit(member).id).tickets
    assert [(one.id, one.state, one.office) for one in lines] == [(ticket, "ready", False)]
    go(box, ticket, "collected")
    assert reasons(box, member) == [], "head office may go on saying so"
    go(box, ticket, "ready")
    assert reasons(box, member) == [("repair_ready", "戒指改圈")]


def test_of_two_repairs_the_one_that_was_not_collected_is_still_ready(box: ShopBox) -> None:
    member = box.member("王丽华", repair_ready="手表")
    ring = make(box, visit=box.visit(member).id, what="戒指")
    go(box, ring, "ready")
    assert reasons(box, member) == [("repair_ready", "戒指 · 手表")]
    watch = make(box, visit=box.visit(member).id, what="手表")
    go(box, watch, "ready", "collected")
    assert reasons(box, member) == [("repair_ready", "戒指 · 手表")], "nobody can tell which"
    go(box, ring, "collected")
    assert reasons(box, member) == []


def test_what_head_office_alone_calls_ready_is_handed_over_by_a_tap(box: ShopBox) -> None:
    member = box.member("王丽华", repair_ready="手表")
    visit = box.visit(member).id
    (office,) = card(box, visit).tickets
    assert (office.office, office.id, office.what) == (True, "", "手表")
    assert box.service.hand_over(visit, "local")
    assert not box.service.hand_over(visit, "phone-1"), "once"
    assert (card(box, visit).tickets, reasons(box, member)) == ((), [])
    ((_, rev, _, _, kind, state, _),) = facts(box)
    assert (rev, kind, state) == (1, "repair", "collected")
    assert not box.service.hand_over(box.visit().id, "local")


def test_a_member_who_is_erased_takes_every_word_along(box: ShopBox) -> None:
    member = box.member("王丽华", external_id="V-1")
    ticket = make(box, visit=box.visit(member).id, what="戒指改圈", phone=PHONE)
    other = make(box, what="表带")
    go(box, ticket, "ready")
    (secret,) = box.db.execute("SELECT sealed FROM service WHERE id = ?", [ticket]).fetchone()
    box.erase(member)
    assert [row[0] for row in box.db.execute("SELECT id FROM service")] == [other]
    assert messages(box) == []
    assert line(box, other).what == "表带"
    files = [file.read_bytes() for file in box.folder.glob(f"{FILE_NAME}*")]
    assert any(other.encode() in file for file in files), "this looks into the store"
    sealed = box.db.execute("SELECT count(*) FROM service WHERE subject IS NOT NULL").fetchone()
    assert sealed == (0,)
    assert not [file for file in files if secret in file], "the sealed words are gone, too"


def test_a_ticket_on_the_card_of_a_wrong_person_is_shown_as_doubtful(box: ShopBox) -> None:
    member = box.member("王丽华")
    visit = box.visit(member).id
    ticket = make(box, visit=visit, what="戒指", phone=PHONE)
    box.desk.wrong_person(visit, "local")
    box.correct()
    assert line(box, ticket).doubtful
    assert card(box, box.visit(member).id).tickets == ()
    go(box, ticket, "ready")
    assert messages(box) == [], "nobody is told of somebody else's things"


def test_names_and_things_are_for_who_may_see_them_and_that_is_logged(box: ShopBox) -> None:
    member = box.member("王丽华", external_id="V-1", called="王女士")
    make(box, member="V-1", what="戒指")
    make(box, what="表带", name="李女士", phone=PHONE)
    told_all = box.service.shown("phone-1").open
    assert {(one.name, one.what) for one in told_all} == {("王女士", "戒指"), ("李女士", "表带")}
    assert box.audited("view") == [("phone-1", member.subject)]
    without = box.service.shown("phone-2", names=False)
    assert {(one.name, one.what, one.phone) for one in without.open} == {("", "", "")}
    assert not [word for word in ("王女士", "戒指", "李女士") if word in repr(told_all)]
    box.fill_up()
    withheld = box.service.shown("phone-3").open
    assert {(one.name, one.what) for one in withheld} == {("", ""), ("李女士", "表带")}


def test_without_the_key_tickets_move_but_are_not_read(box: ShopBox) -> None:
    ticket = make(box, what="表带")
    box.root = None
    assert box.service.take_in("repair", device="local", name="李").problem == "key"
    go(box, ticket, "at_workshop")
    assert (line(box, ticket).what, box.service.shown("local").locked) == ("", True)


def test_what_has_ended_is_forgotten_after_three_months_or_at_once(box: ShopBox) -> None:
    first, second, going = make(box, what="a"), make(box, what="b"), make(box, what="c")
    go(box, first, "cancelled")
    go(box, second, "ready", "collected")
    assert not box.service.forget(going, "local"), "it has not ended"
    assert box.service.forget(first, "local")
    assert not box.service.forget(first, "local")
    epoch = box.db.execute("SELECT epoch FROM epoch").fetchone()[0]
    prune(box.db, epoch, NOW + timedelta(days=89))
    assert box.db.table("service").count == 2
    prune(box.db, epoch, NOW + timedelta(days=91))
    assert [row[0] for row in box.db.execute("SELECT id FROM service")] == [going]


def test_the_whole_number_is_shown_to_who_asks_and_logged(box: ShopBox) -> None:
    ticket = make(box, phone="138 0013 8000")
    assert box.service.phone(ticket, "phone-1") == PHONE
    assert box.service.phone(make(box, name="李女士"), "phone-1") is None
    details = [row[0] for row in box.db.execute("SELECT detail FROM audit WHERE what = 'service'")]
    assert sum('"how": "phone"' in one for one in details) == 1
    assert not [one for one in details if PHONE in one]


def test_a_members_copy_of_all_that_is_held_has_tickets_and_answers(box: ShopBox) -> None:
    member = box.member("王丽华")
    visit = box.visit(member).id
    ticket = make(box, visit=visit, what="戒指", phone=PHONE, due="2026-11-30")
    go(box, ticket, "cancelled")
    box.sources.answer(visit, "friend", "", "local")
    held = everything(box.db, box.keys, member, NOW)
    ((kind, state, what, phone, due),) = [
        (one["kind"], one["state"], one["what"], one["phone"], one["due"])
        for one in held["tickets"]
    ]
    assert (kind, state, what, phone, due) == (
        *("repair", "cancelled", "戒指", PHONE, "2026-11-30"),
    )
    assert [(one["visit"], one["channel"]) for one in held["sources"]] == [(visit, "friend")]
