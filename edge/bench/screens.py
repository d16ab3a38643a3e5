"""Screens without a window: what `live.js` asks for and when. Started by `edge.bench.console`.

    python -m edge.bench.screens < SPEC.json

Each screen is a paired device of its own over TLS. Prints a line when all are connected; ends when
stdin is closed, with one JSON object: for each visit the monotonic times at which screens had it.
"""

import asyncio
import contextlib
import json
import re
import ssl
import sys
import time
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

_GAP_S: Final = 0.12
_FACTOR: Final = 2.0
"""Between two fetches of a screen: the one, or so many times what the last took (live.js)."""
_POLL_S: Final = 1.0
_CARD: Final = re.compile(rb'<li id="visit-([0-9A-Z]{26})"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """Where to ask, as which devices, and whether every second instead of when there is news."""

    port: int
    cookies: list[str]
    polls: bool


@dataclass(slots=True)
class Screen:
    """One screen. `seen` holds when each visit was first there; `fetched` how often it asked."""

    spec: Spec
    cookie: str
    offset_s: float
    seen: dict[str, float] = field(default_factory=dict)
    fetched: int = 0
    failed: int = 0
    wanted: asyncio.Event = field(default_factory=asyncio.Event)
    connected: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Show what there is until cancelled."""
        async with asyncio.TaskGroup() as group:
            if self.spec.polls:
                group.create_task(self._poll())
            else:
                group.create_task(self._listen())
            group.create_task(self._show())

    async def _poll(self) -> None:
        await asyncio.sleep(self.offset_s)
        while True:
            self.wanted.set()
            await asyncio.sleep(_POLL_S)

    async def _listen(self) -> None:
        async with _connection(self.spec.port) as (reader, writer):
            writer.write(self._request("/events"))
            while line := await reader.readline():
                if line.startswith(b"event: changed"):
                    self.wanted.set()

    async def _show(self) -> None:
        async with _connection(self.spec.port) as (reader, writer):
            while True:
                await self.wanted.wait()
                self.wanted.clear()
                began = time.monotonic()
                writer.write(self._request("/arrivals/live"))
                status, body = await _answer(reader)
                now = time.monotonic()
                self.fetched += 1
                self.failed += status != 200
                for found in _CARD.findall(body):
                    self.seen.setdefault(found.decode(), now)
                self.connected.set()
                if not self.spec.polls:
                    await asyncio.sleep(max(_GAP_S, _FACTOR * (now - began)))

    def _request(self, path: str) -> bytes:
        return (
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Language: zh\r\n"
            f"Accept-Encoding: gzip\r\nCookie: {self.cookie}\r\n\r\n"
        ).encode()


@contextlib.asynccontextmanager
async def _connection(
    port: int,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # the bench's own, loopback
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, limit=2**20)
    try:
        yield reader, writer
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    found = re.search(rb"(?i)content-length: (\d+)", head)
    assert found, "an answer that is no stream tells its length"
    body = await reader.readexactly(int(found[1]))
    if b"content-encoding: gzip" in head.lower():
        body = zlib.decompress(body, wbits=zlib.MAX_WBITS | 16)
    return int(head.split(b" ", 2)[1]), body


async def _all_connected(screens: list[Screen]) -> None:
    for screen in screens:
        await screen.connected.wait()


async def _watch(spec: Spec) -> dict[str, Any]:
    count = len(spec.cookies)
    screens = [Screen(spec, cookie, n / count) for n, cookie in enumerate(spec.cookies)]
    tasks = [asyncio.create_task(screen.run()) for screen in screens]
    connected = asyncio.create_task(_all_connected(screens))
    waited: list[asyncio.Task[None]] = [connected, *tasks]
    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    if connected.done():
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    faults = [repr(one) for one in ended if not isinstance(one, asyncio.CancelledError)]
    if faults:
        raise SystemExit(f"a screen was lost: {faults[0]}")
    seen: dict[str, list[float]] = {}
    for screen in screens:
        for visit, at in screen.seen.items():
            seen.setdefault(visit, []).append(at)
    return {
        "seen": seen,
        "fetched": sum(screen.fetched for screen in screens),
        "failed": sum(screen.failed for screen in screens),
    }


def main() -> None:
    """Watch as the first line of stdin says, until stdin ends; print what was seen."""
    spec = Spec(**json.loads(sys.stdin.readline()))
    print(json.dumps(asyncio.run(_watch(spec))))


if __name__ == "__main__":
    main()
