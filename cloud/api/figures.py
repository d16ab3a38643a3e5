"""`/api/v1/figures`: head office's figures for programs, as JSON, CSV or Parquet.

Registered by `cloud.app`; asks `desks.figures`. What is hidden on the pages is hidden
here; each figure of visitors stands beside its `basis`. Described by `openapi.json` beside it.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from flask import Blueprint, Response, abort, request

from cloud.api.problems import JSON, as_json_answer, problem
from cloud.errors import HubFault
from cloud.figures.metric import DEFINED
from cloud.figures.period import PeriodFault, period_of
from cloud.figures.suppress import HIDDEN
from cloud.pages.export import (
    TYPES,
    BadForm,
    Cell,
    Column,
    Form,
    Kind,
    NoParquet,
    as_shown,
    asked_form,
)
from cloud.queries.figures import Figures, Key, Wanted
from menkou.web.records import as_json

Ask = Callable[[str, Wanted], Figures | None]
TABLES: Final = (
    *("figures", "days", "shops", "times", "channels", "bookings", "consultants", "fleet"),
)
"""The tables, by the last part of their address."""
LIMIT: Final = 500
LIMIT_MOST: Final = 5_000
SHOPS_MOST: Final = 200
_OF_ONE: Final = frozenset({"channels", "bookings"})
"""Tables of all that the caller sees, or of one shop."""
_ID_CHARS: Final = 64
_ASKED: Final = frozenset({"from", "to", "days", "shop", "format", "limit", "after"})
_KINDS: Final[Mapping[str, Kind]] = {
    **{key: "share" if metric.bottom else "count" for key, metric in DEFINED.items()},
    **{"day": "day", "count": "count", "p50": "number", "p90": "number", "last_seen": "moment"},
    **dict.fromkeys(("backlog", "missing", "temperature_c", "disk_mb", "disk_free_mb"), "count"),
}


class _Unfit(HubFault):
    """The address asks for what there is not."""


def create_figures_api(ask: Ask, today: Callable[[], date], least: int) -> Blueprint:
    """Make the blueprint. `ask` is asked once a request: which table, and what of it.

    `today`: the date where the caller's shops are. `least`: from how many people on a count is
    shown.
    """
    api = Blueprint("api_figures", __name__, url_prefix="/api/v1/figures")

    def answer(table: str) -> Response:
        form = asked_form("json") if "format" in request.args else _accepted()
        wanted = _wanted(today(), least)
        if table in _OF_ONE and wanted.shops is not None and wanted.one_shop is None:
            raise _Unfit(f"shop: expected one shop or none, got {len(wanted.shops)}")
        found = ask(table, wanted)
        if found is None:
            abort(404)
        if form is None:
            return _of(as_json_answer(_told(found, wanted)))
        name = "figures" if table == "figures" else f"figures-{table}"
        made = as_shown(_columns(found), _rows(found), form, name=name)
        if found.after is not None:
            made.headers["X-Menkou-After"] = found.after
        return made

    for table in TABLES:
        path = "" if table == "figures" else f"/{table}"
        api.add_url_rule(path, table, answer, defaults={"table": table})

    @api.errorhandler(PeriodFault)
    @api.errorhandler(_Unfit)
    def unfit(fault: HubFault) -> Response:
        return _of(problem("query", str(fault)))

    @api.errorhandler(BadForm)
    def bad_form(fault: BadForm) -> Response:
        return _of(problem("query", fault.description or ""))

    @api.errorhandler(NoParquet)
    def no_parquet(fault: NoParquet) -> Response:
        return _of(problem("no_parquet", NoParquet.description.partition(";")[0]))

    return api


def _accepted() -> Form | None:
    """Return which file is asked for by Accept; None: JSON."""
    kinds: dict[str, Form | None] = {JSON: None, "text/csv": "csv", TYPES["parquet"]: "parquet"}
    return kinds[request.accept_mimetypes.best_match(kinds, JSON)]


def _wanted(today: date, least: int) -> Wanted:
    given = request.args
    for name in given:
        if name not in _ASKED:
            known = ", ".join(sorted(_ASKED))
            raise _Unfit(f"{name[:32]!r}: expected one of {known}, got another name")
        if name != "shop" and len(given.getlist(name)) > 1:
            raise _Unfit(f"{name}: expected it once, got it {len(given.getlist(name))} times")
        if not all(given.getlist(name)):
            raise _Unfit(f"{name}: expected a value, got an empty one")
    shops = given.getlist("shop")
    if len(shops) > SHOPS_MOST:
        raise _Unfit(f"shop: expected at most {SHOPS_MOST} shops, got {len(shops)}")
    for shop in (*shops, given.get("after", "x")):
        if not _is_id(shop):
            raise _Unfit(
                f"shop, after: expected the id of a shop such as nj-001, got {shop[:32]!r}"
            )
    return Wanted(
        period=period_of(given, today),
        shops=tuple(sorted(set(shops))) or None,
        limit=_limit(given.get("limit", str(LIMIT))),
        after=given.get("after", ""),
        least=least,
    )


def _is_id(text: str) -> bool:
    return 1 <= len(text) <= _ID_CHARS and text.isprintable()


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 9 and 1 <= int(text) <= LIMIT_MOST):
        raise _Unfit(f"limit: expected 1 to {LIMIT_MOST}, got {text[:32]!r}")
    return int(text)


def _told(found: Figures, wanted: Wanted) -> dict[str, Any]:
    rows = []
    for row in found.rows:
        told: dict[str, Any] = {
            name: as_json(key) for name, key in zip(found.keys, row.keys, strict=True)
        }
        if found.names:
            figures = {
                name: None if (value := row.figures[name]) is HIDDEN else value
                for name in found.names
            }
            told["figures"] = figures
            told["hidden"] = [name for name in found.names if row.figures[name] is HIDDEN]
        rows.append(told)
    return {
        "from": wanted.period.first.isoformat(),
        "to": wanted.period.last.isoformat(),
        "suppress_below": wanted.least,
        "rows": rows,
        "after": found.after,
    }


def _columns(found: Figures) -> list[Column]:
    return [
        *(Column(key=name, kind=_KINDS.get(name, "text")) for name in found.keys),
        *(Column(key=name, kind=_KINDS[name], people=name in found.people) for name in found.names),
    ]


def _rows(found: Figures) -> list[list[Cell]]:
    return [
        [*(_cell(key) for key in row.keys), *(row.figures[name] for name in found.names)]
        for row in found.rows
    ]


def _cell(key: Key) -> Cell:
    return " ".join(key) if isinstance(key, tuple) else key


def _of(answer: Response) -> Response:
    answer.headers["Vary"] = "Accept"
    return answer
