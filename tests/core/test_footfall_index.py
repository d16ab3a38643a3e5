"""The footfall index on simulated shop hours, whose visitors are known.

The short form of scripts/measure-footfall: two seeds, few hours.
"""

from pathlib import Path

import numpy as np
import pytest

from edge.core.footfall import KnownHour, fit
from tests.support.measure_footfall import LEARNT_HOURS, LEARNT_VISITORS, VISITORS, outcome
from tests.support.shop_hours import Session, Street, class_minutes, index_of, sessions_of

BARS = (0.25, 0.12, 0.09, 0.10, 0.12)
CHANCE = 0.02
"""What 2 seeds of 8 hours may be off by: the bars are for the mean of 10 seeds of 40."""


@pytest.fixture(scope="module")
def sessions(recordings: Path) -> list[Session]:
    return sessions_of(recordings / "probes")


def test_the_index_is_proportional_to_visitors_where_classes_saturate(
    sessions: list[Session],
) -> None:
    street = Street(sessions)
    found = [outcome(street, street, index_of, seed, 8) for seed in (1, 2)]
    for place, bar in enumerate(BARS):
        error = np.mean([one.errors[place] for one in found])
        assert error <= bar + CHANCE, f"{VISITORS[place]} visitors: {error:.3f}"
    assert min(one.correlation for one in found) >= 0.985
    plain = outcome(street, street, lambda hour: float(class_minutes(hour)), 1, 8)
    assert plain.errors[-1] > 3 * found[0].errors[-1]


def test_ten_phones_of_one_model_are_not_one(sessions: list[Session]) -> None:
    chance = np.random.default_rng(4)
    for phone in Street(sessions).phones:
        model = Street(sessions, [phone])
        one, ten = (
            np.mean([index_of(model.hour(count, chance)) for _ in range(100 // count)])
            for count in (1, 10)
        )
        assert 3 * one < ten < 20 * one, phone


def test_one_phone_alone_is_at_most_two_classes_on_any_channel(recordings: Path) -> None:
    for channel in (1, 6, 11):
        for session in sessions_of(recordings / "probes", channel):
            assert len(set(session.classes.tolist())) <= 2, session.name


def test_nine_hours_of_ten_are_within_the_error_that_is_stated(sessions: list[Session]) -> None:
    street, chance = Street(sessions), np.random.default_rng(5)
    learnt = fit(
        [
            KnownHour(
                index=index_of(street.hour(LEARNT_VISITORS, chance)),
                visitors=LEARNT_VISITORS,
                minutes=60,
            )
            for _ in range(LEARNT_HOURS)
        ]
    )
    assert learnt is not None
    within = []
    for visitors in (10, 30, 60, 120):
        for _ in range(15):
            people = learnt.estimate(index_of(street.hour(visitors, chance)))
            within.append(people.low <= visitors <= people.high)
    assert 0.8 <= np.mean(within) <= 0.99
