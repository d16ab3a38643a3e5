"""Version 1: today's figures, passers-by, and the hub's own health.

Described by `openapi.json` beside it.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from flask import Blueprint, Response, abort
from msgspec.json import encode
from sqlalchemy.exc import SQLAlchemyError

from cloud.queries.today import HubHealth
from cloud.views import ChainToday, StreetToday

_UTC: Final = re.compile(rb'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)Z"')
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
            abort(503)

    @api.get("/openapi.json")
    def document() -> Response:
        return Response(_DOCUMENT.read_bytes(), content_type="application/json")

    return api


def _answer(content: ChainToday | StreetToday | HubHealth) -> Response:
    # This API has always written a time's zone as a number; msgspec writes Z. All its values are
    # encoded at once: a chain's day is 60,000 of them.
    text = _UTC.sub(rb'"\1+00:00"', encode(content))
    return Response(text, content_type="application/json")
