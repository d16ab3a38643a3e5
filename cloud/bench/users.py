"""Measures pages while many people use them: each opens one every few seconds. Called by `pages`.

`menkou-hub serve` runs on loopback as a process of its own, with settings for the while. What is
measured is the time from asking for a page to its last byte: the server's own, and what waits for
it. A server runs for months: the first opening of each page is not counted, nor what is opened
while it still reads ahead (`cloud.warm`).
"""

import http.client
import itertools
import os
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from sqlalchemy import Engine

from cloud.bench.addresses import Page, app_of, pages_of
from cloud.bench.hub import free_port, listens, process, wait_until
from cloud.bench.served import BASELINE, raw_days
from cloud.bench.timing import results, timed
from cloud.errors import HubFault
from menkou.bench import Result

_PATIENCE_S: Final = 60.0
_BASELINE_TIMES: Final = 3
_A_YEAR: Final = 0.25  # of the openings are of a year, the others of a month


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How many users, every how many seconds each of them opens a page, for how many seconds; and
    for how many seconds they were there before.
    """

    users: int
    every_s: float
    for_s: float
    after_s: float


@dataclass(slots=True)
class _Seen:
    """What the users found. Each page's times are in milliseconds."""

    times: dict[Page, list[float]] = field(default_factory=lambda: defaultdict(list))
    fault: str | None = None


def cases(engine: Engine, size: str, folder: Path, load: Load) -> Iterator[Result]:
    """Measure all pages together, and each; three timings each.

    Raises:
        HubFault: the server does not start, or a page is not served.
    """
    pages = pages_of(app_of(engine, folder), engine)
    months = [page for page in pages if page.days == pages[0].days]
    before = [timed(raw_days(engine, pages[0])) for _ in range(_BASELINE_TIMES)]
    with _serving(engine, folder) as port:
        seen = _used(port, pages, months, load)
    words = f"{load.users} users, each every {load.every_s:g} s"
    everything = list(itertools.chain.from_iterable(seen.times.values()))
    yield from results(f"all pages, {words}, {size}", everything, BASELINE, before)
    for page in pages:
        if times := seen.times.get(page):
            case = f"page {page.name}, {words}, {size}"
            yield from results(case, times, BASELINE, before)


@contextmanager
def _serving(engine: Engine, folder: Path) -> Iterator[int]:
    """Serve the pages on a port of loopback."""
    port = free_port()
    environ = {name: text for name, text in os.environ.items() if not name.startswith("MENKOU")}
    environ |= {
        "MENKOU_DATA_DIR": str(folder),
        "MENKOU_DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "MENKOU_LISTEN": f"127.0.0.1:{port}",
    }
    with process([sys.executable, "-m", "cloud.cli", "serve"], environ) as server:
        wait_until(lambda: _is_up(server, port), "the pages to be served")
        yield port


def _is_up(server: "subprocess.Popen[bytes]", port: int) -> bool:
    if server.poll() is not None:
        raise HubFault(f"bench: `menkou-hub serve` ended with {server.returncode} at its start")
    return listens(port)


def _used(port: int, pages: Sequence[Page], months: Sequence[Page], load: Load) -> _Seen:
    """Let the users open pages; return what they found."""
    for page in pages:
        _open(port, page)
    seen, stop = _Seen(), threading.Event()
    since = time.monotonic() + load.after_s
    users = [
        threading.Thread(
            target=_use, args=(port, Random(number), pages, months, load, since, stop, seen)
        )
        for number in range(load.users)
    ]
    for user in users:
        user.start()
    for user in users:
        user.join()
    if seen.fault is not None:
        raise HubFault(f"bench: {seen.fault}")
    return seen


def _use(
    port: int,
    random: Random,
    pages: Sequence[Page],
    months: Sequence[Page],
    load: Load,
    since: float,
    stop: threading.Event,
    seen: _Seen,
) -> None:
    """Open pages as one user does: at first at any moment, then every few seconds."""
    next_at = time.monotonic() + random.random() * load.every_s
    until = since + load.for_s
    while next_at < until and not stop.wait(max(0.0, next_at - time.monotonic())):
        page = random.choice(pages if random.random() < 2 * _A_YEAR else months)
        try:
            took = timed(partial(_open, port, page))
            if next_at >= since:
                seen.times[page].append(took)
        except (OSError, http.client.HTTPException, HubFault) as exc:
            seen.fault = f"{page.path}: {exc}"
            stop.set()
        next_at += load.every_s


def _open(port: int, page: Page) -> None:
    """Open a page over a connection of its own: the last one was closed meanwhile."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)) as connection:
        connection.request("GET", page.path)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise HubFault(f"{page.path}: expected 200, got {answer.status}")
