"""Measures tills that send all at once: `menkou-edge bench receipts`. Called by `edge.bench`.

The real front process on loopback with a real store, and eight tills that send signed batches as
fast as they are let, as after a month without a network. Told to come again (429) a till waits as
`Retry-After` says. Beside them somebody opens the arrivals' page twice a second.
"""

import hmac
import http.client
import json
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np

from edge.core.scopes import SENDER_SCOPES
from edge.desk.till import BATCH
from edge.keys.handover import KeySlot
from edge.store.database import FILE_NAME, connect, migrate
from edge.store.devices import LOCAL
from edge.store.outbox import Outbox
from edge.store.senders import Senders, secrets_root
from menkou.bench import Result

TILLS: Final = 8
SECONDS: Final = 14.0
ALONE_S: Final = 4.0
_PAGE_EVERY_S: Final = 0.5
_PATIENCE_S: Final = 20.0
_MILLION: Final = 1_000_000


@dataclass
class _Load:
    """What tills and page came to in one run."""

    receipts: int = 0
    busy: int = 0
    failed: int = 0
    pages_ms: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def cases() -> Iterator[Result | str]:
    """Measure batches, with single receipts as their baseline, and the page with and without."""
    with tempfile.TemporaryDirectory(prefix="menkou-bench-") as folder:
        box = _Box(Path(folder))
        try:
            alone = box.run(tills=0, size=0, seconds=ALONE_S)
            single = box.run(tills=TILLS, size=1, seconds=ALONE_S)
            first_mb, bytes_first, kept_first = box.memory_mb(), box.stored(), box.kept()
            many = box.run(tills=TILLS, size=BATCH, seconds=SECONDS)
            last_mb, bytes_last, kept = box.memory_mb(), box.stored(), box.kept() - kept_first
        finally:
            box.close()
    for name, load in (("single", single), ("batches", many)):
        if load.failed:
            yield f"receipts: {name}: {load.failed} requests got neither 200 nor 429"
    if not kept or not many.pages_ms or not alone.pages_ms:
        yield "receipts: nothing was kept or shown in time; run it again on a quieter machine"
        return
    rate, slow = many.receipts / SECONDS, max(1.0, single.receipts / ALONE_S)
    told = f"{TILLS} tills at once, {many.busy:,} batches told to come again"
    yield _result(f"taken, {told}", rate, "receipts/s", "one a request", slow, rate / slow)
    pages = [float(np.percentile(load.pages_ms, 95)) for load in (many, alone)]
    yield _result(
        f"the arrivals' page meanwhile, p95 of {len(many.pages_ms)}",
        *(pages[0], "ms", "no till", pages[1], pages[1] / pages[0]),
    )
    yield _result(
        f"memory of the front process after {kept:,} more",
        *(last_mb, "MB", "before", first_mb, first_mb / last_mb),
    )
    a_million = (bytes_last - bytes_first) / kept * _MILLION / 1e6
    yield _result(
        f"a million would take {_MILLION / rate / 60:.0f} min; with what waits for the hub",
        *(a_million, "MB of disk", "store_limit", 2000.0, 2000.0 / max(a_million, 1.0)),
    )


def _result(
    case: str, value: float, unit: str, baseline: str, baseline_value: float, ratio: float
) -> Result:
    return Result(
        bench="receipts",
        case=case,
        value=round(value, 1),
        unit=unit,
        baseline=baseline,
        baseline_value=round(baseline_value, 1),
        ratio=round(ratio, 2),
    )


class _Box:
    """A box's store in a folder, and a front process over it."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "box"
        self._data.mkdir()
        self._port = _free_port()
        (folder / "edge.toml").write_text(
            '[store]\nid = "nj-001"\nname = "南京东路店"\ntimezone = "Asia/Shanghai"\n'
            '[box]\nid = "nj-001-a"\ndata_dir = "box"\nclock = "host"\n'
            f'[console]\nlisten = "127.0.0.1:{self._port}"\n',
            encoding="utf-8",
        )
        self._db = connect(self._data)
        migrate(self._db)
        epoch = Outbox(self._db).begin_epoch(datetime.now(UTC), "run")
        senders = Senders(self._db, secrets_root(self._data))
        self._secrets = [
            b64decode(
                senders.make(
                    name=f"till {n}", scopes=SENDER_SCOPES, by=LOCAL, now=datetime.now(UTC)
                ).secret.removeprefix("whsec_")
            )
            for n in range(TILLS)
        ]
        self._slot = KeySlot.create()
        self._slot.put(secrets.token_bytes(32))
        self._count = 0
        self._front = self._start(folder, epoch)

    def _start(self, folder: Path, epoch: str) -> "subprocess.Popen[bytes]":
        argv = [sys.executable, "-m", "edge", "front", "--config", str(folder / "edge.toml")]
        argv += ["--epoch", epoch, "--profile-key-fd", str(self._slot.fd)]
        with (folder / "front.log").open("ab") as log:
            process = subprocess.Popen(argv, stdout=log, stderr=log, pass_fds=[self._slot.fd])
        deadline = time.monotonic() + _PATIENCE_S
        while not _answers(self._port):
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                told = (folder / "front.log").read_text(encoding="utf-8")[-500:]
                raise RuntimeError(f"bench receipts: the front process does not listen: {told}")
            time.sleep(0.05)
        return process

    def run(self, *, tills: int, size: int, seconds: float) -> _Load:
        """Let tills send batches of a size for so long, and open the page beside them."""
        load, until = _Load(), time.monotonic() + seconds
        threads = [
            threading.Thread(target=self._till, args=(secret, size, until, load))
            for secret in self._secrets[:tills]
        ]
        threads.append(threading.Thread(target=self._page, args=(until, load)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return load

    def _till(self, secret: bytes, size: int, until: float, load: _Load) -> None:
        link = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_PATIENCE_S)
        body, key = self._body(size, load), secrets.token_hex(16)
        while time.monotonic() < until:
            headers = _signed(secret, key, body)
            link.request("POST", "/api/v1/receipts/batch", body, headers)
            answer = link.getresponse()
            answer.read()
            if answer.status == 200:
                with load.lock:
                    load.receipts += size
                body, key = self._body(size, load), secrets.token_hex(16)
            elif answer.status == 429:
                with load.lock:
                    load.busy += 1
                wait_s = float(answer.headers.get("Retry-After", "1"))
                time.sleep(min(wait_s, max(0.0, until - time.monotonic())))
            else:
                with load.lock:
                    load.failed += 1
        link.close()

    def _body(self, size: int, load: _Load) -> bytes:
        with load.lock:
            first = self._count
            self._count += size
        now = datetime.now(UTC)
        receipts = [
            {
                "store": "nj-001",
                "number": f"T{first + n:09}",
                "at": (now - timedelta(seconds=first + n)).isoformat(),
                "total": 128_800,
                "currency": "CNY",
                "lines": [{"what": "足金戒指", "quantity": 1, "amount": 128_800}],
            }
            for n in range(size)
        ]
        return json.dumps({"receipts": receipts}, ensure_ascii=False).encode()

    def _page(self, until: float, load: _Load) -> None:
        while (began := time.monotonic()) < until:
            link = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_PATIENCE_S)
            link.request("GET", "/arrivals")
            answer = link.getresponse()
            answer.read()
            link.close()
            if answer.status != 200:
                load.failed += 1
            load.pages_ms.append(1000 * (time.monotonic() - began))
            time.sleep(max(0.0, _PAGE_EVERY_S - (time.monotonic() - began)))

    def memory_mb(self) -> float:
        """Return what the front process takes of the machine's memory."""
        text = Path(f"/proc/{self._front.pid}/status").read_text(encoding="ascii")
        (line,) = (line for line in text.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def stored(self) -> int:
        """Return the bytes of the database, its log moved into it."""
        self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        return (self._data / FILE_NAME).stat().st_size

    def kept(self) -> int:
        """Return how many receipts there are."""
        (count,) = self._db.execute("SELECT count(*) FROM receipt").fetchone()
        return int(count)

    def close(self) -> None:
        """End the front process and let go of everything."""
        self._front.terminate()
        self._front.wait(_PATIENCE_S)
        self._slot.close()
        self._db.close()


def _signed(secret: bytes, key: str, body: bytes) -> dict[str, str]:
    """Sign as a till's maker would."""
    seconds = str(int(time.time()))
    told = hmac.digest(secret, f"{key}.{seconds}.".encode() + body, sha256)
    return {
        "Content-Type": "application/json",
        "webhook-id": key,
        "webhook-timestamp": seconds,
        "webhook-signature": "v1," + b64encode(told).decode(),
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
