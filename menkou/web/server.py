"""Serves a dressed Flask app and its event stream: one listening socket, HTTP/1.1, TLS.

Called by both composition roots from a thread of their own; blocks until told to stop.
"""

import asyncio
import contextlib
import dataclasses
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import uvicorn
from a2wsgi import WSGIMiddleware
from a2wsgi.wsgi import Body, build_environ
from flask import Flask
from uvicorn.protocols.http.h11_impl import H11Protocol
from werkzeug.test import run_wsgi_app

from menkou.errors import told
from menkou.listen import Listen
from menkou.web.app import BODY_BYTES_MAX
from menkou.web.errors import AddressTaken, BadCertificate, Exposed
from menkou.web.stream import CLIENTS_MAX, Broadcast, Message, Receive, Scope, Send

_BODY_S: Final = 10.0
"""A body that takes longer would hold one of the few page threads."""
_HEADERS_S: Final = 10.0
_SPARE_CONNECTIONS: Final = 200
_PAGE_THREADS: Final = 8
_STOP_LOOK_S: Final = 0.1
_SHUTDOWN_S: Final = 3
_HEADER_BYTES_MAX: Final = 16 * 1024


def serve(
    app: Flask,
    listen: Listen,
    *,
    broadcast: Broadcast,
    stop: threading.Event,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until `stop` is set; then end the streams and return within a few seconds.

    `ready` is called once with the true address, when connections are accepted. `listen.port`
    may be 0. `broadcast` is closed at the end and not to be used again.

    Raises:
        Exposed: `listen` is open to other machines without TLS or login.
        AddressTaken: the port is in use, or the address is not this machine's.
        BadCertificate: the certificate or key cannot be used.
    """
    if reason := listen.exposure():
        raise Exposed(reason)
    config = _configure(_Gate(app, broadcast), listen)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # that it starts and ends we say
    with contextlib.closing(_bind(listen)) as listener:
        url = dataclasses.replace(listen, port=listener.getsockname()[1]).url
        server = _Server(config, broadcast, stop, lambda: ready(url) if ready else None)
        try:
            asyncio.run(server.serve(sockets=[listener]))
        finally:
            broadcast.close()


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, stopped by an event that any thread sets."""

    def __init__(
        self,
        config: uvicorn.Config,
        broadcast: Broadcast,
        stop: threading.Event,
        ready: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._broadcast = broadcast
        self._stop = stop
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process: it has more to stop than pages."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def on_tick(self, counter: int) -> bool:
        if self._stop.is_set():
            self._broadcast.close()
            return True
        return await super().on_tick(counter)


class _Impatient(H11Protocol):
    """Closes a connection that has not said what it wants: silent ones must not use up the room."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.loop.call_later(_HEADERS_S, self._end_if_silent)

    def _end_if_silent(self) -> None:
        if self.scope is None and not self.transport.is_closing():
            self.transport.close()


class _Gate:
    """The ASGI app: /events to the broadcast, all else to Flask, bodies read and bounded first."""

    def __init__(self, app: Flask, broadcast: Broadcast) -> None:
        self._app = app
        self._broadcast = broadcast
        self._pages = WSGIMiddleware(_errors_to_stderr(app), workers=_PAGE_THREADS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == "/events" and scope["method"] == "GET":
            await self._events(scope, receive, send)
            return
        try:
            async with asyncio.timeout(_BODY_S):
                body = await _read_body(scope, receive)
        except TimeoutError:
            await _answer(send, 408, "The request took too long")
            return
        if body is None:
            await _answer(send, 413, f"Larger than {BODY_BYTES_MAX} bytes")
            return
        replay = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def read_again() -> Message:
            return next(replay, {"type": "http.disconnect"})

        await self._pages(scope, read_again, send)  # type: ignore[arg-type]

    async def _events(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask Flask's route of the same path: its 204 admits, any other answer is passed on."""
        status, headers, body = self._ask(scope, receive)
        if status == 204:
            await self._broadcast.stream(
                receive, send, still_admitted=lambda: self._ask(scope, receive)[0] == 204
            )
            return
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _ask(self, scope: Scope, receive: Receive) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        # The route reads no body and no figures, so it may run on the loop.
        http: Any = scope
        environ: Any = build_environ(http, Body(asyncio.get_running_loop(), receive))  # type: ignore[arg-type]
        environ["wsgi.errors"] = sys.stderr
        chunks, status, told = run_wsgi_app(self._app, environ, buffered=True)
        headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in told]
        return int(status.split(" ", 1)[0]), headers, b"".join(chunks)


def _errors_to_stderr(app: Flask) -> Callable[[Any, Any], Iterable[bytes]]:
    """Wrap the app: a2wsgi would send its errors to stdout, which belongs to data."""

    def wrapped(environ: Any, start_response: Any) -> Iterable[bytes]:
        environ["wsgi.errors"] = sys.stderr
        return app(environ, start_response)

    return wrapped


async def _read_body(scope: Scope, receive: Receive) -> bytes | None:
    """Return the whole body, or None if it is too large."""
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    if not declared.isdigit() or int(declared) > BODY_BYTES_MAX:
        return None
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > BODY_BYTES_MAX:
            return None
        if not message.get("more_body", False):
            return bytes(body)


async def _answer(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{text}\n".encode()})


def _configure(gate: _Gate, listen: Listen) -> uvicorn.Config:
    config = uvicorn.Config(
        gate,
        http=_Impatient,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CLIENTS_MAX + _SPARE_CONNECTIONS,
        timeout_graceful_shutdown=_SHUTDOWN_S,
        h11_max_incomplete_event_size=_HEADER_BYTES_MAX,
        ssl_certfile=listen.cert if listen.has_tls else None,
        ssl_keyfile=listen.key if listen.has_tls else None,
    )
    try:
        config.load()
    except OSError as exc:  # of TLS, too
        section = listen.setting.rpartition(" ")[0]
        raise BadCertificate(
            f"{section} cert {listen.cert} and key {listen.key}: expected a PEM certificate and its"
            f" key, got: {told(exc)}".lstrip()
        ) from exc
    return config


def _bind(listen: Listen) -> socket.socket:
    """Return a socket bound to the address, so that a port in use is told in our own words."""
    fault: OSError | None = None
    try:
        found = socket.getaddrinfo(
            listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as exc:
        raise AddressTaken(
            f"{listen.setting} {listen.host}: no such address on this machine: {told(exc)};"
            " set another"
        ) from exc
    for family, _, _, _, address in found:
        try:
            return socket.create_server(address[:2], family=family, backlog=128)
        except OSError as exc:
            fault = exc
    why = os.strerror(fault.errno) if fault and fault.errno else str(fault)
    raise AddressTaken(
        f"{listen.setting} {listen.host}:{listen.port}: cannot be listened on: {why};"
        " stop the other program or set another port"
    ) from fault
