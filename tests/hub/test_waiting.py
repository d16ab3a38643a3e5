"""Messages that wait for ingest: in order, bounded, handed over together, live ones first."""

import threading
import zlib

import pytest

from cloud.waiting import LATE_SHARE, Bound, Waiting, weight_of
from tests.hub.conftest import NOW, Message

LONG_S = 30.0
MANY = Bound(100, 100_000)
HEAVY = 100_000


def message(number: int, size: int = 10, channel: str = "up") -> Message:
    return f"shop/{number}/{channel}", b"{" * size, NOW


def numbers(taken: list[Message], channel: str = "up") -> list[int]:
    told = [topic.split("/") for topic, _, _ in taken]
    return [int(number) for _, number, of in told if of == channel]


def waiting(live: Bound = MANY, late: Bound = MANY) -> Waiting:
    return Waiting(live=live, late=late)


@pytest.mark.parametrize("channel", ["up", "late"])
def test_what_has_come_is_handed_over_in_order_and_in_portions(channel: str) -> None:
    queue = waiting()
    assert queue.put([message(number, channel=channel) for number in range(5)]) == 0
    some = queue.gather(LONG_S, LONG_S, most=3, weight=HEAVY)
    rest = queue.gather(LONG_S, 0.0, most=3, weight=HEAVY)
    assert numbers(some + rest, channel) == list(range(5))
    assert len(some) == 3


def test_a_portion_ends_with_the_message_that_makes_it_heavy() -> None:
    queue = waiting()
    queue.put([message(number, size=60) for number in range(4)])
    assert len(queue.gather(LONG_S, LONG_S, most=100, weight=100)) == 2
    assert len(queue.gather(LONG_S, 0.0, most=100, weight=1_000)) == 2


def test_what_is_deflated_weighs_what_it_is_as_json() -> None:
    plain = b'{"kind":"health"}' * 1_000
    assert weight_of(plain) == len(plain)
    packed = zlib.compress(plain)
    assert weight_of(packed) == 10 * len(packed)


def test_nothing_comes_of_nothing() -> None:
    assert waiting().gather(0.0, LONG_S, most=1, weight=1) == []


@pytest.mark.parametrize("channel", ["up", "late"])
@pytest.mark.parametrize("bound", [Bound(2, HEAVY), Bound(100, 25)], ids=["messages", "bytes"])
def test_more_than_may_wait_is_refused_until_some_is_taken(bound: Bound, channel: str) -> None:
    queue = waiting(live=bound, late=bound)
    assert queue.put([message(number, channel=channel) for number in range(3)]) == 1
    queue.gather(LONG_S, 0.0, most=1, weight=HEAVY)
    assert queue.put([message(3, channel=channel)]) == 0


def test_a_backlog_takes_no_room_from_what_is_live_nor_the_other_way_round() -> None:
    queue = waiting(live=Bound(2, HEAVY), late=Bound(3, HEAVY))
    assert queue.put([message(number, channel="late") for number in range(5)]) == 2
    assert queue.put([message(number) for number in range(5)]) == 3


def test_what_is_live_comes_first_and_what_is_late_fills_the_rest() -> None:
    queue = waiting()
    queue.put([message(number, channel="late") for number in range(50)])
    queue.put([message(number) for number in range(4)])
    taken = queue.gather(LONG_S, 0.0, most=20, weight=HEAVY)
    assert [topic.rsplit("/")[-1] for topic, _, _ in taken] == ["up"] * 4 + ["late"] * 16


@pytest.mark.parametrize(("most", "weight"), [(20, HEAVY), (1_000, 200)], ids=["count", "weight"])
def test_what_is_late_has_its_share_however_much_is_live(most: int, weight: int) -> None:
    queue = waiting()
    queue.put([message(number) for number in range(60)])
    queue.put([message(number, channel="late") for number in range(30)])
    taken = queue.gather(LONG_S, 0.0, most=most, weight=weight)
    assert len(numbers(taken)) == 15
    assert len(numbers(taken, "late")) == 20 * LATE_SHARE


def test_what_few_late_ones_leave_of_their_share_is_for_what_is_live() -> None:
    queue = waiting()
    queue.put([message(number) for number in range(60)])
    queue.put([message(0, channel="late")])
    taken = queue.gather(LONG_S, 0.0, most=20, weight=HEAVY)
    assert numbers(taken) == list(range(19))
    assert numbers(taken, "late") == [0]


def test_whoever_waits_is_woken_as_soon_as_there_is_enough() -> None:
    queue = waiting()
    taken: list[Message] = []
    thread = threading.Thread(
        target=lambda: taken.extend(queue.gather(LONG_S, LONG_S, most=3, weight=HEAVY))
    )
    thread.start()
    for number in range(3):
        queue.put([message(number, channel="late" if number else "up")])
    thread.join(10)
    assert not thread.is_alive()
    assert len(taken) == 3
