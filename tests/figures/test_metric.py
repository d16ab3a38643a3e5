"""What a figure comes to where something is not known, or there is nothing to be a share of."""

import pytest

from cloud.figures.bins import EDGES, Measure, quantile
from cloud.figures.metric import METRICS, Sums, value_of


@pytest.mark.parametrize(
    ("sums", "value"),
    [
        ({"sales": 3, "till_visitors": 12}, 0.25),
        ({"sales": 0, "till_visitors": 12}, 0.0),
        ({"sales": 0, "till_visitors": 0}, None),
        ({"sales": 3, "till_visitors": None}, None),
        ({"sales": None, "till_visitors": 12}, None),
        ({}, None),
    ],
    ids=["a share", "none of some", "none of none", "of whom, unknown", "how many, unknown", "no"],
)
def test_a_share_of_nobody_and_what_is_not_known_is_no_zero(
    sums: Sums, value: float | None
) -> None:
    assert value_of(METRICS["conversion"], sums) == value


def test_a_denominator_of_two_counts_needs_both() -> None:
    kept = METRICS["kept_share"]
    assert value_of(kept, {"kept": 9, "no_show": 1}) == 0.9
    assert value_of(kept, {"kept": 9, "no_show": None}) is None


@pytest.mark.parametrize("measure", EDGES)
def test_in_the_last_bin_which_has_no_end_a_percentile_is_its_beginning(measure: Measure) -> None:
    last = len(EDGES[measure]) - 1
    assert quantile(measure, {last: 10}, 0.5) == EDGES[measure][-1]
    assert quantile(measure, {0: 90, last: 10}, 0.95) == EDGES[measure][-1]
    assert quantile(measure, {}, 0.5) is None


def test_a_percentile_lies_within_its_bin_in_proportion() -> None:
    # A quarter of the 40 who waited 20 to 30 seconds are below 22.5.
    assert quantile("wait", {2: 40}, 0.25) == 22.5
