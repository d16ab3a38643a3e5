"""The counter as the pipeline sees it: boxes in, crossings out."""

import pytest

from edge.core.counting import BodyCounter
from edge.core.crossing import Crossing
from edge.core.geometry import Box, Line


def body(x: float) -> list[Box]:
    left, right = max(0.0, x - 0.08), min(1.0, x + 0.08)
    return [Box(left=left, top=0.2, right=right, bottom=0.8)] if left < right else []


def leave_right(counter: BodyCounter, until: float) -> list[Crossing]:
    """Somebody walks from left to right at a quarter of the frame a second."""
    found: list[Crossing] = []
    step = 0
    while step / 10 < until:
        found += counter.update(body(-0.2 + 0.025 * step), step / 10)
        step += 1
    return found


def test_who_is_still_in_view_at_the_end_has_not_gone_out() -> None:
    counter = BodyCounter()
    assert [crossing.direction for crossing in leave_right(counter, 4.0)] == ["in"]
    assert counter.flush(4.0) == []


def test_who_had_just_left_when_the_stream_ended_has_gone_out() -> None:
    counter = BodyCounter()
    assert [crossing.direction for crossing in leave_right(counter, 5.3)] == ["in"]
    assert [crossing.direction for crossing in counter.flush(5.3)] == ["out"]
    assert counter.tracks == ()


def test_the_bodies_in_view_can_be_shown() -> None:
    counter = BodyCounter(line=Line(start=(0.5, 0), end=(0.5, 1), inside="right"))
    leave_right(counter, 2.0)
    (track,) = counter.tracks
    assert track.box.centre[0] == pytest.approx(0.275, abs=0.03)


def test_a_flush_before_the_last_picture_is_refused() -> None:
    counter = BodyCounter()
    leave_right(counter, 2.0)
    with pytest.raises(ValueError, match=r"or later, got 1\.0"):
        counter.flush(1.0)
