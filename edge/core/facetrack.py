"""Joins the faces of successive pictures into tracks, and tracks to bodies; chooses the frames.

Called by faces.watch; calls core.geometry. Knows nothing of pictures: it is told where faces are,
says which of them are worth a descriptor, is given those, and gives each track's mean.

::

    faces of a picture -> wanted() -> (watch embeds these) -> update() -> evidence now and then

Place alone does not tell who a face is: behind a cut of the recording, or between two pictures a
second apart, somebody else may stand there. So a face that has a descriptor goes to the track whose
mean agrees with it, and to a new one when none does; only faces without one go by place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.core.geometry import Box
from edge.core.presentation import Look, Nose, PresentationCheck, Prompt, Verdict, Why
from edge.core.tracking import Track

Vector = NDArray[np.float32]

OPEN_S: Final = 1.0  # a track whose face is unseen for longer has ended
# Who is asked to turn the head may turn it out of sight for a moment; who is back is known again by
# a descriptor.
CHECKED_OPEN_S: Final = 3.0
SLOW_PICTURES: Final = 2.5  # of a slow stream's intervals, where these are longer than that
SLOWEST_S: Final = 4.0  # but nobody stands unseen in a doorway for longer

# What is worth a descriptor. Widths below 60 pixels are rarely found at all (FINDINGS).
LEAST_WIDTH_PX: Final = 55
# Laplacian of Gaussian, see faces.reader: 1.7 for a face out of focus, 3.4 the worst 1 % of LFW,
# 12 and more in good frames; the noise of a dark camera hardly changes it.
LEAST_SHARPNESS: Final = 2.7
LEAST_SCORE: Final = 0.15  # the detector's; most of its false alarms stay below
# Of 300 faces of LFW 98 % are below; who sits in profile on `two-faces` has 0.71 and more.
MOST_TURNED: Final = 0.4

# Frames 60 ms apart are alike, but the first answer is wanted soon; later ones may wait.
FIRST_SPACING_S: Final = 0.06
LATER_SPACING_S: Final = 0.25
POOR_S: Final = 0.2  # between looks at a face that was worth no descriptor so far
CHECK_SPACING_S: Final = 1.0  # is it still the same person, once all is known
# While somebody turns as asked, only faces from the front say who it is: half turned ones differ
# as much as two people do, and to part them would end the check.
CHECKED_TURNED: Final = 0.2

EARLY_FRAMES: Final = 3  # enough for who is beyond doubt
FIRST_FRAMES: Final = 5  # enough for a decision (FINDINGS: misses fall 80-fold)
SLOW_FRAMES: Final = 3  # enough where five take longer than SLOW_S
SLOW_S: Final = 0.8
LAST_FRAMES: Final = 2  # a face seen once may be a pattern on a coat
MOST_FRAMES: Final = 10  # in a track's mean: enough to revise a decision; then it is only checked

# A frame further from its track's mean is somebody else's. Of one person's frames 95 % lie within
# 0.24 of the mean of many, all within 0.33; two single frames differ more. Of the pairs of LFW's
# people 0.005 % are nearer than 0.33 by single photos, 0.15 % nearer than 0.38. To part one person
# costs little, to join two costs a wrong name.
AGREES: Final = 0.33
AGREES_EARLY: Final = {1: 0.38, 2: 0.36}  # with so few frames in the mean

# Who was seen just now is likelier than who was seen a second ago, by so much distance.
STALE: Final = 0.15

STILL: Final = 0.6  # of a face's width: so far one found again may lie from where it was
FASTEST: Final = 9.0  # face widths a second: somebody hurrying across, 1.4 m/s
# Place alone joins only what lies near: after longer, somebody else may stand further away.
BLIND_S: Final = 0.1
RESIZED: Final = 1.7  # between two pictures; the detector's own steps are 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenFace:
    """A face in a picture: box in fractions of the frame, and how well it is to be seen.

    `width_px` in pixels, `sharpness`, `score` and `turned` as faces.reader.Face gives them;
    sharpness None: it was not cut out, so nobody knows. `nose`, `pattern` and `bound` are for
    core.presentation, where that is checked.
    """

    box: Box
    width_px: int
    sharpness: float | None
    score: float
    turned: float = 0.0
    nose: Nose | None = None
    pattern: float | None = None
    bound: float | None = None

    @property
    def good(self) -> bool:
        """Whether a descriptor of it says anything, as far as is known."""
        return (
            self.width_px >= LEAST_WIDTH_PX
            and (self.sharpness is None or self.sharpness >= LEAST_SHARPNESS)
            and self.score >= LEAST_SCORE
            and self.turned <= MOST_TURNED
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """What a track is known by: mean descriptor, float32 (128,) of length 1, of `frames` frames.

    `body` is the id of the body that it belongs to; after `ended` nothing more comes of `face`.
    `early`: too few frames for more than naming somebody beyond doubt. `presentation`: whether it
    is a head, and if that is refused, `why`.
    """

    face: int
    body: int | None
    at_s: float
    vector: Vector = field(repr=False)
    frames: int
    ended: bool
    early: bool = False
    presentation: Verdict = "off"
    why: Why | None = None


@dataclass(slots=True, eq=False)
class _Companion:
    """A body beside a face: pictures that held both, and those in which it held the face."""

    shared: int = 0
    held: int = 0
    beside: float = 0.0  # sum of the distances between their middles, sideways

    def add(self, other: _Companion) -> None:
        self.shared += other.shared
        self.held += other.held
        self.beside += other.beside


@dataclass(slots=True, eq=False)
class _Face:
    """A face track. Of the descriptors only their sum is kept.

    What place alone joined to it is `guessed` until the next descriptor confirms it.
    """

    id: int
    box: Box
    seen_at_s: float
    total: NDArray[np.float64] = field(repr=False)
    frames: int = 0
    told: int = 0  # the frames of the last evidence
    decided: bool = False
    first_at_s: float = math.inf
    taken_at_s: float = -math.inf
    confirmed_at_s: float = -math.inf
    companions: dict[int, _Companion] = field(default_factory=dict)
    guessed: dict[int, _Companion] = field(default_factory=dict)
    check: PresentationCheck | None = None

    @property
    def checking(self) -> bool:
        """Whether somebody is being asked, or watched, to show a head."""
        return self.check is not None and self.check.verdict == "open" and self.checkable

    @property
    def turning(self) -> bool:
        """Whether somebody was asked to turn, and may be out of sight for that."""
        return self.checking and self.check is not None and self.check.asked

    @property
    def checkable(self) -> bool:
        """Whether it is near and clear enough that the guest means it."""
        return self.frames >= EARLY_FRAMES

    @property
    def mean(self) -> Vector:
        length = max(float(np.linalg.norm(self.total)), float(np.finfo(np.float32).tiny))
        return np.asarray(self.total / length, np.float32)

    @property
    def rest_s(self) -> float:
        """How long it need not be looked for since it was seen."""
        if self.checking:
            return 0.0
        if self.frames >= MOST_FRAMES:
            return OPEN_S / 2
        return 0.0 if self.frames else POOR_S

    def wants(self, at_s: float) -> bool:
        """Whether another descriptor would tell more."""
        spacing_s = CHECK_SPACING_S
        if self.frames < FIRST_FRAMES:
            spacing_s = FIRST_SPACING_S
        elif self.frames < MOST_FRAMES or self.checking:
            spacing_s = LATER_SPACING_S
        # Times are rounded somewhere on their way here: a millisecond is no reason to wait.
        return at_s - self.taken_at_s >= spacing_s - 0.001

    def take(self, vector: Vector, at_s: float) -> None:
        """Confirm the track by a descriptor; it goes into the mean when it tells more."""
        self.confirm()
        self.confirmed_at_s = at_s
        if not self.wants(at_s):
            return
        self.taken_at_s = at_s
        if self.frames < MOST_FRAMES:
            self.total += vector
            self.frames += 1
            self.first_at_s = min(self.first_at_s, at_s)

    def confirm(self) -> None:
        """Believe that all since the last descriptor was the same person."""
        for number, guess in self.guessed.items():
            self.companions.setdefault(number, _Companion()).add(guess)
        self.guessed.clear()

    def accompany(self, bodies: Sequence[Track]) -> None:
        x, y = self.box.centre
        for body in bodies:
            companion = self.guessed.setdefault(body.id, _Companion())
            companion.shared += 1
            box = body.box
            if box.left <= x <= box.right and box.top <= y <= box.bottom:
                companion.held += 1
                companion.beside += abs(x - box.centre[0])

    @property
    def body(self) -> int | None:
        """The body that held it in most of the pictures they share; of several the likeliest."""
        mine = [pair for pair in self.companions.items() if 2 * pair[1].held > pair[1].shared]
        best = min(mine, key=lambda pair: (-pair[1].held, pair[1].beside), default=None)
        return None if best is None else best[0]

    def show(self, look: SeenFace, at_s: float) -> bool:
        """Check what a look shows; say whether that has decided it."""
        if self.check is None or not self.checkable:
            return False
        before = self.check.verdict
        shown = Look(at_s=at_s, nose=look.nose, pattern=look.pattern, bound=look.bound)
        return self.check.add(shown) != before

    def due(self) -> bool:
        """Whether it is time to tell: early, for a decision, and once more to revise it."""
        if self.decided:
            return self.told < MOST_FRAMES <= self.frames
        return self.frames >= self._enough or self.told < EARLY_FRAMES <= self.frames

    @property
    def _enough(self) -> int:
        """Frames that a decision needs."""
        slow = self.taken_at_s - self.first_at_s >= SLOW_S
        return SLOW_FRAMES if slow else FIRST_FRAMES

    def evidence(self, at_s: float, *, ended: bool) -> Evidence:
        early = not ended and self.frames < self._enough
        self.told, self.decided = self.frames, not early
        return Evidence(
            face=self.id,
            body=self.body,
            at_s=at_s,
            vector=self.mean,
            frames=self.frames,
            ended=ended,
            early=early,
            presentation="off" if self.check is None else self.check.verdict,
            why=None if self.check is None else self.check.why,
        )


class FaceTracks:
    """The face tracks of one camera. Deterministic; a pure function of what it was given."""

    def __init__(
        self, first_face: int = 1, check: Callable[[], PresentationCheck] | None = None
    ) -> None:
        """Tracks are numbered from `first_face`; with `check`, each has to show a head."""
        self._next_id = first_face
        self._check = check
        self._faces: list[_Face] = []
        self._at_s = -math.inf

    def begin(self, at_s: float) -> list[Evidence]:
        """Start the picture at `at_s` seconds: return the tracks that ended before it, if known.

        Raises ValueError when the time runs backwards.
        """
        if at_s < self._at_s:
            raise ValueError(f"at_s: expected {self._at_s} or later, got {at_s}")
        interval_s = at_s - self._at_s if math.isfinite(self._at_s) else 0.0
        patience_s = max(OPEN_S, min(SLOW_PICTURES * interval_s, SLOWEST_S))
        self._at_s = at_s
        gone = []
        for face in list(self._faces):
            longest_s = max(patience_s, CHECKED_OPEN_S) if face.turning else patience_s
            if at_s - face.seen_at_s > longest_s:
                gone.append(face)
                self._faces.remove(face)
        return self._close(gone)

    def places(self) -> list[Box]:
        """Where a face is to be looked for again though nothing may move: the open tracks'.

        A track of which all is known is looked for only as often as it is checked, one that tells
        nothing so far (too small, blurred, in profile) now and then.
        """
        return [f.box for f in self._faces if self._at_s - f.seen_at_s >= f.rest_s - 0.001]

    @property
    def deciding(self) -> bool:
        """Whether somebody in view is about to be decided on."""
        return any(face.frames and not face.decided for face in self._faces)

    @property
    def prompt(self) -> Prompt | None:
        """What the nearest of those who are being checked is asked."""
        asked = [face for face in self._faces if face.checking]
        nearest = max(asked, key=lambda face: face.box.area, default=None)
        return None if nearest is None or nearest.check is None else nearest.check.prompt

    def wanted(self, seen: Sequence[SeenFace]) -> list[int]:
        """Return the indices of the faces of this picture that are worth a descriptor."""
        return [index for index, face in enumerate(seen) if face.good and self._tells(face)]

    def update(
        self, seen: Sequence[SeenFace], vectors: Mapping[int, Vector], bodies: Sequence[Track]
    ) -> list[Evidence]:
        """Take this picture's faces, the descriptors of the wanted ones by index, and its bodies.

        Returns the tracks of which enough more is known now.
        """
        owners = self._assign(seen, vectors)
        evidence = []
        for index, look in enumerate(seen):
            face = owners.get(index)
            if face is None:
                self._doubt(look, owners)
                face = self._born(look)
            face.box, face.seen_at_s = look.box, self._at_s
            face.accompany(bodies)
            if index in vectors:
                face.take(vectors[index], self._at_s)
            shown = face.show(look, self._at_s)
            if shown or (index in vectors and face.due()):
                evidence.append(face.evidence(self._at_s, ended=False))
        return evidence

    def finish(self) -> list[Evidence]:
        """End the stream: return the tracks that were open, if known."""
        gone, self._faces = self._faces, []
        return self._close(gone)

    def _tells(self, look: SeenFace) -> bool:
        reached = [face for face in self._faces if self._in_reach(face, look)]
        # A track without a descriptor is nobody yet: only where it is the nearest is it this one.
        nearest = min(reached, key=lambda face: _moved(face.box, look.box), default=None)
        near = [face for face in reached if face.frames or face is nearest]
        if len(near) == 1 and near[0].checking and look.turned > CHECKED_TURNED:
            return False
        return len(near) != 1 or near[0].wants(self._at_s) or _moved(near[0].box, look.box) > STILL

    def _in_reach(self, face: _Face, look: SeenFace, most_s: float = math.inf) -> bool:
        """Whether the track's face can have come to where this one is, within so much time."""
        elapsed_s = min(self._at_s - face.seen_at_s, most_s)
        sizes = sorted((face.box.width, look.box.width))
        if sizes[1] > RESIZED * (1 + elapsed_s) * sizes[0]:
            return False
        return _moved(face.box, look.box) <= STILL + FASTEST * elapsed_s

    def _assign(self, seen: Sequence[SeenFace], vectors: Mapping[int, Vector]) -> dict[int, _Face]:
        """The track of each face that has one: by descriptor where both have one, else by place."""
        pairs = []
        for index, look in enumerate(seen):
            for face in self._faces:
                if not self._in_reach(face, look):
                    continue
                stale = STALE * (self._at_s - face.seen_at_s)
                if index in vectors and face.frames:
                    apart = float(np.linalg.norm(face.mean - vectors[index]))
                    if apart <= AGREES_EARLY.get(face.frames, AGREES):
                        pairs.append((0, apart + stale, index, face))
                elif self._in_reach(face, look, BLIND_S):
                    pairs.append((1, _moved(face.box, look.box) + stale * FASTEST, index, face))
        owners: dict[int, _Face] = {}
        taken: set[int] = set()
        for _, _, index, face in sorted(pairs, key=lambda pair: (*pair[:3], pair[3].id)):
            if index not in owners and face.id not in taken:
                owners[index] = face
                taken.add(face.id)
        return owners

    def _doubt(self, look: SeenFace, owners: Mapping[int, _Face]) -> None:
        """Where somebody new stands, nobody knows who stood there since the last descriptor."""
        seen = {face.id for face in owners.values()}
        for face in self._faces:
            if face.id not in seen and face.frames and self._in_reach(face, look):
                face.guessed.clear()
                face.seen_at_s = face.confirmed_at_s

    def _born(self, look: SeenFace) -> _Face:
        face = _Face(
            id=self._next_id,
            box=look.box,
            seen_at_s=self._at_s,
            total=np.zeros(128, np.float64),
            check=None if self._check is None else self._check(),
        )
        self._next_id += 1
        self._faces.append(face)
        return face

    def _close(self, gone: Sequence[_Face]) -> list[Evidence]:
        """What ended tracks were known by, when last seen; their numbers are overwritten."""
        left = []
        for face in gone:
            face.confirm()
            if face.check is not None:
                face.check.end()
            if face.frames >= LAST_FRAMES:
                left.append(face.evidence(face.seen_at_s, ended=True))
            face.total.fill(0.0)
        return left


def _moved(before: Box, after: Box) -> float:
    """How far apart the middles of two faces lie, in faces."""
    (x, y), (x1, y1) = before.centre, after.centre
    wide, high = (before.width + after.width) / 2, (before.height + after.height) / 2
    return math.hypot((x1 - x) / max(wide, 1e-6), (y1 - y) / max(high, 1e-6))
