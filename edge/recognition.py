"""Faces to identities: what the watchers see is looked up, and the book is told whose visit it is.

Called by `edge.pipeline`, through ports only; which mode reads which camera is decided in `app`.

    FaceWatcher -> Sighting -> Gallery   -> member ───────> VisitBook
                                    └─> nobody -> Strangers, where they have a basis; else dropped

Before a check-in camera a face is looked up only once it was seen to be no picture
(`core.presentation`); what the guest is asked for that, and what came of it, is in `prompts`. Where
that fails too often nobody's face is read for a while (`core.retries`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from edge.core.book import VisitBook
from edge.core.geometry import Box
from edge.core.identity import Fit, Place, Recognised
from edge.core.threshold import SURE_FPIR, threshold
from edge.core.tracking import Track
from edge.core.visit import Change, Window
from edge.guests import GuestDesk, Told
from edge.ports import FaceWatcher, Frame, Gallery, Match, Sighting, Strangers, Vector

FRAMES_OF_A_STRANGER: Final = 5
"""What a remembered vector is the mean of, at least as a rule (`core.facetrack`)."""
Feed = Callable[[datetime], Sequence[tuple[str, Vector]]]
"""Brings the gallery up to date; returns the templates that are new since it was last called."""


@dataclass(slots=True)
class _Said:
    """What was decided of one face track: a decision is revised once, and then it stands.

    A revision may name a member whom the first look did not find, or make a likely one sure. It
    never takes a name back or gives another: that is a person's to say.
    """

    subject: str | None = None
    sure: bool = False
    decided: bool = False
    revised: bool = False

    def next(self, match: Match | None) -> Match | None:
        """Take what a better look says; return what holds now, None: no more than before."""
        if match is None or self.subject not in (None, match.subject):
            self.decided = True
            return None
        if (self.subject, self.sure) == (match.subject, match.sure):
            return match
        if self.sure or self.revised:  # it stands
            return replace(match, sure=self.sure) if self.subject is not None else None
        self.revised = self.decided
        self.subject, self.sure, self.decided = match.subject, match.sure, True
        return match


class Recognition:
    """Recognises members at the cameras of one shop.

    Args:
        watchers: who looks for faces, by camera; only cameras whose faces the mode may read.
        checkins: those of them before which people stop on purpose.
        gallery: the members' templates.
        feed: keeps the gallery up to date.
        strangers: the vectors of those who matched nobody; None where there is no basis for it,
            then they are dropped at once.
        book: the shop's visits.
        window: how long strangers are remembered.
        guests: the guests' screens, and how often is tried there.
    """

    def __init__(
        self,
        *,
        watchers: Mapping[str, FaceWatcher],
        checkins: Collection[str],
        gallery: Gallery,
        feed: Feed,
        strangers: Strangers | None,
        book: VisitBook,
        window: Window,
        guests: GuestDesk | None = None,
    ) -> None:
        self._watchers = watchers
        self._checkins = checkins
        self._gallery = gallery
        self._feed = feed
        self._strangers = strangers
        self._book = book
        self._window = window
        self._last: dict[str, tuple[datetime, float]] = {}
        # Of the face tracks in view: whose visit each is on, and what was said of it.
        self._owners: dict[tuple[str, int], str] = {}
        self._said: dict[tuple[str, int], _Said] = {}
        self._unconfirmed: set[tuple[str, int]] = set()
        self._guests = guests or GuestDesk()
        self.refused = 0
        """Members' faces that were not seen to be a head; nothing else is kept of them."""
        if strangers is not None:
            book.strangers(strangers.chains())

    @property
    def cameras(self) -> Collection[str]:
        """The cameras whose faces are read."""
        return self._watchers.keys()

    @property
    def embedded(self) -> int:
        """How many face chips were embedded so far."""
        return sum(watcher.embedded for watcher in self._watchers.values())

    @property
    def mirrored(self) -> bool:
        """Whether a camera's picture seems to be mirrored (`core.retries.Mirror`)."""
        return self._guests.mirrored

    @property
    def prompts(self) -> dict[str, Told]:
        """What the guest before each camera is told just now; cameras without one are left out."""
        told: dict[str, Told] = {}
        for camera, (_, elapsed_s) in self._last.items():
            now = self._guests.told(camera, elapsed_s, self._watchers[camera].prompt)
            if now is not None:
                told[camera] = now
        return told

    def take(
        self,
        frame: Frame,
        *,
        bodies: Sequence[Track],
        moving: Sequence[Box],
        staff: Collection[int] = (),
    ) -> list[Change]:
        """Return what the faces in a frame make known; those of `staff` bodies are dropped."""
        watcher = self._watchers.get(frame.camera)
        if watcher is None:
            return []
        self._last[frame.camera] = (frame.at, frame.elapsed_s)
        if self._guests.paused(frame.camera, frame.elapsed_s):
            return []
        seen = watcher.look(frame.image, bodies=bodies, moving=moving, at_s=frame.elapsed_s)
        guests = [sighting for sighting in seen if sighting.body not in staff]
        changes = self._identify(frame.camera, frame.at, frame.elapsed_s, guests)
        if self._guests.paused(frame.camera, frame.elapsed_s):
            changes += self._let_go(frame, watcher)
        return changes

    def _let_go(self, frame: Frame, watcher: FaceWatcher) -> list[Change]:
        """A pause begins: no face is kept over it, and who is in view begins anew after it."""
        left = [one for one in watcher.finish() if one.presentation not in ("open", "refused")]
        self._unconfirmed = {face for face in self._unconfirmed if face[0] != frame.camera}
        return self._identify(frame.camera, frame.at, frame.elapsed_s, left)

    def finish(self) -> list[Change]:
        """Return what is known of the faces that were still in view."""
        changes: list[Change] = []
        for camera, watcher in self._watchers.items():
            if camera in self._last:
                at, elapsed_s = self._last[camera]
                changes += self._identify(camera, at, elapsed_s, watcher.finish())
        return changes

    def wipe(self) -> None:
        """Overwrite what is known of everybody's face."""
        self._gallery.wipe()
        if self._strangers is not None:
            self._strangers.wipe()

    def tick(self, now: datetime) -> None:
        """Forget the strangers whose window is over."""
        if self._strangers is not None:
            self._strangers.forget_before(now - self._window.length, self._window.since)

    def rebase(self, zero: datetime) -> None:
        """The wall clock stands elsewhere: second 0 of the monotonic clock is now at `zero`."""
        if self._strangers is not None:
            self._strangers.rebase(zero)

    def refresh(self, now: datetime) -> list[Change]:
        """Take the gallery as it is; a new member who was a stranger just now gets their visits."""
        changes: list[Change] = []
        for subject, vector in self._feed(now):
            chain = self._who_was(vector)
            vector.fill(0.0)  # the gallery has its own
            if chain is not None and self._strangers is not None:
                fit = Fit(distance=None, sure=True)
                changes += self._book.enrolled(at=now, chain=chain, subject=subject, fit=fit)
                self._strangers.forget(chain)
        return changes

    def _who_was(self, vector: Vector) -> str | None:
        """Return the stranger that a newly enrolled member was just now.

        Searching one face among the strangers is like searching a stranger among members.
        """
        if self._strangers is None or not len(self._strangers):
            return None
        within = threshold(len(self._strangers), 1, FRAMES_OF_A_STRANGER, SURE_FPIR)
        return self._strangers.find(vector, within)

    def _identify(
        self, camera: str, at: datetime, elapsed_s: float, sightings: Sequence[Sighting]
    ) -> list[Change]:
        changes: list[Change] = []
        for sighting in sightings:
            moment = at - timedelta(seconds=elapsed_s - sighting.at_s)
            place = Place(camera=camera, body=sighting.body, checkin=camera in self._checkins)
            known = self._known(moment, place, sighting)
            if known is not None:
                changes += known.changes
        return changes

    def _known(self, at: datetime, place: Place, sighting: Sighting) -> Recognised | None:
        """Look one face up; None where nothing may be said or kept of it."""
        if sighting.presentation in ("open", "refused"):
            self._held_back(at, place, sighting)
            return None
        face = (place.camera, sighting.face)
        before = self._owners.get(face)
        match = self._gallery.match(sighting.vector, sighting.frames)
        if match is not None and sighting.presentation == "moved":
            match = replace(match, sure=False)  # a recording moves, too
        if sighting.early and not (match is not None and match.sure):
            return None  # a little later more is known
        said = self._said.setdefault(face, _Said())
        match = said.next(match)
        known = None
        if match is not None:
            known = self._member(at, place, match, before)
        elif self._strangers is not None and said.subject is None and not place.checkin:
            known = self._stranger(self._strangers, at, place, sighting.vector, before)
        if known is not None and known.owner is not None:
            self._owners[face] = known.owner
        if sighting.presentation != "off":
            self._guests.passed(place.camera, sighting, said.subject)
        if sighting.ended:
            if match is None and said.subject is None and sighting.frames >= FRAMES_OF_A_STRANGER:
                self._gallery.note_stranger(sighting.vector, sighting.frames)
            self._forget(face)
        return known

    def _forget(self, face: tuple[str, int]) -> None:
        self._owners.pop(face, None)
        self._said.pop(face, None)

    def _held_back(self, at: datetime, place: Place, sighting: Sighting) -> None:
        """Name nobody: the face was not seen to be a head. A member's is counted, once."""
        face = (place.camera, sighting.face)
        over = sighting.ended or sighting.presentation == "refused"
        if over and face not in self._unconfirmed:
            self._unconfirmed.add(face)
            match = self._gallery.match(sighting.vector, sighting.frames)
            self.refused += match is not None
            subject = None if match is None else match.subject
            self._guests.failed(place.camera, at, sighting, subject)
        if sighting.ended:
            self._unconfirmed.discard(face)
            self._forget(face)  # who had passed is refused when a screen's pattern shows

    def _member(self, at: datetime, place: Place, match: Match, before: str | None) -> Recognised:
        fit = Fit(distance=match.distance, sure=match.sure)
        known = self._book.member_seen(
            at=at, place=place, subject=match.subject, fit=fit, taken_for=before
        )
        if known.released is not None and self._strangers is not None:
            self._strangers.forget(known.released)
        return known

    def _stranger(
        self, strangers: Strangers, at: datetime, place: Place, vector: Vector, before: str | None
    ) -> Recognised:
        """Note somebody who matched nobody; a face is taken for the same one until it is gone."""
        found = strangers.find(vector) or before
        known = self._book.stranger_seen(at=at, place=place, chain=found)
        if known.released is not None:
            strangers.forget(known.released)
        chain = self._book.chain(known.owner) if known.owner is not None else None
        if chain is not None:
            strangers.keep(chain, vector if known.began else None)
        return known
