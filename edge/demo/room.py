"""The demo shop's measures, the camera's projection, and drawing in metres.

Called by scene, furniture, story and clip; calls nothing. The room is measured in metres from a
camera that stands on a counter and looks straight at the door: x to the right, y up from the
floor, z away from the camera.

            z = DOOR_Z   [wall][film][leaf|leaf][film][wall]      street behind, mat before it
            z = 0                      camera
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Field = npt.NDArray[np.float32]
Colour = tuple[float, float, float]  # blue, green, red, 0 to 255

CAMERA_Y = 1.70  # m above the floor
DOOR_Z = 5.5  # m from the camera


@dataclass(frozen=True, kw_only=True)
class View:
    """The camera's pinhole projection for a picture of `width` x `height` pixels."""

    width: int
    height: int

    @property
    def focal(self) -> float:
        """Focal length in pixels: a horizontal field of 64 degrees."""
        return 0.803 * self.width

    @property
    def horizon(self) -> float:
        """Row of the horizon in pixels; above the middle, as if the camera looked down a little."""
        return 0.305 * self.height

    def px_per_m(self, z: float) -> float:
        """Pixels that one metre spans at distance `z` metres."""
        return self.focal / z

    def point(self, x: float, y: float, z: float) -> tuple[float, float]:
        """Pixel (column, row) of the room's point (x, y, z) in metres."""
        k = self.px_per_m(z)
        return self.width / 2 + x * k, self.horizon + (CAMERA_Y - y) * k


def polygon(canvas: Field, corners: list[tuple[float, float]], colour: Colour) -> None:
    points = np.round(np.array(corners, np.float64) * 16).astype(np.int32)
    cv2.fillPoly(canvas, [points], colour, cv2.LINE_AA, 4)


def panel(
    canvas: Field,
    view: View,
    x: tuple[float, float],
    y: tuple[float, float],
    z: float,
    colour: Colour,
) -> None:
    """A rectangle facing the camera: x and y in metres (low, high), at distance z."""
    (left, right), (low, high) = x, y
    outline = ((left, low), (right, low), (right, high), (left, high))
    corners = [view.point(a, b, z) for a, b in outline]
    polygon(canvas, corners, colour)
