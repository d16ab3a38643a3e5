"""Remembers who came in and is nobody's member, within the window, in secret memory only.

Implements `edge.ports.Strangers` over `edge.memory`; made by `app` for the eyes, and only where
`edge.modes` says `everybody`. The memory outlives the process: the supervisor holds its descriptor.

    header (64 bytes: what this is, layout, size of a record, zero) | record | record | ... | record

A record is a descriptor, the first and last visit with their times, and a checksum over all that,
or zeros. The numbers of a descriptor are compared where they lie and never copied. `zero` is the
wall time at second 0 of the monotonic clock that the times belong to: the memory outlives steps.
"""

import logging
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from edge.core.visit import Chain
from edge.memory import SecretMemory
from edge.ports import Vector

log = logging.getLogger(__name__)

_ULID: Final = "S26"
_RECORD: Final = np.dtype(
    {
        "names": ["vector", "first_at", "last_at", "first_visit", "last_visit", "crc"],
        "formats": ["(128,)<f4", "<i8", "<i8", _ULID, _ULID, "<u4"],
        "offsets": [0, 512, 520, 528, 554, 588],
        "itemsize": 592,
    }
)
"""Times are microseconds since 1970 in UTC. The rows of `vector` are a whole number of floats
apart, so that BLAS takes them as they are: otherwise numpy would copy them to ordinary memory."""
_HEADER_BYTES: Final = 64
_ZERO_AT: Final = 56  # int64, microseconds since 1970; 0: not said yet
_HEADER: Final = b"menkou strangers, layout 1, records of %d bytes" % _RECORD.itemsize
_CHECKED_BYTES: Final = 588
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNIT_TOLERANCE: Final = 1e-3


class StrangerMemory:
    """The strangers of the window. Made over memory that was used before, it finds them again.

    Args:
        memory: secret memory; how much of it there is says how many people it holds.
        threshold: Euclidean distance between unit vectors below which two faces are one person's.

    Raises:
        ValueError: the memory holds no record.
    """

    def __init__(self, memory: SecretMemory, threshold: float) -> None:
        self._memory = memory
        self._threshold = threshold
        room = memory.size - _HEADER_BYTES
        if room < _RECORD.itemsize:
            raise ValueError(f"strangers: expected at least one record of memory, got {room} bytes")
        count = room // _RECORD.itemsize
        self._records: NDArray[np.void] = np.frombuffer(
            memory.view, dtype=_RECORD, count=count, offset=_HEADER_BYTES
        )
        self._vectors: NDArray[np.float32] = self._records["vector"]
        self._first_visits: NDArray[np.bytes_] = self._records["first_visit"]
        zero = bytes(memory.view[_ZERO_AT:_HEADER_BYTES])
        self._zero_us = int.from_bytes(zero, "little", signed=True)
        self._check()

    def _check(self) -> None:
        header = bytes(self._memory.view[:_ZERO_AT]).rstrip(b"\0")
        torn = [place for place in self._used() if not self._whole(place)]
        # A process that was killed tears the one record that it wrote, nothing else.
        if header == _HEADER and len(torn) <= 1:
            for place in torn:
                self._overwrite(place)
            return
        if header:
            log.warning("the memory of strangers is damaged or of another version; it begins anew")
        self.wipe()

    def _used(self) -> list[int]:
        """Return the places that hold anything at all."""
        rows = self._bytes().reshape(len(self._records), _RECORD.itemsize)
        return [int(place) for place in np.flatnonzero(rows.any(axis=1))]

    def _bytes(self) -> NDArray[np.uint8]:
        size = len(self._records) * _RECORD.itemsize
        return np.frombuffer(self._memory.view, np.uint8, count=size, offset=_HEADER_BYTES)

    def _checksum(self, place: int) -> int:
        start = _HEADER_BYTES + place * _RECORD.itemsize
        return zlib.crc32(self._memory.view[start : start + _CHECKED_BYTES])

    def _whole(self, place: int) -> bool:
        return int(self._records["crc"][place]) == self._checksum(place)

    def find(self, vector: Vector, within: float | None = None) -> str | None:
        """Return the first visit of the stranger whose face this is, or None.

        The nearest of all, if it is nearer than `within`; None: than the threshold.
        """
        likeness = self._vectors @ _checked(vector)  # an empty record: 0, a distance of 1.41
        nearest = int(likeness.argmax())
        distance = float(np.sqrt(max(0.0, 2.0 - 2.0 * float(likeness[nearest]))))
        limit = self._threshold if within is None else within
        return self._first_visit(nearest) if distance < limit else None

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._used())

    def keep(self, chain: Chain, vector: Vector | None) -> None:
        """Remember a stranger's visits; None keeps the vector that is known.

        Where none is known (any more), nothing is kept. A full memory gives up whoever was seen
        longest ago.
        """
        place = self._place_of(chain.first_visit)
        if vector is None:
            if place is None:
                return
        else:
            _checked(vector)
        if place is None:
            place = self._free_place()
        record = self._records[place]
        record["first_visit"] = chain.first_visit.encode()
        record["last_visit"] = chain.last_visit.encode()
        record["first_at"] = _microseconds(chain.first_at)
        record["last_at"] = _microseconds(chain.last_at)
        if vector is not None:
            record["vector"] = vector
        record["crc"] = self._checksum(place)

    def _place_of(self, first_visit: str) -> int | None:
        places = np.flatnonzero(self._first_visits == first_visit.encode())
        return int(places[0]) if len(places) else None

    def _free_place(self) -> int:
        empty = np.flatnonzero(self._first_visits == b"")
        if len(empty):
            return int(empty[0])
        oldest = int(self._records["last_at"].argmin())
        self._overwrite(oldest)
        return oldest

    def forget(self, first_visit: str) -> None:
        """Overwrite what is held of a stranger."""
        place = self._place_of(first_visit)
        if place is not None:
            self._overwrite(place)

    def forget_before(self, moment: datetime, since: Literal["last_seen", "first_seen"]) -> None:
        """Overwrite everybody who was last (or first) seen before `moment`."""
        times = self._records["last_at" if since == "last_seen" else "first_at"]
        past = (times < _microseconds(moment)) & (self._first_visits != b"")
        for place in np.flatnonzero(past):
            self._overwrite(int(place))

    def _overwrite(self, place: int) -> None:
        self._records[place : place + 1] = np.zeros(1, _RECORD)

    def rebase(self, zero: datetime) -> None:
        """Move all times to a clock whose second 0 is now at `zero`."""
        now_us = _microseconds(zero)
        if self._zero_us and (by := now_us - self._zero_us):
            for place in self._used():
                self._records["first_at"][place] += by
                self._records["last_at"][place] += by
                self._records["crc"][place] = self._checksum(place)
        self._keep_zero(now_us)

    def _keep_zero(self, zero_us: int) -> None:
        self._zero_us = zero_us
        self._memory.view[_ZERO_AT:_HEADER_BYTES] = zero_us.to_bytes(8, "little", signed=True)

    def chains(self) -> list[Chain]:
        """Return what is known of the strangers' visits, whoever came first first."""
        found = [
            Chain(
                first_visit=self._first_visit(int(place)),
                first_at=_moment(self._records["first_at"][place]),
                last_visit=self._records["last_visit"][place].decode(),
                last_at=_moment(self._records["last_at"][place]),
            )
            for place in np.flatnonzero(self._first_visits != b"")
        ]
        return sorted(found, key=lambda chain: (chain.first_at, chain.first_visit))

    def _first_visit(self, place: int) -> str:
        name: bytes = self._first_visits[place]
        return name.decode()

    def wipe(self) -> None:
        """Overwrite everything, for everybody who shares the memory."""
        self._memory.wipe()
        self._memory.view[: len(_HEADER)] = _HEADER
        self._keep_zero(self._zero_us)


def _checked(vector: Vector) -> Vector:
    # A number that is no number would make every comparison false, or find anybody.
    if vector.shape != (128,) or vector.dtype != np.float32:
        raise ValueError(f"vector: expected float32 (128,), got {vector.dtype} {vector.shape}")
    if not abs(float(vector @ vector) - 1.0) < _UNIT_TOLERANCE:
        raise ValueError("vector: expected length 1, got another length or no numbers")
    return vector


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _moment(microseconds: Any) -> datetime:
    return _EPOCH + timedelta(microseconds=int(microseconds))
