"""Which columns the CSV files of members and appointments have.

For `cloud.office_cli` and `desks.members`. `menkou.table` reads them,
with every fault at once; no cell is ever repeated in a message.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from cloud.errors import HubFault
from cloud.office.seal import Texts, plain_id
from menkou import table
from menkou.table import Row, Sifted

CHANNELS: Final = ("app", "web", "phone", "shop", "other")
STATES: Final = ("booked", "cancelled")
NOTE_CHARS_MAX: Final = 500
TAGS_CHARS_MAX: Final = 400
_PHONE: Final = re.compile(r"\+?[0-9]{5,15}", re.ASCII)
_PHONE_DRESS: Final = re.compile(r"[\s()./-]")
_BIRTHDAY: Final = re.compile(r"\d\d-\d\d", re.ASCII)
Check = Callable[[str], str]


def _words(longest: int) -> Check:
    def check(text: str) -> str:
        if len(text) > longest:
            raise ValueError(f"expected at most {longest} printable characters, got {len(text)}")
        if not text.isprintable():
            raise ValueError(f"expected at most {longest} printable characters, got another kind")
        return text

    return check


def _needed(check: Check) -> Check:
    def needed(text: str) -> str:
        if not text:
            raise ValueError("expected a value, got none")
        return check(text)

    return needed


def _day(text: str) -> str:
    return date.fromisoformat(text).isoformat() if text else ""


def _birthday(text: str) -> str:
    if text and not _BIRTHDAY.fullmatch(text):
        raise ValueError
    if text:
        date(2000, int(text[:2]), int(text[3:]))
    return text


def _phone(text: str) -> str:
    number = _PHONE_DRESS.sub("", unicodedata.normalize("NFKC", text))
    if number and not _PHONE.fullmatch(number):
        raise ValueError
    return number


def _moment(text: str) -> str:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or not 2000 < moment.year < 2200:
        raise ValueError
    return moment.astimezone(UTC).isoformat()


def _one_of(*allowed: str) -> Check:
    def check(text: str) -> str:
        if text in allowed:
            return text
        raise ValueError(f"expected {' | '.join(allowed)}, got something else")

    return check


_EXPECTED: Final[Mapping[Check, str]] = {
    _day: "expected a date such as 2026-11-20, got something else",
    _phone: "expected a phone number of 5 to 15 digits, got something else",
    _birthday: "expected MM-DD such as 03-08, got something else",
    _moment: "expected a time with offset such as 2026-11-20T15:04+08:00, got something else",
}
MEMBER_COLUMNS: Final[Mapping[str, Check]] = {
    "external_id": _needed(_words(64)),
    "name": _needed(_words(80)),
    **{name: _words(80) for name in ("called", "consultant", "repair_ready", "last_purchase")},
    "tier": _words(40),
    "birthday": _birthday,
    "note": _words(NOTE_CHARS_MAX),
    "tags": _words(TAGS_CHARS_MAX),
    "phone": _phone,
    "last_purchase_on": _day,
    "last_visit_on": _day,
    "last_visit_shop": _words(64),
}
"""As a box's profile has them, without its appointment: those come by themselves."""
APPOINTMENT_COLUMNS: Final[Mapping[str, Check]] = {
    "id": _needed(_words(64)),
    "external_id": _needed(_words(64)),
    "at": _moment,
    "what": _words(80),
    "channel": _one_of(*CHANNELS),
    "state": _one_of(*STATES),
}


def read_members(path: Path) -> list[Row]:
    """Return members.

    Raises:
        menkou.table.TableFault: with everything that is wrong.
    """
    return _read(path, MEMBER_COLUMNS, ("external_id", "name"), "external_id")


def read_appointments(path: Path) -> list[Row]:
    """Return appointments; every column has to be there.

    Raises:
        menkou.table.TableFault: with everything that is wrong.
    """
    return _read(path, APPOINTMENT_COLUMNS, tuple(APPOINTMENT_COLUMNS), "id")


def sift_members(raw: bytes) -> Sifted:
    """Return members row by row, sound ones and what is wrong with the others.

    Raises:
        menkou.table.TableFault: no row can be told apart: it is no CSV, or its header is wrong.
    """
    return table.sift(raw, _columns(MEMBER_COLUMNS, ("external_id", "name"), "external_id"))


def read_member(texts: Mapping[str, Any]) -> Texts:
    """Return a member's texts, each of them checked.

    Raises:
        Unsound: with everything that is wrong, by column; no text is repeated in it.
    """
    known_names = ", ".join(MEMBER_COLUMNS)
    strange = sorted(set(texts) - set(MEMBER_COLUMNS))
    faults = [f"{name[:40]!a}: expected one of {known_names}, got another name" for name in strange]
    known = {name: text for name, text in texts.items() if name in MEMBER_COLUMNS}
    faults += [f"{n}: expected a text, got another" for n, t in known.items() if type(t) is not str]
    row, wrong = _checked(MEMBER_COLUMNS, {n: t for n, t in known.items() if isinstance(t, str)})
    missing = [n for n in ("external_id", "name") if n not in known]
    faults += [*wrong, *(f"{name}: expected a value, got none" for name in missing)]
    if faults:
        raise Unsound(faults)
    return row


class Unsound(HubFault):
    """A member's texts are none; `faults` says what is wrong, by column."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


def _read(path: Path, columns: Mapping[str, Check], needed: Sequence[str], key: str) -> list[Row]:
    return table.read_table(path, _columns(columns, needed, key))


def _columns(columns: Mapping[str, Check], needed: Sequence[str], key: str) -> table.Columns:
    def check(cells: Mapping[str, str]) -> tuple[Mapping[str, str], Sequence[str]]:
        return _checked(columns, cells)

    return table.Columns(known=columns, needed=needed, key=key, plain=plain_id, check=check)


def _checked(
    columns: Mapping[str, Check], cells: Mapping[str, str]
) -> tuple[Mapping[str, str], Sequence[str]]:
    row, faults = {}, []
    for name, cell in cells.items():
        check = columns[name]
        row[name] = cell.strip()
        try:
            row[name] = check(row[name])
        except ValueError as exc:
            faults.append(f"{name}: {_EXPECTED.get(check, str(exc))}")
    return row, faults
