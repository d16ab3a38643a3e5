"""A PostgreSQL server of one's own, in a temporary directory: for the bench and for tests.

It is Debian's PostgreSQL, started beside whatever else runs and ended with all it held. It listens
on no port: only on a socket in its directory, which nobody but its user and root may enter.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

from cloud.errors import DatabaseFault

_SERVERS: Final = Path("/usr/lib/postgresql")
_USER: Final = "postgres"  # the package's own; the server refuses to run as root
_START_S: Final = 60.0
# As in real life. A server whose data nobody will ever read again need not wait for the disk.
_DURABLE: Final = {"fsync": "on", "synchronous_commit": "on"}
_FLEETING: Final = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


class Postgres:
    """A running server. Databases are made from each other in some milliseconds."""

    def __init__(self, programs: Path, folder: Path, settings: dict[str, str]) -> None:
        self._programs = programs
        self._folder = folder
        self._settings = settings
        self._server = _start(programs, folder, settings)

    @property
    def pid(self) -> int:
        """The process of the server; a kill ends all its sessions."""
        return self._server.pid

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End the server without a word to its sessions, and wait until it is gone."""
        self._server.send_signal(number)
        self._server.wait(timeout=_START_S)

    def start(self) -> None:
        """Wait until the server answers.

        Raises:
            DatabaseFault: it does not start.
        """
        _await(self._folder, self._server)

    def restart(self) -> None:
        """Start a server that was killed on the same data; wait until it answers.

        Raises:
            DatabaseFault: it does not start.
        """
        until = time.monotonic() + _START_S
        while True:
            self._server = _start(self._programs, self._folder, self._settings)
            try:
                return self.start()
            except DatabaseFault:
                # The killed one's processes end a moment after it, and are in the way until then.
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def url(self, name: str) -> str:
        """Return the address of a database, as the settings take it."""
        return f"postgresql+psycopg://menkou@/{name}?host={self._folder}"

    def make(self, name: str, template: str = "template1") -> str:
        """Make a database as a copy of another one; return its address."""
        # File by file: through the log, as is usual, takes thrice as long.
        self._run("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, template)
        return self.url(name)

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _run(self, statement: Any, *names: str) -> None:
        with psycopg.connect(
            host=str(self._folder), user="menkou", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def throwaway(*, durable: bool) -> Iterator[Postgres]:
    """Start a server; end it and remove its directory afterwards.

    Args:
        durable: whether a commit waits for the disk, as it must wherever the data matter.

    Raises:
        DatabaseFault: there is no PostgreSQL on this machine, or it does not start.
    """
    programs = _programs()
    with tempfile.TemporaryDirectory(prefix="menkou-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if os.getuid() == 0:
            shutil.chown(folder, _USER, _USER)
        _initialise(programs, folder)
        server = Postgres(programs, folder, _DURABLE if durable else _FLEETING)
        try:
            server.start()
            yield server
        finally:
            server.kill(signal.SIGINT)  # ends sessions at once; SIGTERM waits for them


def _programs() -> Path:
    """Return the directory of the newest server's programs."""
    found = sorted(_SERVERS.glob("*/bin/initdb"), key=lambda one: int(one.parts[-3]))
    if not found:
        raise DatabaseFault(
            f"PostgreSQL: expected Debian's package postgresql in {_SERVERS}, found none;"
            " apt-get install postgresql"
        )
    return found[-1].parent


def _as_user() -> dict[str, Any]:
    """Return how a process of the server is started: never as root."""
    return {"user": _USER, "group": _USER, "extra_groups": []} if os.getuid() == 0 else {}


def _initialise(programs: Path, folder: Path) -> None:
    # A collation that sorts as people do: whoever relies on the order of bytes must say so.
    argv = [
        *(str(programs / "initdb"), "-D", str(folder / "data"), "-U", "menkou", "-E", "UTF8"),
        *("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"),
        *("--auth-local=trust", "--auth-host=reject", "--no-sync", "--no-instructions"),
    ]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, **_as_user())
    if done.returncode != 0:
        raise DatabaseFault(f"PostgreSQL: initdb failed: {done.stderr.strip()}")


def _start(programs: Path, folder: Path, settings: dict[str, str]) -> "subprocess.Popen[bytes]":
    chosen = {
        **settings,
        "listen_addresses": "",
        "unix_socket_directories": str(folder),
        "max_wal_size": "4GB",
        "shared_buffers": "256MB",
    }
    options = [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]
    argv = [str(programs / "postgres"), "-D", str(folder / "data"), *options]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(argv, cwd=folder, stdout=log, stderr=log, **_as_user())


def _await(folder: Path, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + _START_S
    while True:
        try:
            psycopg.connect(host=str(folder), user="menkou", dbname="postgres").close()
        except psycopg.OperationalError as exc:
            if server.poll() is None and time.monotonic() < until:
                time.sleep(0.02)
                continue
            said = (folder / "log").read_text(encoding="utf-8", errors="replace")
            raise DatabaseFault(f"PostgreSQL: does not start: {said.strip()}") from exc
        else:
            return
