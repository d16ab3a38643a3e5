"""Runs a whole shop on this machine for somebody who wants to see it: hub, broker and one box.

Called by `scripts/demo`. It starts the ordinary commands as processes and asks them what anyone
could ask; nothing of the hub is imported. The story (DESIGN section 6): somebody walks in and is
counted, leaves, comes back, which is a re-entry, is enrolled with her consent, leaves, and is
greeted when she returns.
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
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import requests

from edge.app.replay import ReplayRequest, run_replay
from edge.config import load
from edge.demo.clip import ClipTruth, make_clip
from edge.replay import Interlude
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

    @property
    def settings(self) -> str:
        """The box's settings file."""
        return str(self.folder / "edge.toml")


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
    (folder / "edge.toml").write_text(
        settings_of(clip, truth, broker=broker, box=box), encoding="utf-8"
    )
    return Stage(
        folder=folder,
        clip=clip,
        truth=truth,
        hub_url=f"http://127.0.0.1:{hub}/",
        box_url=f"http://127.0.0.1:{box}/",
    )


def settings_of(clip: Path, truth: ClipTruth, *, broker: int, box: int) -> str:
    """Return the box's settings, with a declaration for this demonstration and nothing else."""
    line = [list(point) for point in truth.line]
    tomorrow = datetime.now(SHOP_ZONE).date() + timedelta(days=1)
    return (
        '[store]\nid = "nj-001"\nname = "南京东路店"\ntimezone = "Asia/Shanghai"\n\n'
        # Who runs a demonstration vouches for the clock: many a laptop's container cannot.
        '[box]\nid = "nj-001-a"\ndata_dir = "box"\nclock = "host"\n\n'
        '[privacy]\nmode = "entrance"\nkey = "file"\n\n'
        '[declaration]\njurisdiction = "demo"\ncontroller = "whoever runs this demonstration"\n'
        'contact = "nobody: one drawn person, on this machine only"\n'
        'assessment = "demo: one public-domain photograph"\n'
        'signage_attested_by = "scripts/demo"\n'
        f"signage_attested_on = {tomorrow - timedelta(days=1)}\nexpires = {tomorrow}\n"
        "accept_file_key = true\n"
        'basis_everybody = "demo: the only person is drawn from a public photograph"\n\n'
        '[dedup]\nwho = "everybody"\n\n'
        f'[[camera]]\nname = "door"\nsource = "{clip}"\nloop = true\n'
        f'line = {line}\ninside = "{truth.inside}"\n'
        "zone = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]\n\n"
        f'[uplink]\nbroker = "mqtt://127.0.0.1:{broker}"\n\n'
        f'[console]\nlisten = "127.0.0.1:{box}"\n'
    )


def enrol(stage: Stage, now: datetime) -> str:
    """Enrol the person of the clip with the ordinary command; return her member id.

    Raises:
        DemoFailed: the command refused.
    """
    consent = stage.folder / "consent.json"
    consent.write_text(
        json.dumps(
            {
                "purpose": "recognition",
                "text_version": "2026-11",
                "language": "zh",
                "given_at": now.astimezone(SHOP_ZONE).isoformat(timespec="seconds"),
                "means": "in_person",
                "scope": "store",
                "shops": [],
                "expires": str(now.astimezone(SHOP_ZONE).date() + timedelta(days=365)),
                "adult": True,
                "guardian": None,
            }
        ),
        encoding="utf-8",
    )
    with as_file(files("skimage.data") / "astronaut.png") as photo:
        arguments = [
            *(sys.executable, "-m", "edge", "member", "enroll", "--config", stage.settings),
            *("--name", "艾琳·柯林斯", "--called", "柯林斯女士", "--tier", "金卡"),
            *("--repair-ready", "腕表换电池", "--last-purchase", "珍珠耳钉"),
            *("--consent", str(consent), "--photo", str(photo)),
        ]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DemoFailed(f"menkou-edge member enroll: expected exit code 0, got:\n{done.stderr}")
    return done.stdout.splitlines()[-1]


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
    shutil.rmtree(stage.folder / "box", ignore_errors=True)  # she is to be a stranger again
    with ExitStack() as stack:
        hub = stack.enter_context(hub_of(stage))
        log = stage.folder / "box.log"
        box = stack.enter_context(process(["edge", "run", "--config", stage.settings], log))
        wait_for(stage.box_url + "healthz", box, log)
        print(f"店铺页面 / the shop's page:        {stage.box_url}")
        print(f"到店页面 / who has come in:        {stage.box_url}arrivals")
        print(f"总部页面 / head office's page:     {stage.hub_url}", flush=True)
        say(
            "The clip plays as if live: she comes in three times and leaves twice in"
            f" {stage.truth.frames / stage.truth.fps:.0f} seconds, over and over. Ctrl-C ends it."
        )
        member: str | None = None
        while not stop.wait(0.5):
            if hub.poll() is not None or box.poll() is not None:
                raise DemoFailed(f"a part ended by itself; see the logs in {stage.folder}")
            if member is None and _came_back(stage):
                say("She is back: a re-entry, no new visitor. She agrees to be recognised ...")
                member = enrol(stage, datetime.now(UTC))
                say(f"... and is enrolled as member {member}. Next time she is greeted.")
    return 0


def _came_back(stage: Stage) -> bool:
    """Say whether the box has told of a re-entry."""
    try:
        state = requests.get(stage.box_url + "api/state", timeout=2).json()
    except requests.RequestException:
        return False
    return bool(state.get("reentries"))


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
    lines: list[dict[str, Any]] = []
    comes_back = [at for at, way in stage.truth.crossings if way == "in"][1]

    def agree(now: datetime) -> None:
        member = enrol(stage, now)
        say(f"She agrees to be recognised and is enrolled as member {member}.")

    request = ReplayRequest(
        cameras={"door": stage.clip},
        start=start,
        emit=lines.append,
        publish_s=30.0,
        interludes=(Interlude(after_s=comes_back + 4.0, act=agree),),
    )
    with hub_of(stage):
        faults = run_replay(load(Path(stage.settings)), request)
        if faults:
            raise DemoFailed(f"the replay: expected no fault, got {'; '.join(faults)}")
        box = {**lines[-1], "alerts": [e["kind"] for e in lines if e["event"] == "alert"]}
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
        hub = [figures.get(key) for key in ("entered", "left", "visitors", "reentries")]
        if hub == [box["in"], box["out"], box["visitors"], box["reentries"]]:
            return figures
        time.sleep(0.2)
    raise DemoFailed(f"the hub: expected the box's figures {box}, got {figures}")


def _print_summary(truth: ClipTruth, box: dict[str, Any], hub: dict[str, Any]) -> None:
    ways = [way for _, way in truth.crossings]
    rows = (
        ("进店 / in", ways.count("in"), box["in"], hub["entered"]),
        ("出店 / out", ways.count("out"), box["out"], hub["left"]),
        ("访客 / visitors", 1, box["visitors"], hub["visitors"]),
        ("再次进店 / re-entries", ways.count("in") - 1, box["reentries"], hub["reentries"]),
    )
    print(f"{'':<24}{'clip':>8}{'box':>8}{'hub':>8}")
    for label, *figures in rows:
        wide = sum(1 for character in label if ord(character) > 0x2E80)
        print(label + " " * (24 - len(label) - wide) + "".join(f"{n:>8}" for n in figures))
    print(f"{'member_arrived':<24}{1:>8}{box['alerts'].count('member_arrived'):>8}")
    print(f"members {', '.join(box['members'])}")
    print(f"{box['frames']} frames in {box['seconds']:.1f} s, basis {box['basis']}")
    wrong = [label for label, *figures in rows if len(set(figures)) > 1]
    if box["alerts"] != ["member_arrived"]:
        wrong.append("member_arrived")
    if wrong:
        raise DemoFailed(f"expected the clip's truth, got other figures for: {', '.join(wrong)}")


def demo_folder() -> Path:
    """Return where the demonstration keeps its files: MENKOU_DEMO, or .demo where it runs."""
    return Path(os.environ.get("MENKOU_DEMO", ".demo")).resolve()
