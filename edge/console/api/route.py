"""What a route of the API is: declared once, as a typed function.

    topic = Topic("arrivals", "Who has come in")

    @topic.post("/visits/<visit>/wrong-person", scope="write:desk", status=202)
    def wrong_person(caller: Token, visit: Id) -> Asked:
        '''Say that a visit names the wrong person.

        The eyes revise it.
        '''

From its parameters, answer and docstring come the checks (`serve`) and the OpenAPI document
(`document`), so that neither can tell otherwise. `caller` is who asks, `body` the JSON that is
sent, `query` what stands behind the question mark, `table` a file of CSV, every other parameter a
part of the path. With `by=("signature",)` the caller signs what it sends: `caller: Sender`.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final, Literal, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter

from edge.core.scopes import Scope

PREFIX: Final = "/api/v1"
Way = Literal["token", "signature", "certificate"]
"""How a caller proves who it is: a bearer token; a signed request (`signed`), whose work is done
once; a certificate (mutual TLS). A route takes any of those that it names."""
Method = Literal["GET", "POST", "PUT", "DELETE"]
Id = Annotated[str, StringConstraints(pattern=r"^[0-9A-HJKMNP-TV-Z]{26}$")]
"""A ULID: of a visit, a member, a device."""
_Do = TypeVar("_Do", bound=Callable[..., Any])
_PART: Final = re.compile(r"<(\w+)>")


class Body(BaseModel):
    """What is sent to the API: nothing beside the fields, no text for a number, nothing echoed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route. `parts` are the path's parameters; `problems` are codes that `do` may refuse by.

    `streams`: it only says whether the caller may listen; the server does the rest. `by`: how
    callers prove who they are.
    """

    name: str
    method: Method
    path: str
    scope: Scope
    status: int
    summary: str
    description: str
    do: Callable[..., Any]
    caller: bool
    parts: Mapping[str, TypeAdapter[Any]]
    body: TypeAdapter[Any] | None
    query: TypeAdapter[Any] | None
    table: bool
    answer: TypeAdapter[Any] | None
    problems: tuple[str, ...]
    streams: bool
    by: tuple[Way, ...]

    @property
    def shown_path(self) -> str:
        """The path as OpenAPI writes it."""
        return PREFIX + _PART.sub(r"{\1}", self.path)


class Topic:
    """The routes of one topic: a blueprint's worth.

    Args:
        name: of the topic, in the addresses of no route.
        about: one sentence for the document.
    """

    def __init__(self, name: str, about: str) -> None:
        self.name = name
        self.about = about
        self.routes: list[Route] = []

    def get(self, path: str, *, scope: Scope, **more: Any) -> Callable[[_Do], _Do]:
        """Declare what is read."""
        return self._declare("GET", path, scope, **more)

    def post(self, path: str, *, scope: Scope, **more: Any) -> Callable[[_Do], _Do]:
        """Declare what is done or made. `status` is that of success, `problems` why not, `by` how
        callers prove who they are.
        """
        return self._declare("POST", path, scope, **more)

    def delete(self, path: str, *, scope: Scope, **more: Any) -> Callable[[_Do], _Do]:
        """Declare what is taken away."""
        return self._declare("DELETE", path, scope, **more)

    def _declare(
        self, method: Method, path: str, scope: Scope, **more: Any
    ) -> Callable[[_Do], _Do]:
        def declare(do: _Do) -> _Do:
            self.routes.append(_route(do, method, path, scope, **more))
            return do

        return declare


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Return what checks and writes a kind of value; many routes share one."""
    return TypeAdapter(kind)


def _route(
    do: Callable[..., Any],
    method: Method,
    path: str,
    scope: Scope,
    *,
    status: int = 200,
    problems: tuple[str, ...] = (),
    streams: bool = False,
    by: tuple[Way, ...] = ("token",),
) -> Route:
    """Read a route from its function."""
    hints = get_type_hints(do, include_extras=True)
    answer = hints.pop("return")
    parts = {name: _adapter(hints[name]) for name in _PART.findall(path)}
    if odd := set(hints) - {*parts, "caller", "body", "query", "table"}:
        raise TypeError(f"{path}: {do.__name__}: expected parts of the path, got {odd}")
    summary, _, description = (inspect.getdoc(do) or "").partition("\n\n")
    return Route(
        name=do.__name__,
        method=method,
        path=path,
        scope=scope,
        status=204 if answer is type(None) and not streams else status,
        summary=" ".join(summary.split()).rstrip("."),
        description=" ".join(description.split()),
        do=do,
        caller="caller" in hints,
        parts=parts,
        body=_adapter(hints["body"]) if "body" in hints else None,
        query=_adapter(hints["query"]) if "query" in hints else None,
        table="table" in hints,
        answer=None if answer is type(None) else _adapter(answer),
        problems=problems,
        streams=streams,
        by=by,
    )
