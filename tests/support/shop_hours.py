"""Simulated shop hours, made of the recordings of single phones: who came is known.

Each visitor is a random session of a random phone, from a random moment of it on, and stays 2 to
20 minutes; all addresses are new ones for each visitor. What is seen in the hour goes through the
box's own reader and counter. Used by tests/core/test_footfall_index.py and `measure_footfall`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.core.presence import MinuteCounter, PresenceMinute
from edge.core.pseudonym import KEY_BYTES, Pseudonyms
from edge.sensors.radio.frames import ProbeReader
from edge.sensors.radio.pcap import probe_frames

HOUR_S: Final = 3600
SESSION_S: Final = 1200
DWELL_S: Final = (120, 1200)
CHANNEL: Final = 6
START_S: Final = 1_795_672_800
"""The start of a simulated hour, seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Session:
    """One phone for 20 minutes: when (seconds), class and address (small numbers) of each frame."""

    phone: str
    name: str
    seconds: NDArray[np.float64]
    classes: NDArray[np.int64]
    addresses: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShopHour:
    """What is heard in an hour: seconds, class, pseudonym and visitor of each frame, in order.

    `dwells` are how long each visitor stayed, in seconds.
    """

    visitors: int
    seconds: NDArray[np.float64]
    classes: NDArray[np.int64]
    pseudonyms: NDArray[np.int64]
    who: NDArray[np.int64]
    dwells: NDArray[np.float64]


def sessions_of(folder: Path, channel: int = CHANNEL) -> list[Session]:
    """Read the sessions on a channel; those without a frame are none."""
    pseudonyms = Pseudonyms(memoryview(bytearray(KEY_BYTES)), lambda memory: None, UTC)
    pseudonyms.begin(datetime.fromtimestamp(START_S, UTC), 0.0)
    seen: list[tuple[float, int, int]] = []
    reader = ProbeReader(pseudonyms, lambda at, cls, who, _: seen.append((at, cls, who)))
    numbers: dict[int, int] = {}
    sessions = []
    for path in sorted(folder.glob(f"*-ch-{channel}-*.pcap")):
        seen.clear()
        for at, frame in probe_frames([path]):
            reader.take(frame, at)
        if seen:
            times, classes, devices = zip(*seen, strict=True)
            sessions.append(
                Session(
                    phone=path.name[0],
                    name=path.name,
                    seconds=np.asarray(times) - times[0],
                    classes=np.asarray([numbers.setdefault(cls, len(numbers)) for cls in classes]),
                    addresses=np.unique(devices, return_inverse=True)[1],
                )
            )
    return sessions


class Street:
    """Phones that walk by, with their shares (equal unless given)."""

    def __init__(
        self,
        sessions: Sequence[Session],
        phones: Sequence[str] | None = None,
        shares: Sequence[float] | None = None,
    ) -> None:
        self.phones = sorted(set(phones or (session.phone for session in sessions)))
        self._sessions = [
            [session for session in sessions if session.phone == phone] for phone in self.phones
        ]
        self._shares = shares

    def hour(self, visitors: int, chance: np.random.Generator) -> ShopHour:
        """Simulate an hour."""
        parts, dwells, addresses = [], [], 0
        for visitor in range(visitors):
            own = self._sessions[int(chance.choice(len(self.phones), p=self._shares))]
            session = own[int(chance.integers(len(own)))]
            arrival, dwell = chance.uniform(0, HOUR_S), chance.uniform(*DWELL_S)
            since = chance.uniform(0, SESSION_S - dwell)
            here = (session.seconds >= since) & (session.seconds < since + dwell)
            seconds = session.seconds[here] - since + arrival
            heard = seconds < HOUR_S
            parts.append(
                (
                    seconds[heard],
                    session.classes[here][heard],
                    session.addresses[here][heard] + addresses,
                    np.full(int(heard.sum()), visitor),
                )
            )
            addresses += int(session.addresses.max()) + 1
            dwells.append(dwell)
        seconds, classes, pseudonyms, who = (
            np.concatenate(part) for part in zip(*parts, strict=True)
        )
        order = np.argsort(seconds, kind="stable")
        return ShopHour(
            visitors=visitors,
            seconds=seconds[order],
            classes=classes[order],
            pseudonyms=pseudonyms[order],
            who=who[order],
            dwells=np.asarray(dwells),
        )


def minutes_of(hour: ShopHour, counter: MinuteCounter | None = None) -> list[PresenceMinute]:
    """Count an hour as the box does; of frames alike within a minute one is enough."""
    counter = counter or MinuteCounter(near_dbm=-60, far_dbm=-80, hour_at_s=START_S)
    minutes = (hour.seconds // 60).astype(np.int64)
    rows = np.unique(np.stack([minutes, hour.classes, hour.pseudonyms], axis=1), axis=0)
    for minute, cls, who in rows.tolist():
        # Classes and pseudonyms are 64 random bits each and never equal: apart here, too.
        counter.see(START_S + minute * 60.0, -1 - cls, who, -50)
    return counter.close(START_S + HOUR_S)


def index_of(hour: ShopHour) -> float:
    """Return the footfall index of an hour."""
    return sum(minute.index for minute in minutes_of(hour))


def class_minutes(hour: ShopHour) -> int:
    """Return the plain count: distinct classes a minute, added up."""
    minutes = (hour.seconds // 60).astype(np.int64)
    return len(np.unique(np.stack([minutes, hour.classes], axis=1), axis=0))
