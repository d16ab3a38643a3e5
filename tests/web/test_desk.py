"""What stands on the consultants' cards, and what does not."""

import dataclasses
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from edge.core.appointments import Booking, Course
from edge.core.greeting import LastVisit
from edge.core.visit import Revised
from edge.keys.profiles import ProfileKeys
from edge.ports import Fact
from edge.store.appointment_book import take
from edge.store.appointments import Held, Whose
from edge.store.database import StoreFull, transaction
from tests.web.shopbox import SHANGHAI, ShopBox

NOW = datetime(2026, 11, 21, 16, 25, 30, tzinfo=SHANGHAI)


@pytest.fixture
def box(tmp_path: Path) -> ShopBox:
    return ShopBox(tmp_path, now=NOW)


def test_a_card_holds_what_a_consultant_asks(box: ShopBox) -> None:
    member = box.member(
        "王丽华",
        called="王女士",
        tier="金卡",
        note="喜欢安静",
        consultant="小林",
        appointment_at=NOW + timedelta(hours=1),
        last_visit_on=date(2026, 9, 1),
        last_visit_shop="nj-002",
    )
    box.visit(member, ago_s=5, sure=False)
    (card,) = box.desk.arrivals("local").cards
    assert (card.who, card.name, card.tier, card.note) == ("named", "王女士", "金卡", "喜欢安静")
    assert (card.certainty, card.fresh, card.consultant) == ("likely", True, "小林")
    assert card.last_visit == LastVisit(on=date(2026, 9, 1), shop="nj-002")
    assert [reason.code for reason in card.reasons] == ["appointment", "first_here"]
    for personal in ("王", "金卡", "喜欢", "小林", "nj-002"):
        assert personal not in repr(card)


def test_an_appointment_of_head_office_says_why_now(box: ShopBox) -> None:
    member = box.member("王丽华", external_id="C-1", appointment_at=NOW + timedelta(days=3))
    box.visit(member, ago_s=5)
    keys = ProfileKeys(box.root or b"")
    for number, (at, what) in enumerate(
        [
            (NOW - timedelta(hours=3), "早上的"),
            (NOW - timedelta(minutes=20), "取戒指"),
            (NOW + timedelta(hours=3), "晚上的"),
            (NOW + timedelta(days=1), "明天的"),
        ]
    ):
        told = Held(
            id=f"{number:026}",
            source="office",
            rev=1,
            whose=Whose(ref=keys.blind("c-1")),
            at=at,
            booking=Booking(at=at, what=what, channel="app"),
            course=Course(),
        )
        with transaction(box.db):
            take(box.db, keys, told, NOW, box.teller)
    (card,) = box.desk.arrivals("local").cards
    reason = card.reasons[0]
    assert (reason.code, reason.what, reason.channel) == ("appointment", "取戒指", "app")
    assert reason.at == NOW - timedelta(minutes=20)


def test_the_later_of_two_last_visits_is_shown(box: ShopBox) -> None:
    member = box.member("王丽华", last_visit_on=date(2026, 9, 1), last_visit_shop="nj-001")
    box.visit(member, ago_s=9 * 86400)
    box.visit(member)
    (card,) = box.desk.arrivals("local").cards
    assert card.last_visit == LastVisit(on=date(2026, 11, 12), shop=None)
    assert card.reasons == ()


def test_who_wishes_no_other_name_is_called_by_the_name(box: ShopBox) -> None:
    box.visit(box.member("Emily Clark"), sure=None)
    (card,) = box.desk.arrivals("local").cards
    assert (card.name, card.certainty) == ("Emily Clark", "card")


def test_an_arrival_is_new_for_thirty_seconds(box: ShopBox) -> None:
    box.visit(ago_s=31)
    box.visit(ago_s=12)
    arrivals = box.desk.arrivals("local")
    assert [card.fresh for card in arrivals.cards] == [True, False]
    assert arrivals.again_s == 19
    box.fixed = NOW + timedelta(seconds=19)
    assert box.desk.arrivals("local").again_s is None


def test_yesterday_is_not_shown_after_midnight(box: ShopBox) -> None:
    box.fixed = NOW.replace(hour=0, minute=10)
    box.visit(ago_s=1200)
    today = box.visit(ago_s=60)
    assert [card.visit for card in box.desk.arrivals("local").cards] == [today.id]


def test_an_erased_member_is_a_member_without_a_name(box: ShopBox) -> None:
    member = box.member("王丽华")
    box.visit(member)
    box.erase(member)
    (card,) = box.desk.arrivals("local").cards
    assert (card.who, card.name, card.reasons) == ("erased", "", ())
    assert box.audited("view") == []


def test_without_the_key_names_are_locked_and_it_is_said(box: ShopBox) -> None:
    box.visit(box.member("王丽华"))
    assert not box.means.names_locked()
    box.root = None
    (card,) = box.desk.arrivals("local").cards
    assert (card.who, card.name) == ("locked", "")
    assert box.means.names_locked()
    assert box.audited("view") == []


def test_without_members_a_missing_key_is_no_trouble(box: ShopBox) -> None:
    box.root = None
    assert not box.means.names_locked()


def test_another_key_opens_no_name(box: ShopBox, caplog: pytest.LogCaptureFixture) -> None:
    box.visit(box.member("王丽华"))
    box.root = bytes(32)
    for _ in range(3):
        (card,) = box.desk.arrivals("local").cards
        assert card.who == "locked"
    assert len(caplog.records) == 1
    assert "王丽华" not in caplog.text


def test_one_damaged_profile_hides_no_other(box: ShopBox) -> None:
    damaged, sound = box.member("王丽华"), box.member("张伟")
    box.visit(damaged, ago_s=9)
    box.visit(sound, ago_s=5)
    box.db.execute("UPDATE member SET profile = zeroblob(60) WHERE id = ?", [damaged.id])
    assert [card.who for card in box.desk.arrivals("local").cards] == ["named", "locked"]


def test_a_card_is_logged_when_it_is_shown_and_not_at_every_refresh(box: ShopBox) -> None:
    member = box.member("王丽华")
    box.visit(member, ago_s=9)
    for device in ("D1", "D1", "D2"):
        box.desk.arrivals(device)
    box.visit(member, ago_s=5, reentry=True)
    box.desk.arrivals("D1")
    subject = member.subject
    assert box.audited("view") == [("D1", subject), ("D2", subject), ("D1", subject)]


def test_a_visit_that_is_corrected_to_another_member_is_logged_anew(box: ShopBox) -> None:
    mistaken, right = box.member("王丽华"), box.member("张伟")
    visit = box.visit(mistaken)
    box.desk.arrivals("D1")
    corrected = dataclasses.replace(visit, rev=1, subject=right.subject)
    change = Revised(at=NOW, visit=corrected, reason="wrong_person")
    box.log.commit([Fact(change=change, mono=1.0, clock="ok")])
    (card,) = box.desk.arrivals("D1").cards
    assert card.name == "张伟"
    assert box.audited("view") == [("D1", mistaken.subject), ("D1", right.subject)]


def test_a_name_whose_showing_cannot_be_logged_is_not_shown(
    box: ShopBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.visit(box.member("王丽华"))

    def full(*_: object, **__: object) -> None:
        raise StoreFull("no room")

    monkeypatch.setattr("edge.console.viewbook.note_views", full)
    (card,) = box.desk.arrivals("D1").cards
    assert (card.who, card.name) == ("locked", "")


def test_faces_can_be_turned_off_on_a_full_disk(box: ShopBox) -> None:
    box.fill_up()
    with pytest.raises(StoreFull):
        box.desk.switch_faces("off", "device-1")
    assert not box.faces_off()
    box.reserved = True
    box.desk.switch_faces("off", "device-1")
    assert box.faces_off()
    assert box.audited("faces_off")
    assert box.woken


def test_the_reserved_room_is_not_spent_on_turning_faces_on(box: ShopBox) -> None:
    box.desk.switch_faces("off", "device-1")
    box.fill_up()
    box.reserved = True
    with pytest.raises(StoreFull):
        box.desk.switch_faces("on", "device-1")
    assert box.faces_off()
    assert box.reserved
