"""Both languages say the same things, nothing is untranslated and nothing is left over."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest
from flask import Flask

from edge.console.page import NOTICES
from edge.core.greeting import ReasonCode
from edge.modes import Why
from edge.store.devices import ROLES
from edge.wire.messages import CameraState
from menkou.web.i18n import LANGUAGES, Speech, load_texts, speak, speech

ROOT = Path(__file__).parents[2]
SIDES = {
    "web": [ROOT / "menkou/web"],
    "console": [ROOT / "edge/console"],
    "pages": [ROOT / "cloud/pages"],
    "accounts": [ROOT / "cloud/accounts"],
    "digest": [ROOT / "cloud/digest"],
}
BORROWS = {"digest": "pages"}
"""Whose words a side speaks, too."""
# Macros of head office's pages take keys as `t` does.
_WHOLE = re.compile(r'\b(?:t|card|missing|change)\(\s*[\'"]([a-z0-9_.]+)[\'"]\s*[,)]')
_FAMILY = re.compile(
    r'\b(?:t|card|missing|has)\(\s*[\'"]([a-z0-9_.]+)[\'"]\s*~|\bt\(\s*f"([a-z0-9_.]+)\{'
)
_WORD = re.compile(r'\bword\(\s*[\'"]([a-z0-9_]+)[\'"]')
# What pages are given as a problem to tell, also as one of two; titles of a table's columns.
_LOGIN = re.compile(
    r'(?:form|_ask|keys_page)\((?:\w+, )?"([a-z]+\.[a-z0-9_]+)"'
    r'|(?:problem=|title=|else )"([a-z]+\.[a-z0-9_]+)"'
)
_TOLD = re.compile(r'(?:_form\(\w+, |keys_page\()f"([a-z0-9_.]+)\{')


def _texts(side: str) -> dict[str, dict[str, str]]:
    """Return a side's texts, those of its rooms among them; no two say the same key."""
    texts: dict[str, dict[str, str]] = {language: {} for language in LANGUAGES}
    for folder in sorted(SIDES[side][0].rglob("text")):
        for language, more in load_texts(folder).items():
            assert not texts[language].keys() & more.keys(), folder
            texts[language].update(more)
    return texts


def _sources(side: str) -> str:
    folder = SIDES[side][0]
    files = [*folder.rglob("*.py"), *folder.rglob("*.html")]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def _told(side: str) -> set[str]:
    return {"".join(found) for found in _LOGIN.findall(_sources(side))}


def _bare(key: str) -> str:
    return key.removesuffix(".one").removesuffix(".other")


@pytest.mark.parametrize("side", SIDES)
def test_both_languages_have_the_same_keys_and_values(side: str) -> None:
    texts = _texts(side)
    assert texts["zh"].keys() == texts["en"].keys()
    for key, text in texts["zh"].items():
        named = [
            {name for _, name, *_ in Formatter().parse(t) if name} for t in (text, texts["en"][key])
        ]
        # "1 message" may leave its count in words.
        assert named[0] - {"count"} == named[1] - {"count"}, key


@pytest.mark.parametrize("side", SIDES)
def test_every_key_that_a_page_uses_exists(side: str) -> None:
    sides = (side, "web", BORROWS.get(side, "web"))
    known = {_bare(key) for one in sides for key in _texts(one)["zh"]}
    used = set(_WHOLE.findall(_sources(side))) | _told(side)
    assert used
    assert used - known == set()


@pytest.mark.parametrize("side", SIDES)
def test_no_text_is_left_unused(side: str) -> None:
    source = _sources(side)
    whole = set(_WHOLE.findall(source)) | _told(side)
    families = tuple("".join(found) for found in _FAMILY.findall(source))
    families += tuple(_TOLD.findall(source))
    families += tuple(f"{group}." for group in _WORD.findall(source))
    keys = {_bare(key) for key in _texts(side)["zh"]}
    assert {key for key in keys - whole if not key.startswith(families)} == set()


def _choices(field: str) -> set[str]:
    """Return the words that the wire allows for a camera's state, by trying them."""
    check = next(f for f in CameraState.__dataclass_fields__.values() if f.name == field)
    try:
        check.metadata["check"]("?")
    except ValueError as refusal:
        return set(re.findall(r"[a-z_]{2,}", str(refusal).split(", got")[0])) - {
            "expected",
            "one",
            "of",
            "or",
        }
    raise AssertionError("everything is allowed")


def test_every_camera_state_of_the_wire_has_a_word() -> None:
    keys = _texts("console")["zh"]
    states = _choices("state")
    assert "lost" in states
    assert {state for state in states if f"camera_state.{state}" not in keys} == set()


@pytest.mark.parametrize(
    "code",
    [
        *NOTICES,
        *get_args(Why),
        "camera_lost",
        "camera_frozen",
        "camera_unreadable",
        "part_silent",
    ],
)
def test_every_notice_says_what_is_wrong_and_what_to_do(code: str) -> None:
    for texts in _texts("console").values():
        assert texts[f"notice.{code}_title"]
        assert texts[f"notice.{code}_text"]


@pytest.mark.parametrize("code", get_args(ReasonCode))
def test_every_reason_to_greet_somebody_has_words(code: str) -> None:
    keys = {_bare(key) for key in _texts("console")["zh"]}
    assert f"why.{code}" in keys


@pytest.mark.parametrize("role", ROLES)
def test_every_role_has_a_name_and_says_what_it_may(role: str) -> None:
    keys = _texts("console")["zh"]
    assert {f"role.{role}", f"role_note.{role}"} <= keys.keys()


@pytest.mark.parametrize(
    ("query", "cookie", "header", "tag"),
    [
        pytest.param("?lang=en", "zh", "zh", "en", id="the address first"),
        pytest.param("", "en", "zh-CN", "en", id="then what was chosen before"),
        pytest.param("", None, "en-GB,en;q=0.9,zh;q=0.8", "en", id="then the browser"),
        pytest.param("", None, "zh-TW,zh;q=0.9", "zh-CN", id="any Chinese"),
        pytest.param("", None, "fr", "zh-CN", id="else Chinese"),
        pytest.param("?lang=fr", "xx", "", "zh-CN", id="what is unknown is ignored"),
    ],
)
def test_the_language_is_chosen_in_this_order(
    query: str, cookie: str | None, header: str, tag: str
) -> None:
    app = Flask("x")
    speak(app, ROOT / "menkou/web/text")
    app.add_url_rule("/tag", "tag", lambda: speech(app).tag)
    client = app.test_client()
    if cookie:
        client.set_cookie("menkou_lang", cookie)
    assert client.get(f"/tag{query}", headers={"Accept-Language": header}).text == tag


def test_a_choice_is_remembered() -> None:
    app = Flask("x")
    speak(app, ROOT / "menkou/web/text")
    app.add_url_rule("/tag", "tag", lambda: speech(app).tag)
    client = app.test_client()
    app.add_url_rule("/live", "live", lambda: "")
    client.get("/tag?lang=en")
    client.get("/live?lang=zh")  # another window's live part, still in Chinese
    assert client.get("/tag", headers={"Accept-Language": "zh"}).text == "en"


@pytest.mark.parametrize(
    ("passed", "zh", "en"),
    [
        pytest.param(timedelta(seconds=-5), "刚刚", "just now", id="a clock that runs ahead"),
        pytest.param(timedelta(seconds=59), "刚刚", "just now", id="seconds"),
        pytest.param(timedelta(minutes=1), "1 分钟前", "1 minute ago", id="one"),
        pytest.param(timedelta(minutes=59), "59 分钟前", "59 minutes ago", id="minutes"),
        pytest.param(timedelta(hours=47), "47 小时前", "47 hours ago", id="hours"),
        pytest.param(timedelta(days=3), "3 天前", "3 days ago", id="days"),
    ],
)
def test_how_long_ago_is_said_in_one_unit(passed: timedelta, zh: str, en: str) -> None:
    now = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
    texts = _texts("web")
    said = [Speech(language, texts[language]).ago(now - passed, now) for language in LANGUAGES]
    assert said == [zh, en]


def test_a_moment_of_another_day_names_the_day() -> None:
    now = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
    english = Speech("en", _texts("web")["en"])
    assert english.moment(now - timedelta(hours=1), now) == "07:00"
    assert english.moment(now - timedelta(days=3), now) == "18 November 08:00"
    assert english.moment(now - timedelta(days=365), now) == "21 November 2025 08:00"
    assert english.day(now) == "Saturday, 21 November"


@pytest.mark.parametrize(
    ("on", "zh", "en"),
    [
        pytest.param(date(2026, 3, 8), "3月8日", "8 March", id="this year"),
        pytest.param(date(2025, 12, 24), "2025年12月24日", "24 December 2025", id="another"),
    ],
)
def test_a_date_of_another_year_names_the_year(on: date, zh: str, en: str) -> None:
    texts, today = _texts("web"), date(2026, 11, 21)
    said = [Speech(language, texts[language]).short_date(on, today) for language in LANGUAGES]
    assert said == [zh, en]


def test_the_patterns_above_see_every_use() -> None:
    """A template that names a key in another way would go unseen by the tests above."""
    defined = {"self, key: str, **values: Any", "problem, **values", "key, **values", "problem"}
    # The macros of figures.html, whose uses the patterns see.
    defined |= {"name_key", "why_key, **kwargs", "word_key"}
    # Titles of the columns of a table as a file.
    defined |= {"key"}
    # The digest asks first whether there are such words.
    defined |= {"key, count=one.shops or 0", "why"}
    for side in SIDES:
        loose = re.findall(r"\bt\((?!\s*f?['\"])([^)]*)", _sources(side))
        assert set(loose) <= defined
