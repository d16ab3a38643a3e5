"""Crossings to visits: what counts as what (DESIGN section 6)."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.core.book import VisitBook
from edge.core.hours import OpeningHours
from edge.core.visit import (
    Change,
    Closed,
    Crossed,
    Occupied,
    Opened,
    Revised,
    Visit,
)

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)  # a Saturday, 12:00 in Shanghai
DAILY = OpeningHours(
    zone=ZoneInfo("Asia/Shanghai"), by_weekday=dict.fromkeys(range(7), (time(10), time(22)))
)


class Shop:
    """A book, and short words to cross its door."""

    def __init__(self, **kept: Any) -> None:
        self._ids = map("visit-{}".format, itertools.count(1))
        self.book = VisitBook(hours=DAILY, new_id=lambda _: next(self._ids), **kept)

    def cross(self, direction: Any, after_s: float = 0, **changes: Any) -> list[Change]:
        crossing: dict[str, Any] = {
            "at": NOON + timedelta(seconds=after_s),
            "camera": "door",
            "direction": direction,
            "track": 1,
            "staff": False,
            "turned_back": False,
        }
        return self.book.crossing(**{**crossing, **changes})


def kinds(changes: Sequence[Change]) -> list[str]:
    return [type(change).__name__ for change in changes]


def test_coming_in_opens_a_visit_and_going_out_opens_none() -> None:
    shop = Shop()
    came = shop.cross("in")
    assert kinds(came) == ["Crossed", "Occupied", "Opened"]
    opened = came[-1]
    assert isinstance(opened, Opened)
    assert opened.visit == Visit(id="visit-1", rev=0, opened_at=NOON, camera="door", who="visitor")
    shop.cross("in", 1, track=2)
    assert kinds(shop.cross("out", 60)) == ["Crossed", "Occupied"]
    assert shop.book.occupancy == 1


def test_turning_back_at_the_door_is_no_visitor() -> None:
    shop = Shop()
    shop.cross("in")
    back = shop.cross("out", 5, turned_back=True)
    revised = [change for change in back if isinstance(change, Revised)]
    assert len(revised) == 1
    assert revised[0].visit.void
    assert (revised[0].visit.id, revised[0].visit.rev, revised[0].reason) == (
        "visit-1",
        1,
        "u_turn",
    )
    assert shop.book.occupancy == 0
    assert "Closed" not in kinds(back)


def test_who_hesitates_at_the_door_and_comes_in_after_all_is_a_visitor() -> None:
    shop = Shop()
    shop.cross("in")
    shop.cross("out", 4, turned_back=True)
    assert "Opened" in kinds(shop.cross("in", 7))
    assert shop.book.occupancy == 1


def test_stepping_out_and_straight_back_in_is_nobody_new() -> None:
    shop = Shop()
    shop.cross("in")
    shop.cross("in", 1, track=2)
    shop.cross("out", 60, track=7)
    assert "Opened" not in kinds(shop.cross("in", 65, track=7, turned_back=True))
    assert shop.book.occupancy == 2


def test_the_same_track_number_at_another_door_is_another_body() -> None:
    shop = Shop()
    shop.cross("in", camera="front")
    shop.cross("in", 1, camera="front", track=2)
    changes = shop.cross("out", 5, camera="back", turned_back=True)
    assert "Revised" not in kinds(changes)


def test_visits_end_when_the_last_person_leaves() -> None:
    shop = Shop()
    shop.cross("in")
    shop.cross("in", 10, track=2)
    shop.cross("out", 600)
    last = shop.cross("out", 700, track=2)
    closed = [change for change in last if isinstance(change, Closed)]
    assert [c.visit for c in closed] == ["visit-1", "visit-2"]
    assert {c.reason for c in closed} == {"occupancy_zero"}


def test_occupancy_never_falls_below_zero() -> None:
    shop = Shop()
    shop.cross("out")
    assert shop.book.occupancy == 0
    shop.cross("in", 1)
    assert shop.book.occupancy == 1


def test_staff_neither_visit_nor_occupy() -> None:
    shop = Shop()
    assert kinds(shop.cross("in", staff=True)) == ["Crossed"]
    assert shop.book.occupancy == 0


def test_crossings_outside_opening_hours_are_kept_apart() -> None:
    shop = Shop()
    changes = shop.cross("in", at=NOON - timedelta(hours=3))
    assert kinds(changes) == ["Crossed"]
    assert isinstance(changes[0], Crossed)
    assert not changes[0].hours_open
    assert shop.book.occupancy == 0


def test_at_closing_time_visits_end_and_the_shop_is_empty() -> None:
    shop = Shop()
    shop.cross("in")
    closing = NOON + timedelta(hours=10)
    assert shop.book.tick(closing - timedelta(seconds=1)) == []
    assert shop.book.tick(closing + timedelta(minutes=5)) == [
        Closed(at=closing, visit="visit-1", reason="closing_time"),
        Occupied(at=closing, people=0),
    ]
    assert shop.book.tick(closing + timedelta(hours=1)) == []


def test_a_closing_that_was_slept_through_is_made_up_before_the_next_crossing() -> None:
    shop = Shop()
    shop.cross("in")
    next_day = shop.cross("in", after_s=24 * 3600, track=2)
    assert kinds(next_day) == ["Closed", "Occupied", "Crossed", "Occupied", "Opened"]
    assert shop.book.occupancy == 1


def test_after_a_restart_open_visits_and_occupancy_go_on() -> None:
    kept = Visit(id="kept", rev=0, opened_at=NOON, camera="door", who="visitor")
    shop = Shop(open_visits=[kept], occupancy=Occupied(at=NOON, people=1))
    last = shop.cross("out", 60, track=9)
    assert Closed(at=NOON + timedelta(seconds=60), visit="kept", reason="occupancy_zero") in last


def test_a_restart_the_next_day_finds_an_empty_shop() -> None:
    shop = Shop(occupancy=Occupied(at=NOON, people=4))
    shop.book.tick(NOON + timedelta(days=1))
    assert shop.book.occupancy == 0


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="expected an aware datetime"):
        Visit(
            id="v",
            rev=0,
            opened_at=datetime(2026, 11, 21),  # noqa: DTZ001 - that is the fault
            camera=None,
            who="visitor",
        )


def test_a_tap_ends_one_visit_once_and_leaves_the_count_of_people_alone() -> None:
    shop = Shop()
    shop.cross("in")
    shop.cross("in", 1, track=2)
    at = NOON + timedelta(minutes=5)
    assert shop.book.end(at=at, visit="visit-1") == [Closed(at=at, visit="visit-1", reason="tap")]
    assert shop.book.end(at=at, visit="visit-1") == []
    assert shop.book.end(at=at, visit="nobody's") == []
    assert shop.book.occupancy == 2
    shop.cross("out", 600)
    last = shop.cross("out", 601, track=2)
    assert [c.visit for c in last if isinstance(c, Closed)] == ["visit-2"]


def test_a_visit_never_ends_before_it_began() -> None:
    shop = Shop()
    shop.cross("in")
    (closed,) = shop.book.end(at=NOON - timedelta(minutes=5), visit="visit-1")
    assert isinstance(closed, Closed)
    assert closed.at == NOON
