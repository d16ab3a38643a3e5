"""Paints the shop of the demo clip: floor, walls, sliding glass door, street behind.

Called by clip; calls furniture and room.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.demo.furniture import paint_furniture
from edge.demo.room import CAMERA_Y, DOOR_Z, Colour, Field, Image, View, panel, polygon

LEAF_W = 0.9  # m, one of two sliding leaves
DOOR_H = 2.25  # m
_ROOM_HALF, _CEILING = 3.1, 2.7  # m
_FRAME: Colour = (62, 58, 54)
_SEED = 1969
# Houses across the street: left and right edge, roof (fractions of the doorway), colour.
_HOUSES: tuple[tuple[float, float, float, Colour], ...] = (
    (0.0, 0.36, 0.12, (206, 214, 222)),
    (0.36, 0.7, 0.3, (196, 198, 200)),
    (0.7, 1.0, 0.05, (190, 206, 220)),
)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The painted shop: `base` (h, w, 3) without leaves, and what is needed to open the door.

    `doorway` is (left, top, right, bottom) in pixels: all that shows of the street. `leaf` is one
    sliding leaf as (h, w, 4), blue-green-red-alpha, sized for half of the doorway.
    """

    view: View
    base: Image
    leaf: Image
    doorway: tuple[int, int, int, int]

    def draw_leaves(self, frame: Image, openness: float) -> None:
        """Draw both glass leaves onto `frame` in place; `openness` from 0 (shut) to 1 (open).

        They slide away behind the frosted film, so only what is left in the doorway shows.
        """
        left, top, right, _ = self.doorway
        shown = round((1 - 0.93 * openness) * self.leaf.shape[1])
        rest = self.leaf[:, self.leaf.shape[1] - shown :]
        _blend(frame, rest, left, top)
        _blend(frame, rest[:, ::-1], right - shown, top)


def _blend(frame: Image, sprite: Image, x: int, y: int) -> None:
    """Lay a (h, w, 4) sprite with straight alpha onto `frame` in place; it must fit inside."""
    h, w = sprite.shape[:2]
    part = frame[y : y + h, x : x + w]
    alpha = sprite[..., 3:].astype(np.float32) / 255
    part[:] = (part + (sprite[..., :3] - part.astype(np.float32)) * alpha).astype(np.uint8)


def paint_scene(view: View) -> Scene:
    """Paint the shop once, at twice the size and then reduced, so that all edges are smooth."""
    big = View(width=view.width * 2, height=view.height * 2)
    rng = np.random.default_rng(_SEED)
    canvas = np.zeros((big.height, big.width, 3), np.float32)
    _paint_walls(canvas, big, rng)
    _paint_street(canvas, big, rng)
    _paint_front(canvas, big)
    _paint_floor(canvas, big, rng)
    paint_furniture(canvas, big, rng)
    _light(canvas, big)
    small = cv2.resize(canvas, (view.width, view.height), interpolation=cv2.INTER_AREA)
    base = np.clip(cv2.GaussianBlur(small, (0, 0), 0.6), 0, 255).astype(np.uint8)
    left, top = view.point(-LEAF_W, DOOR_H, DOOR_Z)
    right, bottom = view.point(LEAF_W, 0, DOOR_Z)
    doorway = (round(left), round(top), round(right), round(bottom))
    return Scene(view=view, base=base, leaf=_leaf(doorway), doorway=doorway)


def _grain(rng: np.random.Generator, shape: tuple[int, int], blur: tuple[float, float]) -> Field:
    """Smooth random field of unit deviation; `blur` is (x, y) in pixels."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), sigmaX=blur[0], sigmaY=blur[1])
    return np.asarray(soft / soft.std(), np.float32)


def _paint_walls(canvas: Field, view: View, rng: np.random.Generator) -> None:
    near = 0.8
    canvas[:] = (206, 212, 214)  # ceiling, until something is painted over it
    for side in (-1, 1):
        outline = ((0, near), (0, DOOR_Z), (_CEILING, DOOR_Z), (_CEILING, near))
        wall = [view.point(side * _ROOM_HALF, y, z) for y, z in outline]
        polygon(canvas, wall, (166, 176, 180) if side < 0 else (158, 168, 172))
    panel(canvas, view, (-_ROOM_HALF, _ROOM_HALF), (0, _CEILING), DOOR_Z, (176, 188, 193))
    for x in (-1.5, -0.5, 0.5, 1.5):  # recessed ceiling spots and the light they throw on the wall
        for z in (4.6, 5.1):
            c = view.point(x, _CEILING, z)
            size = (view.px_per_m(z) * 0.09, view.px_per_m(z) * 0.02)
            cv2.ellipse(
                canvas, (c, (2 * size[0], 2 * size[1]), 0.0), (250, 253, 255), -1, cv2.LINE_AA
            )
    canvas += _grain(rng, canvas.shape[:2], (40, 40))[..., None] * 1.2


def _paint_street(canvas: Field, view: View, rng: np.random.Generator) -> None:
    left, top = (round(v) for v in view.point(-LEAF_W, DOOR_H, DOOR_Z))
    right, bottom = (round(v) for v in view.point(LEAF_W, 0, DOOR_Z))
    h, w = bottom - top, right - left
    street = np.empty((h, w, 3), np.float32)
    street[:] = np.linspace((255, 250, 244), (238, 240, 240), h, dtype=np.float32)[:, None]
    kerb = round(view.point(0, 0, 13.0)[1]) - top
    pavement = round(view.point(0, 0, 9.0)[1]) - top
    for start, end, roof, colour in _HOUSES:
        cv2.rectangle(street, (int(start * w), int(roof * h)), (int(end * w), kerb), colour, -1)
        for row in np.arange(roof + 0.06, 0.5, 0.13):  # windows
            for col in np.arange(start + 0.04, end - 0.05, 0.11):
                at = (int(col * w), int(row * h))
                cv2.rectangle(street, at, (at[0] + w // 17, at[1] + h // 15), (176, 172, 164), -1)
    cv2.rectangle(street, (0, kerb), (w, pavement), (188, 188, 187), -1)
    cv2.rectangle(street, (0, pavement), (w, h), (212, 216, 218), -1)
    for x, r in ((0.14, 0.13), (0.24, 0.1), (0.9, 0.12)):  # trees
        cv2.circle(street, (int(x * w), int(0.36 * h)), int(r * w), (128, 172, 150), -1)
        cv2.rectangle(
            street, (int(x * w) - 5, int(0.4 * h)), (int(x * w) + 5, kerb), (120, 130, 138), -1
        )
    blurred = cv2.GaussianBlur(street, (0, 0), w / 75)  # out of focus and over-exposed
    canvas[top:bottom, left:right] = np.clip(blurred * 1.04 + 4, 0, 255)


def _paint_front(canvas: Field, view: View) -> None:
    """The shop front around the doorway: frosted film, posts, header, mirror-written posters."""
    post = 0.05
    for side in (-1, 1):
        low, high = sorted((side * LEAF_W, side * 2 * LEAF_W))
        a, b = view.point(low, DOOR_H, DOOR_Z), view.point(high, 0, DOOR_Z)
        x0, y0, x1, y1 = (round(v) for v in (*a, *b))
        film = np.linspace((240, 240, 236), (204, 208, 208), y1 - y0, dtype=np.float32)
        canvas[y0:y1, x0:x1] = film[:, None]
        middle = (low + high) / 2
        panel(canvas, view, (middle - 0.3, middle + 0.3), (0.75, 1.95), DOOR_Z, (118, 104, 70))
        panel(canvas, view, (middle - 0.26, middle + 0.26), (0.79, 1.91), DOOR_Z, (168, 152, 112))
        centre = view.point(middle, 1.4, DOOR_Z)
        ring = view.px_per_m(DOOR_Z) * 0.32
        cv2.ellipse(
            canvas, (centre, (ring, ring), 0.0), (214, 226, 232), round(ring / 9), cv2.LINE_AA
        )
        panel(canvas, view, (middle - 0.17, middle + 0.17), (0.93, 0.98), DOOR_Z, (214, 226, 232))
        for x in (side * 2 * LEAF_W, side * (LEAF_W + post / 2)):
            panel(canvas, view, (x - post / 2, x + post / 2), (0, DOOR_H), DOOR_Z, _FRAME)
    panel(canvas, view, (-2 * LEAF_W, 2 * LEAF_W), (DOOR_H, DOOR_H + 0.14), DOOR_Z, _FRAME)
    panel(
        canvas, view, (-0.12, 0.12), (DOOR_H + 0.04, DOOR_H + 0.1), DOOR_Z, (30, 30, 30)
    )  # sensor
    panel(canvas, view, (-2 * LEAF_W, 2 * LEAF_W), (0, 0.03), DOOR_Z, (90, 90, 88))


def _paint_floor(canvas: Field, view: View, rng: np.random.Generator) -> None:
    """Oak planks in true perspective, with the shop front mirrored in their varnish."""
    back = round(view.point(0, 0, DOOR_Z)[1])
    rows, cols = np.mgrid[back : view.height, 0 : view.width].astype(np.float32)
    z = view.focal * CAMERA_Y / (rows - view.horizon)
    x = (cols - view.width / 2) * z / view.focal
    lane = np.floor(x / 0.16).astype(np.int32)
    offset = rng.random(256, dtype=np.float32)[lane % 256] * 1.4
    board = np.floor((z + offset) / 1.4).astype(np.int32)
    tone = rng.normal(0, 7, (256, 16)).astype(np.float32)[lane % 256, board % 16]
    seam = np.minimum(x / 0.16 - lane, 1 - (x / 0.16 - lane)) * 0.16 / z * view.focal
    grain = _grain(rng, (512, 512), (1.2, 14))
    texture = grain[(z * 160).astype(np.int32) % 512, (x * 500).astype(np.int32) % 512]
    shade = tone + texture * 3.0 * np.clip(2.6 / z, 0, 1) - 26 * np.clip(1.6 - seam, 0, 1)
    wood = np.array((118, 150, 178), np.float32) + shade[..., None]
    mirror = cv2.GaussianBlur(
        canvas[2 * back - view.height : back][::-1], (0, 0), sigmaX=5, sigmaY=14
    )
    fade = np.linspace(0.42, 0.06, mirror.shape[0], dtype=np.float32)[:, None, None]
    depth = min(mirror.shape[0], wood.shape[0])
    wood[:depth] += (mirror[:depth] - wood[:depth]) * fade[:depth]
    inside = np.abs(x) <= _ROOM_HALF
    canvas[back:][inside] = wood[inside]
    mat = [view.point(a, 0, b) for a, b in ((-0.85, 4.6), (0.85, 4.6), (0.85, 5.35), (-0.85, 5.35))]
    polygon(canvas, mat, (74, 72, 70))
    rim = [view.point(a, 0, b) for a, b in ((-0.79, 4.66), (0.79, 4.66), (0.79, 5.3), (-0.79, 5.3))]
    polygon(canvas, rim, (92, 88, 84))


def _light(canvas: Field, view: View) -> None:
    """Daylight spilling through the doorway, warm room light, and the lens's darker corners."""
    rows, cols = np.mgrid[0 : view.height, 0 : view.width].astype(np.float32)
    u, v = cols / view.width - 0.5, rows / view.height
    spill = np.exp(-((u / 0.2) ** 2) - ((v - 0.55) / 0.36) ** 2)
    canvas += spill[..., None] * np.array((26, 22, 18), np.float32)
    corner = 1.04 - 0.75 * (u**2 + (0.56 * (v - 0.5)) ** 2)
    canvas *= corner[..., None] * np.array((0.95, 0.985, 1.0), np.float32)


def _leaf(doorway: tuple[int, int, int, int]) -> Image:
    """The left leaf: frameless glass, so that a moving leaf is plain to people, not to a counter.

    Its pane, pale edges and handle stay too faint or too thin for background subtraction; dark
    rails would join the door and whoever walks through it into one body.
    """
    left, top, right, bottom = doorway
    h, w = bottom - top, (right - left) // 2
    leaf = np.zeros((h, w, 4), np.uint8)
    leaf[...] = (246, 244, 240, 9)
    rows, cols = np.mgrid[0:h, 0:w].astype(np.float32)
    slant = cols / w + rows / h
    for middle, width, strength in ((0.75, 0.12, 10), (1.05, 0.05, 7)):
        leaf[..., 3] += (strength * np.exp(-(((slant - middle) / width) ** 2))).astype(np.uint8)
    edge = max(1, w // 60)
    cv2.rectangle(leaf, (0, 0), (w - 1, h - 1), (168, 182, 166, 235), 2 * edge - 1)
    cv2.rectangle(leaf, (0, h - 3 * edge), (w - 1, h - 1), (150, 154, 152, 255), -1)
    at, low = (w - 7 * edge, int(h * 0.42)), int(h * 0.66)
    cv2.rectangle(leaf, at, (at[0] + edge, low), (204, 208, 204, 255), -1)
    return leaf
