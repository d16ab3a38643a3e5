"""A member who shows a code: whose visit that is (DESIGN section 6, "a match or a code")."""

from datetime import time, timedelta
from zoneinfo import ZoneInfo

from edge.core.hours import OpeningHours
from edge.core.visit import Seen
from tests.core.test_recognised import ANNA, BEN, NOON, Shop


def _shows(shop: Shop, at_s: float, subject: str = ANNA) -> str:
    """Let a member show a code; return the visit."""
    known = shop.book.code_shown(at=NOON + timedelta(seconds=at_s), subject=subject)
    shop.learn(known.changes)
    assert known.visit is not None
    return known.visit


def test_a_code_joins_the_newest_anonymous_visit_of_the_last_ten_minutes() -> None:
    shop = Shop()
    shop.come(0)
    shop.come(60, body=2)
    assert _shows(shop, 659) == "visit-2"
    known = shop.visits["visit-2"]
    assert (known.who, known.subject, known.sure, known.distance) == ("member", ANNA, None, None)
    assert known.counted
    assert shop.alerts == [("visit-2", ANNA)]


def test_a_code_comes_from_any_door() -> None:
    shop = Shop()
    shop.come(0, camera="back")
    assert _shows(shop, 30) == "visit-1"


def test_without_such_a_visit_a_code_opens_one_that_is_in_no_visitors() -> None:
    shop = Shop()
    shop.come(0)
    assert _shows(shop, 601) == "visit-2"
    opened = shop.visits["visit-2"]
    assert (opened.counted, opened.camera, opened.rev) == (False, None, 0)
    assert shop.visitors == 1
    assert shop.alerts == [("visit-2", ANNA)]


def test_who_shows_another_code_a_little_later_is_on_the_same_visit() -> None:
    shop = Shop()
    shop.come(0)
    _shows(shop, 10)
    shop.come(20, body=2)
    assert _shows(shop, 30) == "visit-1"
    assert shop.visits["visit-2"].subject is None
    assert len(shop.alerts) == 1


def test_the_eyes_may_be_asked_twice_for_one_code() -> None:
    shop = Shop()
    _shows(shop, 10)
    again = shop.book.code_shown(at=NOON + timedelta(seconds=10.4), subject=ANNA)
    assert (again.changes, again.visit) == ([], "visit-1")


def test_a_code_makes_a_likely_face_certain_and_a_face_adds_nothing_to_a_code() -> None:
    shop = Shop()
    shop.come(0)
    shop.member(1, sure=False)
    assert [(v.sure, v.rev) for v in shop.visits.values()] == [(False, 1)]
    _shows(shop, 20)
    assert [(v.sure, v.rev) for v in shop.visits.values()] == [(None, 2)]
    shop.member(40)
    assert shop.visits["visit-1"].rev == 2


def test_who_returns_by_code_within_the_window_is_a_reentry_and_not_told_again() -> None:
    shop = Shop()
    _shows(shop, 0)
    shop.come(3600)
    assert _shows(shop, 3610) == "visit-2"
    assert (shop.visits["visit-2"].reentry, shop.visits["visit-2"].first_visit) == (True, "visit-1")
    assert len(shop.alerts) == 1


def test_a_visit_that_was_said_to_be_somebody_elses_stays_so() -> None:
    shop = Shop()
    shop.come(0)
    shop.member(1)
    at = NOON + timedelta(seconds=5)
    shop.learn(shop.book.wrong_person(at=at, visit=shop.visits["visit-1"]))
    assert _shows(shop, 60) == "visit-2"
    assert shop.visits["visit-1"].subject is None
    assert shop.visits["visit-2"].subject == ANNA
    assert [alert for alert in shop.alerts if alert[0] == "visit-2"] == [("visit-2", ANNA)]


def test_two_members_with_codes_take_two_visits() -> None:
    shop = Shop()
    shop.come(0)
    shop.come(1, body=2)
    assert {_shows(shop, 20), _shows(shop, 21, BEN)} == {"visit-1", "visit-2"}


def test_before_opening_a_code_is_good_too_and_counts_no_visitor() -> None:
    shop = Shop(
        hours=OpeningHours(
            zone=ZoneInfo("Asia/Shanghai"),
            by_weekday=dict.fromkeys(range(7), (time(13), time(22))),
        )
    )
    assert _shows(shop, 0) == "visit-1"
    assert shop.visitors == 0


def test_that_somebody_is_still_there_is_kept() -> None:
    shop = Shop()
    _shows(shop, 0)
    known = shop.book.code_shown(at=NOON + timedelta(seconds=60), subject=ANNA)
    assert known.changes == [Seen(at=NOON + timedelta(seconds=60), visit="visit-1")]
