"""How near is near enough follows from how many could be meant."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.core.threshold import SURE_FPIR, closeness, threshold

SIZES = [1, 2, 3, 10, 29, 100, 300, 1_000, 5_000, 20_000]


@pytest.mark.parametrize(
    ("members", "photos", "expected"),
    [(300, 1, 0.326), (165, 3, 0.305)],
    ids=["300 by one photo", "165 by the mean of three"],
)
def test_it_is_what_was_measured_at_one_stranger_in_a_hundred(
    members: int, photos: int, expected: float
) -> None:
    assert threshold(members, photos, 1) == pytest.approx(expected, abs=0.006)


@pytest.mark.parametrize("photos", [1, 2, 3, 8])
@pytest.mark.parametrize("frames", [1, 2, 5, 20])
def test_a_larger_gallery_is_never_looser(photos: int, frames: int) -> None:
    distances = [threshold(members, photos, frames) for members in SIZES]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < distances[0] - 0.1
    assert distances[-1] > 0.2


def test_averages_are_nearer_to_everybody_and_judged_more_strictly() -> None:
    by_photos = [threshold(100, photos, 1) for photos in (1, 2, 3, 4)]
    by_frames = [threshold(100, 1, frames) for frames in (1, 2, 5, 10)]
    assert by_photos == sorted(set(by_photos), reverse=True)
    assert by_frames == sorted(set(by_frames), reverse=True)
    assert threshold(100, 9, 1) == threshold(100, 4, 1)


def test_a_tiny_gallery_keeps_its_distance_from_strangers() -> None:
    # In the film nobody but himself comes nearer than 0.42 to the only member
    assert threshold(1, 1, 1) == threshold(3, 1, 1) < 0.39
    assert threshold(1, 1, 5) < 0.38
    assert threshold(1, 1, 5) > 0.34


@pytest.mark.parametrize("members", SIZES)
def test_sure_is_stricter_than_likely(members: int) -> None:
    assert threshold(members, 1, 5, SURE_FPIR) < threshold(members, 1, 5) - 0.01


def test_it_is_continuous_where_the_measurement_ends() -> None:
    distances = [threshold(members, 1, 1) for members in range(900, 1200)]
    assert -np.diff(distances).max() >= 0
    assert -np.diff(distances).min() < 1e-4


@pytest.mark.parametrize(
    ("members", "photos", "frames", "fpir"),
    [(0, 1, 1, 0.01), (1, 0, 1, 0.01), (1, 1, 0, 0.01), (1, 1, 1, 0.0), (1, 1, 1, 1.0)],
    ids=["nobody", "no photo", "no frame", "never", "always"],
)
def test_what_means_nothing_is_refused(members: int, photos: int, frames: int, fpir: float) -> None:
    with pytest.raises(ValueError, match="threshold: expected"):
        threshold(members, photos, frames, fpir)


def pairs(count: int, mean: float) -> NDArray[np.float32]:
    """Distances like LFW's: the 1 % nearest below mean - 0.14."""
    return np.random.default_rng(3).normal(mean, 0.06, count).astype(np.float32)


def test_members_who_are_more_alike_are_told_apart_more_strictly() -> None:
    usual, alike = closeness(pairs(5_000, 0.557), 1), closeness(pairs(5_000, 0.48), 1)
    assert usual == pytest.approx(0.0, abs=0.01)
    assert alike == pytest.approx(usual + 0.077, abs=0.02)
    assert threshold(100, 1, 5, closeness=alike) == pytest.approx(threshold(100, 1, 5) - alike)


def test_members_who_are_unlike_loosen_nothing() -> None:
    assert closeness(pairs(5_000, 0.7), 1) == 0.0
    assert threshold(100, 1, 5, closeness=-0.1) == threshold(100, 1, 5)


def test_a_small_gallery_says_nothing_about_itself() -> None:
    assert closeness(pairs(399, 0.3), 1) == 0.0
    assert closeness(pairs(400, 0.3), 1) > 0.1
