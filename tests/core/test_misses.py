"""How many members a gallery of a size is expected to miss."""

import pytest

from edge.core.misses import expected_fnir


@pytest.mark.parametrize(
    ("photos", "members", "measured"),
    [(1, 300, 0.202), (2, 245, 0.11), (3, 165, 0.05)],
    ids=["300 by one photo", "245 by two", "165 by three"],
)
def test_it_says_what_searching_gave(photos: int, members: int, measured: float) -> None:
    """Of evaluate's own splits of LFW (docs/adr/0016; FINDINGS for two photos)."""
    found = expected_fnir({photos: members}, 0.01)
    assert found.fnir == pytest.approx(measured, abs=0.02)
    assert not found.extrapolated


def test_more_members_and_fewer_false_matches_mean_more_misses() -> None:
    rising = [
        expected_fnir({3: members}, fpir).fnir
        for members, fpir in ((100, 0.01), (600, 0.01), (20_000, 0.01), (20_000, 0.001))
    ]
    assert rising == sorted(rising)
    assert 0.0 < rising[0] < rising[-1] < 1.0


def test_beyond_what_was_measured_it_says_so() -> None:
    assert not expected_fnir({3: 600}, 0.01).extrapolated
    assert expected_fnir({3: 601}, 0.01).extrapolated
    assert expected_fnir({3: 10**12}, 0.001).fnir == 1.0


def test_members_by_different_photos_count_each_by_its_own() -> None:
    one, three = (expected_fnir({photos: 400}, 0.01).fnir for photos in (1, 3))
    assert expected_fnir({1: 200, 3: 200}, 0.01).fnir == pytest.approx((one + three) / 2, abs=1e-3)
    assert expected_fnir({9: 400}, 0.01) == expected_fnir({4: 400}, 0.01)


def test_without_members_nothing_is_expected() -> None:
    with pytest.raises(ValueError, match="expected one member or more, got none"):
        expected_fnir({}, 0.01)
