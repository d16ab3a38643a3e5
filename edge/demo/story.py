"""The demo clip's story: where the one person stands in each frame, and how far the door is open.

Called by clip; calls nothing.

    0 s        in           out         in          out         in        end
    |--empty--|==walks, stays==|--empty--|==walks==|--empty--| ...  |======|
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Direction = Literal["in", "out"]
Steps = tuple[tuple[float, float, float], ...]

_STRIDE_M = 1.36  # two steps
_END_S = 47.0


@dataclass(frozen=True, kw_only=True)
class _Walk:
    """One way through the shop: steps of (seconds since `start_s`, x, z), x and z in metres."""

    start_s: float
    way: Direction
    steps: Steps


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Where the person stands in one frame and how: gait in cycles, lean in degrees."""

    way: Direction
    x: float
    z: float
    gait: float
    bob_m: float
    lean: float
    squeeze: float


def _way_in(x: float, z: float, side: float) -> Steps:
    """From the pavement through the door up to (x, z), a look around, and off to one side."""
    door = ((0.0, -1.55, 7.1), (1.2, -0.05, 5.9), (1.75, 0.0, 5.1))
    return (*door, (3.9, 0.7 * x, 1.9), (4.5, x, z), (6.5, x, z), (7.6, side, 1.1))


def _way_out(side: float) -> Steps:
    """From beyond the picture's edge to the door, and away along the pavement."""
    room = ((0.0, side, 1.5), (0.75, 0.4 * side, 2.1), (2.85, 0.0, 5.1))
    return (*room, (3.4, 0.05, 5.9), (4.6, 1.6, 7.1))


_STORY = (
    _Walk(start_s=2.2, way="in", steps=_way_in(-0.10, 0.94, 1.05)),
    _Walk(start_s=12.9, way="out", steps=_way_out(1.45)),
    _Walk(start_s=20.6, way="in", steps=_way_in(0.14, 0.9, -1.05)),
    _Walk(start_s=31.3, way="out", steps=_way_out(-1.45)),
    _Walk(start_s=39.0, way="in", steps=_way_in(0.02, 0.88, 1.05)),
)


def tell_story(fps: int) -> list[Pose | None]:
    """The person's pose in each frame, None where the shop is empty."""
    poses: list[Pose | None] = [None] * round(_END_S * fps)
    for walk in _STORY:
        first = round(walk.start_s * fps)
        for offset, pose in enumerate(_walk(walk, fps)):
            if first + offset < len(poses):
                poses[first + offset] = pose
    return poses


def door_openness(poses: list[Pose | None], fps: int) -> npt.NDArray[np.float64]:
    """How far the door stands open in each frame, 0 to 1: somebody within reach of its sensor."""
    near = np.array([float(p is not None and 3.9 < p.z < 6.75) for p in poses])
    eased = _smooth(_smooth(near, fps), fps)
    return np.clip(eased, 0, 1)


def _walk(walk: _Walk, fps: int) -> Iterator[Pose]:
    """The walk's poses at frame rate: corners rounded off, gait driven by the way covered."""
    steps = np.array(walk.steps)
    times = np.arange(round(float(steps[-1, 0]) * fps)) / fps
    x, z = (_smooth(np.interp(times, steps[:, 0], steps[:, axis]), fps) for axis in (1, 2))
    speed = np.hypot(np.gradient(x), np.gradient(z)) * fps
    way = np.cumsum(speed) / fps / _STRIDE_M
    turned = np.clip(np.abs(np.gradient(x)) * fps / 1.2, 0, 1) * (z < 1.6)
    still = np.clip(1 - speed / 0.5, 0, 1)
    swing, look = np.sin(2 * np.pi * way), times * 2.9
    moving = np.minimum(speed, 1.0)
    lean = 0.5 * moving * swing + 0.9 * still * np.sin(look)
    squeeze = 1 - 0.14 * turned - 0.03 * still * np.cos(look)
    for i in range(len(times)):
        yield Pose(
            way=walk.way,
            x=float(x[i]),
            z=float(z[i]),
            gait=float(way[i] % 1),
            bob_m=float(0.022 * moving[i] * abs(swing[i])),
            lean=float(lean[i]),
            squeeze=float(squeeze[i]),
        )


def _smooth(values: npt.NDArray[np.float64], fps: int) -> npt.NDArray[np.float64]:
    """Average over 0.4 s, the ends held."""
    reach = max(1, round(0.2 * fps))
    padded = np.pad(values, reach, mode="edge")
    return np.convolve(padded, np.full(2 * reach + 1, 1 / (2 * reach + 1)), mode="valid")
