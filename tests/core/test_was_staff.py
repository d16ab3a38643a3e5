"""Somebody in the shop says that a visit was staff's: that one alone, and it can be taken back."""

from datetime import timedelta
from typing import Any

from edge.core.book import VisitBook
from edge.core.hours import OpeningHours
from edge.core.identity import Fit, Place
from edge.core.visit import Opened, Revised, Visit
from tests.support.people import NOW
from tests.web.shopbox import SHANGHAI


class Door:
    """A shop's book, and what it said."""

    def __init__(self) -> None:
        ids = (f"visit-{n}" for n in range(1, 100))
        hours = OpeningHours(zone=SHANGHAI, by_weekday=None)
        self.book = VisitBook(hours=hours, new_id=lambda at: next(ids))
        self.visits: dict[str, Visit] = {}

    def learn(self, changes: Any) -> list[Any]:
        for change in changes:
            if isinstance(change, Opened | Revised):
                self.visits[change.visit.id] = change.visit
        return list(changes)

    def enter(self, after_s: float, track: int) -> None:
        self.learn(
            self.book.crossing(
                at=NOW + timedelta(seconds=after_s),
                camera="door",
                direction="in",
                track=track,
                staff=False,
                turned_back=False,
            )
        )

    def say(self, visit: str, *, staff: bool) -> list[Any]:
        at = NOW + timedelta(minutes=1)
        return self.learn(self.book.was_staff(at=at, visit=self.visits[visit], staff=staff))


def test_the_visit_is_revised_and_the_count_of_people_stays() -> None:
    door = Door()
    door.enter(0, 1)
    door.enter(1, 2)
    (revised,) = door.say("visit-1", staff=True)
    assert (revised.reason, revised.visit.who, revised.visit.rev) == ("staff", "staff", 1)
    assert door.visits["visit-2"].who == "visitor"
    assert door.book.occupancy == 2
    assert door.say("visit-1", staff=True) == [], "saying it twice changes nothing"
    (back,) = door.say("visit-1", staff=False)
    assert (back.visit.who, back.visit.rev) == ("visitor", 2)


def test_a_code_at_the_desk_never_joins_a_visit_of_staff() -> None:
    door = Door()
    door.enter(0, 1)
    door.say("visit-1", staff=True)
    shown = door.book.code_shown(at=NOW + timedelta(minutes=2), subject="S1")
    assert shown.visit == "visit-2"


def test_what_a_person_said_is_not_undone_by_a_picture() -> None:
    door = Door()
    door.enter(0, 1)
    door.say("visit-1", staff=True)
    seen = door.book.member_seen(
        at=NOW + timedelta(minutes=2),
        place=Place(camera="door", body=1),
        subject="S1",
        fit=Fit(distance=0.2, sure=True),
    )
    assert door.learn(seen.changes) == []
    assert door.visits["visit-1"].who == "staff"


def test_a_visit_that_names_a_member_is_nobodys_staff() -> None:
    door = Door()
    door.learn(door.book.code_shown(at=NOW, subject="S1").changes)
    assert door.say("visit-1", staff=True) == []
