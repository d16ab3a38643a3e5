"""Reads CSV files as spreadsheets write them, with every fault at once and no cell repeated.

Used by `edge.member_table` and `cloud.office_table`, which say what columns there are and what
may stand in them. UTF-8 with or without a byte order mark, or GB18030 as a Chinese Windows writes
it; which of the two is found out, never guessed.
"""

import csv
import difflib
import io
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from menkou.errors import MenkouFault

BYTES_MAX: Final = 50_000_000
FAULTS_SHOWN: Final = 100
_COMMON: Final = 0.9
"""The share of characters beyond ASCII that are of GB 2312 in any Chinese text; Western text that
is read as GB18030 gives rare characters."""
_HOW: Final = 'save it as "CSV UTF-8 (comma delimited)" in Excel or WPS'
_OTHERS: Final[Mapping[bytes, str]] = {
    b"\xff\xfe": 'UTF-16, which Excel calls "Unicode Text"',
    b"\xfe\xff": 'UTF-16, which Excel calls "Unicode Text"',
    b"PK\x03\x04": "a workbook (.xlsx)",
    b"\xd0\xcf\x11\xe0": "a workbook (.xls)",
}
"""How files begin that are often taken for CSV."""
_SEPARATORS: Final[Mapping[str, str]] = {
    ";": "semicolons",
    "；": "full-width semicolons",
    "，": "full-width commas",
    "\t": "tabs",
    "|": "vertical bars",
}


class TableFault(MenkouFault):
    """The file cannot be imported; its text names all that is wrong, by line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row below the header, by column; `line` is where it ends in the file."""

    line: int
    cells: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What a table is to have.

    Attributes:
        known: the names that columns may have.
        needed: those that have to be there.
        key: the column whose values are of one row each; an empty one is nobody's.
        plain: a key without the ways of writing it.
        check: returns a row's cells as they are kept, and what is wrong with them.
    """

    known: Collection[str]
    needed: Sequence[str]
    key: str
    plain: Callable[[str], str]
    check: Callable[[Mapping[str, str]], tuple[Mapping[str, str], Sequence[str]]]


def read_table(path: Path, columns: Columns) -> list[Row]:
    """Return the rows of a table, each of them sound.

    Raises:
        TableFault: the file cannot be read, or anything in it is wrong; no cell is repeated.
    """
    text = _decoded(path)
    faults = _separator_faults(text, columns.known)
    rows = [] if faults else list(_rows(text, columns, faults))
    if not rows and not faults:
        faults.append("expected at least one row below the header, got none")
    if faults:
        raise TableFault(_told(path, faults))
    return rows


def _rows(text: str, columns: Columns, faults: list[str]) -> Iterator[Row]:
    """Yield the rows; what is wrong with them is added to the faults."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    seen: dict[str, int] = {}
    try:
        header = [cell.strip() for cell in next(reader, [])]
        faults += _header_faults(header, columns)
        for cells in reader if set(columns.needed) <= set(header) else ():
            if not any(cell.strip() for cell in cells):
                continue  # spreadsheets end with empty rows
            line = reader.line_num
            if len(cells) != len(header):
                faults.append(f"line {line}: expected {len(header)} columns, got {len(cells)}")
                continue
            named = dict(zip(header, cells, strict=True))
            row, wrong = columns.check({n: c for n, c in named.items() if n in columns.known})
            faults += [f"line {line}: {one}" for one in wrong]
            faults += _twice(columns, row.get(columns.key, ""), line, seen)
            yield Row(line=line, cells=row)
    except csv.Error as exc:
        faults.append(f"line {reader.line_num}: expected CSV with commas, got: {exc}")


def _told(path: Path, faults: Sequence[str]) -> str:
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
        raise TableFault(f"{path.name}: cannot be read: {exc.strerror} ({path})") from exc
    for begins, what in _OTHERS.items():
        if raw.startswith(begins):
            raise TableFault(f"{path.name}: expected CSV in UTF-8, got {what}; {_HOW}")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = _as_gb18030(raw.removeprefix(b"\x84\x31\x95\x33"))  # its byte order mark
    if text is None:
        raise TableFault(
            f"{path.name}: expected UTF-8 or GB18030 (GBK), got neither for certain; {_HOW}"
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


def _separator_faults(text: str, known: Collection[str]) -> list[str]:
    """Find a header whose names stand apart by something else than commas."""
    first = text.partition("\n")[0]
    if "," in first:
        return []
    for separator, name in _SEPARATORS.items():
        parts = [part.strip(' "\r') for part in first.split(separator)]
        if len(parts) > 1 and not set(known).isdisjoint(parts):
            return [
                f"line 1: expected commas between the columns, got {name}; {_HOW}. If {name} come"
                " again, set the list separator of Windows to a comma (Region, Additional settings)"
            ]
    return []


def _header_faults(header: Sequence[str], columns: Columns) -> list[str]:
    """Find what is wrong with the header. Repeats no cell: without a header it would be a name."""
    faults = []
    for number, name in enumerate(header, start=1):
        if name not in columns.known:
            close = difflib.get_close_matches(name, columns.known, n=1, cutoff=0.5)
            known = f"known are {', '.join(columns.known)}"
            hint = f"did you mean {close[0]}?" if close else known
            faults.append(f"line 1: column {number}: not a known name; {hint}")
        elif name in header[: number - 1]:
            faults.append(f"line 1: column {number}: {name} stands there twice")
    missing = [name for name in columns.needed if name not in header]
    return faults + [f"line 1: expected a column called {name}, got none" for name in missing]


def _twice(columns: Columns, value: str, line: int, seen: dict[str, int]) -> list[str]:
    """Find a key that another line has; `seen` is kept by this."""
    plain = columns.plain(value)
    if not plain:
        return []
    first = seen.setdefault(plain, line)
    if first == line:
        return []
    return [f"line {line}: {columns.key}: expected one of its own, got line {first}'s"]
