"""Appointments over a real store: who has come, what was booked elsewhere, what leaves the shop."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.core.appointments import Booking, Course
from edge.desk.appointment_view import Line
from edge.desk.bookings import Told
from edge.store.appointment_book import AppointmentsFull, take
from edge.store.appointments import KEPT_AFTER, Held, forget_past
from edge.store.database import transaction
from edge.store.people import Member
from tests.web.shopbox import SHANGHAI, ShopBox

AT = datetime(2026, 11, 22, 15, 0, tzinfo=SHANGHAI)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[ShopBox]:
    made = ShopBox(tmp_path, now=AT)
    yield made
    made.db.close()


@pytest.fixture
def wang(box: ShopBox) -> Member:
    return box.member("王丽华", external_id="C-1", called="王姐")


def clock(box: ShopBox, minutes: float) -> None:
    """Let time go by, to so many minutes after the appointment's time."""
    then = AT + timedelta(minutes=minutes)
    box.hands.seconds += (then - box.now()).total_seconds()
    box.fixed = then


def told(number: str = "B-7", rev: int = 1, minutes: float = 0, **more: str) -> dict[str, Any]:
    at = (AT + timedelta(minutes=minutes)).isoformat()
    return {"id": number, "rev": rev, "external_id": "C-1", "at": at, "channel": "app", **more}


def hear(box: ShopBox, message: dict[str, Any]) -> str | None:
    texts = {name: str(value) for name, value in message.items() if name != "rev"}
    read = box.appointments.intake.read(texts)
    assert isinstance(read, Told), read
    return box.appointments.intake.hear(read, message["rev"], "sender:crm")


def lines(box: ShopBox, day: datetime = AT) -> tuple[Line, ...]:
    return box.appointments.day("local", day.date()).lines


def only(box: ShopBox) -> Line:
    (line,) = lines(box)
    return line


def tap(box: ShopBox, to: str, reason: str = "") -> str:
    return box.appointments.tap(only(box).id, to, reason, "local")


def facts(box: ShopBox) -> list[dict[str, Any]]:
    """Return what the hub was told, without what is empty."""
    rows = box.db.execute("SELECT event FROM outbox WHERE kind = 'desk_fact' ORDER BY id")
    bodies = [json.loads(event)["body"] for (event,) in rows]
    return [{k: v for k, v in body.items() if v is not None} for body in bodies]


def test_a_visit_that_opens_around_the_time_marks_the_member_as_arrived(
    box: ShopBox, wang: Member
) -> None:
    hear(box, told())
    clock(box, 12)
    visit = box.visit(wang)
    assert box.appointments.watch.follow() == 1
    line = only(box)
    assert (line.name, line.state, line.late_min, line.by_itself) == ("王姐", "arrived", 12, True)
    assert box.appointments.watch.follow() == 0
    last = facts(box)[-1]
    assert (last["state"], last["visit"], last["channel"], last["late_min"]) == (
        *("arrived", visit.id, "app", 12),
    )


def test_another_member_and_a_visit_hours_before_mark_nobody(box: ShopBox, wang: Member) -> None:
    hear(box, told())
    box.visit(box.member("李明"))
    box.visit(wang, ago_s=2 * 3600)
    assert box.appointments.watch.follow() == 0


def test_of_two_bookings_at_one_time_both_have_come(box: ShopBox, wang: Member) -> None:
    hear(box, told("B-7", what="取戒指"))
    hear(box, told("B-8", what="试戴"))
    box.visit(wang)
    assert box.appointments.watch.follow() == 2
    assert [line.state for line in lines(box)] == ["arrived", "arrived"]


def test_wrong_person_takes_the_arrival_back_and_it_is_told_again(
    box: ShopBox, wang: Member
) -> None:
    hear(box, told())
    visit = box.visit(wang)
    box.appointments.watch.follow()
    box.desk.wrong_person(visit.id, "local")
    assert box.appointments.watch.follow() == 0, "the eyes have not corrected it yet"
    box.correct()
    assert box.appointments.watch.follow() == 1
    assert only(box).state == "expected"
    states = [(fact["state"], fact["rev"]) for fact in facts(box) if fact["what"] == "appointment"]
    assert states == [("expected", 1), ("arrived", 2), ("expected", 3)]


def test_who_was_said_not_to_be_here_is_not_marked_again(box: ShopBox, wang: Member) -> None:
    hear(box, told())
    box.visit(wang)
    box.appointments.watch.follow()
    assert tap(box, "expected") == "done"
    assert box.appointments.watch.follow() == 0
    hear(box, told(rev=2, minutes=30))
    assert box.appointments.watch.follow() == 1, "at another time it is another thing"


def test_nobody_is_marked_by_a_clock_that_nobody_vouches_for(tmp_path: Path) -> None:
    box = ShopBox(tmp_path, now=AT, clock="suspect")
    hear(box, told())
    box.visit(box.member("王丽华", external_id="C-1"))
    assert box.appointments.watch.follow() == 0
    box.db.close()


def test_a_no_show_has_a_reason_and_can_be_corrected(box: ShopBox, wang: Member) -> None:
    hear(box, told(minutes=1))
    assert tap(box, "no_show") == "cannot"
    assert tap(box, "no_show", "because") == "cannot"
    assert tap(box, "no_show", "ill") == "cannot"
    clock(box, 41)
    assert only(box).state == "late"
    assert tap(box, "no_show", "ill") == "done"
    assert tap(box, "no_show", "ill") == "known"
    assert (only(box).state, only(box).reason) == ("no_show", "ill")
    assert tap(box, "arrived") == "done"
    assert (only(box).state, only(box).reason, only(box).late_min) == ("arrived", None, 40)
    assert tap(box, "kept") == "done"
    assert [fact["state"] for fact in facts(box)] == ["expected", "no_show", "arrived", "kept"]
    assert facts(box)[1]["reason"] == "ill"
    assert box.appointments.tap("0" * 26, "kept", "", "local") == "gone"


def test_what_happened_stands_though_it_is_cancelled_where_it_was_booked(
    box: ShopBox, wang: Member
) -> None:
    hear(box, told())
    tap(box, "arrived")
    hear(box, told(rev=2, state="cancelled"))
    assert (only(box).state, only(box).withdrawn) == ("arrived", True)
    tap(box, "kept")
    assert (only(box).state, only(box).withdrawn) == ("kept", True)


def test_words_on_a_booking_may_come_twice_and_in_any_order(box: ShopBox, wang: Member) -> None:
    assert hear(box, told(rev=2, minutes=60, what="试戴")) == "new"
    assert hear(box, told(rev=2, minutes=60, what="试戴")) == "older"
    assert hear(box, told(rev=1)) == "older"
    assert (only(box).what, only(box).at.hour) == ("试戴", 16)
    assert hear(box, told(rev=3, minutes=60, what="试戴")) == "same"
    assert hear(box, told(rev=4, state="cancelled")) == "changed"
    assert hear(box, told(rev=3, minutes=90)) == "older"
    assert only(box).state == "cancelled"
    assert len(facts(box)) == 2
    assert hear(box, told("B-9", rev=5, state="cancelled")) == "new", "heard of as cancelled"
    assert hear(box, told("B-9", rev=4)) == "older"


def test_a_member_may_join_after_the_booking(box: ShopBox) -> None:
    hear(box, told())
    assert (only(box).member, only(box).name) == (False, "")
    box.visit(box.member("王丽华", external_id="c-1"))
    assert box.appointments.watch.follow() == 1
    assert only(box).name == "王丽华"


CSV = """预约号,会员号,姓名,手机号,预约时间,项目,渠道,状态
B-1,C-1,,,2026-11-22 15:00,取戒指,小程序,
B-2,,李明,13900139000,2026-11-22 16:00,试戴,电话,已预约
B-3,,,,2026-11-22 17:00,,,
B-4,C-1,,,明天,,,
b-1,C-1,,,2026-11-22 18:00,,,
B-5,C-1,,,2026-11-22 18:30
B-6,,赵云,,2026-11-22 19:00,,,已取消
"""


def test_a_file_is_taken_row_by_row_and_once(box: ShopBox, wang: Member) -> None:
    loaded = box.appointments.intake.load(CSV.encode("gbk"), "local")
    assert (loaded.new, loaded.changed, loaded.known, loaded.problem) == (2, 0, 1, None)
    assert [(fault.line, fault.column, fault.code) for fault in loaded.faults] == [
        (4, "name", "missing"),
        (5, "at", "time"),
        (6, "id", "twice"),
        (7, "", "cells"),
    ]
    assert [(line.name, line.channel) for line in lines(box)] == [
        ("王姐", "app"),
        ("李明", "phone"),
    ]
    again = box.appointments.intake.load(CSV.encode("utf-8-sig"), "local")
    assert (again.new, again.changed, again.known) == (0, 0, 3)
    moved = CSV.replace("16:00,试戴", "16:30,试戴").replace("小程序,\n", "小程序,已取消\n")
    third = box.appointments.intake.load(moved.encode(), "local")
    assert (third.new, third.changed) == (0, 2)
    assert [(line.at.minute, line.state) for line in lines(box)] == [
        (0, "cancelled"),
        (30, "expected"),
    ]
    assert box.appointments.intake.load(b"name\nx\n", "local").missing == ("id",)


BOOKING = {
    **{"date": "2026-11-23", "time": "11:30", "what": "改圈口", "channel": "phone"},
    **{"name": "孙悦", "phone": "137 0013 7000", "consultant": "小林"},
}
TOMORROW = AT + timedelta(days=1)


def test_of_too_many_bookings_the_box_says_so_and_head_office_is_heard_still(
    box: ShopBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.store.appointment_book.MOST", 1)
    assert box.appointments.book(BOOKING, "local").problem is None
    assert box.appointments.book({**BOOKING, "time": "12:00"}, "local").problem == "full"
    loaded = box.appointments.intake.load(CSV.encode(), "local")
    assert (loaded.problem, loaded.new) == ("full", 0)
    with pytest.raises(AppointmentsFull):
        hear(box, told())
    order = Held(
        id="0" * 26,
        source="office",
        rev=1,
        at=AT,
        booking=Booking(at=AT, channel="app"),
        course=Course(),
    )
    with transaction(box.db):
        assert take(box.db, box.keys, order, AT, box.teller) == "new"


def test_a_booking_by_phone_is_entered_once_and_moved(box: ShopBox) -> None:
    made = box.appointments.book(BOOKING, "local")
    assert made.problem is None
    assert box.appointments.book(BOOKING, "local") == made, "a form that was sent twice"
    (line,) = lines(box, TOMORROW)
    assert (line.name, line.phone[-4:], line.what, line.here) == ("孙悦", "7000", "改圈口", True)
    assert "137001" not in line.phone
    assert box.appointments.phone(line.id, "local") == "13700137000"
    again = {"date": "2026-11-22", "time": "16:00"}
    assert box.appointments.move(line.id, again, "local").problem is None
    assert (only(box).name, only(box).at.hour) == ("孙悦", 16)
    assert [how for _, how in audited(box)] == ["book", "phone", "move"]


def audited(box: ShopBox) -> list[tuple[str, str]]:
    rows = box.db.execute("SELECT actor, detail FROM audit WHERE what = 'appointment' ORDER BY id")
    return [(actor, json.loads(detail)["how"]) for actor, detail in rows]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": "", "phone": ""}, "who"),
        ({"time": ""}, "time"),
        ({"date": "2036-01-01"}, "time_far"),
        ({"phone": "12"}, "phone"),
        ({"what": "x" * 81}, "long"),
        ({"member": "nobody"}, "member"),
    ],
    ids=str,
)
def test_what_cannot_be_booked_is_said(box: ShopBox, changes: dict[str, str], problem: str) -> None:
    assert box.appointments.book({**BOOKING, **changes}, "local").problem == problem
    assert facts(box) == []


def test_two_guests_of_one_consultant_at_one_time_are_marked(box: ShopBox) -> None:
    box.appointments.book(BOOKING, "local")
    box.appointments.book({**BOOKING, "name": "李明", "consultant": "小林 "}, "local")
    box.appointments.book({**BOOKING, "name": "赵云", "consultant": "小周"}, "local")
    clashes = {line.name: line.clash for line in lines(box, TOMORROW)}
    assert clashes == {"孙悦": True, "李明": True, "赵云": False}


def test_a_members_booking_is_sealed_with_the_member_and_goes_with_the_member(
    box: ShopBox, wang: Member
) -> None:
    box.appointments.book({**BOOKING, "member": "C-1"}, "local")
    box.appointments.book(BOOKING, "local")
    hear(box, told(minutes=1440))
    names = [line.name for line in lines(box, TOMORROW)]
    assert sorted(names) == ["孙悦", "王姐", "王姐"]
    box.erase(wang)
    assert [line.name for line in lines(box, TOMORROW)] == ["孙悦"]
    for file in box.folder.glob("menkou.db*"):
        raw = file.read_bytes()
        for personal in ("王丽华", "孙悦", "改圈口", "13700137000", "B-7"):
            assert personal.encode() not in raw, file.name


def test_nothing_that_people_type_and_nobodys_name_leaves_the_shop(box: ShopBox) -> None:
    box.appointments.book({**BOOKING, "date": "2026-11-22"}, "local")
    clock(box, 500)
    tap(box, "no_show", "other")
    (event,) = box.db.execute("SELECT group_concat(event) FROM outbox").fetchone()
    for personal in ("孙悦", "13700137000", "改圈口", "小林"):
        assert personal not in event
        assert json.dumps(personal).strip('"') not in event
    assert [fact["state"] for fact in facts(box)] == ["expected", "no_show"]


def test_without_the_key_states_are_kept_and_nobody_is_named(box: ShopBox, wang: Member) -> None:
    hear(box, told())
    root, box.root = box.root, None
    box.visit(wang)
    assert box.appointments.watch.follow() == 1
    assert (only(box).name, only(box).what, only(box).state) == ("", "", "arrived")
    assert tap(box, "kept") == "done"
    assert facts(box)[-1]["channel"] == "app"
    assert box.appointments.book(BOOKING, "local").problem == "key"
    box.root = root
    assert (only(box).name, only(box).state) == ("王姐", "kept")


def test_one_that_cannot_be_opened_is_cancelled_and_booked_anew_all_the_same(
    box: ShopBox,
) -> None:
    hear(box, told())
    box.db.execute("UPDATE appointment SET sealed = x'00'")
    assert (only(box).what, only(box).state) == ("", "expected")
    assert hear(box, told(rev=2, state="cancelled")) == "changed"
    assert hear(box, told(rev=2, state="cancelled")) == "older"
    assert only(box).state == "cancelled"
    assert hear(box, told(rev=3, what="试戴")) == "changed"
    assert (only(box).what, only(box).state) == ("试戴", "expected")


def test_names_are_logged_as_seen_or_not_shown(box: ShopBox, wang: Member) -> None:
    hear(box, told())
    assert only(box).name == "王姐"
    assert only(box).name == "王姐"
    assert box.audited("view") == [("local", wang.subject)]
    assert box.appointments.day("token:x", AT.date(), names=False).lines[0].name == ""
    box.fill_up()
    (line,) = box.appointments.day("another", AT.date()).lines
    assert line.name == ""


def test_a_week_after_its_time_an_appointment_is_forgotten(box: ShopBox) -> None:
    box.appointments.book(BOOKING, "local")
    forget_past(box.db, TOMORROW + KEPT_AFTER - timedelta(hours=4))
    assert lines(box, TOMORROW)
    forget_past(box.db, TOMORROW + KEPT_AFTER)
    assert lines(box, TOMORROW) == ()


def test_the_manager_chooses_the_reasons_and_other_is_always_there(box: ShopBox) -> None:
    usual = box.appointments.day("local", AT.date()).reasons
    assert usual[-1] == "other"
    assert box.appointments.set_reasons(["weather", "<script>", "ill"], "local") == (
        *("ill", "weather", "other"),
    )
    assert box.appointments.set_reasons([], "local") == ("other",)


def test_the_card_of_who_comes_says_by_which_channel_it_was_booked(
    box: ShopBox, wang: Member
) -> None:
    hear(box, told("B-6", minutes=-90, what="取消的"))
    hear(box, told("B-6", rev=2, state="cancelled"))
    box.appointments.book(
        {**BOOKING, "date": "2026-11-22", "time": "15:30", "member": "C-1"}, "local"
    )
    box.visit(wang)

    def why() -> tuple[str, str, str | None]:
        (card,) = box.desk.arrivals("local").cards
        reason = card.reasons[0]
        return reason.code, reason.what, reason.channel

    assert why() == ("appointment", "改圈口", "phone")
    clock(box, 45)
    (line,) = (line for line in lines(box) if line.what == "改圈口")
    assert box.appointments.tap(line.id, "no_show", "forgot", "local") == "done"
    assert why() == ("appointment", "改圈口", "phone"), "who comes after all is to be told so"
