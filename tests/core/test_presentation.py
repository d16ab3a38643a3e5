"""A picture has no relief, however it is turned; a head has, and turns to the side asked for."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.core.presentation import (
    BOUND,
    CUES_LEAST,
    GAP_S,
    PATTERN,
    WHOLE_S,
    Look,
    Nose,
    PresentationCheck,
    Side,
    Verdict,
    nose_of,
)

Points = NDArray[np.float64]
# Right eye, left eye, nose tip, right and left corner of the mouth; eye distances, z to the camera.
FACE = np.asarray(
    [[-0.5, 0, 0], [0.5, 0, 0], [0, 0.57, 0.45], [-0.4, 1.0, 0], [0.4, 1.0, 0]], np.float64
)
STEP_S = 0.1
BOTH: tuple[Side, ...] = ("left", "right")


def seen(points: Points, *, yaw: float, pitch: float = 0.0, roll: float = 0.0) -> Points:
    """Points in pixels as a camera 10 eye distances away sees them; yaw to the guest's left."""
    a, b, c = (math.radians(one) for one in (yaw, pitch, roll))
    about_y = np.asarray([[math.cos(a), 0, math.sin(a)], [0, 1, 0], [-math.sin(a), 0, math.cos(a)]])
    about_x = np.asarray([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
    about_z = np.asarray([[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]])
    space = (points - FACE.mean(axis=0)) @ (about_z @ about_x @ about_y).T
    scale = 40 * 10 / (10 - space[:, 2:])
    return np.asarray(320 + scale * space[:, :2], np.float64)


def across(points: Points) -> float:
    nose = nose_of(points)
    assert nose is not None
    return nose.across


def flat(points: Points) -> Points:
    """The same face on paper."""
    return points * (1, 1, 0)


def test_the_nose_of_a_picture_stays_where_it_is_however_the_picture_is_turned() -> None:
    chance = np.random.default_rng(5)
    for _ in range(200):
        paper = flat(FACE) + np.append(chance.normal(0, 0.1, (5, 2)), np.zeros((5, 1)), axis=1)
        turned = dict(zip(("yaw", "pitch", "roll"), chance.uniform(-55, 55, 3), strict=True))
        assert across(seen(paper, **turned)) == pytest.approx(across(seen(paper, yaw=0)), abs=1e-9)


@pytest.mark.parametrize("pitch", [-15, 0, 15])
@pytest.mark.parametrize("roll", [-20, 0, 20])
def test_the_nose_of_a_head_moves_to_the_side_that_it_turns_to(pitch: float, roll: float) -> None:
    places = [across(seen(FACE, yaw=yaw, pitch=pitch, roll=roll)) for yaw in range(-45, 46, 15)]
    assert places == sorted(places)
    assert places[-1] - places[3] > 0.25
    assert places[3] - places[0] > 0.25


@pytest.mark.parametrize(
    "points",
    [np.zeros((5, 2)), np.asarray([[0, 0], [1, 0], [2, 0], [3, 0], [4, 0]], np.float64)],
    ids=["one point", "a line"],
)
def test_points_that_make_no_face_have_no_nose(points: Points) -> None:
    assert nose_of(points) is None


def test_five_points_are_asked_for() -> None:
    with pytest.raises(ValueError, match=r"expected \(5, 2\), got \(68, 2\)"):
        nose_of(np.zeros((68, 2)))


class Guest:
    """Turns as asked, at 60 degrees a second, after half a second; or as it likes."""

    def __init__(
        self, face: Points = FACE, *, does: Callable[[str | None, float], float] | None = None
    ) -> None:
        self._face = face
        self._does = does or self._as_asked
        self._yaw = 0.0
        self._heard: str | None = None
        self._since_s = 0.0

    @staticmethod
    def _as_asked(prompt: str | None, at_s: float) -> float:
        return {"left": 40.0, "right": -40.0}.get(prompt or "", 0.0)

    def look(self, prompt: str | None, at_s: float) -> Look:
        if prompt != self._heard:
            self._heard, self._since_s = prompt, at_s
        if at_s - self._since_s >= 0.5:
            aim = self._does(prompt, at_s)
            self._yaw += min(max(aim - self._yaw, -6.0), 6.0)
        return Look(at_s=at_s, nose=nose_of(seen(self._face, yaw=self._yaw)))


def lots(*sides: Side) -> Callable[[], Side]:
    return itertools.cycle(sides).__next__


def run(
    check: PresentationCheck, guest: Guest, seconds: float = 30.0
) -> tuple[Verdict, list[str | None]]:
    """(what it comes to, what the guest was asked in turn)."""
    asked: list[str | None] = []
    for number in range(round(seconds / STEP_S)):
        if asked[-1:] != [check.prompt]:
            asked.append(check.prompt)
        if check.add(guest.look(check.prompt, number * STEP_S)) != "open":
            break
    return check.verdict, asked


@pytest.mark.parametrize(
    "sides", list(itertools.product(BOTH, repeat=2)), ids=lambda one: "-".join(one)
)
def test_who_turns_to_the_sides_that_are_drawn_passes(sides: tuple[Side, ...]) -> None:
    check = PresentationCheck(lots(*sides))
    assert run(check, Guest()) == ("passed", ["front", sides[0], "front", sides[1]])
    assert check.prompt is None


def test_a_photo_that_is_turned_as_asked_is_refused() -> None:
    check = PresentationCheck(lots("left", "right"))
    assert run(check, Guest(flat(FACE)))[0] == "refused"
    assert check.why == "time"


def test_who_turns_to_the_other_side_is_refused() -> None:
    check = PresentationCheck(lots("left"))
    wrong = Guest(does=lambda prompt, at_s: -40.0)
    assert run(check, wrong)[0] == "refused"
    assert check.why == "side"


@pytest.mark.parametrize("mirrored", [False, True])
def test_in_a_mirrored_picture_who_turns_as_asked_passes_where_that_is_set(mirrored: bool) -> None:
    check = PresentationCheck(lots("left", "right"), mirrored=mirrored)
    swapped = {"left": -40.0, "right": 40.0}
    seen_in_a_mirror = Guest(does=lambda prompt, at_s: swapped.get(prompt or "", 0.0))
    assert run(check, seen_in_a_mirror)[0] == ("passed" if mirrored else "refused")
    assert check.why == (None if mirrored else "side")


def test_who_goes_after_a_side_was_told_has_failed_and_before_it_nothing() -> None:
    early, late = (PresentationCheck(lots("left")) for _ in range(2))
    early.add(Guest().look(None, 0.0))
    for number in range(6):
        late.add(Guest().look(late.prompt, number * STEP_S))
    assert (early.end(), late.prompt) == ("open", "left")
    assert (late.end(), late.why) == ("refused", "gone")
    watched = PresentationCheck(None)
    watched.add(Guest().look(None, 0.0))
    assert watched.end() == "open"


def test_of_recordings_that_know_no_lots_one_in_four_passes() -> None:
    """Somebody who turns left, right, left and so on, played back."""
    passed = 0
    for sides in itertools.product(BOTH, repeat=4):
        film = Guest(does=lambda prompt, at_s: (40.0, 0.0, -40.0, 0.0)[int(at_s / 1.5) % 4])
        passed += run(PresentationCheck(lots(*sides)), film)[0] == "passed"
    assert passed == 4


def test_two_photos_of_which_one_is_turned_do_not_make_a_turn() -> None:
    front, turned = (nose_of(seen(FACE, yaw=yaw)) for yaw in (0, 45))
    check = PresentationCheck(lots("left"))
    for number in range(round((WHOLE_S + 2) / STEP_S)):
        shown = turned if check.prompt == "left" else front
        check.add(Look(at_s=number * STEP_S, nose=shown))
    assert (check.verdict, check.why) == ("refused", "time")


def test_who_turns_so_far_that_the_face_is_lost_goes_on_when_it_is_seen_again() -> None:
    check = PresentationCheck(lots("left", "right"))
    guest, unseen_s = Guest(), 0.0
    asked: list[str | None] = []
    for number in range(200):
        at_s = number * STEP_S
        look = guest.look(check.prompt, at_s)
        asked += [check.prompt] if asked[-1:] != [check.prompt] else []
        unseen_s = unseen_s + STEP_S if check.prompt == "front" and asked[1:] else 0.0
        if 0 < unseen_s < 2 * GAP_S:
            continue  # the turn was seen; what lies behind it is out of sight
        if check.add(look) != "open":
            break
    assert check.verdict == "passed"
    assert asked == ["front", "left", "front", "right"]


def test_two_photos_that_are_swapped_out_of_sight_do_not_make_a_turn_either() -> None:
    front, left, right = (nose_of(seen(FACE, yaw=yaw)) for yaw in (0, 45, -45))
    check = PresentationCheck(lots("left", "right"))
    heard, since_s = check.prompt, 0.0
    for number in range(round((WHOLE_S + 2) / STEP_S)):
        at_s = number * STEP_S
        if check.prompt != heard:
            heard, since_s = check.prompt, at_s
        if at_s == 0.0 or at_s - since_s > GAP_S + STEP_S:
            photos = {"left": left, "right": right}
            check.add(Look(at_s=at_s, nose=photos.get(heard or "", front)))
    assert (check.verdict, check.why) == ("refused", "time")


def test_who_does_nothing_is_refused_in_time() -> None:
    check = PresentationCheck(lots("left"))
    assert run(check, Guest(does=lambda prompt, at_s: 0.0), seconds=12)[0] == "refused"


def looks(noses: Iterable[Nose | None]) -> Iterable[Look]:
    return (Look(at_s=number * STEP_S, nose=nose) for number, nose in enumerate(noses))


@pytest.mark.parametrize(
    ("face", "verdict"), [(FACE, "moved"), (flat(FACE), "open")], ids=["a head", "a photo"]
)
def test_where_nobody_can_be_asked_movement_has_to_show_relief(
    face: Points, verdict: Verdict
) -> None:
    check = PresentationCheck(None)
    assert check.prompt == "both"
    swing = [30 * math.sin(number / 8) for number in range(100)]
    for look in looks(nose_of(seen(face, yaw=yaw)) for yaw in swing):
        check.add(look)
    assert check.verdict == verdict


def test_one_wild_look_shows_no_relief() -> None:
    check = PresentationCheck(None)
    wild = [Nose(across=0.3 * (number % 9 == 0), narrow=1.0) for number in range(100)]
    for look in looks(wild):
        check.add(look)
    assert check.verdict == "open"


@pytest.mark.parametrize("cue", ["pattern", "surroundings"])
def test_a_screens_pattern_and_surroundings_that_come_along_are_refused(cue: str) -> None:
    check = PresentationCheck(None)
    nose = nose_of(seen(FACE, yaw=0))
    for number in range(CUES_LEAST):
        assert check.verdict == "open"
        cues = {"pattern": PATTERN} if cue == "pattern" else {"bound": BOUND}
        check.add(Look(at_s=number * STEP_S, nose=nose, **cues))
    assert (check.verdict, check.why) == ("refused", cue)


def test_who_has_turned_as_asked_is_still_refused_when_a_screen_shows() -> None:
    check = PresentationCheck(lots("left", "right"))
    assert run(check, Guest())[0] == "passed"
    looks_later = [
        Look(at_s=20 + n * STEP_S, nose=None, pattern=PATTERN) for n in range(CUES_LEAST)
    ]
    assert [check.add(look) for look in looks_later][-1] == "refused"


def test_who_hides_and_starts_over_is_asked_for_the_same_sides() -> None:
    """Else a recording that is covered now and then would have as many lots as it likes."""
    check = PresentationCheck(lots("left", "right", "right"))
    film = Guest(does=lambda prompt, at_s: 0.0)
    asked = []
    for number in range(60):
        if number % 12 < 4:
            check.add(film.look(check.prompt, number * STEP_S))
        asked.append(check.prompt)
    assert set(asked) == {"front", "left"}
