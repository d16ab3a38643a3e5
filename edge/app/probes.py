"""Recordings of probe requests, counted by the same code as the air. For replay and calibration.

files ─> merged by their own times ─> Minutes (reader, key of the day, counter) ─> minutes
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from edge.app.radio import counter_of, pseudonyms_of
from edge.config import EdgeConfig
from edge.core.presence import MINUTE_S, PresenceMinute
from edge.sensors.radio.errors import ProbesFault
from edge.sensors.radio.minutes import Minutes
from edge.sensors.radio.pcap import Frame, probe_frames


class ProbeFrame(NamedTuple):
    """A recorded frame, from its radiotap header on, and when it came by the replay's clock."""

    at: datetime
    at_s: float
    raw: bytes


class ProbeTrack:
    """Recorded probe requests, as a replay plays them.

    Args:
        config: the settings: thresholds, and the zone whose midnight ends the key.
        paths: the files, merged on one clock.
        start: when the first frame came; None: as the recording says.

    Raises:
        ProbesFault: a file cannot be read, or none holds a frame.

    `done` takes finished minutes; `faults` says which files ended before their time.
    """

    def __init__(
        self, config: EdgeConfig, paths: Sequence[Path], start: datetime | None = None
    ) -> None:
        self._frames = probe_frames(paths)
        self.faults: list[str] = []
        first = self._next()
        if first is None:
            names = ", ".join(str(path) for path in paths)
            raise ProbesFault(
                "; ".join(self.faults)
                or f"{names}: expected probe requests, got none; record on a monitor interface"
            )
        self._first = first
        self._shift_s = 0.0 if start is None else start.timestamp() - first[0]
        self.began = datetime.fromtimestamp(first[0] + self._shift_s, UTC)
        self.done: Callable[[Sequence[PresenceMinute]], None] = lambda minutes: None
        self._minutes = Minutes(
            counter=lambda: counter_of(config.wifi),
            pseudonyms=pseudonyms_of(config),
            done=lambda minutes: self.done(minutes),
            mono=lambda: self._at_s,
            live=False,
        )
        self._at_s = first[0] + self._shift_s

    @property
    def probes(self) -> int:
        """How many probe requests were counted."""
        return self._minutes.reader.probes

    @property
    def dropped(self) -> int:
        """How many frames were none."""
        return sum(self._minutes.reader.dropped.values())

    def frames(self) -> Iterator[ProbeFrame]:
        """Yield the frames, oldest first."""
        frame: Frame | None = self._first
        while frame is not None:
            at_s = frame[0] + self._shift_s
            yield ProbeFrame(datetime.fromtimestamp(at_s, UTC), at_s, frame[1])
            frame = self._next()

    def _next(self) -> Frame | None:
        try:
            return next(self._frames, None)
        except ProbesFault as exc:
            self.faults.append(str(exc))
            return None

    def take(self, frame: ProbeFrame) -> None:
        """Count a frame; minutes that it ends are handed on."""
        self._at_s = frame.at_s
        self._minutes.begin(frame.at_s)
        self._minutes.take(frame.raw, frame.at_s)

    def finish(self) -> None:
        """Hand on the last minutes; the key and all that was made with it are gone."""
        self._minutes.finish()


@dataclass(slots=True, kw_only=True)
class Recorded:
    """What recordings come to: their minutes, and how many frames were probe requests."""

    minutes: list[PresenceMinute] = field(default_factory=list)
    probes: int = 0
    seconds: float = 0.0

    @property
    def index(self) -> float:
        """The sum of the index over all minutes."""
        return sum(minute.index for minute in self.minutes)

    @property
    def start(self) -> datetime:
        """When the first minute began."""
        return datetime.fromtimestamp(self.minutes[0].minute_s, UTC)

    @property
    def span(self) -> int:
        """Minutes from the first to the last, both included."""
        return (self.minutes[-1].minute_s - self.minutes[0].minute_s) // MINUTE_S + 1


def count(config: EdgeConfig, paths: Sequence[Path]) -> Recorded:
    """Count recordings at full speed.

    Raises:
        ProbesFault: a file cannot be read, ends before its time, or holds no probe request.
    """
    began = time.monotonic()
    track, found = ProbeTrack(config, paths), Recorded()
    track.done = found.minutes.extend
    for frame in track.frames():
        track.take(frame)
    track.finish()
    if track.faults:
        raise ProbesFault("; ".join(track.faults))
    if not track.probes:
        names = ", ".join(str(path) for path in paths)
        raise ProbesFault(
            f"{names}: expected probe requests, got {track.dropped} frames of other kinds;"
            " record on a monitor interface"
        )
    found.probes, found.seconds = track.probes, time.monotonic() - began
    return found
