"""Chinese and English: flat catalogues from JSON, one language per request.

Each side calls `speak(app, directory)` with its own `zh.json` and `en.json`; templates then have
`t`, `word`, `number`, `clock`, `day` and `ago`. Used by `menkou.web.app` and by both sides' pages.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import Any, Final

from flask import Flask, Response, current_app, g, request
from flask.sansio.app import App

LANGUAGES: Final = ("zh", "en")
"""The first is what a browser gets that asks for neither."""
TAGS: Final = {"zh": "zh-CN", "en": "en"}
"""The `lang` attribute of each language."""
COOKIE: Final = "menkou_lang"
TEXT: Final = Path(__file__).parent / "text"
_YEAR_S: Final = 365 * 24 * 3600
_KEY: Final = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")
_EXTENSION: Final = "menkou.text"


def load_texts(directory: Path) -> dict[str, dict[str, str]]:
    """Read `zh.json` and `en.json` of a directory: language -> key -> text.

    Raises:
        ValueError: a key is not lower-case words with dots, or a text is not a string.
    """
    loaded: dict[str, dict[str, str]] = {}
    for language in LANGUAGES:
        path = directory / f"{language}.json"
        texts = json.loads(path.read_text(encoding="utf-8"))
        for key, text in texts.items():
            if not (_KEY.fullmatch(key) and isinstance(text, str)):
                raise ValueError(f"{path}: {key}: expected a dotted key and a text, got {text!r}")
        loaded[language] = texts
    return loaded


@dataclass(frozen=True, slots=True)
class Speech:
    """One language: turns keys and values into what a person reads."""

    language: str
    texts: dict[str, str] = field(repr=False)

    @property
    def tag(self) -> str:
        """The value of the `lang` attribute."""
        return TAGS[self.language]

    def t(self, key: str, **values: Any) -> str:
        """Return the text of a key with its values filled in; whole numbers are grouped.

        With a `count`, `key.one` or `key.other` is taken if the catalogue has them.

        Raises:
            KeyError: no such key. A test keeps this from happening in templates.
        """
        if "count" in values:
            plural = f"{key}.{'one' if values['count'] == 1 else 'other'}"
            key = plural if plural in self.texts else key
        shown = {name: self._shown(value) for name, value in values.items()}
        return self.texts[key].format(**shown)

    def has(self, key: str) -> bool:
        """Whether the catalogue holds the key."""
        return key in self.texts

    def word(self, group: str, code: str, **values: Any) -> str:
        """Return the text of a code, `group.code`; a code from a newer box stands for itself."""
        key = f"{group}.{code}"
        return self.t(key, **values) if key in self.texts else code

    def number(self, value: float) -> str:
        """Return a number with its thousands grouped."""
        return f"{value:,}"

    def clock(self, moment: datetime, zone: tzinfo | None = None) -> str:
        """Return `14:05`, in the moment's own zone or the given one."""
        return f"{moment.astimezone(zone) if zone else moment:%H:%M}"

    def day(self, moment: datetime) -> str:
        """Return the date as `11月22日 星期日` or `Sunday, 22 November`."""
        return self.t(
            "date.day",
            month=self.t(f"date.month_{moment.month}"),
            day=moment.day,
            weekday=self.t(f"date.weekday_{moment.weekday()}"),
        )

    def short_date(self, on: date, today: date) -> str:
        """Return a date without its weekday, with its year unless it is this one."""
        month = self.t(f"date.month_{on.month}")
        if on.year == today.year:
            return self.t("date.short", month=month, day=on.day)
        return self.t("date.long", month=month, day=on.day, year=str(on.year))

    def ago(self, then: datetime, now: datetime) -> str:
        """Return how long ago, in one unit: `3 分钟前`, `2 days ago`. The future is just now."""
        minutes = int((now - then).total_seconds() // 60)
        if minutes < 1:
            return self.t("ago.now")
        if minutes < 60:
            return self.t("ago.minutes", count=minutes)
        if minutes < 48 * 60:
            return self.t("ago.hours", count=minutes // 60)
        return self.t("ago.days", count=minutes // (24 * 60))

    def moment(self, then: datetime, now: datetime) -> str:
        """Return the clock time, with the date before it unless it is today's.

        The date has its year unless it is this one.
        """
        local = then.astimezone(now.tzinfo)
        if local.date() == now.date():
            return self.clock(local)
        month, clock = self.t(f"date.month_{local.month}"), self.clock(local)
        if local.year == now.year:
            return self.t("date.moment", month=month, day=local.day, clock=clock)
        year = str(local.year)
        return self.t("date.moment_long", month=month, day=local.day, clock=clock, year=year)

    def _shown(self, value: Any) -> Any:
        is_count = isinstance(value, int) and not isinstance(value, bool)
        return self.number(value) if is_count else value


def speak(app: App, directory: Path) -> None:
    """Add a directory's texts to the app; the first call also gives it its languages."""
    known = app.extensions.get(_EXTENSION)
    if known is None:
        known = app.extensions[_EXTENSION] = load_texts(TEXT)
        app.context_processor(_for_templates)
        app.after_request(_remember_choice)
    for language, texts in load_texts(directory).items():
        known[language].update(texts)


def speech(app: Flask) -> Speech:
    """Return the language of the request: `?lang=`, the cookie, Accept-Language, Chinese."""
    if "speech" not in g:
        language = _chosen()
        g.speech = Speech(language, app.extensions[_EXTENSION][language])
    found: Speech = g.speech
    return found


@contextmanager
def spoken_in(app: Flask, language: str) -> Iterator[None]:
    """Speak one language for a while, whatever the request asks for."""
    before = speech(app)
    g.speech = Speech(language, app.extensions[_EXTENSION][language])
    try:
        yield
    finally:
        g.speech = before


def _asked() -> str | None:
    wanted = request.args.get("lang")
    return wanted if wanted in LANGUAGES else None


def _chosen() -> str:
    remembered = request.cookies.get(COOKIE)
    return (
        _asked()
        or (remembered if remembered in LANGUAGES else None)
        or request.accept_languages.best_match(LANGUAGES)
        or LANGUAGES[0]
    )


def _for_templates() -> dict[str, Any]:
    said = speech(current_app)
    other = next(language for language in LANGUAGES if language != said.language)
    return {"speech": said, "t": said.t, "word": said.word, "number": said.number, "other": other}


def _remember_choice(response: Response) -> Response:
    """Remember what a person chose; the live part asks for its page's language by itself."""
    asked = _asked()
    if asked and not request.path.endswith("/live") and request.cookies.get(COOKIE) != asked:
        response.set_cookie(
            COOKIE,
            asked,
            max_age=_YEAR_S,
            httponly=True,
            secure=request.is_secure,
            samesite="Strict",
        )
    return response
