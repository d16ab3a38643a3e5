"""What may become of an appointment, when somebody has come for it, and who is right."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.core.appointments import (
    Booking,
    Course,
    Reason,
    State,
    first_of,
    has_come,
    late_minutes,
    opened,
    rebooked,
    shown,
    taken_back,
    tapped,
)

AT = datetime(2026, 11, 22, 15, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
BOOKED = Booking(at=AT, what="取戒指", channel="app")
VISIT = "0" * 26


def after(minutes: float) -> datetime:
    return AT + timedelta(minutes=minutes)


def tap(
    course: Course, to: State, *, minutes: float = 5, reason: Reason | None = None
) -> Course | None:
    now = after(minutes)
    return tapped(course, to, reason=reason, at=AT, now=now, today=now.date())


def arrived(minutes: float, **more: Any) -> Course:
    return Course(state="arrived", visit=VISIT, arrived_at=after(minutes), **more)


@pytest.mark.parametrize(
    ("minutes", "come"),
    [
        pytest.param(-61, False, id="more than an hour early: for something else"),
        pytest.param(-60, True, id="an hour early"),
        pytest.param(0, True, id="on time"),
        pytest.param(60, True, id="an hour late"),
        pytest.param(61, False, id="later than that somebody at the desk has to say"),
    ],
)
def test_a_visit_that_opens_around_the_time_is_for_the_appointment(
    minutes: float, come: bool
) -> None:
    assert has_come(AT, after(minutes)) is come


def test_who_does_not_come_is_late_after_ten_minutes_and_no_no_show_by_itself() -> None:
    assert shown(Course(), AT, after(10)) == "expected"
    assert shown(Course(), AT, after(11)) == "late"
    assert shown(Course(), AT, after(9000)) == "late"
    assert shown(arrived(20), AT, after(30)) == "arrived"


def test_how_late_a_guest_was_is_known_from_the_visit_or_a_timely_tap() -> None:
    assert late_minutes(arrived(-20), AT) == 0
    assert late_minutes(arrived(14.9), AT) == 14
    by_tap = tap(Course(), "arrived", minutes=30)
    assert by_tap is not None
    assert late_minutes(by_tap, AT) == 30
    in_the_evening = tap(Course(), "arrived", minutes=300)
    assert in_the_evening is not None
    assert late_minutes(in_the_evening, AT) is None
    assert late_minutes(Course(), AT) is None


def test_kept_keeps_when_the_guest_came_and_which_visit_it_was() -> None:
    kept = tap(arrived(14), "kept", minutes=90)
    assert kept == Course(state="kept", visit=VISIT, arrived_at=after(14), by_tap=True)
    straight = tap(Course(), "kept", minutes=90)
    assert straight == Course(state="kept", by_tap=True), "nobody knows when the guest came"


@pytest.mark.parametrize(
    ("to", "minutes", "reason"),
    [
        pytest.param("no_show", -1, "ill", id="nobody fails to come before the time"),
        pytest.param("no_show", 30, None, id="a no-show has a reason"),
        pytest.param("arrived", 5, "ill", id="nothing else has"),
        pytest.param("arrived", -1440, None, id="nobody comes on the day before"),
        pytest.param("expected", 5, None, id="what it is already"),
    ],
)
def test_what_cannot_be_is_not_taken(to: State, minutes: float, reason: Reason | None) -> None:
    assert tap(Course(), to, minutes=minutes, reason=reason) is None


def test_every_tap_can_be_corrected_by_another() -> None:
    missed = tap(Course(), "no_show", minutes=40, reason="forgot")
    assert missed == Course(state="no_show", reason="forgot", by_tap=True)
    other = tap(missed, "no_show", minutes=41, reason="ill")
    assert other == Course(state="no_show", reason="ill", by_tap=True)
    came = tap(other, "arrived", minutes=50)
    assert came == Course(state="arrived", arrived_at=after(50), by_tap=True)
    assert tap(came, "expected", minutes=51) == Course(by_tap=True)


def test_a_visit_of_somebody_else_takes_back_what_the_box_said_and_not_what_people_said() -> None:
    assert taken_back(opened(Course(), VISIT, after(3))) == Course()
    kept = Course(state="kept", visit=VISIT, arrived_at=after(3), by_tap=True)
    assert taken_back(kept) == Course(state="kept", arrived_at=after(3), by_tap=True)


def told(minutes: float = 0, **more: Any) -> Booking:
    return Booking(**{"at": after(minutes), "what": "试戴", "channel": "app", **more})


def test_what_is_booked_is_theirs_to_say_while_nothing_has_happened() -> None:
    assert rebooked(BOOKED, Course(), told(60)) == (told(60), Course())
    assert rebooked(BOOKED, Course(), None) == (BOOKED, Course(state="cancelled"))
    assert rebooked(BOOKED, Course(state="cancelled"), told()) == (told(), Course())


def test_who_has_come_has_come_though_it_is_cancelled_or_moved() -> None:
    here = arrived(5)
    booking, course = rebooked(BOOKED, here, None)
    assert (booking, course.state, course.withdrawn) == (BOOKED, "arrived", True)
    booking, course = rebooked(BOOKED, here, told(1440))
    assert (booking, course) == (told(0), here), "at the time that held when the guest came"


def test_who_did_not_come_is_expected_again_when_the_time_is_put_later() -> None:
    missed = Course(state="no_show", reason="ill", by_tap=True)
    assert rebooked(BOOKED, missed, told(1440)) == (told(1440), Course())
    assert rebooked(BOOKED, missed, told(0)) == (told(0), missed)
    assert rebooked(BOOKED, missed, None)[1].state == "no_show"


@pytest.mark.parametrize("course", [Course(by_tap=True), Course(state="cancelled", by_tap=True)])
def test_what_was_said_at_the_desk_of_a_time_outlasts_news_of_that_time(course: Course) -> None:
    assert rebooked(BOOKED, course, told()) == (told(), course)
    assert rebooked(BOOKED, course, told(30))[1] == Course()


def test_of_several_appointments_the_next_one_counts_for_an_hour_after_its_time() -> None:
    times = {"a": after(-180), "b": after(0), "c": after(180)}
    assert first_of(times, after(60)) == "b"
    assert first_of(times, after(61)) == "c"
    assert first_of(times, after(600)) == "c"
    assert first_of({}, AT) is None
