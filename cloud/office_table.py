"""Reads the CSV files of members and appointments, with every fault at once. Called by commands.

UTF-8, with or without a byte order mark. No cell is ever repeated in a message.
"""

import csv
import difflib
import io
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from cloud.office import plain_id
from menkou.errors import MenkouFault

BYTES_MAX: Final = 50_000_000
FAULTS_SHOWN: Final = 100
CHANNELS: Final = ("app", "web", "phone", "shop", "other")
STATES: Final = ("booked", "cancelled")
_BIRTHDAY: Final = re.compile(r"\d\d-\d\d", re.ASCII)
Check = Callable[[str], str]


class TableFault(MenkouFault):
    """A file cannot be imported; its text names all that is wrong, by line."""


def _words(longest: int) -> Check:
    def check(text: str) -> str:
        if len(text) <= longest and text.isprintable():
            return text
        raise ValueError(f"expected at most {longest} printable characters, got {len(text)}")

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
    _birthday: "expected MM-DD such as 03-08, got something else",
    _moment: "expected a time with offset such as 2026-11-20T15:04+08:00, got something else",
}
MEMBER_COLUMNS: Final[Mapping[str, Check]] = {
    "external_id": _needed(_words(64)),
    "name": _needed(_words(80)),
    **{name: _words(80) for name in ("called", "consultant", "repair_ready", "last_purchase")},
    "tier": _words(40),
    "birthday": _birthday,
    "note": _words(500),
    "tags": _words(400),
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


def read_members(path: Path) -> list[Mapping[str, str]]:
    """Return members by column.

    Raises:
        TableFault: with everything that is wrong.
    """
    return _read(path, MEMBER_COLUMNS, ("external_id", "name"), "external_id")


def read_appointments(path: Path) -> list[Mapping[str, str]]:
    """Return appointments by column; every column has to be there.

    Raises:
        TableFault: with everything that is wrong.
    """
    return _read(path, APPOINTMENT_COLUMNS, tuple(APPOINTMENT_COLUMNS), "id")


def _read(
    path: Path, columns: Mapping[str, Check], needed: Sequence[str], key: str
) -> list[Mapping[str, str]]:
    faults: list[str] = []
    rows: list[Mapping[str, str]] = []
    seen: dict[str, int] = {}
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        faults += _header_faults(header, columns, needed)
        for cells in reader if not faults else ():
            if not any(cell.strip() for cell in cells):
                continue  # spreadsheets end with empty rows
            line = reader.line_num
            if len(cells) != len(header):
                faults.append(f"line {line}: expected {len(header)} columns, got {len(cells)}")
                continue
            row = _row(dict(zip(header, cells, strict=True)), columns, line, faults)
            plain = plain_id(row[key])
            if first := seen.get(plain):
                faults.append(f"line {line}: {key}: expected one of its own, got line {first}'s")
            seen.setdefault(plain, line)
            rows.append(row)
    except csv.Error as exc:
        faults.append(f"line {reader.line_num}: expected CSV with commas, got: {exc}")
    if not rows and not faults:
        faults.append("expected at least one row below the header, got none")
    if faults:
        shown = [f"{path.name}: {fault}" for fault in faults[:FAULTS_SHOWN]]
        if len(faults) > FAULTS_SHOWN:
            shown.append(f"{path.name}: and {len(faults) - FAULTS_SHOWN} more")
        raise TableFault("\n".join(["nothing was imported:", *shown]))
    return rows


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > BYTES_MAX:
            raise TableFault(f"{path.name}: expected at most {BYTES_MAX} bytes, got more")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as exc:
        raise TableFault(f"{path.name}: cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError:
        raise TableFault(f'{path.name}: expected UTF-8; save it as "CSV UTF-8"') from None


def _header_faults(
    header: Sequence[str], columns: Mapping[str, Check], needed: Sequence[str]
) -> list[str]:
    faults = []
    for number, name in enumerate(header, start=1):
        if name not in columns:
            close = difflib.get_close_matches(name, columns, n=1, cutoff=0.5)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(columns)}"
            faults.append(f"line 1: column {number}: not a known name; {hint}")
        elif name in header[: number - 1]:
            faults.append(f"line 1: column {number}: {name} stands there twice")
    missing = [name for name in needed if name not in header]
    return faults + [f"line 1: expected a column called {name}, got none" for name in missing]


def _row(
    cells: Mapping[str, str], columns: Mapping[str, Check], line: int, faults: list[str]
) -> Mapping[str, str]:
    row = {}
    for name, cell in cells.items():
        check = columns[name]
        try:
            row[name] = check(cell.strip())
        except ValueError as exc:
            faults.append(f"line {line}: {name}: {_EXPECTED.get(check, str(exc))}")
            row[name] = cell.strip()
    return row
