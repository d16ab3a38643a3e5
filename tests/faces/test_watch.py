"""Pictures in, sightings out: real faces, found, joined and averaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.core.counting import BodyCounter
from edge.core.geometry import Box
from edge.core.tracking import Track
from edge.faces.embedder import Embedder
from edge.faces.gallery import MemberGallery
from edge.faces.reader import Face, FacePlace, FaceReader, PictureUnusable
from edge.faces.watch import FaceWatch
from edge.ports import FaceWatcher, Gallery, Sighting
from edge.sensors.motion import MotionDetector
from tests.support.bodies import body

Image = NDArray[np.uint8]
Change = Callable[[Image], Image]
SIZE = (640, 360)
FACE_PX = 100
MEMBERS = ("lin-manuel-miranda.png", "alex-lacamoire.png", "biden.jpg")
EVERYWHERE = [Box(left=0.0, top=0.0, right=1.0, bottom=1.0)]


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return Embedder.open(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def reader() -> FaceReader:
    return FaceReader()


@pytest.fixture(scope="module")
def photos(recordings: Path) -> dict[str, Image]:
    names = (*MEMBERS, "obama.jpg", "obama2.jpg")
    found = {}
    for name in names:
        image = cv2.imread(str(recordings / "faces" / "pairs" / name))
        assert image is not None, name
        found[name] = np.asarray(image, np.uint8)
    return found


@pytest.fixture(scope="module")
def gallery(photos: dict[str, Image], reader: FaceReader, embedder: Embedder) -> MemberGallery:
    made = MemberGallery()
    for name in MEMBERS:
        chip = reader.read(photos[name])[0].chip
        made.add(name, embedder.embed(chip[None])[0], 1)
    return made


class CountingReader:
    """A reader that notes where it was asked to look."""

    def __init__(self, reader: FaceReader) -> None:
        self._reader = reader
        self.searches: list[list[Box]] = []

    def find(
        self, image: Image, moving: Sequence[Box] | None = None, places: Sequence[Box] = ()
    ) -> list[FacePlace]:
        self.searches.append(list(moving or []))
        return self._reader.find(image, moving, places)

    def glance(self, image: Image, place: FacePlace) -> float:
        return self._reader.glance(image, place)

    def cut(self, image: Image, place: FacePlace) -> Face:
        return self._reader.cut(image, place)


def same(image: Image) -> Image:
    return image


def mirrored(image: Image) -> Image:
    return np.ascontiguousarray(image[:, ::-1])


def smaller(image: Image) -> Image:
    return np.asarray(
        cv2.resize(image, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA), np.uint8
    )


def noisy(image: Image) -> Image:
    noise = np.random.default_rng(int(image[::7].sum())).normal(0, 5, image.shape)
    return np.asarray(np.clip(image + noise, 0, 255), np.uint8)


def darker(image: Image) -> Image:
    return np.asarray(image * 0.6, np.uint8)


def pictures(path: Path, every: int, change: Change) -> Iterator[tuple[Image, float]]:
    video = cv2.VideoCapture(str(path))
    fps = video.get(cv2.CAP_PROP_FPS)
    number = 0
    while video.grab():
        if number % every == 0:
            yield change(np.asarray(video.retrieve()[1], np.uint8)), number / fps
        number += 1
    video.release()
    assert number == 275


def watch_film(watch: FaceWatcher, stream: Iterator[tuple[Image, float]]) -> list[Sighting]:
    finder, bodies = MotionDetector(), BodyCounter()
    told = []
    for image, at_s in stream:
        moving = finder.detect(image, at_s)
        bodies.update(moving, at_s)
        told += watch.look(image, bodies=bodies.tracks, moving=moving, at_s=at_s)
    return told + watch.finish()


def names(gallery: Gallery, told: Sequence[Sighting]) -> list[str | None]:
    """Who is named by what was told; early, only who is beyond doubt is."""
    found = [(gallery.match(one.vector, one.frames), one.early) for one in told]
    return [
        None if match is None else match.subject
        for match, early in found
        if not early or (match is not None and match.sure)
    ]


@pytest.mark.parametrize(
    ("every", "change"),
    [(1, same), (2, same), (6, same), (30, same), (2, mirrored), (2, smaller), (2, noisy),
     (2, darker)],
    ids=["30 fps", "15 fps", "5 fps", "1 fps", "mirrored", "80 %", "noisy", "dark"],
)  # fmt: skip
def test_of_the_film_only_the_man_who_is_a_member_is_known(
    recordings: Path,
    reader: FaceReader,
    embedder: Embedder,
    gallery: MemberGallery,
    every: int,
    change: Change,
) -> None:
    watch = FaceWatch(reader, embedder)
    film = recordings / "video" / "two-faces.mp4"
    told = watch_film(watch, pictures(film, every, change))
    # he faces the camera in seconds 2.8 to 7; the blurred man after that tells nothing at all
    assert set(names(gallery, told)) == {"lin-manuel-miranda.png"}
    assert told[0].at_s < (3.3 if every < 6 and change is not darker else 6.1)
    assert max(one.at_s for one in told) < 8.4
    assert watch.embedded <= 40


def scene(photo: Image, reader: FaceReader, x: float, y: float = 0.5) -> Image:
    """The person of a photo before a wall, their face 100 pixels wide around (x, y)."""
    face = reader.read(photo)[0]
    scale = FACE_PX / face.width_px
    person = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    centre = (face.box.centre[0] * person.shape[1], face.box.centre[1] * person.shape[0])
    shift = np.array([[1, 0, x * SIZE[0] - centre[0]], [0, 1, y * SIZE[1] - centre[1]]], np.float64)
    wall = np.full((SIZE[1], SIZE[0], 3), 120, np.uint8)
    cv2.warpAffine(person, shift, SIZE, dst=wall, borderMode=cv2.BORDER_TRANSPARENT)
    return np.asarray(wall, np.uint8)


def show(
    watch: FaceWatch,
    image: Image,
    times: Sequence[float],
    *,
    moving: Sequence[Box] = EVERYWHERE,
    bodies: Sequence[Track] = (),
) -> list[Sighting]:
    told = []
    for at_s in times:
        grain = np.random.default_rng(round(1000 * at_s)).normal(0, 3, image.shape)
        grained = np.asarray(np.clip(image + grain, 0, 255), np.uint8)
        told += watch.look(grained, bodies=bodies, moving=moving, at_s=at_s)
    return told


def every_15th(start_s: float, end_s: float) -> list[float]:
    return [start_s + i / 15 for i in range(round((end_s - start_s) * 15))]


@pytest.mark.parametrize(
    ("first", "second"),
    [("obama.jpg", "biden.jpg"), ("biden.jpg", "obama2.jpg"),
     ("alex-lacamoire.png", "lin-manuel-miranda.png")],
)  # fmt: skip
def test_a_cut_to_somebody_else_at_the_same_place_mixes_no_two_people(
    photos: dict[str, Image],
    reader: FaceReader,
    embedder: Embedder,
    first: str,
    second: str,
) -> None:
    watch = FaceWatch(reader, embedder)
    told = show(watch, scene(photos[first], reader, 0.5), every_15th(0, 1))
    told += show(watch, scene(photos[second], reader, 0.5), every_15th(1, 2))
    told += watch.finish()
    own = {
        name: embedder.embed(reader.read(photos[name])[0].chip[None])[0] for name in (first, second)
    }
    seen_as: dict[int, set[str]] = {}
    for one in told:
        apart = {name: float(np.linalg.norm(one.vector - known)) for name, known in own.items()}
        nearest = min(apart, key=apart.__getitem__)
        assert apart[nearest] < 0.25
        seen_as.setdefault(one.face, set()).add(nearest)
    assert sorted(map(sorted, seen_as.values())) == sorted([[first], [second]])


def test_two_people_side_by_side_are_two_tracks_of_their_own_bodies(
    recordings: Path, reader: FaceReader, embedder: Embedder, gallery: MemberGallery
) -> None:
    pair = cv2.imread(str(recordings / "faces" / "pairs" / "two_people.jpg"))
    assert pair is not None
    bodies = [body(11, 0.05, 0.5), body(12, 0.5, 0.98)]
    watch = FaceWatch(reader, embedder, first_face=5)
    times = [i / 5 for i in range(5)]
    told = show(watch, np.asarray(pair, np.uint8), times, bodies=bodies)
    told = [one for one in told if not one.early]
    found = {
        one.face: (one.body, name) for one, name in zip(told, names(gallery, told), strict=True)
    }
    assert sorted(found) == [5, 6]
    assert sorted(found.values(), key=str) == [(11, None), (12, "biden.jpg")]


def test_who_stands_still_after_coming_in_is_known_all_the_same(
    photos: dict[str, Image], reader: FaceReader, embedder: Embedder, gallery: MemberGallery
) -> None:
    watch = FaceWatch(reader, embedder)
    image = scene(photos["biden.jpg"], reader, 0.4)
    told = show(watch, image, [0.0])
    told += show(watch, image, every_15th(1 / 15, 1), moving=[])
    assert names(gallery, told)[0] == "biden.jpg"


def test_where_nothing_moves_and_nobody_was_nothing_is_searched(
    photos: dict[str, Image], reader: FaceReader, embedder: Embedder
) -> None:
    counting = CountingReader(reader)
    watch = FaceWatch(counting, embedder)
    image = scene(photos["biden.jpg"], reader, 0.4)
    assert show(watch, image, every_15th(0, 1), moving=[]) == []
    assert counting.searches == []
    assert watch.embedded == 0


def test_who_has_gone_is_looked_for_no_longer_than_a_second(
    photos: dict[str, Image], reader: FaceReader, embedder: Embedder
) -> None:
    counting = CountingReader(reader)
    watch = FaceWatch(counting, embedder)
    show(watch, scene(photos["biden.jpg"], reader, 0.4), every_15th(0, 0.5))
    before = len(counting.searches)
    wall = np.full((SIZE[1], SIZE[0], 3), 120, np.uint8)
    (ended,) = show(watch, wall, every_15th(0.5, 4), moving=[])
    assert ended.ended
    assert 10 <= len(counting.searches) - before <= 17
    assert watch.finish() == []


def test_thirty_pictures_a_second_are_searched_fifteen_times(
    photos: dict[str, Image], reader: FaceReader, embedder: Embedder
) -> None:
    counting = CountingReader(reader)
    watch = FaceWatch(counting, embedder)
    times = [round(i / 30, 3) for i in range(30)]
    show(watch, scene(photos["biden.jpg"], reader, 0.4), times)
    assert len(counting.searches) == 15
    assert watch.embedded <= 8


def test_nothing_of_a_descriptor_is_printed(
    photos: dict[str, Image], reader: FaceReader, embedder: Embedder
) -> None:
    watch = FaceWatch(reader, embedder)
    told = show(watch, scene(photos["biden.jpg"], reader, 0.4), every_15th(0, 0.5))
    assert told
    assert "vector" not in repr(told)


def test_a_picture_that_the_detector_refuses_is_passed_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class NoEmbedder:
        def embed(self, chips: Image, *, mirrored: bool = False) -> NDArray[np.float32]:
            raise AssertionError("there was nothing to embed")

    class Refusing:
        def find(
            self, image: Image, moving: Sequence[Box] | None = None, places: Sequence[Box] = ()
        ) -> list[FacePlace]:
            raise PictureUnusable("picture of (4, 4, 3): refused")

        def glance(self, image: Image, place: FacePlace) -> float:
            raise AssertionError("there was nothing to look at")

        def cut(self, image: Image, place: FacePlace) -> Face:
            raise AssertionError("there was nothing to cut")

    watch = FaceWatch(Refusing(), NoEmbedder())
    whole = Box(left=0.0, top=0.0, right=1.0, bottom=1.0)
    picture = np.zeros((4, 4, 3), np.uint8)
    assert watch.look(picture, bodies=(), moving=[whole], at_s=0.0) == []
    assert "refused" in caplog.text
