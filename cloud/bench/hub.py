"""A real broker and a real `menkou-hub ingest` beside each other, for the benchmarks.

Both are processes of their own in a temporary directory. The hub can be held (SIGSTOP) while
messages are given to the broker, and let go on: then they all wait, and how fast they were
published is not what is measured.
"""

import contextlib
import itertools
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from cloud.bench.chain import chain, in_turn
from cloud.client import packed
from cloud.db import migrate, open_engine
from cloud.errors import HubFault
from cloud.inbox import Received

_WAIT_S: Final = 30.0
_LOOK_S: Final = 0.02
MISSING: Final = "mosquitto is not installed"
# The broker keeps whatever it is given while the hub is held; nothing else is out of the ordinary.
_SETTINGS: Final = """listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 0
max_inflight_messages 0
"""


def mosquitto() -> str | None:
    """Return where Mosquitto is, or None. Debian puts it where only root looks."""
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    return shutil.which("mosquitto", path=path)


class BenchHub:
    """A hub that takes facts from a broker.

    Args:
        folder: for everything.
        port: of the broker.
        plain: a connection to the hub's database, to read how far it is at little cost.
        process: the hub's.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        plain: sqlite3.Connection,
        process: "subprocess.Popen[bytes]",
    ) -> None:
        self.port = port
        self._plain = plain
        self._folder = folder
        self.process = process

    def committed(self, stores: str = "shop") -> int:
        """Return how many events of shops are committed."""
        total = "SELECT coalesce(sum(top), 0) FROM epoch WHERE store GLOB ?"
        return int(self._plain.execute(total, (f"{stores}-*",)).fetchone()[0])

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the hub; it goes on behind."""
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.process.pid, signal.SIGCONT)

    def publish(self, messages: Sequence[Received]) -> None:
        """Give messages to the broker, from another process; return when it has them all."""
        file = self._folder / "packets"
        mids = itertools.cycle(range(1, 65_536))
        file.write_bytes(packed(((topic, payload) for topic, payload, _ in messages), mids))
        script = Path(__file__).with_name("publish.py")
        arguments = [str(script), str(self.port), str(file), str(len(messages))]
        subprocess.run([sys.executable, "-I", *arguments], check=True, timeout=_WAIT_S)

    def wait_for(self, events: int) -> None:
        """Wait until so many events are committed.

        Raises:
            HubFault: they are not, for half a minute.
        """
        wait_until(lambda: self.committed() >= events, f"{events} events in the database")


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds.

    Raises:
        HubFault: it does not within half a minute.
    """
    until = time.monotonic() + _WAIT_S
    while not holds():
        if time.monotonic() > until:
            raise HubFault(f"bench: expected {what} within {_WAIT_S:.0f} s")
        time.sleep(_LOOK_S)


@contextmanager
def running_hub(binary: str) -> Iterator[BenchHub]:
    """Run a broker and a hub; the hub has taken in one event when this begins."""
    with tempfile.TemporaryDirectory(prefix="menkou-bench-") as name, contextlib.ExitStack() as end:
        folder = Path(name)
        port = free_port()
        (folder / "mosquitto.conf").write_text(_SETTINGS.format(port=port))
        end.enter_context(process([binary, "-c", str(folder / "mosquitto.conf")]))
        wait_until(lambda: listens(port), "Mosquitto to listen")
        url = f"sqlite:///{folder}/hub.db"
        engine = open_engine(url)
        migrate(engine)
        engine.dispose()
        plain = end.enter_context(closing(sqlite3.connect(folder / "hub.db")))
        environ = {name: text for name, text in os.environ.items() if not name.startswith("MENKOU")}
        environ |= {"MENKOU_DATA_DIR": name, "MENKOU_DATABASE_URL": url}
        environ |= {"MENKOU_BROKER_URL": f"mqtt://127.0.0.1:{port}"}
        command = [sys.executable, "-m", "cloud.cli", "ingest"]
        hub = BenchHub(folder, port, plain, end.enter_context(process(command, environ)))
        first = in_turn(chain(1, store="probe"), 1, 1)
        until = time.monotonic() + _WAIT_S
        while not hub.committed(
            "probe"
        ):  # what is published before the hub has subscribed reaches nobody
            if time.monotonic() > until:
                raise HubFault("bench: expected `menkou-hub ingest` to take in an event")
            hub.publish(first)
            time.sleep(10 * _LOOK_S)
        yield hub


@contextmanager
def process(
    command: Sequence[str], environ: dict[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env=environ, stdout=quiet, stderr=quiet)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_WAIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Say whether something listens on a port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
