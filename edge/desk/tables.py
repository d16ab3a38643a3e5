"""Reads CSV files as other systems write them: what is sound is taken, what is not is reported.

Used by the desks that take files (appointments, members, receipts), on the pages, by the API and
from a drop folder. UTF-8 with or without a byte order mark, or GBK; commas, semicolons or tabs; a
header in Chinese or English. No cell is ever repeated in a fault, which is a code: the pages have
the words (`table.fault_...`). `menkou.table` is for commands, which take all of a file or nothing.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from edge.core.profile import plain_id
from menkou.errors import MenkouFault
from menkou.table import NotText, decoded

_SEPARATORS: Final = (",", ";", "\t")
_LINES_MAX: Final = 50
"""Lines of one row whose cells have line breaks in them; more is a quote that was left open."""
Unreadable = Literal["not_text", "header", "empty", "too_large"]
"""Why nothing of a file was taken: it is no CSV; needed columns are missing; there is no row below
the header; it has too many bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a row. `line` is where it begins in the file, the header being 1.

    `code`: `quotes` (the row cannot be told from the next), `cells` (another number of them than
    the header has), and what the reader of the topic finds in a `column`.
    """

    line: int
    code: str
    column: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row below the header, by column, without spaces around cells; columns that the file lacks
    are empty. Personal: repr shows nothing of it.
    """

    line: int
    cells: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What a table is to have: `names` are the headings by column, in any language and as other
    systems write them; `needed` are the columns without which nothing can be read.
    """

    names: Mapping[str, Sequence[str]]
    needed: Sequence[str]

    def by_heading(self) -> dict[str, str]:
        """Return the column of each heading, in the plain way of writing it."""
        found = {plain_id(column): column for column in self.names}
        for column, headings in self.names.items():
            found |= {plain_id(heading): column for heading in headings}
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What was read: sound rows, and what is wrong with the others."""

    rows: tuple[Row, ...] = field(repr=False)
    faults: tuple[Fault, ...]


class TableUnreadable(MenkouFault):
    """Nothing of a file can be taken.

    Args:
        code: why.
        columns: those that are missing, for `header`.
    """

    def __init__(self, code: Unreadable, columns: Sequence[str] = ()) -> None:
        expected = {
            "not_text": "CSV in UTF-8 or GBK, got something else; save it as CSV UTF-8",
            "header": f"a header with the columns {', '.join(columns)}, got none of that name",
            "empty": "a row below the header, got none",
            "too_large": "a smaller file; send it in parts",
        }
        super().__init__(f"the table was not read: expected {expected[code]}")
        self.code = code
        self.columns = tuple(columns)


def read_table(raw: bytes, columns: Columns) -> Table:
    """Return the rows of a CSV file and the faults of the rest.

    Raises:
        TableUnreadable: nothing of it can be read.
    """
    try:
        text = decoded(raw)
    except NotText:
        raise TableUnreadable("not_text") from None
    lines = text.replace("\0", " ").splitlines(keepends=True)
    separator, header = _header(lines[0] if lines else "", columns)
    missing = [name for name in columns.needed if name not in header]
    if missing:
        raise TableUnreadable("header", missing)
    rows, faults = list[Row](), list[Fault]()
    for found in _rows(lines, separator, header):
        if isinstance(found, Row):
            rows.append(found)
        else:
            faults.append(found)
    if not rows and not faults:
        raise TableUnreadable("empty")
    return Table(rows=tuple(rows), faults=tuple(faults))


def _header(line: str, columns: Columns) -> tuple[str, list[str]]:
    """Return what separates cells, and the column of each, "" for those that nobody asks for."""
    known, best = columns.by_heading(), (",", list[str]())
    for separator in _SEPARATORS:
        cells = _cells(line, separator) or []
        header = [known.get(plain_id(cell), "") for cell in cells]
        # A column that stands there twice is read where it stands first.
        header = [name if name not in header[:at] else "" for at, name in enumerate(header)]
        if sum(map(bool, header)) > sum(map(bool, best[1])):
            best = separator, header
    return best


def _rows(lines: Sequence[str], separator: str, header: Sequence[str]) -> Iterator[Row | Fault]:
    """Yield rows and faults. A broken row ends with its line: the next one may be sound."""
    at = 1
    while at < len(lines):
        record, ends = _record(lines, at)
        cells = _cells(record, separator)
        if cells is None or (len(cells) != len(header) and ends > at + 1):
            yield Fault(line=at + 1, code="quotes")
            at += 1
            continue
        if any(cells):
            if len(cells) != len(header):
                yield Fault(line=at + 1, code="cells")
            else:
                named = dict.fromkeys(filter(None, header), "")
                named |= {name: c for name, c in zip(header, cells, strict=True) if name}
                yield Row(line=at + 1, cells=named)
        at = ends


def _record(lines: Sequence[str], at: int) -> tuple[str, int]:
    """Return the lines of a row, joined, and where the next one begins; as few as balance."""
    record = ""
    for ends in range(at, min(at + _LINES_MAX, len(lines))):
        record += lines[ends]
        if record.count('"') % 2 == 0:
            return record, ends + 1
    return lines[at], at + 1


def _cells(record: str, separator: str) -> list[str] | None:
    """Return a row's cells without spaces around them; None: it is broken."""
    if record.count('"') % 2:
        return None
    try:
        (cells,) = (
            csv.reader([record], delimiter=separator, strict=True) if record.strip() else [[]]
        )
    except (csv.Error, ValueError):
        return None
    return [cell.strip() for cell in cells]
