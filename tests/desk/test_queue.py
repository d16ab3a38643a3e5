"""The queue at the desk: who waits is called back once, who does not come is called once."""

import json

import pytest

from edge.store import outbound
from edge.store.outbound import OPEN_MAX
from tests.desk.conftest import Queue
from tests.desk.test_guests import told


def test_a_guest_is_called_after_half_an_hour_and_phoned_when_not_back(queue: Queue) -> None:
    assert queue.take() == "A001"
    assert queue.after(29.9) == 0
    assert queue.after(0.1) == 1
    assert (queue.states(), queue.messages()) == ({"A001": "called"}, ["waiting"])
    message = outbound.next_for(queue.box.db, "sms")
    assert message
    said = outbound.open_message(queue.box.db, message, queue.box.keys)
    assert (said.text, said.phone) == ("【南京东路店】A001", "13800138000")
    assert said.data["number"] == "A001"
    assert queue.after(10) == 0, "while the message waits, the guest cannot know"
    queue.goes_out()
    assert queue.after(1) == 1
    assert queue.after(14.9) == 0
    assert queue.after(0.1) == 1
    assert queue.states() == {"A001": "called!not_back"}
    assert (queue.after(600), len(queue.messages())) == (0, 1), "each once"


def test_each_fires_once_whatever_is_restarted(queue: Queue) -> None:
    queue.take()
    steps = []
    for _ in range(4):
        steps.append(queue.after(15))
        queue.restart()
        steps.append(queue.desk.fire())
        if "waiting" in queue.messages():
            queue.goes_out()
    assert sum(steps) == 3  # called, told, to be phoned
    assert (queue.states(), queue.messages()) == ({"A001": "called!not_back"}, ["sent"])


def test_a_step_that_is_cut_off_is_taken_whole_or_not_at_all(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.take()
    with monkeypatch.context() as cut:
        cut.setattr("edge.store.queue.note_called", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            queue.after(30)
    queue.restart()
    assert queue.messages() == []
    assert queue.desk.fire() == 1
    assert queue.messages() == ["waiting"]


@pytest.mark.parametrize(("minutes", "state"), [(5, "called"), (40, "called!late")])
def test_a_box_that_was_off_calls_late_by_message_and_very_late_by_phone(
    queue: Queue, minutes: float, state: str
) -> None:
    queue.take()
    queue.after(26)
    queue.reboot(minutes)
    queue.desk.fire()
    assert queue.states() == {"A001": state}
    assert len(queue.messages()) == (state == "called")


@pytest.mark.parametrize("end", ["late", "refused", "cancelled"])
def test_a_message_that_never_goes_out_becomes_a_call(queue: Queue, end: outbound.End) -> None:
    queue.take()
    queue.after(30)
    queue.goes_out(end)
    assert queue.after(0) == 1
    assert queue.states() == {"A001": "called!not_sent"}


def test_a_short_message_that_may_have_gone_out_is_taken_for_sent(queue: Queue) -> None:
    queue.take()
    queue.after(30)
    queue.goes_out("unsure")
    assert (queue.after(0), queue.after(15)) == (1, 1)
    assert queue.states() == {"A001": "called!not_back"}


def test_without_a_target_consultants_call_everybody(queue: Queue) -> None:
    queue.target = None
    queue.restart()
    queue.take()
    queue.after(30)
    assert (queue.states(), queue.messages()) == ({"A001": "called!no_way"}, [])


def test_who_is_back_before_the_message_is_out_gets_none(queue: Queue) -> None:
    number = queue.take()
    queue.after(30)
    assert queue.desk.move(queue.id_of(number), "back", "local")
    assert queue.messages() == ["cancelled"]
    assert queue.after(99) == 0


def test_a_phone_number_is_sealed_and_goes_when_the_ticket_ends(queue: Queue) -> None:
    number = queue.take()
    ticket = queue.id_of(number)
    files = b"".join(path.read_bytes() for path in queue.box.folder.glob("menkou.db*"))
    assert b"13800138000" not in files
    assert queue.desk.shown("local").waiting[0].phone == "…8000"
    assert queue.desk.phone(ticket, "local") == "13800138000"
    queue.desk.move(ticket, "served", "local")
    assert queue.box.db.execute("SELECT sealed FROM queue_ticket").fetchone() == (None,)
    assert queue.desk.phone(ticket, "local") is None
    how = queue.box.db.execute("SELECT detail FROM audit WHERE what = 'queue' ORDER BY id")
    assert [row[0].split('"')[3] for row in how] == ["take", "phone", "served"]


def test_a_member_takes_a_number_by_a_code_once(queue: Queue) -> None:
    member = queue.box.member("王丽华", called="王女士", external_id="C-1001")
    made = queue.box.codes.make(member.id, "local")
    assert made.code
    queue.take(phone="", code=made.code.text)
    line = queue.desk.shown("tablet").waiting[0]
    assert (line.name, line.member, line.has_phone) == ("王女士", True, False)
    assert queue.box.audited("view") == [("tablet", member.subject)]
    again = queue.desk.take(phone="", code=made.code.text, member="", actor="local")
    assert (again.problem, again.outcome) == ("code", "used")


def test_a_webhook_reaches_a_member_without_a_phone_number(queue: Queue) -> None:
    queue.reach = "member"
    queue.restart()
    queue.box.member("王丽华", external_id="C-1001")
    queue.take(phone="", member="c-1001")
    queue.after(30)
    message = outbound.next_for(queue.box.db, "sms")
    assert message
    said = outbound.open_message(queue.box.db, message, queue.box.keys)
    assert (said.phone, said.data["member"]) == (None, "C-1001")


def test_a_bot_is_told_the_number_and_nothing_of_the_guest(queue: Queue) -> None:
    queue.reach = "all"
    queue.restart()
    queue.take()
    queue.after(30)
    message = outbound.next_for(queue.box.db, "sms")
    assert message
    assert not message.sealed
    assert b"13800138000" not in message.payload


def test_an_erased_members_ticket_is_gone(queue: Queue) -> None:
    member = queue.box.member("王丽华", external_id="C-1001")
    queue.take(member="C-1001")
    queue.take()
    queue.after(30)
    queue.box.erase(member)
    assert list(queue.states()) == ["A002"]
    assert len(queue.messages()) == 1
    assert queue.after(0) == 0


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({}, "nobody"),
        ({"phone": "no number"}, "phone"),
        ({"member": "nobody here"}, "member"),
        ({"code": "000000"}, "code"),
    ],
)
def test_what_is_no_way_to_call_somebody_gets_no_number(
    queue: Queue, asked: dict[str, str], problem: str
) -> None:
    whole = {"phone": "", "code": "", "member": "", **asked}
    assert queue.desk.take(**whole, actor="local").problem == problem
    assert queue.states() == {}


def test_without_the_key_nothing_is_taken_and_who_waits_is_called_by_phone_in_the_end(
    queue: Queue,
) -> None:
    queue.take()
    root, queue.box.root = queue.box.root, None
    assert queue.desk.take(phone="13800138000", code="", member="", actor="x").problem == "key"
    assert queue.after(30) == 0
    assert queue.after(30) == 1
    queue.box.root = root
    assert queue.states() == {"A001": "called!late"}


def test_a_call_that_reached_the_guest_is_done_and_one_that_did_not_gives_up(
    queue: Queue,
) -> None:
    queue.target = None
    queue.restart()
    first, second = queue.take(), queue.take()
    queue.after(30)
    assert queue.desk.end_task(queue.id_of(first), "reached", "local")
    assert not queue.desk.end_task(queue.id_of(first), "unreached", "local"), "once"
    assert queue.desk.end_task(queue.id_of(second), "unreached", "local")
    assert queue.states() == {"A001": "called", "A002": "gone"}
    assert queue.after(99) == 0


def test_two_devices_take_one_step_once(queue: Queue) -> None:
    ticket = queue.id_of(queue.take())
    assert queue.desk.move(ticket, "served", "one")
    assert not queue.desk.move(ticket, "gone", "other")
    assert not queue.desk.move("0" * 26, "back", "one")


def test_the_manager_sets_the_time_and_it_holds_for_who_waits_already(queue: Queue) -> None:
    queue.take()
    assert not queue.desk.set_call_after(0, "manager")
    assert queue.desk.set_call_after(10, "manager")
    queue.restart()
    assert (queue.after(9.9), queue.after(0.1)) == (0, 1)


def test_a_full_queue_of_messages_becomes_a_call(queue: Queue) -> None:
    queue.take()
    columns = "kind, target, at, boot, mono, lives_s, state, sealed, payload"
    queue.box.db.execute(
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {OPEN_MAX})"
        f" INSERT INTO outbound (key, {columns}) SELECT 'x' || i, 'a', 'crm', '', '', 0, 9, "
        "'waiting', 0, x'00' FROM n"
    )
    queue.after(30)
    assert queue.states() == {"A001": "called!not_sent"}


def test_who_is_left_of_yesterday_is_gone_and_numbers_begin_anew(queue: Queue) -> None:
    queue.take()
    queue.target = None
    queue.restart()
    queue.after(12 * 60)
    assert queue.states() == {"A001": "called!late"}
    queue.after(12 * 60)
    assert queue.states() == {}
    assert queue.take() == "A001"
    queue.after(10 * 24 * 60)
    (count,) = queue.box.db.execute("SELECT count(*) FROM queue_ticket").fetchone()
    assert count == 0, "a week later nothing of it is held"


def test_the_display_shows_numbers_only_the_last_call_first(queue: Queue) -> None:
    for phone in ("13800138000", "13900139000", "13700137000"):
        queue.take(phone)
        queue.after(1)
    queue.after(27.5)
    queue.after(1)
    display = queue.desk.display()
    assert (display.called, display.waiting) == (("A002", "A001"), 1)
    assert "138" not in repr(display)


def test_head_office_hears_how_long_guests_wait_and_nothing_of_them(queue: Queue) -> None:
    number = queue.take()
    queue.after(30)
    queue.goes_out()
    queue.after(0)
    queue.after(5)
    queue.desk.move(queue.id_of(number), "back", "local")
    queue.desk.move(queue.id_of(number), "served", "local")
    rows = queue.box.db.execute("SELECT event FROM outbox WHERE kind = 'desk_fact' ORDER BY id")
    facts = [json.loads(row[0])["body"] for row in rows]
    assert [(fact["state"], fact["waited_s"]) for fact in facts] == [
        *(("waiting", 0), ("called", 1800), ("back", 2100), ("served", 2100)),
    ]
    revs = [fact["rev"] for fact in facts]
    assert revs == sorted(set(revs)), "the last one wins"
    assert {fact["id"] for fact in facts} == {queue.id_of(number)}
    assert not {"phone", "number", "subject"} & facts[0].keys()


def visits_told(queue: Queue) -> list[str | None]:
    rows = queue.box.db.execute("SELECT event FROM outbox WHERE kind = 'desk_fact' ORDER BY id")
    return [json.loads(row[0])["body"]["visit"] for row in rows]


def test_a_members_number_is_told_with_the_visit_that_it_was_taken_on(queue: Queue) -> None:
    member = queue.box.member("王丽华", external_id="V-1")
    queue.box.visit(member, ago_s=26 * 3600)
    morning = queue.box.visit(member, ago_s=3 * 3600)
    here = queue.box.visit(member, ago_s=600)
    queue.box.visit(queue.box.member("张伟"), ago_s=300)
    number = queue.take(phone="", member="V-1")
    queue.after(10)
    later = queue.box.visit(member)
    queue.desk.move(queue.id_of(number), "served", "local")
    told = visits_told(queue)
    assert told == [here.id, here.id], "not the one before it, nor that of who came back since"
    assert not {morning.id, later.id} & set(told)


def test_a_wrong_person_takes_the_visit_from_the_number_also_after_it_was_served(
    queue: Queue,
) -> None:
    member = queue.box.member("王丽华", external_id="V-1")
    here = queue.box.visit(member, ago_s=600)
    number = queue.take(phone="", member="V-1")
    queue.after(10)
    queue.desk.move(queue.id_of(number), "served", "local")
    queue.box.desk.wrong_person(here.id, "local")
    queue.box.correct()
    for _ in range(2):
        queue.desk.fire()
    assert visits_told(queue) == [here.id, here.id, None]
    served, corrected = [one for one in told(queue.box) if one["what"] == "queue"][-2:]
    assert corrected["rev"] == served["rev"] + 1
    assert (corrected["state"], corrected["waited_s"]) == ("served", served["waited_s"])


def test_a_member_who_is_recognised_after_taking_a_number_is_told_of_then(queue: Queue) -> None:
    member = queue.box.member("王丽华", external_id="V-1")
    number = queue.take(phone="", member="V-1")
    queue.take()
    queue.after(1)
    seen = queue.box.visit(member)
    queue.desk.move(queue.id_of(number), "served", "local")
    assert visits_told(queue) == [None, None, seen.id], "of who left a number nobody knows"
