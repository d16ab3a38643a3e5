"""What of an epoch is held: ranges against a plain set of numbers."""

from random import Random

from edge.wire.received import Received, at_most


def numbers(ranges: list[tuple[int, int]]) -> set[int]:
    return {n for low, high in ranges for n in range(low, high + 1)}


def test_ranges_say_the_same_as_a_set_of_numbers() -> None:
    random = Random(20261121)
    for _ in range(200):
        ledger, held = Received(), set[int]()
        for _ in range(random.randrange(1, 30)):
            some = random.sample(range(1, 60), random.randrange(1, 6))
            ledger.take(sorted(some))
            held |= set(some)
            assert numbers(ledger.gaps) == set(range(1, max(held) + 1)) - held
            assert ledger.through == min(set(range(1, 61)) - held) - 1
            assert all(ledger.holds(n) == (n in held) for n in range(1, 61))
            assert numbers(ledger.missing_within(5, 70)) == set(range(5, 71)) - held


def test_the_ranges_around_some_numbers_show_which_of_them_are_held() -> None:
    random = Random(20261122)
    for _ in range(500):
        ledger = Received()
        ledger.take(sorted(random.sample(range(1, 60), random.randrange(1, 30))))
        ahead = [n for n in range(ledger.through + 1, 60) if ledger.holds(n)]
        if not ahead:
            continue
        low, high = sorted(random.choices(ahead, k=2))
        ranges = ledger.missing_around(low, high)
        assert ranges[0][0] <= low
        assert ranges[-1][1] >= high
        for n in range(ranges[0][0], min(ranges[-1][1], 70) + 1):
            assert ledger.holds(n) != any(first <= n <= last for first, last in ranges)


def test_no_range_begins_above_the_highest_number_there_is() -> None:
    ledger = Received()
    ledger.take([2**53 - 1])
    assert ledger.missing_around(2**53 - 1, 2**53 - 1) == [(1, 2**53 - 2)]


def test_what_the_box_no_longer_holds_counts_as_through_and_as_lost() -> None:
    ledger = Received()
    ledger.take([3, 9])
    ledger.declare(8, 12)
    assert (ledger.through, ledger.lost, ledger.missing) == (7, 6, 4)
    assert ledger.missing_within(8, 12) == [(8, 8), (10, 12)]


def test_what_was_dropped_before_the_hub_heard_of_the_box_is_lost_too() -> None:
    ledger = Received()
    ledger.take([1, 2])
    ledger.declare(6, 7)
    assert (ledger.through, ledger.lost, ledger.missing) == (5, 3, 2)


def test_a_box_that_declares_numbers_without_end_costs_one_range() -> None:
    ledger = Received()
    ledger.declare(1, 2**53 - 1)
    assert ledger.missing_within(1, 2**53 - 1) == [(1, 2**53 - 1)]
    ledger.take([2**53 - 1])
    assert ledger.gaps == [(1, 2**53 - 2)]


def test_too_many_ranges_are_asked_for_as_one_that_spans_the_rest() -> None:
    ranges = [(n, n) for n in range(1, 20, 2)]
    assert at_most(ranges, 10) == ranges
    assert at_most(ranges, 3) == [(1, 1), (3, 3), (5, 19)]
