"""The box's API, `/api/v1`: what the shop's pages do, for programs with tokens.

`edge.console.app` mounts it. A topic is a module here that declares its routes over the same desk
that its page uses; checks, errors and the OpenAPI document follow from the declaration.
"""

import json
from collections.abc import Sequence
from functools import cache

from flask import Blueprint, Flask, Response

from edge.console.api.document import document
from edge.console.api.problems import http_problem
from edge.console.api.route import PREFIX, Topic
from edge.console.api.serve import Gatekeeper, TokenDesk, blueprint_of
from edge.console.api.signed import SenderDesk
from menkou.web.app import answer_errors_below

__all__ = ["PREFIX", "SenderDesk", "TokenDesk", "mount_api"]


def mount_api(
    app: Flask,
    topics: Sequence[Topic],
    desk: TokenDesk,
    senders: SenderDesk,
) -> None:
    """Add the routes of the topics, and their document, to the app."""
    gate = Gatekeeper(desk, senders)
    api = Blueprint("api", __name__, url_prefix=PREFIX)
    for topic in topics:
        api.register_blueprint(blueprint_of(topic, gate))

    @cache  # written when somebody asks first: it takes longer than all else of a start
    def told() -> bytes:
        return json.dumps(document(topics), ensure_ascii=False).encode()

    api.add_url_rule(
        "/openapi.json", "document", lambda: Response(told(), content_type="application/json")
    )
    app.register_blueprint(api)
    answer_errors_below(app, PREFIX, http_problem)
