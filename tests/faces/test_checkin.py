"""Before a check-in camera: heads and pictures of a member, drawn, through detector and network.

What is drawn and what that leaves out: edge.evaluate.attacks. The one real head that turns here is
that of `two-faces.mp4`, which nobody asked to.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.core.book import VisitBook
from edge.core.geometry import Box
from edge.core.hours import OpeningHours
from edge.core.presentation import PresentationCheck, Side
from edge.core.visit import Change, Opened, Visit, Window
from edge.evaluate.attacks import FRAMES_PER_S, Actor, Kind, Portrait
from edge.faces.detector import YunetDetector
from edge.faces.embedder import Embedder
from edge.faces.gallery import MemberGallery
from edge.faces.reader import FaceReader
from edge.faces.watch import FaceWatch
from edge.guests import Told
from edge.ports import Frame
from edge.recognition import Recognition

Image = NDArray[np.uint8]
MEMBER = "obama.jpg"
NOON = datetime(2026, 11, 21, 4, tzinfo=UTC)
EVERYWHERE = [Box(left=0.0, top=0.0, right=1.0, bottom=1.0)]


class Desk:
    """A check-in camera of a shop with one member, over the real models."""

    def __init__(self, recordings: Path, cache: Path) -> None:
        model = (recordings / "models" / "yunet_s_dynamic.onnx").read_bytes()
        self.reader = FaceReader(detector=YunetDetector(model))
        self._hog = FaceReader()
        self._embedder = Embedder.open(cache)
        self._gallery = MemberGallery()
        image = cv2.imread(str(recordings / "faces" / "pairs" / MEMBER))
        assert image is not None
        self.enrol("member", np.asarray(image, np.uint8))
        (left, top, right, bottom) = self.reader.find(np.asarray(image, np.uint8))[0].square
        self.portrait = Portrait(
            image=np.asarray(image, np.uint8),
            x=(left + right) / 2,
            y=(top + bottom) / 2,
            wide=float(right - left),
        )

    def enrol(self, subject: str, photo: Image) -> None:
        chip = self._hog.read(photo)[0].chip
        self._gallery.add(subject, self._embedder.enrol(chip[None])[0], 1)

    def begin(self, draw: Callable[[], Side] | None) -> Recognition:
        """Return the recognition of one guest's visit to the desk."""
        ids = map("visit-{}".format, itertools.count(1))
        hours = OpeningHours(zone=ZoneInfo("Asia/Shanghai"), by_weekday=None)

        def check() -> PresentationCheck:
            return PresentationCheck(draw)

        return Recognition(
            watchers={"desk": FaceWatch(self.reader, self._embedder, check=check)},
            checkins=["desk"],
            gallery=self._gallery,
            feed=lambda _: (),
            strangers=None,
            book=VisitBook(hours=hours, new_id=lambda _: next(ids)),
            window=Window(),
        )


@pytest.fixture(scope="module")
def desk(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    made = Desk(recordings, tmp_path_factory.mktemp("cache"))
    miranda = cv2.imread(str(recordings / "faces" / "pairs" / "lin-manuel-miranda.png"))
    made.enrol("miranda", np.asarray(miranda, np.uint8))
    return made


def lots(*sides: Side) -> Callable[[], Side]:
    return itertools.cycle(sides).__next__


def show(
    recognition: Recognition, pictures: Iterator[tuple[Image, float]]
) -> tuple[list[Visit], list[Told | None]]:
    """Let the camera see these; return the visits, and what the guest's screen said in turn."""
    changes: list[Change] = []
    told: list[Told | None] = []
    for image, at_s in pictures:
        at = NOON + timedelta(seconds=at_s)
        frame = Frame(camera="desk", at=at, elapsed_s=at_s, image=image)
        changes += recognition.take(frame, bodies=(), moving=EVERYWHERE)
        now = recognition.prompts.get("desk")
        if told[-1:] != [now]:
            told.append(now)
        if now in ("welcome", "code"):
            break
    changes += recognition.finish()
    return [change.visit for change in changes if isinstance(change, Opened)], told


def acting(recognition: Recognition, actor: Actor, seconds: float) -> Iterator[tuple[Image, float]]:
    """Pictures of an actor who follows what the guest's screen says."""
    asks = {"front": "front", "left": "left", "right": "right", "both": "both"}
    for number in range(round(seconds * FRAMES_PER_S)):
        at_s = number / FRAMES_PER_S
        prompt = asks.get(recognition.prompts.get("desk", ""))
        yield actor.picture(at_s, prompt), at_s  # type: ignore[arg-type]


def test_a_member_who_turns_as_asked_is_named(desk: Desk) -> None:
    recognition = desk.begin(lots("right", "left"))
    actor = Actor(desk.portrait, "head", seed=3)
    visits, told = show(recognition, acting(recognition, actor, 20))
    assert [visit.subject for visit in visits] == ["member"]
    assert told == [None, "front", "right", "front", "left", "welcome"]
    assert recognition.refused == 0


@pytest.mark.parametrize("kind", ["print", "screen"])
def test_a_members_photo_that_is_turned_as_asked_names_nobody(desk: Desk, kind: Kind) -> None:
    recognition = desk.begin(lots("right", "left"))
    actor = Actor(desk.portrait, kind, seed=3)
    visits, told = show(recognition, acting(recognition, actor, 20))
    assert visits == []
    assert told[-1] == "code"
    assert recognition.refused == 1


def test_a_members_photo_in_a_recording_names_nobody(desk: Desk, tmp_path: Path) -> None:
    recognition = desk.begin(None)
    actor = Actor(desk.portrait, "print", seed=5)
    film = tmp_path / "print.mp4"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"mp4v"), FRAMES_PER_S, (480, 270))
    assert writer.isOpened()
    for image, _ in acting(recognition, actor, 8):
        writer.write(image)
    writer.release()
    visits, _ = show(recognition, decoded(film, every=1))
    assert (visits, recognition.refused) == ([], 1)


def decoded(
    film: Path, *, every: int, start: int = 0, end: int = 10_000
) -> Iterator[tuple[Image, float]]:
    video = cv2.VideoCapture(str(film))
    fps = video.get(cv2.CAP_PROP_FPS)
    number = 0
    while video.grab() and number < end:
        if number >= start and number % every == 0:
            yield np.asarray(video.retrieve()[1], np.uint8), number / fps
        number += 1
    video.release()


def test_a_real_head_that_moves_by_itself_is_named_in_a_recording(
    desk: Desk, recordings: Path
) -> None:
    recognition = desk.begin(None)
    film = recordings / "video" / "two-faces.mp4"
    visits, told = show(recognition, decoded(film, every=3, start=85, end=211))
    assert [(visit.subject, visit.sure) for visit in visits] == [("miranda", False)]
    assert told[-1] == "welcome"


def test_both_detectors_say_alike_to_which_side_a_real_head_is_turned(
    desk: Desk, recordings: Path
) -> None:
    film = recordings / "video" / "two-faces.mp4"
    sides = []
    for image, _ in decoded(film, every=6, start=96, end=205):
        place = desk.reader.find(image)[0]
        landmarks = desk.reader.cut(image, place).nose
        assert place.nose is not None
        assert landmarks is not None
        sides.append((place.nose.across, landmarks.across))
    yunet, dlib = np.asarray(sides).T
    assert np.corrcoef(yunet, dlib)[0, 1] > 0.85
