"""The canary: after a day with crashes, no face, name or address stands in any byte left behind."""

import base64
import resource
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest
import requests
from numpy.typing import NDArray

from edge.app.keys import keyring
from edge.config import load
from edge.keys.templates import TemplateOpener
from edge.store.database import connect
from edge.store.people import template_rows
from tests.support.memory import found_in
from tests.support.processes import Mosquitto, child_of, free_port, our_command, until
from tests.support.shop import ZONE, Shop
from tests.support.tap import Tap
from tests.support.vectors import vectors_in

NAME, CALLED, PHONE = "林·金丝雀·米兰达", "金丝雀先生", "canary-13912345678"
ADDRESS, PASSWORD = "02:c0:ff:ee:ca:fe", "canary-rtsp-password"
VISITS = "SELECT count(*) FROM visit WHERE origin = 'run'"
ALERTS = "SELECT count(*) FROM alert WHERE origin = 'run'"
PLANTED = (NAME, CALLED, PHONE, ADDRESS, ADDRESS.replace(":", ""), PASSWORD)


@pytest.fixture
def core_dumps() -> Iterator[None]:
    """Let the kernel write core dumps, as on a machine that was set up carelessly."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, before)


class Day:
    """A box that remembers everybody for its window, tapped wherever bytes leave it."""

    def __init__(self, folder: Path, film: Path, photo: Path) -> None:
        self.film = film
        self.broker = Mosquitto(folder)
        self.broker.start()
        hub = folder / "hub.toml"
        hub.write_text(f'[hub]\ndata_dir = "hub"\n[broker]\nurl = "{self.broker.url}"\n')
        migrate, self.hub = (
            our_command("cloud.cli", word, "--config", str(hub), log=folder / "hub.log")
            for word in ("migrate", "ingest")
        )
        assert migrate.start().wait() == 0
        self.hub.start()
        self.tap = Tap(self.broker.port)
        self.port = free_port()
        secret = folder / "secret.url"
        secret.write_text(f"rtsp://door:{PASSWORD}@127.0.0.1:{free_port()}/stream")
        secret.chmod(0o600)
        camera = f'[[camera]]\nname = "door"\nsource = "{film}"\nloop = true\n{ZONE}'
        other = f'[[camera]]\nname = "back"\nsource = "file:{secret}"\nrole = "floor"\n'
        uplink = f'[uplink]\nbroker = "mqtt://127.0.0.1:{self.tap.port}"\n'
        console = f'[console]\nlisten = "127.0.0.1:{self.port}"\n'
        self.shop = Shop(
            folder, camera + other + uplink + console, who="everybody", basis="test: a film"
        )
        self.outside = [secret, self.shop.config, folder / "consent.json"]
        self.member = self.shop.enrol(
            NAME, photo, "--called", CALLED, "--external-id", f"till {ADDRESS}", "--note", PHONE
        )
        self.log = folder / "run.log"
        self.process = our_command("edge", "run", "--config", str(self.shop.config), log=self.log)
        self.heard = bytearray()

    def template(self) -> NDArray[np.float32]:
        """Return the member's template."""
        config, db = load(self.shop.config), connect(self.shop.data)
        (row,) = template_rows(db, datetime(2026, 11, 21, tzinfo=UTC))
        opener = TemplateOpener(keyring(config, db).root("template"))
        vector = opener.open(row.sealed_key, row.sealed, subject=row.subject)
        db.close()
        return vector

    def count(self, query: str) -> int:
        db = connect(self.shop.data)
        (number,) = db.execute(query).fetchone()
        db.close()
        return int(number)

    def has_visits(self, number: int) -> bool:
        return self.count(VISITS) >= number

    def part(self, name: str) -> psutil.Process:
        return child_of(self.process.pid, name)

    def look(self) -> None:
        """Read every page as a browser on this machine would, and keep what came."""
        for path in ("/", "/live", "/arrivals", "/api/state"):
            try:
                answer = requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=5)
            except requests.RequestException:
                continue
            self.heard += answer.content + repr(dict(answer.headers)).encode()

    def close(self) -> None:
        self.process.stop()
        self.tap.close()
        self.hub.stop()
        self.broker.stop()


def test_nothing_that_leaves_the_box_or_stays_on_its_disk_tells_of_a_face_or_a_name(
    tmp_path: Path, recordings: Path, monkeypatch: pytest.MonkeyPatch, core_dumps: None
) -> None:
    for name in ("tmp", "shop"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.chdir(tmp_path / "shop")  # where the kernel would put a core dump
    day = Day(
        tmp_path / "shop",
        recordings / "video/two-faces.mp4",
        recordings / "faces/pairs/lin-manuel-miranda.png",
    )
    try:
        live_through(day)
        left = day.template()
    finally:
        day.close()
    searched = search(tmp_path, day, left)
    assert {"menkou.db", "run.log", "template.key", "hub.db", "hub.log"} <= searched


def live_through(day: Day) -> None:
    """A day: two recordings, then the living box with alerts, kills, crashes and restarts."""
    for hour in ("10:00", "15:30"):
        summary = day.shop.replay(day.film, f"2026-11-21T{hour}:00+08:00")[-1]
        assert summary["members"] == [day.member]
    abort_a_replay(day)
    for round_ in range(2):
        day.process.start()
        until(partial(day.has_visits, 1 + day.count(VISITS)), within_s=60, what="a visit")
        until(lambda: day.count(ALERTS) > 0, within_s=60, what="an alert")
        # The control: what is searched for below is there, where it may be.
        assert found_in(day.part("eyes").pid, day.template().tobytes())
        day.look()
        for name, number in (("eyes", signal.SIGABRT), ("front", signal.SIGSEGV)):
            killed = day.part(name)
            killed.send_signal(number)
            until(partial(ended, killed), what=f"the end of {name}")
        time.sleep(4)  # both are started again
        day.look()
        day.part("eyes").kill()
        if round_:
            day.process.stop()
        else:
            day.process.kill()
            time.sleep(1)
    assert len(day.tap.content) > 2_000
    assert len(day.heard) > 2_000
    assert CALLED.encode() in day.heard  # the consultant may read it; the search is not blind


def abort_a_replay(day: Day) -> None:
    """Crash a recording in the middle of a face."""
    log = day.shop.folder / "replay.log"
    named = ("--config", str(day.shop.config), "--camera", f"door={day.film}", "--json")
    replay = our_command("edge", "replay", *named, "--start", "2026-11-21T20:00:00+08:00", log=log)
    replay.start()
    until(lambda: '"member"' in replay.log(), within_s=60, what="the member in the recording")
    assert found_in(replay.pid, day.template().tobytes())
    psutil.Process(replay.pid).send_signal(signal.SIGABRT)
    assert replay.wait() == -signal.SIGABRT


def ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def search(
    folder: Path, day: Day, template: np.ndarray[tuple[int], np.dtype[np.float32]]
) -> set[str]:
    """Search every byte; return the names of the files that were searched."""
    faces = [template.astype(kind).tobytes() for kind in (np.float32, np.float64, np.float16)]
    faces += [base64.b64encode(faces[0]), faces[0].hex().encode()]
    faces += [f"{number:.6f}".encode() for number in template[:8]]
    words = [word.encode(code) for word in PLANTED for code in ("utf-8", "utf-16-le", "gb18030")]
    words += [base64.b64encode(NAME.encode())[:20], NAME.encode("unicode_escape")]
    searched: set[str] = set()
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path in day.outside:
            continue
        searched.add(path.name)
        content = path.read_bytes()
        assert not [f for f in faces if f in content], f"the template in {path.name}"
        assert not [w for w in words if w in content], f"a planted word in {path.name}"
        if path.suffix != ".onnx":  # a network's weights are numbers too
            assert vectors_in(content) == [], path.name
        assert not path.name.startswith("core"), "a core dump was written"
    mqtt = day.tap.content + day.tap.inflated
    for what, content in (("MQTT", mqtt), ("HTTP", bytes(day.heard))):
        assert not [f for f in faces if f in content], f"the template over {what}"
        assert vectors_in(content) == [], what
        secret = words if what == "MQTT" else [ADDRESS.encode(), PASSWORD.encode()]
        assert not [w for w in secret if w in content], f"a planted word over {what}"
    return searched


@pytest.mark.parametrize("kind", ["float32", "float64", "text", "json", "hex", "base64", "shifted"])
def test_the_search_finds_a_vector_in_whatever_form(kind: str) -> None:
    rng = np.random.default_rng(3)
    vector = rng.standard_normal(128).astype(np.float32)
    vector /= np.linalg.norm(vector)
    raw = vector.tobytes()
    hidden = {
        "float32": raw,
        "float64": vector.astype(np.float64).tobytes(),
        "text": " ".join(f"{x:.5f}" for x in vector).encode() + b" ",
        "json": (", ".join(repr(float(x)) for x in vector) + ",").encode(),
        "hex": raw.hex().encode(),
        "base64": b"  " + base64.b64encode(raw),
        "shifted": b"\x01" + raw,
    }[kind]
    noise = rng.integers(0, 256, 4096, dtype=np.uint8).tobytes()
    assert vectors_in(noise) == []
    assert vectors_in(noise + b" " + hidden + b" " + noise) != []
