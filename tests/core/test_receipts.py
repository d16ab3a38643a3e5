"""What a receipt ties to."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from edge.core.receipts import Named, Stayed, Tie, tie

AT = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
WANG, LI = "subject of wang", "subject of li"


def ago(minutes: float) -> datetime:
    return AT - timedelta(minutes=minutes)


def stayed(visit: str, minutes: float, **more: Any) -> Stayed:
    return Stayed(visit=visit, opened_at=ago(minutes), **more)


def test_a_member_whom_the_till_names_has_bought_in_the_last_visit_before_then() -> None:
    visits = [
        stayed("old", 300, subject=WANG),
        stayed("now", 20, subject=WANG),
        stayed("later", -10, subject=WANG),
    ]
    told = tie(AT, Named(member=True, subject=WANG), visits=visits, claimed=())
    assert told == Tie(tied="member", why="named", visit="now", subject=WANG)


def test_a_member_who_was_not_seen_has_bought_all_the_same() -> None:
    yesterday = stayed("yesterday", 24 * 60, subject=WANG)
    left = stayed("left", 120, subject=WANG, closed_at=ago(31))
    told = tie(AT, Named(member=True, subject=WANG), visits=[yesterday, left], claimed=())
    assert told == Tie(tied="member", why="no_visit", subject=WANG)


def test_a_queue_number_leads_to_its_member() -> None:
    visits = [stayed("now", 20, subject=WANG)]
    named = Named(number=True, ticket="t", ticket_subject=WANG)
    assert tie(AT, named, visits=visits, claimed=()).visit == "now"
    nobodys = Named(number=True, ticket="t")
    assert tie(AT, nobodys, visits=(), claimed=()) == Tie(tied="queue", why="no_visit")


def test_a_consultant_with_one_guest_sold_to_that_guest() -> None:
    claimed = [
        stayed("mine", 30, subject=WANG, claimed_at=ago(29)),
        stayed("gone", 200, claimed_at=ago(199), closed_at=ago(100)),
        stayed("let go", 40, claimed_at=None, released_at=ago(20)),
        stayed("claimed later", 40, claimed_at=ago(-30)),
    ]
    told = tie(AT, Named(seller=True, staff="s"), visits=(), claimed=claimed)
    assert told == Tie(tied="consultant", why="only_claim", visit="mine", subject=WANG)


def test_of_two_guests_nobody_guesses_which_one_bought() -> None:
    claimed = [stayed("one", 30, claimed_at=ago(29)), stayed("two", 20, claimed_at=ago(19))]
    named = Named(seller=True, staff="s")
    assert tie(AT, named, visits=(), claimed=claimed) == Tie(tied="consultant", why="several")
    assert tie(AT, named, visits=(), claimed=()) == Tie(tied="consultant", why="no_claim")


def test_a_claim_that_was_released_later_was_open_then() -> None:
    claimed = [stayed("mine", 30, released_at=ago(-5))]
    told = tie(AT, Named(seller=True, staff="s"), visits=(), claimed=claimed)
    assert told.visit == "mine"


def test_whom_the_till_means_is_not_taken_for_the_member_who_is_served() -> None:
    named = Named(member=True, seller=True, staff="s")
    known = stayed("wang's", 30, subject=WANG, claimed_at=ago(29))
    assert tie(AT, named, visits=(), claimed=[known]) == Tie(tied="consultant", why="another")
    unknown = stayed("somebody's", 30, claimed_at=ago(29))
    assert tie(AT, named, visits=(), claimed=[unknown]).visit == "somebody's"


@pytest.mark.parametrize(
    ("named", "why"),
    [
        (Named(), "nothing"),
        (Named(member=True, number=True, seller=True), "no_member"),
        (Named(number=True), "no_number"),
        (Named(seller=True), "no_consultant"),
        (Named(buyer="staff", member=True, subject=WANG), "staff"),
    ],
)
def test_what_ties_to_nothing_says_why(named: Named, why: str) -> None:
    visits = [stayed("now", 20, subject=WANG)]
    assert tie(AT, named, visits=visits, claimed=()) == Tie(tied="none", why=why)  # type: ignore[arg-type]


def test_the_tills_clock_may_be_some_minutes_off() -> None:
    ahead = stayed("now", -4, subject=WANG)
    named = Named(member=True, subject=WANG)
    assert tie(AT, named, visits=[ahead], claimed=()).visit == "now"
    assert tie(AT, named, visits=[stayed("x", -6, subject=WANG)], claimed=()).visit is None
