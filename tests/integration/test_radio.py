"""The radio of a running box, on an interface of this machine's kernel: what it tells, what never
leaves it, and which rights it has."""

import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from edge.bench.tap import TapRadio
from edge.clock import SystemClock
from edge.sensors.radio.interface import RADIOTAP
from edge.store.database import connect, migrate
from edge.store.outbox import Outbox
from tests.integration.test_run import health_events
from tests.support.air import addresses_of, forms_of, on_the_air, probe
from tests.support.processes import (
    Mosquitto,
    Running,
    answers,
    child_of,
    free_port,
    our_command,
    until,
)
from tests.support.tap import Tap

NET_ADMIN, NET_RAW = 12, 13
SSID = b"canary-home-network"


@pytest.fixture
def tap() -> Iterator[TapRadio]:
    with on_the_air() as tap:
        yield tap


class ListeningBox:
    """A box without cameras, in the street of the test."""

    def __init__(self, folder: Path, extra: str = "") -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port = free_port()
        self.config = folder / "edge.toml"
        self.config.write_text(
            '[store]\nid = "nj-001"\nname = "南京东路店"\ntimezone = "Asia/Shanghai"\n'
            '[box]\nid = "nj-001-a"\ndata_dir = "data"\nclock = "host"\n'
            '[wifi]\nenabled = true\ninterface = "mon0"\n'
            f'[console]\nlisten = "127.0.0.1:{self.port}"\n' + extra,
            encoding="utf-8",
        )
        self.process = our_command("edge", "run", "--config", str(self.config), log=folder / "log")

    def start(self) -> "ListeningBox":
        """Start it, and wait until it listens."""
        self.process.start()
        until(lambda: self.says("listening to probe requests on mon0"), within_s=60)
        until(lambda: answers(self.port), within_s=60)
        return self

    def says(self, words: str, times: int = 1) -> bool:
        """Say whether its log has some words, so often at least."""
        return self.process.log().count(words) >= times

    def page(self, path: str = "/api/state") -> Any:
        """Return a page of the box."""
        answer = requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=5)
        return answer.json() if path.startswith("/api") else answer.content

    def tells(self, code: str) -> bool:
        """Say whether the page has a notice."""
        return code in self.page().get("notices", ())

    def part(self, name: str) -> psutil.Process:
        """Return one of its processes."""
        return child_of(self.process.pid, name)

    def health(self) -> list[str]:
        """Return the states of the radio that the hub is told, in order."""
        told = [event for event in health_events(self.data) if event["part"] == "radio"]
        return [event["state"] for event in told if event["state"] != "restarted"]


def rights(process: psutil.Process) -> dict[str, int]:
    """Return the capabilities of a process by set, as bits."""
    lines = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii").splitlines()
    return {line[:6]: int(line.split()[1], 16) for line in lines if line.startswith("Cap")}


def test_a_box_tells_when_its_radio_is_lost_takes_it_up_again_and_gives_it_few_rights(
    tmp_path: Path, tap: TapRadio
) -> None:
    box = ListeningBox(tmp_path).start()
    try:
        until(lambda: box.health() == ["ok"])
        for name in ("eyes", "front"):
            assert all(not bits >> NET_RAW & 1 for bits in rights(box.part(name)).values())
            assert all(not bits >> NET_ADMIN & 1 for bits in rights(box.part(name)).values())
        mine = 1 << NET_RAW | 1 << NET_ADMIN
        assert set(rights(box.part("radio")).values()) == {mine}
        until(lambda: box.tells("wifi_channel"))  # a tap has no channels
        tap.become(1)
        until(lambda: box.tells("wifi_not_monitor"))
        tap.become(RADIOTAP)
        until(lambda: box.says("listening", times=2))
        tap.close()
        until(lambda: box.tells("wifi_gone"))
        again = TapRadio("mon0")
        until(lambda: box.says("listening", times=3), within_s=30)
        until(lambda: not box.tells("wifi_gone"))
        again.send(probe())
        until(lambda: box.health()[-2:] == ["lost", "ok"])
        again.close()
    finally:
        box.process.stop()


@pytest.fixture
def core_dumps() -> Iterator[None]:
    """Let the kernel write core dumps, as on a machine that was set up carelessly."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, before)


def street() -> list[bytes]:
    """Probe requests of 200 phones, each after the name of a network."""
    serial = b"\xdd\x12\x00\x50\xf2\x04canary-serial-"
    return [
        probe(b"\x02\xca\xfe" + number.to_bytes(3), ssid=SSID, fcs=True)
        if number % 2
        else probe(b"\x02\xca\xfe" + number.to_bytes(3), elements=serial)
        for number in range(200)
    ]


def test_no_address_and_no_networks_name_is_in_any_byte_that_a_capture_leaves(
    tmp_path: Path, tap: TapRadio, core_dumps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where the kernel would put a core dump
    broker = Mosquitto(tmp_path)
    broker.start()
    relay = Tap(broker.port)
    hub = Hub(tmp_path, broker)
    box = ListeningBox(tmp_path, f'[uplink]\nbroker = "mqtt://127.0.0.1:{relay.port}"\n')
    frames, pages = street(), bytearray()
    try:
        rows = counted_minutes(box, tap, frames)
        box.start()
        hear(tap, frames)
        pages += b"".join(box.page(path) for path in ("/", "/live"))
        box.part("radio").send_signal(signal.SIGSEGV)
        until(lambda: box.says("listening", times=2), within_s=30)
        hear(tap, frames)
        until(lambda: b'"presence_minute"' in relay.content + relay.inflated, what="the minutes")
    finally:
        box.process.stop()
        relay.close()
        hub.stop()
        broker.stop()
    assert rows > 0
    assert len(pages) > 2_000
    written = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {"menkou.db", "log", "hub.db"} <= written.keys()
    assert not [name for name in written if name.startswith("core")]
    written |= {"pages": bytes(pages), "MQTT": relay.content, "MQTT, inflated": relay.inflated}
    wanted = [form for address in addresses_of(frames) for form in forms_of(address)]
    wanted += [SSID, SSID.hex().encode(), b"canary-serial"]
    found = {
        name: found
        for name, content in written.items()
        if (found := [form for form in wanted if form in content])
    }
    assert found == {}


class Hub:
    """A hub that takes in what the box sends."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        settings = folder / "hub.toml"
        settings.write_text(f'[hub]\ndata_dir = "hub"\n[broker]\nurl = "{broker.url}"\n')
        migrate, self._ingest = (
            our_command("cloud.cli", word, "--config", str(settings), log=folder / "hub.log")
            for word in ("migrate", "ingest")
        )
        assert migrate.start().wait() == 0
        self._ingest.start()

    def stop(self) -> None:
        self._ingest.stop()


def hear(tap: TapRadio, frames: list[bytes]) -> None:
    """Let the radio hear frames; half a second later it has read them."""
    for frame in frames:
        tap.send(frame)
    time.sleep(0.5)


def counted_minutes(box: ListeningBox, tap: TapRadio, frames: list[bytes]) -> int:
    """Let a radio process that does not wait for a minute's end write its rows; return how many."""
    box.data.mkdir(mode=0o700)
    db = connect(box.data)
    migrate(db)
    epoch = Outbox(db).begin_epoch(SystemClock().now(), "run")
    argv = [sys.executable, "-m", "edge.bench.ear", "ours", str(box.config), epoch]
    ear = Running(argv, box.folder / "ear.log").start()
    until(lambda: "ready" in ear.log(), within_s=30)
    hear(tap, frames)
    assert ear.stop() == 0
    probes, rows = db.execute("SELECT sum(probes), count(*) FROM presence_minute").fetchone()
    db.close()
    assert probes == len(frames)
    return int(rows)


def test_a_service_hands_its_rights_to_the_radio_and_to_no_other_part() -> None:
    """As systemd starts it: a user of its own, with ambient capabilities."""
    script = """
import ctypes, os, subprocess
from edge import capabilities, supervisor
libc, both = ctypes.CDLL(None), (capabilities.NET_RAW, capabilities.NET_ADMIN)
assert libc.prctl(8, 1, 0, 0, 0) == 0  # PR_SET_KEEPCAPS
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
capabilities._set(effective=both, permitted=both, inheritable=both)
for one in both:
    assert libc.prctl(47, 2, one, 0, 0) == 0  # PR_CAP_AMBIENT_RAISE
capabilities.lay_aside()
def of(argv, before):
    said = subprocess.run(argv, preexec_fn=before, capture_output=True, text=True).stdout
    return [line.split()[1][-4:] for line in said.splitlines() if line.startswith("CapEff")]
see = ("/bin/cat", "/proc/self/status")
print(open("/proc/self/status").read().split("CapEff:")[1].split()[0][-4:])
print(of(see, supervisor._without_rights), of(see, supervisor._die_with_parent))
capabilities.keep_only((capabilities.NET_RAW,))
print(sorted(capabilities.held()), of(see, None))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.splitlines() == ["0000", "['0000'] ['3000']", "[13] ['2000']"], done.stderr
