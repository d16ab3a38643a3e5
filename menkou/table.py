"""Reads CSV files as spreadsheets write them, with no cell repeated in what is said of them.

Used by `edge.member_table` and `cloud.office.table`, which say what columns there are and what
may stand in them; `edge.desk.tables` takes its text. UTF-8 with or
without a byte order mark, or GB18030 as a Chinese Windows writes it; which of the two is found
out, never guessed.

    read_table    all rows or none: every fault at once
    sift          row by row: the sound ones, and the faults of the others
"""

import csv
import difflib
import io
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from menkou.errors import MenkouFault

BYTES_MAX: Final = 50_000_000
FAULTS_SHOWN: Final = 100
COLUMNS_MAX: Final = 200
"""A header with more is no table of people; each of its names would be compared with all others."""
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
FaultCode = Literal[
    "size",
    "file",
    "encoding",
    "separator",
    "columns",
    "unknown",
    "double",
    "missing",
    "empty",
    "cells",
    "value",
    "twice",
    "csv",
]
"""`size`, `file`, `encoding`, `separator`: what is no CSV at all. Of the header: too many
`columns`, an `unknown` one, one that stands there `double`, a `missing` one. `empty`: no row. Of a
row: another number of `cells`, a `value` of a column, a key that stands there `twice`; `csv`: from
here on nothing can be read."""


class TableFault(MenkouFault):
    """The file cannot be imported; its text names all that is wrong, by line."""

    def __init__(self, text: str, faults: Sequence["Fault"] = ()) -> None:
        super().__init__(text)
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong in one place. `column` is a known name, or the number of one that is not."""

    line: int
    code: FaultCode
    text: str
    column: str = ""

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}" if self.line else self.text


class NotText(ValueError):
    """Bytes that are no CSV; `what` says what they are, None: in no encoding that is known."""

    def __init__(self, what: str | None) -> None:
        super().__init__(f"expected CSV in UTF-8 or GB18030 (GBK), got {what or 'neither'}")
        self.what = what


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
        aliases: other names of columns, as `plain_header` has them, and which they mean.
    """

    known: Collection[str]
    needed: Sequence[str]
    key: str
    plain: Callable[[str], str]
    check: Callable[[Mapping[str, str]], tuple[Mapping[str, str], Sequence[str]]]
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sifted:
    """A table that is read as far as somebody asks. `lines` is how many it has, about."""

    lines: int
    rows: Iterator[Row | tuple[Fault, ...]]


def plain_header(text: str) -> str:
    """Return a column's name without width, case, spaces, dashes and underscores."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if c not in " \t_-")


def read_table(path: Path, columns: Columns) -> list[Row]:
    """Return the rows of a table, each of them sound.

    Raises:
        TableFault: the file cannot be read, or anything in it is wrong; no cell is repeated.
    """
    try:
        begun = _begin(read_file(path), columns)
    except TableFault as exc:
        if exc.faults and exc.faults[0].code == "encoding":
            raise TableFault(f"{path.name}: {exc}", exc.faults) from exc
        if exc.faults:
            raise TableFault(_told(path, exc.faults), exc.faults) from exc
        raise
    rows: list[Row] = []
    faults = list(begun.faults)
    for one in _rows(begun, columns) if set(columns.needed) <= set(begun.header) else ():
        if isinstance(one, Row):
            rows.append(one)
        else:
            faults += one
    if not rows and not faults:
        faults += _nothing().faults
    if faults:
        raise TableFault(_told(path, faults), faults)
    return rows


def read_file(path: Path) -> bytes:
    """Return what a file holds.

    Raises:
        TableFault: it is too large, or cannot be read.
    """
    try:
        if path.stat().st_size > BYTES_MAX:
            raise TableFault(f"{path.name}: expected at most {BYTES_MAX} bytes, got more")
        return path.read_bytes()
    except OSError as exc:
        raise TableFault(f"{path.name}: cannot be read: {exc.strerror} ({path})") from exc


def sift(raw: bytes, columns: Columns) -> Sifted:
    """Return a table's rows one after the other, sound ones and those that are not.

    Raises:
        TableFault: no row can be told apart: it is no CSV, or its header is wrong.
    """
    if len(raw) > BYTES_MAX:
        raise _of_file("size", f"expected at most {BYTES_MAX} bytes, got more")
    begun = _begin(raw, columns)
    if begun.faults:
        raise TableFault("; ".join(str(fault) for fault in begun.faults), begun.faults)
    rows = _rows(begun, columns)
    first = next(rows, None)
    if first is None:
        raise _nothing()
    return Sifted(lines=begun.text.count("\n") + 1, rows=_chained(first, rows))


@dataclass(frozen=True, slots=True)
class _Begun:
    """A table whose header was read; `faults` are the header's."""

    text: str = field(repr=False)
    reader: Iterator[list[str]]
    line: Callable[[], int]
    header: Sequence[str] = field(repr=False)
    faults: Sequence[Fault]


def _begin(raw: bytes, columns: Columns) -> _Begun:
    if len(raw) > BYTES_MAX:
        raise _of_file("size", f"expected at most {BYTES_MAX} bytes, got more")
    text = _decoded(raw)
    _check_separator(text, columns)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        cells = next(reader, [])
    except csv.Error as exc:
        raise _of_file("csv", f"expected CSV with commas, got: {exc}", line=1) from exc
    if len(cells) > COLUMNS_MAX:
        told = f"expected at most {COLUMNS_MAX} columns, got {len(cells)}"
        raise _of_file("columns", told, line=1)
    names = [cell.strip() for cell in cells]
    header = [n if n in columns.known else columns.aliases.get(plain_header(n), n) for n in names]
    faults = _header_faults(header, columns)
    return _Begun(text, reader, lambda: reader.line_num, header, faults)


def _nothing() -> TableFault:
    return _of_file("empty", "expected at least one row below the header, got none")


def _of_file(code: FaultCode, text: str, line: int = 0) -> TableFault:
    return TableFault(text, [Fault(line=line, code=code, text=text)])


def _chained(
    first: Row | tuple[Fault, ...], rest: Iterator[Row | tuple[Fault, ...]]
) -> Iterator[Row | tuple[Fault, ...]]:
    yield first
    yield from rest


def _rows(begun: _Begun, columns: Columns) -> Iterator[Row | tuple[Fault, ...]]:
    header = begun.header
    seen: dict[str, int] = {}
    try:
        for cells in begun.reader:
            if not any(cell.strip() for cell in cells):
                continue  # spreadsheets end with empty rows
            line = begun.line()
            if len(cells) != len(header):
                text = f"expected {len(header)} columns, got {len(cells)}"
                yield (Fault(line=line, code="cells", text=text),)
                continue
            named = {n: c for n, c in zip(header, cells, strict=True) if n in columns.known}
            row, wrong = columns.check(named)
            faults = [_value(line, one, columns) for one in wrong]
            faults += _twice(columns, row.get(columns.key, ""), line, seen)
            yield tuple(faults) if faults else Row(line=line, cells=row)
    except csv.Error as exc:
        text = f"expected CSV with commas, got: {exc}"
        yield (Fault(line=begun.line(), code="csv", text=text),)


def _value(line: int, text: str, columns: Columns) -> Fault:
    name = text.partition(":")[0]
    return Fault(line=line, code="value", text=text, column=name if name in columns.known else "")


def _told(path: Path, faults: Sequence[Fault]) -> str:
    shown = [f"{path.name}: {fault}" for fault in faults[:FAULTS_SHOWN]]
    if len(faults) > FAULTS_SHOWN:
        shown.append(f"{path.name}: and {len(faults) - FAULTS_SHOWN} more")
    return "\n".join(["nothing was imported:", *shown])


def _decoded(raw: bytes) -> str:
    try:
        return decoded(raw)
    except NotText as exc:
        told = (
            f"expected CSV in UTF-8, got {exc.what}"
            if exc.what
            else "expected UTF-8 or GB18030 (GBK), got neither for certain"
        )
        raise _of_file("encoding", f"{told}; {_HOW}") from None


def decoded(raw: bytes) -> str:
    """Return the text of a CSV file, without a byte order mark.

    Raises:
        NotText: it is none.
    """
    for begins, what in _OTHERS.items():
        if raw.startswith(begins):
            raise NotText(what)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = _as_gb18030(raw.removeprefix(b"\x84\x31\x95\x33"))  # its byte order mark
    if text is None:
        raise NotText(None)
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


def _check_separator(text: str, columns: Columns) -> None:
    """Refuse a header whose names stand apart by something else than commas."""
    first = text.partition("\n")[0]
    if "," in first:
        return
    for separator, name in _SEPARATORS.items():
        parts = [part.strip(' "\r') for part in first.split(separator, COLUMNS_MAX)]
        known = any(p in columns.known or plain_header(p) in columns.aliases for p in parts)
        if len(parts) > 1 and known:
            raise _of_file(
                "separator",
                f"expected commas between the columns, got {name}; {_HOW}. If {name} come again,"
                " set the list separator of Windows to a comma (Region, Additional settings)",
                line=1,
            )


def _header_faults(header: Sequence[str], columns: Columns) -> list[Fault]:
    """Find what is wrong with the header. Repeats no cell: without a header it would be a name."""
    faults = []
    for number, name in enumerate(header, start=1):
        if name not in columns.known:
            close = difflib.get_close_matches(name[:64], columns.known, n=1, cutoff=0.5)
            known = f"known are {', '.join(columns.known)}"
            hint = f"did you mean {close[0]}?" if close else known
            text = f"column {number}: not a known name; {hint}"
            faults.append(Fault(line=1, code="unknown", text=text, column=str(number)))
        elif name in header[: number - 1]:
            text = f"column {number}: {name} stands there twice"
            faults.append(Fault(line=1, code="double", text=text, column=name))
    missing = [name for name in columns.needed if name not in header]
    return faults + [
        Fault(
            line=1, code="missing", text=f"expected a column called {name}, got none", column=name
        )
        for name in missing
    ]


def _twice(columns: Columns, value: str, line: int, seen: dict[str, int]) -> list[Fault]:
    """Find a key that another line has; `seen` is kept by this."""
    plain = columns.plain(value)
    if not plain:
        return []
    first = seen.setdefault(plain, line)
    if first == line:
        return []
    text = f"{columns.key}: expected one of its own, got line {first}'s"
    return [Fault(line=line, code="twice", text=text, column=columns.key)]
