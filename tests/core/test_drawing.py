"""What may be drawn on a camera's picture, and what is a slip of the finger."""

from typing import Any

import pytest

from edge.core.drawing import Drawing, area_of, counts_alike, flaws, is_simple

LEVEL: Any = {"line": ((0.1, 0.6), (0.9, 0.6)), "inside": "below"}
SQUARE = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))
HOURGLASS = ((0.2, 0.2), (0.8, 0.8), (0.8, 0.2), (0.2, 0.8))


@pytest.mark.parametrize(
    ("drawn", "found"),
    [
        pytest.param({}, (), id="nothing: the border counts"),
        pytest.param({**LEVEL, "zone": SQUARE}, (), id="a line and a zone"),
        pytest.param({"line": ((0.1, 0.6), (1.2, 0.6)), "inside": "below"}, ("point",), id="off"),
        pytest.param(
            {"line": ((0.5, 0.5), (0.55, 0.5)), "inside": "below"}, ("line_short",), id="short"
        ),
        pytest.param({"line": ((0.1, 0.6), (0.9, 0.6))}, ("line_side",), id="no side"),
        pytest.param(
            {"line": ((0.1, 0.6), (0.9, 0.6)), "inside": "left"}, ("line_side",), id="wrong side"
        ),
        pytest.param({"inside": "below"}, ("line_side",), id="a side of no line"),
        pytest.param({"zone": SQUARE[:2]}, ("zone_corners",), id="two corners"),
        pytest.param({"zone": (*SQUARE, SQUARE[0])}, ("zone_corners",), id="a corner twice"),
        pytest.param({"zone": HOURGLASS}, ("zone_crossed",), id="an hourglass"),
        pytest.param(
            {"zone": ((0.2, 0.2), (0.8, 0.2), (0.5, 0.2), (0.5, 0.8))},
            ("zone_crossed",),
            id="a side that turns back upon itself",
        ),
        pytest.param(
            {"staff_zone": ((0.5, 0.5), (0.52, 0.5), (0.52, 0.52))}, ("staff_small",), id="tiny"
        ),
        pytest.param(
            {"staff_zone": ((0, 0), (1, 0), (1, 0.6), (0, 0.6))}, ("staff_wide",), id="all staff"
        ),
        pytest.param(
            {"line": ((0.5, 0.5), (0.5, 0.5)), "zone": HOURGLASS},
            ("line_short", "zone_crossed"),
            id="every flaw at once",
        ),
    ],
)
def test_a_drawing_that_cannot_be_used_says_why(drawn: Any, found: tuple[str, ...]) -> None:
    assert flaws(Drawing(**drawn), zone_needed=False) == found


def test_entrance_mode_asks_for_a_zone() -> None:
    assert flaws(Drawing(**LEVEL), zone_needed=True) == ("zone_needed",)
    assert flaws(Drawing(**LEVEL, zone=SQUARE), zone_needed=True) == ()


def test_a_corner_in_a_straight_side_is_no_flaw() -> None:
    straight = ((0.2, 0.2), (0.5, 0.2), (0.8, 0.2), (0.5, 0.8))
    assert is_simple(straight)
    assert area_of(straight) == pytest.approx(0.18)


def test_where_faces_are_read_changes_no_count() -> None:
    plain = Drawing(**LEVEL)
    assert counts_alike(plain, Drawing(**LEVEL, zone=SQUARE))
    assert not counts_alike(plain, Drawing(**LEVEL, staff_zone=SQUARE))
    assert not counts_alike(plain, Drawing(line=plain.line, inside="above"))
