"""Errors of the API as problem documents (RFC 9457), in the language that the caller asks for.

Raised by the topics as `Refused`, written by `serve`; no value that was sent is ever repeated.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any, Final

from flask import Response, current_app
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from werkzeug.exceptions import HTTPException

from menkou.web.i18n import TAGS, Speech, speech

MEDIA_TYPE: Final = "application/problem+json"
TYPE: Final = "urn:problem-type:menkou:"
PROBLEMS: Final[Mapping[str, int]] = {
    "malformed": 400,
    "token_missing": 401,
    "token_unknown": 401,
    "signature_missing": 401,
    "signature_wrong": 401,
    "signature_old": 401,
    "scope_missing": 403,
    "not_found": 404,
    "method": 405,
    "no_such_member": 404,
    "no_such_person": 404,
    "claimed": 409,
    "nobody_here": 409,
    "not_yours": 409,
    "pin": 409,
    "pin_locked": 409,
    "minutes": 409,
    "queue_full": 409,
    "code_not_taken": 409,
    "appointment_state": 409,
    "appointments_full": 409,
    "booking_unclear": 422,
    "phone_unclear": 409,
    "unreadable": 409,
    "number_taken": 409,
    "changed_since": 409,
    "nothing_to_withdraw": 409,
    "others_note": 403,
    "no_such_note": 404,
    "note_empty": 422,
    "profile": 422,
    "importing": 409,
    "not_listed": 409,
    "list_fixed": 409,
    "list_taken": 409,
    "ticket_state": 409,
    "ticket_nobody": 409,
    "ticket_due": 409,
    "ticket_full": 409,
    "time_known": 409,
    "time_stale": 409,
    "time_slow": 409,
    "time_implausible": 409,
    "id_reused": 409,
    "under_way": 409,
    "receipt_conflict": 409,
    "receipt_future": 409,
    "receipt_old": 409,
    "other_shop": 409,
    "drawing_moved": 409,
    "drawing_unfit": 409,
    "shift_hours": 409,
    "too_large": 413,
    "media_type": 415,
    "media_type_csv": 415,
    "invalid": 422,
    "too_often": 429,
    "busy": 429,
    "failed": 500,
    "away": 503,
    "key_missing": 503,
    "clock_untrusted": 503,
}
"""The status of each code; the catalogues have a title and a detail for it."""
_BY_STATUS: Final = {
    400: "malformed",
    404: "not_found",
    405: "method",
    413: "too_large",
    415: "media_type",
    500: "failed",
    503: "away",
}
_LIMITS: Final = ("max_length", "min_length", "pattern", "expected", "ge", "gt", "le", "lt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One place that is wrong: where (`#/field` of the body, `?field` of the query), what was
    expected there, what kind of value came instead.
    """

    where: str
    expected: str
    got: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is answered instead of what was asked for. `detail` ends with what to do."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[Fault, ...] = ()


class Refused(Exception):
    """A request that is not done.

    Args:
        code: a key of `PROBLEMS`.
        values: what the code's texts are filled in with.
        headers: what goes with the answer.
        fields: fields of the body whose values do not fit; their names, no value.
    """

    def __init__(
        self,
        code: str,
        *,
        values: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        fields: Sequence[str] = (),
    ) -> None:
        super().__init__(code)
        self.fields = tuple(fields)
        self.code = code
        self.values = values or {}
        self.headers = headers or {}


class Unfit(Exception):
    """A request whose values are not what the route takes; `where` is what a place begins with."""

    def __init__(self, where: str, cause: ValidationError) -> None:
        super().__init__(where)
        self.where = where
        self.cause = cause


def refusal(refused: Refused) -> Response:
    """Return the problem document of a refusal."""
    said = speech(current_app)
    errors = [
        Fault(
            where=f"#/{name}",
            expected=said.t(f"member_expected.{name}"),
            got=said.t("api.got_other"),
        )
        for name in refused.fields
    ]
    return _answer(refused.code, values=refused.values, headers=refused.headers, errors=errors)


def unfit(found: Unfit) -> Response:
    """Return the problem document of values that do not fit, every place at once."""
    errors = found.cause.errors(include_url=False, include_input=True)
    if any(error["type"] == "json_invalid" for error in errors):
        return _answer("malformed")
    said = speech(current_app)
    return _answer("invalid", errors=[_fault(said, found.where, error) for error in errors])


def http_problem(error: HTTPException) -> Response:
    """Return the problem document of an HTTP error that no route raised."""
    status = error.code or 500
    code = _BY_STATUS.get(status, "failed" if status >= 500 else "malformed")
    allowed = getattr(error, "valid_methods", None)
    headers = {"Allow": ", ".join(sorted(allowed))} if allowed else {}
    return _answer(code, headers=headers)


def _answer(
    code: str,
    *,
    values: Mapping[str, Any] | None = None,
    errors: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    said, status = speech(current_app), PROBLEMS[code]
    problem = Problem(
        type=TYPE + code,
        title=said.t(f"api.{code}_title"),
        status=status,
        detail=said.t(f"api.{code}_detail", **(values or {})),
        errors=tuple(errors),
    )
    text = json.dumps(asdict(problem), ensure_ascii=False)
    response = Response(text, status=HTTPStatus(status), content_type=MEDIA_TYPE)
    response.headers["Content-Language"] = TAGS[said.language]
    response.vary.add("Accept-Language")
    response.headers.update(headers or {})
    return response


def _fault(said: Speech, where: str, error: ErrorDetails) -> Fault:
    context = error.get("ctx", {})
    values = {name: str(context[name]) for name in _LIMITS if name in context}
    key = f"api.expected_{error['type']}"
    missing = error["type"] == "missing"
    return Fault(
        where=where + "/".join(_escaped(part) for part in error["loc"]),
        expected=said.t(key, **values) if said.has(key) else said.t("api.expected_other"),
        got=said.t("api.got_missing") if missing else _kind(said, error["input"]),
    )


def _escaped(part: int | str) -> str:
    """Return a part of a JSON pointer (RFC 6901); a name that was sent is cut."""
    return str(part)[:64].replace("~", "~0").replace("/", "~1")


def _kind(said: Speech, value: object) -> str:
    """Name the kind of a value, never the value: it may be a code or somebody's name."""
    match value:
        case None:
            return said.t("api.got_null")
        case bool():
            return said.t("api.got_bool")
        case int() | float():
            return said.t("api.got_number")
        case str():
            return said.t("api.got_text", count=len(value))
        case list():
            return said.t("api.got_list", count=len(value))
        case _:
            return said.t("api.got_object")
