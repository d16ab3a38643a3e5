"""The demo clip shows what its truth says, alike on every run, and nothing that would mislead."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.demo import clip, person
from edge.demo.clip import ClipTruth, make_clip
from edge.demo.person import DemoError
from edge.demo.room import Image

dlib = pytest.importorskip("dlib")
pytest.importorskip("skimage")

U_TURN_S = 10.0
IN_S, OUT_S = 6.0, 3.0  # how long a walk takes from, or up to, its crossing


@dataclass(frozen=True, kw_only=True)
class Made:
    path: Path
    truth: ClipTruth
    progress: list[float]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    path = tmp_path_factory.mktemp("clip") / "door.mp4"
    progress: list[float] = []
    return Made(path=path, truth=make_clip(path, progress=progress.append), progress=progress)


def frames(path: Path) -> Iterator[Image]:
    video = cv2.VideoCapture(str(path))
    while True:
        more, frame = video.read()
        if not more:
            break
        yield np.asarray(frame, np.uint8)
    video.release()


@pytest.fixture(scope="module")
def face_widths(made: Made) -> list[int]:
    """Width in pixels of the widest face per second frame (0 where there is none)."""
    detector = dlib.get_frontal_face_detector()
    return [
        max(
            (face.width() for face in detector(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), 0)),
            default=0,
        )
        for index, frame in enumerate(frames(made.path))
        if index % 2 == 0
    ]


def test_the_clip_decodes_to_the_frames_that_its_truth_names(made: Made) -> None:
    shapes = [frame.shape for frame in frames(made.path)]
    assert len(shapes) == made.truth.frames
    assert set(shapes) == {(made.truth.height, made.truth.width, 3)}
    assert 25 <= made.truth.frames / made.truth.fps <= 50


def test_she_comes_in_three_times_and_leaves_twice_and_never_turns_back(made: Made) -> None:
    crossings = made.truth.crossings
    assert [way for _, way in crossings] == ["in", "out", "in", "out", "in"]
    stays = [b - a for (a, way), (b, _) in pairwise(crossings) if way == "in"]
    assert min(stays) > U_TURN_S + 1


def test_each_walk_in_shows_a_face_wide_enough_to_recognise(
    made: Made, face_widths: list[int]
) -> None:
    fps = made.truth.fps
    for at_s in (at_s for at_s, way in made.truth.crossings if way == "in"):
        walk = face_widths[round(at_s * fps / 2) : round((at_s + IN_S) * fps / 2)]
        assert sum(width > 0 for width in walk) >= 10
        assert sum(width >= 90 for width in walk) >= 1.5 * fps / 2


def test_no_face_is_found_while_she_walks_away(made: Made, face_widths: list[int]) -> None:
    fps = made.truth.fps
    for at_s in (at_s for at_s, way in made.truth.crossings if way == "out"):
        assert not any(
            face_widths[round((at_s - OUT_S) * fps / 2) : round((at_s + OUT_S) * fps / 2)]
        )


def test_the_camera_never_looks_frozen_even_when_the_shop_is_empty(made: Made) -> None:
    empty = [frame.astype(int) for _, frame in zip(range(30), frames(made.path), strict=False)]
    changes = [np.abs(b - a).mean() for a, b in pairwise(empty)]
    assert min(changes) > 0.3
    assert max(changes) < 6


def test_the_same_clip_is_drawn_on_every_run(made: Made, tmp_path: Path) -> None:
    small = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    truths = [make_clip(path, size=(320, 180), fps=5) for path in small]
    assert truths[0] == truths[1]
    pairs = zip(frames(small[0]), frames(small[1]), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_progress_rises_to_one(made: Made) -> None:
    assert made.progress == sorted(made.progress)
    assert made.progress[-1] == 1


def test_a_run_that_is_cut_short_leaves_no_clip(tmp_path: Path) -> None:
    def cut(share: float) -> None:
        if share > 0.1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_clip(tmp_path / "door.mp4", size=(320, 180), fps=5, progress=cut)
    assert list(tmp_path.iterdir()) == []


def test_without_scikit_image_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DemoError, match="pip install scikit-image"):
        person.find_photo()


def test_the_command_prints_the_truth_as_one_json_object(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(clip, "make_clip", lambda path, progress: made.truth)
    assert clip.main(["--out", str(tmp_path / "door.mp4"), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["inside"] == "below"
    assert [way for _, way in shown["crossings"]] == ["in", "out", "in", "out", "in"]


def test_the_command_fails_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert clip.main(["--out", str(tmp_path / "door.mp4")]) == 1
    assert "scikit-image" in capsys.readouterr().err
