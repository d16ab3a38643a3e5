"""Descriptors tell people apart, and the cached model is never a damaged one."""

from __future__ import annotations

import stat
from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.faces import convert, embedder, quantise
from edge.faces.dlib_file import NETWORK, FaceModelFault, model_path
from edge.faces.embedder import CACHED, FAMILY, ChipsUnusable, Embedder
from edge.faces.reader import FaceReader

Image = NDArray[np.uint8]
Descriptors = NDArray[np.float32]


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def faces(cache_dir: Path) -> Embedder:
    return Embedder.open(cache_dir)


@pytest.fixture(scope="module")
def reader() -> FaceReader:
    return FaceReader()


@pytest.fixture(scope="module")
def people(recordings: Path, faces: Embedder, reader: FaceReader) -> dict[str, Descriptors]:
    """One photo's descriptor a person, with strangers; of two_people.jpg left and right."""
    folder = recordings / "faces" / "pairs"
    found = {}
    for name in ("lin-manuel-miranda.png", "alex-lacamoire.png", "obama.jpg", "obama2.jpg"):
        found[name] = embedded(faces, reader, picture(folder / name))
    found["biden.jpg"] = embedded(faces, reader, picture(folder / "biden.jpg"))
    both = sorted(reader.read(picture(folder / "two_people.jpg")), key=lambda f: f.box.left)
    assert len(both) == 2
    found["left"], found["right"] = faces.embed(np.stack([face.chip for face in both]))
    for person in sorted((recordings / "faces" / "lfw-part").iterdir())[::60]:
        seen = reader.read(picture(next(person.glob("*.jpg"))))
        if seen:
            found[person.name] = faces.embed(seen[0].chip[None])[0]
    return found


@pytest.fixture(scope="module")
def portraits(recordings: Path, reader: FaceReader) -> Image:
    """Chips of four people."""
    folder = recordings / "faces" / "pairs"
    names = ("lin-manuel-miranda.png", "alex-lacamoire.png", "obama.jpg", "biden.jpg")
    return np.stack([reader.read(picture(folder / name))[0].chip for name in names])


def picture(path: Path) -> Image:
    image = cv2.imread(str(path))
    assert image is not None, path
    return np.asarray(image, np.uint8)


def embedded(faces: Embedder, reader: FaceReader, image: Image) -> Descriptors:
    descriptor: Descriptors = faces.embed(reader.read(image)[0].chip[None])[0]
    return descriptor


def frames(path: Path, numbers: range) -> list[Image]:
    video, kept = cv2.VideoCapture(str(path)), []
    for number in range(numbers.stop):
        if not video.grab():
            break
        if number in numbers:
            kept.append(np.asarray(video.retrieve()[1], np.uint8))
    video.release()
    assert len(kept) == len(numbers)
    return kept


def some_chips(count: int, side: int = 170) -> Image:
    return np.random.default_rng(5).integers(0, 256, (count, side, side, 3)).astype(np.uint8)


def test_a_person_in_the_video_is_nearest_to_their_own_photo(
    recordings: Path, faces: Embedder, reader: FaceReader, people: dict[str, Descriptors]
) -> None:
    chips = []
    for image in frames(recordings / "video" / "two-faces.mp4", range(90, 211, 8)):
        chips += [face.chip for face in reader.read(image)]
    assert len(chips) >= 14
    names = list(people)
    gallery = np.stack([people[name] for name in names])
    seen = faces.embed(np.stack(chips))
    distances = np.linalg.norm(seen[:, None] - gallery[None], axis=2)
    assert {names[nearest] for nearest in distances.argmin(axis=1)} == {"lin-manuel-miranda.png"}
    mean = np.linalg.norm(seen.mean(axis=0) - gallery, axis=1)
    others = np.delete(mean, names.index("lin-manuel-miranda.png"))
    assert mean.min() < 0.36
    assert others.min() > mean.min() + 0.1


def test_a_blurred_seated_man_is_nobody_in_the_gallery(
    recordings: Path, faces: Embedder, reader: FaceReader, people: dict[str, Descriptors]
) -> None:
    chips = []
    for image in frames(recordings / "video" / "two-faces.mp4", range(218, 246, 4)):
        chips += [face.chip for face in reader.read(image)]
    assert chips
    own = ("obama.jpg", "obama2.jpg", "left", "right")
    others = np.stack([known for name, known in people.items() if name not in own])
    seen = faces.embed(np.stack(chips))
    assert np.linalg.norm(seen[:, None] - others[None], axis=2).min() > 0.4


@pytest.mark.parametrize(
    ("one", "other"),
    [("obama.jpg", "obama2.jpg"), ("obama.jpg", "left"), ("biden.jpg", "right")],
    ids=["two portraits", "portrait and pair, left", "portrait and pair, right"],
)
def test_two_photos_of_a_person_are_nearer_than_any_of_two_people(
    people: dict[str, Descriptors], one: str, other: str
) -> None:
    same = float(np.linalg.norm(people[one] - people[other]))
    own = {one, other} | ({"obama.jpg", "obama2.jpg", "left"} if one == "obama.jpg" else set())
    strangers = [known for name, known in people.items() if name not in own]
    assert same < 0.45
    assert same < min(float(np.linalg.norm(people[one] - known)) for known in strangers)


def test_raw_is_dlibs_descriptor(faces: Embedder) -> None:
    inputs = some_chips(3, 150)
    dlibs = dlib.face_recognition_model_v1(str(model_path(NETWORK)))
    plain = np.array([dlibs.compute_face_descriptor(one) for one in inputs])
    assert np.abs(faces.raw(inputs) - plain).max() <= 1e-5


def resized(chips: Image, side: float) -> Image:
    """The middle `side` pixels of chips, enlarged or shrunk to 150, by another way than ours."""
    first = (170 - side) / 2
    at = first + (np.arange(150) + 0.5) * side / 150 - 0.5
    low = np.floor(at).astype(int)
    part = (at - low)[:, None]
    rows = chips[:, low] * (1 - part[..., None]) + chips[:, low + 1] * part[..., None]
    made = rows[:, :, low] * (1 - part) + rows[:, :, low + 1] * part
    return np.asarray(np.rint(made), np.uint8)


def test_a_descriptor_is_the_mean_of_a_wide_and_a_near_view_and_of_mirror_images(
    faces: Embedder, portraits: Image
) -> None:
    wide, near = resized(portraits, 150 / 0.9), resized(portraits, 150 / 1.1)
    quick = faces.raw(wide) + faces.raw(near[:, :, ::-1])
    thorough = quick + faces.raw(wide[:, :, ::-1]) + faces.raw(near)
    for made, mean in ((faces.embed(portraits), quick), (faces.enrol(portraits), thorough)):
        expected = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        assert made.dtype == np.float32
        assert np.linalg.norm(made, axis=1) == pytest.approx(1.0, abs=1e-6)
        assert np.linalg.norm(made - expected, axis=1).max() < 0.02


def test_a_face_and_its_mirror_image_have_one_template(faces: Embedder, portraits: Image) -> None:
    mirrored = portraits[:, :, ::-1]
    apart = np.linalg.norm(faces.enrol(mirrored) - faces.enrol(portraits), axis=1)
    assert apart.max() < 0.01


def test_both_kinds_of_frames_together_are_as_thorough_as_a_template(
    faces: Embedder, portraits: Image
) -> None:
    one, other = faces.embed(portraits), faces.embed(portraits, mirrored=True)
    assert np.linalg.norm(one - other, axis=1).min() > 0.05
    mean = one + other
    mean /= np.linalg.norm(mean, axis=1, keepdims=True)
    assert np.linalg.norm(mean - faces.enrol(portraits), axis=1).max() < 0.02


def test_int8_is_the_same_descriptor_within_a_tenth_of_what_parts_two_people(
    faces: Embedder, cache_dir: Path, portraits: Image
) -> None:
    quick = Embedder.open(cache_dir, precision="int8")
    for ours, exact in (
        (quick.embed(portraits), faces.embed(portraits)),
        (quick.enrol(portraits), faces.enrol(portraits)),
    ):
        apart = np.linalg.norm(ours - exact, axis=1)
        assert 0.0 < apart.max() < 0.035
    assert quick.descriptor != faces.descriptor
    assert quick.descriptor.startswith(FAMILY)
    assert faces.descriptor.startswith(FAMILY)


def test_an_int8_model_that_says_something_else_is_not_kept(
    faces: Embedder, cache_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in cache_dir.glob(CACHED["fp32"] + "*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    true = quantise.ranges()
    too_narrow = {name: (low, high / 6) for name, (low, high) in true.items()}
    monkeypatch.setattr(quantise, "ranges", lambda: too_narrow)
    with pytest.raises(FaceModelFault, match=r"within 0.06 of fp32's .* precision = \"fp32\""):
        Embedder.open(tmp_path, precision="int8")
    assert not list(tmp_path.glob(CACHED["int8"] + "*"))


def test_ranges_of_another_graph_are_refused(
    faces: Embedder, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantise, "ranges", lambda: {"conv_1": (0.0, 1.0)})
    with pytest.raises(FaceModelFault, match="got conv_1, which it does not have"):
        quantise.to_int8((cache_dir / CACHED["fp32"]).read_bytes())


def test_more_chips_than_a_batch_and_none_at_all(faces: Embedder) -> None:
    inputs = np.repeat(some_chips(1, 150), embedder.BATCH + 1, axis=0)
    descriptors = faces.raw(inputs)
    assert descriptors.shape == (embedder.BATCH + 1, 128)
    assert descriptors[-1] == pytest.approx(descriptors[0], abs=1e-6)
    assert faces.embed(some_chips(0)).shape == faces.enrol(some_chips(0)).shape == (0, 128)


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((170, 170, 3), "uint8"),
        ((1, 170, 170), "uint8"),
        ((1, 150, 150, 3), "uint8"),
        ((1, 3, 170, 170), "uint8"),
        ((1, 170, 170, 4), "uint8"),
        ((1, 170, 170, 3), "float32"),
    ],
    ids=["one chip", "grey", "an input", "channels first", "alpha", "float"],
)
def test_other_shapes_and_types_are_refused(
    faces: Embedder, shape: tuple[int, ...], kind: str
) -> None:
    for use in (faces.embed, faces.enrol):
        with pytest.raises(ChipsUnusable, match=rf"uint8 \(N, 170, 170, 3\), got {kind} \("):
            use(np.zeros(shape, kind))
    with pytest.raises(ChipsUnusable, match=r"expected uint8 \(N, 150, 150, 3\), got uint8 \("):
        faces.raw(some_chips(1))


def test_the_model_and_its_digest_belong_to_their_owner_alone(
    faces: Embedder, cache_dir: Path
) -> None:
    Embedder.open(cache_dir, precision="int8")
    made = sorted(path.name for path in cache_dir.iterdir())
    assert made == sorted(n + end for n in CACHED.values() for end in ("", ".sha256"))
    for name in made:
        assert stat.S_IMODE((cache_dir / name).stat().st_mode) == 0o600
    assert CACHED["fp32"].endswith(f"-v1.{convert.VERSION}.onnx")
    assert CACHED["int8"].endswith(f"-v1.{convert.VERSION}-int8.onnx")


def forbid_conversion(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path) -> bytes:
        raise AssertionError(f"converted {source} again")

    monkeypatch.setattr(embedder, "_convert", refuse)


def copied(cache_dir: Path, folder: Path) -> Path:
    for path in cache_dir.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder / CACHED["fp32"]


def test_the_second_start_converts_nothing(
    faces: Embedder, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_conversion(monkeypatch)
    again = Embedder.open(cache_dir, threads=2)
    inputs = some_chips(1, 150)
    assert again.raw(inputs) == pytest.approx(faces.raw(inputs), abs=1e-6)


@pytest.mark.parametrize("damage", ["a byte", "a missing end", "no digest", "an empty digest"])
def test_a_damaged_cache_is_made_again(
    faces: Embedder, cache_dir: Path, tmp_path: Path, damage: str
) -> None:
    cached = copied(cache_dir, tmp_path)
    whole = cached.read_bytes()
    digest = tmp_path / (CACHED["fp32"] + ".sha256")
    match damage:
        case "a byte":
            cached.write_bytes(
                whole[:5_000_000] + bytes([whole[5_000_000] ^ 1]) + whole[5_000_001:]
            )
        case "a missing end":
            cached.write_bytes(whole[:-1])
        case "no digest":
            digest.unlink()
        case _:
            digest.write_bytes(b"")
    Embedder.open(tmp_path)
    assert cached.read_bytes() == whole
    assert digest.read_bytes() == (cache_dir / digest.name).read_bytes()


def test_a_conversion_that_differs_from_dlib_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convert, "SCALE", 256.5)
    with pytest.raises(FaceModelFault, match=r"differ from dlib by at most 1e-05, got 9\.\d+e-05"):
        Embedder.open(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FaceModelFault, match=r"expected a folder that this user may write to"):
        Embedder.open(tmp_path / "file" / "cache")


def test_bytes_that_are_no_model_are_refused() -> None:
    with pytest.raises(FaceModelFault, match="expected an ONNX model to run, got"):
        Embedder(b"no model at all")
