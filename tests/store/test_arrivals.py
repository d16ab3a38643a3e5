"""Who has come in, as the consultants' page asks, and who was shown which card."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from edge.console.viewbook import ViewBook
from edge.core.visit import Revised
from edge.ports import Fact
from edge.store import switches
from edge.store.arrivals import Shown, arrivals_since, note_views
from edge.store.audit import Audit
from edge.store.database import connect
from edge.store.figures import day_count
from tests.web.shopbox import ALWAYS, SHANGHAI, ShopBox

NOW = datetime(2026, 11, 21, 16, 25, 30, tzinfo=SHANGHAI)
SINCE = NOW - timedelta(hours=6)


@pytest.fixture
def box(tmp_path: Path) -> ShopBox:
    return ShopBox(tmp_path, now=NOW)


def test_the_newest_come_first_and_staff_void_and_private_visits_never(box: ShopBox) -> None:
    member = box.member("王丽华")
    old, new = box.visit(ago_s=600), box.visit(member, ago_s=5, sure=False)
    box.visit(ago_s=60, who="staff")
    gone = box.visit(ago_s=30)
    void = Revised(
        at=NOW,
        visit=type(gone)(
            id=gone.id, rev=1, opened_at=gone.opened_at, camera="door", who="visitor", void=True
        ),
        reason="u_turn",
    )
    box.log.commit([Fact(change=void, mono=1.0, clock="ok")])
    box.visit(ago_s=7 * 3600)
    found = arrivals_since(box.db, SINCE, limit=10)
    assert [row.visit for row in found] == [new.id, old.id]
    assert (found[0].subject, found[0].sure, found[0].correcting) == (member.subject, False, False)
    assert (found[1].subject, found[1].sure) == (None, None)
    assert [row.visit for row in arrivals_since(box.db, SINCE, limit=1)] == [new.id]


def test_the_last_visit_is_the_one_before_this_stay(box: ShopBox) -> None:
    member = box.member("王丽华")
    before = box.visit(member, ago_s=3 * 86400)
    first = box.visit(member, ago_s=4000)
    box.visit(member, ago_s=10, reentry=True, first_visit=first.id)
    again, came = arrivals_since(box.db, SINCE, limit=10)
    assert (again.reentry, came.reentry) == (True, False)
    assert again.last_visit_at == came.last_visit_at == before.opened_at
    other = box.member("张伟")
    box.visit(other)
    assert arrivals_since(box.db, SINCE, limit=1)[0].last_visit_at is None


def test_a_visit_is_being_corrected_until_the_eyes_have_done_it(box: ShopBox) -> None:
    visit = box.visit(box.member("王丽华"))
    assert switches.ask(box.db, kind="wrong_person", visit=visit.id, actor="local", now=NOW)
    assert arrivals_since(box.db, SINCE, limit=1)[0].correcting
    box.correct()
    (row,) = arrivals_since(box.db, SINCE, limit=1)
    assert (row.subject, row.correcting) == (None, False)


def test_a_view_is_logged_once_for_each_device_and_visit(box: ShopBox) -> None:
    cards = {"V1": "SUBJECT-1", "V2": "SUBJECT-2"}
    note_views(box.db, [Shown(device="D1", cards={"V1": "SUBJECT-1"})], now=NOW)
    for device in ("D1", "D2", "D1"):
        note_views(box.db, [Shown(device=device, cards=cards)], now=NOW)
    told = [(e.actor, e.subject, e.detail["visit"]) for e in Audit(box.db).entries()]
    assert [entry for entry in told if entry[0].startswith("D")] == [
        ("D1", "SUBJECT-1", "V1"),
        ("D1", "SUBJECT-2", "V2"),
        ("D2", "SUBJECT-1", "V1"),
        ("D2", "SUBJECT-2", "V2"),
    ]


def test_a_visit_that_became_another_members_is_another_view(box: ShopBox) -> None:
    for subject in ("SUBJECT-1", "SUBJECT-2", "SUBJECT-1"):
        note_views(box.db, [Shown(device="D1", cards={"V1": subject})], now=NOW)
    assert box.audited("view") == [("D1", "SUBJECT-1"), ("D1", "SUBJECT-2")]


def test_nobody_is_asked_to_correct_what_names_no_member_or_was_a_trial(box: ShopBox) -> None:
    trial = box.visit(box.member("王丽华"))
    box.db.execute("UPDATE visit SET origin = 'private' WHERE id = ?", [trial.id])
    for visit in (trial.id, box.visit().id, box.visit(who="staff").id, "no such visit"):
        assert not switches.ask(box.db, kind="wrong_person", visit=visit, actor="D1", now=NOW)
    assert switches.open_requests(box.db) == []


def test_when_nothing_is_new_nobody_is_waited_for(box: ShopBox) -> None:
    book = ViewBook(box.db_of_thread, box.now)
    book.note("D1", {"V1": "S"})
    writer = connect(box.folder)
    writer.execute("BEGIN IMMEDIATE")
    book.note("D1", {"V1": "S"})
    book.note("D1", {})
    writer.execute("ROLLBACK")
    writer.close()


def test_what_is_needed_to_log_a_view_once_is_kept_for_days_only(box: ShopBox) -> None:
    note_views(box.db, [Shown(device="D1", cards={"V1": "S"})], now=NOW)
    note_views(box.db, [Shown(device="D1", cards={"V2": "S"})], now=NOW + timedelta(days=4))
    assert box.db.execute("SELECT visit FROM card_view").fetchall() == [("V2",)]


def test_visitors_are_neither_reentries_nor_uncounted_and_members_count_once(box: ShopBox) -> None:
    member = box.member("王丽华")
    first = box.visit(member, ago_s=4000)
    box.visit(member, ago_s=100, reentry=True, first_visit=first.id)
    box.visit(box.member("张伟"), ago_s=90, counted=False)  # a check-in without a crossing
    box.visit(ago_s=80)
    box.visit(ago_s=70, who="staff")
    day = day_count(box.db, ALWAYS, NOW)
    assert (day.visitors, day.reentries, day.members) == (2, 1, 2)
    assert sum(hour.visitors for hour in day.hours) == 2
