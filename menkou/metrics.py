"""Serves a process' own figures to Prometheus at /metrics: on loopback freely, elsewhere only over
TLS and with a bearer token.

Both sides' composition roots hand it a registry and run `serve_metrics` in a thread. What is
counted is theirs; no label and no value may name a person.
"""

import hmac
import logging
import threading
from typing import Final

from flask import Flask, Response, request
from flask.typing import ResponseReturnValue
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from menkou.listen import Listen
from menkou.web.app import refuse_foreign
from menkou.web.errors import AddressTaken, BadCertificate
from menkou.web.server import serve
from menkou.web.stream import Broadcast

log = logging.getLogger(__name__)

_AGAIN_S: Final = 30.0


def registry_of(*collectors: Collector) -> CollectorRegistry:
    """Return a registry of collectors, and of this process' memory, time and open files."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    for collector in collectors:
        registry.register(collector)
    return registry


def create_metrics_app(registry: CollectorRegistry, listen: Listen) -> Flask:
    """Make the app with its only page."""
    app = Flask("menkou.metrics", static_folder=None)
    app.before_request(lambda: refuse_foreign(listen))
    app.before_request(lambda: _refuse_unknown(listen))

    @app.get("/metrics")
    def metrics() -> ResponseReturnValue:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return Response(encode(registry), content_type=content_type, headers=headers)

    return app


def _refuse_unknown(listen: Listen) -> ResponseReturnValue | None:
    if listen.token is None:
        return None
    said = request.headers.get("Authorization", "")
    if hmac.compare_digest(said.encode(), f"Bearer {listen.token}".encode()):
        return None
    return Response(
        "A bearer token is needed here\n",
        status=401,
        content_type="text/plain; charset=utf-8",
        headers={"WWW-Authenticate": 'Bearer realm="menkou"'},
    )


def serve_metrics(registry: CollectorRegistry, listen: Listen, stop: threading.Event) -> None:
    """Serve until `stop` is set. What is measured goes on if this cannot: it is tried again.

    Raises:
        menkou.web.errors.Exposed: `listen` is open to other machines without TLS or token.
    """
    app = create_metrics_app(registry, listen)
    while not stop.is_set():
        try:
            serve(
                app,
                listen,
                broadcast=Broadcast(),
                stop=stop,
                ready=lambda url: log.info("metrics: %smetrics", url),
            )
        except (AddressTaken, BadCertificate) as exc:
            log.error("metrics: %s", exc)
            stop.wait(_AGAIN_S)
