"""`/api/v1/members`: members of head office, for programs with a token that names the scope.

Called by `cloud.app`; works with `member_desk`. Whatever cannot be done is told as a problem
document (RFC 9457) that repeats nothing of what was sent. Described by `openapi.json` beside it.
"""

import json
from collections.abc import Callable
from typing import Any, Final

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from cloud.errors import HubFault
from cloud.member_desk import (
    BATCH_MAX,
    By,
    MemberDesk,
    MembersClosed,
    MemberView,
    Moved,
    NotYours,
    Taken,
)
from cloud.office_merge import MemberUnknown
from cloud.office_seal import TextsTooLong
from cloud.office_table import Unsound
from menkou.table import TableFault

_PROBLEM: Final = "application/problem+json"
_STATUS: Final[dict[type[Exception], tuple[int, str]]] = {
    MembersClosed: (503, "members_closed"),
    MemberUnknown: (404, "member_unknown"),
    NotYours: (403, "not_your_shop"),
    Moved: (409, "moved"),
    Unsound: (422, "unsound"),
    TextsTooLong: (422, "too_long"),
    TableFault: (422, "no_table"),
}


class _Unfit(HubFault):
    """The body is not what the document says."""


_STATUS[_Unfit] = (400, "body")


def create_members_api(desk: MemberDesk, who: Callable[[], By]) -> Blueprint:
    """Make the blueprint. `who` returns who asks; the door has seen to the scope."""
    api = Blueprint("api_members", __name__, url_prefix="/api/v1/members")

    @api.get("/<external_id>")
    def one(external_id: str) -> Response:
        return _member(desk.read(external_id, who()))

    @api.put("/<external_id>")
    def put(external_id: str) -> Response:
        body = _body("store", "profile")
        profile, rev = body["profile"], body.get("rev")
        if not isinstance(profile, dict) or not (rev is None or type(rev) is int):
            raise _Unfit("profile: expected an object of texts; rev: a whole number, or none")
        view, new = desk.put(external_id, _store(body["store"]), profile, rev, who())
        return _member(view, 201 if new else 200)

    @api.delete("/<external_id>")
    def erase(external_id: str) -> Response:
        return _json({"boxes": desk.erase(external_id, who())})

    @api.post("/batch")
    def batch() -> Response:
        body = _body("store", "members")
        rows = body["members"]
        if not isinstance(rows, list) or not 1 <= len(rows) <= BATCH_MAX:
            raise _Unfit(f"members: expected 1 to {BATCH_MAX} of them")
        return _taken(desk.take(_store(body["store"]), rows, who()), "place")

    @api.post("/csv")
    def table() -> Response:
        store = _store(request.args.get("store"))
        return _taken(desk.take_table(store, request.get_data(cache=False), who()), "line")

    @api.post("/<external_id>/merge")
    def merge(external_id: str) -> Response:
        body = _body("gone", "yes")
        if not isinstance(body["gone"], str) or body["yes"] is not True:
            raise _Unfit("gone: expected an external id; yes: true, since it cannot be undone")
        return _json({"merged": desk.merge(external_id, body["gone"], who())})

    @api.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        if error.response is not None:
            return error.response  # type: ignore[return-value]
        return _problem(error.code or 500, error.name.lower().replace(" ", "_"), error.name)

    def told(fault: Exception) -> Response:
        status, code = _STATUS[type(fault)]
        return _problem(status, code, str(fault))

    for fault in _STATUS:
        api.register_error_handler(fault, told)
    return api


def _body(*needed: str) -> dict[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict) or not set(needed) <= set(body):
        raise _Unfit(f"body: expected a JSON object with {', '.join(needed)}")
    return body


def _store(text: object) -> str:
    if isinstance(text, str) and text:
        return text
    raise _Unfit("store: expected the id of a shop such as nj-001")


def _member(view: MemberView, status: int = 200) -> Response:
    return _json(
        {
            "external_id": view.external_id,
            "rev": view.rev,
            "stores": list(view.shops),
            "profile": dict(view.profile),
        },
        status,
    )


def _taken(done: Taken, place: str) -> Response:
    counts = {name: getattr(done, name) for name in ("added", "changed", "same", "joined")}
    faults = [{place: where, "detail": text} for where, text in done.faults]
    return _json({**counts, "faults": faults})


def _problem(status: int, code: str, detail: str) -> Response:
    content = {"type": "about:blank", "status": status, "code": code, "detail": detail}
    return _json(content, status, _PROBLEM)


def _json(content: dict[str, Any], status: int = 200, kind: str = "application/json") -> Response:
    made = Response(json.dumps(content, ensure_ascii=False), status=status, content_type=kind)
    made.headers["Cache-Control"] = "no-store"
    return made
