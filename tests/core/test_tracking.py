"""Bodies keep their identity through crossings, merges, splits and gaps."""

import pytest

from edge.core.geometry import Box
from edge.core.tracking import Tracker


def body(x: float, y: float = 0.5, wide: float = 0.1, high: float = 0.4) -> Box:
    return Box(left=x - wide / 2, top=y - high / 2, right=x + wide / 2, bottom=y + high / 2)


def merged(*boxes: Box) -> list[Box]:
    """Boxes as a detector sees them: those that overlap are one."""
    seen: list[Box] = []
    for box in boxes:
        for index, other in enumerate(seen):
            if box.overlap(other) > 0:
                seen[index] = box.union(other)
                break
        else:
            seen.append(box)
    return seen


@pytest.mark.parametrize("fps", [5, 10, 30])
def test_a_walking_body_is_one_body_at_any_frame_rate(fps: int) -> None:
    tracker = Tracker()
    for step in range(3 * fps):
        tracker.update([body(0.1 + 0.25 * step / fps)], step / fps)
    (track,) = tracker.live
    assert track.id == 1
    assert track.velocity[0] == pytest.approx(0.25, abs=0.02)


def test_two_who_pass_each_other_keep_who_they_are() -> None:
    tracker = Tracker()
    for step in range(41):
        x = 0.1 + 0.02 * step
        tracker.update(merged(body(x), body(1 - x)), step / 10)
    assert {track.id: track.box.centre[0] > 0.5 for track in tracker.live} == {1: True, 2: False}


def test_two_who_stand_together_are_two_again_when_they_part() -> None:
    tracker = Tracker()
    for step in range(61):
        gap = max(0.03, 0.2 - 0.02 * min(step, 60 - step))
        tracker.update(merged(body(0.5 - gap), body(0.5 + gap)), step / 10)
    assert sorted(track.id for track in tracker.live) == [1, 2]


def test_a_body_that_comes_apart_in_head_and_legs_stays_one() -> None:
    tracker = Tracker()
    head = Box(left=0.46, top=0.3, right=0.54, bottom=0.38)
    legs = Box(left=0.45, top=0.55, right=0.55, bottom=0.7)
    for step in range(40):
        tracker.update([body(0.5)] if step % 8 < 4 else [legs, head], step / 10)
    (track,) = tracker.live
    assert track.id == 1


def test_a_body_that_was_always_in_pieces_is_one() -> None:
    tracker = Tracker()
    for step in range(20):
        x = 0.1 + 0.02 * step
        tracker.update([body(x, 0.7, 0.1, 0.24), body(x, 0.35, 0.08, 0.1)], step / 10)
    assert [track.id for track in tracker.live] == [1]


def test_a_body_hidden_for_a_moment_is_the_same_body() -> None:
    tracker = Tracker()
    for step in range(30):
        hidden = 12 <= step < 18
        tracker.update([] if hidden else [body(0.1 + 0.02 * step)], step / 10)
    assert [track.id for track in tracker.live] == [1]


def test_a_body_unseen_for_longer_has_ended() -> None:
    tracker = Tracker()
    tracker.update([body(0.5)], 0.0)
    assert not tracker.update([], 0.9).ended
    (ended,) = tracker.update([], 1.1).ended
    assert (ended.id, ended.seen_at_s) == (1, 0.0)
    assert tracker.live == ()


def test_a_body_cut_off_by_the_border_keeps_its_extent_beyond_it() -> None:
    tracker = Tracker()
    for step in range(20):
        x = 0.5 + 0.03 * step
        box = body(x, wide=0.2)
        if box.left < 1:
            tracker.update(
                [Box(left=box.left, top=0.3, right=min(1, box.right), bottom=0.7)], step / 10
            )
    (track,) = tracker.live
    assert track.box.right > 1.05


def test_a_newcomer_far_from_everybody_is_another_body() -> None:
    tracker = Tracker()
    tracker.update([body(0.2)], 0.0)
    tracker.update([body(0.2), body(0.8)], 0.1)
    assert [(track.id, track.split_from) for track in tracker.live] == [(1, None), (2, None)]


def test_time_that_runs_backwards_is_refused() -> None:
    tracker = Tracker()
    tracker.update([], 2.0)
    with pytest.raises(ValueError, match=r"expected 2\.0 or later, got 1\.0"):
        tracker.update([], 1.0)


def test_who_walks_over_a_stain_is_not_the_stain_grown_up() -> None:
    tracker = Tracker()
    stain = Box(left=0.5, top=0.7, right=0.54, bottom=0.76)
    for step in range(41):
        walker = body(0.1 + 0.02 * step)
        tracker.update(merged(walker, stain) if step > 10 else [stain], step / 10)
    (track,) = (track for track in tracker.live if track.grown)
    assert track.born.left == pytest.approx(0.27, abs=0.03)
    assert not track.shared


def test_a_body_whose_box_takes_in_another_is_not_thrown_aside() -> None:
    tracker = Tracker()
    for step in range(20):
        tracker.update([body(0.3 + 0.005 * step)], step / 10)
    wider = body(0.4).union(body(0.55))
    tracker.update([wider], 2.0)
    (track,) = tracker.live
    assert 0 < track.velocity[0] < 0.1
