"""A page's table as a file, exactly as it is shown: CSV for Excel, Parquet for DuckDB and the like.

Used by every page with a table, and by `cloud.api.figures`. A page does three things:

    COLUMNS = (Column(key="shop", title="nav.shops"),                      # title: a key of `t`
               Column(key="visitors", title="metric.visitors", kind="count"),
               Column(key="members", title="metric.members", kind="count", people=True))

    if (form := asked_form()) is not None:                                 # ?format=csv | parquet
        return as_shown(COLUMNS, rows_of(board), form, name="shops")       # the very rows drawn

    {% from "exports.html" import exports with context %}  {{ exports() }}     in its template

Rows are what the page draws, in its order, already suppressed: HIDDEN where a figure is hidden,
None where it is not known. Of a table in pages all of it is given, unless the address names a
`?page=`; periods, shops and order are those of the address, since it is the same one.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from importlib.util import find_spec
from typing import Any, Final, Literal, get_args

from flask import Response, current_app, has_request_context, request
from werkzeug.exceptions import BadRequest, HTTPException

from cloud.figures.suppress import HIDDEN, Hidden
from menkou.web.i18n import speech

Form = Literal["csv", "parquet"]
FORMS: Final[tuple[Form, ...]] = get_args(Form)
TYPES: Final[Mapping[Form, str]] = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
Kind = Literal["text", "count", "share", "number", "day", "moment"]
Cell = str | int | float | date | datetime | Hidden | None
_BOM: Final = "\ufeff"
"""By which Excel knows UTF-8."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet takes a cell for a formula by (OWASP, CSV Injection)."""
_ARROW: Final = {
    "text": "string",
    "count": "int64",
    "share": "float64",
    "number": "float64",
    "day": "date32",
}


class BadForm(BadRequest):
    """The address asks for a file of a kind that there is not."""


class NoParquet(HTTPException):
    """Parquet was asked for where the extra that writes it is not installed."""

    code = 501
    description = (
        "parquet: expected the extra `parquet` at the hub, got none; ask for format=csv, or have"
        " the administrator run: pip install 'menkou[hub,parquet]'"
    )

    def get_response(self, *_: Any, **__: Any) -> Response:
        """Return it in plain words."""
        return Response(self.description, 501, content_type="text/plain; charset=utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table.

    `key` is its name in Parquet, and in CSV where it has no `title`, a text's key. `people`: cells
    may be HIDDEN; in Parquet they are null, and true in the column `KEY_hidden` after it.
    Shares are fractions of 1.
    """

    key: str
    title: str = ""
    kind: Kind = "text"
    people: bool = False


def can_write() -> tuple[Form, ...]:
    """Return the forms that this hub can write."""
    return ("csv", "parquet") if find_spec("pyarrow") else ("csv",)


def asked_form(otherwise: str = "html") -> Form | None:
    """Return as which file the address asks for the table; None: as what it is otherwise.

    Raises:
        BadForm: a 400, where `?format=` is something else.
    """
    text = request.args.get("format", "")
    if text in ("", otherwise):
        return None
    for form in FORMS:
        if text == form:
            return form
    raise BadForm(f"format: expected {otherwise}, {' or '.join(FORMS)}, got {text[:32]!r}")


def asked_table(names: Iterable[str]) -> str:
    """Return which table of a page with several the address asks for; without a word the first.

    Any other `?table=` is answered with 400.
    """
    known = list(names)
    text = request.args.get("table", known[0])
    if text not in known:
        raise BadRequest(f"table: expected one of {', '.join(known)}, got {text[:32]!r}")
    return text


def as_shown(
    columns: Sequence[Column], rows: Iterable[Sequence[Cell]], form: Form, *, name: str = "table"
) -> Response:
    """Return a table as a file that is downloaded under a name.

    Raises:
        NoParquet: a 501 that says what to install.
    """
    body = _parquet(columns, rows) if form == "parquet" else _csv(columns, rows)
    made = Response(body, content_type=TYPES[form])
    made.headers["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    made.headers["Cache-Control"] = "no-store"
    return made


def _csv(columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> bytes:
    written = io.StringIO()
    written.write(_BOM)
    sheet = csv.writer(written)
    sheet.writerow([_plain(_title(column)) for column in columns])
    hidden = _text("export.hidden", "hidden")
    for row in rows:
        cells = zip(columns, row, strict=True)
        sheet.writerow([_cell(cell, column.kind, hidden) for column, cell in cells])
    return written.getvalue().encode()


def _cell(cell: Cell, kind: Kind, hidden: str) -> str | int | float:
    match cell:
        case None:
            return ""
        case Hidden():
            return hidden
        case str():
            return _plain(cell)
        case date():  # a datetime is one too
            return cell.isoformat()
        case float():
            return int(cell) if kind == "count" else round(cell, 6)
    return cell


def _plain(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    began = text.lstrip(" \u00a0\u3000")
    return f"'{text}" if began.startswith(_FORMULA) else text


def _title(column: Column) -> str:
    return _text(column.title, column.key) if column.title else column.key


def _text(key: str, otherwise: str) -> str:
    """Return a text in the caller's language; outside a page, which has none, the other."""
    if not has_request_context() or request.path.startswith("/api/"):
        return otherwise
    return speech(current_app).t(key)


def _parquet(columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> bytes:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as exc:
        raise NoParquet from exc
    told = list(rows)
    fields, arrays = [], []
    for place, column in enumerate(columns):
        cells = [row[place] for row in told]
        kind = (
            pyarrow.timestamp("ms", tz="UTC")
            if column.kind == "moment"
            else getattr(pyarrow, _ARROW[column.kind])()
        )
        fields.append((column.key, kind))
        arrays.append(pyarrow.array([_value(cell, column.kind) for cell in cells], kind))
        if column.people:
            fields.append((f"{column.key}_hidden", pyarrow.bool_()))
            arrays.append(pyarrow.array([cell is HIDDEN for cell in cells], pyarrow.bool_()))
    table = pyarrow.Table.from_arrays(arrays, schema=pyarrow.schema(fields))
    sink = io.BytesIO()
    parquet.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _value(cell: Cell, kind: Kind) -> Any:
    if cell is None or cell is HIDDEN:
        return None
    return int(cell) if kind == "count" and isinstance(cell, float) else cell
