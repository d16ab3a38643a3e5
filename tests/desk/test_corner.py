"""The manager's desk over a real store: what today is compared with, drawings, staff, health."""

import json
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from ulid import ULID

from edge.core.drawing import Drawing
from edge.core.hours import OpeningHours
from edge.core.visit import Crossed, Opened, Visit
from edge.desk.health import Health, Seen, disk_state
from edge.ports import Fact
from edge.store.waits import Waits
from edge.wire.codec import utc_text
from tests.web.shopbox import DOOR, SHANGHAI, ShopBox

NOW = datetime(2026, 11, 21, 16, 25, 30, tzinfo=SHANGHAI)
HOURS = OpeningHours(zone=SHANGHAI, by_weekday={day: (time(10), time(22)) for day in range(6)})
LINE = Drawing(line=((0.1, 0.5), (0.9, 0.55)), inside="below")


@pytest.fixture
def box(tmp_path: Path) -> ShopBox:
    made = ShopBox(tmp_path, now=NOW)
    made.corner = made.corner_desk(HOURS)
    return made


def came(box: ShopBox, day: date, *clocks: str, **more: Any) -> None:
    """Let somebody come in at each time of a day, by the door."""
    facts = []
    for number, clock in enumerate(clocks):
        at = datetime.combine(day, time.fromisoformat(clock), tzinfo=SHANGHAI)
        visit = {"id": str(ULID.from_datetime(at)), "rev": 0, "opened_at": at, "camera": "door"}
        crossed = Crossed(
            at=at,
            camera="door",
            direction="in",
            track=number,
            staff=False,
            turned_back=False,
            hours_open=True,
        )
        opened = Opened(visit=Visit(**{**visit, "who": "visitor", **more}))
        facts += [Fact(change=one, mono=1.0, clock="ok") for one in (crossed, opened)]
    box.log.commit(facts)


def watched(box: ShopBox, day: date, hours: int = 12) -> None:
    """Let the cameras have worked for so many hours from the opening on."""
    opens = datetime.combine(day, time(10), tzinfo=SHANGHAI)
    box.db.conn.executemany(
        "INSERT INTO watched VALUES (?, 900)",
        [[utc_text(opens + timedelta(minutes=15 * n))] for n in range(4 * hours)],
    )


def later(box: ShopBox, minutes: float) -> None:
    """Let time go by, on both of the kernel's clocks."""
    assert box.fixed
    box.fixed += timedelta(minutes=minutes)
    box.hands.seconds += 60 * minutes


def weeks_ago(weeks: int) -> date:
    return NOW.date() - timedelta(weeks=weeks)


def test_today_is_compared_with_days_that_were_watched_up_to_this_time(box: ShopBox) -> None:
    for weeks, clocks in ((1, ("11:00", "16:25", "16:30")), (2, ("11:00",)), (3, ("12:00",))):
        came(box, weeks_ago(weeks), *clocks)
    watched(box, weeks_ago(1))
    watched(box, weeks_ago(2), hours=11)  # a camera was away for an hour
    watched(box, weeks_ago(3))
    came(box, NOW.date(), "11:00", "11:05", "15:59")
    today = box.corner.today()
    assert today.usual.days == (weeks_ago(1), weeks_ago(3))
    assert [(one.day, one.why) for one in today.usual.left_out] == [(weeks_ago(2), "unwatched")]
    assert today.visitors == 3
    band = today.usual.visitors
    assert band
    assert (band.low, band.mean, band.high) == (1, 1.5, 2)
    assert today.hours[11] == 2
    assert today.conversion is None, "no till"


def test_a_sunday_without_hours_is_closed_and_weeks_before_the_box_are_not_named(
    box: ShopBox,
) -> None:
    sunday = NOW + timedelta(days=1)
    box.fixed = sunday
    came(box, (sunday - timedelta(weeks=2)).date(), "11:00")
    today = box.corner.today()
    assert [one.why for one in today.usual.left_out] == ["closed", "closed"]
    assert today.usual.days == ()


def test_a_day_that_was_counted_in_another_way_is_left_out(box: ShopBox) -> None:
    came(box, weeks_ago(1), "11:00", "12:00")
    watched(box, weeks_ago(1))
    box.db.execute("UPDATE visit SET basis = 'crossings'")
    assert [one.why for one in box.corner.today().usual.left_out] == ["basis"]


def test_conversion_is_of_the_same_time_on_both_days(box: ShopBox) -> None:
    came(box, weeks_ago(1), "11:00", "12:00")
    watched(box, weeks_ago(1))
    came(box, NOW.date(), "11:00", "12:00", "13:00", "14:00")
    last_week = NOW - timedelta(weeks=1)
    box.rung_up = [NOW - timedelta(hours=1), last_week, last_week + timedelta(hours=1)]
    today = box.corner.today()
    assert today.conversion == 25
    assert today.usual.conversion
    assert today.usual.conversion.mean == 50


def test_how_long_guests_wait_is_told_of_today_and_of_the_week_before(box: ShopBox) -> None:
    assert box.corner.today().waits is None
    ids = []
    for pause in (0, 10, 20):
        later(box, pause)
        box.queue.take(phone="13800138000", code="", member="", actor="local")
        ids.append(box.db.execute("SELECT id FROM queue_ticket ORDER BY number DESC").fetchone()[0])
    later(box, 10)
    for state in ("called", "back", "served"):
        assert box.queue.move(ids[0], state, "local")
    box.queue.move(ids[1], "gone", "local")
    waits = box.corner.today().waits
    assert waits == Waits(waiting=1, longest=10, served=1, median=40, gone=1)
    box.db.execute("UPDATE queue_ticket SET day = ?", [weeks_ago(1).isoformat()])
    before = box.corner.today().waits_before
    assert before == Waits(waiting=1, longest=None, served=1, median=40, gone=1)


def test_a_drawing_is_kept_told_and_audited_and_the_file_can_have_it_back(box: ShopBox) -> None:
    assert box.corner.draw("door", LINE, 0, "device:1") == "kept"
    camera = box.corner.camera("door")
    assert camera
    assert (camera.drawing, camera.rev, camera.by_file, camera.in_force) == (LINE, 1, False, None)
    assert box.woken == ["eyes"]
    box.counted_by["door"] = 1
    camera = box.corner.camera("door")
    assert camera
    assert camera.in_force
    (entry,) = box.db.execute("SELECT actor, detail FROM audit WHERE what = 'change'")
    assert entry[0] == "device:1"
    detail = json.loads(entry[1])
    assert detail == {"camera": "door", "drawing": 1, "changed": "line", "by": "hand"}
    assert box.corner.draw("door", None, 1, "local") == "kept"
    camera = box.corner.camera("door")
    assert camera
    assert (camera.drawing, camera.rev, camera.by_file, camera.in_force) == (DOOR, 2, True, False)


def test_whoever_draws_upon_anothers_drawing_is_told(box: ShopBox) -> None:
    assert box.corner.draw("door", LINE, 0, "local") == "kept"
    assert box.corner.draw("door", DOOR, 0, "local") == "moved"
    assert box.corner.draw("attic", LINE, 0, "local") == "unknown"
    short = Drawing(line=((0.1, 0.5), (0.12, 0.5)), inside="below")
    assert box.corner.draw("door", short, 1, "local") == ("line_short",)
    assert box.db.table("drawing").count == 1


def test_days_before_a_new_line_are_said_to_be_counted_by_the_old_one(box: ShopBox) -> None:
    came(box, weeks_ago(1), "11:00")
    watched(box, weeks_ago(1))
    zone = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9))
    box.corner.draw("door", Drawing(line=DOOR.line, inside="below", zone=zone), 0, "local")
    assert box.corner.today().redrawn is None, "where faces are read changes no count"
    box.corner.draw("door", LINE, 1, "local")
    assert box.corner.today().redrawn == NOW.date()


def test_a_visit_is_marked_as_staff_and_back_and_the_hub_is_told_by_revisions(
    box: ShopBox,
) -> None:
    visit = box.visit(ago_s=60).id
    assert box.corner.was_staff(visit, "local", staff=True)
    assert not box.corner.was_staff(visit, "local", staff=True), "it is asked once"
    assert box.corner.staff_today().entries[0].asked
    box.correct()
    left = box.corner.staff_today()
    assert (left.marked, left.entries[0].staff, left.entries[0].asked) == (1, True, False)
    assert box.corner.today().visitors == 0
    assert box.corner.was_staff(visit, "local", staff=False)
    box.correct()
    assert box.corner.today().visitors == 1
    told = [
        json.loads(event)["body"]
        for (event,) in box.db.execute("SELECT event FROM outbox WHERE kind = 'visit_revised'")
    ]
    assert [(one["who"], one["rev"], one["reason"]) for one in told] == [
        ("staff", 1, "staff"),
        ("visitor", 2, "staff"),
    ]


def test_members_and_visits_of_another_day_are_nobodys_staff(box: ShopBox) -> None:
    member = box.visit(box.member("王丽华"), ago_s=60).id
    old = box.visit(ago_s=30 * 3600).id
    for visit in (member, old, "no such visit"):
        assert not box.corner.was_staff(visit, "local", staff=True)


def test_a_shift_takes_the_first_who_came_in_at_its_time(box: ShopBox) -> None:
    came(box, NOW.date(), "09:39", "09:41", "09:45", "09:52", "10:01")
    assert box.corner.shift("09:40", "10:00", "2", "local") == 2
    box.correct()
    marked = [one for one in box.corner.staff_today().entries if one.staff]
    clocks = sorted(f"{one.at.astimezone(SHANGHAI):%H:%M}" for one in marked)
    assert clocks == ["09:41", "09:45"]
    assert box.corner.shift("09:40", "10:00", "5", "local") == 1, "nobody else came in then"
    assert box.corner.shift("10:00", "09:40", "1", "local") == "hours"
    assert box.corner.shift("9", "x", "1", "local") == "hours"
    assert box.corner.shift("09:00", "10:00", "0", "local") == "count"
    assert box.corner.shift("09:00", "10:00", "٣", "local") == "count"


def test_a_badge_takes_the_nearest_crossing_of_the_last_minute(box: ShopBox) -> None:
    far, near = box.visit(ago_s=50).id, box.visit(ago_s=5).id
    box.visit(box.member("王丽华"), ago_s=1)
    assert box.corner.badge("token:X")
    assert box.corner.badge("token:X"), "a second badge is a second crossing's"
    assert not box.corner.badge("token:X")
    rows = box.db.execute("SELECT visit, kind FROM request ORDER BY id").fetchall()
    assert rows == [(near, "staff"), (far, "staff")]
    box.visit(ago_s=61)
    assert not box.corner.badge("token:X")


def test_since_when_a_part_is_as_it_is_is_remembered(box: ShopBox) -> None:
    parts = [Seen(what="disk", name="", state="ok"), Seen(what="radio", name="", state="off")]
    health = Health(lambda: parts, box.now)
    health.conditions()
    box.fixed = NOW + timedelta(minutes=10)
    parts[0] = Seen(what="disk", name="", state="tight", count=3)
    health.conditions()
    box.fixed = NOW + timedelta(minutes=20)
    first, last = health.conditions()
    assert (first.what, first.level, first.since) == ("disk", "care", NOW + timedelta(minutes=10))
    assert (last.what, last.level, last.since) == ("radio", "none", None)


def test_a_disk_that_is_nearly_full_is_said_before_the_store_is(tmp_path: Path) -> None:
    state, free = disk_state(tmp_path, "ok")
    assert state in ("ok", "tight")
    assert 0 <= free <= 100
    assert disk_state(tmp_path, "refused")[0] == "refused"
