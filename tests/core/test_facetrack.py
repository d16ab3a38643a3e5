"""Faces of successive pictures become tracks, and no track holds two people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.core.facetrack import (
    CHECKED_OPEN_S,
    EARLY_FRAMES,
    FIRST_FRAMES,
    MOST_FRAMES,
    OPEN_S,
    Evidence,
    FaceTracks,
    SeenFace,
)
from edge.core.geometry import Box
from edge.core.presentation import Nose, PresentationCheck
from edge.core.tracking import Track
from tests.support.bodies import body

Vector = NDArray[np.float32]
SIDE = 0.1  # of the frame: a face's width and height
FPS = 15


def somebody(seed: int) -> Vector:
    vector = np.random.default_rng(seed).normal(size=128)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


ANN, BEN = somebody(1), somebody(2)


def frame_of(person: Vector, index: int, off: float = 0.15) -> Vector:
    """One picture's descriptor: the person, `off` away from their mean."""
    vector = person + off * somebody(1_000 + index)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def face(
    x: float,
    y: float = 0.3,
    *,
    sharpness: float = 10.0,
    score: float = 1.0,
    width_px: int = 90,
    turned: float = 0.0,
) -> SeenFace:
    box = Box(left=x - SIDE / 2, top=y - SIDE / 2, right=x + SIDE / 2, bottom=y + SIDE / 2)
    return SeenFace(box=box, width_px=width_px, sharpness=sharpness, score=score, turned=turned)


class Stream:
    """Pictures at a steady rate; counts the descriptors that were asked for."""

    def __init__(self, fps: float = FPS, first_face: int = 1) -> None:
        self.tracks = FaceTracks(first_face)
        self.at_s = 0.0
        self.step_s = 1 / fps
        self.picture = 0
        self.embedded = 0
        self.evidence: list[Evidence] = []

    def show(
        self, *people: tuple[Vector, SeenFace], bodies: Sequence[Track] = (), off: float = 0.15
    ) -> list[Evidence]:
        found = self.tracks.begin(self.at_s)
        seen = [look for _, look in people]
        wanted = self.tracks.wanted(seen)
        self.embedded += len(wanted)
        vectors = {i: frame_of(people[i][0], 10 * self.picture + i, off) for i in wanted}
        found += self.tracks.update(seen, vectors, bodies)
        self.at_s += self.step_s
        self.picture += 1
        self.evidence += found
        return found

    def finish(self) -> list[Evidence]:
        self.evidence += self.tracks.finish()
        return self.evidence


def near(evidence: Evidence, person: Vector) -> float:
    return float(np.linalg.norm(evidence.vector - person))


def test_the_first_decision_comes_with_five_frames_in_a_third_of_a_second() -> None:
    stream = Stream()
    told = [stream.show((ANN, face(0.5))) for _ in range(FIRST_FRAMES)]
    assert [len(found) for found in told] == [0, 0, 1, 0, 1]
    (first,) = told[-1]
    assert (first.face, first.frames, first.early, first.ended) == (1, 5, False, False)
    assert first.at_s == pytest.approx(4 / FPS)
    assert first.vector.dtype == np.float32
    assert np.linalg.norm(first.vector) == pytest.approx(1.0, abs=1e-6)
    assert near(first, ANN) < 0.1  # each frame is 0.15 away


def test_three_frames_are_early_evidence_and_no_decision() -> None:
    stream = Stream()
    for _ in range(EARLY_FRAMES):
        stream.show((ANN, face(0.5)))
    (early,) = stream.evidence
    assert (early.frames, early.early, early.ended) == (3, True, False)
    stream.finish()
    assert (stream.evidence[-1].frames, stream.evidence[-1].early) == (3, False)


def test_three_frames_of_a_slow_stream_are_a_decision() -> None:
    stream = Stream(fps=2)
    for _ in range(EARLY_FRAMES):
        stream.show((ANN, face(0.5)))
    assert [(one.frames, one.early) for one in stream.evidence] == [(3, False)]


def test_a_stream_that_turns_out_slow_after_the_early_look_gets_its_decision() -> None:
    stream = Stream(fps=3)
    for _ in range(4):
        stream.show((ANN, face(0.5)))
    assert [(one.frames, one.early) for one in stream.evidence] == [(3, True), (4, False)]


def test_a_decision_is_told_once_and_revised_once_and_the_number_is_bounded() -> None:
    stream = Stream()
    for _ in range(60 * FPS):
        stream.show((ANN, face(0.5)))
    stream.finish()
    assert [(one.frames, one.early, one.ended) for one in stream.evidence] == [
        (EARLY_FRAMES, True, False),
        (FIRST_FRAMES, False, False),
        (MOST_FRAMES, False, False),
        (MOST_FRAMES, False, True),
    ]
    # then once a second, to see that it is still the same person
    assert MOST_FRAMES <= stream.embedded <= MOST_FRAMES + 60
    assert {one.face for one in stream.evidence} == {1}


@pytest.mark.parametrize("fps", [1, 2, 5, 10, 15, 25, 30])
def test_any_frame_rate_gives_a_decision_and_one_track(fps: int) -> None:
    stream = Stream(fps)
    for _ in range(max(4, 2 * fps)):
        stream.show((ANN, face(0.5)))
    stream.finish()
    assert {one.face for one in stream.evidence} == {1}
    assert stream.evidence[0].at_s <= 2.0
    assert stream.evidence[0].frames >= 3


def test_who_was_gone_before_the_first_decision_is_told_at_the_end() -> None:
    stream = Stream()
    for _ in range(3):
        stream.show((ANN, face(0.5)))
    late = [stream.show() for _ in range(2 * FPS)]
    ((last,),) = [found for found in late if found]
    assert (last.frames, last.ended) == (3, True)
    assert last.at_s == pytest.approx(2 / FPS)  # when it was seen, not when it was missed
    assert stream.finish()[-1] == last


def test_a_pattern_seen_once_is_nobody() -> None:
    stream = Stream()
    stream.show((ANN, face(0.5)))
    for _ in range(2 * FPS):
        stream.show()
    assert stream.finish() == []


@pytest.mark.parametrize(
    "poor",
    [{"sharpness": 2.0}, {"score": 0.01}, {"width_px": 40}, {"turned": 0.8}],
    ids=["blurred", "hardly a face", "too small", "in profile"],
)
def test_a_face_that_says_nothing_is_not_embedded(poor: dict[str, float]) -> None:
    stream = Stream()
    for _ in range(2 * FPS):
        stream.show((ANN, face(0.5, **poor)))  # type: ignore[arg-type]
    assert stream.finish() == []
    assert stream.embedded == 0


def test_good_frames_after_poor_ones_are_the_same_track() -> None:
    stream = Stream()
    for _ in range(5):
        stream.show((ANN, face(0.5, sharpness=1.0)))
    for _ in range(5):
        stream.show((ANN, face(0.5)))
    assert [one.frames for one in stream.evidence] == [3, 5]


def test_somebody_else_behind_a_cut_is_another_track_and_in_nobodys_mean() -> None:
    stream = Stream()
    for _ in range(8):
        stream.show((ANN, face(0.5)))
    for _ in range(8):
        stream.show((BEN, face(0.5)))
    stream.finish()
    by_face = {number: [e for e in stream.evidence if e.face == number] for number in (1, 2)}
    assert len(by_face[1]) + len(by_face[2]) == len(stream.evidence)
    assert all(near(one, ANN) < 0.1 for one in by_face[1])
    assert all(near(one, BEN) < 0.1 for one in by_face[2])
    assert by_face[1]
    assert by_face[2]


def test_after_a_cut_poor_frames_are_the_new_ones_and_the_old_track_has_ended() -> None:
    stream = Stream()
    for _ in range(20):
        stream.show((ANN, face(0.5)), bodies=[body(1, 0.4, 0.6)])
    cut_s = stream.at_s
    for index in range(30):
        poor = index < 2 or index % 2 == 1
        look = face(0.5, sharpness=1.0 if poor else 10.0)
        stream.show((BEN, look), bodies=[body(2, 0.4, 0.6)])
    stream.finish()
    for one in stream.evidence:
        assert near(one, ANN if one.face == 1 else BEN) < 0.1
        assert one.body == one.face
        assert (one.at_s < cut_s) == (one.face == 1)


def test_somebody_else_after_a_long_look_at_one_is_seen_within_a_second() -> None:
    stream = Stream()
    for _ in range(20 * FPS):
        stream.show((ANN, face(0.5)))
    began_s = stream.at_s
    for _ in range(2 * FPS):
        stream.show((BEN, face(0.5)))
    new = [one for one in stream.evidence if one.face != 1]
    assert near(new[0], BEN) < 0.1
    assert new[0].at_s - began_s < 1.5


def test_a_look_that_is_nobodys_does_not_spoil_the_track_it_lies_on() -> None:
    stream = Stream()
    for index in range(12):
        stream.show((somebody(77) if index == 3 else ANN, face(0.5)))
    stream.finish()
    assert {one.face for one in stream.evidence} == {1}
    assert all(near(one, ANN) < 0.1 for one in stream.evidence)


def test_two_who_cross_keep_their_own_tracks() -> None:
    stream = Stream()
    for index in range(30):
        way = 0.2 + 0.02 * index
        stream.show((ANN, face(way)), (BEN, face(1 - way)))
    stream.finish()
    for one in stream.evidence:
        assert near(one, ANN if one.face == 1 else BEN) < 0.1
    assert {one.face for one in stream.evidence} == {1, 2}


def test_two_who_change_places_between_slow_pictures_keep_their_own_tracks() -> None:
    stream = Stream(fps=1)
    for index in range(6):
        places = (0.3, 0.7) if index % 2 else (0.7, 0.3)
        stream.show((ANN, face(places[0])), (BEN, face(places[1])))
    stream.finish()
    faces = {"ann": set[int](), "ben": set[int]()}
    for one in stream.evidence:
        faces["ann" if near(one, ANN) < near(one, BEN) else "ben"].add(one.face)
        assert min(near(one, ANN), near(one, BEN)) < 0.12
    assert sorted(map(len, faces.values())) == [1, 1]


def test_who_walks_fast_across_is_one_track() -> None:
    stream = Stream()
    for index in range(16):
        stream.show((ANN, face(0.08 + 0.055 * index)))
    stream.finish()
    assert {one.face for one in stream.evidence} == {1}


def test_a_face_missed_for_half_a_second_is_the_same_track() -> None:
    stream = Stream()
    for index in range(40):
        if 8 <= index < 16:
            stream.show()
        else:
            stream.show((ANN, face(0.5)))
    stream.finish()
    assert {one.face for one in stream.evidence} == {1}


def test_a_track_belongs_to_the_body_that_held_it_in_most_of_their_pictures() -> None:
    stream = Stream()
    others = body(7, 0.0, 0.3)
    for index in range(10):
        own = body(3, 0.4, 0.6) if index % 4 else body(3, 0.7, 0.9)
        stream.show((ANN, face(0.5)), bodies=[others, own])
    stream.finish()
    assert {one.body for one in stream.evidence} == {3}


def test_a_body_that_held_it_in_few_pictures_is_not_its_own() -> None:
    stream = Stream()
    for index in range(10):
        passing = body(3, 0.4, 0.6) if index in (0, 5, 6) else body(3, 0.7, 0.9)
        stream.show((ANN, face(0.5)), bodies=[passing])
    stream.finish()
    assert stream.evidence[-1].body is None


def test_a_body_born_later_counts_from_its_birth() -> None:
    stream = Stream()
    for index in range(12):
        stream.show((ANN, face(0.5)), bodies=[body(4, 0.4, 0.6)] if index > 6 else [])
    assert stream.evidence[0].body is None
    stream.finish()
    assert stream.evidence[-1].body == 4


def test_of_two_bodies_that_hold_it_the_one_it_stands_over_is_its_own() -> None:
    stream = Stream()
    for _ in range(6):
        bodies = [body(1, 0.2, 0.62), body(2, 0.4, 0.6), body(3, 0.45, 0.9)]
        stream.show((ANN, face(0.5)), bodies=bodies)
    assert stream.finish()[-1].body == 2


def test_open_tracks_are_looked_for_where_they_were_and_settled_ones_now_and_then() -> None:
    stream = Stream()
    for _ in range(5):
        stream.show((ANN, face(0.5)))
    (place,) = stream.tracks.places()
    assert place.centre == pytest.approx((0.5, 0.3))
    for _ in range(10 * FPS):
        stream.show((ANN, face(0.5)))
    assert stream.tracks.places() == []
    stream.tracks.begin(stream.at_s + 0.6 * OPEN_S)
    assert len(stream.tracks.places()) == 1


def test_the_numbers_of_an_ended_track_are_overwritten() -> None:
    stream = Stream()
    for _ in range(6):
        stream.show((ANN, face(0.5)))
    (track,) = stream.tracks._faces
    total = track.total
    assert total.any()
    stream.finish()
    assert not total.any()
    assert np.linalg.norm(stream.evidence[-1].vector) == pytest.approx(1.0, abs=1e-6)


def test_faces_are_numbered_from_where_another_watch_stopped() -> None:
    stream = Stream(first_face=41)
    for _ in range(EARLY_FRAMES):
        stream.show((ANN, face(0.3)), (BEN, face(0.7)))
    assert sorted(one.face for one in stream.evidence) == [41, 42]


def test_time_does_not_run_backwards() -> None:
    tracks = FaceTracks()
    tracks.begin(2.0)
    with pytest.raises(ValueError, match=r"at_s: expected 2\.0 or later, got 1\.0"):
        tracks.begin(1.0)


def test_nothing_of_a_descriptor_is_printed() -> None:
    stream = Stream()
    for _ in range(5):
        stream.show((ANN, face(0.5)))
    assert "vector" not in repr(stream.evidence[0])
    assert "total" not in repr(stream.tracks._faces[0])


def test_who_turns_out_of_sight_as_asked_is_waited_for_and_who_was_not_asked_is_not() -> None:
    for draw, waited in ((lambda: "left", True), (None, False)):
        stream = Stream()
        stream.tracks = FaceTracks(1, partial(PresentationCheck, draw))  # type: ignore[arg-type]
        front = replace(face(0.5), nose=Nose(across=0.0, narrow=1.0))
        for _ in range(FPS):
            stream.show((ANN, front))
        for _ in range(round((CHECKED_OPEN_S - 0.5) * FPS)):
            stream.show()
        for _ in range(FPS):
            stream.show((ANN, front))
        assert ({one.face for one in stream.evidence} == {1}) is waited
        assert any(one.ended for one in stream.evidence) is not waited


def test_who_goes_in_the_midst_of_a_challenge_has_failed_and_begins_anew_when_back() -> None:
    stream = Stream()
    stream.tracks = FaceTracks(1, lambda: PresentationCheck(lambda: "left"))
    front = replace(face(0.5), nose=Nose(across=0.0, narrow=1.0))
    for _ in range(FPS):
        stream.show((ANN, front))
    assert stream.tracks.prompt == "left"
    (gone,) = stream.tracks.finish()
    assert (gone.ended, gone.presentation, gone.why) == (True, "refused", "gone")
    stream.evidence.clear()
    for _ in range(FPS // 2):
        stream.show((ANN, front))
    assert {one.face for one in stream.evidence} == {2}
    assert stream.tracks.prompt == "left"
