"""HOG and YuNet find the same faces; what is no YuNet is refused, and HOG is always there."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.app.faces import check_of, detector_of
from edge.config import load
from edge.config_sections import CameraSection
from edge.faces.detector import Found, HogDetector, YunetDetector
from edge.faces.dlib_file import FaceModelFault
from edge.faces.embedder import Embedder
from edge.faces.reader import FaceReader, PictureUnusable
from tests.support.shop import settings

Image = NDArray[np.uint8]
YUNET = "yunet_s_dynamic.onnx"


@pytest.fixture(scope="module")
def hog() -> HogDetector:
    return HogDetector()


@pytest.fixture(scope="module")
def yunet(recordings: Path) -> YunetDetector:
    return YunetDetector((recordings / "models" / YUNET).read_bytes())


def picture(path: Path) -> Image:
    image = cv2.imread(str(path))
    assert image is not None
    return np.asarray(image, np.uint8)


@pytest.fixture(scope="module")
def pair(recordings: Path) -> Image:
    return picture(recordings / "faces" / "pairs" / "two_people.jpg")


@pytest.fixture(scope="module")
def film(recordings: Path) -> list[Image]:
    """Pictures of `two-faces` in which one man faces the camera, and one of a man in profile."""
    video = cv2.VideoCapture(str(recordings / "video" / "two-faces.mp4"))
    frames = []
    for number in range(130):
        given, image = video.read()
        assert given
        if number in (26, 90, 120):
            frames.append(np.asarray(image, np.uint8))
    return frames


def apart(one: Found, other: Found) -> float:
    """How far their middles lie apart, in faces."""
    x = one.left + one.side / 2 - other.left - other.side / 2
    y = one.top + one.side / 2 - other.top - other.side / 2
    return float(np.hypot(x, y)) / other.side


def test_yunets_boxes_are_opencvs_own(film: list[Image], recordings: Path) -> None:
    model = recordings / "models" / YUNET
    frame = film[1][:352]  # OpenCV fills up to a multiple of 32 in its own way
    opencv = cv2.FaceDetectorYN.create(str(model), "", (640, 352), 0.6, 0.3, 50)
    (left, top, wide, high, *_, score) = opencv.detect(frame)[1][0].tolist()
    (found,) = YunetDetector(model.read_bytes()).find(frame, 0)
    assert found.score == pytest.approx(score - 0.6, abs=1e-4)
    assert found.left + found.side / 2 == pytest.approx(left + wide / 2, abs=0.01)
    assert found.top + found.side / 2 == pytest.approx(top + 0.553 * high, abs=0.01)
    assert found.side == pytest.approx(0.986 * np.sqrt(wide * high), abs=0.01)


@pytest.mark.parametrize("least_px", [0, 55])
def test_both_find_the_same_faces_as_squares_of_one_kind(
    hog: HogDetector, yunet: YunetDetector, pair: Image, least_px: float
) -> None:
    ours = sorted(hog.find(pair, least_px), key=lambda face: face.left)
    theirs = sorted(yunet.find(pair, least_px), key=lambda face: face.left)
    assert len(ours) == len(theirs) == 2
    for one, other in zip(ours, theirs, strict=True):
        assert apart(one, other) < 0.15
        assert one.side == pytest.approx(other.side, rel=0.25)


def test_a_face_has_the_same_descriptor_whoever_found_it(
    pair: Image, yunet: YunetDetector, tmp_path: Path
) -> None:
    embedder = Embedder.open(tmp_path)
    found = [FaceReader().read(pair), FaceReader(detector=yunet).read(pair)]
    hogs, yunets = (sorted(faces, key=lambda face: face.box.left) for faces in found)
    for one, other in zip(hogs, yunets, strict=True):
        both = embedder.embed(np.stack([one.chip, other.chip]))
        assert np.linalg.norm(both[0] - both[1]) < 0.08  # frames of one person: 0.24
        assert max(one.turned, other.turned) < 0.5


def test_who_is_in_profile_is_turned_and_who_faces_the_camera_is_not(
    film: list[Image], yunet: YunetDetector
) -> None:
    reader = FaceReader(detector=yunet)
    assert reader.read(film[0])[0].turned > 1.0
    assert reader.read(film[1])[0].turned < 0.1


def test_the_narrowest_useful_face_is_found_at_the_resolution_that_it_needs(
    recordings: Path, pair: Image, yunet: YunetDetector, hog: HogDetector
) -> None:
    face = hog.find(pair, 80)[0]
    scale = 55 / face.side
    small = np.asarray(
        cv2.resize(pair, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
    )
    room = np.full((720, 1280, 3), 110, np.uint8)
    room[300 : 300 + small.shape[0], 500 : 500 + small.shape[1]] = small
    assert len(yunet.find(room, 55)) == 2
    assert yunet.find(room, 400) == []  # told to look for far larger ones, it looks coarsely


def test_yunet_sees_what_hog_does_in_the_film(
    film: list[Image], hog: HogDetector, yunet: YunetDetector
) -> None:
    for image in film[1:]:
        (expected,) = hog.find(image, 55)
        assert min(apart(found, expected) for found in yunet.find(image, 55)) < 0.25


@pytest.mark.parametrize(
    "shape", [(1, 1, 3), (1, 4000, 3), (50, 50, 3), (10_000, 10_000, 3)],
    ids=["one pixel", "a line", "small", "100 megapixels"],
)  # fmt: skip
def test_a_picture_of_any_size_is_searched(yunet: YunetDetector, shape: tuple[int, ...]) -> None:
    assert yunet.find(np.zeros(shape, np.uint8), 55) == []
    assert FaceReader(detector=yunet).read(np.zeros(shape, np.uint8)) == []


@pytest.mark.parametrize(
    "data", [b"", b"no model at all", b"\x08\x08"], ids=["empty", "words", "no graph"]
)
def test_an_onnx_file_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(FaceModelFault, match="expected an ONNX model to run"):
        YunetDetector(data)


def test_half_a_model_is_refused(recordings: Path) -> None:
    with pytest.raises(FaceModelFault, match="expected an ONNX model to run"):
        YunetDetector((recordings / "models" / YUNET).read_bytes()[:100_000])


def test_a_model_with_a_damaged_name_in_it_is_refused(recordings: Path) -> None:
    whole = (recordings / "models" / YUNET).read_bytes()
    at = whole.index(b"\x04Conv") + 1  # an operator's
    with pytest.raises(FaceModelFault, match="expected an ONNX model to run"):
        YunetDetector(whole[:at] + b"\xff" + whole[at + 1 :])


def test_another_network_is_refused(tmp_path: Path) -> None:
    Embedder.open(tmp_path)
    with pytest.raises(FaceModelFault, match=r"expected YuNet's outputs .* models verify"):
        YunetDetector(next(tmp_path.glob("*.onnx")).read_bytes())


def test_auto_takes_yunet_once_it_is_fetched_and_hog_until_then(
    tmp_path: Path, recordings: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert detector_of("auto", tmp_path) is None
    assert detector_of("hog", recordings / "models") is None
    assert isinstance(detector_of("auto", recordings / "models"), YunetDetector)
    assert isinstance(detector_of("yunet-n", recordings / "models"), YunetDetector)
    assert caplog.text == ""


def test_a_detector_that_is_missing_or_damaged_is_said_and_hog_finds_faces(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert detector_of("yunet-s", tmp_path) is None
    assert "run menkou-edge models fetch" in caplog.text
    (tmp_path / YUNET).write_bytes(b"junk")
    assert detector_of("auto", tmp_path) is None
    assert "expected the sha256 daede24" in caplog.text


def test_what_is_no_picture_is_refused_by_the_reader(yunet: YunetDetector) -> None:
    with pytest.raises(PictureUnusable):
        FaceReader(detector=yunet).read(np.zeros((4, 4), np.uint8))


def test_guests_are_asked_where_yunet_sees_them_turn_and_watched_where_it_does_not(
    yunet: YunetDetector, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def prompt(
        detector: YunetDetector | None,
        *,
        asked: bool,
        setting: str = "refuse",
        role: Literal["checkin", "entrance"] = "checkin",
    ) -> object:
        path = tmp_path / "edge.toml"
        faces = f'[faces]\npresentation = "{setting}"\n'
        path.write_text(settings(mode="checkin") + faces, encoding="utf-8")
        camera = CameraSection(name="desk", source="0", role=role)
        check = check_of(load(path), camera, detector, asked=asked)
        return None if check is None else check().prompt

    assert prompt(yunet, asked=True) == "front"
    assert prompt(yunet, asked=False) == "both"
    assert prompt(yunet, asked=True, setting="off") is None
    assert prompt(None, asked=True, role="entrance") is None
    assert not caplog.records
    assert prompt(None, asked=True) == "both"
    assert "likely at most" in caplog.text
