"""Version 1: today's figures, passers-by, and the hub's own health.

Described by `openapi.json` beside it.
"""

import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Final

from flask import Blueprint, Response
from msgspec import to_builtins
from sqlalchemy.exc import SQLAlchemyError

from cloud.queries.today import HubHealth
from cloud.views import ChainToday, StreetToday
from menkou.web.records import as_json

_DOCUMENT: Final = Path(__file__).parent / "openapi.json"


def create_api(
    today: Callable[[], ChainToday],
    health: Callable[[], HubHealth],
    passers: Callable[[], StreetToday],
) -> Blueprint:
    """Make the blueprint of /api/v1. The functions are asked once a request."""
    api = Blueprint("api_v1", __name__, url_prefix="/api/v1")

    @api.get("/shops")
    def shops() -> Response:
        return _answer(today())

    @api.get("/street")
    def street() -> Response:
        return _answer(passers())

    @api.get("/health")
    def how() -> Response:
        try:
            return _answer(health())
        except SQLAlchemyError:
            return _answer({"state": "database_away"}, status=503)

    @api.get("/openapi.json")
    def document() -> Response:
        return Response(_DOCUMENT.read_bytes(), content_type="application/json")

    return api


def _answer(
    content: ChainToday | StreetToday | HubHealth | dict[str, str], status: int = 200
) -> Response:
    # What msgspec would write of a time is not what this API has always said.
    plain = as_json(to_builtins(content, builtin_types=(date, datetime)))
    text = json.dumps(plain, ensure_ascii=False)
    return Response(text, status=status, content_type="application/json")
