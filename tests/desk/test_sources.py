"""Where guests come from: asked once or ten times, the last answer is what head office counts."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.core.sources import UNKNOWN, Answer
from edge.desk.sources import SourceDesk
from edge.store.keeping import prune
from tests.desk.test_guests import card, told, works
from tests.web.shopbox import CHANNELS, SHANGHAI, ShopBox

NOW = datetime(2026, 11, 22, 16, 25, 30, tzinfo=SHANGHAI)


@pytest.fixture
def box(tmp_path: Path) -> ShopBox:
    return ShopBox(tmp_path, now=NOW)


def facts(box: ShopBox) -> list[tuple[Any, ...]]:
    names = ("id", "rev", "visit", "staff", "channel", "advert")
    return [tuple(one.get(name) for name in names) for one in told(box) if one["what"] == "source"]


def test_two_taps_are_kept_and_the_last_word_wins(box: ShopBox) -> None:
    lin = works(box, "小林", "phone-1")
    visit, sources = box.visit().id, box.sources
    assert card(box, visit).served.source is None, "nobody was asked"
    assert sources.answer(visit, "xiaohongshu", "", "phone-1") == "kept"
    assert sources.in_force().wants_advert(card(box, visit).served.source)
    for _ in range(2):
        assert sources.answer(visit, "xiaohongshu", "xhs-2026-11", "phone-1") == "kept"
    assert sources.answer(visit, "friend", "", "local") == "kept"
    assert card(box, visit).served.source == Answer(channel="friend")
    assert facts(box) == [
        (visit, 1, visit, lin, "xiaohongshu", None),
        (visit, 2, visit, lin, "xiaohongshu", "xhs-2026-11"),
        (visit, 3, visit, None, "friend", None),
    ]
    assert [actor for actor, _ in box.audited("source")] == ["phone-1", "phone-1", "local"]


def test_not_knowing_is_an_answer_and_not_asking_is_none(box: ShopBox) -> None:
    asked, not_asked = box.visit().id, box.visit().id
    assert box.sources.answer(asked, UNKNOWN, "", "local") == "kept"
    assert card(box, asked).served.source == Answer(channel=UNKNOWN)
    assert card(box, not_asked).served.source is None
    assert [fact[4] for fact in facts(box)] == [UNKNOWN]


@pytest.mark.parametrize(
    ("channel", "advert"), [("王丽华", ""), ("friend", "13800138000"), ("", ""), ("tv", "")]
)
def test_what_is_not_on_the_list_is_not_kept(box: ShopBox, channel: str, advert: str) -> None:
    assert box.sources.answer(box.visit().id, channel, advert, "local") == "unlisted"
    assert box.sources.enter("entry-0001", channel, advert, "local") == "unlisted"
    assert told(box) == []


def test_of_who_is_no_guest_nothing_is_kept(box: ShopBox) -> None:
    for visit in (box.visit(who="staff").id, "no such visit"):
        assert box.sources.answer(visit, "friend", "", "local") == "gone"


def test_a_guest_whom_no_camera_saw_is_one_however_often_the_form_is_sent(box: ShopBox) -> None:
    sources = box.sources
    for _ in range(3):
        assert sources.enter("entry-0001", "xiaohongshu", "", "local") == "kept"
    assert sources.enter("entry-0001", "xiaohongshu", UNKNOWN, "local") == "kept"
    assert sources.enter("entry-0002", "friend", "", "local") == "kept"
    assert sources.enter("short", "friend", "", "local") == "gone"
    (first, _, visit, *_), second, third = facts(box)
    assert visit is None
    assert second == (first, 2, None, None, "xiaohongshu", UNKNOWN)
    assert third[0] != first
    assert "entry-0001" not in str(told(box)), "what a page calls it stays here"
    assert [one.answer.channel for one in sources.today()] == ["friend", "xiaohongshu"]
    box.fixed = NOW + timedelta(hours=8)
    assert sources.today() == ()


def test_the_claim_of_a_wrong_person_leaves_the_answer_with_the_visit(box: ShopBox) -> None:
    visit = box.visit(box.member("王丽华")).id
    box.sources.answer(visit, "friend", "", "local")
    box.desk.wrong_person(visit, "local")
    box.correct()
    assert card(box, visit).served.source == Answer(channel="friend")


def test_todays_appointment_says_by_what_it_was_made(box: ShopBox) -> None:
    member = box.member("王丽华", external_id="V-1")
    at = (NOW + timedelta(hours=1)).isoformat()
    booking = {"at": at, "member": "V-1", "what": "对戒", "channel": "app"}
    assert box.appointments.book(booking, "local").problem is None
    booked_by = card(box, box.visit(member).id).booked_by
    assert box.sources.in_force().proposed(booked_by) == "app"


def test_the_manager_adds_and_stops_and_nothing_is_lost(box: ShopBox) -> None:
    sources, visit = box.sources, box.visit().id
    assert sources.add_channel("radio", "电台", "", "local") is None
    assert sources.add_advert("radio", "morning", "早间", "Morning", "local") is None
    assert sources.answer(visit, "radio", "morning", "local") == "kept"
    assert sources.switch("radio", "", active=False, actor="local") is None
    assert "radio" not in [one.id for one in sources.in_force().asked]
    shown = sources.in_force().channel(Answer(channel="radio"))
    assert shown is not None
    assert (shown.zh, shown.en) == ("电台", "电台")
    assert sources.add_channel("radio", "又", "", "local") == "taken"
    assert sources.add_channel("Wang Lihua", "王", "", "local") == "id"
    assert sources.add_channel("c13800138000", "王", "", "local") == "id"
    assert sources.add_channel("x", " ", "", "local") == "name"
    assert sources.add_advert("none", "x", "王", "", "local") == "gone"
    assert sources.switch("radio", "none", active=True, actor="local") == "gone"
    for number in range(30):
        sources.add_channel(f"c{number}", "渠道", "", "local")
    assert sources.add_channel("more", "渠道", "", "local") == "full"


def test_the_list_of_head_office_is_changed_by_nobody_here(box: ShopBox) -> None:
    box.sources.add_channel("radio", "电台", "", "local")
    theirs = SourceDesk(box.means, channels=CHANNELS[:1], fixed=True, staff=box.floor.people)
    assert [one.id for one in theirs.in_force().channels] == ["friend"]
    assert theirs.add_channel("tv", "电视", "", "local") == "fixed"
    assert theirs.switch("friend", "", active=False, actor="local") == "fixed"
    assert "radio" in [one.id for one in box.sources.in_force().channels], "it is kept beside"


def test_answers_are_kept_as_long_as_their_visits(box: ShopBox) -> None:
    box.sources.enter("entry-0001", "friend", "", "local")
    box.db.execute("DELETE FROM outbox")  # what head office lacks keeps all that it was made of
    epoch = box.db.execute("SELECT epoch FROM epoch").fetchone()[0]
    prune(box.db, epoch, NOW + timedelta(days=399))
    assert box.db.table("source").count == 1
    prune(box.db, epoch, NOW + timedelta(days=401))
    assert box.db.table("source").count == 0
