"""Runs recorded files through the same pipeline at full speed, on the recording's own clock.

Called by `menkou-edge replay`; put together by `app`. Prints what was committed, in order.
"""

import heapq
import itertools
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from edge.core.presence import MINUTE_S, PresenceMinute
from edge.core.visit import Change, Crossed, Opened, Raised, Revised, Visit
from edge.pipeline import Counting, Recorder
from edge.ports import ClockState, Fact, Frame
from edge.sensors.motion import FrameUnreadable
from edge.sensors.recording import Recording, RecordingTruncated
from menkou.progress import Progress

TICK_EVERY_S = 60.0
"""Closing times are looked for once a recorded minute."""
LOOK_EVERY_S = 1.0
"""Members and the permission to read faces are looked at once a recorded second."""


class RecordingClock:
    """The clock of a recording: it stands where the last frame stands."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._now = start

    def advance(self, at: datetime) -> None:
        """Go on to a frame's time, never back."""
        self._now = max(self._now, at)

    def now(self) -> datetime:
        """Return the recording's aware time."""
        return self._now

    def mono(self) -> float:
        """Return recorded seconds since the start."""
        return (self._now - self._start).total_seconds()

    def state(self) -> ClockState:
        """The person who gave the start vouches for it."""
        return "ok"


class ProbeTrack(Protocol):
    """Recorded probe requests (`edge.app.probes`)."""

    done: Callable[[Sequence[PresenceMinute]], None]
    faults: list[str]

    @property
    def probes(self) -> int:
        """How many probe requests were counted."""
        ...

    def frames(self) -> Iterator[Any]:
        """Yield the frames, oldest first."""
        ...

    def take(self, frame: Any) -> None:
        """Count one."""
        ...

    def finish(self) -> None:
        """Hand on the last minutes."""
        ...


@dataclass(slots=True)
class Tally:
    """What the summary adds up, from committed facts only."""

    entered: int = 0
    left: int = 0
    staff: int = 0
    turned_back: int = 0
    outside_hours: int = 0
    visits: dict[str, Visit] = field(default_factory=dict)
    probes: int = 0
    index: float = 0.0

    def add(self, change: Change) -> None:
        """Count one committed change."""
        match change:
            case Crossed() as crossed:
                self._cross(crossed)
            case Opened(visit=visit) | Revised(visit=visit):
                self.visits[visit.id] = visit

    def _cross(self, crossed: Crossed) -> None:
        if crossed.staff:
            self.staff += 1
        elif not crossed.hours_open:
            self.outside_hours += 1
        else:
            self.turned_back += crossed.turned_back
            if crossed.direction == "in":
                self.entered += 1
            else:
                self.left += 1

    def summary(self, frames: int, seconds: float, lines: "Lines") -> dict[str, Any]:
        """Return the last line of DESIGN section 4, and what was left out of it and why."""
        real = [v for v in self.visits.values() if not v.void and v.who != "staff"]
        named = dict.fromkeys(v.subject for v in real if v.subject is not None)
        return {
            "event": "summary",
            "frames": frames,
            "seconds": round(seconds, 3),
            "in": self.entered,
            "out": self.left,
            "visitors": sum(v.counted and not v.reentry for v in real),
            "reentries": sum(v.reentry for v in real),
            "members": [lines.member_of(subject) for subject in named],
            "embeddings": lines.embedded(),
            "probes": self.probes,
            "devices_estimate": lines.devices(self.index) if self.probes else None,
            "basis": lines.basis,
            "turned_back": self.turned_back,
            "staff": self.staff,
            "outside_hours": self.outside_hours,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Turns changes into replay's lines.

    Args:
        zone: the shop's zone, in which times are printed.
        basis: what the visits are: `crossings` or `distinct`.
        member_of: returns the member id of a subject; None when the member was erased.
        embedded: returns how many faces were embedded so far.
        devices: returns the estimate for a sum of the index of Wi-Fi, None before enough is learnt.
    """

    zone: ZoneInfo
    basis: str
    member_of: Callable[[str], str | None]
    embedded: Callable[[], int]
    devices: Callable[[float], float | None] = lambda index: None

    def presence(self, minute: PresenceMinute) -> dict[str, Any]:
        """Return the JSON line of a minute of Wi-Fi, which is told as it ends."""
        start = datetime.fromtimestamp(minute.minute_s, UTC)
        return {
            "event": "presence",
            "at": self._text(datetime.fromtimestamp(minute.minute_s + MINUTE_S, UTC)),
            "minute": self._text(start),
            "classes": minute.classes,
            "near": minute.near,
            "far": minute.far,
            "index": round(minute.index, 2),
            "probes": minute.probes,
        }

    def line_of(self, change: Change) -> dict[str, Any] | None:
        """Return the JSON line of a change, None for those that replay does not print."""
        match change:
            case Crossed() as crossed:
                return {
                    "event": "entry",
                    "at": self._text(crossed.at),
                    "camera": crossed.camera,
                    "direction": crossed.direction,
                    "track": crossed.track,
                    "staff": crossed.staff,
                    "turned_back": crossed.turned_back,
                    "hours_open": crossed.hours_open,
                }
            case Opened(visit=visit):
                return self._visit(visit.opened_at, visit)
            case Revised(at=at, visit=visit):
                return self._visit(at, visit)
            case Raised(at=at, kind=kind, visit=visit_id, subject=subject):
                return {
                    "event": "alert",
                    "at": self._text(at),
                    "kind": kind,
                    "visit": visit_id,
                    "member": self.member_of(subject),
                }
        return None

    def _text(self, at: datetime) -> str:
        return at.astimezone(self.zone).isoformat(timespec="milliseconds")

    def _visit(self, at: datetime, visit: Visit) -> dict[str, Any]:
        return {
            "event": "visit",
            "at": self._text(at),
            "visit": visit.id,
            "who": visit.who,
            "member": self.member_of(visit.subject) if visit.subject else None,
            "reentry": visit.reentry,
            "first_visit": visit.first_visit,
            "distance": None if visit.distance is None else round(visit.distance, 4),
            "sure": visit.sure,
            "counted": visit.counted,
            "void": visit.void,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Interlude:
    """Something that happens while a recording plays, such as an enrolment at the counter.

    `after_s` are seconds of the recording; `act` is called between two frames.
    """

    after_s: float
    act: Callable[[datetime], None]


class Replay:
    """Plays recordings through the rules.

    Args:
        recordings: the files, already opened.
        clock: the recording's clock.
        counting: the rules.
        recorder: where facts go; its `kept` must be this replay's `kept`.
        lines: how changes are printed.
        emit: given each JSON line as it is kept, and the summary last.
        kept: told when something was kept.
        allowed: says whether faces may still be read at a moment of the recording.
        interludes: what happens in between.
        probes: recorded Wi-Fi, played on the same clock.
        keep: keeps minutes of Wi-Fi.
    """

    def __init__(
        self,
        *,
        recordings: Sequence[Recording],
        clock: RecordingClock,
        counting: Counting,
        recorder: Callable[[Callable[[Sequence[Fact]], None]], Recorder],
        lines: Lines,
        emit: Callable[[dict[str, Any]], None],
        kept: Callable[[], None],
        allowed: Callable[[datetime], bool] = lambda now: True,
        interludes: Sequence[Interlude] = (),
        probes: ProbeTrack | None = None,
        keep: Callable[[Sequence[PresenceMinute]], object] = lambda minutes: None,
    ) -> None:
        self._probes = probes
        self._keep = keep
        if probes is not None:
            probes.done = self._minutes_over
        self._recordings = recordings
        self._clock = clock
        self._counting = counting
        self._recorder = recorder(self._kept)
        self._lines = lines
        self._emit = emit
        self._allowed = allowed
        self._interludes = sorted(interludes, key=lambda interlude: interlude.after_s)
        self._tell_kept = kept
        self.tally = Tally()
        self.frames = 0
        self.faults: list[str] = []

    def _kept(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            self.tally.add(fact.change)
            line = self._lines.line_of(fact.change)
            if line is not None:
                self._emit(line)
        self._tell_kept()

    def _minutes_over(self, minutes: Sequence[PresenceMinute]) -> None:
        self._keep(minutes)
        for minute in minutes:
            self.tally.index += minute.index
            self._emit(self._lines.presence(minute))
        self._tell_kept()

    def _given(self, recording: Recording) -> Iterator[Frame]:
        try:
            yield from recording.frames()
        except RecordingTruncated as exc:
            self.faults.append(str(exc))

    def run(self, stop: Callable[[], bool]) -> None:
        """Play to the end, or until `stop` says so; the summary comes last.

        Raises:
            edge.sensors.recording.CameraFault: a file gave no usable frame.
            edge.store.database.StoreAway: there is no room; what was printed is kept.
        """
        began = time.monotonic()
        flushed = began
        ticked_s = looked_s = 0.0
        self._look()
        progress = Progress(sys.stderr)
        sources: list[Iterator[Any]] = [self._given(one) for one in self._recordings]
        if self._probes is not None:
            sources.append(self._probes.frames())
        merged = heapq.merge(*sources, key=lambda frame: frame.at)
        for frame in itertools.takewhile(lambda _: not stop(), merged):
            self._clock.advance(frame.at)
            if self._probes is not None and not isinstance(frame, Frame):
                self._probes.take(frame)
                progress.show(lambda: self._so_far(time.monotonic() - began))
                continue
            self.frames += 1
            if self._clock.mono() - looked_s >= LOOK_EVERY_S:
                looked_s = self._clock.mono()
                self._look()
            if self._clock.mono() - ticked_s >= TICK_EVERY_S:
                ticked_s = self._clock.mono()
                self._recorder.add(self._counting.tick(self._clock.now()))
            self._play_interludes()
            self._take(frame)
            if time.monotonic() - flushed >= 0.5:
                flushed = time.monotonic()
                self._flush()
            progress.show(lambda: self._so_far(time.monotonic() - began))
        if self._probes is not None:
            self._probes.finish()
            self.tally.probes = self._probes.probes
            self.faults += self._probes.faults
        self._recorder.add(self._counting.finish())
        self._flush()
        progress.done()
        if stop():
            self.faults.append(
                f"stopped after {self.frames} frames; what was printed is kept, the rest was not"
                " played"
            )
        self._emit(self.tally.summary(self.frames, time.monotonic() - began, self._lines))

    def _look(self) -> None:
        """Take members and permission as they are now; faces that may not be read are forgotten."""
        now = self._clock.now()
        if not self._allowed(now):
            self._counting.stop_reading()
        self._recorder.add(self._counting.refresh(now))

    def _play_interludes(self) -> None:
        while self._interludes and self._interludes[0].after_s <= self._clock.mono():
            self._flush()
            self._interludes.pop(0).act(self._clock.now())
            self._look()

    def _take(self, frame: Frame) -> None:
        try:
            self._recorder.add(self._counting.take(frame))
        except FrameUnreadable as exc:
            self.faults.append(f"camera {frame.camera}, frame {self.frames}: {exc}")

    def _flush(self) -> None:
        self._recorder.flush()
        if self._recorder.away is not None:
            raise self._recorder.away

    def _so_far(self, seconds: float) -> str:
        counts = [recording.frames_announced for recording in self._recordings]
        total = sum(c for c in counts if c) if all(counts) else None
        probes = f", {self._probes.probes} probe requests" if self._probes else ""
        of = f" of {total} ({100 * self.frames / total:.0f} %)" if total else ""
        pace = f"{self.frames / seconds:.0f} a second"
        crossed = f"{self.tally.entered} in, {self.tally.left} out"
        return f"{self.frames} frames{of}, {pace}, {crossed}{probes}"
