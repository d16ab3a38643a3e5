"""Errors of the API: one problem document (RFC 9457) for all of them, whoever refuses.

    title       what went wrong, the same for each `code`
    detail      where, what was expected there, what came instead
    remedy      what to do

Called by the blueprints beside it for what they find; put into the app by `cloud.app` for what is
refused before them: by the door, by Flask, by a database that is away. No text of a member is ever
repeated.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from cloud.accounts.access import RULES, Caller
from cloud.accounts.bearers import NotLetIn
from menkou.web.app import answer_errors_below

PREFIX: Final = "/api"
PROBLEM: Final = "application/problem+json"
HEALTH: Final = "api_v1.how"
"""Whoever watches the hub has always read `state` there, also of a database that is away."""
JSON: Final = "application/json"
TYPE: Final = "urn:problem-type:menkou:"
_TOKEN: Final = (
    "send `Authorization: Bearer TOKEN`; head office makes tokens on the page of programs, or by"
    " `menkou-hub token add`"
)
_DOCUMENT: Final = "correct the request as /api/v1/openapi.json describes it; nothing was done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is said of a code, whatever the request: its status, its title, and what to do."""

    status: int
    title: str
    remedy: str


KNOWN: Final[Mapping[str, Known]] = {
    "token_missing": Known(status=401, title="Nobody is signed in", remedy=_TOKEN),
    "token_unknown": Known(
        status=401,
        title="The token is not good",
        remedy="have head office make another; `menkou-hub token list` says what became of it",
    ),
    "forbidden": Known(
        status=403,
        title="This is not for who asks",
        remedy="have head office make a token of that scope, or ask for something else",
    ),
    "not_your_shop": Known(
        status=403,
        title="The shop is not of this token",
        remedy="name a shop of the token's, or have head office do it",
    ),
    "not_found": Known(
        status=404,
        title="There is no such thing here",
        remedy="look at /api/v1/openapi.json for the addresses, and at the shops of your token",
    ),
    "member_unknown": Known(
        status=404,
        title="Nobody has this external id",
        remedy="put the member first, or correct the external id",
    ),
    "method_not_allowed": Known(
        status=405, title="The address does not take this method", remedy=_DOCUMENT
    ),
    "moved": Known(
        status=409,
        title="The member has changed since it was read",
        remedy="read the member again, and put it with its `rev`",
    ),
    "query": Known(status=400, title="The address asks for what there is not", remedy=_DOCUMENT),
    "body": Known(status=400, title="The request is not what is taken here", remedy=_DOCUMENT),
    "bad_request": Known(status=400, title="The request cannot be understood", remedy=_DOCUMENT),
    "too_large": Known(
        status=413,
        title="The request is too large",
        remedy="send less at once: up to 500 members in a batch, 12 MB in a CSV file",
    ),
    "unsound": Known(
        status=422,
        title="A member's texts do not fit",
        remedy="correct all of the named texts; nothing was kept of the member",
    ),
    "too_long": Known(
        status=422,
        title="A member's texts are too long together",
        remedy="shorten the longest, such as the note; nothing was kept of the member",
    ),
    "no_table": Known(
        status=422,
        title="This is no table of members",
        remedy="send CSV with commas in UTF-8, its first line naming the columns; nothing was kept",
    ),
    "too_often": Known(
        status=429,
        title="Asked too often",
        remedy="wait for as many seconds as `Retry-After` says, then ask again",
    ),
    "failed": Known(
        status=500,
        title="The hub failed",
        remedy="ask again; if it fails again, the hub's log says why",
    ),
    "no_parquet": Known(
        status=501,
        title="Parquet cannot be written here",
        remedy="ask for format=csv, or have the administrator run: pip install"
        " 'menkou[hub,parquet]'",
    ),
    "away": Known(
        status=503,
        title="The hub's database does not answer",
        remedy="ask again in a minute, with the same values",
    ),
    "members_closed": Known(
        status=503,
        title="Members are not open to programs here",
        remedy="have the administrator run `menkou-hub member open-api`",
    ),
}
"""The codes. Whoever reads the API may rely on them; the words may change."""
EARLY: Final = ("busy", "too_slow", "not_here", "foreign")
"""Codes of what is refused before any route (`menkou.web.early`)."""
_BY_STATUS: Final = {
    401: ("token_missing", "Authorization: expected a token or a session, got neither"),
    404: ("not_found", "address: expected one of a route, or a shop of yours, got another"),
    413: ("too_large", "body: expected no more bytes than the route takes, got more"),
    500: ("failed", "answer: expected the hub to make one, got an error of its own"),
    503: ("away", "database: expected an answer, got none"),
}


def problem(
    code: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: str
) -> Response:
    """Return the problem document of a code; `more` are members that a route promises beside."""
    known = KNOWN[code]
    content = {
        "type": TYPE + code,
        "title": known.title,
        "status": known.status,
        "code": code,
        "detail": detail,
        "remedy": known.remedy,
        **more,
    }
    made = as_json_answer(content, known.status, PROBLEM)
    made.headers.update(headers or {})
    return made


def as_json_answer(content: Mapping[str, Any], status: int = 200, kind: str = JSON) -> Response:
    """Return an answer in JSON that nobody keeps.

    A lone surrogate, which JSON may name but UTF-8 cannot write, is told as `?`.
    """
    text = json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")
    made = Response(text, status=status, content_type=kind)
    made.headers["Cache-Control"] = "no-store"
    return made


def answer_problems(app: Flask) -> None:
    """Let whatever is refused under /api/ be told as a problem document."""
    answer_errors_below(app, PREFIX, http_problem)
    app.register_error_handler(NotLetIn, _not_let_in)


def http_problem(error: HTTPException) -> Response:
    """Return the problem document of an HTTP error that no route raised."""
    status = error.code or 500
    if status == 401:
        code, detail = _BY_STATUS[401]
        return problem(code, detail, headers={"WWW-Authenticate": "Bearer"})
    if status == 403:
        return problem("forbidden", _who_may())
    if status == 405:
        allowed = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
        detail = f"method: expected {allowed or 'another'}, got {request.method[:16]}"
        return problem("method_not_allowed", detail, headers={"Allow": allowed})
    if status == 503 and request.endpoint == HEALTH:
        return problem(*_BY_STATUS[503], state="database_away")
    if found := _BY_STATUS.get(status):
        return problem(*found)
    if status >= 500:
        return problem(*_BY_STATUS[500])
    return problem("bad_request", "request: expected one of the document, got another")


def _who_may() -> str:
    """Say what the caller would have to be."""
    rule = RULES.get(request.endpoint or "")
    asks: Caller | None = g.get("caller")
    scope = rule.token if rule is not None else None
    if asks is not None and asks.token is not None:
        return f"token: expected one with the scope {scope}, got one without it"
    if rule is not None and rule.roles:
        roles = " or ".join(sorted(rule.roles))
        return f"who asks: expected the role {roles}, or a token of {scope}, got another role"
    return f"who asks: expected a token with the scope {scope}, got none"


def _not_let_in(why: NotLetIn) -> Response:
    detail = {
        "token_missing": "Authorization: expected `Bearer TOKEN`, got something else",
        "token_unknown": "token: expected one that is known and good, got one that is unknown,"
        " revoked or past its days",
        "too_often": "requests: expected 600 a minute at most, of wrong tokens 60; got more",
    }[why.code]
    return problem(why.code, detail, headers=why.headers)
