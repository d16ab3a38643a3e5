"""Reads a CSV file of members, with every fault at once. Called by `member_commands`.

Spreadsheets write UTF-8 with or without a byte order mark, or GB18030 on a Chinese Windows; which
of them is found out, never guessed.
"""

import csv
import difflib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from edge.core.flaws import Flaws
from edge.core.profile import FIELDS, plain_id, read_profile
from menkou.errors import MenkouFault

BYTES_MAX: Final = 50_000_000
FAULTS_SHOWN: Final = 100
_COMMON: Final = 0.9
"""The share of characters beyond ASCII that are of GB 2312 in any Chinese text; Western text that
is read as GB18030 gives rare characters."""


class TableFault(MenkouFault):
    """The file cannot be imported; its text names all that is wrong, by line."""


def read_table(path: Path) -> list[Mapping[str, str]]:
    """Return the rows of a table as profile texts by field; each of them is a sound profile.

    Raises:
        TableFault: the file cannot be read, or anything in it is wrong; no cell is repeated.
    """
    text = _decoded(path)
    faults: list[str] = []
    rows: list[Mapping[str, str]] = []
    seen: dict[str, int] = {}
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        faults += _header_faults(header)
        for cells in reader if "name" in header else ():
            if not any(cell.strip() for cell in cells):
                continue  # spreadsheets end with empty rows
            line = reader.line_num
            if len(cells) != len(header):
                faults.append(f"line {line}: expected {len(header)} columns, got {len(cells)}")
                continue
            row = dict(zip(header, cells, strict=True))
            faults += [f"line {line}: {flaw}" for flaw in _row_flaws(row)]
            faults += _twice(row.get("external_id", ""), line, seen)
            rows.append(row)
    except csv.Error as exc:
        faults.append(f"line {reader.line_num}: expected CSV with commas, got: {exc}")
    if not rows and not faults:
        faults.append("expected at least one row below the header, got none")
    if faults:
        raise TableFault(_told(path, faults))
    return rows


def _told(path: Path, faults: list[str]) -> str:
    shown = [f"{path.name}: {fault}" for fault in faults[:FAULTS_SHOWN]]
    if len(faults) > FAULTS_SHOWN:
        shown.append(f"{path.name}: and {len(faults) - FAULTS_SHOWN} more")
    return "\n".join(["nothing was imported:", *shown])


def _decoded(path: Path) -> str:
    try:
        if path.stat().st_size > BYTES_MAX:
            raise TableFault(f"{path.name}: expected at most {BYTES_MAX} bytes, got more")
        raw = path.read_bytes()
    except OSError as exc:
        raise TableFault(f"{path.name}: cannot be read: {exc.strerror}") from exc
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = _as_gb18030(raw.removeprefix(b"\x84\x31\x95\x33"))  # its byte order mark
    if text is None:
        raise TableFault(
            f"{path.name}: expected UTF-8 or GB18030, got neither for certain;"
            ' save it as "CSV UTF-8"'
        )
    return text


def _as_gb18030(raw: bytes) -> str | None:
    try:
        text = raw.decode("gb18030")
    except UnicodeDecodeError:
        return None
    beyond = [character for character in text if ord(character) > 127]
    common = sum(_is_common(character) for character in beyond)
    return text if "\0" not in text and common >= _COMMON * len(beyond) else None


def _is_common(character: str) -> bool:
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def _header_faults(header: list[str]) -> list[str]:
    """Find what is wrong with the header. Repeats no cell: without a header it would be a name."""
    faults = []
    for number, name in enumerate(header, start=1):
        if name not in FIELDS:
            close = difflib.get_close_matches(name, FIELDS, n=1, cutoff=0.5)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(FIELDS)}"
            faults.append(f"line 1: column {number}: not a known name; {hint}")
        elif name in header[: number - 1]:
            faults.append(f"line 1: column {number}: {name} stands there twice")
    if "name" not in header:
        faults.append("line 1: expected a column called name, got none")
    return faults


def _row_flaws(row: Mapping[str, str]) -> list[str]:
    try:
        read_profile({field: cell for field, cell in row.items() if field in FIELDS})
    except Flaws as exc:
        return [str(flaw) for flaw in exc.flaws]
    return []


def _twice(external_id: str, line: int, seen: dict[str, int]) -> list[str]:
    """Find an external id that another line has; `seen` is kept by this."""
    plain = plain_id(external_id)
    if not plain:
        return []
    if plain in seen:
        return [
            f"line {line}: external_id: expected one of its own, got that of line {seen[plain]}"
        ]
    seen[plain] = line
    return []
