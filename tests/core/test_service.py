"""Service tickets: which steps there are, and that what is ready is said in one line."""

from datetime import date
from typing import get_args

import pytest

from edge.core.greeting import why_now
from edge.core.profile import Profile
from edge.core.service import (
    ENDED,
    KINDS,
    STATES,
    Kind,
    OpenTicket,
    State,
    days_open,
    first,
    is_overdue,
    may,
    repairs_ready,
    steps,
)
from edge.wire.messages import DESK_FIELDS
from tests.core.test_greeting import HERE, NOW


def _ready(what: str, kind: Kind = "repair") -> OpenTicket:
    return OpenTicket(kind=kind, state="ready", what=what)


@pytest.mark.parametrize("kind", KINDS)
def test_every_state_is_reached_from_the_first_and_leads_to_an_end(kind: Kind) -> None:
    reached: list[State] = [first(kind)]
    for state in reached:
        reached += [one for one in steps(kind, state) if one not in reached]
    assert set(reached) & ENDED
    for state in reached:
        assert not may(kind, state, state)
        assert steps(kind, state), "a tap that was wrong is taken back"
        if state not in ENDED:
            assert set(steps(kind, state)) & {"cancelled"}


def test_the_wire_knows_every_kind_and_every_state() -> None:
    words = DESK_FIELDS["service"]
    assert (words["kind"], words["state"]) == (get_args(Kind), STATES)


def test_days_are_counted_by_the_calendar_and_never_backwards() -> None:
    assert days_open(date(2026, 11, 20), date(2026, 11, 22)) == 2
    assert days_open(date(2026, 11, 22), date(2026, 11, 20)) == 0
    assert days_open(date(1970, 1, 1), date(2026, 11, 22)) == 10_000


def test_what_was_promised_is_overdue_until_it_is_ready() -> None:
    due, today = date(2026, 11, 21), date(2026, 11, 22)
    assert is_overdue("at_workshop", due, today)
    assert not is_overdue("at_workshop", today, today)
    assert not is_overdue("ready", due, today)
    assert not is_overdue("collected", due, today)
    assert not is_overdue("at_workshop", None, today)


@pytest.mark.parametrize(
    ("office", "tickets", "handed_over", "things"),
    [
        pytest.param("", [], [], None, id="nothing"),
        pytest.param("watch", [], [], ("watch",), id="head office alone"),
        pytest.param("", [_ready("ring")], [], ("ring",), id="a ticket alone"),
        pytest.param("", [_ready("")], [], (), id="a ticket without words"),
        pytest.param("Ring ", [_ready("ring")], [], ("ring",), id="the same"),
        pytest.param("ring, resized", [_ready("ring")], [], ("ring",), id="in other words"),
        pytest.param("watch", [_ready("ring")], [], ("ring", "watch"), id="two things"),
        pytest.param("watch", [], ["Watch"], None, id="collected, head office goes on"),
        pytest.param("chain", [], ["watch"], ("chain",), id="the next one"),
        pytest.param(
            "ring",
            [OpenTicket(kind="repair", state="at_workshop", what="ring")],
            [],
            ("ring",),
            id="head office knows sooner",
        ),
        pytest.param("", [_ready("ring", "stock")], [], None, id="no repair"),
    ],
)
def test_what_is_ready_is_said_once_whoever_knows_it(
    office: str,
    tickets: list[OpenTicket],
    handed_over: list[str],
    things: tuple[str, ...] | None,
) -> None:
    assert repairs_ready(office, tickets, handed_over) == things


def test_tickets_come_after_the_appointment_and_before_the_birthday() -> None:
    tickets = [
        _ready("earrings", "return"),
        _ready("band", "stock"),
        _ready("ring"),
        _ready("chain"),
        OpenTicket(kind="styling", state="confirmed", what="wedding", due=NOW.date()),
        OpenTicket(kind="styling", state="confirmed", what="later", due=date(2026, 12, 1)),
        OpenTicket(kind="repair", state="at_workshop", what="not yet"),
    ]
    known = Profile(
        name="王丽华", appointment_at=NOW, repair_ready="ring, resized", birthday="11-21"
    )
    found = why_now(known, now=NOW, last_visit=HERE, been_here=True, tickets=tickets)
    assert [(one.code, one.what) for one in found] == [
        ("appointment", ""),
        ("styling", "wedding"),
        ("repair_ready", "ring · chain"),
        ("stock_ready", "band"),
        ("return_ready", "earrings"),
        ("birthday_today", ""),
    ]
