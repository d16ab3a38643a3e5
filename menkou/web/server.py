"""Serves a dressed Flask app and its event stream: one listening socket, HTTP/1.1, TLS.

Called by both composition roots from a thread of their own; blocks until told to stop.
"""

import asyncio
import contextlib
import dataclasses
import io
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import uvicorn
from a2wsgi.wsgi import Body, build_environ
from flask import Flask
from uvicorn.protocols.http.h11_impl import H11Protocol
from werkzeug.test import run_wsgi_app

from menkou.errors import told
from menkou.listen import Listen
from menkou.web.app import BODY_BYTES_MAX, body_limit
from menkou.web.certificate import LOOK_EVERY_S, Certificate
from menkou.web.early import BUSY, SLOW, Early, too_large
from menkou.web.errors import AddressTaken, Exposed
from menkou.web.stream import CLIENTS_MAX, Broadcast, Receive, Scope, Send

_BODY_S: Final = 10.0
"""A body that takes longer would hold one of the few page threads."""
_UPLOAD_S: Final = 60.0
_UPLOADS_AT_ONCE: Final = 2
"""Each is held in memory; further ones wait for their turn."""
_HEADERS_S: Final = 10.0
_SPARE_CONNECTIONS: Final = 200
_PAGE_THREADS: Final = 8
_STREAMS: Final = ("/events", "/api/v1/events")
_STOP_LOOK_S: Final = 0.1
_SHUTDOWN_S: Final = 3
_HEADER_BYTES_MAX: Final = 16 * 1024
PEER: Final = "menkou.peer"
"""Where an app finds the certificate (DER) that a caller has shown, if `Listen.client_ca` asks."""


def serve(
    app: Flask,
    listen: Listen,
    *,
    broadcast: Broadcast,
    stop: threading.Event,
    ready: Callable[[str], None] | None = None,
    certificate: Certificate | None = None,
) -> None:
    """Serve until `stop` is set; then end the streams and return within a few seconds.

    `ready` is called once with the true address, when connections are accepted. `listen.port`
    may be 0. `broadcast` is closed at the end and not to be used again. `certificate` is that of
    `listen`, for callers who want to know how it is.

    Raises:
        Exposed: `listen` is open to other machines without TLS or login.
        AddressTaken: the port is in use, or the address is not this machine's.
        BadCertificate: the certificate or key cannot be used.
    """
    if reason := listen.exposure():
        raise Exposed(reason)
    if certificate is None and listen.has_tls:
        certificate = Certificate(listen)
    config = _configure(_Gate(app, broadcast), certificate)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # that it starts and ends we say
    with contextlib.closing(_bind(listen)) as listener:
        url = dataclasses.replace(listen, port=listener.getsockname()[1]).url
        server = _Server(
            config, broadcast, stop, lambda: ready(url) if ready else None, certificate
        )
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
        certificate: Certificate | None,
    ) -> None:
        super().__init__(config)
        self._broadcast = broadcast
        self._stop = stop
        self._ready = ready
        self._certificate = certificate
        self._look_at_s = time.monotonic() + LOOK_EVERY_S

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
        if self._certificate is not None and time.monotonic() >= self._look_at_s:
            self._look_at_s = time.monotonic() + LOOK_EVERY_S
            await asyncio.to_thread(self._certificate.look)
        return await super().on_tick(counter)


class _Impatient(H11Protocol):
    """Closes a connection that has not said what it wants: silent ones must not use up the room."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        # Checked by the handshake; none was asked for where no authority is set.
        if tls is not None and (shown := tls.getpeercert(binary_form=True)):
            self.app = _Shown(self.app, shown)
        self.loop.call_later(_HEADERS_S, self._end_if_silent)

    def _end_if_silent(self) -> None:
        if self.scope is None and not self.transport.is_closing():
            self.transport.close()


class _Shown:
    """An ASGI app with the certificate that this connection's caller has shown."""

    def __init__(self, app: Any, certificate: bytes) -> None:
        self._app = app
        self._certificate = certificate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, PEER: self._certificate}, receive, send)


class _Gate:
    """The ASGI app: `_STREAMS` to the broadcast, else to Flask; bodies are read first, bounded."""

    def __init__(self, app: Flask, broadcast: Broadcast) -> None:
        self._app = app
        self._broadcast = broadcast
        self._uploads = asyncio.Semaphore(_UPLOADS_AT_ONCE)
        self._pool = ThreadPoolExecutor(_PAGE_THREADS, thread_name_prefix="page")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        self._loop = asyncio.get_running_loop()
        if scope["path"] in _STREAMS and scope["method"] == "GET":
            await self._events(scope, receive, send)
            return
        most = body_limit(self._app, scope["path"])
        if most == BODY_BYTES_MAX:
            await self._page(scope, receive, send, most, _BODY_S)
            return
        try:
            async with asyncio.timeout(_UPLOAD_S):
                await self._uploads.acquire()
        except TimeoutError:
            await _answer(scope, send, BUSY)
            return
        try:
            await self._page(scope, receive, send, most, _UPLOAD_S)
        finally:
            self._uploads.release()

    async def _page(
        self, scope: Scope, receive: Receive, send: Send, most: int, patience_s: float
    ) -> None:
        """Read the body, then ask Flask."""
        try:
            async with asyncio.timeout(patience_s):
                body = await _read_body(scope, receive, most)
        except TimeoutError:
            await _answer(scope, send, SLOW)
            return
        if body is None:
            await _answer(scope, send, too_large(most))
            return
        # One way to a thread and one back: each step between would wait for Python's lock anew.
        loop = asyncio.get_running_loop()
        status, headers, answer = await loop.run_in_executor(
            self._pool, self._ask, scope, receive, body
        )
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

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

    def _ask(
        self, scope: Scope, receive: Receive, body: bytes = b""
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Ask Flask. The routes of streams read no body and no figures, so they run on the loop."""
        http: Any = scope
        environ: Any = build_environ(http, Body(self._loop, receive))  # type: ignore[arg-type]
        environ["wsgi.input"] = io.BytesIO(body)
        environ["wsgi.errors"] = sys.stderr
        if shown := scope.get(PEER):
            environ[PEER] = shown
        chunks, status, told = run_wsgi_app(self._app, environ, buffered=True)
        headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in told]
        return int(status.split(" ", 1)[0]), headers, b"".join(chunks)


async def _read_body(scope: Scope, receive: Receive, most: int) -> bytes | None:
    """Return the whole body, or None if it is too large."""
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    if not declared.isdigit() or int(declared) > most:
        return None
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > most:
            return None
        if not message.get("more_body", False):
            return bytes(body)


async def _answer(scope: Scope, send: Send, refusal: Early) -> None:
    """Answer before any app."""
    body, kind = refusal.answer(scope["path"])
    headers = [(b"content-type", kind.encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})


def _configure(gate: _Gate, certificate: Certificate | None) -> uvicorn.Config:
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
    )
    config.load()
    config.ssl = certificate.context() if certificate else None
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
