"""A box's own strangers make its threshold stricter, when enough of them say so; never looser."""

from __future__ import annotations

import numpy as np
import pytest

from edge.core.observed import KEPT, MOST, NEEDED, PART, StrangerDistances
from edge.core.threshold import nearest_of_part, threshold

MEMBERS = 200


def crowd(count: int, nearer: float, seed: int = 3) -> StrangerDistances:
    """Strangers whose quarter is `nearer` than LFW's."""
    known = StrangerDistances()
    middle = nearest_of_part(MEMBERS, 1, 5, PART) - nearer
    for distance in np.random.default_rng(seed).normal(middle + 0.674 * 0.03, 0.03, count):
        known.add(float(distance), members=MEMBERS, photos=1, frames=5)
    return known


def test_few_strangers_say_nothing() -> None:
    assert crowd(NEEDED - 1, 0.03).nearer() == 0.0
    assert crowd(NEEDED, 0.03).nearer() > 0.0


def test_who_is_nearer_than_usual_makes_it_stricter_by_as_much() -> None:
    assert crowd(2_000, 0.02).nearer() == pytest.approx(0.02, abs=0.004)


def test_who_is_further_away_loosens_nothing() -> None:
    assert crowd(2_000, -0.05).nearer() == 0.0


def test_whoever_walks_past_again_and_again_can_make_it_stricter_only_so_far() -> None:
    known = crowd(1_000, 0.0)
    for _ in range(1_000):
        known.add(0.2, members=MEMBERS, photos=1, frames=5)
    assert known.nearer() == MOST


def test_missed_members_among_the_strangers_hardly_matter() -> None:
    # A tenth of the visitors are members, a fifth of whom is missed: just above the threshold
    usual, known = crowd(2_000, 0.01), crowd(2_000, 0.01)
    limit = threshold(MEMBERS, 1, 5)
    for _ in range(40):
        known.add(limit + 0.005, members=MEMBERS, photos=1, frames=5)
    assert known.nearer() == pytest.approx(usual.nearer(), abs=0.004)


def test_strangers_of_a_growing_gallery_are_comparable() -> None:
    known = StrangerDistances()
    for members in (50, 200, 600):
        for _ in range(NEEDED):
            distance = nearest_of_part(members, 2, 5, PART) - 0.02
            known.add(distance, members=members, photos=2, frames=5)
    assert known.nearer() == pytest.approx(0.02, abs=0.011)


def test_what_was_long_ago_fades_and_all_can_be_forgotten() -> None:
    known = crowd(KEPT - 1, 0.03)
    assert known.seen == KEPT - 1
    known.add(0.4, members=MEMBERS, photos=1, frames=5)
    assert known.seen <= KEPT / 2
    known.clear()
    assert (known.seen, known.nearer()) == (0, 0.0)


def test_what_means_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 1 or more members"):
        StrangerDistances().add(0.3, members=0, photos=1, frames=1)
