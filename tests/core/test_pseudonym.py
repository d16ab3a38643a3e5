"""The day's key: random, for one day of the shop at most, and then gone."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from edge.core.pseudonym import KEY_BYTES, KeyDestroyed, Pseudonyms

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
PHONE = bytes.fromhex("0200000000a1")


class Keyed:
    """Pseudonyms over memory that the test can look into; each key is another byte repeated."""

    def __init__(self) -> None:
        self.memory = bytearray(KEY_BYTES)
        drawn = itertools.count(1)

        def fill(view: memoryview) -> None:
            view[:] = bytes([next(drawn)]) * KEY_BYTES

        self.names = Pseudonyms(memoryview(self.memory), fill, SHANGHAI)


@pytest.fixture
def keyed() -> Keyed:
    keyed = Keyed()
    keyed.names.begin(NOON, 1000.0)
    return keyed


def test_a_pseudonym_is_64_bits_of_the_address_under_the_days_key(keyed: Keyed) -> None:
    first = keyed.names.device(PHONE)
    assert first == keyed.names.device(PHONE)
    assert 0 <= first < 1 << 64
    assert first != keyed.names.device(PHONE[:-1] + b"\xa2")
    assert first != keyed.names.model(PHONE)
    keyed.names.begin(NOON, 1000.0)
    assert first != keyed.names.device(PHONE)


def test_the_key_is_over_at_the_shops_midnight_and_not_at_that_of_greenwich(keyed: Keyed) -> None:
    midnight = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
    assert not keyed.names.is_over(midnight - timedelta(seconds=1), 1001.0)
    assert keyed.names.is_over(midnight, 1001.0)
    assert not keyed.names.is_over(NOON, 1001.0)


def test_the_key_is_over_before_24_hours_of_a_clock_that_nobody_sets(keyed: Keyed) -> None:
    day = 24 * 3600
    assert not keyed.names.is_over(NOON, 1000.0 + day - 5)
    assert keyed.names.left_s(1000.0 + day - 5) == pytest.approx(2)
    assert keyed.names.is_over(NOON, 1000.0 + day - 2)
    assert keyed.names.left_s(1000.0 + day - 2) == 0
    assert keyed.names.is_over(NOON, 999.0)  # another start of the machine


def test_a_destroyed_key_leaves_zeros_and_hashes_nothing_more(keyed: Keyed) -> None:
    assert any(keyed.memory)
    keyed.names.destroy()
    assert not any(keyed.memory)
    assert keyed.names.is_over(NOON, 1001.0)
    for hashing in (keyed.names.device, keyed.names.model):
        with pytest.raises(KeyDestroyed):
            hashing(PHONE)


def test_memory_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 32 writable bytes, got 31"):
        Pseudonyms(memoryview(bytearray(31)), lambda _: None, UTC)
