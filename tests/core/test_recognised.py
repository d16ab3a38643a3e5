"""Faces to visits: whose visit it is, re-entries and alerts (DESIGN section 6)."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.core.book import VisitBook
from edge.core.hours import OpeningHours
from edge.core.identity import Fit, Place, Recognised
from edge.core.visit import Change, Closed, Opened, Raised, Revised, Visit, Window

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
ALWAYS = OpeningHours(zone=ZoneInfo("Asia/Shanghai"), by_weekday=None)
ANNA, BEN = "anna", "ben"
H3 = timedelta(hours=3)


class Shop:
    """A book, the visits as its changes tell them, and short words for what happens."""

    def __init__(self, window: Window | None = None, **kept: Any) -> None:
        self._ids = map("visit-{}".format, itertools.count(1))
        self.book = VisitBook(
            hours=kept.pop("hours", ALWAYS),
            new_id=lambda _: next(self._ids),
            window=window,
            **kept,
        )
        self.visits: dict[str, Visit] = {}
        self.alerts: list[tuple[str, str]] = []
        self.closed: list[str] = []

    def learn(self, changes: Sequence[Change]) -> Sequence[Change]:
        for change in changes:
            match change:
                case Opened(visit=visit) | Revised(visit=visit):
                    before = self.visits.get(visit.id)
                    assert before is None or visit.rev > before.rev
                    self.visits[visit.id] = visit
                case Raised(visit=visit_id, subject=subject):
                    self.alerts.append((visit_id, subject))
                case Closed(visit=visit_id):
                    self.closed.append(visit_id)
        return changes

    def come(self, at_s: float, body: int = 1, camera: str = "door") -> Sequence[Change]:
        return self._cross("in", at_s, body, camera)

    def go(self, at_s: float, body: int = 9, camera: str = "door", **more: Any) -> Sequence[Change]:
        return self._cross("out", at_s, body, camera, **more)

    def _cross(
        self, way: Any, at_s: float, body: int, camera: str, turned_back: bool = False
    ) -> Sequence[Change]:
        return self.learn(
            self.book.crossing(
                at=NOON + timedelta(seconds=at_s),
                camera=camera,
                direction=way,
                track=body,
                staff=False,
                turned_back=turned_back,
            )
        )

    def member(
        self,
        at_s: float,
        subject: str = ANNA,
        body: int | None = 1,
        *,
        camera: str = "door",
        checkin: bool = False,
        sure: bool = True,
        taken_for: str | None = None,
    ) -> Recognised:
        found = self.book.member_seen(
            at=NOON + timedelta(seconds=at_s),
            place=Place(camera=camera, body=body, checkin=checkin),
            subject=subject,
            fit=Fit(distance=0.2, sure=sure),
            taken_for=taken_for,
        )
        self.learn(found.changes)
        return found

    def wrong(self, at_s: float, visit: str) -> None:
        at = NOON + timedelta(seconds=at_s)
        self.learn(self.book.wrong_person(at=at, visit=self.visits[visit]))

    def stranger(self, at_s: float, chain: str | None = None, body: int | None = 1) -> Recognised:
        found = self.book.stranger_seen(
            at=NOON + timedelta(seconds=at_s),
            place=Place(camera="door", body=body),
            chain=chain,
        )
        self.learn(found.changes)
        return found

    def told(self) -> list[tuple[str, str | None, bool]]:
        """Return (id, subject, reentry) of every visit that was one."""
        return [(v.id, v.subject, v.reentry) for v in self.visits.values() if not v.void]

    @property
    def visitors(self) -> int:
        return sum(v.counted and not v.void and not v.reentry for v in self.visits.values())


def test_a_face_known_after_the_crossing_makes_the_visit_the_members() -> None:
    shop = Shop()
    shop.come(0)
    shop.member(1)
    assert shop.told() == [("visit-1", ANNA, False)]
    visit = shop.visits["visit-1"]
    assert (visit.rev, visit.who, visit.distance, visit.sure) == (1, "member", 0.2, True)
    assert shop.alerts == [("visit-1", ANNA)]


def test_a_face_known_before_the_line_is_reached_opens_the_visit_and_the_crossing_joins() -> None:
    shop = Shop()
    shop.member(0)
    assert shop.told() == [("visit-1", ANNA, False)]
    assert shop.visits["visit-1"].rev == 0
    shop.come(1)
    assert len(shop.visits) == 1
    assert shop.book.occupancy == 1
    assert shop.alerts == [("visit-1", ANNA)]


def test_the_same_body_seen_again_changes_nothing() -> None:
    shop = Shop()
    shop.come(0)
    shop.member(1)
    for at_s in range(2, 60, 7):
        shop.member(at_s)
    assert shop.visits["visit-1"].rev == 1
    assert len(shop.alerts) == 1


def test_likely_becomes_sure_by_one_revision() -> None:
    shop = Shop()
    shop.come(0)
    shop.member(1, sure=False)
    assert shop.visits["visit-1"].sure is False
    shop.member(2)
    shop.member(3, sure=False)
    assert (shop.visits["visit-1"].sure, shop.visits["visit-1"].rev) == (True, 2)


def test_somebody_inside_who_is_seen_again_stays_on_the_same_visit() -> None:
    shop = Shop()
    shop.come(0)
    shop.member(1)
    shop.member(300, body=7)
    shop.member(800, body=None)
    assert len(shop.visits) == 1


def test_who_was_miscounted_out_and_is_still_there_has_not_come_again() -> None:
    shop = Shop()
    shop.come(0)
    shop.member(1)
    shop.go(30)
    assert shop.closed == ["visit-1"]
    shop.member(40, body=5)
    assert len(shop.visits) == 1
    shop.come(45, body=5)  # now she really comes in again
    assert shop.told() == [("visit-1", ANNA, False), ("visit-2", ANNA, True)]


def test_two_who_come_together_are_two_whatever_face_is_known_first() -> None:
    shop = Shop()
    shop.come(0, body=1)
    shop.member(0.5, BEN, body=2)  # not yet across the line
    shop.member(0.7, ANNA, body=1)
    shop.come(1, body=2)
    assert shop.visitors == 2
    assert {v.subject for v in shop.visits.values()} == {ANNA, BEN}
    assert not any(v.reentry for v in shop.visits.values())


def test_a_face_without_a_body_joins_a_fresh_crossing_at_its_own_camera_only() -> None:
    shop = Shop()
    shop.come(0, camera="back")
    shop.come(0, body=2)
    shop.member(5, body=None)
    assert shop.visits["visit-2"].subject == ANNA
    late = Shop()
    late.come(0)
    late.member(30, body=None)
    assert late.visits["visit-1"].subject is None
    assert late.visits["visit-2"].subject == ANNA


@pytest.mark.parametrize(
    ("gap", "again"),
    [
        (timedelta(hours=2, minutes=59), True),
        (H3, True),
        (timedelta(hours=3, seconds=1), False),
    ],
)
def test_coming_back_within_three_hours_is_a_reentry(gap: timedelta, again: bool) -> None:
    shop = Shop()
    shop.come(0)
    shop.member(0)
    shop.go(1)
    shop.come(gap.total_seconds(), body=2)
    shop.member(gap.total_seconds(), body=2)
    second = shop.visits["visit-2"]
    assert second.reentry is again
    assert second.first_visit == ("visit-1" if again else None)
    assert shop.visitors == (1 if again else 2)
    assert len(shop.alerts) == (1 if again else 2)


@pytest.mark.parametrize(("since", "again"), [("last_seen", True), ("first_seen", False)])
def test_the_window_counts_from_the_last_or_the_first_time(since: Any, again: bool) -> None:
    shop = Shop(Window(length=H3, since=since))
    for hour in (0, 2, 4):
        shop.come(3600 * hour, body=hour + 1)
        shop.member(3600 * hour, body=hour + 1)
        shop.go(3600 * hour + 60)
    assert shop.visits["visit-3"].reentry is again
    assert shop.visits["visit-3"].first_visit == ("visit-1" if again else None)


def test_who_turns_back_at_the_door_is_told_of_when_she_really_comes() -> None:
    shop = Shop()
    shop.come(0)
    shop.member(1)
    shop.go(5, body=1, turned_back=True)
    shop.come(600, body=2)
    shop.member(601, body=2)
    assert shop.told() == [("visit-2", ANNA, False)]
    assert [visit_id for visit_id, _ in shop.alerts] == ["visit-1", "visit-2"]


def test_a_correction_takes_the_identity_away_and_the_alert_may_come_again() -> None:
    shop = Shop()
    shop.come(0)
    shop.member(1)
    shop.wrong(20, "visit-1")
    visit = shop.visits["visit-1"]
    assert (visit.who, visit.subject, visit.reentry, visit.distance) == (
        "visitor",
        None,
        False,
        None,
    )
    shop.member(25)  # the same face says the same again, and nothing follows
    shop.member(40, body=None)
    assert shop.visits["visit-1"].subject is None
    assert len(shop.visits) == 1
    shop.come(60, body=2)  # the true one
    shop.member(61, body=2)
    assert shop.told() == [("visit-1", None, False), ("visit-2", ANNA, False)]
    assert [visit_id for visit_id, _ in shop.alerts] == ["visit-1", "visit-2"]


def test_a_correction_holds_as_long_as_the_visitor_is_in_the_shop() -> None:
    shop = Shop()
    shop.come(0)
    shop.member(1)
    shop.wrong(20, "visit-1")
    for at_s in (60, 700, 7200):
        shop.member(at_s)
        shop.member(at_s + 1, body=9)
    assert shop.told() == [("visit-1", None, False)]
    assert len(shop.alerts) == 1


def test_a_correction_holds_over_a_restart() -> None:
    before = Shop()
    before.come(0)
    before.member(1)
    before.wrong(20, "visit-1")
    vetoes = {("visit-1", ANNA): NOON + timedelta(seconds=20)}
    shop = Shop(open_visits=before.visits.values(), vetoes=vetoes)
    shop.member(30, body=5)
    shop.member(900, body=5)
    assert shop.visits == {}
    assert shop.alerts == []


def test_the_true_member_is_found_while_the_one_taken_for_her_is_still_there() -> None:
    at_the_line, at_the_desk = Shop(), Shop()
    for shop in (at_the_line, at_the_desk):
        shop.come(0)
        shop.member(1)
        shop.wrong(20, "visit-1")
    at_the_line.member(100, body=2)  # known one second before she crosses
    assert len(at_the_line.visits) == 1
    at_the_line.come(101, body=2)
    at_the_desk.come(100, body=2)
    at_the_desk.member(130, body=None, camera="desk", checkin=True)
    for shop in (at_the_line, at_the_desk):
        assert shop.told() == [("visit-1", None, False), ("visit-2", ANNA, False)]
        assert len(shop.alerts) == 2


def test_who_turns_back_is_no_visitor_even_if_the_visit_has_ended_already() -> None:
    shop = Shop()
    shop.come(0)
    shop.come(100, body=2)
    shop.go(101)
    shop.go(102)  # by the count nobody is left
    assert shop.closed == ["visit-1", "visit-2"]
    shop.go(105, body=2, turned_back=True)
    assert shop.visits["visit-2"].void
    assert shop.visitors == 1


def test_who_is_known_before_the_line_does_not_leave_with_the_one_who_goes_out() -> None:
    for known in ("member", "stranger"):
        shop = Shop()
        shop.come(0)
        getattr(shop, known)(100, body=2)
        shop.go(100.5)  # nobody is left in the shop
        assert shop.closed == ["visit-1"]
        shop.come(101, body=2)
        assert shop.visitors == 2
        assert shop.book.occupancy == 1
        shop.go(200, body=2)
        assert sorted(shop.closed) == ["visit-1", "visit-2"]


def test_a_correction_of_the_first_visit_makes_the_next_one_the_first() -> None:
    shop = Shop()
    for n, at_s in enumerate((0, 600, 1200), start=1):
        shop.come(at_s, body=n)
        shop.member(at_s, body=n)
    assert [again for _, _, again in shop.told()] == [False, True, True]
    shop.wrong(1300, "visit-1")
    assert [again for _, _, again in shop.told()] == [False, False, True]
    assert shop.visits["visit-3"].first_visit == "visit-2"
    assert shop.visitors == 2  # a visitor who was not Anna, and Anna


def test_a_stranger_who_comes_back_is_a_reentry_and_raises_nothing() -> None:
    shop = Shop()
    shop.come(0)
    chain = shop.stranger(1).owner
    assert chain == "visit-1"
    shop.go(60)
    shop.come(600, body=2)
    again = shop.stranger(601, chain, body=2)
    assert again.owner == chain
    assert shop.told() == [("visit-1", None, False), ("visit-2", None, True)]
    assert shop.alerts == []
    assert shop.visitors == 1


def test_a_strangers_second_look_opens_nothing_even_if_it_fits_nobody() -> None:
    shop = Shop()
    shop.come(0)
    assert shop.stranger(1).began
    second = shop.stranger(2)
    assert (second.owner, second.began) == ("visit-1", False)
    assert len(shop.visits) == 1


def test_a_stranger_found_again_by_a_better_picture_is_the_one_of_before() -> None:
    shop = Shop()
    shop.come(0)
    chain = shop.stranger(1).owner
    shop.come(600, body=2)
    shop.stranger(601, body=2)  # too blurred to be found
    found = shop.stranger(602, chain, body=2)
    assert (found.owner, found.released) == (chain, "visit-2")
    assert shop.visits["visit-2"].first_visit == "visit-1"


def test_enrolling_a_stranger_gives_the_entry_to_the_member_who_is_greeted_next_time() -> None:
    shop = Shop()
    shop.come(0)
    chain = shop.stranger(1).owner
    assert chain is not None
    shop.go(60)
    shop.come(600, body=2)
    shop.stranger(601, chain, body=2)
    at = NOON + timedelta(seconds=700)
    fit = Fit(distance=None, sure=True)
    shop.learn(shop.book.enrolled(at=at, chain=chain, subject=ANNA, fit=fit))
    assert shop.told() == [("visit-1", ANNA, False), ("visit-2", ANNA, True)]
    assert shop.alerts == []
    assert shop.book.chain(chain) is None
    shop.go(800)
    shop.come(900, body=3)
    shop.member(901, body=3)
    assert shop.told()[-1] == ("visit-3", ANNA, True)
    assert shop.alerts == [("visit-3", ANNA)]
    assert shop.visitors == 1


def test_a_stranger_who_turns_out_to_be_a_member_takes_the_earlier_visits_along() -> None:
    shop = Shop()
    shop.come(0)
    chain = shop.stranger(1).owner
    shop.come(600, body=2)
    shop.stranger(601, chain, body=2)
    assert shop.member(602, body=2, taken_for=chain).released == chain
    assert shop.told() == [("visit-1", ANNA, False), ("visit-2", ANNA, True)]


def test_a_member_beside_a_stranger_in_one_body_is_not_given_the_strangers_past() -> None:
    shop = Shop()
    shop.come(0)
    chain = shop.stranger(1).owner
    shop.come(600, body=2)
    shop.stranger(601, chain, body=2)
    assert shop.member(602, body=2).released is None  # another face than the stranger's
    assert shop.told() == [("visit-1", None, False), ("visit-2", ANNA, False)]


def test_a_checkin_joins_the_newest_anonymous_visit_of_ten_minutes() -> None:
    shop = Shop()
    shop.come(0)
    shop.come(60, body=2)
    shop.member(500, body=None, camera="counter", checkin=True)
    assert shop.visits["visit-2"].subject == ANNA
    assert shop.visits["visit-1"].subject is None
    assert shop.visitors == 2


def test_a_checkin_without_a_crossing_is_in_no_figure_of_visitors() -> None:
    shop = Shop()
    shop.come(0)
    shop.member(700, body=None, camera="counter", checkin=True)
    assert shop.visits["visit-2"].subject == ANNA
    assert not shop.visits["visit-2"].counted
    assert shop.visitors == 1
    assert len(shop.alerts) == 1


def test_nobody_is_recognised_outside_opening_hours() -> None:
    daily = OpeningHours(
        zone=ZoneInfo("Asia/Shanghai"), by_weekday=dict.fromkeys(range(7), (time(14), time(22)))
    )
    shop = Shop(hours=daily)
    assert shop.member(0).owner is None
    assert shop.visits == {}


def test_what_was_known_before_a_restart_is_still_known() -> None:
    before = Visit(
        id="old",
        rev=1,
        opened_at=NOON - timedelta(hours=2),
        camera="door",
        who="member",
        subject=ANNA,
        seen_at=NOON - timedelta(hours=2),
    )
    shop = Shop(recent=[before], alerted={ANNA: (before.opened_at, "old")})
    shop.come(0)
    shop.member(1)
    assert shop.visits["visit-1"].first_visit == "old"
    assert shop.alerts == []


def test_strangers_are_taken_up_again_after_a_restart() -> None:
    first = Shop()
    first.come(0)
    chain = first.book.chain(first.stranger(1).owner or "")
    assert chain is not None
    second = Shop(recent=first.visits.values())
    second.book.strangers([chain])
    second._ids = map("later-{}".format, itertools.count(1))
    second.come(600, body=4)
    second.stranger(601, chain.first_visit, body=4)
    assert second.visits["later-1"].first_visit == "visit-1"


def test_a_visit_that_has_ended_can_still_be_corrected() -> None:
    shop = Shop()
    shop.come(0)
    shop.member(1)
    shop.go(100)
    assert shop.closed == ["visit-1"]
    shop.wrong(3600, "visit-1")
    assert shop.visits["visit-1"].subject is None


def test_nothing_is_remembered_for_ever() -> None:
    shop = Shop()
    for day in range(5):
        shop.come(86400 * day, body=day)
        shop.member(86400 * day + 1, f"member-{day}", body=day)
        shop.go(86400 * day + 60)
    assert len(shop.book._visits) <= 2
    assert len(shop.book._word._alerted) <= 2
