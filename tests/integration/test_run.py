"""A box that runs: supervised parts, faults that are shown, nothing lost."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import requests

from edge.core.visit import Chain as VisitChain
from edge.faces.strangers import StrangerMemory
from edge.memory import STRANGERS_BYTES, SecretMemory, reserve
from edge.ports import Vector
from edge.store.database import connect
from tests.integration.conftest import Chain
from tests.support.disk import small_disk_at
from tests.support.processes import Running, child_of, free_port, our_command, until

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="a sealed process shows its memory and descriptors to root only"
)


class Box:
    """A running box and its page."""

    def __init__(self, folder: Path, film: Path, extra: str = "") -> None:
        self.folder = folder
        self.port = free_port()
        self.config = folder / "box.toml"
        self.config.write_text(
            '[store]\nid = "nj-001"\nname = "南京东路店"\ntimezone = "Asia/Shanghai"\n'
            '[box]\nid = "nj-001-a"\ndata_dir = "data"\nclock = "host"\n'
            f'[[camera]]\nname = "door"\nsource = "{film}"\nloop = true\n'
            f'[console]\nlisten = "127.0.0.1:{self.port}"\n' + extra,
            encoding="utf-8",
        )
        self.process = self.command("run")

    def command(self, name: str) -> Running:
        log = self.folder / f"{name}.log"
        return our_command("edge", name, "--config", str(self.config), log=log)

    def state(self) -> dict[str, Any]:
        """Return the page as JSON, empty while it does not answer."""
        try:
            answer = requests.get(f"http://127.0.0.1:{self.port}/api/state", timeout=5)
        except requests.RequestException:
            return {}
        found: dict[str, Any] = answer.json()
        return found

    def camera(self) -> str:
        """Return the state of the only camera."""
        cameras = self.state().get("cameras") or [{"state": "none"}]
        return str(cameras[0]["state"])

    def part(self, name: str) -> psutil.Process:
        """Return one of the running parts; for a moment while it begins anew it has no name."""
        return child_of(self.process.pid, name)


@pytest.fixture
def make_box(tmp_path: Path, recordings: Path) -> Iterator[Callable[..., Box]]:
    made: list[Box] = []

    def make(film: Path = recordings / "video/one-by-one.mp4", extra: str = "") -> Box:
        made.append(Box(tmp_path, film, extra))
        made[-1].process.start()
        return made[-1]

    yield make
    for box in made:
        box.process.stop()


def test_a_box_counts_shows_and_stops_cleanly(make_box: Callable[..., Box]) -> None:
    box = make_box()
    until(lambda: box.state().get("visitors", 0) >= 1, what="the first visitor on the page")
    assert box.camera() == "ok"
    assert [part["state"] for part in box.state()["parts"]] == ["running", "running"]
    parts = psutil.Process(box.process.pid).children()
    assert box.process.stop() == 0
    assert not any(part.is_running() for part in parts)


@needs_root
def test_no_model_and_no_video_library_is_loaded_where_none_is_needed(
    make_box: Callable[..., Box],
) -> None:
    box = make_box()
    until(lambda: box.camera() == "ok", what="the camera")
    for name, unwanted in (("eyes", ("dlib", "onnxruntime")), ("front", ("cv2", "dlib", "onnx"))):
        mapped = {m.path for m in box.part(name).memory_maps()}
        assert not [path for path in mapped for word in unwanted if word in path]


FACES = """
[privacy]
mode = "checkin"
key = "file"
[declaration]
jurisdiction = "CN"
controller = "Example Jewellery Co."
contact = "privacy@example.com"
assessment = "PIA-2026-014"
signage_attested_by = "Shop manager"
signage_attested_on = 2026-01-01
expires = 2099-01-01
accept_file_key = true
basis_everybody = "a basis for this test"
"""
EVERYBODY = '[dedup]\nwho = "everybody"\n'


def secret_files(process: psutil.Process) -> dict[int, int]:
    """Return the inodes of the secret memory that a process has descriptors of, by number."""
    found = {}
    for fd in Path(f"/proc/{process.pid}/fd").iterdir():
        if any(word in str(fd.readlink()) for word in ("secretmem", "memfd:menkou")):
            found[int(fd.name)] = fd.stat().st_ino
    return found


def option(process: psutil.Process, name: str) -> int | None:
    """Return the descriptor's number that a part was started with."""
    words = process.cmdline()
    return int(words[words.index(name) + 1]) if name in words else None


@needs_root
def test_a_box_that_counts_opens_no_key_and_its_eyes_have_no_place_for_one(
    make_box: Callable[..., Box],
) -> None:
    box = make_box()
    until(lambda: box.camera() == "ok", what="the camera")
    assert option(box.part("eyes"), "--template-key-fd") is None
    assert secret_files(box.part("eyes")) == {}
    assert box.part("eyes").rlimit(psutil.RLIMIT_CORE) == (0, 0)
    assert not (box.folder / "data/keys").exists()
    assert "key" not in box.process.log().lower()


@needs_root
def test_each_part_has_its_own_key_slot_and_the_front_none_of_the_templates(
    make_box: Callable[..., Box],
) -> None:
    box = make_box(extra=FACES + EVERYBODY)
    until(lambda: "the template key is there" in box.process.log(), what="the template key")
    until(lambda: box.state().get("mode") == "checkin", what="the eyes with the key")
    eyes, front = box.part("eyes"), box.part("front")
    template, strangers = (option(eyes, name) for name in ("--template-key-fd", "--strangers-fd"))
    profile = option(front, "--profile-key-fd")
    assert None not in (template, strangers, profile)
    until(lambda: {template, strangers} <= secret_files(eyes).keys(), what="the eyes' memory")
    of_eyes, of_front = secret_files(eyes), secret_files(front)
    assert profile in of_front
    assert not set(of_eyes.values()) & set(of_front.values())
    assert option(front, "--template-key-fd") is None
    assert (box.folder / "data/keys/template.key").exists()
    # Nobody is a member yet: the key of their profiles is not even made.
    assert not (box.folder / "data/keys/profile.key").exists()


def test_a_key_that_is_gone_stops_nothing_and_is_logged_once(make_box: Callable[..., Box]) -> None:
    box = make_box(extra=FACES.replace('key = "file"', 'key = "hub"'))
    until(lambda: "the template key is not there" in box.process.log(), what="the word on the key")
    until(lambda: box.camera() == "ok", what="the camera")
    time.sleep(4)  # two more tries
    assert box.process.log().count("the template key is not there") == 1
    assert [part["restarts"] for part in box.state()["parts"]] == [0, 0]


class Systemd:
    """Plays systemd: hears the box, keeps its descriptors, and gives them back at a start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._socket.settimeout(20)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, box: Box, kept: int | None = None) -> None:
        """Start a box as a service, with a descriptor that was kept."""
        listen = ""
        if kept is not None:
            listen = f"exec 3<&{kept}; export LISTEN_FDS=1 LISTEN_FDNAMES=strangers LISTEN_PID=$$;"
        command = [sys.executable, "-m", "edge", "run", "--config", str(box.config)]
        with (self._folder / "service.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["/bin/bash", "-c", f'{listen} exec "$@"', "bash", *command],
                pass_fds=[] if kept is None else [kept],
                env={**os.environ, "NOTIFY_SOCKET": str(self._folder / "notify")},
                stdout=log,
                stderr=log,
            )

    def part(self, name: str) -> psutil.Process:
        """Return one of the box's running parts."""
        assert self._process is not None
        return child_of(self._process.pid, name)

    def kill(self) -> None:
        """End the box as the kernel would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def hear(self, message: bytes) -> list[int]:
        """Wait for a message; return the descriptors that came with it."""
        while True:
            heard, fds, _, _ = socket.recv_fds(self._socket, 4096, 4)
            if heard == message:
                return list(fds)

    def log(self) -> str:
        """Return what the box has said."""
        return (self._folder / "service.log").read_text()

    def close(self) -> None:
        """End everything."""
        self.kill()
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    made = Systemd(tmp_path)
    yield made
    made.close()


def stranger(now: datetime) -> tuple[VisitChain, Vector]:
    """Return the visits and the face of somebody."""
    visit = "01JDSTRANGER00000000000000"
    chain = VisitChain(first_visit=visit, first_at=now, last_visit=visit, last_at=now)
    numbers = np.random.default_rng(7).standard_normal(128).astype(np.float32)
    return chain, numbers / np.float32(np.linalg.norm(numbers))


def test_strangers_are_found_again_after_the_box_was_killed_and_started_by_systemd(
    tmp_path: Path, recordings: Path, systemd: Systemd
) -> None:
    box = Box(tmp_path, recordings / "video/one-by-one.mp4", FACES + EVERYBODY)
    systemd.start(box)
    (fd,) = systemd.hear(b"FDSTORE=1\nFDNAME=strangers")
    until(lambda: box.camera() == "ok", what="the camera")
    systemd.kill()
    kept = SecretMemory(fd)
    chain, face = stranger(datetime.now(UTC))
    StrangerMemory(kept, 0.33).keep(chain, face)
    for _ in range(2):  # the second time, it comes from a box that had it from systemd already
        systemd.start(box, kept=fd)
        until(lambda: box.camera() == "ok", what="the camera")
        until(lambda: box.state()["mode"] == "checkin", within_s=60, what="the mode")
        assert StrangerMemory(kept, 0.33).find(face) == chain.first_visit
        systemd.kill()


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param(FACES, id="members only"),
        pytest.param(EVERYBODY, id="a box that counts"),
        pytest.param(FACES.replace("2099", "2026") + EVERYBODY, id="expired"),
        pytest.param(FACES.replace("a basis for this test", "") + EVERYBODY, id="no basis"),
    ],
)
def test_strangers_are_overwritten_and_given_up_where_they_may_not_be_remembered(
    tmp_path: Path, recordings: Path, systemd: Systemd, extra: str
) -> None:
    kept = SecretMemory(reserve(STRANGERS_BYTES))
    chain, face = stranger(datetime.now(UTC))
    StrangerMemory(kept, 0.33).keep(chain, face)
    box = Box(tmp_path, recordings / "video/one-by-one.mp4", extra)
    systemd.start(box, kept=kept.fd)
    systemd.hear(b"FDSTOREREMOVE=1\nFDNAME=strangers")
    assert not any(bytes(kept.view))
    systemd.hear(b"READY=1")
    assert option(systemd.part("eyes"), "--strangers-fd") is None


@pytest.mark.parametrize("name", ["eyes", "front"])
def test_a_part_that_is_killed_is_started_again_and_the_page_shows_it(
    make_box: Callable[..., Box], name: str
) -> None:
    box = make_box()
    until(lambda: box.camera() == "ok", what="the camera")
    box.part(name).kill()
    until(
        lambda: any(p["name"] == name and p["restarts"] == 1 for p in box.state().get("parts", ())),
        what="the restart on the page",
    )
    until(lambda: box.camera() == "ok", what="the camera")
    told = {"part": name, "camera": None, "state": "restarted"}
    assert told in health_events(box.folder / "data")


def health_events(data: Path) -> list[dict[str, Any]]:
    """Return the bodies of the health events in a box's outbox."""
    db = connect(data)
    rows = db.execute("SELECT event FROM outbox WHERE kind = 'health'").fetchall()
    db.close()
    return [json.loads(row[0])["body"] for row in rows]


def test_a_supervisor_that_is_killed_leaves_the_directory_free_for_the_next(
    make_box: Callable[..., Box],
) -> None:
    box = make_box()
    until(lambda: box.camera() == "ok", what="the camera")
    box.process.kill()
    box.process.start()
    until(lambda: box.camera() == "ok", what="the camera after the kill")


def test_a_second_box_on_the_same_directory_is_refused(make_box: Callable[..., Box]) -> None:
    box = make_box()
    until(lambda: box.camera() == "ok", what="the camera")
    other = our_command(
        "edge", "run", "--config", str(box.config), log=box.folder / "other.log"
    ).start()
    assert other.wait() == 1
    assert "another menkou-edge works in this data directory" in other.log()
    assert box.state()["cameras"][0]["state"] == "ok"


def test_a_broker_behind_which_no_hub_answers_is_not_called_connected(
    make_box: Callable[..., Box], chain: Chain
) -> None:
    chain.broker.start()
    box = make_box(extra=f'[uplink]\nbroker = "{chain.broker.url}"\n')
    until(lambda: box.state().get("backlog", 0) >= 1, what="events that wait")
    assert "connected to the broker" in box.process.log()
    assert box.state()["uplink"] == "offline"
    chain.hub.start()
    until(lambda: box.state()["uplink"] == "connected", what="the hub's answer")
    until(lambda: box.state()["backlog"] == 0, what="an empty outbox")


def test_why_a_broker_cannot_be_reached_is_logged_once(make_box: Callable[..., Box]) -> None:
    box = make_box(extra='[uplink]\nbroker = "mqtt://127.0.0.1:9"\n')
    until(lambda: "no connection to 127.0.0.1:9" in box.process.log(), what="the reason")
    until(lambda: box.camera() == "ok", what="the camera")
    assert box.process.log().count("no connection to 127.0.0.1:9") == 1
    assert "refused" in box.process.log()


def test_a_camera_that_is_missing_is_shown_and_the_rest_works(
    make_box: Callable[..., Box], tmp_path: Path
) -> None:
    box = make_box(film=tmp_path / "none.mp4")
    until(lambda: box.camera() == "unreadable", what="the camera's fault")
    assert "none.mp4" in box.process.log()
    until(lambda: len(box.state()["parts"]) == 2, what="the supervisor's word")
    assert [part["restarts"] for part in box.state()["parts"]] == [0, 0]


def test_a_password_of_a_camera_reaches_no_log_and_no_page(
    make_box: Callable[..., Box], tmp_path: Path
) -> None:
    (tmp_path / "door.url").write_text("rtsp://admin:geheim123@127.0.0.1:9/stream")
    box = make_box(film=Path("file:door.url"))
    until(lambda: box.camera() == "lost", what="the camera's fault")
    assert "geheim123" not in box.process.log()
    assert "geheim123" not in json.dumps(box.state())
    assert b"geheim123" not in (tmp_path / "data/menkou.db").read_bytes()


def test_without_a_broker_the_box_works_on_and_the_outbox_waits(chain: Chain) -> None:
    box = chain.box("run").start()
    until(lambda: len(chain.committed()) >= 3, within_s=40, what="facts without a broker")
    chain.broker.start()
    chain.hub.start()
    until(
        lambda: set(chain.held()) >= chain.committed() != set(),
        within_s=60,
        what="the hub having all",
    )
    assert box.stop() == 0, box.log()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk_at(tmp_path / "disk", 3) as disk:
        yield disk


def fill(disk: Path) -> Path:
    """Use up all that is free."""
    stone = disk / "stone"
    with stone.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return stone


def test_a_replay_onto_a_full_disk_says_so_and_loses_nothing_it_printed(
    small_disk: Path, make_box: Callable[..., Box], recordings: Path
) -> None:
    box = Box(small_disk, recordings / "video/one-by-one.mp4")
    film = f"door={recordings / 'video/one-by-one.mp4'}"
    command = [
        *(sys.executable, "-m", "edge", "replay", "--config", str(box.config)),
        *("--camera", film, "--json"),
    ]
    first = subprocess.run(command, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stderr
    stone = fill(small_disk)
    full = subprocess.run(command, capture_output=True, text=True, check=False)
    assert full.returncode == 1
    assert "the disk is full" in full.stderr
    stone.unlink()
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout.splitlines()[-1])["in"] == 6


def test_a_running_box_on_a_full_disk_says_so_and_keeps_what_it_held_when_there_is_room(
    small_disk: Path, recordings: Path
) -> None:
    box = Box(small_disk, recordings / "video/one-by-one.mp4")
    box.process.start()
    try:
        until(lambda: box.camera() == "ok", what="the camera")
        stone = fill(small_disk)
        until(
            lambda: "disk_full" in box.state().get("notices", ()),
            within_s=60,
            what="the notice of a full disk",
        )
        assert box.camera() == "ok"
        entered = box.state()["entered"]
        stone.unlink()
        until(lambda: box.state()["entered"] > entered, what="the crossing that was held")
        until(lambda: "disk_full" not in box.state()["notices"], what="the end of the notice")
        assert [part["restarts"] for part in box.state()["parts"]] == [0, 0]
    finally:
        box.process.stop()


def test_a_full_disk_takes_no_part_down_neither_by_the_hubs_word_nor_by_a_restart(
    small_disk: Path, recordings: Path, chain: Chain
) -> None:
    uplink = f'[uplink]\nbroker = "{chain.broker.url}"\n'
    box = Box(small_disk, recordings / "video/one-by-one.mp4", uplink)
    box.process.start()
    try:
        until(lambda: box.state().get("backlog", 0) >= 1, what="events that wait")
        stone = fill(small_disk)
        chain.broker.start()
        chain.hub.start()
        until(lambda: "the disk is full" in box.process.log(), within_s=60, what="a full disk")
        # Its word is small: the log's last pages may have room for it, or not.
        until(
            lambda: "cannot be kept" in box.process.log() or box.state()["backlog"] == 0,
            within_s=60,
            what="the hub's word",
        )
        box.part("eyes").kill()
        until(
            lambda: any(
                p["name"] == "eyes" and p["restarts"] == 1 and p["state"] == "running"
                for p in box.state().get("parts", ())
            ),
            what="the restart of the eyes",
        )
        stone.unlink()
        until(lambda: box.state()["backlog"] == 0, within_s=60, what="an empty outbox")
        assert [part["restarts"] for part in box.state()["parts"]] == [1, 0]
    finally:
        box.process.stop()


def test_a_stopped_replay_keeps_and_prints_what_it_has(
    make_box: Callable[..., Box], tmp_path: Path, recordings: Path
) -> None:
    box = Box(tmp_path, recordings / "video/one-by-one.mp4")
    replay = subprocess.Popen(
        [
            *(sys.executable, "-m", "edge", "replay", "--config", str(box.config), "--json"),
            *("--camera", f"door={recordings / 'video/one-by-one.mp4'}"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert replay.stdout is not None
    with replay:
        first = json.loads(replay.stdout.readline())
        replay.send_signal(signal.SIGINT)
        rest = [json.loads(line) for line in replay.stdout]
    assert replay.returncode == 1
    lines = [first, *rest]
    assert lines[-1]["event"] == "summary"
    assert lines[-1]["in"] == sum(
        line["event"] == "entry" and line["direction"] == "in" for line in lines
    )
    assert lines[-1]["frames"] < 1394
