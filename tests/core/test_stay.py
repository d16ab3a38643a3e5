"""What a guest who stays long is offered."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import pytest

from edge.core.stay import Offer, Thresholds, due

CAME = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
USUAL = Thresholds(tea=20, meal=90)


@pytest.mark.parametrize(
    ("minutes", "answered", "offer"),
    [
        pytest.param(19.9, (), None, id="not yet"),
        pytest.param(20, (), "tea", id="tea at the set time"),
        pytest.param(60, ("tea",), None, id="tea once"),
        pytest.param(90, ("tea",), "meal", id="then a meal"),
        pytest.param(90, (), "meal", id="a meal instead of tea that nobody brought"),
        pytest.param(300, ("meal",), None, id="after the meal nothing"),
        pytest.param(300, ("tea", "meal"), None, id="both were answered"),
        pytest.param(-5, (), None, id="a clock that went back"),
    ],
)
def test_tea_is_offered_and_then_a_meal(
    minutes: float, answered: Collection[Offer], offer: Offer | None
) -> None:
    assert due(CAME, CAME + timedelta(minutes=minutes), USUAL, answered) == offer


def test_what_the_manager_turned_off_is_never_offered() -> None:
    late = CAME + timedelta(hours=9)
    assert due(CAME, late, Thresholds(tea=None, meal=None), ()) is None
    assert due(CAME, late, Thresholds(tea=5, meal=None), ()) == "tea"
    assert due(CAME, late, Thresholds(tea=None, meal=5), ()) == "meal"
