"""Makes the digest's message: text and HTML, in Chinese or English. Pure; called by `writer`.

The HTML holds its few styles in itself, no image and nothing that is fetched from elsewhere.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from cloud.anomalies.desk import Anomaly
from cloud.boxes import zone_or_utc
from cloud.digest.figures import Digest
from cloud.pages.frame import change_text, day_text, figure_text
from menkou.web.i18n import LANGUAGES, Speech, load_texts
from menkou.web.i18n import TEXT as WEB_TEXT

_HERE: Final = Path(__file__).parent
_PAGES: Final = _HERE.parent / "pages"
ANOMALIES_SHOWN: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One figure as it is read. `beside`: compared with what it was; `why`: it is missing."""

    name: str
    value: str
    beside: tuple[str, ...]
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """From whom, to whom, and the address of the pages."""

    sender: str
    to: str
    url: str
    at: datetime


@cache
def speech_of(language: str) -> Speech:
    """Return a language with the words of all pages."""
    assert language in LANGUAGES, language
    texts: dict[str, str] = {}
    for folder in (WEB_TEXT, *sorted(_PAGES.rglob("text")), _HERE / "text"):
        texts |= load_texts(folder)[language]
    return Speech(language, texts)


def letter(digest: Digest, language: str, envelope: Envelope) -> EmailMessage:
    """Return the message; the same day's to the same address has the same Message-ID."""
    said = speech_of(language)
    shown = _shown(digest, said, envelope.at)
    shown |= {"url": envelope.url, "digest": digest, "board": digest.board}
    message = EmailMessage()
    message["Subject"] = shown["subject"]
    message["From"] = Address(display_name=said.t("web.brand"), addr_spec=envelope.sender)
    message["To"] = Address(addr_spec=envelope.to)
    message["Date"] = format_datetime(envelope.at)
    message["Message-ID"] = _message_id(digest.board.day, envelope)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence answers
    message.set_content(_template("digest.txt").render(shown))
    message.add_alternative(_template("digest.html").render(shown), subtype="html")
    message["Content-Language"] = said.tag  # last: it would go to the first part otherwise
    return message


def _message_id(day: date, envelope: Envelope) -> str:
    of = hashlib.sha256(f"{day} {envelope.to.casefold()} {envelope.url}".encode()).hexdigest()
    return f"<menkou-digest-{day}-{of[:24]}@{envelope.sender.rpartition('@')[2]}>"


@cache
def _template(name: str) -> Any:
    environment = Environment(
        loader=PackageLoader("cloud.digest"),
        autoescape=lambda file: file is not None and file.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def _shown(digest: Digest, said: Speech, now: datetime) -> dict[str, Any]:
    board = digest.board
    day = day_text(said, board.day)
    groups: list[dict[str, Any]] = []
    for group in board.groups:
        cards = (group.visitors, *group.cards)
        groups.append(
            {
                "title": said.word("group", group.basis),
                "note": said.word("group_note", group.basis),
                "shops": group.shops,
                "lacks": group.lacks,
                "lines": [_line(card, said) for card in cards],
            }
        )
    people = [_line(card, said) for card in (*board.people, *board.waiting)]
    # What is counted in two ways has no sum that could stand in a line by itself.
    subject = said.t("digest.subject_apart", day=day)
    if len(groups) == 1:
        subject = said.t("digest.subject", day=day, visitors=groups[0]["lines"][0].value)
    return {
        "t": said.t,
        "lang": said.tag,
        "subject": subject,
        "day": day,
        "groups": groups,
        "people": people,
        "accuracy": _accuracy(digest, said),
        "troubles": [
            said.t(f"digest.trouble_{code}", count=count)
            for code, count in digest.troubles.items()
            if count
        ],
        "more": max(0, len(digest.anomalies) - ANOMALIES_SHOWN),
        "anomalies": [_anomaly(one, said, now) for one in digest.anomalies[:ANOMALIES_SHOWN]],
    }


def _anomaly(one: Anomaly, said: Speech, now: datetime) -> dict[str, str]:
    """Return whose it is, and what it is since when, as the page of anomalies names it."""
    local = now.astimezone(zone_or_utc(one.timezone)) if one.timezone else now
    code = f"is_{one.kind}_{one.reason}"
    what = said.word("anomalies", code, count=one.shops or 0)
    since = said.t("anomalies.since_when", moment=said.moment(one.since, local))
    shop = one.name if one.store else said.t("anomalies.whole_chain")
    return {"shop": shop, "text": said.t("digest.anomaly", what=what, since=since)}


def _name(card: Any, said: Speech) -> str:
    """Return what a card is called: a time is one metric, of which it shows one part."""
    if card.form == "time":
        return f"{said.t('metric.wait')} ({said.t(f'overview.{card.key}')})"
    return said.t(f"metric.{card.key}")


def _line(card: Any, said: Speech) -> Line:
    """Return a card of the first page in words."""
    name, compare = _name(card, said), card.compare
    if compare.value is None:
        code = "nothing" if card.known else card.key
        why = said.t(f"overview.why_{code}") if said.has(f"overview.why_{code}") else ""
        return Line(name=name, value="–", beside=(), why=why)
    beside = []
    if compare.verdict != "unknown":
        beside.append(said.t(f"verdict.{compare.verdict}"))
    for key, then in (("week", compare.week_ago), ("year", compare.year_ago)):
        if isinstance(then, int | float):
            change = change_text(said, compare.value, then, card.form)
            if change:
                beside.append(said.t(f"digest.than_{key}", change=change))
    if card.known < card.shops:
        beside.append(said.t("overview.known", known=card.known, shops=card.shops))
    return Line(name=name, value=figure_text(said, compare.value, card.form), beside=tuple(beside))


def _accuracy(digest: Digest, said: Speech) -> str:
    found = digest.accuracy
    if found is None or found.ratio is None or found.low is None or found.high is None:
        return said.t("digest.never_checked")
    percent = [f"{100 * value:.1f}" for value in (found.ratio, found.low, found.high)]
    text = said.t(
        "digest.accuracy", ratio=percent[0], low=percent[1], high=percent[2], hours=found.hours
    )
    return text + (said.t("digest.accuracy_old") if digest.accuracy_old else "")
