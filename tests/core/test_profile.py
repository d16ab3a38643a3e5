"""A member's profile as texts."""

from datetime import UTC, date, datetime

import pytest

from edge.core.flaws import Flaws
from edge.core.profile import Profile, plain_id, read_profile


def test_a_profile_reads_what_it_has_written() -> None:
    profile = Profile(
        name="王丽",
        called="王女士",
        external_id="C-1",
        birthday="02-29",
        tags=("翡翠", "送礼"),
        note="喜欢\n安静",
        appointment_at=datetime(2026, 11, 21, 7, tzinfo=UTC),
        last_purchase_on=date(2026, 5, 1),
    )
    assert read_profile(profile.texts()) == profile


def test_empty_texts_stand_for_nothing_known() -> None:
    assert read_profile({"name": " 王丽 ", "tier": "  "}) == Profile(name="王丽")


def test_every_flaw_of_a_profile_is_named_at_once_and_nothing_of_it_is_repeated() -> None:
    texts = {
        "name": "",
        "birthday": "02-30",
        "appointment_at": "2026-11-21T15:00",
        "last_visit_on": "20261121",
        "tier": "x" * 41,
        "nmae": "王丽",
        "note": "a\x07b",
    }
    with pytest.raises(Flaws) as caught:
        read_profile(texts)
    assert sorted(flaw.key for flaw in caught.value.flaws) == [
        *("appointment_at", "birthday", "last_visit_on", "name", "nmae", "note", "tier"),
    ]
    assert not any(text in str(caught.value) for text in ("王丽", "02-30", "xxx") if text)


def test_the_repr_of_a_profile_shows_nothing() -> None:
    assert repr(Profile(name="王丽", note="secret")) == "Profile(...)"


@pytest.mark.parametrize("written", [" c-1 ", "Ｃ-１", "C-1"])
def test_ways_of_writing_an_external_id_are_one(written: str) -> None:
    assert plain_id(written) == "c-1"
