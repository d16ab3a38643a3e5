"""The charts' geometry."""

import pytest

from menkou.web.chart import columns, scale, ticks


@pytest.mark.parametrize(
    ("peak", "lines"),
    [
        pytest.param(0, (1, 2), id="an empty day"),
        pytest.param(1, (1, 2), id="one visitor"),
        pytest.param(5, (1, 2, 3, 4, 5), id="five"),
        pytest.param(61, (20, 40, 60, 80), id="a shop"),
        pytest.param(116, (25, 50, 75, 100, 125), id="a busy shop"),
        pytest.param(9999, (2000, 4000, 6000, 8000, 10000), id="a station"),
    ],
)
def test_a_scale_is_round_and_holds_its_peak(peak: int, lines: tuple[int, ...]) -> None:
    assert scale(peak) == lines


def test_every_scale_has_two_to_five_lines() -> None:
    for peak in range(3000):
        lines = scale(peak)
        assert 2 <= len(lines) <= 5
        assert lines[-1] >= peak


def test_the_top_of_the_scale_is_where_the_highest_bar_ends() -> None:
    (column, nothing) = columns([80, 0], 80)
    assert column.bar_y == ticks((40, 80))[-1].y == 12.0
    assert column.bar_y + column.bar_height == 100
    assert nothing.bar_height == 0
    assert nothing.x + nothing.width == 100


def test_no_hours_make_no_columns() -> None:
    assert columns([], 2) == ()
