"""Whether a face before a check-in camera is a person's head, or a picture that is held up.

Called by core.facetrack, one check a face track; calls nothing. Pure: landmarks and two measures of
the picture in (faces.cues), a verdict out.

**A head has relief, a picture has none.** Any view of a flat picture is a homography of it. The
eyes and the corners of the mouth fix a homography (four points, eight numbers), so where the nose
tip stands in the frame that those four make is the same for every view of a flat picture: five
points have ten coordinates, a homography takes eight, two invariants are left, and these are
the nose's place. The tip of a real nose stands about 0.45 eye distances in front of that plane (25
to 30 mm of 63), so that a head turned by t moves it sideways by about 0.45 tan(t)::

        front           a picture turned         a head turned
       o     o              o   o                 o    o
          .                   .                          .
        -----               ----                   -----
     across 0            across 0               across 0.3 at 35 degrees

Measured with YuNet's points (55 to 100 pixels of face): 44 photos on a card that is turned by 20,
30 and 40 degrees leave their place by a standard deviation of 0.045, 0.06 and 0.064; a man who
speaks without being asked anything moves it by 0.58 (`two-faces`). TURN lies at three deviations of
a card turned by 40 degrees, and has to be reached twice, each time on the side that was drawn.

So the guest is **asked to turn the head**, to sides drawn by lot: a recording that is played back
does not know which. Where nobody can be asked, in a replay, the head's own movement has to show
relief. Two measures of the picture can only refuse, never pass: a pattern of a screen, and
surroundings that move with the face as one piece.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Side = Literal["left", "right"]
"""A side of the guest's own: to the left of a guest is to the right in the picture."""
Verdict = Literal["off", "open", "passed", "moved", "refused"]
"""`off`: nothing is checked. `open`: nothing is known yet, so nobody is named. `passed`: turned as
asked. `moved`: showed relief without being asked, which a recording does, too."""
Prompt = Literal["front", "left", "right", "both"]
"""What the guest is asked: look here, turn to a side; to both, where only movement is watched."""
Why = Literal["time", "side", "pattern", "surroundings", "gone"]
"""`side`: turned to the other one. `gone`: out of view after a side was told, which would otherwise
be a way to have another lot."""

TURNS: Final = 2  # sides drawn; a recording of somebody who turns both ways is right in 1 of 4
TURN: Final = 0.2  # eye distances across, from the front: 0.45 tan(24 degrees)
WRONG: Final = 0.16  # so far to the other side is no wobble: a picture of another turn
BACK: Final = 0.12  # from the front, to be asked again
MOVED: Final = 0.35  # from one side to the other, where nobody is asked
FRONT: Final = 0.25  # LFW's faces from the front have 0.11 in the deviation
STEADY: Final = 0.1  # of three looks from the front
LOOKS: Final = 3  # the median of so many is one measurement: YuNet errs in single pictures
STEP_S: Final = 7.0  # for a turn, and for looking back
WHOLE_S: Final = 25.0
# A head turns through everything between; two photos do not. 35 degrees in 0.3 s, ten looks a
# second, are steps of 0.1.
JUMP: Final = 0.25
GAP_S: Final = 0.7
# Turned further the points are guesses: eye distance by height of the face, against the front.
NARROWED: Final = 0.55

# Faces of LFW and of `two-faces` have a pattern of 1.2 to 1.3, 1 % of them 1.66 to 1.77; nothing
# beside them moves with them: 0.32 is the most of 250 pairs of pictures, 0.0 the rule.
PATTERN: Final = 1.85  # see faces.cues.pattern
BOUND: Final = 0.5  # see faces.cues.Surroundings
CUES_LEAST: Final = 4  # looks above it
CUES_PART: Final = 0.25  # of those that measured one

_EYES_AND_MOUTH: Final = (0, 1, 3, 4)
# The mean face's own places, eye distances from the middle of the eyes; any four would do.
_FRAME: Final = ((-0.5, 0.0), (0.5, 0.0), (-0.4, 1.05), (0.4, 1.05))

Points = NDArray[np.floating]


@dataclass(frozen=True, slots=True, kw_only=True)
class Nose:
    """Where the nose tip stands in the frame of eyes and mouth.

    `across` in eye distances, 0 in the middle, more to the right in the picture; `narrow` is the
    eyes' distance by that from eyes to mouth, which falls as the face turns.
    """

    across: float
    narrow: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at a face; None: not measured. `pattern` and `bound` as faces.cues gives them."""

    at_s: float
    nose: Nose | None
    pattern: float | None = None
    bound: float | None = None


def nose_of(points: Points) -> Nose | None:
    """The nose's place by five points (5, 2) in pixels: right eye, left eye, nose, mouth corners.

    As YuNet orders them, the person's right first. None for points that make no face: three on a
    line, or the nose at the frame's horizon. Raises ValueError for another shape.
    """
    if points.shape != (5, 2):
        raise ValueError(f"points: expected (5, 2), got {points.shape}")
    four = np.asarray(points[list(_EYES_AND_MOUTH)], np.float64)
    rows, right = [], []
    for (x, y), (u, v) in zip(four.tolist(), _FRAME, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    try:
        h = np.append(np.linalg.solve(np.asarray(rows), np.asarray(right)), 1.0).reshape(3, 3)
    except np.linalg.LinAlgError:
        return None
    across, _, weight = h @ (*(float(number) for number in points[2]), 1.0)
    eyes = float(np.linalg.norm(four[1] - four[0]))
    high = float(np.linalg.norm(four[:2].mean(axis=0) - four[2:].mean(axis=0)))
    if abs(weight) < 1e-6 or high < 1e-6 or not math.isfinite(across / weight):
        return None
    return Nose(across=float(across / weight), narrow=eyes / high)


class PresentationCheck:
    """The check of one face. Deterministic but for `draw`.

    Args:
        draw: gives a side by lot; None where nobody can be asked: movement is watched.
        mirrored: the camera gives its picture as a mirror does.
    """

    def __init__(self, draw: Callable[[], Side] | None, *, mirrored: bool = False) -> None:
        # The guest's left is to the right in the picture, unless that is mirrored.
        self._to_the_right: Side = "right" if mirrored else "left"
        # Drawn once: who starts over, by covering a screen for a moment, gets no other lot.
        self._sides = tuple(draw() for _ in range(TURNS)) if draw is not None else ()
        self._verdict: Verdict = "open"
        self._why: Why | None = None
        self._recent: deque[Nose] = deque(maxlen=LOOKS)
        self._last: Look | None = None
        self._began_s: float | None = None
        self._front: Nose | None = None
        self._patterns = _Share()
        self._bound = _Share()
        self._start_over()

    def _start_over(self) -> None:
        """Forget what was shown so far, but for this face's front; the time runs on."""
        self._recent.clear()
        self._done = 0
        self._side: Side | None = None
        self._step_s: float | None = None
        self._least, self._most = math.inf, -math.inf

    @property
    def verdict(self) -> Verdict:
        """What is known; also who has turned is refused when a screen's pattern shows."""
        return self._verdict

    @property
    def why(self) -> Why | None:
        """Why it was refused."""
        return self._why

    @property
    def asked(self) -> bool:
        """Whether the guest was told a side."""
        return bool(self._sides) and self._front is not None

    @property
    def prompt(self) -> Prompt | None:
        """What the guest is asked now; None once it is decided."""
        if self._verdict != "open":
            return None
        if not self._sides:
            return "both"
        return self._side or "front"

    def add(self, look: Look) -> Verdict:
        """Take a look at the face; return what is known now."""
        if self._began_s is None:
            self._began_s = self._step_s = look.at_s
        if self._verdict != "refused":
            self._cues(look)
        if self._verdict == "open":
            self._turning(look)
        return self._verdict

    def end(self) -> Verdict:
        """The face is out of view for good; return what is known of it."""
        if self._verdict == "open" and self.asked:
            self._refuse("gone")
        return self._verdict

    def _refuse(self, why: Why) -> None:
        self._verdict, self._why = "refused", why

    def _cues(self, look: Look) -> None:
        self._patterns.add(look.pattern, PATTERN)
        self._bound.add(look.bound, BOUND)
        if self._patterns.tells:
            self._refuse("pattern")
        elif self._bound.tells:
            self._refuse("surroundings")

    def _turning(self, look: Look) -> None:
        nose, before = look.nose, self._last
        if nose is None or (self._front and nose.narrow < NARROWED * self._front.narrow):
            nose = None
        if nose is not None:
            self._last = replace(look, nose=nose)
            if before is not None and before.nose is not None:
                apart = abs(nose.across - before.nose.across)
                if apart > JUMP or look.at_s - before.at_s > GAP_S:
                    self._broken()
            self._recent.append(nose)
            if len(self._recent) == LOOKS:
                across = statistics.median(one.across for one in self._recent)
                if self._sides:
                    self._asked(across, look.at_s)
                else:
                    self._moved(across)
        if self._verdict == "open" and self._sides:
            self._overdue(look.at_s)

    def _broken(self) -> None:
        """Between two looks anything may have been swapped: a turn has to be shown without a break.

        On the way back nothing is shown: whoever has turned far is out of sight for a moment.
        """
        if self._done and self._side is None:
            self._recent.clear()
        else:
            self._start_over()

    def _moved(self, across: float) -> None:
        """Nobody is asked: the head's own movement has to show relief."""
        self._least, self._most = min(self._least, across), max(self._most, across)
        if self._most - self._least >= MOVED:
            self._verdict = "moved"

    def _asked(self, across: float, at_s: float) -> None:
        """From the front to the side that was drawn and back, TURNS times."""
        if self._front is None:
            places = [one.across for one in self._recent]
            if max(places) - min(places) <= STEADY and abs(across) <= FRONT:
                narrow = statistics.median(one.narrow for one in self._recent)
                self._front = Nose(across=across, narrow=narrow)
                self._ask(at_s)
            return
        swing = across - self._front.across
        if self._side is None:
            if abs(swing) <= BACK:
                self._ask(at_s)
            return
        towards = swing if self._side == self._to_the_right else -swing
        if towards <= -WRONG:
            self._refuse("side")
        elif towards >= TURN:
            self._done, self._side, self._step_s = self._done + 1, None, at_s
            if self._done == TURNS:
                self._verdict = "passed"

    def _ask(self, at_s: float) -> None:
        self._side, self._step_s = self._sides[self._done], at_s

    def _overdue(self, at_s: float) -> None:
        began_s, step_s = self._began_s, self._step_s
        late = step_s is not None and at_s - step_s > STEP_S and self._front is not None
        if late or (began_s is not None and at_s - began_s > WHOLE_S):
            self._refuse("time")


@dataclass(slots=True)
class _Share:
    """How many of the looks that measured something found it above its limit."""

    measured: int = 0
    above: int = 0

    def add(self, value: float | None, limit: float) -> None:
        if value is not None:
            self.measured += 1
            self.above += value >= limit

    @property
    def tells(self) -> bool:
        return self.above >= CUES_LEAST and self.above >= CUES_PART * self.measured
