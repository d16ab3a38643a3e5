"""Writes the OpenAPI document (3.1) from the declared routes. Pure; called by `create_api`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from pydantic import TypeAdapter

from edge.console.api.problems import MEDIA_TYPE, PROBLEMS, Problem
from edge.console.api.route import PREFIX, Route, Topic, Way
from edge.console.api.signed import ID, SIGNATURE, TIMESTAMP

_ABOUT: Final = (
    "Everything that the shop's pages do, for programs. Errors are problem documents (RFC 9457)"
    " in Chinese or English, as Accept-Language or ?lang= asks. Answers may get further fields:"
    " pass over those that you do not know."
)
_REF: Final = "#/components/schemas/{model}"
_SCHEMES: Final[Mapping[Way, Any]] = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "Made by the manager at the box, or by menkou-edge token add.",
    },
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": SIGNATURE,
        "description": (
            "Signed as standardwebhooks.com has it: webhook-id names the request (the same if it is"
            " sent again: its work is done once), webhook-timestamp is when it is sent in seconds"
            " since 1970 (good for 5 minutes), webhook-signature is"
            ' v1,BASE64(HMAC-SHA256(secret, "{id}.{timestamp}.{body}")). The secret is made by the'
            " manager at the box, or by menkou-edge sender add."
        ),
    },
    "certificate": {
        "type": "mutualTLS",
        "description": "A certificate of the authority that the box's settings name ([till] ca).",
    },
}
_REFUSALS: Final[Mapping[Way, tuple[str, ...]]] = {
    "token": ("token_missing",),
    "signature": (
        *("signature_missing", "signature_wrong", "signature_old"),
        *("clock_untrusted", "id_reused", "under_way"),
    ),
    "certificate": ("signature_missing",),
}
_Mode = Literal["validation", "serialization"]
_Key = tuple[str, _Mode]


def document(topics: Sequence[Topic]) -> dict[str, Any]:
    """Return the document of the routes that there are."""
    routes = [route for topic in topics for route in topic.routes]
    schemas, shared = TypeAdapter.json_schemas(_models(routes), ref_template=_REF)
    by_key: dict[_Key, Any] = {(str(key), mode): found for (key, mode), found in schemas.items()}
    paths: dict[str, dict[str, Any]] = {}
    for topic in topics:
        for route in topic.routes:
            operation = _operation(route, topic.name, by_key)
            paths.setdefault(route.shown_path, {})[route.method.lower()] = operation
    paths[f"{PREFIX}/openapi.json"] = {"get": _self_description()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Menkou box", "version": "1", "description": _ABOUT},
        "tags": [{"name": topic.name, "description": topic.about} for topic in topics],
        "paths": paths,
        "components": {
            "schemas": shared["$defs"],
            "securitySchemes": _SCHEMES,
        },
    }


def _models(routes: Iterable[Route]) -> list[tuple[str, _Mode, TypeAdapter[Any]]]:
    found: list[tuple[str, _Mode, TypeAdapter[Any]]] = [
        ("problem", "serialization", TypeAdapter(Problem))
    ]
    for route in routes:
        if route.answer is not None:
            found.append((f"{route.name}/answer", "serialization", route.answer))
        for name, adapter in (("body", route.body), ("query", route.query)):
            if adapter is not None:
                found.append((f"{route.name}/{name}", "validation", adapter))
        found += [
            (f"{route.name}/part/{name}", "validation", adapter)
            for name, adapter in route.parts.items()
        ]
    return found


def _operation(route: Route, tag: str, schemas: dict[_Key, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [tag],
        "security": [{way: [route.scope]} for way in route.by],
        "responses": _responses(route, schemas),
    }
    if route.description:
        made["description"] = route.description
    parameters: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": schemas[f"{route.name}/part/{name}", "validation"],
        }
        for name in route.parts
    ]
    if route.query is not None:
        parameters += _query_parameters(route.query)
    if "signature" in route.by:
        parameters += [
            {"name": name, "in": "header", "required": False, "schema": {"type": "string"}}
            for name in (ID, TIMESTAMP)
        ]
    if parameters:
        made["parameters"] = parameters
    if route.body is not None:
        schema = schemas[f"{route.name}/body", "validation"]
        made["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    if route.table:
        schema = {"type": "string", "format": "binary"}
        made["requestBody"] = {"required": True, "content": {"text/csv": {"schema": schema}}}
    return made


def _query_parameters(query: TypeAdapter[Any]) -> list[dict[str, Any]]:
    schema = query.json_schema(ref_template=_REF)
    needed = schema.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in needed, "schema": field}
        for name, field in schema["properties"].items()
    ]


def _responses(route: Route, schemas: dict[_Key, Any]) -> dict[str, Any]:
    codes = ["scope_missing", "too_often", "away", *route.problems]
    for way in route.by:
        codes += _REFUSALS[way]
    if route.parts:
        codes.append("not_found")
    if route.query is not None:
        codes.append("invalid")
    if route.body is not None:
        codes += ["malformed", "too_large", "media_type", "invalid"]
    if route.table:
        codes += ["too_large", "media_type_csv"]
    statuses = sorted({PROBLEMS[code] for code in codes})
    refused = {
        str(status): {
            "description": ", ".join(sorted(c for c in set(codes) if PROBLEMS[c] == status)),
            "content": {MEDIA_TYPE: {"schema": schemas["problem", "serialization"]}},
        }
        for status in statuses
    }
    return {str(route.status): _success(route, schemas), **refused}


def _success(route: Route, schemas: dict[_Key, Any]) -> dict[str, Any]:
    if route.streams:
        told = {"text/event-stream": {"schema": {"type": "string"}}}
        return {"description": "Server-sent events", "content": told}
    if route.answer is None:
        return {"description": "Done"}
    schema = schemas[f"{route.name}/answer", "serialization"]
    return {"description": route.summary, "content": {"application/json": {"schema": schema}}}


def _self_description() -> dict[str, Any]:
    content = {"application/json": {"schema": {"type": "object"}}}
    return {
        "operationId": "openapi",
        "summary": "This document; it needs no token",
        "security": [],
        "responses": {"200": {"description": "OpenAPI 3.1", "content": content}},
    }
