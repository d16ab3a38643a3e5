"""Bodies and the sides of the frame: where they came from, how far, what lies behind.

Called by core.crossing; reads core.tracking's records. Pure; nothing is remembered here.
"""

from __future__ import annotations

from typing import Final

from edge.core.geometry import Box, Line, Point, Side
from edge.core.matching import BORDER
from edge.core.tracking import Track

BEYOND: Final = 0.05  # how far outside the frame somebody was who was not yet or no longer seen
BAND: Final = (0.02, 0.06)  # least and most depth behind the line before a crossing is certain
BAND_SHARE: Final = 0.15  # of the body's size across the line, between those two


def side_of_arrival(track: Track) -> tuple[Side | None, float]:
    """(the side of the frame where a body appeared, how far it has come away from there)."""
    backwards = (-track.velocity[0], -track.velocity[1])
    sides = sides_near(track.born, backwards, track.interval_s)
    scored = ((progress_from(track.born, track.box, side), side) for side in sides)
    progress, came = max(scored, default=(0.0, None))
    return came, progress


def sides_near(box: Box, towards: Point, interval_s: float) -> frozenset[Side]:
    """Sides of the frame that a box touches, or reaches within one and a half more pictures."""
    step_s = interval_s * 1.5
    onward = box.shifted(towards[0] * step_s, towards[1] * step_s)
    return box.touches(BORDER) | onward.touches(0.0)


def progress_from(born: Box, box: Box, side: Side) -> float:
    """How far the far edge of a body that was born at `side` has come away from it since."""
    return {
        "left": box.right - born.right,
        "right": born.left - box.left,
        "top": box.bottom - born.bottom,
        "bottom": born.top - box.top,
    }[side]


def speed_towards(velocity: Point, side: Side) -> float:
    x, y = velocity
    return {"left": -x, "right": x, "top": -y, "bottom": y}[side]


def point_beyond(box: Box, side: Side) -> Point:
    """Where a body is that is not seen, because it is behind `side` of the frame."""
    x, y = box.centre
    return {
        "left": (-BEYOND, y),
        "right": (1 + BEYOND, y),
        "top": (x, -BEYOND),
        "bottom": (x, 1 + BEYOND),
    }[side]


def certainty_depth(box: Box, line: Line) -> float:
    across, down = line.inward
    size = abs(across) * box.width + abs(down) * box.height
    return min(BAND[1], max(BAND[0], BAND_SHARE * size))
