"""What is done for guests: each once, whoever asks how often."""

import json
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.store.endings import erase
from edge.store.keeping import prune
from edge.store.notes import A_VISIT_MAX, CHARS_MAX, last_notes
from tests.web.shopbox import SHANGHAI, ShopBox

NOW = datetime(2026, 11, 22, 16, 25, 30, tzinfo=SHANGHAI)
DAY = timedelta(days=1)


@pytest.fixture
def box(tmp_path: Path) -> ShopBox:
    return ShopBox(tmp_path, now=NOW)


def works(box: ShopBox, name: str, device: str) -> str:
    """Let somebody work here and use a device; return the id."""
    assert box.floor.people.add(name, "consultant", "", "local") is None
    (person,) = [one for one in box.floor.people.everybody() if one.name == name]
    assert box.floor.people.choose(device, person.id, "") == "chosen"
    return person.id


def told(box: ShopBox) -> list[dict[str, Any]]:
    """Return what the hub is told of the desk."""
    rows = box.db.execute("SELECT event FROM outbox WHERE kind = 'desk_fact' ORDER BY id")
    return [json.loads(raw)["body"] for (raw,) in rows.fetchall()]


def card(box: ShopBox, visit: str, device: str = "local") -> Any:
    (found,) = [one for one in box.desk.arrivals(device).cards if one.visit == visit]
    return found


def notes(box: ShopBox, visit: str) -> list[str]:
    return [note.text for note in card(box, visit).served.notes]


def test_the_first_claim_wins_and_the_others_see_whose_it_is(box: ShopBox) -> None:
    lin = works(box, "小林", "phone-1")
    works(box, "周敏", "phone-2")
    visit = box.visit(box.member("王丽华")).id
    guests = box.floor.guests
    assert guests.claim(visit, "phone-1") == "mine"
    assert guests.claim(visit, "phone-2") == "taken"
    assert guests.claim(visit, "phone-1") == "mine"  # the same form sent twice
    assert (card(box, visit, "phone-1").served.mine, card(box, visit, "phone-2").served.mine) == (
        *(True, False),
    )
    assert card(box, visit, "phone-2").served.by == "小林"
    (fact,) = told(box)
    assert (fact["what"], fact["id"], fact["rev"], fact["staff"], fact["state"]) == (
        *("claim", visit, 1, lin, "taken"),
    )
    assert "小林" not in json.dumps(fact, ensure_ascii=False)
    assert [actor for actor, _ in box.audited("claim")] == ["phone-1"]


def test_of_many_at_once_one_wins(box: ShopBox) -> None:
    devices = [f"phone-{number}" for number in range(6)]
    for number, device in enumerate(devices):
        works(box, f"员工{number}", device)
    visit, outcomes = box.visit().id, dict[str, str]()
    start = threading.Barrier(len(devices))

    def claim(device: str) -> None:
        start.wait()
        outcomes[device] = box.floor.guests.claim(visit, device)

    threads = [threading.Thread(target=claim, args=(device,)) for device in devices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes.values()) == ["mine", *["taken"] * 5]
    assert len(told(box)) == 1


def test_one_tap_is_enough_where_no_staff_is_entered(box: ShopBox) -> None:
    visit = box.visit().id
    assert box.floor.guests.claim(visit, "local") == "mine"
    assert box.floor.guests.claim(visit, "phone-1") == "taken"
    (fact,) = told(box)
    assert fact["staff"] is None


def test_a_device_that_is_nobodys_does_not_claim_in_anybodys_name(box: ShopBox) -> None:
    works(box, "小林", "phone-1")
    visit = box.visit().id
    assert box.floor.guests.claim(visit, "phone-2") == "unnamed"
    assert told(box) == []


def test_who_is_no_guest_is_claimed_by_nobody(box: ShopBox) -> None:
    trial = box.visit()
    box.db.execute("UPDATE visit SET origin = 'private' WHERE id = ?", [trial.id])
    for visit in (trial.id, box.visit(who="staff").id, "no such visit"):
        assert box.floor.guests.claim(visit, "local") == "gone"


def test_a_claim_is_given_back_by_its_owner_or_a_manager(box: ShopBox) -> None:
    works(box, "小林", "phone-1")
    zhou = works(box, "周敏", "phone-2")
    visit, guests = box.visit().id, box.floor.guests
    guests.claim(visit, "phone-1")
    assert not guests.release(visit, "phone-2", anybodys=False)
    assert guests.release(visit, "phone-1", anybodys=False)
    assert not guests.release(visit, "phone-1", anybodys=False)
    assert guests.claim(visit, "phone-2") == "mine"
    assert guests.release(visit, "phone-9", anybodys=True)
    assert guests.claim(visit, "phone-2") == "mine"
    assert [(fact["rev"], fact["state"]) for fact in told(box)] == [
        *((1, "taken"), (2, "released"), (3, "taken"), (4, "released"), (5, "taken")),
    ]
    assert told(box)[-1]["staff"] == zhou


def test_a_late_claim_of_a_phone_that_was_out_of_reach_still_counts(box: ShopBox) -> None:
    visit = box.visit().id
    assert box.floor.guests.see_off(visit, "local")
    box.correct()
    assert box.floor.guests.claim(visit, "phone-1") == "mine"


def test_wrong_person_after_the_claim_leaves_the_claim_with_the_visit(box: ShopBox) -> None:
    works(box, "小林", "phone-1")
    visit = box.visit(box.member("王丽华")).id
    box.floor.guests.claim(visit, "phone-1")
    assert box.desk.wrong_person(visit, "phone-1")
    box.correct()
    shown = card(box, visit)
    assert (shown.who, shown.served.claimed, shown.served.by) == ("visitor", True, "小林")
    assert len(told(box)) == 1


def test_a_note_on_a_member_goes_with_the_members_key(box: ShopBox) -> None:
    member = box.member("王丽华")
    visit = box.visit(member).id
    assert box.floor.guests.note(visit, "  下周带先生来\n看对戒  \n", "local") == "kept"
    assert notes(box, visit) == ["下周带先生来\n看对戒"]
    (sealed,) = box.db.execute("SELECT sealed FROM note").fetchone()
    assert "下周".encode() not in sealed
    again = box.visit(member).id
    assert notes(box, again) == ["下周带先生来\n看对戒"], "the next visit does not know"
    assert box.audited("note") == [("local", member.subject)]
    erase(box.db, member.id, NOW, actor="local", tell=lambda *_: None)
    assert box.db.table("note").count == 0
    assert "下周带先生来" not in repr(card(box, visit))


def test_a_note_on_a_visitor_is_kept_for_the_day_only(box: ShopBox) -> None:
    visit = box.visit().id
    box.floor.guests.note(visit, "蓝色围巾", "local")
    assert notes(box, visit) == ["蓝色围巾"]
    epoch = box.db.execute("SELECT epoch FROM epoch").fetchone()[0]
    prune(box.db, epoch, NOW + timedelta(hours=7))
    assert box.db.table("note").count == 1
    prune(box.db, epoch, NOW + timedelta(hours=8))
    assert (box.db.table("note").count, box.db.table("note_day").count) == (0, 0)


def test_a_note_stays_with_the_visit_where_it_was_not_that_member(box: ShopBox) -> None:
    member = box.member("王丽华")
    visit = box.visit(member).id
    box.floor.guests.note(visit, "不吃甜的", "local")
    box.desk.wrong_person(visit, "local")
    box.correct()
    assert notes(box, visit) == ["不吃甜的"], "of this guest it is true all day"
    assert notes(box, box.visit(member).id) == [], "of the member it is not"
    assert box.root is not None
    assert last_notes(box.db, box.keys, member.subject) == []
    epoch = box.db.execute("SELECT epoch FROM epoch").fetchone()[0]
    prune(box.db, epoch, NOW + DAY + timedelta(seconds=1))
    assert box.db.table("note").count == 0


def test_the_same_note_twice_is_one_and_nobody_fills_the_store(box: ShopBox) -> None:
    visit, guests = box.visit().id, box.floor.guests
    for _ in range(2):
        assert guests.note(visit, "蓝色围巾", "local") == "kept"
    assert notes(box, visit) == ["蓝色围巾"]
    for number in range(A_VISIT_MAX + 5):
        guests.note(visit, f"{number} " + "长" * 2 * CHARS_MAX, "local")
    assert len(notes(box, visit)) == A_VISIT_MAX
    assert max(len(text) for text in notes(box, visit)) == CHARS_MAX
    assert guests.note(visit, " \n\t ", "local") == "empty"


def test_without_the_key_no_note_is_kept_and_none_is_shown(box: ShopBox) -> None:
    visit = box.visit().id
    box.floor.guests.note(visit, "蓝色围巾", "local")
    box.root = None
    assert box.floor.guests.note(visit, "再记", "local") == "key"
    assert notes(box, visit) == []


def test_tea_is_offered_to_whom_somebody_knows_to_be_here(box: ShopBox) -> None:
    claimed, member = box.visit(ago_s=1300).id, box.visit(box.member("王丽华"), ago_s=1300).id
    box.visit(ago_s=1300)  # of whom nobody knows whether they left
    box.visit(ago_s=1100)
    box.floor.guests.claim(claimed, "local")
    staying = box.desk.arrivals("local").staying
    assert {one.visit for one in staying} == {claimed, member}
    assert {one.served.offer for one in staying} == {"tea"}
    guests = box.floor.guests
    assert guests.answer(claimed, "tea", "taken", "local")
    assert not guests.answer(claimed, "tea", "declined", "phone-1"), "the first answer stands"
    assert [one.visit for one in box.desk.arrivals("local").staying] == [member]
    box.fixed = NOW + timedelta(minutes=70)
    assert {one.served.offer for one in box.desk.arrivals("local").staying} == {"meal"}
    assert guests.answer(claimed, "meal", "declined", "local")
    stays = [fact for fact in told(box) if fact["what"] == "stay"]
    assert [(f["rev"], f.get("tea"), f.get("meal")) for f in stays] == [
        (1, "taken", None),
        (2, "taken", "declined"),
    ]


def test_nothing_is_offered_to_who_has_left(box: ShopBox) -> None:
    visit, guests = box.visit(box.member("王丽华"), ago_s=6000).id, box.floor.guests
    assert [one.visit for one in box.desk.arrivals("local").staying] == [visit]
    assert guests.see_off(visit, "phone-1")
    assert box.desk.arrivals("local").staying == ()
    assert not guests.see_off(visit, "phone-2"), "asked twice"
    box.correct()
    assert card(box, visit).served.gone
    assert not guests.answer(visit, "tea", "taken", "local")
    assert not guests.see_off(visit, "local")
    assert box.db.execute("SELECT close_reason FROM visit").fetchone() == ("tap",)


@pytest.mark.parametrize(("offer", "answer"), [("wine", "taken"), ("tea", "perhaps"), ("", "")])
def test_what_is_no_offer_or_no_answer_changes_nothing(
    box: ShopBox, offer: str, answer: str
) -> None:
    assert not box.floor.guests.answer(box.visit().id, offer, answer, "local")
    assert told(box) == []


def test_a_claimed_guest_stays_listed_however_many_come_after(box: ShopBox) -> None:
    visit = box.visit(ago_s=3000).id
    box.floor.guests.claim(visit, "local")
    for number in range(130):
        box.visit(ago_s=number)
    shown = [one.visit for one in box.desk.arrivals("local").cards]
    assert len(shown) == 121
    assert shown[-1] == visit


def test_a_claim_is_the_persons_on_every_device_and_not_that_of_who_takes_the_device_over(
    box: ShopBox,
) -> None:
    lin = works(box, "小林", "phone-1")
    works(box, "周敏", "phone-2")
    visit = box.visit().id
    assert box.floor.guests.claim(visit, "phone-1") == "mine"
    assert box.floor.people.choose("tablet", lin, "") == "chosen"
    assert box.floor.guests.claim(visit, "tablet") == "mine", "the same person elsewhere"
    (zhou,) = [one for one in box.floor.people.everybody() if one.name == "周敏"]
    assert box.floor.people.choose("phone-1", zhou.id, "") == "chosen"
    assert box.floor.guests.claim(visit, "phone-1") == "taken", "somebody else on the same device"
    assert not box.floor.guests.release(visit, "phone-1", anybodys=False)
    assert box.floor.guests.release(visit, "tablet", anybodys=False)
