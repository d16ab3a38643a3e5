"""The desks and tills of the simulated chain: what they tell could have happened at a real desk."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from cloud.simulate.calendar import days_between
from cloud.simulate.chain import Box, Shop, make_chain
from cloud.simulate.day import box_day
from cloud.simulate.desk import with_desk
from cloud.simulate.desk.diary import bookings_for
from cloud.simulate.desk.shop import has_desk, has_till, staff_of
from cloud.simulate.step import Step, moment_of
from edge.core import service
from edge.wire.codec import dump_event, load_event
from edge.wire.messages import (
    DESK_FIELDS,
    DeskFact,
    Event,
    VisitClosed,
    VisitOpened,
    VisitRevised,
    misplaced,
)

SEED = 1
FIRST = date(2026, 11, 2)
DAYS = days_between(FIRST, FIRST + timedelta(days=28))
CHAIN = make_chain(seed=SEED, shops=12, visits_a_year=12 * 60_000)


def with_a_desk() -> Shop:
    return next(shop for shop in CHAIN if has_desk(shop))


@pytest.fixture(scope="module")
def month() -> list[Step]:
    """The steps of a shop with a desk."""
    shop = with_a_desk()
    return [step for day in DAYS for step in box_day(SEED, shop, shop.boxes[0], day)]


@pytest.fixture(scope="module")
def facts(month: list[Step]) -> list[DeskFact]:
    return said(month)


def said(steps: Iterable[Step]) -> list[DeskFact]:
    return [step.body for step in steps if isinstance(step.body, DeskFact)]


def documents(facts: list[DeskFact], what: str) -> list[list[DeskFact]]:
    """Return what was told of each document, in order."""
    found: dict[str, list[DeskFact]] = defaultdict(list)
    for fact in facts:
        if fact.what == what:
            found[fact.id].append(fact)
    assert len(found) > 5
    return list(found.values())


def whole(facts: list[DeskFact], what: str) -> list[list[DeskFact]]:
    """Return what was told of the documents that were begun within the month."""
    return [one for one in documents(facts, what) if one[0].rev == 1]


def test_the_visits_of_a_day_are_the_same_with_and_without_a_desk() -> None:
    for shop in CHAIN:
        for box in shop.boxes:
            bare = [one for one in box_day(SEED, shop, box, FIRST) if not is_desk(one)]
            dressed = list(with_desk(bare, SEED, shop, box, FIRST.toordinal()))
            assert [one for one in dressed if not is_desk(one)] == bare
            assert bool(len(dressed) - len(bare)) is has_till(SEED, shop)


def is_desk(step: Step) -> bool:
    return isinstance(step.body, DeskFact)


def test_what_is_told_is_in_order_of_time_and_no_step_is_older_than_what_it_tells_of(
    month: list[Step],
) -> None:
    assert [step.at for step in month] == sorted(step.at for step in month)
    assert all(step.since <= step.at for step in month)


def test_all_that_a_desk_can_tell_is_told_and_keeps_the_wires_contract(
    facts: list[DeskFact],
) -> None:
    shops = [shop for shop in CHAIN if has_desk(shop)]
    others = [
        fact
        for shop in shops[1:]
        for day in DAYS[:14]
        for fact in said(box_day(SEED, shop, shop.boxes[0], day))
    ]
    told: dict[str, set[str | None]] = defaultdict(set)
    for number, fact in enumerate([*facts, *others], start=1):
        assert misplaced(fact) is None
        told[fact.what].add(fact.state)
        if number % 40 == 0:
            at = datetime(2026, 11, 2, tzinfo=UTC)
            event = Event(epoch="e" * 32, seq=number, at=at, mono=1.0, clock="ok", body=fact)
            assert load_event(dump_event(event)) == event
    for what, fields in DESK_FIELDS.items():
        assert told[what] == set(fields.get("state") or [None]), what


def test_a_shop_that_only_counts_tells_of_its_till_at_most_and_names_nobody() -> None:
    told = {
        shop.id: said(step for box in shop.boxes for step in box_day(SEED, shop, box, FIRST))
        for shop in CHAIN
        if not has_desk(shop)
    }
    assert {bool(facts) for facts in told.values()} == {True, False}
    for fact in (fact for facts in told.values() for fact in facts):
        assert (fact.what, fact.tied) == ("receipt", "none")
        assert (fact.visit, fact.staff) == (None, None)


def test_who_works_at_a_desk_works_in_that_shop(facts: list[DeskFact]) -> None:
    named = {fact.staff for fact in facts if fact.staff is not None}
    assert named == set(staff_of(SEED, with_a_desk()))


def test_revisions_of_a_document_rise(facts: list[DeskFact]) -> None:
    for what in DESK_FIELDS:
        for told in documents(facts, what):
            revisions = [fact.rev for fact in told]
            assert revisions == sorted(set(revisions))


def test_guests_are_greeted_and_asked_while_they_are_here(month: list[Step]) -> None:
    here: dict[str, int] = {}
    asked: Counter[bool] = Counter()
    for step in month:
        match step.body:
            case VisitOpened() as body:
                here[body.visit] = step.at
            case VisitRevised(void=True) | VisitClosed():
                here.pop(step.body.visit, None)
            case DeskFact(what="claim" | "stay" | "source") as body:
                if body.visit is not None:
                    assert step.since == here[body.visit]
                    assert body.id == body.visit
                if body.what == "source":
                    asked[body.visit is None] += 1
    assert asked[False] > 5 * asked[True] > 0, "now and then somebody whom no camera saw"


def test_a_visit_that_ends_by_a_receipt_has_bought_something(month: list[Step]) -> None:
    opened = {s.body.visit: s for s in month if isinstance(s.body, VisitOpened)}
    ended = {
        s.body.visit
        for s in month
        if isinstance(s.body, VisitClosed) and s.body.reason == "receipt"
    }
    sales = [one for one in documents(said(month), "receipt") if is_sale(one[-1])]
    tied = {one[-1].visit for one in sales} - {None}
    assert tied <= ended
    assert len(ended) == len(sales)
    for one in sales:
        last = one[-1]
        assert (last.tied == "none") is (last.visit is None)
        assert (last.tied == "consultant") <= (last.staff is not None)
        if last.visit is not None:
            assert last.about >= moment_of(opened[last.visit].at)
    assert {one[-1].tied for one in sales} == {"member", "consultant", "queue", "none"}


def is_sale(fact: DeskFact) -> bool:
    return (fact.kind, fact.buyer) == ("sale", "guest")


def test_receipts_come_to_something_are_brought_back_and_voided(facts: list[DeskFact]) -> None:
    receipts = documents(facts, "receipt")
    assert all(len({fact.about for fact in one}) == 1 for one in receipts)
    for *before, last in receipts:
        assert last.currency == "CNY"
        assert last.value is not None
        assert (last.value > 0) is (last.kind == "sale") or last.kind == "exchange"
        assert not before or [last.value] * len(before) == [fact.value for fact in before]
        assert last.state == "kept" or before[-1].state == "kept"
    kinds = Counter((one[-1].kind, one[-1].buyer, one[-1].state) for one in receipts)
    assert kinds.keys() >= {
        *(("sale", "guest", "kept"), ("sale", "guest", "voided"), ("sale", "staff", "kept")),
        *(("return", "guest", "kept"), ("exchange", "guest", "kept")),
    }
    assert kinds["sale", "guest", "kept"] > 10 * kinds["sale", "guest", "voided"]


def test_an_appointment_takes_its_course(facts: list[DeskFact]) -> None:
    ends: Counter[tuple[str | None, ...]] = Counter()
    for told in whole(facts, "appointment"):
        states = [fact.state for fact in told]
        assert states[0] == "expected"
        assert len({fact.channel for fact in told}) == 1
        for fact in told:
            assert (fact.reason is not None) is (fact.state == "no_show")
            assert (fact.late_min is not None) is (fact.state in ("arrived", "kept"))
        ends[tuple(dict.fromkeys(states))] += 1
    assert set(ends) == {
        ("expected",),
        ("expected", "cancelled"),
        ("expected", "no_show"),
        ("expected", "arrived"),
        ("expected", "arrived", "kept"),
    }


def test_an_appointment_may_be_moved_and_is_late_only_if_somebody_came_late(
    month: list[Step],
) -> None:
    facts = said(month)
    moved = [one for one in whole(facts, "appointment") if len({fact.about for fact in one}) > 1]
    assert moved
    came = [s for s in month if isinstance(s.body, DeskFact) and s.body.state == "arrived"]
    for step in came:
        assert isinstance(step.body, DeskFact)
        after = moment_of(step.at) - step.body.about
        assert step.body.late_min == max(0, after // timedelta(minutes=1))
    with_visit = [s for s in came if isinstance(s.body, DeskFact) and s.body.visit]
    assert 0 < len(with_visit) < len(came), "the box knows who came, or somebody tapped"


def test_no_visit_is_for_two_appointments_at_once(facts: list[DeskFact]) -> None:
    visits = Counter(one[-1].visit for one in documents(facts, "appointment") if one[-1].visit)
    assert set(visits.values()) == {1}


def test_what_is_booked_for_a_day_is_told_on_the_days_before_it(facts: list[DeskFact]) -> None:
    shop, day = with_a_desk(), DAYS[20]
    held = {one[0].id: one[0] for one in whole(facts, "appointment")}
    booked = bookings_for(SEED, shop, day)
    assert booked
    for one in booked:
        assert held[one.id].about == moment_of(one.first)
        assert moment_of(one.made).astimezone(shop.zone).date() <= day


def test_a_ticket_goes_only_where_the_box_lets_it_go(facts: list[DeskFact]) -> None:
    kinds = set()
    for told in documents(facts, "service"):
        kind = told[0].kind
        assert kind in service.KINDS
        kinds.add(kind)
        states = [fact.state for fact in told]
        if told[0].rev == 1:
            assert states[0] == service.first(kind)
        for before, after in pairwise(states):
            assert before in service.STATES
            assert after in service.STATES
            assert service.may(kind, before, after)
        assert len({fact.about for fact in told}) == 1
    assert kinds == set(service.KINDS)


def test_a_shop_in_hong_kong_takes_the_money_of_hong_kong() -> None:
    chain = make_chain(seed=SEED, shops=4, visits_a_year=240_000, zones=["Asia/Hong_Kong"])
    shop = next(shop for shop in chain if has_desk(shop))
    receipts = documents(said(box_day(SEED, shop, shop.boxes[0], FIRST)), "receipt")
    assert {one[0].currency for one in receipts} == {"HKD"}


def test_a_box_that_only_counts_has_no_desk_whatever_its_shop_is() -> None:
    shop = with_a_desk()
    bare: Box = replace(shop.boxes[0], mode="count", basis="crossings")
    counting = replace(shop, boxes=(bare,))
    told = said(box_day(SEED, counting, bare, FIRST))
    assert {fact.what for fact in told} <= {"receipt"}
