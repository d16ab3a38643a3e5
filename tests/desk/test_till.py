"""Receipts at the desk: kept once, tied, tied anew, forgotten with their member, held back."""

import dataclasses
import json
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.core.receipt import Line, Receipt
from edge.core.receipts import queue_number
from edge.desk.till import BATCH, TillBusy
from edge.store import keeping
from edge.store.database import StoreFull
from edge.store.devices import LOCAL
from edge.store.figures import sales_of_day
from edge.store.purchases import purchases_of
from edge.store.receipts import Answer, KeysMissing, receipt_id
from edge.store.staff import Staff
from tests.support.people import NOW
from tests.web.shopbox import ALWAYS, ShopBox


@pytest.fixture
def box(tmp_path: Path) -> ShopBox:
    return ShopBox(tmp_path, now=NOW)


def receipt(number: str = "A-1", *, ago_s: float = 0, **more: Any) -> Receipt:
    values: dict[str, Any] = {
        "number": number,
        "at": NOW - timedelta(seconds=ago_s),
        "total": 128_800,
        "currency": "CNY",
        "lines": (Line(what="足金戒指", quantity=1, amount=128_800),),
    }
    return Receipt(**{**values, **more})


def take(box: ShopBox, *receipts: Receipt) -> list[Answer]:
    return list(box.till.take(receipts))


def told(box: ShopBox) -> list[dict[str, Any]]:
    """What the hub is told of receipts, in order."""
    rows = box.db.execute("SELECT event FROM outbox WHERE kind = 'desk_fact' ORDER BY id")
    bodies = [json.loads(event)["body"] for (event,) in rows]
    return [body for body in bodies if body["what"] == "receipt"]


def bought(box: ShopBox, subject: str) -> list[tuple[str, ...]]:
    return [one.what for one in purchases_of(box.db, box.keys, subject)]


def sales(box: ShopBox) -> int | None:
    return sales_of_day(box.db, ALWAYS, NOW)


def consultant(box: ShopBox, name: str = "林晓") -> str:
    return Staff(box.db).add(name, "consultant", None, by=LOCAL, now=box.now()).id


def claim(box: ShopBox, staff: str, visit: str) -> None:
    box.floor.people.choose("tablet", staff, "")
    assert box.floor.guests.claim(visit, "tablet") == "mine"


def test_a_receipt_is_kept_once_and_told_once(box: ShopBox) -> None:
    first, again = take(box, receipt()), take(box, receipt())
    assert (
        first == again == [Answer(number="A-1", outcome="kept", rev=1, tied="none", why="nothing")]
    )
    (fact,) = told(box)
    assert fact["id"] == receipt_id("nj-001", "A-1")
    assert (fact["kind"], fact["value"], fact["currency"]) == ("sale", 128_800, "CNY")
    assert (fact["items"], fact["tied"], fact["buyer"]) == (1, "none", "guest")
    assert (fact["visit"], fact["rev"], fact["state"]) == (None, 1, "kept")


def test_another_content_is_refused_unless_it_is_a_later_word(box: ShopBox) -> None:
    take(box, receipt())
    (refused,) = take(box, receipt(total=1))
    assert (refused.outcome, refused.rev) == ("conflict", 1)
    (revised,) = take(box, receipt(total=100_000, rev=2))
    assert (revised.outcome, revised.rev) == ("kept", 2)
    assert take(box, receipt(total=1, rev=1))[0].outcome == "conflict"
    assert [(one["rev"], one["value"]) for one in told(box)] == [(1, 128_800), (2, 100_000)]


def test_a_receipt_of_a_member_is_on_the_card_and_sealed(box: ShopBox) -> None:
    member = box.member("王丽华", external_id="V-1")
    visit = box.visit(member, ago_s=600)
    (kept,) = take(box, receipt(member="Ｖ-1"))  # as another system writes it
    assert (kept.tied, kept.why) == ("member", "named")
    assert told(box)[0]["visit"] == visit.id
    assert bought(box, member.subject) == [("足金戒指",)]
    box.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw = (box.folder / "menkou.db").read_bytes()
    assert "足金戒指".encode() not in raw
    assert b"V-1" not in raw


def test_an_anonymous_receipt_holds_no_text(box: ShopBox) -> None:
    consultant(box)
    take(box, receipt(consultant="林晓", lines=(Line(what="刻字 给小美"),)))
    assert box.db.execute("SELECT count(*) FROM purchase").fetchone() == (0,)
    box.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert "小美".encode() not in (box.folder / "menkou.db").read_bytes()


def test_a_consultants_receipt_ties_to_the_guest_who_was_claimed(box: ShopBox) -> None:
    staff = consultant(box)
    visit = box.visit(ago_s=600)
    claim(box, staff, visit.id)
    (by_name,) = take(box, receipt(consultant=" 林晓 "))
    (by_id,) = take(box, receipt("A-2", consultant=staff))
    assert by_name.why == by_id.why == "only_claim"
    assert [(one["visit"], one["staff"]) for one in told(box)] == [(visit.id, staff)] * 2


def test_a_visit_ends_ten_minutes_after_its_receipt(box: ShopBox) -> None:
    member = box.member("王丽华", external_id="V-1")
    visit = box.visit(member, ago_s=1800)
    take(box, receipt("A-1", member="V-1", ago_s=599))
    assert box.till.see_off() == 0
    box.fixed = NOW + timedelta(seconds=1)
    assert box.till.see_off() == 1
    assert box.till.see_off() == 0
    rows = box.db.execute("SELECT kind, visit, actor, at FROM request").fetchall()
    assert rows == [("paid", visit.id, "till", "2026-11-22T03:00:01.000Z")]


def test_who_pays_again_or_nothing_stays(box: ShopBox) -> None:
    box.visit(box.member("王丽华", external_id="V-1"), ago_s=1800)
    take(box, receipt("A-1", member="V-1", ago_s=900), receipt("A-2", member="V-1", ago_s=60))
    assert box.till.see_off() == 0
    box.visit(box.member("李明", external_id="V-2"), ago_s=1800)
    take(box, receipt("B-1", member="V-2", ago_s=900, kind="return"))
    assert box.till.see_off() == 0


def test_two_of_one_name_are_not_told_apart(box: ShopBox) -> None:
    consultant(box)
    consultant(box)
    assert take(box, receipt(consultant="林晓"))[0].why == "no_consultant"


def test_a_queue_number_ties_to_its_member(box: ShopBox) -> None:
    member = box.member("王丽华", external_id="V-1")
    visit = box.visit(member, ago_s=600)
    given = box.queue.take(phone="", code="", member="V-1", actor=LOCAL)
    (kept,) = take(box, receipt(queue=queue_number(given.number)))
    assert (kept.tied, told(box)[0]["visit"]) == ("queue", visit.id)
    assert take(box, receipt("A-2", queue=999))[0].why == "no_number"


def test_a_wrong_person_takes_the_purchase_off_the_card(box: ShopBox) -> None:
    staff, member = consultant(box), box.member("王丽华")
    visit = box.visit(member, ago_s=600)
    claim(box, staff, visit.id)
    take(box, receipt(consultant="林晓"))
    assert bought(box, member.subject) == [("足金戒指",)]
    assert box.desk.wrong_person(visit.id, LOCAL)
    box.correct()
    assert box.till.tie_anew() == 1
    assert bought(box, member.subject) == []
    assert [(one["tied"], one["visit"]) for one in told(box)] == [("consultant", visit.id)]
    assert box.till.tie_anew() == 0


def test_a_wrong_person_leaves_what_the_till_says_of_a_member(box: ShopBox) -> None:
    member = box.member("王丽华", external_id="V-1")
    visit = box.visit(member, ago_s=600)
    take(box, receipt(member="V-1"))
    assert box.desk.wrong_person(visit.id, LOCAL)
    box.correct()
    box.till.tie_anew()
    assert bought(box, member.subject) == [("足金戒指",)]
    assert [(one["rev"], one["visit"]) for one in told(box)] == [(1, visit.id), (2, None)]


def test_a_receipt_that_came_before_its_claim_or_its_member_ties_later(box: ShopBox) -> None:
    staff, visit = consultant(box), box.visit(ago_s=600)
    assert take(box, receipt(consultant="林晓"))[0].why == "no_claim"
    assert take(box, receipt("A-2", member="V-9"))[0].why == "no_member"
    claim(box, staff, visit.id)
    member = box.member("王丽华", external_id="V-9")
    assert box.till.tie_anew() == 2
    assert take(box, receipt("A-2", member="V-9"))[0].tied == "member"
    assert len(purchases_of(box.db, box.keys, member.subject)) == 1
    assert {one["visit"] for one in told(box) if one["rev"] == 2} == {visit.id, None}


def test_a_till_that_was_offline_for_days_ties_its_receipts_too(box: ShopBox) -> None:
    member = box.member("王丽华", external_id="V-1")
    visit = box.visit(member, ago_s=5 * 86_400)
    (kept,) = take(box, receipt(member="V-1", ago_s=5 * 86_400 - 900))
    assert (kept.why, told(box)[0]["visit"]) == ("named", visit.id)


@pytest.mark.parametrize(
    ("ago_s", "outcome"), [(-601, "future"), (-599, "kept"), (91 * 86_400, "too_old")]
)
def test_a_receipt_is_of_its_time(box: ShopBox, ago_s: float, outcome: str) -> None:
    assert take(box, receipt(ago_s=ago_s))[0].outcome == outcome


def test_what_is_voided_is_no_sale_whichever_comes_first(box: ShopBox) -> None:
    take(box, receipt("A-1"), receipt("A-2", kind="return", voids="A-1"))
    take(box, receipt("B-2", kind="return", voids="B-1"), receipt("B-1"), receipt("C-1"))
    assert sales(box) == 1
    states = {one["id"]: one["state"] for one in told(box)}
    voided = [number for number in ("A-1", "B-1", "C-1") if states[_id(number)] == "voided"]
    assert voided == ["A-1", "B-1"]
    take(box, receipt("A-2", kind="return", rev=2))  # it voids nothing after all
    assert sales(box) == 2


def _id(number: str) -> str:
    return receipt_id("nj-001", number)


def test_staff_purchases_and_returns_are_no_sales(box: ShopBox) -> None:
    assert sales(box) is None
    take(box, receipt("A"), receipt("B", buyer="staff"), receipt("C", kind="return"))
    take(box, receipt("D", ago_s=86_400))
    assert sales(box) == 1


def test_an_erased_member_leaves_counts_of_nobody(box: ShopBox) -> None:
    member = box.member("王丽华", external_id="V-1")
    take(box, receipt(member="V-1"))
    box.erase(member)
    assert box.db.execute("SELECT count(*) FROM purchase").fetchone() == (0,)
    assert sales(box) == 1
    assert take(box, receipt(member="V-1"))[0].outcome == "kept"  # known, and nothing anew
    assert box.db.execute("SELECT count(*) FROM purchase").fetchone() == (0,)
    assert len(told(box)) == 1


def test_without_the_key_a_members_receipt_waits_and_others_are_kept(box: ShopBox) -> None:
    box.member("王丽华", external_id="V-1")
    box.root = None
    with pytest.raises(KeysMissing):
        take(box, receipt("A-1"), receipt("A-2", member="V-1"))
    assert sales(box) is None
    assert take(box, receipt("A-1"))[0].outcome == "kept"


def test_who_comes_while_others_wait_comes_again(box: ShopBox) -> None:
    inside, go = threading.Semaphore(0), threading.Event()
    real = box.till._root

    def slow() -> bytes:
        inside.release()
        assert go.wait(5)
        return real()

    box.till._root = slow
    threads = [threading.Thread(target=take, args=(box, receipt(f"A-{n}"))) for n in range(3)]
    for thread in threads:
        thread.start()
    assert inside.acquire(timeout=5)
    while box.till._room._value:
        pass
    with pytest.raises(TillBusy):
        take(box, receipt("A-9"))
    go.set()
    for thread in threads:
        thread.join()
    assert sales(box) == 3
    assert take(box, receipt("A-9"))[0].outcome == "kept"


@pytest.mark.parametrize("state", ["hourly", "refused"])
def test_a_store_that_is_nearly_full_takes_no_more(box: ShopBox, state: str) -> None:
    box.db.execute(
        "INSERT OR REPLACE INTO storage (id, state, at) VALUES (1, ?, '2026-11-22')", [state]
    )
    with pytest.raises(StoreFull):
        take(box, receipt())
    assert told(box) == []


def test_a_batch_is_kept_whole_or_not_at_all(box: ShopBox) -> None:
    many = [receipt(f"N-{n}") for n in range(BATCH)]
    assert {one.outcome for one in take(box, *many)} == {"kept"}
    with pytest.raises(ValueError, match="at most"):
        take(box, *many, receipt("more"))
    box.fill_up()
    with pytest.raises(StoreFull):
        take(box, receipt("X-1"))


def test_receipts_of_nobody_go_after_90_days_and_purchases_later(box: ShopBox) -> None:
    box.member("王丽华", external_id="V-1")
    take(box, receipt("A"), receipt("B", member="V-1"))

    def numbers(later: timedelta) -> list[str]:
        assert isinstance(box.fixed, datetime)
        keeping.prune(box.db, box.teller.epoch, NOW + later, keeping.USUAL)
        return [n for (n,) in box.db.execute("SELECT number FROM receipt ORDER BY number")]

    box.db.execute("DELETE FROM outbox")  # the hub has them
    assert numbers(timedelta(days=89)) == ["A", "B"]
    assert numbers(timedelta(days=91)) == ["B"]
    assert numbers(timedelta(days=500)) == []


def test_nothing_of_a_receipt_is_in_a_repr(box: ShopBox) -> None:
    one = receipt(member="V-1", consultant="林晓")
    assert "V-1" not in repr(one)
    assert "林晓" not in repr(one)
    assert "足金" not in repr(one)
    assert dataclasses.replace(one).named == "mc"
