"""What the manager draws on a camera's empty picture: the line, where faces are read, staff's area.

Called by `edge.desk.corner`, which keeps it, and `edge.drawn`, which lays it over the settings
file. Pure.
"""

from dataclasses import dataclass
from itertools import combinations
from math import hypot
from typing import Final, Literal

from edge.core.geometry import Inside, Line, Point

Area = tuple[Point, ...]
LINE_LEAST: Final = 0.1
"""A line shorter than a tenth of the picture lets people by: the counter makes it longer by a few
percent, and nobody's middle is known better than that."""
AREA_LEAST: Final = 0.002
"""Of the picture; a smaller area is a slip of the finger."""
STAFF_MOST: Final = 0.5
"""Of the picture. Whoever appears in the staff's area is nobody's guest: of a door that is most of
it, no guests would be left."""
CORNERS_MOST: Final = 12
Flaw = Literal[
    "point",
    "line_short",
    "line_side",
    "zone_corners",
    "zone_crossed",
    "zone_small",
    "zone_needed",
    "staff_corners",
    "staff_crossed",
    "staff_small",
    "staff_wide",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """What is drawn on one camera's picture; points are fractions of its width and height.

    `line` None: the border counts, `inside` is then None too. `zone` is where faces are read,
    `staff_zone` where staff appear; both may be empty.
    """

    line: tuple[Point, Point] | None = None
    inside: Inside | None = None
    zone: Area = ()
    staff_zone: Area = ()


def flaws(drawing: Drawing, *, zone_needed: bool) -> tuple[Flaw, ...]:
    """Return what keeps a drawing from being used, all at once.

    Args:
        drawing: what was drawn.
        zone_needed: whether faces are read here within a zone only (entrance mode).
    """
    ends = drawing.line or ()
    if not all(0 <= v <= 1 for p in (*ends, *drawing.zone, *drawing.staff_zone) for v in p):
        return ("point",)
    found = _line_flaws(drawing)
    if drawing.zone:
        found += _area_flaws("zone", drawing.zone)
    elif zone_needed:
        found.append("zone_needed")
    if drawing.staff_zone:
        staff = _area_flaws("staff", drawing.staff_zone)
        if not staff and area_of(drawing.staff_zone) > STAFF_MOST:
            staff = ["staff_wide"]
        found += staff
    return tuple(found)


def _line_flaws(drawing: Drawing) -> list[Flaw]:
    if drawing.line is None:
        return [] if drawing.inside is None else ["line_side"]
    (x1, y1), (x2, y2) = drawing.line
    if hypot(x2 - x1, y2 - y1) < LINE_LEAST:
        return ["line_short"]
    if drawing.inside is None:
        return ["line_side"]
    try:
        Line(start=drawing.line[0], end=drawing.line[1], inside=drawing.inside)
    except ValueError:
        return ["line_side"]
    return []


def _area_flaws(which: Literal["zone", "staff"], corners: Area) -> list[Flaw]:
    if not 3 <= len(corners) <= CORNERS_MOST or len(set(corners)) < len(corners):
        return ["zone_corners" if which == "zone" else "staff_corners"]
    if not is_simple(corners):
        return ["zone_crossed" if which == "zone" else "staff_crossed"]
    if area_of(corners) < AREA_LEAST:
        return ["zone_small" if which == "zone" else "staff_small"]
    return []


def area_of(corners: Area) -> float:
    """Return the area of a simple polygon as a fraction of the picture's (shoelace formula)."""
    pairs = zip(corners, (*corners[1:], corners[0]), strict=True)
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs)) / 2


def is_simple(corners: Area) -> bool:
    """Say whether no two sides of a polygon meet but where one follows the other.

    `is_simple(((0, 0), (1, 1), (1, 0), (0, 1)))` is False: an hourglass.
    """
    sides = list(zip(corners, (*corners[1:], corners[0]), strict=True))
    last = len(sides) - 1
    return not any(
        _meet(*sides[i], *sides[j])
        for i, j in combinations(range(len(sides)), 2)
        if j - i > 1 and (i, j) != (0, last)
    ) and all(_turn(*side, then) or _onward(*side, then) for side, then in _triples(corners))


def _triples(corners: Area) -> list[tuple[tuple[Point, Point], Point]]:
    """Return each side with the corner that follows it."""
    many = len(corners)
    return [((corners[i], corners[(i + 1) % many]), corners[(i + 2) % many]) for i in range(many)]


def _turn(a: Point, b: Point, c: Point) -> float:
    """Return twice the signed area of a triangle: 0 where the three lie in one line."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _onward(a: Point, b: Point, c: Point) -> bool:
    """Say whether three points of one line go on in one direction, not back upon themselves."""
    return (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1]) > 0


def _meet(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Say whether the stretch a-b has a point in common with c-d."""
    turns = _turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b)
    if turns[0] * turns[1] < 0 and turns[2] * turns[3] < 0:
        return True
    ends = ((turns[0], a, b, c), (turns[1], a, b, d), (turns[2], c, d, a), (turns[3], c, d, b))
    return any(turn == 0 and _between(p, q, r) for turn, p, q, r in ends)


def _between(a: Point, b: Point, p: Point) -> bool:
    return min(a[0], b[0]) <= p[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= p[1] <= max(a[1], b[1])


def counts_alike(one: Drawing, other: Drawing) -> bool:
    """Say whether two drawings count people alike: where faces are read changes no count."""
    return (one.line, one.inside, one.staff_zone) == (other.line, other.inside, other.staff_zone)
