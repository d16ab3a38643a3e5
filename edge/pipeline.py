"""Frames to crossings to visits to facts, through ports. Driven by `eyes` (live) and `replay`.

Frame -> BodyFinder -> BodyCounter -> VisitBook -> Recorder -> VisitLog (store + outbox)
    └──> Recognition (where the mode reads faces) ──┘
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from edge.core.book import VisitBook
from edge.core.counting import BodyCounter
from edge.core.crossing import Crossing, is_staff
from edge.core.geometry import Box, Line, Polygon
from edge.core.identity import Recognised
from edge.core.timeline import Moved, Timeline
from edge.core.tracking import Track
from edge.core.visit import Change, EndReason, Opened, Raised, Visit, visit_id_of
from edge.guests import Told
from edge.ports import Backdrop, BodyFinder, Clock, Fact, Frame, VisitLog
from edge.recognition import Recognition
from edge.store.database import StoreAway

log = logging.getLogger(__name__)

COUNT_EVERY_S: Final = 0.04
"""Pictures that follow sooner show nothing new: nobody crosses a door within a tenth of a second.
Of 30 a second every other one is counted, of 25 and fewer each."""
COMMIT_EVERY_S: Final = 0.5
"""Facts are gathered this long and then kept in one transaction (DESIGN section 3). Measured: from
the crossing to both pages it takes 0.8 to 1.1 s besides, and may take 2 s in all."""
HELD_MAX: Final = 5_000
"""Facts held in memory while the disk is full; what comes after them is refused and counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """How one entrance camera counts. Without a line the border of the picture counts."""

    camera: str
    line: Line | None
    staff_zone: Polygon | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _View:
    """A counted frame whose faces have not been read yet, and what was known as it was counted."""

    frame: Frame
    bodies: Sequence[Track]
    moving: Sequence[Box]
    staff: frozenset[int]


class _Scene:
    """What moves before one camera, and who of it crosses the door, if there is one."""

    def __init__(self, finder: BodyFinder, door: Door | None) -> None:
        self._finder = finder
        self._staff_zone = door.staff_zone if door else None
        self._bodies = BodyCounter(line=door.line, staff_zone=self._staff_zone) if door else None
        self._last: Frame | None = None
        self.moving: Sequence[Box] = ()

    @property
    def bodies(self) -> tuple[Track, ...]:
        return self._bodies.tracks if self._bodies else ()

    @property
    def staff(self) -> frozenset[int]:
        """The bodies in view that appeared in the staff zone: their faces are not looked up."""
        return frozenset(b.id for b in self.bodies if is_staff(b, self._staff_zone))

    @property
    def backdrop(self) -> bytes | None:
        return self._finder.backdrop() if isinstance(self._finder, Backdrop) else None

    def is_due(self, frame: Frame) -> bool:
        """Say whether a frame shows anything new; of 30 a second every other one does."""
        if self._last is None:
            return True
        elapsed_s = frame.elapsed_s - self._last.elapsed_s
        return not 0 <= elapsed_s < COUNT_EVERY_S - 0.001  # times are rounded on their way

    def view(self, frame: Frame) -> _View:
        return _View(frame=frame, bodies=self.bodies, moving=self.moving, staff=self.staff)

    def take(self, frame: Frame) -> list[tuple[datetime, Crossing]]:
        self._last = frame
        self.moving = self._finder.detect(frame.image, frame.elapsed_s)
        if self._bodies is None:
            return []
        return self._dated(frame, self._bodies.update(self.moving, frame.elapsed_s))

    def finish(self) -> list[tuple[datetime, Crossing]]:
        if self._last is None or self._bodies is None:
            return []
        return self._dated(self._last, self._bodies.flush(self._last.elapsed_s))

    @staticmethod
    def _dated(frame: Frame, crossings: Iterable[Crossing]) -> list[tuple[datetime, Crossing]]:
        """Give crossings the wall time at which they happened, a little before the frame."""
        return [(frame.at - timedelta(seconds=frame.elapsed_s - c.at_s), c) for c in crossings]


class Counting:
    """Counts people at the doors of one shop, and recognises those who agreed to it.

    Args:
        doors: the entrance cameras.
        finder: makes the body finder of one camera.
        book: the shop's visits.
        faces: who reads faces, where the mode allows it; None in `count`.
    """

    def __init__(
        self,
        *,
        doors: Iterable[Door],
        finder: Callable[[], BodyFinder],
        book: VisitBook,
        faces: Recognition | None = None,
    ) -> None:
        at_door = {door.camera: door for door in doors}
        watched = dict.fromkeys(faces.cameras if faces else ())
        self._scenes = {name: _Scene(finder(), at_door.get(name)) for name in at_door | watched}
        self._book = book
        self._faces = faces
        self._embedded_before = 0
        self._unseen: dict[str, _View] = {}

    @property
    def occupancy(self) -> int:
        """People in the shop, by the count."""
        return self._book.occupancy

    @property
    def embedded(self) -> int:
        """How many face chips were embedded so far."""
        return self._faces.embedded if self._faces else self._embedded_before

    @property
    def prompts(self) -> Mapping[str, Told]:
        """What the guests before check-in cameras are told just now, by camera."""
        return self._faces.prompts if self._faces else {}

    @property
    def unconfirmed(self) -> int:
        """Members' faces at check-in cameras that were not seen to be a head."""
        return self._faces.refused if self._faces else 0

    @property
    def mirrored(self) -> bool:
        """Whether a check-in camera's picture seems to be mirrored."""
        return self._faces.mirrored if self._faces else False

    @property
    def backdrops(self) -> Mapping[str, bytes]:
        """The cameras' empty pictures as they were learnt, JPEG, by camera."""
        found = {name: scene.backdrop for name, scene in self._scenes.items()}
        return {name: picture for name, picture in found.items() if picture is not None}

    def take(self, frame: Frame) -> list[Change]:
        """Return what a frame makes known; one of a camera without a task says nothing."""
        changes = self.count(frame)
        while self.unseen:
            changes += self.look()
        return changes

    def count(self, frame: Frame) -> list[Change]:
        """Return the crossings that a frame makes known; its faces wait for `look`.

        Of one camera only the newest frame waits. Counting is quick, reading faces is not: who has
        more cameras than time counts every frame first.
        """
        scene = self._scenes.get(frame.camera)
        if scene is None or not scene.is_due(frame):
            return []
        changes = self._enter(frame.camera, scene.take(frame))
        if self._faces is not None and frame.whole and frame.camera in self._faces.cameras:
            self._unseen[frame.camera] = scene.view(frame)
        return changes

    @property
    def unseen(self) -> bool:
        """Whether faces wait to be read."""
        return bool(self._unseen)

    def look(self) -> list[Change]:
        """Return what the faces of one frame make known: of the camera that waits for longest."""
        if not self._unseen:
            return []
        view = self._unseen.pop(next(iter(self._unseen)))
        if self._faces is None:
            return []
        return self._faces.take(
            view.frame, bodies=view.bodies, moving=view.moving, staff=view.staff
        )

    def finish(self) -> list[Change]:
        """Return what the end of all sources makes known."""
        changes = self._faces.finish() if self._faces else []
        for camera, scene in self._scenes.items():
            changes += self._enter(camera, scene.finish())
        return changes

    def tick(self, now: datetime) -> list[Change]:
        """Return what the passing of time makes known, and forget what it takes away."""
        if self._faces is not None:
            self._faces.tick(now)
        return self._book.tick(now)

    def clock_moved(self, moved: Moved, clock: Timeline, now: datetime) -> list[Change]:
        """Take the wall clock as it stands from now on; return the closings that it passed over."""
        if self._faces is not None:
            self._faces.rebase(clock.zero)
        return self._book.clock_moved(moved, now)

    def refresh(self, now: datetime) -> list[Change]:
        """Take the gallery as it is now; return what newly enrolled members make known."""
        return self._faces.refresh(now) if self._faces else []

    def stop_reading(self) -> None:
        """Read no more faces, and forget those that were read."""
        if self._faces is not None:
            self._faces.wipe()
            self._embedded_before = self._faces.embedded
        self._faces = None
        self._unseen.clear()

    def wrong_person(self, at: datetime, visit: Visit) -> list[Change]:
        """Take a correction from a person in the shop."""
        return self._book.wrong_person(at=at, visit=visit)

    def end_visit(self, at: datetime, visit: str, reason: EndReason) -> list[Change]:
        """Take from a person in the shop, or from the till, that a guest has left."""
        return self._book.end(at=at, visit=visit, reason=reason)

    def was_staff(self, at: datetime, visit: Visit, staff: bool) -> list[Change]:
        """Take from a person in the shop that a visit was staff's, or a guest's after all."""
        return self._book.was_staff(at=at, visit=visit, staff=staff)

    def code_shown(self, at: datetime, subject: str) -> Recognised:
        """Take a member's one-time code; in every mode, since no face is read for it."""
        return self._book.code_shown(at=at, subject=subject)

    def _enter(self, camera: str, crossings: Iterable[tuple[datetime, Crossing]]) -> list[Change]:
        changes: list[Change] = []
        for at, crossing in crossings:
            changes += self._book.crossing(
                at=at,
                camera=camera,
                direction=crossing.direction,
                track=crossing.track,
                staff=crossing.staff,
                turned_back=crossing.turned_back,
            )
        return changes


class Recorder:
    """Gathers facts and keeps them with one short transaction now and then.

    While the store is away (a full disk, a lock) it holds up to `HELD_MAX` facts and tries again
    at every flush; what comes after them is refused, loudly and counted, and the database stays
    whole.

    Args:
        log: where facts are kept.
        clock: read when a fact becomes known.
        kept: told of the facts of each transaction that was committed.
        timeline: what a running box's times are dated by; None: a recording.
    """

    def __init__(
        self,
        *,
        log: VisitLog,
        clock: Clock,
        kept: Callable[[Sequence[Fact]], None],
        timeline: Callable[[], Timeline | None] = lambda: None,
    ) -> None:
        self._timeline = timeline
        self._log = log
        self._clock = clock
        self._kept = kept
        self._held: list[Fact] = []
        self._oldest_held_mono: float | None = None
        self._lost: set[str] = set()  # visits whose opening was refused: nothing can follow it
        self.refused = 0
        self.away: StoreAway | None = None

    def add(self, changes: Iterable[Change]) -> None:
        """Hold changes for the next commit."""
        for change in changes:
            if len(self._held) >= HELD_MAX or visit_id_of(change) in self._lost:
                if isinstance(change, Opened):
                    self._lost.add(change.visit.id)
                self.refused += 1
                log.error("%s: a fact was refused, %d so far", self.away, self.refused)
                continue
            mono = self._clock.mono()
            if self._oldest_held_mono is None:
                self._oldest_held_mono = mono
            self._held.append(
                Fact(
                    change=change,
                    mono=mono,
                    clock=self._clock.state(),
                    timeline=self._timeline(),
                )
            )

    @property
    def held(self) -> int:
        """How many facts are held in memory."""
        return len(self._held)

    def flush_if_due(self) -> None:
        """Commit if the oldest fact has waited long enough, or if somebody is to be told."""
        since = self._oldest_held_mono
        if since is None:
            return
        urgent = self.away is None and any(isinstance(f.change, Raised) for f in self._held)
        if urgent or self._clock.mono() - since >= COMMIT_EVERY_S:
            self.flush()

    def flush(self) -> None:
        """Commit what is held. If the store cannot take it, `away` says why; nothing is lost."""
        if not self._held:
            return
        facts = tuple(self._held)
        try:
            self._log.commit(facts)
        except StoreAway as exc:
            if self.away is None:
                log.error("%s; %d facts are held in memory", exc, len(facts))
            self.away = exc
            self._oldest_held_mono = self._clock.mono()  # try again after the usual pause
            return
        self.away = None
        self._held.clear()
        self._oldest_held_mono = None
        self._kept(facts)
