"""Who tries again and again before a check-in camera waits; who errs now and then does not."""

import pytest

from edge.core.retries import (
    FAILURES,
    LONGEST_S,
    OPPOSITE,
    PAUSE_S,
    REMEMBERED_S,
    Mirror,
    Retries,
)


def test_each_failure_beyond_the_limit_pauses_twice_as_long_up_to_the_longest() -> None:
    retries, at_s, pauses = Retries(), 0.0, []
    for number in range(FAILURES + 5):
        pause_s = retries.failed(f"member-{number}", at_s)  # other photos are no new start
        pauses.append(pause_s)
        at_s += 1.0 + (pause_s or 0.0)
    assert pauses[: FAILURES - 1] == [None] * (FAILURES - 1)
    assert pauses[FAILURES - 1 :] == [30.0, 60.0, 120.0, 240.0, LONGEST_S, LONGEST_S]


def test_a_pause_ends_to_the_second() -> None:
    retries = Retries()
    for _ in range(FAILURES):
        assert not retries.paused(7.0)
        retries.failed("anna", 7.0)
    assert retries.paused(7.0 + PAUSE_S - 0.1)
    assert not retries.paused(7.0 + PAUSE_S)


def test_failures_are_forgotten_in_time() -> None:
    retries = Retries()
    spacing_s = REMEMBERED_S / (FAILURES - 1) + 1
    assert {retries.failed("anna", number * spacing_s) for number in range(50)} == {None}


def test_a_member_who_passes_in_the_end_has_not_failed() -> None:
    retries = Retries()
    for number in range(FAILURES - 1):
        retries.failed("anna", float(number))
    retries.passed("anna", 10.0)
    assert retries.failed("anna", 11.0) is None
    assert [retries.failed("ben", 12.0) for _ in range(FAILURES)][-1] == PAUSE_S


def test_who_has_passed_is_counted_again_once_that_is_long_ago() -> None:
    retries = Retries()
    retries.passed("anna", 0.0)
    later_s = REMEMBERED_S + 1
    assert [retries.failed("anna", later_s) for _ in range(FAILURES)][-1] == PAUSE_S


@pytest.mark.parametrize("why", ["time", "pattern", "gone", "surroundings"])
def test_only_turns_to_the_other_side_tell_of_a_mirror(why: str) -> None:
    mirror = Mirror()
    told = [mirror.add(passed=False, why=why) for _ in range(2 * OPPOSITE)]  # type: ignore[arg-type]
    assert not any(told)
    told = [mirror.add(passed=False, why="side") for _ in range(2 * OPPOSITE)]
    assert told.index(True) == OPPOSITE - 1
    assert told.count(True) == 1
