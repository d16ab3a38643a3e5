"""What a consent record must hold, and when it holds (DESIGN sections 2 and 4)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.core.consent import Consent, Terms, age_on, read_consent
from edge.core.flaws import Flaws
from tests.support.people import RECORD

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)

HASH = "5" * 64
TERMS = Terms(
    shop="nj-001",
    zone=SHANGHAI,
    now=NOW,
    texts={("2026-11", "zh"): HASH, ("2026-11", "en"): "6" * 64},
    names=("01MEMBER", "C-1"),
)
GUARDIAN = {"name": "王芳", "relation": "母亲", "given_at": "2026-11-20T15:00:00+08:00"}


def read(terms: Terms = TERMS, **changed: Any) -> Consent:
    return read_consent({**RECORD, **changed}, terms)


def flaws(**changed: Any) -> dict[str, str]:
    with pytest.raises(Flaws) as caught:
        read(**changed)
    return {flaw.key: flaw.text for flaw in caught.value.flaws}


def test_the_record_of_the_contract_is_read() -> None:
    consent = read()
    assert consent.given_at == datetime(2026, 11, 20, 7, 4, tzinfo=UTC)
    assert (consent.text_hash, consent.shops, consent.guardian) == (HASH, (), None)


def test_a_consent_holds_from_when_it_was_given_to_the_end_of_its_last_day_in_the_shop() -> None:
    consent = read()
    end = datetime(2027, 11, 21, 0, 0, tzinfo=SHANGHAI)
    assert consent.ends_at == end
    moments = {
        consent.given_at - timedelta(milliseconds=1): False,
        consent.given_at: True,
        end - timedelta(milliseconds=1): True,
        end: False,
    }
    assert {moment: consent.live(moment) for moment in moments} == moments


def test_on_its_last_day_a_consent_is_still_taken_and_on_the_next_no_more() -> None:
    assert read(expires="2026-11-22").expires.day == 22
    assert "it has expired" in flaws(expires="2026-11-21")["expires"]


def test_all_that_is_wrong_is_named_at_once_by_key() -> None:
    found = flaws(
        purpose="marketing",
        text_version="2026-12",
        given_at="2026-11-20T15:04:00",
        means="telepathy",
        scope="world",
        shops="nj-001",
        expires="20.11.2027",
        adult="yes",
        guardian=[],
        camera="door",
    )
    assert sorted(found) == [
        *("adult", "camera", "expires", "given_at", "guardian", "means", "purpose", "scope"),
        *("shops", "text_version"),
    ]


def test_every_key_must_be_there() -> None:
    with pytest.raises(Flaws) as caught:
        read_consent({}, TERMS)
    assert {flaw.key for flaw in caught.value.flaws} == set(RECORD)


@pytest.mark.parametrize("record", [None, [], "yes", 1, [RECORD]])
def test_what_is_no_object_is_no_consent(record: object) -> None:
    with pytest.raises(Flaws, match="expected an object"):
        read_consent(record, TERMS)


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        pytest.param({"language": "fr"}, "language", id="a language that has no text"),
        pytest.param({"text_version": "2025-01"}, "text_version", id="an unknown text"),
        pytest.param({"text_version": 202611}, "text_version", id="a text version as number"),
        pytest.param({"given_at": "2026-11-23T12:00:00+08:00"}, "given_at", id="in two days"),
        pytest.param({"given_at": 1763622240}, "given_at", id="a time as number"),
        pytest.param({"given_at": "0001-01-01T00:00:00+14:00"}, "given_at", id="the year 0"),
        pytest.param({"expires": "9999-12-31"}, "expires", id="for ever"),
        pytest.param({"expires": "2031-11-25"}, "expires", id="longer than five years"),
        pytest.param({"given_at": "2026-10-31T23:59:00+08:00"}, "given_at", id="before its text"),
        pytest.param({"given_at": "2024-11-20T15:04:00+08:00"}, "given_at", id="long before it"),
        pytest.param({"expires": None}, "expires", id="no last day"),
        pytest.param({"expires": "2027-11-20T00:00:00Z"}, "expires", id="a time as last day"),
        pytest.param({"adult": 1}, "adult", id="a number as flag"),
        pytest.param({"adult": None}, "adult", id="no word on age"),
        pytest.param({"adult": False}, "guardian", id="under 18 alone"),
        pytest.param({"adult": True, "guardian": GUARDIAN}, "guardian", id="adult with guardian"),
        pytest.param({"scope": "chain"}, "shops", id="a chain of no shops"),
        pytest.param({"scope": "chain", "shops": ["bj-001"]}, "shops", id="other shops only"),
        pytest.param({"shops": ["bj-001"]}, "shops", id="another shop with scope store"),
        pytest.param({"scope": "chain", "shops": ["nj-001", "nj-001"]}, "shops", id="a shop twice"),
        pytest.param({"member": "01OTHER"}, "member", id="another member"),
        pytest.param({"member": ["C-1"]}, "member", id="a list as member"),
        pytest.param({"born": "2030-01-01"}, "born", id="not born yet"),
        pytest.param({"born": "20000101"}, "born", id="a date in another form"),
        pytest.param({"born": "2010-01-01"}, "adult", id="16 and called adult"),
    ],
)
def test_a_consent_that_does_not_hold_is_refused(changed: dict[str, Any], key: str) -> None:
    assert list(flaws(**changed)) == [key]


@pytest.mark.parametrize("expires", ["2026-11-22", "2027-11-20", "2031-11-20"])
def test_a_consent_holds_for_up_to_five_years(expires: str) -> None:
    assert str(read(expires=expires).expires) == expires


def test_a_text_may_be_agreed_to_from_the_first_of_its_month_in_the_shop() -> None:
    assert read(given_at="2026-10-31T16:00:00Z").given_at.month == 10


def test_after_a_consent_has_ended_only_a_newer_one_is_taken() -> None:
    """The record of a consent that was withdrawn is not a new consent."""
    given_at = read().given_at
    for since, taken in ((-1, True), (0, False), (1, False)):
        terms = replace(TERMS, ended_at=given_at + timedelta(milliseconds=since))
        if taken:
            assert read(terms).given_at == given_at
        else:
            with pytest.raises(Flaws, match=r"given_at: expected a time after .* given anew"):
                read(terms)


def test_a_guardian_s_old_word_is_no_new_one_either() -> None:
    terms = replace(TERMS, ended_at=datetime(2026, 11, 20, 7, 2, tzinfo=UTC))
    with pytest.raises(Flaws) as caught:
        read(terms, adult=False, guardian=GUARDIAN)
    assert [flaw.key for flaw in caught.value.flaws] == ["guardian.given_at"]
    early = {**GUARDIAN, "given_at": "2026-10-01T15:00:00+08:00"}
    assert list(flaws(adult=False, guardian=early)) == ["guardian.given_at"]


def test_a_consent_that_expires_before_it_was_given_is_refused() -> None:
    terms = Terms(shop="nj-001", zone=SHANGHAI, now=NOW, texts=TERMS.texts, names=())
    with pytest.raises(Flaws, match="no day before given_at"):
        read(terms, given_at="2026-11-23T01:00:00+08:00", expires="2026-11-22")


def test_a_clock_that_is_a_few_hours_ahead_is_no_fault() -> None:
    assert read(given_at="2026-11-23T10:00:00+08:00").live(NOW) is False


@pytest.mark.parametrize("name", ["01MEMBER", "C-1", None])
def test_a_consent_may_name_its_own_member(name: str | None) -> None:
    assert read(member=name).purpose == "recognition"


def test_a_chain_consent_names_this_shop() -> None:
    assert read(scope="chain", shops=["bj-001", "nj-001"]).shops == ("bj-001", "nj-001")


def test_a_guardian_consents_for_somebody_under_18() -> None:
    consent = read(adult=False, guardian=GUARDIAN, born="2010-01-01")
    assert consent.guardian is not None
    assert consent.guardian.name == "王芳"
    assert "王芳" not in repr(consent)
    assert "2010" not in repr(consent)


def test_a_guardian_without_name_or_with_a_future_is_none() -> None:
    found = flaws(
        adult=False, guardian={"name": " ", "given_at": "2027-01-01T00:00:00Z", "phone": "1"}
    )
    assert sorted(found) == ["guardian.name", "guardian.phone", "guardian.relation"]
    late = {**GUARDIAN, "given_at": "2027-01-01T00:00:00Z"}
    assert list(flaws(adult=False, guardian=late)) == ["guardian.given_at"]


@pytest.mark.parametrize(
    ("born", "allowed"),
    [
        pytest.param("2012-11-21", False, id="14 tomorrow"),
        pytest.param("2012-11-20", True, id="14 on the day"),
        pytest.param("2008-11-21", True, id="18 tomorrow"),
        pytest.param("2008-11-20", False, id="18 on the day, and called a minor"),
    ],
)
def test_age_is_judged_on_the_day_of_consent(born: str, allowed: bool) -> None:
    if allowed:
        assert read(adult=False, guardian=GUARDIAN, born=born).adult is False
    else:
        assert set(flaws(adult=False, guardian=GUARDIAN, born=born)) <= {"born", "adult"}


def test_a_child_is_refused_even_with_a_guardian_and_called_adult() -> None:
    assert "no face is stored of a child" in flaws(born="2020-01-01")["born"]


def test_who_was_born_on_a_leap_day_ages_on_the_first_of_march() -> None:
    born = datetime(2012, 2, 29, tzinfo=UTC).date()
    assert age_on(born, datetime(2026, 2, 28, tzinfo=UTC).date()) == 13
    assert age_on(born, datetime(2026, 3, 1, tzinfo=UTC).date()) == 14


def test_no_flaw_repeats_a_name() -> None:
    found = flaws(adult=False, guardian={**GUARDIAN, "name": "王芳" * 60}, member="李雷")
    assert not any("王芳" in text or "李雷" in text for text in found.values())
