"""Who is asked to greet a member, and when."""

import pytest

from edge.core.asking import Place, Present, asked_after_s, changes_in_s, is_asked

BOTH = Present(own=True, floor=True)
NO_OWN = Present(own=False, floor=True)
OWN_ALONE = Present(own=True, floor=False)
NOBODY = Present(own=False, floor=False)


@pytest.mark.parametrize(
    ("place", "present", "after_s"),
    [
        pytest.param("own", BOTH, 0, id="the own consultant first"),
        pytest.param("floor", BOTH, 10, id="after 10 s the floor"),
        pytest.param("manager", BOTH, 20, id="then the manager"),
        pytest.param("floor", NO_OWN, 0, id="the own one is not here: the floor at once"),
        pytest.param("manager", NO_OWN, 10, id="and the manager sooner"),
        pytest.param("manager", OWN_ALONE, 10, id="nobody else on the floor"),
        pytest.param("manager", NOBODY, 0, id="nobody but the manager"),
    ],
)
def test_the_own_consultant_then_the_floor_then_the_manager(
    place: Place, present: Present, after_s: float
) -> None:
    assert asked_after_s(place, present) == after_s
    assert is_asked(place, present, after_s)
    assert not is_asked(place, present, after_s - 0.1)


@pytest.mark.parametrize("place", ["own", "floor", "manager"])
def test_what_is_older_than_thirty_seconds_asks_nobody(place: Place) -> None:
    assert is_asked(place, BOTH, 29.9)
    assert not is_asked(place, BOTH, 30)
    assert changes_in_s(place, BOTH, 30) is None


def test_a_screen_is_drawn_again_when_its_turn_comes_and_when_it_is_over() -> None:
    assert changes_in_s("floor", BOTH, 4) == 6
    assert changes_in_s("floor", BOTH, 10) == 20
    assert changes_in_s("own", BOTH, 0) == 30


def test_what_a_clock_that_went_back_has_dated_ahead_pops_up_for_nobody() -> None:
    assert not is_asked("own", BOTH, -5)
    assert changes_in_s("own", BOTH, -5) == 5
