"""A server that takes what the box sends out, and answers as the test says."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

Reply = tuple[int, bytes] | None
"""Status and body; None: the connection is closed without a word."""


@dataclass(frozen=True)
class Got:
    """What came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def query(self) -> dict[str, str]:
        """The parameters in the address."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}


@dataclass
class Receiver:
    """What was received so far, and how it is answered."""

    port: int
    scheme: str
    got: list[Got] = field(default_factory=list)
    answer: Callable[[Got], Reply] = lambda _got: (200, b"{}")

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{self.scheme}://localhost:{self.port}"


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver

    def _take(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        one = Got(self.command, self.path, headers, self.rfile.read(length))
        self.receiver.got.append(one)
        reply = self.receiver.answer(one)
        if reply is None:
            self.close_connection = True
            return
        status, body = reply
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", "120")
        if status == 302:
            self.send_header("Location", f"{self.receiver.url}/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = _take  # noqa: N815 - the standard library's name
    do_POST = _take  # noqa: N815
    do_PUT = _take  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever hangs up is what some tests are about."""


@contextmanager
def receiving(cert: Path | None = None, key: Path | None = None) -> Iterator[Receiver]:
    """Receive on a free port of loopback, over TLS with a certificate."""
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {}))
    if cert is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    receiver = Receiver(server.server_address[1], "https" if cert else "http")
    server.RequestHandlerClass.receiver = receiver  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
