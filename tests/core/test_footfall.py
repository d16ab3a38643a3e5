"""What the index is worth: learnt from known hours, with its own error, refused before that."""

import numpy as np
import pytest

from edge.core.footfall import (
    HOURS_NEEDED,
    VISITORS_NEEDED,
    KnownHour,
    fit,
)


def hours(count: int, seed: int = 1, scale: float = 2.0, visitors: int = 40) -> list[KnownHour]:
    chance = np.random.default_rng(seed)
    return [
        KnownHour(index=float(scale * chance.normal(visitors, 6)), visitors=visitors, minutes=60)
        for _ in range(count)
    ]


def test_nothing_is_estimated_before_enough_hours_and_visitors() -> None:
    assert fit([]) is None
    assert fit(hours(HOURS_NEEDED - 1)) is None
    assert fit(hours(HOURS_NEEDED)) is not None
    assert fit(hours(HOURS_NEEDED, visitors=VISITORS_NEEDED // HOURS_NEEDED - 1)) is None
    silent = [KnownHour(index=0.0, visitors=40, minutes=60)] * HOURS_NEEDED
    assert fit(silent) is None


def test_people_are_in_proportion_to_the_index_and_between_two_numbers() -> None:
    learnt = fit(hours(20))
    assert learnt is not None
    assert learnt.people(160.0) == pytest.approx(80, rel=0.1)
    assert learnt.people(0.0) == 0.0
    found = learnt.estimate(160.0)
    assert found.low < found.value < found.high
    assert found.value == learnt.people(160.0)
    assert learnt.estimate(0.0).error_percent == 0.0
    assert 15 < learnt.error_percent < 45


def test_more_known_hours_make_a_smaller_error_and_few_people_a_larger_one() -> None:
    few, many = fit(hours(HOURS_NEEDED)), fit(hours(HOURS_NEEDED) * 20)
    assert few is not None
    assert many is not None
    assert 1.05 * many.estimate(400.0).error_percent < few.estimate(400.0).error_percent
    assert many.estimate(20.0).error_percent > 2 * many.estimate(400.0).error_percent


def test_hours_of_the_week_differ_as_far_as_it_is_not_chance() -> None:
    chance = np.random.default_rng(3)

    def learnt(saturday: float, count: int) -> float:
        known = [
            KnownHour(
                index=float(chance.normal(100, 12)) / (saturday if week_hour == 130 else 1.0),
                visitors=100,
                minutes=60,
                week_hour=week_hour,
            )
            for week_hour in (10, 34, 58, 82, 130)
            for _ in range(count)
        ]
        found = fit(known)
        assert found is not None
        return found.people(100.0, 130) / found.people(100.0, 10)

    assert learnt(1.6, 12) == pytest.approx(1.6, abs=0.12)
    assert 1.2 < learnt(1.6, 2) < 1.7
    assert learnt(1.0, 12) == pytest.approx(1.0, abs=0.06)
    unknown = fit(hours(20))
    assert unknown is not None
    assert unknown.people(10.0, 99) == unknown.people(10.0)


def test_those_who_pass_are_counted_by_what_those_inside_have_taught() -> None:
    known = [
        KnownHour(index=300.0, visitors=30, minutes=60, near_share=0.2) for _ in range(HOURS_NEEDED)
    ]
    learnt = fit(known)
    assert learnt is not None
    assert learnt.people(300.0) == pytest.approx(150)
