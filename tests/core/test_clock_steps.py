"""A step of the clock changes nothing: nobody was away for longer or shorter because of it."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.core.book import VisitBook
from edge.core.hours import OpeningHours
from edge.core.identity import Fit, Place
from edge.core.timeline import Moved
from edge.core.visit import Change, Closed, Occupied, Opened, Raised, Revised, Visit, Window

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai
ALWAYS = OpeningHours(zone=SHANGHAI, by_weekday=None)
DAILY = OpeningHours(zone=SHANGHAI, by_weekday=dict.fromkeys(range(7), (time(10), time(22))))
ANNA, BO = "anna", "bo"
HOURS_3 = 3 * 3600


class Shop:
    """A book whose clock steps; `at_s` are seconds that have really gone by since noon."""

    def __init__(self, hours: OpeningHours = ALWAYS, **kept: Any) -> None:
        ids = map("visit-{:03}".format, itertools.count(1))
        self.book = VisitBook(hours=hours, new_id=lambda _: next(ids), window=Window(), **kept)
        self.wrong_by = timedelta()
        self.visits: dict[str, Visit] = {}
        self.told: list[tuple[str, ...]] = []
        self.closed: list[tuple[str, datetime]] = []
        self.people: list[int] = []

    def wall(self, at_s: float) -> datetime:
        return NOON + self.wrong_by + timedelta(seconds=at_s)

    def learn(self, changes: Sequence[Change]) -> None:
        for change in changes:
            match change:
                case Opened(visit=visit) | Revised(visit=visit):
                    self.visits[visit.id] = visit
                case Raised(visit=visit_id, subject=subject):
                    self.told.append((visit_id, subject))
                case Closed(at=at, visit=visit_id):
                    self.closed.append((visit_id, at))
                case Occupied(people=people):
                    self.people.append(people)

    def step(self, at_s: float, by: timedelta, *, redated: bool = False) -> None:
        self.wrong_by += by
        moved = Moved(by=by, redated=redated)
        self.learn(self.book.clock_moved(moved, self.wall(at_s)))

    def cross(self, at_s: float, way: Any, body: int, *, turned_back: bool = False) -> None:
        self.learn(
            self.book.crossing(
                at=self.wall(at_s),
                camera="door",
                direction=way,
                track=body,
                staff=False,
                turned_back=turned_back,
            )
        )

    def member(self, at_s: float, subject: str, body: int | None) -> None:
        place = Place(camera="door", body=body)
        fit = Fit(distance=0.2, sure=True)
        found = self.book.member_seen(at=self.wall(at_s), place=place, subject=subject, fit=fit)
        self.learn(found.changes)

    def wrong_person(self, at_s: float, visit: str) -> None:
        self.learn(self.book.wrong_person(at=self.wall(at_s), visit=self.visits[visit]))

    def tick(self, at_s: float) -> None:
        self.learn(self.book.tick(self.wall(at_s)))

    def figures(self) -> dict[str, tuple[Any, ...]]:
        """Return what is known of each visit, but for its time."""
        return {
            v.id: (v.who, v.subject, v.void, v.reentry, v.first_visit, v.counted, v.rev)
            for v in self.visits.values()
        }


@pytest.mark.parametrize("by_h", [-5, -1, 1, 5])
@pytest.mark.parametrize(("away_s", "again"), [(HOURS_3 - 60, True), (HOURS_3 + 60, False)])
def test_the_window_is_as_long_as_it_was_when_the_clock_steps_within_it(
    by_h: int, away_s: int, again: bool
) -> None:
    shop = Shop()
    shop.cross(0, "in", 1)
    shop.member(1, ANNA, 1)
    shop.cross(60, "out", 1)
    shop.step(600, timedelta(hours=by_h))
    shop.cross(1 + away_s, "in", 2)
    shop.member(1 + away_s, ANNA, 2)
    assert shop.visits["visit-002"].reentry is again
    assert len(shop.told) == (1 if again else 2)


def test_a_u_turn_over_a_step_is_a_u_turn() -> None:
    shop = Shop()
    shop.cross(0, "in", 1)
    shop.step(2, timedelta(hours=-2))
    shop.cross(4, "out", 1, turned_back=True)
    assert shop.visits["visit-001"].void


def test_a_correction_holds_over_a_step() -> None:
    shop = Shop()
    shop.cross(0, "in", 1)
    shop.member(1, ANNA, 1)
    shop.wrong_person(30, "visit-001")
    shop.step(40, timedelta(hours=4))
    shop.member(60, ANNA, 1)
    assert shop.visits["visit-001"].subject is None


def act(shop: Shop, at_s: float, number: int, random: Random) -> None:
    """Do one thing, the same for the same numbers."""
    subject = random.choice((ANNA, BO, None))
    kind = random.choice(("in", "in", "out", "face", "wrong", "tick"))
    body = random.randrange(max(1, number - 3), number + 1)
    turned_back = random.random() < 0.2
    visit = random.choice(sorted(shop.visits) or [""])
    if kind == "in":
        shop.cross(at_s, "in", number)
        if subject:
            shop.member(at_s, subject, number)
    elif kind == "out":
        shop.cross(at_s, "out", body, turned_back=turned_back)
    elif kind == "face" and subject:
        shop.member(at_s, subject, body)
    elif kind == "wrong" and visit:
        shop.wrong_person(at_s, visit)
    else:
        shop.tick(at_s)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_between_steps_the_figures_are_those_without_any(seed: int) -> None:
    """Within one local day: a step over midnight closes the day, as it should."""
    still, stepped, random = Shop(), Shop(), Random(seed)
    at_s = 0.0
    for number in range(1, 80):
        at_s += random.choice((1.0, 8.0, 300.0, 900.0)) * random.random()
        same = random.random()
        act(still, at_s, number, Random(f"{seed}{same}"))
        act(stepped, at_s, number, Random(f"{seed}{same}"))
        if random.random() < 0.3:
            target = timedelta(hours=random.uniform(-10, 3))
            stepped.step(at_s, target - stepped.wrong_by)
    assert stepped.figures() == still.figures()
    assert (stepped.told, stepped.people) == (still.told, still.people)
    assert [visit for visit, _ in stepped.closed] == [visit for visit, _ in still.closed]


def test_a_step_over_closing_time_ends_each_visit_once_and_empties_the_shop() -> None:
    shop = Shop(DAILY)
    shop.cross(0, "in", 1)
    shop.cross(1, "in", 2)
    shop.step(60, timedelta(hours=11))  # 23:01
    closing = datetime(2026, 11, 21, 14, tzinfo=UTC)
    assert sorted(shop.closed) == [("visit-001", closing), ("visit-002", closing)]
    assert shop.people[-1] == 0
    shop.tick(120)
    shop.step(180, timedelta(hours=-11))
    shop.tick(240)
    shop.tick(12 * 3600)
    assert len(shop.closed) == 2
    assert shop.people.count(0) == 1


def test_a_step_back_over_closing_time_ends_nothing_twice() -> None:
    shop = Shop(DAILY)
    shop.cross(9 * 3600, "in", 1)  # 21:00
    shop.tick(10 * 3600 + 5)
    shop.step(10 * 3600 + 10, timedelta(hours=-1))
    shop.cross(10 * 3600 + 60, "in", 2)  # 21:01 again
    shop.tick(11 * 3600 + 20)
    closing = datetime(2026, 11, 21, 14, tzinfo=UTC)
    assert shop.closed == [("visit-001", closing), ("visit-002", closing)]


def test_when_the_right_time_is_known_who_came_today_is_not_closed_yesterday() -> None:
    """The clock ran from yesterday evening; it is noon of the next day."""
    shop = Shop(DAILY)
    shop.wrong_by = timedelta(hours=9)  # 21:00
    shop.cross(0, "in", 1)
    shop.step(60, timedelta(hours=15), redated=True)
    assert shop.closed == []
    assert shop.book.occupancy == 1
    shop.tick(10 * 3600 + 60)  # 22:01
    assert [visit for visit, _ in shop.closed] == ["visit-001"]


def test_what_another_start_of_the_machine_dated_stays_where_it_was() -> None:
    """She was here yesterday at 21:00; a box that thinks it is 21:05 learns that it is noon."""
    before = NOON - timedelta(hours=15)
    visit = Visit(id="old", rev=0, opened_at=before, camera="door", who="member", subject=ANNA)
    shop = Shop(recent=[visit], foreign=[before])
    shop.wrong_by = timedelta(hours=-15, minutes=5)
    shop.tick(0)
    shop.step(10, timedelta(hours=14, minutes=55), redated=True)
    shop.cross(60, "in", 1)
    shop.member(61, ANNA, 1)
    assert not shop.visits["visit-001"].reentry


def test_what_this_start_of_the_machine_dated_goes_with_its_clock() -> None:
    shop = Shop()
    shop.wrong_by = timedelta(hours=-15)
    shop.cross(0, "in", 1)
    shop.member(1, ANNA, 1)
    shop.cross(5, "out", 1)
    shop.step(10, timedelta(hours=15), redated=True)
    shop.cross(3600, "in", 2)
    shop.member(3601, ANNA, 2)
    assert shop.visits["visit-002"].reentry
