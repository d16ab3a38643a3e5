"""Faces are found where they are wanted, cut out as dlib does, and no picture breaks it."""

from __future__ import annotations

from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.core.geometry import Box, Polygon
from edge.faces.dlib_file import LANDMARKS, FaceModelFault, model_path
from edge.faces.reader import Face, FaceReader, PictureUnusable

Image = NDArray[np.uint8]
LEFT_HALF = Polygon(corners=[(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)])


@pytest.fixture(scope="module")
def reader() -> FaceReader:
    return FaceReader()


@pytest.fixture(scope="module")
def pair(recordings: Path) -> Image:
    """Two people side by side, their faces at about (0.28, 0.21) and (0.77, 0.26)."""
    image = cv2.imread(str(recordings / "faces" / "pairs" / "two_people.jpg"))
    assert image is not None
    return np.asarray(image, np.uint8)


def around(x: float, y: float, reach: float = 0.05) -> Box:
    return Box(left=x - reach, top=y - reach, right=x + reach, bottom=y + reach)


def test_both_faces_of_a_pair_are_found_with_their_records(reader: FaceReader, pair: Image) -> None:
    faces = reader.read(pair)
    assert len(faces) == 2
    left, right = sorted(faces, key=lambda face: face.box.left)
    assert left.box.centre == pytest.approx((0.283, 0.207), abs=0.02)
    assert right.box.centre == pytest.approx((0.770, 0.257), abs=0.02)
    for face in faces:
        assert face.chip.shape == (170, 170, 3)
        assert face.chip.dtype == np.uint8
        assert face.width_px == pytest.approx(face.box.width * pair.shape[1], abs=1)
        assert face.score > 0.5
        assert "chip" not in repr(face)
    assert faces[0].width_px >= faces[1].width_px


def test_a_chip_is_what_dlib_cuts_out(reader: FaceReader, pair: Image) -> None:
    rgb = cv2.cvtColor(pair, cv2.COLOR_BGR2RGB)
    found = dlib.get_frontal_face_detector()(cv2.cvtColor(pair, cv2.COLOR_BGR2GRAY), 0)
    landmarks = dlib.shape_predictor(str(model_path(LANDMARKS)))
    expected = {
        face.left(): dlib.get_face_chip(rgb, landmarks(rgb, face), 150, 0.25) for face in found
    }
    for face in reader.read(pair):
        chip = expected[round(face.box.left * pair.shape[1])]
        # 150 pixels as the network was trained, within what its wide view needs
        apart = face.chip[10:-10, 10:-10].astype(int) - chip
        assert np.abs(apart).max() <= 3


def test_the_chip_is_rgb(reader: FaceReader, pair: Image) -> None:
    chip = reader.read(pair)[0].chip[40:110, 40:110].astype(float).mean(axis=(0, 1))
    assert chip[0] > chip[2] + 20  # skin is redder than blue


def test_a_face_outside_the_zone_is_not_returned(pair: Image) -> None:
    faces = FaceReader(zone=LEFT_HALF).read(pair)
    assert [face.box.centre[0] < 0.5 for face in faces] == [True]


def test_the_zone_is_a_polygon_not_its_bounding_box(pair: Image) -> None:
    below_diagonal = Polygon(corners=[(0.0, 0.0), (1.0, 1.0), (0.0, 1.0)])
    # (0.28, 0.21) and (0.77, 0.26) lie above the diagonal though inside the polygon's bounding box
    assert FaceReader(zone=below_diagonal).read(pair) == []


def test_a_zone_too_small_for_a_face_in_a_small_picture_finds_nothing() -> None:
    speck = Polygon(corners=[(0.5, 0.5), (0.51, 0.5), (0.5, 0.51)])
    assert FaceReader(zone=speck).read(np.zeros((60, 60, 3), np.uint8)) == []


def test_only_faces_where_something_moves_are_returned(reader: FaceReader, pair: Image) -> None:
    (left,) = reader.read(pair, moving=[around(0.28, 0.21)])
    (right,) = reader.read(pair, moving=[around(0.77, 0.26)])
    assert left.box.centre[0] < 0.5 < right.box.centre[0]
    assert len(reader.read(pair, moving=[around(0.28, 0.21), around(0.77, 0.26)])) == 2
    assert reader.read(pair, moving=[around(0.5, 0.9)]) == []


def test_a_face_between_two_movements_is_searched_but_not_returned(
    reader: FaceReader, pair: Image
) -> None:
    # together their bounding box holds the left face, which neither of them touches
    moving = [around(0.05, 0.05, 0.02), around(0.5, 0.9, 0.02)]
    assert reader.read(pair, moving=moving) == []
    assert len(reader.read(pair, moving=[*moving, around(0.28, 0.21)])) == 1


def test_where_nothing_moves_nothing_is_searched(reader: FaceReader, pair: Image) -> None:
    assert reader.read(pair, moving=[]) == []


def test_movement_outside_the_zone_finds_nothing(pair: Image) -> None:
    assert FaceReader(zone=LEFT_HALF).read(pair, moving=[around(0.9, 0.9)]) == []


def test_a_face_found_in_a_part_lies_where_it_lies_in_the_whole(
    reader: FaceReader, pair: Image
) -> None:
    whole = max(reader.read(pair), key=lambda face: face.box.left)
    (part,) = reader.read(pair, moving=[around(0.77, 0.26)])
    assert part.box.overlap(whole.box) > 0.8 * whole.box.area


def test_a_face_that_sticks_out_is_clipped_to_the_frame(reader: FaceReader, pair: Image) -> None:
    whole = min(reader.read(pair), key=lambda face: face.box.left)
    cut = round((whole.box.left + 0.12 * whole.box.width) * pair.shape[1])
    faces = reader.read(pair[:, cut:])
    edge = [face for face in faces if face.box.left == 0.0]
    assert len(edge) == 1
    assert edge[0].width_px > edge[0].box.width * (pair.shape[1] - cut) + 3


def test_a_small_face_is_less_sharp_than_a_large_one(reader: FaceReader, pair: Image) -> None:
    half = cv2.resize(pair, None, fx=0.55, fy=0.55, interpolation=cv2.INTER_AREA)
    small = reader.read(np.asarray(half, np.uint8))
    assert len(small) == 2
    assert max(face.sharpness for face in small) < min(face.sharpness for face in reader.read(pair))


def test_a_large_picture_is_searched_smaller_and_cut_from_the_original(
    reader: FaceReader, pair: Image
) -> None:
    large = np.asarray(cv2.resize(pair, None, fx=2.5, fy=2.5), np.uint8)
    assert large.shape[0] * large.shape[1] > 1920 * 1080
    faces = reader.read(large)
    assert len(faces) == 2
    usual = reader.read(pair)
    for face in faces:
        same = max(usual, key=lambda other: other.box.overlap(face.box))
        assert face.box.centre == pytest.approx(same.box.centre, abs=0.04)
        assert face.width_px == pytest.approx(2.5 * same.width_px, rel=0.25)


@pytest.mark.parametrize(
    "shape",
    [(1, 1, 3), (1, 4000, 3), (39, 39, 3), (40, 40, 3), (6000, 8000, 3)],
    ids=["one pixel", "a line", "too small", "just searched", "huge"],
)
def test_a_picture_of_any_size_without_faces_gives_none(
    reader: FaceReader, shape: tuple[int, ...]
) -> None:
    assert reader.read(np.zeros(shape, np.uint8)) == []


def test_a_picture_in_steps_is_read_like_its_copy(reader: FaceReader, pair: Image) -> None:
    mirrored = pair[:, ::-1]
    assert not mirrored.flags.c_contiguous
    assert len(reader.read(mirrored)) == 2


@pytest.mark.parametrize(
    ("shape", "kind"),
    [((48, 64), "uint8"), ((48, 64, 4), "uint8"), ((48, 64, 3), "float32"), ((0, 64, 3), "uint8")],
    ids=["grey", "alpha", "float", "empty"],
)
def test_other_pictures_are_refused(reader: FaceReader, shape: tuple[int, ...], kind: str) -> None:
    with pytest.raises(PictureUnusable, match=rf"expected uint8 \(height, width, 3\), got {kind}"):
        reader.read(np.zeros(shape, kind))


def test_damaged_landmarks_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / LANDMARKS
    damaged.write_bytes(model_path(LANDMARKS).read_bytes()[:-1])
    monkeypatch.setattr("edge.faces.reader.model_path", lambda name: damaged)
    with pytest.raises(FaceModelFault, match="expected sha256"):
        FaceReader()


def test_a_face_is_a_frozen_record(reader: FaceReader, pair: Image) -> None:
    face: Face = reader.read(pair)[0]
    with pytest.raises(AttributeError):
        face.score = 1.0  # type: ignore[misc]
