"""Answers that many ask for at once are worked out once, and are never those of another key."""

import threading

import pytest

from cloud.memo import Memo


def test_an_answer_is_worked_out_once_for_its_key() -> None:
    memo, worked = Memo(), []

    def ask(key: str) -> str:
        def work() -> str:
            worked.append(key)
            return key.upper()

        return memo.get(key, work)

    assert [ask(key) for key in ("a", "b", "a", "a")] == ["A", "B", "A", "A"]
    assert worked == ["a", "b"]


def test_an_answer_may_be_none() -> None:
    memo, worked = Memo(), []
    for _ in range(2):
        assert memo.get("a", lambda: worked.append(1)) is None
    assert worked == [1]


def test_no_more_answers_are_kept_than_it_holds_and_the_unasked_go_first() -> None:
    memo, worked = Memo(kept=2), []

    def ask(key: str) -> None:
        memo.get(key, lambda: worked.append(key))

    for key in ("a", "b", "a", "c", "a", "b"):
        ask(key)
    assert worked == ["a", "b", "c", "b"]


def test_who_asks_meanwhile_waits_for_the_first_and_other_keys_do_not() -> None:
    memo, begun, go_on, worked = Memo(), threading.Event(), threading.Event(), []
    answers: list[int] = []

    def slow() -> int:
        begun.set()
        assert go_on.wait(10)
        worked.append(1)
        return len(worked)

    threads = [
        threading.Thread(target=lambda: answers.append(memo.get("slow", slow))) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    assert begun.wait(10)
    assert memo.get("other", lambda: "at once") == "at once"
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert answers == [1] * 5


def test_what_fails_is_asked_again() -> None:
    memo = Memo()

    def fails() -> int:
        raise ValueError("the database is away")

    with pytest.raises(ValueError, match="away"):
        memo.get("a", fails)
    assert memo.get("a", lambda: 1) == 1
