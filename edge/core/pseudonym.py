"""The day's pseudonyms: what stands for a phone's address while a minute is counted. Pure.

A keyed hash (BLAKE2b, RFC 7693) under a random key that is drawn for a day and destroyed at the
shop's midnight, at stop, and within 24 hours by a clock that nobody sets: after that, nobody can
tell whether two pseudonyms of different days are one phone, the box included. The key's memory is
handed in, so that it is one that stays off the swap. Called by `sensors.radio.frames`, which hashes
an address before anything else sees it; calls nothing.
"""

from collections.abc import Callable
from datetime import date, datetime, tzinfo
from hashlib import blake2b
from typing import Final

KEY_BYTES: Final = 32
_DIGEST_BYTES: Final = 8
"""Two of 100,000 phones of a day share one with a chance of 3 in 10^10."""
_LIFE_S: Final = 24 * 3600 - 3.0
"""A key of midnight ends right before the next one, and within the last seconds of an hour on the
day that has 25: an hour's index is of one key. Three seconds are for a store that is busy."""


class KeyDestroyed(Exception):
    """The day's key is gone; `begin` draws another one."""


class Pseudonyms:
    """Hashes addresses and fingerprint classes with the key of the day.

    Args:
        memory: where the key lives; writable, `KEY_BYTES` long.
        fill: overwrites a buffer with random bytes.
        zone: the shop's, whose midnight ends the key.
    """

    def __init__(
        self, memory: memoryview, fill: Callable[[memoryview], None], zone: tzinfo
    ) -> None:
        if len(memory) != KEY_BYTES or memory.readonly:
            raise ValueError(f"pseudonyms: expected {KEY_BYTES} writable bytes, got {len(memory)}")
        self._memory = memory
        self._fill = fill
        self._zone = zone
        self._key: memoryview | None = None
        self._day: date | None = None
        self._began = 0.0

    def begin(self, now: datetime, mono: float) -> None:
        """Draw a key; the one before is overwritten. `mono` is in seconds and never steps."""
        self._fill(self._memory)
        self._key = self._memory
        self._day = now.astimezone(self._zone).date()
        self._began = mono

    def is_over(self, now: datetime, mono: float) -> bool:
        """Say whether the key has to go: another day in the shop, or 24 hours are nearly over."""
        return (
            self._key is None
            or now.astimezone(self._zone).date() != self._day
            or not 0 <= mono - self._began < _LIFE_S
        )

    def left_s(self, mono: float) -> float:
        """Return for how many seconds more the key may be used, if no midnight comes before."""
        return max(0.0, _LIFE_S - (mono - self._began))

    def destroy(self) -> None:
        """Overwrite the key; nothing can be hashed until `begin`."""
        self._key = None
        self._memory[:] = bytes(KEY_BYTES)

    def device(self, address: bytes) -> int:
        """Return what stands for an address (6 bytes) today: 64 bits.

        Raises:
            KeyDestroyed: there is no key.
        """
        if (key := self._key) is None:
            raise KeyDestroyed
        return int.from_bytes(blake2b(address, digest_size=_DIGEST_BYTES, key=key).digest())

    def model(self, capabilities: bytes) -> int:
        """Return what stands for a fingerprint class today: 64 bits, never equal to a device's.

        Raises:
            KeyDestroyed: there is no key.
        """
        if (key := self._key) is None:
            raise KeyDestroyed
        hashed = blake2b(capabilities, digest_size=_DIGEST_BYTES, key=key, person=b"model")
        return int.from_bytes(hashed.digest())
