"""Plane records that cameras and counters share: boxes, lines, polygons.

Used by core.tracking, core.crossing, core.counting, sensors.motion and the pages; calls nothing.
Every coordinate is a fraction of the frame's width (x, to the right) or height (y, downwards), so
that nothing depends on a camera's resolution. Points may lie a little outside [0, 1]: a body
that is half out of the frame has its centre there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Point = tuple[float, float]
Side = Literal["left", "top", "right", "bottom"]
Inside = Literal["above", "below", "left", "right"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """An upright rectangle; fractions of the frame's width and height, `top` < `bottom`.

    Raises ValueError when an edge is not finite or when right < left or bottom < top.
    """

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        # One look at a good box, since hundreds are made a picture; NaN compares false.
        if (
            -math.inf < self.left <= self.right < math.inf
            and -math.inf < self.top <= self.bottom < math.inf
        ):
            return
        edges = (self.left, self.top, self.right, self.bottom)
        if not all(math.isfinite(edge) for edge in edges):
            raise ValueError(f"box edges: expected finite fractions, got {edges}")
        raise ValueError(f"box: expected left <= right and top <= bottom, got {edges}")

    @property
    def width(self) -> float:
        """Fraction of the frame's width."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Fraction of the frame's height."""
        return self.bottom - self.top

    @property
    def area(self) -> float:
        """Fraction of the frame's area."""
        return self.width * self.height

    @property
    def centre(self) -> Point:
        """The middle, (x, y)."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    @property
    def foot(self) -> Point:
        """The middle of the lower edge, (x, y): where an upright body stands."""
        return (self.left + self.right) / 2, self.bottom

    def union(self, other: Box) -> Box:
        """The smallest box that holds both."""
        return Box(
            left=min(self.left, other.left),
            top=min(self.top, other.top),
            right=max(self.right, other.right),
            bottom=max(self.bottom, other.bottom),
        )

    def overlap(self, other: Box) -> float:
        """Area that both cover, a fraction of the frame's area."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        return wide * high if wide > 0 and high > 0 else 0.0

    def shifted(self, dx: float, dy: float) -> Box:
        """The same box moved by (dx, dy)."""
        return Box(
            left=self.left + dx, top=self.top + dy, right=self.right + dx, bottom=self.bottom + dy
        )

    def grown(self, by_x: float, by_y: float) -> Box:
        """The same centre, each edge `by_x` or `by_y` further out."""
        return Box(
            left=self.left - by_x,
            top=self.top - by_y,
            right=self.right + by_x,
            bottom=self.bottom + by_y,
        )

    def touches(self, margin: float) -> frozenset[Side]:
        """The sides of the frame that lie within `margin` of the box or inside it."""
        near: list[Side] = []
        if self.left <= margin:
            near.append("left")
        if self.top <= margin:
            near.append("top")
        if self.right >= 1 - margin:
            near.append("right")
        if self.bottom >= 1 - margin:
            near.append("bottom")
        return frozenset(near)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A counting line from `start` to `end`, and which side of it is inside the shop.

    ::

        inside="above"            inside="right"
              in                        |
        start ------ end            out | in
              out                       |

    Raises ValueError when both points are one, or when `inside` cannot tell the sides apart
    (`above` and `below` of an upright line, `left` and `right` of a level one).
    """

    start: Point
    end: Point
    inside: Inside

    def __post_init__(self) -> None:
        dx, dy = self.end[0] - self.start[0], self.end[1] - self.start[1]
        if math.hypot(dx, dy) < 1e-6:
            raise ValueError(f"line: expected two different points, got {self.start} twice")
        if abs(dx if self.inside in ("above", "below") else dy) < 1e-6:
            raise ValueError(
                f"line: {self.start} to {self.end} has no side {self.inside!r}; "
                f"expected {'left or right' if abs(dx) < 1e-6 else 'above or below'}"
            )

    @property
    def inward(self) -> Point:
        """The unit vector across the line, towards the inside."""
        dx, dy = self.end[0] - self.start[0], self.end[1] - self.start[1]
        length = math.hypot(dx, dy)
        normal = (dy / length, -dx / length)
        wanted = {"above": (0.0, -1.0), "below": (0.0, 1.0), "left": (-1.0, 0.0)}.get(
            self.inside, (1.0, 0.0)
        )
        facing = normal[0] * wanted[0] + normal[1] * wanted[1]
        return normal if facing > 0 else (-normal[0], -normal[1])

    def depth(self, point: Point) -> float:
        """Signed distance from the (endless) line: positive inside, negative outside."""
        inward = self.inward
        return (point[0] - self.start[0]) * inward[0] + (point[1] - self.start[1]) * inward[1]

    def is_inside(self, point: Point) -> bool:
        """Whether `point` lies on the inner side; a point on the line does not."""
        return self.depth(point) > 0

    def passes(self, before: Point, after: Point, *, slack: float = 0.0) -> bool:
        """Whether the way from `before` to `after` goes through the line itself.

        The line is made longer by `slack` (a fraction of the frame) at both ends.
        """
        near, far = self.depth(before), self.depth(after)
        if (near > 0) == (far > 0):
            return False
        part = near / (near - far)
        x = before[0] + part * (after[0] - before[0]) - self.start[0]
        y = before[1] + part * (after[1] - before[1]) - self.start[1]
        dx, dy = self.end[0] - self.start[0], self.end[1] - self.start[1]
        length = math.hypot(dx, dy)
        along = (x * dx + y * dy) / length
        return -slack <= along <= length + slack


@dataclass(frozen=True, slots=True, kw_only=True)
class Polygon:
    """A closed area; three corners or more, in order, without repeating the first.

    Raises ValueError for fewer than three corners.
    """

    corners: Sequence[Point]

    def __post_init__(self) -> None:
        if len(self.corners) < 3:
            raise ValueError(f"polygon: expected 3 corners or more, got {len(self.corners)}")
        object.__setattr__(self, "corners", tuple(self.corners))

    def contains(self, point: Point) -> bool:
        """Whether `point` lies inside (even-odd rule; a crossing number, Shimrat 1962)."""
        x, y = point
        inside = False
        previous = self.corners[-1]
        for corner in self.corners:
            (x1, y1), (x2, y2) = previous, corner
            if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
                inside = not inside
            previous = corner
        return inside
