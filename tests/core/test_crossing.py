"""Who came in, who went out, who turned back, who is staff: from tracks alone."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from edge.core.crossing import Crossing, CrossingCounter
from edge.core.geometry import Box, Line, Polygon
from edge.core.tracking import Tracker

Way = Callable[[float], Box | None]
LINE = Line(start=(0, 0.6), end=(1, 0.6), inside="above")


def walk(
    way: Way, seconds: float, *, line: Line | None = None, staff_zone: Polygon | None = None
) -> list[Crossing]:
    """One body, at 10 pictures a second, its box cut off by the frame."""
    return seen([way], seconds, line=line, staff_zone=staff_zone)


def seen(
    ways: list[Way], seconds: float, *, line: Line | None = None, staff_zone: Polygon | None = None
) -> list[Crossing]:
    """Several, each a box of its own."""
    tracker, counter = Tracker(), CrossingCounter(line=line, staff_zone=staff_zone)
    found: list[Crossing] = []
    for step in range(round(seconds * 10)):
        second = step / 10
        boxes = [visible for way in ways if (visible := in_frame(way(second))) is not None]
        tracked = tracker.update(boxes, second)
        found += counter.update(tracked.live, tracked.ended, second)
    return found


def in_frame(box: Box | None) -> Box | None:
    if box is None or box.left >= 0.995 or box.right <= 0.005 or box.top >= 0.995:
        return None
    return Box(
        left=max(0.0, box.left),
        top=max(0.0, box.top),
        right=min(1.0, box.right),
        bottom=min(1.0, box.bottom),
    )


def along(*points: tuple[float, float, float], wide: float = 0.14, high: float = 0.5) -> Way:
    """A way through (second, x, y) of the body's middle, straight between."""

    def way(second: float) -> Box | None:
        for (t0, x0, y0), (t1, x1, y1) in pairwise(points):
            if t0 <= second <= t1:
                part = (second - t0) / (t1 - t0)
                x, y = x0 + part * (x1 - x0), y0 + part * (y1 - y0)
                return Box(
                    left=x - wide / 2, top=y - high / 2, right=x + wide / 2, bottom=y + high / 2
                )
        return None

    return way


def told(crossings: list[Crossing]) -> list[tuple[str, bool]]:
    return [(crossing.direction, crossing.turned_back) for crossing in crossings]


def test_who_walks_from_border_to_border_came_in_and_went_out() -> None:
    found = walk(along((1, -0.1, 0.5), (5, 1.1, 0.5)), 8)
    assert told(found) == [("in", False), ("out", False)]
    assert found[0].at_s == pytest.approx(1.2, abs=0.3)
    assert found[1].at_s == pytest.approx(4.9, abs=0.3)
    assert found[0].track == found[1].track


@pytest.mark.parametrize(("stays_s", "turned"), [(3, True), (12, False)])
def test_who_leaves_by_the_side_where_he_came_turned_back_only_within_10_s(
    stays_s: float, turned: bool
) -> None:
    back = 3 + stays_s
    way = along((1, -0.1, 0.5), (3, 0.5, 0.5), (back, 0.5, 0.5), (back + 2, -0.1, 0.5))
    assert told(walk(way, back + 6)) == [("in", False), ("out", turned)]


def test_who_is_there_when_the_stream_begins_did_not_come_in() -> None:
    assert told(walk(along((0, 0.03, 0.5), (4, 1.1, 0.5)), 7)) == [("out", False)]


def test_a_short_flash_at_the_border_is_nobody() -> None:
    assert walk(along((1, 0.05, 0.5), (1.4, 0.2, 0.5)), 5) == []


@pytest.mark.parametrize(("wide", "high"), [(0.03, 0.12), (0.1, 0.08)])
def test_what_is_too_small_or_too_low_is_nobody(wide: float, high: float) -> None:
    assert walk(along((1, -0.02, 0.5), (5, 1.02, 0.5), wide=wide, high=high), 8) == []


def test_what_grows_at_the_border_and_stays_there_is_a_door_not_a_body() -> None:
    def door(second: float) -> Box | None:
        wide = min(0.2, 0.1 * (second - 1))
        return Box(left=0, top=0.1, right=wide, bottom=0.9) if second > 1.1 else None

    assert walk(door, 20) == []


def test_who_vanishes_in_the_middle_of_the_picture_has_not_gone_out() -> None:
    assert told(walk(along((1, -0.1, 0.5), (3, 0.5, 0.5)), 8)) == [("in", False)]


def test_over_a_line_each_way_is_one_crossing() -> None:
    assert told(walk(along((1, 0.5, 0.8), (4, 0.5, 0.3)), 6, line=LINE)) == [("in", False)]
    assert told(walk(along((1, 0.5, 0.3), (4, 0.5, 0.8)), 6, line=LINE)) == [("out", False)]


def test_a_crossing_has_the_time_at_which_the_middle_passed_the_line() -> None:
    (found,) = walk(along((1, 0.5, 0.8), (5, 0.5, 0.4)), 7, line=LINE)
    assert found.at_s == pytest.approx(3.0, abs=0.15)


@pytest.mark.parametrize(("stays_s", "turned"), [(3, True), (14, False)])
def test_back_over_the_line_within_10_s_is_turned_back(stays_s: float, turned: bool) -> None:
    back = 4 + stays_s
    way = along((1, 0.5, 0.8), (4, 0.5, 0.3), (back, 0.5, 0.3), (back + 3, 0.5, 0.8))
    assert told(walk(way, back + 6, line=LINE)) == [("in", False), ("out", turned)]


def test_who_turns_back_and_then_comes_in_after_all_is_no_turner_any_more() -> None:
    way = along(
        *((1, 0.5, 1.3), (2, 0.5, 0.3), (4, 0.5, 0.3), (5, 0.5, 0.85)),
        *((6, 0.5, 0.85), (7, 0.5, 0.3), (20, 0.5, 0.3)),
    )
    found = walk(way, 15, line=LINE)
    assert told(found) == [("in", False), ("out", True), ("in", False)]


def test_two_turns_one_after_the_other_are_two_turns() -> None:
    way = along(
        *((1, 0.5, 1.3), (2, 0.5, 0.3), (3, 0.5, 0.85), (4, 0.5, 0.3), (5, 0.5, 0.85)),
        (9, 0.5, 0.85),
    )
    found = walk(way, 8, line=LINE)
    assert told(found) == [("in", False), ("out", True), ("in", False), ("out", True)]


def test_who_hovers_on_the_line_counts_once() -> None:
    points = [(1.0, 0.5, 0.8)]
    points += [(3.0 + step, 0.5, 0.6 + (0.035 if step % 2 else -0.035)) for step in range(8)]
    points += [(14.0, 0.5, 0.3)]
    assert told(walk(along(*points), 16, line=LINE)) == [("in", False)]


def test_who_appears_past_the_line_has_not_crossed_it() -> None:
    assert walk(along((1, 0.5, 0.4), (4, 0.5, 0.3)), 6, line=LINE) == []


def test_who_appears_at_the_border_came_over_a_line_close_to_it() -> None:
    low = Line(start=(0, 0.97), end=(1, 0.97), inside="above")
    way = along((1, 0.5, 1.3), (4, 0.5, 0.5), (7, 0.5, 0.5), (10, 0.5, 1.3))
    assert told(walk(way, 15, line=low)) == [("in", False), ("out", True)]


def test_who_walks_past_the_end_of_a_short_line_has_not_crossed_it() -> None:
    door = Line(start=(0.2, 0.6), end=(0.4, 0.6), inside="above")
    assert walk(along((1, 0.7, 0.8), (4, 0.7, 0.3)), 6, line=door) == []
    assert told(walk(along((1, 0.3, 0.8), (4, 0.3, 0.3)), 6, line=door)) == [("in", False)]


def test_who_is_born_in_the_staff_zone_is_staff_everywhere() -> None:
    zone = Polygon(corners=[(0, 0.7), (1, 0.7), (1, 1), (0, 1)])
    (found,) = walk(along((1, 0.5, 0.8), (4, 0.5, 0.3)), 6, line=LINE, staff_zone=zone)
    assert found.staff
    (other,) = walk(along((1, 0.5, 0.2), (4, 0.5, 0.75)), 6, line=LINE, staff_zone=zone)
    assert not other.staff


def test_two_who_were_one_are_two_when_one_leaves_and_the_other_stays() -> None:
    both = along((1, -0.1, 0.5), (3, 0.5, 0.5), (6, 0.5, 0.5))
    stays = along((6.1, 0.45, 0.5), (12, 0.45, 0.5))
    leaves = along((6.1, 0.62, 0.5), (7.6, 1.1, 0.5))
    found = seen([both, stays, leaves], 11)
    assert told(found) == [("in", False), ("in", False), ("out", False)]
    assert found[1].at_s == found[0].at_s


def test_who_shows_at_the_border_and_is_gone_by_it_was_never_in() -> None:
    peeps = along((1, 0.5, 1.2), (2.5, 0.7, 1.12), (4, 0.9, 1.2))
    assert walk(peeps, 7) == []
