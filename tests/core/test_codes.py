"""What can be a code, which of a phone's codes hold now, and when a device is locked."""

from datetime import UTC, datetime, timedelta

import pytest

from edge.core.codes import (
    FAILURES_MAX,
    LOCKED_FOR,
    Outcome,
    Tries,
    Typed,
    phone_end,
    read_typed,
    steps_at,
)

NOW = datetime(2026, 11, 22, 3, 0, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("code", "phone", "typed"),
    [
        pytest.param("123456", "", Typed(digits="123456"), id="of the shop"),
        pytest.param("123 456", "8000", Typed(digits="123456", phone="8000"), id="of a phone"),
        pytest.param("123456", "+86 138-0013-8000", Typed(digits="123456", phone="8000"), id="all"),
        pytest.param("8000123456", "", Typed(digits="123456", phone="8000"), id="scanned"),
        pytest.param(
            "8000-123456", "9999", Typed(digits="123456", phone="8000"), id="the code itself"
        ),
        pytest.param("１２３４５６", "８０００", Typed(digits="123456", phone="8000"), id="wide"),
        pytest.param("12345", "", None, id="too short"),
        pytest.param("1234567", "", None, id="too long"),
        pytest.param("123456", "80", None, id="a phone of two digits"),
        pytest.param("12345a", "", None, id="a letter"),
        pytest.param("१२३४५६", "", None, id="digits of another script"),
        pytest.param("123456", "abcd", None, id="a phone of letters"),
        pytest.param("", "8000", None, id="nothing"),
    ],
)
def test_what_is_typed_is_a_code_or_none(code: str, phone: str, typed: Typed | None) -> None:
    assert read_typed(code, phone) == typed


def test_of_a_phone_number_four_digits_are_taken_and_shown_nowhere() -> None:
    assert phone_end("138 0013 8000") == "8000"
    assert phone_end("800") is None
    assert "123456" not in repr(read_typed("8000123456"))
    assert "8000" not in repr(read_typed("8000123456"))


def test_a_phone_may_be_one_step_early_or_late() -> None:
    step = int(NOW.timestamp()) // 30
    assert list(steps_at(NOW)) == [step - 1, step, step + 1]
    assert list(steps_at(NOW + timedelta(seconds=15))) == [step, step + 1, step + 2]


FOUR_WRONG: tuple[Outcome, ...] = ("wrong",) * 4


def _after(*outcomes: Outcome) -> Tries:
    tries = Tries()
    for outcome in outcomes:
        tries = tries.after(outcome, NOW)
    return tries


def test_five_failures_lock_and_four_do_not() -> None:
    assert not _after(*FOUR_WRONG).wait(NOW)
    locked = _after(*FOUR_WRONG, "used")
    assert locked.wait(NOW) == LOCKED_FOR
    assert not locked.wait(NOW + LOCKED_FOR)


def test_a_code_that_is_taken_forgives_one_that_was_mistyped() -> None:
    assert _after("wrong", "taken") == Tries()
    assert not _after(*FOUR_WRONG, "taken", "wrong").wait(NOW)
    assert _after(*FOUR_WRONG, "taken", "wrong", "wrong").wait(NOW)


@pytest.mark.parametrize("outcome", ["malformed", "clock", "key"])
def test_what_is_no_guess_is_not_counted(outcome: Outcome) -> None:
    assert _after(*FOUR_WRONG, outcome, outcome).left == 1


def test_after_a_lock_the_count_begins_anew() -> None:
    locked = _after(*FOUR_WRONG, "wrong")
    assert locked.after("wrong", NOW + LOCKED_FOR).left == FAILURES_MAX - 1


def test_a_clock_that_went_back_locks_nobody_for_days() -> None:
    locked = _after(*FOUR_WRONG, "wrong")
    back = NOW - timedelta(days=3)
    assert locked.wait(back) == LOCKED_FOR
    assert not locked.at(back).wait(back + LOCKED_FOR)
