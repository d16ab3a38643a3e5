"""A member's profile, and how it is written as texts. Called by the store, commands and pages.

Pure. One form in and out: texts by field name, as a CSV row, a command line, a form and the sealed
profile hold them.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import Any, Final

from edge.core.flaws import Flaw, Flaws
from edge.core.queue import phone_number

_BIRTHDAY: Final = re.compile(r"(\d\d)-(\d\d)")
_SEPARATORS: Final = re.compile(r"[;；]")
_SHORT: Final = 80
_LONG: Final = 500
_TAGS_MAX: Final = 20
_LENGTHS: Final = {"note": _LONG, "external_id": 64, "claimed_id": 64, "tier": 40}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Profile:
    """What the shop knows of a member. Personal: repr shows nothing of it.

    `called` is how the member likes to be addressed, `external_id` the number in the shop's own
    systems, `birthday` MM-DD (no year: nothing here needs an age), `repair_ready` what lies ready
    to be picked up, `appointment_at` aware, `phone` digits with a plus or without. `claimed_id` is
    an external id that a guest gave as their own and nobody has checked: it is found by, and
    nothing hangs on it.
    """

    name: str
    called: str | None = None
    external_id: str | None = None
    tier: str | None = None
    birthday: str | None = None
    consultant: str | None = None
    note: str | None = None
    tags: tuple[str, ...] = ()
    appointment_at: datetime | None = None
    appointment_what: str | None = None
    repair_ready: str | None = None
    last_purchase: str | None = None
    last_purchase_on: date | None = None
    last_visit_on: date | None = None
    last_visit_shop: str | None = None
    phone: str | None = None
    claimed_id: str | None = None

    def __repr__(self) -> str:
        return "Profile(...)"

    def texts(self) -> dict[str, str]:
        """Return the fields that hold something, as `read_profile` takes them."""
        held = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: _text_of(value) for name, value in held.items() if value not in (None, ())}


FIELDS: Final = tuple(field.name for field in fields(Profile))


def plain_id(external_id: str) -> str:
    """Return an external id without the ways of writing it: width, case, spaces around it."""
    return unicodedata.normalize("NFKC", external_id).strip().casefold()


def _text_of(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return ";".join(value) if isinstance(value, tuple) else str(value)


def _words(name: str, text: str) -> str:
    longest = _LENGTHS.get(name, _SHORT)
    lines = text.splitlines() if name == "note" else [text]
    if len(text) <= longest and all(line.isprintable() for line in lines):
        return text
    raise ValueError(f"expected 1 to {longest} printable characters, got {len(text)}")


def _birthday(text: str) -> str:
    found = _BIRTHDAY.fullmatch(text)
    try:
        if found:
            date(2000, int(found[1]), int(found[2]))  # a leap year: 02-29 is a birthday
            return text
    except ValueError:
        found = None
    raise ValueError("expected a month and a day, MM-DD such as 03-08, got something else")


def _day(text: str) -> date:
    try:
        if len(text) == 10:
            return date.fromisoformat(text)
    except ValueError:
        text = ""
    raise ValueError("expected a date such as 2026-11-20, got something else")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None and 2000 < moment.year < 2200:
            return moment.astimezone(UTC)
    except ValueError:
        text = ""
    raise ValueError("expected a time with offset such as 2026-11-20T15:04+08:00, got another")


def _phone(text: str) -> str:
    number = phone_number(text)
    if number is None:
        raise ValueError("expected a phone number of 5 to 15 digits, got something else")
    return number


def _tags(text: str) -> tuple[str, ...]:
    tags = tuple(dict.fromkeys(tag.strip() for tag in _SEPARATORS.split(text) if tag.strip()))
    if len(tags) > _TAGS_MAX:
        raise ValueError(f"expected at most {_TAGS_MAX} tags with ; between, got {len(tags)}")
    for tag in tags:
        _words("tags", tag)
    return tags


def _read(name: str, text: str) -> Any:
    match name:
        case "birthday":
            return _birthday(text)
        case "appointment_at":
            return _moment(text)
        case "last_purchase_on" | "last_visit_on":
            return _day(text)
        case "tags":
            return _tags(text)
        case "phone":
            return _phone(text)
        case _:
            return _words(name, text)


def read_profile(texts: Mapping[str, str]) -> Profile:
    """Read a profile from texts by field name; empty ones stand for nothing known.

    Raises:
        Flaws: with everything that is wrong, by field; no text is repeated in it.
    """
    flaws: list[Flaw] = []
    values: dict[str, Any] = {}
    for name, text in texts.items():
        if name not in FIELDS:
            flaws.append(Flaw(key=name[:_SHORT], text=f"unknown; known are {', '.join(FIELDS)}"))
        elif text.strip():
            try:
                values[name] = _read(name, text.strip())
            except ValueError as exc:
                flaws.append(Flaw(key=name, text=str(exc)))
    if "name" not in values and not any(flaw.key == "name" for flaw in flaws):
        flaws.append(Flaw(key="name", text="expected a name, got none"))
    if flaws:
        raise Flaws(flaws)
    return Profile(**values)
