"""One request over HTTP or HTTPS, in two steps: to connect, and then to say it.

So whoever uses it knows whether anything may have left the shop when it fails: a short message that
may have been sent is not sent again. No redirection is followed and no proxy of the environment
used: what is signed goes to the place that the settings name. Calls the standard library's client,
since none of the others tells these two apart.
"""

import http.client
import socket
import ssl
import threading
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from edge.outbound.target import Answer, Request
from menkou import __version__
from menkou.errors import MenkouFault, told

CONNECT_S: Final = 5.0
ANSWER_S: Final = 15.0
"""For the whole answer: one that comes byte by byte is as good as none."""
_ANSWER_MAX: Final = 64 * 1024
_RETRY_AFTER_MAX_S: Final = 3600.0


class NotSent(MenkouFault):
    """No connection: nothing has left the shop."""


class NoAnswer(MenkouFault):
    """The request may have arrived, but nobody knows."""


class Line:
    """Connects to one target, one request at a time.

    Args:
        ca: certificates to trust in place of the system's.
    """

    def __init__(self, ca: Path | None = None) -> None:
        self._ca = ca
        self._context: ssl.SSLContext | None = None
        self._connection: http.client.HTTPConnection | None = None

    def connect(self, url: str) -> None:
        """Open the way to an address, with its certificate checked.

        Raises:
            NotSent: nobody answers there, or it is somebody else.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme == "https":
            if self._context is None:
                self._context = self._trust()
            made: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, parts.port, timeout=CONNECT_S, context=self._context
            )
        else:
            made = http.client.HTTPConnection(host, parts.port, timeout=CONNECT_S)
        try:
            made.connect()
        except (OSError, UnicodeError) as exc:
            made.close()
            raise NotSent(f"{host}: expected a connection, got: {told(exc)}") from None
        self._connection = made

    def _trust(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._ca)
        except OSError as exc:
            raise NotSent(f"{self._ca}: expected certificates in PEM, got: {told(exc)}") from None

    def say(self, request: Request) -> Answer:
        """Send a request over the connection, and return the answer; the connection is closed.

        Raises:
            NoAnswer: none came, or no whole one.
        """
        connection = self._connection
        assert connection is not None, "connect() comes first"
        parts = urlsplit(request.url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"User-Agent": f"menkou/{__version__}", **request.headers}
        deadline = threading.Timer(ANSWER_S, self.cut)
        deadline.daemon = True
        deadline.start()
        try:
            if connection.sock is not None:
                connection.sock.settimeout(ANSWER_S)
            connection.request(request.method, path, body=request.body or None, headers=headers)
            got = connection.getresponse()
            body = got.read(_ANSWER_MAX)
            return Answer(status=got.status, body=body, retry_after_s=_retry_after(got))
        except (OSError, http.client.HTTPException, ValueError) as exc:
            # Of the text only what the system says: an address may stand in the rest.
            why = told(exc) if isinstance(exc, OSError) else type(exc).__name__
            raise NoAnswer(f"{parts.hostname}: expected an answer, got: {why}") from None
        finally:
            deadline.cancel()
            self.close()

    def cut(self) -> None:
        """End whatever is going on, from another thread."""
        connection = self._connection
        sock = connection.sock if connection is not None else None
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it has ended by itself

    def close(self) -> None:
        """Let go of the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _retry_after(answer: http.client.HTTPResponse) -> float | None:
    """Return the seconds of Retry-After (RFC 9110, 10.2.3); a date is not read."""
    text = answer.headers.get("Retry-After", "")
    return min(float(text), _RETRY_AFTER_MAX_S) if text.isascii() and text.isdigit() else None
