"""Boxes, lines and polygons in fractions of the frame."""

import math

import pytest

from edge.core.geometry import Box, Inside, Line, Point, Polygon


def box(left: float, top: float, right: float, bottom: float) -> Box:
    return Box(left=left, top=top, right=right, bottom=bottom)


def test_a_body_stands_on_the_middle_of_its_lower_edge() -> None:
    body = box(0.2, 0.1, 0.4, 0.9)
    assert body.foot == pytest.approx((0.3, 0.9))
    assert body.centre == pytest.approx((0.3, 0.5))
    assert (body.width, body.height, body.area) == pytest.approx((0.2, 0.8, 0.16))


def test_boxes_that_only_touch_have_no_overlap() -> None:
    assert box(0, 0, 0.5, 0.5).overlap(box(0.5, 0, 1, 0.5)) == 0
    assert box(0, 0, 0.5, 0.5).overlap(box(0.25, 0.25, 1, 1)) == pytest.approx(0.0625)


def test_a_union_holds_both_boxes() -> None:
    assert box(0, 0.5, 0.5, 0.6).union(box(0.25, 0, 1, 0.55)) == box(0, 0, 1, 0.6)


def test_a_box_knows_the_sides_of_the_frame_that_it_touches() -> None:
    assert box(0.01, 0.2, 0.99, 0.9).touches(0.02) == {"left", "right"}
    assert box(0.3, 0.0, 0.6, 1.0).touches(0.02) == {"top", "bottom"}
    assert box(0.3, 0.3, 0.6, 0.6).touches(0.02) == frozenset()


@pytest.mark.parametrize(
    "edges",
    [
        pytest.param((0.5, 0, 0.4, 1), id="right of its right"),
        pytest.param((0, 0.5, 1, 0.4), id="below its bottom"),
        pytest.param((math.nan, 0, 1, 1), id="not a number"),
    ],
)
def test_an_impossible_box_is_refused(edges: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="box"):
        box(*edges)


@pytest.mark.parametrize(
    ("line", "inner", "outer"),
    [
        pytest.param(((0, 0.8), (1, 0.8), "above"), (0.5, 0.7), (0.5, 0.9), id="above"),
        pytest.param(((1, 0.8), (0, 0.8), "above"), (0.5, 0.7), (0.5, 0.9), id="above, backwards"),
        pytest.param(((0, 0.8), (1, 0.8), "below"), (0.5, 0.9), (0.5, 0.7), id="below"),
        pytest.param(((0.5, 0), (0.5, 1), "left"), (0.4, 0.5), (0.6, 0.5), id="left"),
        pytest.param(((0.5, 1), (0.5, 0), "right"), (0.6, 0.5), (0.4, 0.5), id="right"),
        pytest.param(((0, 0), (1, 1), "above"), (0.9, 0.1), (0.1, 0.9), id="slanting"),
    ],
)
def test_a_line_tells_inside_from_outside_however_it_was_drawn(
    line: tuple[Point, Point, Inside], inner: Point, outer: Point
) -> None:
    start, end, inside = line
    drawn = Line(start=start, end=end, inside=inside)
    assert drawn.is_inside(inner)
    assert not drawn.is_inside(outer)
    assert drawn.depth(inner) == pytest.approx(-drawn.depth(outer))


def test_a_line_without_such_a_side_is_refused_with_the_sides_it_has() -> None:
    with pytest.raises(ValueError, match="expected left or right"):
        Line(start=(0.5, 0), end=(0.5, 1), inside="above")
    with pytest.raises(ValueError, match="expected above or below"):
        Line(start=(0, 0.5), end=(1, 0.5), inside="left")
    with pytest.raises(ValueError, match="two different points"):
        Line(start=(0, 0.5), end=(0, 0.5), inside="left")


def test_who_goes_round_the_end_of_a_line_has_not_passed_it() -> None:
    door = Line(start=(0.3, 0.5), end=(0.6, 0.5), inside="above")
    assert door.passes((0.4, 0.7), (0.4, 0.3))
    assert not door.passes((0.8, 0.7), (0.8, 0.3))
    assert not door.passes((0.62, 0.7), (0.62, 0.3))
    assert door.passes((0.62, 0.7), (0.62, 0.3), slack=0.05)
    assert not door.passes((0.4, 0.7), (0.5, 0.6))


def test_a_hollow_polygon_does_not_contain_its_notch() -> None:
    notched = Polygon(corners=[(0, 0), (1, 0), (1, 1), (0.5, 0.2), (0, 1)])
    assert notched.contains((0.1, 0.5))
    assert not notched.contains((0.5, 0.8))


def test_a_polygon_needs_three_corners() -> None:
    with pytest.raises(ValueError, match="3 corners or more, got 2"):
        Polygon(corners=[(0, 0), (1, 1)])
