"""`/api/v1/members`: members of head office, for programs with a token that names the scope.

Called by `cloud.app`; works with `desks.members`. Whatever cannot be done is told as a problem
document (RFC 9457) that repeats nothing of what was sent. Described by `openapi.json` beside it.
"""

from collections.abc import Callable
from typing import Any, Final

from flask import Blueprint, Response, request

from cloud.api.problems import as_json_answer, problem
from cloud.desks.members import (
    BATCH_MAX,
    By,
    MemberDesk,
    MembersClosed,
    MemberView,
    Moved,
    NotYours,
    Taken,
)
from cloud.errors import HubFault
from cloud.office.merge import MemberUnknown
from cloud.office.seal import TextsTooLong
from cloud.office.table import Unsound
from menkou.table import TableFault


class _Unfit(HubFault):
    """The request is not what the document says."""


_CODES: Final[dict[type[Exception], str]] = {
    MembersClosed: "members_closed",
    MemberUnknown: "member_unknown",
    NotYours: "not_your_shop",
    Moved: "moved",
    Unsound: "unsound",
    TextsTooLong: "too_long",
    TableFault: "no_table",
    _Unfit: "body",
}
_ID_CHARS: Final = 64


def create_members_api(desk: MemberDesk, who: Callable[[], By]) -> Blueprint:
    """Make the blueprint. `who` returns who asks; the door has seen to the scope."""
    api = Blueprint("api_members", __name__, url_prefix="/api/v1/members")

    @api.get("/<external_id>")
    def one(external_id: str) -> Response:
        return _member(desk.read(_member_id(external_id), who()))

    @api.put("/<external_id>")
    def put(external_id: str) -> Response:
        member, body = _member_id(external_id), _body("store", "profile")
        profile, rev = body["profile"], body.get("rev")
        if not isinstance(profile, dict):
            raise _Unfit(f"profile: expected an object of texts, got {_kind(profile)}")
        if not (rev is None or type(rev) is int):
            raise _Unfit(f"rev: expected a whole number or none, got {_kind(rev)}")
        view, new = desk.put(member, _store(body["store"]), profile, rev, who())
        return _member(view, 201 if new else 200)

    @api.delete("/<external_id>")
    def erase(external_id: str) -> Response:
        return as_json_answer({"boxes": desk.erase(_member_id(external_id), who())})

    @api.post("/batch")
    def batch() -> Response:
        body = _body("store", "members")
        rows = body["members"]
        if not isinstance(rows, list) or not 1 <= len(rows) <= BATCH_MAX:
            got = len(rows) if isinstance(rows, list) else _kind(rows)
            raise _Unfit(f"members: expected 1 to {BATCH_MAX} of them, got {got}")
        return _taken(desk.take(_store(body["store"]), rows, who()), "place")

    @api.post("/csv")
    def table() -> Response:
        store = _store(request.args.get("store"))
        return _taken(desk.take_table(store, request.get_data(cache=False), who()), "line")

    @api.post("/<external_id>/merge")
    def merge(external_id: str) -> Response:
        body = _body("gone", "yes")
        keep, gone = _member_id(external_id), _member_id(body["gone"], "gone")
        if body["yes"] is not True:
            got = _kind(body["yes"])
            raise _Unfit(f"yes: expected true, since it cannot be undone, got {got}")
        return as_json_answer({"merged": desk.merge(keep, gone, who())})

    def told(fault: Exception) -> Response:
        return problem(_CODES[type(fault)], str(fault))

    for fault in _CODES:
        api.register_error_handler(fault, told)
    return api


def _body(*needed: str) -> dict[str, Any]:
    expected = f"body: expected a JSON object with {', '.join(needed)}"
    try:
        body = request.get_json(silent=True)
    except RecursionError:
        raise _Unfit(f"{expected}, got one within another without end") from None
    if not isinstance(body, dict):
        raise _Unfit(f"{expected}, got {_kind(body) if body is not None else 'no JSON'}")
    if missing := [name for name in needed if name not in body]:
        raise _Unfit(f"{expected}, got one without {', '.join(missing)}")
    return body


def _store(text: object) -> str:
    return _id(text, "store", "the id of a shop such as nj-001")


def _member_id(text: object, name: str = "external_id") -> str:
    return _id(text, name, "an external id such as C-1")


def _id(text: object, name: str, what: str) -> str:
    """Return an id that a database can be asked for.

    PostgreSQL takes no NUL, and no database a lone surrogate, which JSON may name.
    """
    if not isinstance(text, str) or not text:
        got = "an empty text" if text == "" else _kind(text)
        raise _Unfit(f"{name}: expected {what}, got {got}")
    if not text.strip() or not text.strip().isprintable():
        raise _Unfit(f"{name}: expected {what}, got one with a character that no id has")
    if len(text) > _ID_CHARS:
        raise _Unfit(f"{name}: expected {what}, got {len(text)} characters")
    return text


def _kind(value: object) -> str:
    """Name the kind of a value, never the value: it may be somebody's name."""
    kinds: dict[type, str] = {str: "a text", bool: "true or false", list: "a list"}
    kinds |= {int: "a number", float: "a number", dict: "an object"}
    return kinds.get(type(value), "nothing")


def _member(view: MemberView, status: int = 200) -> Response:
    return as_json_answer(
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
    return as_json_answer({**counts, "faults": faults})
