"""Measures Wi-Fi capture on this machine: `menkou-edge bench probes`. Called by edge.bench.

A real interface of this machine's kernel (`tap`) hears 20,000 probe requests a second, those of
../shared/data/probes with other senders; the radio process of a box brings them to minute rows in
a store. scapy.sniff with a callback then hears the same. Only root may make such an interface.
"""

import os
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from edge.bench.films import data
from edge.bench.quota import used_s
from edge.bench.tap import DEVICE, TapRadio
from edge.clock import SystemClock
from edge.sensors.radio.errors import ProbesFault
from edge.sensors.radio.pcap import probe_frames
from edge.store.database import connect, migrate
from edge.store.outbox import Outbox
from menkou.bench import Result
from menkou.errors import MenkouFault

_SEED: Final = 20261122
RATE: Final = 20_000
"""Probe requests a second: far beyond a busy street, so that a burst is no matter."""
_SECONDS: Final = 8.0
_SCAPY_SECONDS: Final = 4.0
_SENDERS: Final = 5_000
_FRAMES: Final = 20_000
_BATCH_S: Final = 0.002
_READY_S: Final = 20.0
_SETTINGS: Final = """
[store]
id = "bench"
name = "bench"
timezone = "Asia/Shanghai"
[box]
id = "bench"
data_dir = "data"
clock = "host"
[wifi]
enabled = true
interface = "{name}"
channels = []
"""


class NotReady(MenkouFault):
    """A process that is to be measured does not begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What became of so many frames, sent within so many seconds, at how much CPU."""

    sent: int
    counted: int
    seconds: float
    cpu_s: float

    @property
    def frame_us(self) -> float:
        """CPU time of a frame that was counted."""
        return self.cpu_s / max(1, self.counted) * 1e6


def cases() -> Iterator[Result | str]:
    """Yield what capture takes and loses; a text says why it was skipped."""
    if os.geteuid() != 0:
        yield "probes: skipped, only root can make an interface to listen to; run it with sudo"
        return
    if not DEVICE.exists():
        yield f"probes: skipped, expected {DEVICE} to make an interface, got none; modprobe tun"
        return
    recordings = sorted((data() / "probes").glob("*.pcap"))
    if not recordings:
        yield f"probes: skipped, expected recordings in {data() / 'probes'}, found none"
        return
    try:
        frames = _crowd(recordings)
    except ProbesFault as exc:
        yield f"probes: skipped, {exc}"
        return
    tap = TapRadio(f"bench{os.getpid() % 100_000}")
    try:
        ours, rows = _ours(tap, frames)
        scapy = _scapy(tap, frames)
    finally:
        tap.close()
    yield from _results(ours, scapy, rows)


def _results(ours: _Run, scapy: _Run, rows: int) -> Iterator[Result]:
    share, needed = (100 * RATE * run.frame_us / 1e6 for run in (ours, scapy))
    ratio = round(scapy.frame_us / ours.frame_us, 1)
    sniff = "scapy.sniff with a callback"
    yield Result(
        bench="probes",
        case=f"probes: share of a core at {RATE:,} a second, from the interface to minute rows",
        value=round(share, 2),
        unit="% of a core",
        baseline=f"{sniff}, as it would need",
        baseline_value=round(needed, 1),
        ratio=ratio,
    )
    yield Result(
        bench="probes",
        case="probes: CPU time of a frame",
        value=round(ours.frame_us, 3),
        unit="us",
        baseline=sniff,
        baseline_value=round(scapy.frame_us, 1),
        ratio=ratio,
    )
    rates = [run.counted / run.seconds for run in (ours, scapy)]
    yield Result(
        bench="probes",
        case=(
            f"probes: counted a second of {RATE:,}: {ours.sent:,} sent,"
            f" {ours.sent - ours.counted:,} lost, {rows} minute rows"
        ),
        value=round(rates[0]),
        unit="probes/s",
        baseline=f"{sniff} ({scapy.sent:,} sent, {scapy.sent - scapy.counted:,} lost)",
        baseline_value=round(rates[1]),
        ratio=round(rates[0] / max(1.0, rates[1]), 1),
    )


def _crowd(recordings: list[Path]) -> list[bytes]:
    """Return recorded probe requests as if of thousands of phones."""
    chance = Random(_SEED)
    recorded = [frame for _, frame in probe_frames(recordings)]
    senders = [b"\x02" + chance.randbytes(5) for _ in range(_SENDERS)]
    frames = []
    for _ in range(_FRAMES):
        frame = bytearray(chance.choice(recorded))
        (length,) = struct.unpack_from("<H", frame, 2)
        frame[length + 10 : length + 16] = chance.choice(senders)
        frames.append(bytes(frame))
    return frames


def _send(tap: TapRadio, frames: list[bytes], seconds: float) -> tuple[int, float]:
    """Send at `RATE`; return how many frames, and how long it took."""
    number, sent, began = round(RATE * seconds), 0, time.monotonic()
    while sent < number:
        due = min(number, round(RATE * (time.monotonic() - began)))
        for at in range(sent, due):
            tap.send(frames[at % len(frames)])
        sent = max(sent, due)
        time.sleep(_BATCH_S)
    return sent, time.monotonic() - began


def _ours(tap: TapRadio, frames: list[bytes]) -> tuple[_Run, int]:
    """Let a box's radio process count them; return what it did, and its rows in the store."""
    with tempfile.TemporaryDirectory(prefix="menkou-bench-") as folder:
        config = Path(folder) / "edge.toml"
        config.write_text(_SETTINGS.format(name=tap.interface.name), encoding="utf-8")
        data_dir = Path(folder) / "data"
        data_dir.mkdir(mode=0o700)
        db = connect(data_dir)
        migrate(db)
        epoch = Outbox(db).begin_epoch(SystemClock().now(), "run")
        with _Measured("ours", str(config), epoch) as process:
            cpu_s = process.used_s()
            sent, seconds = _send(tap, frames, _SECONDS)
            time.sleep(1.0)  # what is still in the ring, and the report of each second
            cpu_s = process.used_s() - cpu_s
            process.stop()
        rows, counted = db.execute(
            "SELECT count(*), coalesce(sum(probes), 0) FROM presence_minute"
        ).fetchone()
        db.close()
    return _Run(sent=sent, counted=counted, seconds=seconds, cpu_s=cpu_s), rows


def _scapy(tap: TapRadio, frames: list[bytes]) -> _Run:
    """Let scapy.sniff hear them; its callback reads sender and signal, and counts."""
    with _Measured("scapy", tap.interface.name) as process:
        cpu_s = process.used_s()
        sent, seconds = _send(tap, frames, _SCAPY_SECONDS)
        cpu_s = process.used_s() - cpu_s  # while frames came; then it is told to stop
        counted = process.stop()
    return _Run(sent=sent, counted=counted, seconds=seconds, cpu_s=cpu_s)


class _Measured:
    """A process of `edge.bench.ear`, from when it listens until it is told to stop."""

    def __init__(self, *arguments: str) -> None:
        argv = (sys.executable, "-m", "edge.bench.ear", *arguments)
        self._process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        self._given_up = threading.Timer(_READY_S, self._process.kill)

    def __enter__(self) -> "_Measured":
        """Wait until it listens."""
        self._given_up.start()
        assert self._process.stdout is not None
        ready = self._process.stdout.readline()
        self._given_up.cancel()
        if not ready:
            self._process.wait()
            raise NotReady(f"probes: expected a process that listens within {_READY_S:g} s")
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def used_s(self) -> float:
        """Return the processor seconds that it has used so far."""
        return used_s(self._process.pid)

    def stop(self) -> int:
        """Tell it to stop; return how many frames it says that it counted."""
        self._process.send_signal(signal.SIGTERM)
        said, _ = self._process.communicate(timeout=_READY_S)
        return int(said or 0)
