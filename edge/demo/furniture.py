"""Paints the demo shop's furniture: glass counter, shelves, picture, plant.

Called by scene; calls room.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge.demo.room import DOOR_Z, Field, View, panel, polygon


def paint_furniture(canvas: Field, view: View, rng: np.random.Generator) -> None:
    _shadow(canvas, view, (-2.05, 4.4), (1.0, 0.9))
    _shadow(canvas, view, (2.15, 4.8), (0.5, 0.3))
    top, left, right, near, far = 0.98, -2.9, -1.75, 3.75, 5.1
    side = [view.point(right, y, z) for y, z in ((0, near), (0, far), (top, far), (top, near))]
    polygon(canvas, side, (86, 104, 122))
    glass = [
        view.point(right, y, z)
        for y, z in ((0.6, near + 0.1), (0.6, far - 0.1), (0.93, far - 0.1), (0.93, near + 0.1))
    ]
    polygon(canvas, glass, (196, 208, 206))
    panel(canvas, view, (left, right), (0, top), near, (104, 124, 142))
    panel(canvas, view, (left, right - 0.06), (0.6, top - 0.05), near, (206, 218, 218))
    lid = [
        view.point(x, top, z) for x, z in ((left, near), (right, near), (right, far), (left, far))
    ]
    polygon(canvas, lid, (222, 230, 228))
    for z in np.arange(near + 0.25, far - 0.1, 0.22):  # what is on show
        c, k = view.point(right, 0.68, float(z)), view.px_per_m(float(z))
        cv2.ellipse(canvas, (c, (k * 0.1, k * 0.09), 0.0), (60, 70, 84), -1, cv2.LINE_AA)
        cv2.ellipse(
            canvas,
            ((c[0], c[1] - k * 0.05), (k * 0.07, k * 0.07), 0.0),
            (120, 200, 236),
            max(1, round(k * 0.015)),
            cv2.LINE_AA,
        )
    _paint_shelf(canvas, view, rng)
    _paint_plant(canvas, view, rng)


def _paint_shelf(canvas: Field, view: View, rng: np.random.Generator) -> None:
    for y in (1.15, 1.55, 1.95):
        low = -2.95
        panel(canvas, view, (low, -1.98), (y - 0.06, y), DOOR_Z, (150, 160, 164))
        panel(canvas, view, (low, -1.98), (y, y + 0.035), DOOR_Z, (96, 126, 152))
        for x in np.arange(low + 0.06, -2.1, 0.17):
            h, b = rng.uniform(0.1, 0.24), rng.uniform(90, 200)
            colour = (b, b * rng.uniform(0.8, 1.05), b * rng.uniform(0.7, 1.1))
            panel(canvas, view, (float(x), float(x) + 0.11), (y + 0.035, y + h), DOOR_Z, colour)
    panel(canvas, view, (2.0, 2.8), (1.3, 2.2), DOOR_Z, (70, 74, 78))
    panel(canvas, view, (2.04, 2.76), (1.34, 2.16), DOOR_Z, (226, 232, 234))
    for x, y, r in ((2.28, 1.9, 0.16), (2.5, 1.65, 0.22), (2.55, 1.95, 0.09)):
        c, k = view.point(x, y, DOOR_Z), view.px_per_m(DOOR_Z)
        cv2.ellipse(
            canvas, (c, (k * r, k * r), 0.0), (140 + 200 * r, 160, 214 - 150 * r), -1, cv2.LINE_AA
        )


def _paint_plant(canvas: Field, view: View, rng: np.random.Generator) -> None:
    x, z = 2.15, 4.8
    pot = [view.point(x + dx, y, z) for dx, y in ((-0.14, 0), (0.14, 0), (0.2, 0.42), (-0.2, 0.42))]
    polygon(canvas, pot, (188, 192, 196))
    shade = [
        view.point(x + dx, y, z) for dx, y in ((0.05, 0), (0.14, 0), (0.2, 0.42), (0.08, 0.42))
    ]
    polygon(canvas, shade, (156, 160, 166))
    for _ in range(80):
        angle, length = rng.uniform(-1.25, 1.25), rng.uniform(0.35, 0.85)
        root = view.point(x + rng.uniform(-0.1, 0.1), 0.45 + rng.uniform(0, 0.35), z)
        k = view.px_per_m(z) * length
        tip = np.array((np.sin(angle), -np.cos(angle) * 0.95)) * k
        green = rng.uniform(0.6, 1.25)
        axis = (float(root[0] + tip[0] / 2), float(root[1] + tip[1] / 2))
        colour = (58 * green, 112 * green, 70 * green)
        box = (axis, (k * 0.17, k), float(np.degrees(np.arctan2(tip[0], -tip[1]))))
        cv2.ellipse(canvas, box, colour, -1, cv2.LINE_AA)


def _shadow(canvas: Field, view: View, at: tuple[float, float], half: tuple[float, float]) -> None:
    """Darken the floor softly around (x, z), reaching `half` metres to each side."""
    corners = [
        view.point(at[0] + dx * half[0], 0, at[1] + dz * half[1])
        for dx, dz in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]
    mask = np.zeros(canvas.shape[:2], np.float32)
    cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 0.42)
    canvas *= 1 - cv2.GaussianBlur(mask, (0, 0), 18)[..., None]
