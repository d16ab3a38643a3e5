"""Minor units: a yen has none, a yuan a hundred, and box and hub agree on it."""

import itertools
import string

import pytest

from cloud.figures.currency import places, units
from edge.core import receipt_table


@pytest.mark.parametrize(
    ("currency", "minor", "shown"),
    [("CNY", 128_850, 1288.5), ("JPY", 128_850, 128_850), ("KWD", 128_850, 128.85)],
    ids=["two places", "none", "three"],
)
def test_an_amount_is_of_as_many_places_as_its_currency_has(
    currency: str, minor: int, shown: float
) -> None:
    assert units(minor, currency) == pytest.approx(shown)


def test_the_box_and_the_hub_know_the_same_places() -> None:
    for letters in itertools.product(string.ascii_uppercase, repeat=3):
        currency = "".join(letters)
        assert places(currency) == receipt_table.places(currency), currency
