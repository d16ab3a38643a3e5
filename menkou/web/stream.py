"""Tells connected pages that something changed: server-sent events over ASGI.

The front process and the hub call `Broadcast.publish` from any thread; `server` mounts
`Broadcast.stream` at /events. Nothing but a running number is sent: a page fetches what it shows.
"""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

CLIENTS_MAX: Final = 200
HEARTBEAT_S: Final = 15.0
"""Short enough for routers that forget idle connections after 30 s."""
PAUSE_S: Final = 0.1
"""Between two messages to one client: what is published in between is one message."""
STALLED_S: Final = 30.0
"""A client that takes nothing for so long is gone."""
_RETRY_MS: Final = 1500
_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]


class _Client:
    """One connected page: the loop that it lives on and a flag. That is all its state."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.news = asyncio.Event()
        self.waking = False  # a wake-up is on its way to the loop: publishing more adds none
        self.doubted = False  # ask before the next message whether it may still listen


class Broadcast:
    """Counts changes and wakes every connected page. Belongs to one `serve`.

    `publish` may be called from any thread and never blocks on a client.
    """

    def __init__(
        self,
        *,
        clients_max: int = CLIENTS_MAX,
        heartbeat_s: float = HEARTBEAT_S,
        stalled_s: float = STALLED_S,
    ) -> None:
        self._lock = threading.Lock()
        self._clients: set[_Client] = set()
        self._clients_max = clients_max
        self._heartbeat_s = heartbeat_s
        self._stalled_s = stalled_s
        self._number = 0
        self._closed = False

    @property
    def clients(self) -> int:
        """How many pages are connected."""
        with self._lock:
            return len(self._clients)

    @property
    def number(self) -> int:
        """How often something has changed."""
        with self._lock:
            return self._number

    def publish(self) -> None:
        """Tell every connected page that something changed."""
        with self._lock:
            self._number += 1
            self._wake_all()

    def doubt(self) -> None:
        """Somebody may no longer listen: ask each stream's `still_admitted` now."""
        with self._lock:
            self._number += 1
            for client in self._clients:
                client.doubted = True
            self._wake_all()

    def close(self) -> None:
        """End every stream and take no new one."""
        with self._lock:
            self._closed = True
            self._wake_all()

    async def stream(
        self, receive: Receive, send: Send, *, still_admitted: Callable[[], bool] = lambda: True
    ) -> None:
        """Serve one page until it leaves, stalls, is no longer admitted, or `close`.

        `still_admitted` is asked at each heartbeat and when there is doubt, so that a sign-out
        ends the stream too.
        """
        client = self._join()
        if client is None:
            await _send_busy(send)
            return
        gone = asyncio.create_task(_wait_for_disconnect(receive))
        try:
            with contextlib.suppress(TimeoutError, OSError):
                await self._feed(client, gone, send, still_admitted)
        finally:
            self._leave(client)
            gone.cancel()

    async def _feed(
        self,
        client: _Client,
        gone: "asyncio.Task[None]",
        send: Send,
        still_admitted: Callable[[], bool],
    ) -> None:
        await self._send(send, {"type": "http.response.start", "status": 200, "headers": _HEADERS})
        text = f"retry: {_RETRY_MS}\n{self._changed(client)}"
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        while not gone.done() and not self._closed:
            await self._send(send, _body(text))
            await asyncio.wait([gone], timeout=PAUSE_S)
            news = await self._news(client, gone)
            doubted, client.doubted = client.doubted, False
            if doubted or loop.time() - asked_at >= self._heartbeat_s:
                if not still_admitted():
                    break
                asked_at = loop.time()
            text = self._changed(client) if news else ": alive\nevent: alive\ndata:\n\n"
        if not gone.done():
            await self._send(send, _body("", more=False))

    async def _news(self, client: _Client, gone: "asyncio.Task[None]") -> bool:
        """Wait for news, the client's leaving or the heartbeat; say whether there is news."""
        news = asyncio.create_task(client.news.wait())
        try:
            await asyncio.wait(
                [news, gone], timeout=self._heartbeat_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            news.cancel()
        return client.news.is_set()

    def _changed(self, client: _Client) -> str:
        client.news.clear()
        with self._lock:
            return f"event: changed\nid: {self._number}\ndata: {self._number}\n\n"

    async def _send(self, send: Send, message: Message) -> None:
        async with asyncio.timeout(self._stalled_s):
            await send(message)

    def _join(self) -> _Client | None:
        client = _Client(asyncio.get_running_loop())
        with self._lock:
            if self._closed or len(self._clients) >= self._clients_max:
                return None
            self._clients.add(client)
        return client

    def _leave(self, client: _Client) -> None:
        with self._lock:
            self._clients.discard(client)

    def _wake_all(self) -> None:
        for client in self._clients:
            if not client.waking:
                client.waking = True
                with contextlib.suppress(RuntimeError):  # its loop has just ended
                    client.loop.call_soon_threadsafe(self._deliver, client)

    def _deliver(self, client: _Client) -> None:
        with self._lock:
            client.waking = False
        client.news.set()


def _body(text: str, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": text.encode(), "more_body": more}


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_busy(send: Send) -> None:
    """503: too many pages, or shutting down. A page tries again after the given seconds."""
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", b"10")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send(_body("Too many pages are open / 打开的页面太多\n", more=False))
