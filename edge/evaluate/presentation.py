"""How often a picture passes for a head before a check-in camera, and a head for a picture.

Called by edge.evaluate; calls edge.evaluate.attacks, faces.detector, faces.cues and
core.presentation. The measures of ISO/IEC 30107-3: APCER, attacks that pass, of each kind; BPCER,
people who do not. The presentations are drawn from photos: see edge.evaluate.attacks for what that
leaves out.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.core.facetrack import CHECKED_OPEN_S
from edge.core.presentation import Look, PresentationCheck, Side
from edge.core.rates import NORMAL_95
from edge.evaluate.attacks import FRAMES_PER_S, KINDS, Actor, Kind, Portrait
from edge.evaluate.folder import Person
from edge.faces.cues import Surroundings, pattern
from edge.faces.photo import PhotoRefused, load
from edge.faces.reader import FaceReader, PictureUnusable

Image = NDArray[np.uint8]

LONGEST_S: Final = 27.0  # the check itself gives up before that
WATCHED_S: Final = 10.0  # where nobody is asked it never does
FRONTAL: Final = 0.15  # a nose further beside the middle: a photo of a head that is turned already


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """Presentations of one kind, how many passed, and whether the guest was asked to turn."""

    kind: Kind
    asked: bool
    shown: int
    passed: int

    @property
    def wrong(self) -> int:
        """Attacks that passed, or people who did not."""
        return self.shown - self.passed if self.kind == "head" else self.passed

    @property
    def interval(self) -> tuple[float, float]:
        """95 % of the rate of what went wrong (Wilson 1927)."""
        return wilson(self.wrong, self.shown)


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a rate, by Wilson's score. Raises ValueError without any trial."""
    if count < 1 or not 0 <= hits <= count:
        raise ValueError(f"rate: expected 0 to {count} of 1 or more, got {hits} of {count}")
    rate, spread = hits / count, NORMAL_95**2 / count
    middle = rate + spread / 2
    half = NORMAL_95 * math.sqrt(rate * (1 - rate) / count + spread / (4 * count))
    return max(0.0, (middle - half) / (1 + spread)), min(1.0, (middle + half) / (1 + spread))


def portraits(people: Sequence[Person], reader: FaceReader, most: int) -> list[Portrait]:
    """One photo each of up to `most` people, evenly among them, who look into the camera."""
    found: list[Portrait] = []
    order = list(range(len(people)))
    random.Random(0).shuffle(order)
    for place in order:
        if len(found) == most:
            break
        for path in people[place].pictures[:1]:
            try:
                image = load(path, path.name)
                places = reader.find(image)
            except (PhotoRefused, PictureUnusable):
                continue  # `describe` has named it
            if not places:
                continue
            left, top, right, bottom = places[0].square
            nose = places[0].nose or reader.cut(image, places[0]).nose
            if nose is not None and abs(nose.across) <= FRONTAL:
                found.append(
                    Portrait(
                        image=image,
                        x=(left + right) / 2,
                        y=(top + bottom) / 2,
                        wide=float(right - left),
                    )
                )
    return found


def present(
    faces: Sequence[Portrait],
    reader: FaceReader,
    *,
    asked: bool,
    kinds: Sequence[Kind] = KINDS,
    told: Callable[[int, int], None] = lambda done, count: None,
) -> Iterator[Presented]:
    """Hold each face up in each way; `told` hears how many presentations are done.

    `asked`: the guest is asked to turn to sides drawn by lot, else own movement is watched.
    """
    count, done = len(faces) * len(kinds), 0
    for kind in kinds:
        passed = 0
        for number, face in enumerate(faces):
            passed += _passes(face, kind, number, reader, asked=asked)
            done += 1
            told(done, count)
        yield Presented(kind=kind, asked=asked, shown=len(faces), passed=passed)


def _passes(face: Portrait, kind: Kind, seed: int, reader: FaceReader, *, asked: bool) -> bool:
    lot = random.Random(seed)

    def draw() -> Side:
        return lot.choice(("left", "right"))

    actor = Actor(face, kind, seed + len(KINDS) * KINDS.index(kind))
    check = PresentationCheck(draw if asked else None)
    surroundings = Surroundings()
    seen_s = 0.0
    for number in range(round((LONGEST_S if asked else WATCHED_S) * FRAMES_PER_S)):
        at_s = number / FRAMES_PER_S
        image = actor.picture(at_s, check.prompt)
        look = _look(image, at_s, reader, surroundings)
        if look is None:
            if check.asked and at_s - seen_s > CHECKED_OPEN_S:
                break
            continue
        seen_s = at_s
        if check.add(look) != "open":
            break
    return check.verdict in ("passed", "moved")


def _look(image: Image, at_s: float, reader: FaceReader, surroundings: Surroundings) -> Look | None:
    """What faces.watch measures of the face in the middle."""
    places = [one for one in reader.find(image) if abs(one.box.centre[0] - 0.5) < 0.2]
    bound = surroundings.measure(image, [one.square for one in places])
    if not places:
        return None
    nose = places[0].nose
    if nose is None:
        nose = reader.cut(image, places[0]).nose
    shown = pattern(image, places[0].square)
    return Look(at_s=at_s, nose=nose, pattern=shown, bound=bound[0])
