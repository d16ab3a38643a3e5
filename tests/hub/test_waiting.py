"""Messages that wait for ingest: in order, bounded, and handed over together."""

import threading

from cloud.waiting import Waiting
from tests.hub.conftest import NOW, Message

LONG_S = 30.0


def message(number: int, size: int = 10) -> Message:
    return f"topic/{number}", b"x" * size, NOW


def test_what_has_come_is_handed_over_in_order_and_in_portions() -> None:
    waiting = Waiting(most=100, most_bytes=10_000)
    for number in range(5):
        assert waiting.put(message(number))
    some = waiting.gather(LONG_S, LONG_S, most=3, most_bytes=10_000)
    rest = waiting.gather(LONG_S, 0.0, most=3, most_bytes=10_000)
    assert [topic for topic, _, _ in some + rest] == [f"topic/{n}" for n in range(5)]
    assert len(some) == 3


def test_a_portion_ends_with_the_message_that_makes_it_heavy() -> None:
    waiting = Waiting(most=100, most_bytes=10_000)
    for number in range(4):
        waiting.put(message(number, size=60))
    assert len(waiting.gather(LONG_S, LONG_S, most=100, most_bytes=100)) == 2


def test_nothing_comes_of_nothing() -> None:
    assert Waiting(most=1, most_bytes=1).gather(0.0, LONG_S, most=1, most_bytes=1) == []


def test_more_than_may_wait_is_refused_until_some_is_taken() -> None:
    for waiting in (Waiting(most=2, most_bytes=10_000), Waiting(most=100, most_bytes=25)):
        assert [waiting.put(message(n)) for n in range(3)] == [True, True, False]
        waiting.gather(LONG_S, 0.0, most=1, most_bytes=10_000)
        assert waiting.put(message(3))


def test_whoever_waits_is_woken_as_soon_as_there_is_enough() -> None:
    waiting = Waiting(most=100, most_bytes=10_000)
    taken: list[Message] = []
    thread = threading.Thread(
        target=lambda: taken.extend(waiting.gather(LONG_S, LONG_S, most=3, most_bytes=10_000))
    )
    thread.start()
    for number in range(3):
        waiting.put(message(number))
    thread.join(10)
    assert not thread.is_alive()
    assert len(taken) == 3
