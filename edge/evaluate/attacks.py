"""Somebody before a check-in camera, drawn from one photo: a head, a print, a screen.

Called by edge.evaluate.presentation and by tests. Nothing here was filmed: a card is turned in
space before a pinhole camera, a head by the depth of a mean head, a screen has a beat of its grid
with the camera's, bands of its backlight, a bezel and a glare. So rates on these films say what the
check makes of such motion and light; they are no test after ISO/IEC 30107-3, which needs real ones.

An actor answers what the guest is asked, as a guest does and whoever turns a card.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.core.presentation import Prompt

Image = NDArray[np.uint8]
Plane = NDArray[np.float32]
Kind = Literal["head", "print", "bent print", "screen", "replayed film"]
KINDS: Final[tuple[Kind, ...]] = ("head", "print", "bent print", "screen", "replayed film")

FRAMES_PER_S: Final = 10
SIZE: Final = (480, 270)
WIDTHS_PX: Final = (60, 95)  # of the face before the camera
REACTION_S: Final = 0.6
AGAIN_S: Final = 5.0
SPEED: Final = 70.0  # degrees a second
TURNED: Final = 48.0  # degrees; who is asked to turn turns until it is enough
DISTANCE: Final = 4.0  # of the camera, in widths of the face: 60 cm
STANDARD_PX: Final = 110  # width of the face in a photo that was brought to one scale
AROUND: Final = 2.2  # widths of the face: side of such a photo
# A mean head, in widths of dlib's square, 14 cm: half width, half height and depth of an ellipsoid,
# how far its middle lies behind the eyes; and a nose: how proud, how wide, how high, how far down.
HEAD: Final = (0.62, 0.85, 0.6, 0.45)
NOSE: Final = (0.15, 0.09, 0.12, 0.03)
CURL: Final = 0.75  # radius of a print that is bent round, in widths of the face: 10 cm
NOISE: Final = 2.0  # of a sensor, in grey levels
BEAT_PX: Final = 3.4  # a period of a screen's grid against the camera's
BAND_PX: Final = 45.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Portrait:
    """A photo, BGR uint8, and the square of its face in pixels: middle x, middle y, width."""

    image: Image = field(repr=False)
    x: float
    y: float
    wide: float


class Actor:
    """What stands before the camera: ask for one picture after the other.

    Args:
        portrait: whose face it is.
        kind: what is held up, or a head.
        seed: of its place, size, motion, light and noise.
    """

    def __init__(self, portrait: Portrait, kind: Kind, seed: int) -> None:
        self._kind = kind
        self._chance = chance = np.random.default_rng(seed)
        self._wide = float(chance.uniform(*WIDTHS_PX))
        self._photo = _standard(portrait)
        self._room = _room(chance)
        self._light = float(chance.uniform(0.85, 1.05))
        shape = (SIZE[1] + 64, SIZE[0] + 64, 3)
        self._noise = np.asarray(chance.normal(0, NOISE, shape), np.float32)
        self._sway = [float(one) for one in chance.uniform(0, 2 * math.pi, 7)]
        self._angle = self._aim = 0.0
        self._heard: Prompt | None = None
        self._since_s = 0.0
        # A recording was made before anybody was asked: its turns are its own.
        self._own = [float(one) for one in chance.choice((-1.0, 1.0), 12)]
        self._beat_px = BEAT_PX * float(chance.uniform(0.8, 1.2))
        self._slant = float(chance.uniform(0.1, 0.4))

    def picture(self, at_s: float, prompt: Prompt | None) -> Image:
        """What the camera sees at `at_s` seconds, BGR uint8 (270, 480, 3)."""
        if prompt != self._heard:
            self._heard, self._since_s = prompt, at_s
        self._act(at_s)
        photo, opaque = self._shown()
        place = self._place(at_s)
        seen = _placed(photo, place).astype(np.float32)
        if self._kind in ("screen", "replayed film"):
            seen = self._lit(seen, at_s)
        alpha = cv2.GaussianBlur(_placed(opaque, place), (0, 0), 0.7)[..., None]
        return self._camera(seen * alpha + self._room * (1 - alpha))

    def _act(self, at_s: float) -> None:
        """Turn towards what is asked, no faster than people do."""
        if self._kind == "replayed film":
            beat, number = math.modf(at_s / 3.0)
            turning = 0.25 < beat < 0.7
            self._aim = TURNED * self._own[int(number) % len(self._own)] if turning else 0.0
        elif at_s - self._since_s >= REACTION_S:
            # Who is not told that it was enough turns back and tries again.
            tries = (at_s - self._since_s - REACTION_S) % AGAIN_S < AGAIN_S / 2
            both = math.copysign(TURNED, math.sin(2 * math.pi * at_s / 4.0))
            aims = {"left": TURNED, "right": -TURNED, "both": both}
            self._aim = aims.get(self._heard or "front", 0.0) if tries else 0.0
        most = SPEED / FRAMES_PER_S
        self._angle += min(max(self._aim - self._angle, -most), most)

    def _shown(self) -> tuple[Image, Plane]:
        """(what is held up, or the head, how opaque it is), as seen from its front."""
        photo = self._photo
        whole = np.ones(photo.shape[:2], np.float32)
        if self._kind == "head":
            return _head(photo, self._angle)
        if self._kind == "replayed film":
            head, opaque = _head(photo, self._angle)
            wall = 120 * (1 - opaque[..., None])
            return _bordered(np.asarray(head * opaque[..., None] + wall, np.uint8), 18), whole
        if self._kind == "screen":
            return _bordered(photo, 18), whole
        # Paper reflects less than skin does, and ink has fewer greys.
        ink = (photo.astype(np.float32) - 128) * 0.85 + 122
        paper = _bordered(np.asarray(ink // 6 * 6, np.uint8), 235)
        return _bent(paper, self._angle) if self._kind == "bent print" else (paper, whole)

    def _place(self, at_s: float) -> NDArray[np.float64]:
        """The homography from a standard photo to the picture, as it is held just now."""

        def sway(number: int, much: float, often: float) -> float:
            return much * math.sin(often * at_s + self._sway[number])

        still = 0.3 if self._kind == "head" else 1.0
        x = SIZE[0] / 2 + sway(0, 0.22 * self._wide, 1.3) + sway(1, 2.0 * still, 5.0)
        y = SIZE[1] / 2 + sway(2, 0.12 * self._wide, 1.1) + sway(3, 2.0 * still, 6.0)
        tilt = (sway(4, 9.0 * still, 0.8), sway(5, 6.0 * still, 0.9))
        yaw = -self._angle if self._kind in ("print", "screen") else sway(6, 5.0 * still, 0.7)
        return _view(yaw, *tilt, x, y, self._wide)

    def _lit(self, seen: Plane, at_s: float) -> Plane:
        """Light of its own, the beat of its grid, bands of its backlight, and a glare."""
        down, across = np.mgrid[0 : SIZE[1], 0 : SIZE[0]].astype(np.float32)
        turn = 2 * math.pi / self._beat_px
        beat = np.sin(turn * (across + self._slant * down))
        beat = beat * np.sin(turn * (down - self._slant * across))
        bands = np.sin(2 * math.pi * down / BAND_PX + 9.0 * at_s)
        x, y = SIZE[0] / 2 + 30, SIZE[1] / 2 - 35
        glare = np.exp(-(((across - x) / 25) ** 2) - ((down - y) / 14) ** 2)
        lit = seen * 1.12 * (1 + 0.05 * beat + 0.04 * bands)[..., None] + 60 * glare[..., None]
        return np.asarray(np.clip(lit, 0, 255), np.float32)

    def _camera(self, seen: Plane) -> Image:
        """Light, a lens, a sensor's noise and a codec."""
        soft = cv2.GaussianBlur(seen * self._light, (0, 0), 0.5)
        x, y = (int(one) for one in self._chance.integers(0, 64, 2))
        noisy = soft + self._noise[y : y + SIZE[1], x : x + SIZE[0]]
        image = np.clip(noisy, 0, 255).astype(np.uint8)
        _, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])
        return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def _standard(portrait: Portrait) -> Image:
    """The photo around the face, square, the face STANDARD_PX wide in its middle."""
    side = round(AROUND * STANDARD_PX)
    scale = STANDARD_PX / portrait.wide
    image = portrait.image
    if scale < 1:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 / scale), np.uint8)
    middle = (side / 2 - scale * portrait.x, side / 2 - scale * portrait.y)
    move = np.asarray([[scale, 0, middle[0]], [0, scale, middle[1]]])
    return np.asarray(
        cv2.warpAffine(image, move, (side, side), borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def _bordered(photo: Image, grey: int) -> Image:
    """The photo with a border or a bezel."""
    wide = photo.shape[0] // 14
    made = photo.copy()
    made[:wide] = made[-wide:] = made[:, :wide] = made[:, -wide:] = grey
    return made


def _room(chance: np.random.Generator) -> Plane:
    """A room that stands still: a wall, shelves and what lies on them."""
    room = np.full((SIZE[1], SIZE[0], 3), chance.uniform(90, 170, 3), np.float32)
    for _ in range(45):
        x, y = int(chance.integers(0, SIZE[0])), int(chance.integers(0, SIZE[1]))
        wide, high = (int(one) for one in chance.integers(8, 70, 2))
        room[y : y + high, x : x + wide] = chance.uniform(40, 215, 3)
    return np.asarray(cv2.GaussianBlur(room, (0, 0), 1.0), np.float32)


def _axes(side: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(across, down) of each pixel of a standard photo, in face widths from its middle."""
    axis = (np.arange(side) - side / 2) / STANDARD_PX
    across, down = np.meshgrid(axis, axis)
    return across, down


def _head(photo: Image, angle: float) -> tuple[Image, Plane]:
    """(the photo with its head turned to `angle` degrees, how opaque each pixel is)."""
    across, down = _axes(photo.shape[0])
    inside = 1 - (across / HEAD[0]) ** 2 - (down / HEAD[1]) ** 2
    deep = HEAD[2] * np.sqrt(np.maximum(inside, 0.0)) - HEAD[3]
    proud, wide, high, below = NOSE
    deep += proud * np.exp(-((across / wide) ** 2) - ((down - below) / high) ** 2)
    head = (across / HEAD[0]) ** 2 + (down / HEAD[1]) ** 2 < 1.25
    opaque = (head | ((np.abs(across) < 0.35) & (down > 0.5))).astype(np.float32)
    opaque = np.asarray(cv2.GaussianBlur(opaque, (0, 0), 2.0), np.float32)
    return _turned(photo, deep, angle), _turned(opaque, deep, angle)


def _bent(paper: Image, angle: float) -> tuple[Image, Plane]:
    """The same of a print that is bent round an upright axis, its middle towards the camera."""
    across, _ = _axes(paper.shape[0])
    deep = CURL * (np.cos(np.clip(across / CURL, -1.5, 1.5)) - 1)
    opaque = (np.abs(across) < AROUND / 2 - 0.02).astype(np.float32)
    return _turned(paper, deep, angle), _turned(opaque, deep, angle)


def _turned(image: NDArray[Any], deep: NDArray[np.float64], angle: float) -> NDArray[Any]:
    """Turn what has depth (face widths, towards the camera) about an upright axis.

    What is nearer moves further. Row by row; what hides behind something nearer is left out.
    """
    side = image.shape[0]
    across, _ = _axes(side)
    turn = math.radians(angle)
    to = across * math.cos(turn) + deep * math.sin(turn)
    if angle >= 0:
        to = np.maximum.accumulate(to, axis=1)
    else:
        to = np.minimum.accumulate(to[:, ::-1], axis=1)[:, ::-1]
    columns = np.arange(side, dtype=np.float64)
    source = np.stack([np.interp(across[0], row + 1e-9 * columns, columns) for row in to])
    rows = np.repeat(columns[:, None], side, axis=1)
    return np.asarray(
        cv2.remap(
            image,
            source.astype(np.float32),
            rows.astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
    )


def _view(
    yaw: float, pitch: float, roll: float, x: float, y: float, wide: float
) -> NDArray[np.float64]:
    """From a standard photo's pixels to the picture's: a card turned in space (degrees).

    Its middle is seen at x, y; a face `wide` pixels wide if it were seen from its front.
    """
    a, b, c = (math.radians(one) for one in (yaw, pitch, roll))
    about_y = np.asarray([[math.cos(a), 0, math.sin(a)], [0, 1, 0], [-math.sin(a), 0, math.cos(a)]])
    about_x = np.asarray([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
    about_z = np.asarray([[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]])
    turn = about_z @ about_x @ about_y
    middle = round(AROUND * STANDARD_PX) / 2
    to_widths = np.asarray([[1, 0, -middle], [0, 1, -middle], [0, 0, STANDARD_PX]]) / STANDARD_PX
    # A point (u, v) of the card lies at u * first column + v * second + (0, 0, DISTANCE).
    space = np.stack([turn[:, 0], turn[:, 1], np.asarray([0, 0, DISTANCE])], axis=1)
    lens = np.asarray([[wide * DISTANCE, 0, x], [0, wide * DISTANCE, y], [0, 0, 1]])
    return np.asarray(lens @ space @ to_widths, np.float64)


def _placed(image: NDArray[Any], place: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(cv2.warpPerspective(image, place, SIZE, flags=cv2.INTER_AREA), np.float32)
