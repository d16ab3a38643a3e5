"""The empty scene: what is in it after minutes of people, and what never is."""

from collections.abc import Iterable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from edge.core.geometry import Box
from edge.sensors.motion import MotionDetector
from edge.sensors.scenery import FIRST_EVERY_S, SAMPLES, SIDE, Scenery
from tests.sensors.test_motion import HIGH, WIDE, Person, draw, room

Image = npt.NDArray[np.uint8]
ROOM = room()


def seen(scenery: Scenery, people: Iterable[Person], seconds: int) -> None:
    """Show the room, with whoever is in it, once a second."""
    rng = np.random.default_rng(3)
    empty = [np.clip(room() + rng.normal(0, 1.5, (HIGH, WIDE, 3)), 0, 255) for _ in range(4)]
    frames = [frame.astype(np.uint8) for frame in empty]
    for second in range(seconds):
        image = frames[second % 4].copy()
        for person in people:
            if (place := person.at(second)) is not None:
                draw(image, person, place)
        scenery.detect(image, float(second))


class Quiet:
    """A finder that finds nobody, or always somebody."""

    def __init__(self, *, moves: bool = False) -> None:
        self.moves = moves

    def detect(self, image: Image, at_s: float) -> list[Box]:
        return [Box(left=0, top=0, right=1, bottom=1)] if self.moves else []


def shown(jpeg: bytes | None) -> Image:
    assert jpeg is not None
    found = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(found, np.uint8)


def apart(picture: Image) -> float:
    """How much the picture differs from the empty room anywhere, in grey levels."""
    high, wide = picture.shape[:2]
    wanted = cv2.GaussianBlur(
        cv2.resize(room(), (wide, high), interpolation=cv2.INTER_AREA), (0, 0), 1.3
    )
    return float(np.abs(picture.astype(int) - wanted.astype(int)).mean(axis=2).max())


def test_nothing_is_given_out_before_many_quiet_looks() -> None:
    one = Scenery(Quiet(), lambda: ROOM)
    for second in range(int(FIRST_EVERY_S) * (SAMPLES - 1)):
        one.detect(ROOM, float(second))
    assert one.backdrop() is None
    for second in range(int(FIRST_EVERY_S) * (SAMPLES - 1), int(FIRST_EVERY_S) * SAMPLES + 20):
        one.detect(ROOM, float(second))
    picture = shown(one.backdrop())
    assert max(picture.shape[:2]) == SIDE
    assert len(one.backdrop() or b"") < 16_000, "it fits into one datagram of the bus"


def test_somebody_who_stands_there_for_minutes_is_not_in_it() -> None:
    stays = Person(
        way=(
            (20.0, (-0.1, 0.95, 0.7)),
            (24.0, (0.5, 0.95, 0.7)),
            (324.0, (0.5, 0.95, 0.7)),  # five minutes, the last half melted into the background
            (330.0, (1.2, 0.95, 0.7)),
        )
    )
    motion = MotionDetector()
    one = Scenery(motion, motion.background)
    seen(one, (stays,), int(FIRST_EVERY_S) * SAMPLES + 330)
    assert apart(shown(one.backdrop())) < 25


def test_a_dark_shop_is_no_picture() -> None:
    one = Scenery(Quiet(), lambda: np.asarray(room() // 10, np.uint8))
    for second in range(0, 3600, 5):
        one.detect(ROOM, float(second))
    assert one.backdrop() is None


@pytest.mark.parametrize("moves", [True, False])
def test_it_is_looked_at_only_while_nothing_moves(moves: bool) -> None:
    taken: list[Image] = []

    def background() -> Image:
        taken.append(ROOM)
        return taken[-1]

    one = Scenery(Quiet(moves=moves), background)
    for second in range(200):
        one.detect(ROOM, float(second))
    assert bool(taken) is not moves
