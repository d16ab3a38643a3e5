"""Runs a whole shop on this machine for somebody who wants to see it: hub, broker and one box.

Called by `scripts/demo`. It starts the ordinary commands as processes and asks them what anyone
could ask; nothing of the hub is imported.
"""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import requests

from edge.demo.clip import ClipTruth, make_clip
from edge.store.database import StoreBusy, StoreLock
from menkou.errors import MenkouFault

SHOP_ZONE: Final = ZoneInfo("Asia/Shanghai")
_HUB_PORT, _BOX_PORT, _BROKER_PORT = 8700, 8780, 1883
_START_S: Final = 30.0


class DemoFailed(MenkouFault):
    """The demonstration could not be shown, or did not show what it should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where the demonstration is played."""

    folder: Path
    clip: Path
    truth: ClipTruth
    hub_url: str
    box_url: str


def free_port(wanted: int) -> int:
    """Return the wanted port if it is free on loopback, else any free one."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            taken: int = probe.getsockname()[1]
            return taken
    raise DemoFailed("127.0.0.1: expected a free port, got none")


@contextmanager
def prepared(home: Path, play: str) -> Iterator[Stage]:
    """Make the clip, unless it lies there already, and write both settings files.

    Each way to play has a folder of its own under `home`, held while it plays.

    Raises:
        DemoFailed: it is being played already.
    """
    folder = home / play
    try:
        lock = StoreLock(folder, patience_s=0.5)
    except StoreBusy:
        raise DemoFailed(f"{folder}: this demo is running already; end that one first") from None
    try:
        yield _prepare(folder, home)
    finally:
        lock.release()


def _prepare(folder: Path, home: Path) -> Stage:
    clip = home / "door.mp4"
    truth = _clip_of(clip, home / "door.json")
    hub, box, broker = (free_port(port) for port in (_HUB_PORT, _BOX_PORT, _BROKER_PORT))
    (folder / "hub.toml").write_text(
        f'[hub]\nlisten = "127.0.0.1:{hub}"\ndata_dir = "hub"\n\n'
        f'[broker]\nurl = "mqtt://127.0.0.1:{broker}"\nembedded = true\n',
        encoding="utf-8",
    )
    line = [list(point) for point in truth.line]
    (folder / "edge.toml").write_text(
        '[store]\nid = "nj-001"\nname = "南京东路店"\ntimezone = "Asia/Shanghai"\n\n'
        '[box]\nid = "nj-001-a"\ndata_dir = "box"\n\n'
        f'[[camera]]\nname = "door"\nsource = "{clip}"\nloop = true\n'
        f'line = {line}\ninside = "{truth.inside}"\n\n'
        f'[uplink]\nbroker = "mqtt://127.0.0.1:{broker}"\n\n'
        f'[console]\nlisten = "127.0.0.1:{box}"\n',
        encoding="utf-8",
    )
    return Stage(
        folder=folder,
        clip=clip,
        truth=truth,
        hub_url=f"http://127.0.0.1:{hub}/",
        box_url=f"http://127.0.0.1:{box}/",
    )


def _program() -> str:
    """Return a mark of the code that draws the clip: another program draws another clip."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def _clip_of(clip: Path, told: Path) -> ClipTruth:
    """Return the truth of the clip; draws it anew unless one by this program lies there."""
    if clip.is_file() and told.is_file():
        kept = json.loads(told.read_text(encoding="utf-8"))
        if kept.pop("program") == _program():
            return ClipTruth(**kept)
    say("Drawing the demo clip ...")
    watched = sys.stderr.isatty()

    def progress(share: float) -> None:
        if watched:
            print(f"\r  {100 * share:3.0f} %", end="", file=sys.stderr, flush=True)

    truth = make_clip(clip, progress=progress)
    if watched:
        print(file=sys.stderr)
    note = {"program": _program(), **asdict(truth)}
    told.write_text(json.dumps(note), encoding="utf-8")
    return truth


def say(text: str) -> None:
    """Tell the person who watches; data alone goes to stdout."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def process(arguments: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of our commands in the background; end it, politely first, on leaving."""
    with log.open("wb") as output:
        running = subprocess.Popen([sys.executable, "-m", *arguments], stderr=output)
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(timeout=10)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def wait_for(url: str, running: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until an address answers.

    Raises:
        DemoFailed: the process ended, or there was no answer in time.
    """
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and running.poll() is None:
        try:
            if requests.get(url, timeout=2).ok:
                return
        except requests.RequestException:
            time.sleep(0.1)
    tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise DemoFailed(f"{url}: expected an answer, got none; the end of {log}:\n{tail}")


@contextmanager
def hub_of(stage: Stage) -> Iterator[subprocess.Popen[bytes]]:
    """Run the hub with its embedded broker."""
    log = stage.folder / "hub.log"
    config = str(stage.folder / "hub.toml")
    with process(["cloud.cli", "serve", "--config", config], log) as running:
        wait_for(stage.hub_url + "api/v1/health", running, log)
        yield running


def play_live(stage: Stage) -> int:
    """Run hub and box, the clip over and over, until Ctrl-C or until one of them ends."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as stack:
        hub = stack.enter_context(hub_of(stage))
        log = stage.folder / "box.log"
        config = str(stage.folder / "edge.toml")
        box = stack.enter_context(process(["edge", "run", "--config", config], log))
        wait_for(stage.box_url + "healthz", box, log)
        print(f"店铺页面 / the shop's page:        {stage.box_url}")
        print(f"总部页面 / head office's page:     {stage.hub_url}", flush=True)
        say(
            "The clip plays as if live: she comes in three times and leaves twice in"
            f" {stage.truth.frames / stage.truth.fps:.0f} seconds, over and over. Ctrl-C ends it."
        )
        while not stop.wait(0.5):
            if hub.poll() is not None or box.poll() is not None:
                raise DemoFailed(f"a part ended by itself; see the logs in {stage.folder}")
    return 0


def recording_start(now: datetime, length: timedelta) -> datetime:
    """Return a start in the recent past such that the whole recording lies in one local day."""
    start = now - length
    if start.astimezone(SHOP_ZONE).date() == now.astimezone(SHOP_ZONE).date():
        return start
    return now  # just after midnight: the recording goes on into the first minute of the day


def play_once(stage: Stage) -> int:
    """Run the clip through box, broker and hub, print both sides' figures, and compare them.

    Raises:
        DemoFailed: box and hub do not agree, or not with the clip.
    """
    for name in ("hub", "box"):
        shutil.rmtree(stage.folder / name, ignore_errors=True)
    length = timedelta(seconds=stage.truth.frames / stage.truth.fps)
    start = recording_start(datetime.now(UTC), length)
    replay = [
        *(sys.executable, "-m", "edge", "replay", "--config", str(stage.folder / "edge.toml")),
        *("--camera", f"door={stage.clip}", "--start", start.isoformat()),
        *("--json", "--publish", "30"),
    ]
    with hub_of(stage):
        done = subprocess.run(replay, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise DemoFailed(f"menkou-edge replay: expected exit code 0, got {done.returncode}")
        box: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        hub = _hub_figures(stage, box)
    _print_summary(stage.truth, box, hub)
    return 0


def _hub_figures(stage: Stage, box: dict[str, Any]) -> dict[str, Any]:
    """Return the shop's figures at the hub, once they are the box's.

    Raises:
        DemoFailed: they are not within five seconds.
    """
    figures: dict[str, Any] = {}
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        shops = requests.get(stage.hub_url + "api/v1/shops", timeout=5).json()["shops"]
        figures = shops[0] if shops else {}
        hub = [figures.get(key) for key in ("entered", "left", "visitors")]
        if hub == [box["in"], box["out"], box["visitors"]]:
            return figures
        time.sleep(0.2)
    raise DemoFailed(f"the hub: expected the box's figures {box}, got {figures}")


def _print_summary(truth: ClipTruth, box: dict[str, Any], hub: dict[str, Any]) -> None:
    ways = [way for _, way in truth.crossings]
    rows = (
        ("进店 / in", ways.count("in"), box["in"], hub["entered"]),
        ("出店 / out", ways.count("out"), box["out"], hub["left"]),
        ("访客 / visitors", ways.count("in"), box["visitors"], hub["visitors"]),
    )
    print(f"{'':<20}{'clip':>8}{'box':>8}{'hub':>8}")
    for label, *figures in rows:
        wide = sum(1 for character in label if ord(character) > 0x2E80)
        print(label + " " * (20 - len(label) - wide) + "".join(f"{n:>8}" for n in figures))
    print(f"{box['frames']} frames in {box['seconds']:.1f} s, basis {box['basis']}")
    wrong = [label for label, *figures in rows if len(set(figures)) > 1]
    if wrong:
        raise DemoFailed(f"expected the clip's truth, got other figures for: {', '.join(wrong)}")


def demo_folder() -> Path:
    """Return where the demonstration keeps its files: MENKOU_DEMO, or .demo where it runs."""
    return Path(os.environ.get("MENKOU_DEMO", ".demo")).resolve()
