"""Minutes of presence: what is counted, what is set aside, what is forgotten."""

import gc
from collections.abc import Callable, Iterator

import pytest

from edge.core.dwell import LENGTHS_MIN, STAYS_NEEDED
from edge.core.loads import CLASSES_MOST, HourLoads, index_of
from edge.core.presence import MINUTE_S, PSEUDONYMS_MOST, MinuteCounter, PresenceMinute

HOUR: int = 1_795_672_800
CLS, OTHER = 1 << 60, 1 << 61
WHO = 1 << 40


Seen = tuple[int, int, int]
"""Minute since HOUR, class, pseudonym."""


def counter(
    *, hour_at_s: int | None = HOUR, shut_at: Callable[[int], bool] | None = None
) -> MinuteCounter:
    return MinuteCounter(near_dbm=-60, far_dbm=-80, hour_at_s=hour_at_s, shut_at=shut_at)


def device(
    minutes: range, cls: int, who: int, *, every: int = 1, rotates: bool = False
) -> list[Seen]:
    """What a device shows; with `rotates` under a new address each time."""
    return [(minute, cls, who + minute * rotates) for minute in minutes[::every]]


def counted(counting: MinuteCounter, end: int, *devices: list[Seen]) -> list[PresenceMinute]:
    """Count devices until minute `end`, each minute closed when it is over."""
    found, seen = [], sorted(one for device in devices for one in device)
    for minute, cls, who in seen:
        found += counting.close(HOUR + minute * MINUTE_S)
        counting.see(HOUR + minute * MINUTE_S, cls, who, -50)
    return found + counting.close(HOUR + end * MINUTE_S)


def test_a_minute_counts_classes_by_their_strongest_frame() -> None:
    counting = counter()
    for cls, signal in ((1, -85), (1, -59), (2, -70), (3, -95), (4, None)):
        counting.see(HOUR + 5.0, cls, WHO + cls, signal)
    minute = counting.close(HOUR + 60)[0]
    assert (minute.minute_s, minute.classes, minute.near, minute.far) == (HOUR, 4, 2, 1)
    assert minute.probes == 5
    assert minute.index > 0


def test_minutes_come_in_order_and_silent_ones_are_among_them() -> None:
    counting = counter()
    counting.see(HOUR + 1.0, CLS, WHO, -50)
    counting.see(HOUR + 181.0, CLS, WHO, -50)
    assert counting.close(HOUR + 59.9) == []
    found = counting.close(HOUR + 240)
    assert [minute.minute_s - HOUR for minute in found] == [0, 60, 120, 180]
    assert [minute.probes for minute in found] == [1, 0, 0, 1]
    assert found[1] == PresenceMinute(
        minute_s=HOUR + 60, classes=0, near=0, far=0, index=0.0, probes=0
    )
    assert counting.close(HOUR + 240) == []


def test_a_late_frame_counts_for_the_oldest_open_minute_and_delays_no_other() -> None:
    counting = counter()
    counting.see(HOUR + 1.0, CLS, WHO, -50)
    counting.close(HOUR + 60)
    for at in (59.0, 121.0, 58.0, 122.0):
        counting.see(HOUR + at, CLS, WHO, -50)
    assert [minute.probes for minute in counting.close(HOUR + 180)] == [2, 2]


def test_thresholds_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(ValueError, match="far_dbm below near_dbm"):
        MinuteCounter(near_dbm=-80, far_dbm=-60)


def reachable(root: object) -> Iterator[object]:
    """Everything that an object holds."""
    seen, todo = set(), [root]
    while todo:
        one = todo.pop()
        if id(one) not in seen and not isinstance(one, type) and not callable(one):
            seen.add(id(one))
            yield one
            todo.extend(gc.get_referents(one))


def test_nothing_of_a_class_or_a_pseudonym_stays_when_the_key_is_gone() -> None:
    counting = counter(shut_at=lambda _: True)
    counted(counting, 199, device(range(199), CLS, WHO), device(range(60), OTHER, 1, rotates=True))
    told = {CLS, WHO}
    assert told <= {one for one in reachable(counting) if isinstance(one, int)}
    counting.forget()
    assert not told & {one for one in reachable(counting) if isinstance(one, int)}
    counting.see(HOUR + 200 * MINUTE_S, OTHER, WHO, -50)
    assert [minute.classes for minute in counting.close(HOUR + 201 * MINUTE_S)][-1] == 1


def test_made_up_addresses_and_classes_take_no_more_memory_than_a_full_square() -> None:
    counting = counter()
    for number in range(PSEUDONYMS_MOST + 1000):
        counting.see(HOUR + 1.0, CLS, number, -50)
    for number in range(CLASSES_MOST + 1000):
        counting.see(HOUR + 2.0, OTHER + number, WHO, -50)
    held = sum(isinstance(one, int) and one < PSEUDONYMS_MOST + 1000 for one in reachable(counting))
    assert held <= PSEUDONYMS_MOST + 100
    minute = counting.close(HOUR + 60)[0]
    assert minute.classes == CLASSES_MOST
    assert minute.probes == PSEUDONYMS_MOST + CLASSES_MOST + 2000


def test_the_index_of_an_hour_is_the_sum_of_its_minutes() -> None:
    devices = [
        device(range(cls, 60, cls), cls << 50, cls << 40, rotates=cls < 4) for cls in range(1, 6)
    ]
    loads = HourLoads()
    for minute, cls, who in sorted(one for some in devices for one in some):
        loads.add(minute, cls, [who])
    found = counted(counter(), 60, *devices)
    whole = index_of(loads.loads().values())
    assert sum(one.index for one in found) == pytest.approx(whole, rel=0.01)


def test_a_crowd_beyond_all_that_was_measured_still_counts_for_more() -> None:
    def crowd(guests: int) -> float:
        guest = [device(range(10, 20), CLS, WHO + n) for n in range(guests)]
        return sum(one.index for one in counted(counter(), 60, *guest))

    assert crowd(1600) > 1.9 * crowd(800) > 3.6 * crowd(400)


def test_an_hour_of_the_shop_begins_anew_and_a_recording_of_an_hour_is_one() -> None:
    def second_half(hour_at_s: int | None) -> float:
        guests = [device(range(30 + n, 91), CLS + n, WHO + n) for n in range(6)]
        found = counted(counter(hour_at_s=hour_at_s), 91, *guests)
        return sum(one.index for one in found if one.minute_s >= HOUR + 3600)

    assert second_half(HOUR) > 5 * second_half(None)


def test_a_device_that_never_leaves_is_set_aside_and_guests_are_not() -> None:
    counting = counter()
    found = counted(
        counting,
        240,
        device(range(240), CLS, WHO, every=4),
        device(range(20, 30), OTHER, WHO + 1),
        device(range(200, 216), OTHER, WHO + 1, every=3),  # the same guest, hours later
    )
    assert counting.aside == 1
    assert found[0].classes == 1  # not known yet
    assert [one.minute_s - HOUR for one in found[180:] if one.classes] == [
        minute * MINUTE_S for minute in range(200, 216, 3)
    ]
    assert found[180].probes == 1


def test_a_neighbours_phone_is_taken_out_of_what_its_class_shows_while_the_shop_is_open() -> None:
    def open_hour(*, neighbour: bool, guests: int) -> float:
        shown = [
            device(range(185 + 9 * n, 201 + 9 * n), CLS, WHO * (n + 2), every=3, rotates=True)
            for n in range(guests)
        ]
        if neighbour:
            shown.append(device(range(240), CLS, WHO, every=7, rotates=True))
        night = device(range(1), OTHER, WHO)
        counting = counter(shut_at=lambda at: at < HOUR + 3 * 3600)
        return sum(one.index for one in counted(counting, 240, night, *shown)[180:])

    guests = open_hour(neighbour=False, guests=4)
    assert open_hour(neighbour=True, guests=0) < 0.3 * guests
    assert open_hour(neighbour=True, guests=4) == pytest.approx(guests, rel=0.3)


def test_a_class_that_fills_the_air_at_night_is_not_counted() -> None:
    counting = counter(shut_at=lambda at: at < HOUR + 3 * 3600)
    found = counted(counting, 240, device(range(240), CLS, WHO, rotates=True))
    assert counting.aside == 1
    assert sum(one.classes for one in found[190:]) == 0
    assert sum(one.index for one in found[190:]) == 0


def test_stays_are_told_by_shares_and_only_when_there_are_enough() -> None:
    counting = counter()
    # Heard every third minute from the first to the tenth, and in each of thirty-one.
    guests = [
        device(range(n * 2, n * 2 + 10), CLS, WHO + n, every=3)
        if n % 3
        else device(range(n * 2, n * 2 + 31), CLS, WHO + n)
        for n in range(STAYS_NEEDED)
    ]
    counted(counting, 60, *[[one for one in guest if one[0] < 60] for guest in guests])
    assert counting.dwell is None
    counting.forget()
    counted(counting, 160, *[[(m + 60, c, w) for m, c, w in guest] for guest in guests])
    dwell = counting.dwell
    assert dwell is not None
    assert dwell.stays == STAYS_NEEDED
    assert dict(zip(LENGTHS_MIN, dwell.shares, strict=True)) == pytest.approx(
        {5: 0, 10: 2 / 3, 20: 1 / 3, 40: 0}, abs=0.04
    )  # one came just before the full hour, and is known from then on
    counting.forget()
    assert counting.dwell is None
