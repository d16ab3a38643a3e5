"""Numbers with their nouns."""

import pytest

from menkou.words import counted


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 members"), (1, "1 member"), (2, "2 members"), (1200, "1200 members")],
)
def test_a_noun_is_as_its_number(number: int, said: str) -> None:
    assert counted(number, "member") == said


def test_a_noun_may_have_a_plural_of_its_own() -> None:
    assert [counted(number, "box", "boxes") for number in (1, 2)] == ["1 box", "2 boxes"]
