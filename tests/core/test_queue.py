"""When a guest is called, and when somebody has to call: each once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from edge.core.moments import Mark
from edge.core.queue import Rules, Waits, due, masked, may, number_text, phone_number

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
RULES = Rules(
    call_after=timedelta(minutes=30),
    back_within=timedelta(minutes=15),
    late_after=timedelta(minutes=30),
)
TAKEN = Mark(at=NOW, boot="b", mono=1000.0)
WAITING = Waits(state="waiting", taken=TAKEN)


def after(minutes: float, boot: str = "b") -> Mark:
    at = NOW + timedelta(minutes=minutes)
    return Mark(at=at, boot=boot, mono=TAKEN.mono + 60 * minutes if boot == "b" else 5.0)


CALLED = replace(WAITING, state="called", called=after(30))
TOLD = replace(CALLED, told=True)


@pytest.mark.parametrize(
    ("ticket", "minutes", "message", "step"),
    [
        pytest.param(WAITING, 29.9, "open", None, id="before its time"),
        pytest.param(WAITING, 30, "open", "call", id="in time"),
        pytest.param(WAITING, 59.9, "open", "call", id="a little late"),
        pytest.param(WAITING, 60, "open", "late", id="the box was off too long"),
        pytest.param(replace(WAITING, reachable=False), 30, "open", "no_way", id="no phone"),
        pytest.param(CALLED, 50, "open", None, id="the message still waits"),
        pytest.param(CALLED, 31, "sent", "told", id="the message is out"),
        pytest.param(CALLED, 31, "lost", "not_sent", id="the message never goes out"),
        pytest.param(TOLD, 44.9, "sent", None, id="on the way back"),
        pytest.param(TOLD, 45, "sent", "not_back", id="not back"),
        pytest.param(replace(TOLD, task=True), 99, "sent", None, id="somebody calls already"),
        pytest.param(replace(TOLD, state="back"), 99, "sent", None, id="back"),
        pytest.param(replace(TOLD, state="served"), 99, "sent", None, id="served"),
        pytest.param(replace(WAITING, state="gone"), 99, "open", None, id="gone"),
    ],
)
def test_a_step_is_due(ticket: Waits, minutes: float, message: str, step: str | None) -> None:
    assert due(ticket, RULES, after(minutes), message) == step  # type: ignore[arg-type]


def test_a_clock_set_by_hand_calls_nobody_early_and_keeps_nobody_waiting() -> None:
    ahead = replace(after(5), at=NOW + timedelta(days=20))
    behind = replace(after(30), at=NOW - timedelta(days=20))
    assert due(WAITING, RULES, ahead, "open") is None
    assert due(WAITING, RULES, behind, "open") == "call"


def test_a_ticket_of_before_a_restart_goes_by_the_wall_time() -> None:
    assert due(WAITING, RULES, after(29, boot="c"), "open") is None
    assert due(WAITING, RULES, after(31, boot="c"), "open") == "call"


def test_who_was_given_up_may_come_after_all_and_who_was_served_not() -> None:
    assert may("gone", "back")
    assert not may("served", "back")
    assert not may("called", "waiting")


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("138 0013 8000", "13800138000"),
        ("+86-138-0013-8000", "+8613800138000"),
        ("１３８００１３８０００", "13800138000"),
        ("(021) 6488.1234", "02164881234"),
        ("8000", None),
        ("1380013800013800", None),
        ("call me", None),
        ("", None),
    ],
)
def test_a_phone_number_is_read_as_people_write_it(typed: str, number: str | None) -> None:
    assert phone_number(typed) == number


def test_numbers_are_short_and_lists_show_the_end_of_a_phone_only() -> None:
    assert (number_text(7), number_text(1234)) == ("A007", "A1234")
    assert masked("13800138000") == "…8000"
