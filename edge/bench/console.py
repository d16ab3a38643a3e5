"""Measures the way from a visit's row to its card on every screen: `menkou-edge bench console`.

The real front process over TLS, 20 paired screens, 10 arrivals a second, eight in ten of them
members with a name and a note; the list is full from the start, as on a Saturday. The baseline are
the same screens, asking every second. Called by `edge.bench`.
"""

import json
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from ulid import ULID

from edge.bench.quota import used_s
from edge.bus import Bus, Note
from edge.core.profile import Profile
from edge.core.visit import Opened, Visit
from edge.keys.handover import KeySlot
from edge.keys.profiles import ProfileKeys
from edge.ports import Fact
from edge.store.database import connect, migrate
from edge.store.devices import LOCAL, Devices
from edge.store.ledger import SqliteVisitLog
from edge.store.outbox import Outbox
from edge.store.register import Register, new_member
from menkou.bench import Result

SCREENS: Final = 20
A_SECOND: Final = 10
SECONDS: Final = 12.0
MEMBERS: Final = 200
FILLED: Final = 120
"""As many cards as the page shows."""
_STRANGER_EVERY: Final = 5
_SETTLE_S: Final = 1.5
_PATIENCE_S: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of one run. `cpu`: of the front process, as a share of one core."""

    late_ms: tuple[float, ...]
    missed: int
    cpu: float
    threads: tuple[int, int]
    fetched: int

    @property
    def p95_ms(self) -> float:
        """The 95th of a hundred cards."""
        return float(np.percentile(self.late_ms, 95))


class _Box:
    """A box's store in a folder, with members, devices and a front process over it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        data = folder / "box"
        data.mkdir()
        self.port = _free_port()
        self._write_settings()
        self._root = secrets.token_bytes(32)
        self.db = connect(data)
        migrate(self.db)
        self._log = SqliteVisitLog(
            self.db, Outbox(self.db).begin_epoch(_now(), "run"), "run", basis="distinct"
        )
        self._subjects = self._enrol()
        self._eyes = Bus(data / "run", "eyes")
        self._slot = KeySlot.create()
        self._slot.put(self._root)
        self._count = 0

    def _write_settings(self) -> None:
        _certify(self._folder)
        (self._folder / "edge.toml").write_text(
            '[store]\nid = "nj-001"\nname = "南京东路店"\ntimezone = "Asia/Shanghai"\n'
            '[box]\nid = "nj-001-a"\ndata_dir = "box"\n'
            f'[console]\nlisten = "0.0.0.0:{self.port}"\ncert = "c.pem"\nkey = "file:k.pem"\n',
            encoding="utf-8",
        )

    def _enrol(self) -> list[str]:
        keys = ProfileKeys(self._root)
        register = Register(self.db, keys, actor=LOCAL, tell=lambda *_: None)
        subjects = []
        for n in range(MEMBERS):
            profile = Profile(
                name=f"会员{n:03}", tier="gold", note="喜欢素圈，戒指 12 号", tags=("圈口 12",)
            )
            member = new_member(profile, _now())
            register.add(member, consent=None, template=None)
            subjects.append(member.subject)
        return subjects

    def pair(self) -> list[str]:
        """Pair the screens; return the cookie of each."""
        devices, found = Devices(self.db), []
        for n in range(SCREENS):
            code = devices.issue(role="consultant", name=f"screen {n}", by=LOCAL, now=_now())
            session = devices.redeem(code.text, now=_now())
            assert session is not None, "a fresh code pairs"
            found.append(f"__Host-menkou_device={session.token}")
        return found

    def arrive(self, *, ago: timedelta = timedelta()) -> str:
        """Let somebody in: the row, and the word to the front, as the eyes do."""
        self._count += 1
        at = _now() - ago
        known = self._count % _STRANGER_EVERY != 0
        visit = Visit(
            id=str(ULID()),
            rev=0,
            opened_at=at,
            camera="door",
            who="member" if known else "visitor",
            subject=self._subjects[self._count % MEMBERS] if known else None,
            sure=True if known else None,
        )
        self._log.commit([Fact(change=Opened(visit=visit), mono=time.monotonic(), clock="ok")])
        return visit.id

    def tell(self) -> None:
        """Say on the bus that there is something new."""
        self._eyes.send("front", Note(sender="eyes", new=True))

    def front(self) -> "subprocess.Popen[bytes]":
        """Start the front process, and wait until it listens."""
        argv = [sys.executable, "-m", "edge", "front", "--config", str(self._folder / "edge.toml")]
        argv += ["--epoch", "0" * 32, "--profile-key-fd", str(self._slot.fd)]
        with (self._folder / "front.log").open("ab") as log:
            process = subprocess.Popen(argv, stdout=log, stderr=log, pass_fds=[self._slot.fd])
        deadline = time.monotonic() + _PATIENCE_S
        while not _answers(self.port):
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                told = (self._folder / "front.log").read_text(encoding="utf-8")[-500:]
                raise RuntimeError(f"bench console: the front process does not listen: {told}")
            time.sleep(0.05)
        return process

    def close(self) -> None:
        """Let go of everything."""
        self._slot.close()
        self._eyes.close()
        self.db.close()


def cases() -> Iterator[Result | str]:
    """Measure with an event stream, and with polling beside it."""
    with tempfile.TemporaryDirectory(prefix="menkou-bench-") as folder:
        live = _run(Path(folder), polls=False)
    with tempfile.TemporaryDirectory(prefix="menkou-bench-") as folder:
        polled = _run(Path(folder), polls=True)
    for name, run in (("live", live), ("polling", polled)):
        if run.missed:
            yield f"console: {name}: {run.missed} cards reached no screen in time"
    setting = f"{SCREENS} screens, {A_SECOND} arrivals a second"
    yield _result(f"row to card, p95, {setting}", live.p95_ms, "ms", polled.p95_ms)
    percent = [100 * run.cpu for run in (live, polled)]
    fetched = f"{live.fetched:,} fetches, polling {polled.fetched:,}"
    yield _result(f"server CPU, {setting}: {fetched}", percent[0], "% of a core", percent[1])
    first, last = live.threads
    case = f"server threads, {setting}: {first} at first, {last} at last"
    yield _result(case, last, "threads", polled.threads[1])


def _result(case: str, value: float, unit: str, baseline: float) -> Result:
    return Result(
        bench="console",
        case=case,
        value=round(value, 1),
        unit=unit,
        baseline="polling every second",
        baseline_value=round(baseline, 1),
        ratio=round(baseline / value, 2) if value else 0.0,
    )


def _run(folder: Path, *, polls: bool) -> Run:
    box = _Box(folder)
    with ExitStack() as stack:
        stack.callback(box.close)
        for n in range(FILLED):
            box.arrive(ago=timedelta(seconds=60 + 30 * (FILLED - n)))
        cookies = box.pair()
        front = stack.enter_context(box.front())
        stack.callback(front.terminate)
        screens = stack.enter_context(_screens(box.port, cookies, polls=polls))
        stack.callback(screens.kill)
        return _measure(box, front.pid, screens)


def _screens(port: int, cookies: list[str], *, polls: bool) -> "subprocess.Popen[str]":
    argv = [sys.executable, "-m", "edge.bench.screens"]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps({"port": port, "cookies": cookies, "polls": polls}) + "\n")
    process.stdin.flush()
    if process.stdout.readline() != "ready\n":
        raise RuntimeError("bench console: the screens could not connect")
    return process


def _measure(box: _Box, pid: int, screens: "subprocess.Popen[str]") -> Run:
    kept: dict[str, float] = {}
    time.sleep(_SETTLE_S)
    first, began_cpu, began = _threads(pid), used_s(pid), time.monotonic()
    tick = threading.Event()
    for n in range(round(A_SECOND * SECONDS)):
        tick.wait(max(0.0, began + n / A_SECOND - time.monotonic()))
        visit = box.arrive()
        kept[visit] = time.monotonic()
        box.tell()
    took = time.monotonic() - began
    cpu = (used_s(pid) - began_cpu) / took
    time.sleep(_SETTLE_S)
    last = _threads(pid)
    out, _ = screens.communicate(timeout=_PATIENCE_S)
    told: dict[str, Any] = json.loads(out)
    if told["failed"]:
        raise RuntimeError(f"bench console: {told['failed']} fetches were refused")
    if not told["seen"].keys() & kept.keys():
        raise RuntimeError("bench console: expected cards on the screens, got none")
    late = [1000 * (at - kept[v]) for v, times in told["seen"].items() if v in kept for at in times]
    return Run(
        late_ms=tuple(late),
        missed=len(kept) * SCREENS - len(late),
        cpu=cpu,
        threads=(first, last),
        fetched=told["fetched"],
    )


def _threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def _now() -> datetime:
    return datetime.now(UTC)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _certify(folder: Path) -> None:
    """Make a certificate that is good for this run alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_now() - timedelta(days=1))
        .not_valid_after(_now() + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    text = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    (folder / "k.pem").touch(mode=0o600)
    (folder / "k.pem").write_bytes(text)
    (folder / "c.pem").write_bytes(made.public_bytes(pem))
