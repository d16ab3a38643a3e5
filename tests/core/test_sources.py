"""What may be answered to "where from", and what is asked next."""

import pytest

from edge.core.sources import (
    UNKNOWN,
    USUAL,
    Advert,
    Answer,
    Channel,
    answered,
    proposed,
    wants_advert,
)
from edge.wire import checks
from edge.wire.channels import is_id

NOTE = Channel(
    id="note",
    zh="小红书",
    en="Notes",
    adverts=(Advert(id="a1", zh="一", en="One"), Advert(id="a2", zh="二", en="Two", active=False)),
)
ENDED = Channel(id="radio", zh="电台", en="Radio", active=False)
LIST = (NOTE, ENDED, Channel(id="app", zh="App", en="App"))


@pytest.mark.parametrize(
    ("channel", "advert", "answer"),
    [
        pytest.param("note", "", Answer(channel="note"), id="the channel first"),
        pytest.param("note", "a1", Answer(channel="note", advert="a1"), id="then the advert"),
        pytest.param("note", "a2", Answer(channel="note", advert="a2"), id="of an older page"),
        pytest.param("note", UNKNOWN, Answer(channel="note", advert=UNKNOWN), id="which unknown"),
        pytest.param(UNKNOWN, "", Answer(channel=UNKNOWN), id="not knowing is an answer"),
        pytest.param("radio", "", Answer(channel="radio"), id="no longer asked for"),
        pytest.param(UNKNOWN, "a1", None, id="no advert of nothing"),
        pytest.param("app", "a1", None, id="another channel's advert"),
        pytest.param("tv", "", None, id="no such channel"),
        pytest.param("", "", None, id="nothing"),
        pytest.param("王丽华", "", None, id="a name"),
    ],
)
def test_an_answer_is_one_of_the_list(channel: str, advert: str, answer: Answer | None) -> None:
    assert answered(LIST, channel, advert) == answer


def test_the_advert_is_asked_for_where_there_is_one_and_nobody_asked_yet() -> None:
    assert wants_advert(LIST, Answer(channel="note"))
    assert not wants_advert(LIST, Answer(channel="note", advert=UNKNOWN))
    assert not wants_advert(LIST, Answer(channel="app"))
    assert not wants_advert(LIST, Answer(channel=UNKNOWN))
    assert not wants_advert(LIST, None)


def test_an_appointment_proposes_the_channel_that_it_was_made_by() -> None:
    assert proposed(LIST, "app") == "app"
    assert proposed(LIST, "radio") is None, "nobody asks for it any more"
    assert (proposed(LIST, "web"), proposed(LIST, "")) == (None, None)


def test_the_usual_list_can_leave_the_shop() -> None:
    assert all(is_id(one.id) for one in USUAL)
    assert len({one.id for one in USUAL}) == len(USUAL)


@pytest.mark.parametrize(
    "text",
    [
        *("", "1a", "a" * 25, "Li", "li ming", "张三", "c13800138000", "c-1380013", "a.b", "a\n"),
        *("unknown", "_a", "wang@x"),
    ],
)
def test_a_name_or_a_number_of_a_phone_is_no_id(text: str) -> None:
    assert not is_id(text)
    if text != UNKNOWN:
        with pytest.raises(ValueError, match="expected 1 to 24 of a-z"):
            checks.listed(text)


@pytest.mark.parametrize("text", ["a", "xhs-2026-11", "a_b-c", "n202611", "a" * 24])
def test_a_short_code_is_an_id(text: str) -> None:
    assert is_id(text)
    assert checks.listed(text) == text
