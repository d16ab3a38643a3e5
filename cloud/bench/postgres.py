"""A chain's hub whole: broker, PostgreSQL and four ingest processes, from broker to commit.

Each is a process of its own, as in real life; only the boxes are one sender. Beside the rate stands
what an event costs in processor time over all of them: that says what a busy machine hides.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import paho.mqtt.client as paho
import psycopg
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import make_url

from cloud.bench.baseline import copy
from cloud.bench.chain import chain, in_turn
from cloud.db import migrate, open_engine
from cloud.errors import HubFault
from cloud.inbox import Received
from cloud.retention import retain
from cloud.throwaway import Postgres, throwaway
from menkou.bench import Result

_PROCESSES: Final = 4
_TOGETHER: Final = 50
_SHOPS: Final = 400
_COPIED_AT_ONCE: Final = 160  # messages; 8,000 events
_PATIENCE_S: Final = 300.0
_CASE: Final = f"{_PROCESSES} ingest processes, broker to commit, {_TOGETHER} events a message"
_BASELINE: Final = "validating the same events and COPY, one connection, no broker"


def cases(events: int | None) -> Iterator[Result]:
    """Measure the whole hub on PostgreSQL. Needs Debian's packages postgresql and mosquitto.

    Raises:
        HubFault: one of them is missing, or something did not start.
    """
    messages = in_turn(chain(_SHOPS), _TOGETHER, events or 200_000)
    with throwaway(durable=True) as server, tempfile.TemporaryDirectory() as folder:
        direct = _migrated(server, "direct")
        hub = server.make("hub", "direct")
        base = _copied(server, direct, messages)
        whole = _taken(server, hub, messages, Path(folder))
    for unit, number in (("events/s", 0), ("events per second of CPU", 1)):
        yield Result(
            bench="postgres",
            case=_CASE,
            value=round(whole[number]),
            unit=unit,
            baseline=_BASELINE,
            baseline_value=round(base[number]),
            ratio=round(whole[number] / base[number], 2),
        )


def _migrated(server: Postgres, name: str) -> str:
    url = server.make(name)
    engine = open_engine(url)
    migrate(engine)
    retain(engine, timedelta(days=400), datetime.now(UTC), threading.Event())
    engine.dispose()
    return url


def _copied(server: Postgres, url: str, messages: Sequence[Received]) -> tuple[float, float]:
    """Return events a second, and a second of CPU, of the baseline."""
    parts = make_url(url)
    host = str(parts.query["host"])
    with psycopg.connect(host=host, user=parts.username, dbname=parts.database) as plain:
        meter = _Meter([server.pid, os.getpid()])
        for start in range(0, len(messages), _COPIED_AT_ONCE):
            copy(plain, messages[start : start + _COPIED_AT_ONCE])
        return meter.per_second(len(messages) * _TOGETHER)


def _taken(
    server: Postgres, url: str, messages: Sequence[Received], folder: Path
) -> tuple[float, float]:
    """Return events a second, and a second of CPU without the sender's, of the hub."""
    with _broker(folder) as (broker, port), _ingests(folder, url, port) as ingests:
        sender = paho.Client(CallbackAPIVersion.VERSION2)
        sender.max_inflight_messages_set(1_000)
        sender.connect("127.0.0.1", port)
        sender.loop_start()
        meter = _Meter([server.pid, broker.pid, *(one.pid for one in ingests)])
        for topic, payload, _ in messages:
            sender.publish(topic, payload, qos=1)
        engine = open_engine(url)
        until = time.monotonic() + _PATIENCE_S
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            held = 0
            while held < len(messages) * _TOGETHER:
                if time.monotonic() > until or any(one.poll() is not None for one in ingests):
                    raise HubFault(f"bench: only {held} events came; {_last_words(folder)}")
                time.sleep(0.05)
                total = "SELECT coalesce(sum(through), 0) FROM epoch"
                held = int(connection.exec_driver_sql(total).scalar_one())
        result = meter.per_second(len(messages) * _TOGETHER)
        engine.dispose()
        sender.disconnect()
        sender.loop_stop()
        return result


class _Meter:
    """Counts time and processor time of processes and of those that they start, from now on."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = list(pids)
        self._cpu = self._used()
        self._began = time.perf_counter()

    def per_second(self, count: int) -> tuple[float, float]:
        took = time.perf_counter() - self._began
        return count / took, count / (self._used() - self._cpu)

    def _used(self) -> float:
        return sum(_cpu_s(pid) for root in self._pids for pid in (root, *_children(root)))


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(child) for child in listed.split()] if pid != os.getpid() else []


def _cpu_s(pid: int) -> float:
    """Return the processor time of a process and of its children that have ended, in seconds."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except FileNotFoundError:  # it has just ended; its parent has its time
        return 0.0
    ended = slice(11, 15) if pid != os.getpid() else slice(11, 13)
    return sum(map(int, fields[ended])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _broker(folder: Path) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if program is None:
        raise HubFault("bench: expected Debian's package mosquitto, found none")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
        "max_queued_messages 0\nmax_inflight_messages 1000\n"
    )
    with _process([program, "-c", str(config)], folder / "mosquitto.log", {}) as broker:
        _await(lambda: _listens(port), "mosquitto", folder)
        yield broker, port


@contextmanager
def _ingests(folder: Path, url: str, port: int) -> Iterator[list["subprocess.Popen[bytes]"]]:
    settings = {
        "MENKOU_DATABASE_URL": url,
        "MENKOU_DATA_DIR": str(folder / "hub"),
        "MENKOU_BROKER_URL": f"mqtt://127.0.0.1:{port}",
        "MENKOU_BROKER_SHARE": "bench",
    }
    with ExitStack() as stack:
        logs = [folder / f"ingest-{number}.log" for number in range(_PROCESSES)]
        argv = [sys.executable, "-m", "cloud.cli", "ingest"]
        started = [stack.enter_context(_process(argv, log, settings)) for log in logs]
        _await(lambda: all(": connected" in log.read_text() for log in logs), "ingest", folder)
        time.sleep(1.0)  # the subscription follows the connection at once
        yield started
        for one in started:
            one.terminate()  # all, before the first is waited for


@contextmanager
def _process(
    argv: Sequence[str], log: Path, settings: dict[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv, stdout=output, stderr=output, env={**os.environ, **settings}
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _await(holds: Callable[[], bool], name: str, folder: Path) -> None:
    until = time.monotonic() + 60
    while not holds():
        if time.monotonic() > until:
            raise HubFault(f"bench: {name} does not start; {_last_words(folder)}")
        time.sleep(0.05)


def _last_words(folder: Path) -> str:
    said = [log.read_bytes()[-500:] for log in folder.glob("*.log")]
    return b"\n".join(said).decode(errors="replace")
