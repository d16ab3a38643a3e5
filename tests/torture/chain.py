"""The chain that is tortured: its processes, and all that may befall them."""

import contextlib
import logging
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from edge.store.database import connect
from edge.store.outbox import Outbox
from tests.support.processes import Mosquitto, Running, answers, free_port, our_command, until
from tests.torture.truth import Hour, events_of, hours_of, note_gone

_log = logging.getLogger(__name__)
DISK_MB = 256
_IN_DOUBT = "SELECT count(*) FROM visit WHERE doubt = 1"
_FIGURES = (
    *("visitors", "reentries", "members", "entered", "left", "entered_closed", "left_closed"),
    "staff",
)


@dataclass
class Box:
    """One box: its folder, its process, what was lost with its disks, and its clock's error."""

    name: str
    folder: Path
    rate: float
    halt: Path
    data: Path
    fault_s: int = 0
    believed: bool = True
    copy: Path | None = None
    disks: int = 0
    process: Running | None = None

    @property
    def database(self) -> Path:
        """Its database."""
        return self.data / "menkou.db"

    @property
    def gone(self) -> Path:
        """What was committed once, on a disk that was then replaced by an older copy of itself."""
        return self.folder / "gone.db"

    def start(self) -> None:
        """Start it, by its own clock."""
        self._write_clock()
        argv = [sys.executable, "-m", "tests.torture.box", "--config"]
        argv += [str(self.folder / "edge.toml"), "--rate", str(self.rate), "--halt", str(self.halt)]
        argv += ["--clock", str(self.folder / "clock")]
        self.process = Running(argv, self.folder / "box.log").start()

    def keep_alive(self) -> None:
        """Start it again if it has ended by itself, as systemd would: on a full disk it may."""
        if self.process is None or not self.process.alive:
            said = self.process.log()[-2000:] if self.process else ""
            assert "Traceback" not in said or "StoreFull" in said, f"{self.name}: {said}"
            self.start()

    def kill(self) -> None:
        """Cut its power."""
        if self.process is not None:
            self.process.kill()

    def step_clock(self, by_s: int, *, believed: bool) -> None:
        """Set its clock while it runs, by a time server or by nobody in particular."""
        self.fault_s += by_s
        self.believed = believed
        self._write_clock()

    def _write_clock(self) -> None:
        word = "ok" if self.believed else "suspect"
        fresh = self.folder / "clock.new"
        fresh.write_text(f"{self.fault_s} {word}")
        fresh.rename(self.folder / "clock")

    def copy_disk(self) -> None:
        """Take a copy of its database, which may come back one day."""
        target = self.folder / "copy.db"
        target.unlink(missing_ok=True)
        _copy(self.database, target)
        self.copy = target

    def go_back(self) -> None:
        """Replace the disk by the older copy; what was only on it is remembered as gone."""
        if self.copy is None:
            return
        note_gone(self.database, self.copy, self.gone)
        for name in ("menkou.db", "menkou.db-wal", "menkou.db-shm"):
            (self.data / name).unlink(missing_ok=True)
        shutil.copyfile(self.copy, self.database)
        self.disks += 1
        self.fault_s += 120  # nobody changes a disk within the minute

    def waits(self) -> int:
        """Return how many of its events the hub has not acknowledged."""
        with closing(connect(self.data)) as db:
            return Outbox(db).backlog().events


def _copy(source: Path, target: Path) -> None:
    with (
        closing(sqlite3.connect(source, timeout=30)) as one,
        closing(sqlite3.connect(target)) as other,
    ):
        one.backup(other)


class Tortured:
    """Boxes, their broker, a lossy way, the hub's broker, and a hub.

    Args:
        folder: where everything lives.
        boxes: how many.
        rate: happenings a second, all boxes together; each makes about 1.5 events.
        seed: of what befalls them.
    """

    def __init__(self, folder: Path, *, boxes: int, rate: float, seed: int) -> None:
        self._folder = folder
        self._chance = random.Random(seed)
        self.kills: Counter[str] = Counter()
        self.rounds = 0
        self._deck: list[Callable[[], str]] = []
        self._backup: Path | None = None
        self._mounted: list[Path] = []
        self.halt = folder / "halt"
        for side in ("boxes", "hub"):
            (folder / side).mkdir()
        self._brokers = {side: Mosquitto(folder / side) for side in ("boxes", "hub")}
        for broker in self._brokers.values():
            broker.start()
        ports = [str(self._brokers[side].port) for side in ("boxes", "hub")]
        self._relay = Running(
            [sys.executable, "-m", "tests.torture.relay", *ports], folder / "relay.log"
        ).start()
        self.hub_db = folder / "hub" / "hub.db"
        self.pages_port = free_port()
        (folder / "hub.toml").write_text(
            f'[hub]\ndata_dir = "{folder}/hub"\nlisten = "127.0.0.1:{self.pages_port}"\n'
            f'[broker]\nurl = "{self._brokers["hub"].url}"\n'
        )
        migrated = self.hub("migrate").start()
        assert migrated.wait() == 0, migrated.log()
        self._ingest = self.hub("ingest").start()
        self.boxes = [self._box(number, rate / boxes) for number in range(boxes)]
        for box in self.boxes:
            box.start()
        until(
            lambda: all(0 < _count(box.database) > box.waits() for box in self.boxes),
            within_s=180,  # the first batch may be lost several times
            what="something of every box being at the hub",
        )

    def _box(self, number: int, rate: float) -> Box:
        name = f"tt-{number:03}"
        folder = self._folder / name
        folder.mkdir()
        small = self._small_disk() if number == 0 else None
        data = small or folder / "data"
        data.mkdir(mode=0o700, exist_ok=True)
        box = Box(name=name, folder=folder, rate=rate, halt=self.halt, data=data)
        (box.folder / "edge.toml").write_text(
            f'[store]\nid = "{name}"\nname = "{name}"\ntimezone = "Asia/Shanghai"\n'
            f'[box]\nid = "{name}-a"\ndata_dir = "{data}"\nclock = "host"\n'
            f'[uplink]\nbroker = "{self._brokers["boxes"].url}"\n',
            encoding="utf-8",
        )
        return box

    def _small_disk(self) -> Path | None:
        """Return a disk that can be filled; None where nobody may mount one."""
        # Not within the test's folder: a killed test would leave what nobody can delete.
        where = Path(tempfile.mkdtemp(prefix="menkou-torture-"))
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=0700", "menkou-torture", where],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            where.rmdir()
            _log.warning("no small disk, so none is filled: %s", made.stderr.strip())
            return None
        self._mounted.append(where)
        return where

    def hub(self, command: str) -> Running:
        """Return one of the hub's commands."""
        config = str(self._folder / "hub.toml")
        log = self._folder / f"hub-{command}.log"
        return our_command("cloud.cli", command, "--config", config, log=log)

    @property
    def all_befell(self) -> bool:
        """Whether everything has happened at least once."""
        return self.rounds > 0 and not self._deck

    def befall(self) -> str:
        """Let something happen; return what it was."""
        if not self._deck:
            self._deck = [card for card, times in self._cards().items() for _ in range(times)]
            self._chance.shuffle(self._deck)
            self.rounds += 1
        one = self._deck.pop()
        what = one()
        for box in self.boxes:
            box.keep_alive()
        return what

    def _cards(self) -> dict[Callable[[], str], int]:
        """Return what may befall the chain, and how often before all has."""
        return {
            self._kill_box: 6,
            self._kill_ingest: 4,
            self._kill_broker: 3,
            self._kill_relay: 2,
            self._kill_all: 1,
            self._copy_disk: 2,
            self._replace_disk: 2,
            self._back_up_hub: 1,
            self._restore_hub: 1,
            self._fill_disk: 1,
            self._step_clock: 3,
        }

    def _some_box(self) -> Box:
        return self._chance.choice(self.boxes)

    def _kill_box(self) -> str:
        box = self._some_box()
        box.kill()
        self.kills["box"] += 1
        box.start()
        return f"{box.name} killed"

    def _kill_ingest(self) -> str:
        self._ingest.kill()
        self.kills["hub"] += 1
        self._pause(0.5)
        self._ingest.start()
        return "hub killed"

    def _kill_broker(self) -> str:
        side = self._chance.choice(("boxes", "hub"))
        self._brokers[side].kill()
        self.kills["broker"] += 1
        self._pause(0.5)
        self._brokers[side].start()
        return f"broker of the {side} killed"

    def _kill_relay(self) -> str:
        self._relay.kill()
        self.kills["relay"] += 1
        self._relay.start()
        return "relay killed"

    def _kill_all(self) -> str:
        for box in self.boxes:
            box.kill()
        for part in (self._ingest, self._relay, *self._brokers.values()):
            part.kill()
        self.kills["all"] += len(self.boxes) + 4
        for broker in self._brokers.values():
            broker.start()
        for one in (self._ingest, self._relay):
            one.start()
        return "everything killed"

    def _copy_disk(self) -> str:
        box = self._some_box()
        box.copy_disk()
        return f"{box.name}: disk copied"

    def _replace_disk(self) -> str:
        copied = [box for box in self.boxes if box.copy is not None]
        if not copied:
            self._deck.insert(0, self._replace_disk)
            return self._copy_disk()
        box = self._chance.choice(copied)
        self._deliver_what_will_be_gone(box)
        box.kill()
        self.kills["box"] += 1
        box.go_back()
        box.start()
        return f"{box.name}: disk replaced by an older copy"

    def _deliver_what_will_be_gone(self, box: Box) -> None:
        """Wait a moment for the hub to know numbers that the box will have forgotten."""
        assert box.copy is not None
        copied = _count(box.copy)
        until_s = time.monotonic() + 10
        while _count(box.database) - box.waits() <= copied and time.monotonic() < until_s:
            time.sleep(0.1)

    def _back_up_hub(self) -> str:
        target = self._folder / "hub-backup.db"
        fresh = self._folder / "hub-backup.new"
        fresh.unlink(missing_ok=True)
        _copy(self.hub_db, fresh)
        self._backup = fresh.rename(target)
        return "hub backed up"

    def _restore_hub(self) -> str:
        if self._backup is None:
            self._deck.insert(0, self._restore_hub)
            return self._back_up_hub()
        self._ingest.kill()
        self.kills["hub"] += 1
        for name in ("hub.db", "hub.db-wal", "hub.db-shm"):
            (self.hub_db.parent / name).unlink(missing_ok=True)
        shutil.copyfile(self._backup, self.hub_db)
        self._ingest.start()
        return "hub restored from its backup"

    def _fill_disk(self) -> str:
        if not self._mounted:
            return "no disk of its own to fill"
        filler = self._mounted[0] / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * (1 << 16))
        self._pause(3.0)
        filler.unlink()
        return "the disk of the first box was full for a while"

    def _step_clock(self) -> str:
        box = self._some_box()
        by_s = self._chance.choice((-86_400, -3_700, -90, -2, 2, 90, 3_700, 86_400))
        if abs(box.fault_s + by_s) > 3 * 86_400:
            by_s = -by_s
        box.step_clock(by_s, believed=self._chance.random() < 0.7)
        return f"{box.name}: clock stepped by {by_s} s, {'' if box.believed else 'not '}believed"

    def rest(self) -> None:
        """Let things run for a moment."""
        self._pause(1.0)

    def _pause(self, longest_s: float) -> None:
        time.sleep(self._chance.uniform(0, longest_s))

    def committed(self) -> int:
        """Return how many events stand in the boxes' databases."""
        return sum(_count(box.database) for box in self.boxes)

    def settle(self, within_s: float) -> None:
        """Let nothing new happen, and wait until the hub has acknowledged all there is.

        It may take as long as there is much, but not stand still for `within_s`.
        """
        self.halt.touch()
        for box in self.boxes:
            box.keep_alive()
            box.step_clock(0, believed=True)
        self._pause_for_clocks()
        until_s, least = time.monotonic() + within_s, sys.maxsize
        while waits := sum(box.waits() for box in self.boxes):
            if waits < least:
                until_s, least = time.monotonic() + within_s, waits
                _log.warning("settling: %d events wait", waits)
            assert time.monotonic() < until_s, f"{waits} events wait in boxes, and no fewer"
            time.sleep(5.0)
        until(lambda: _one(self.hub_db, "SELECT count(*) FROM dirty") == 0, within_s, "the rollup")

    def _pause_for_clocks(self) -> None:
        """Let boxes date anew what they dated in doubt."""
        until(
            lambda: all(_one(box.database, _IN_DOUBT) == 0 for box in self.boxes),
            within_s=120,
            what="everything being dated anew",
        )

    def held(self) -> Counter[tuple[str, str, int]]:
        """Return how often the hub holds each event: shop, epoch and number."""
        with closing(sqlite3.connect(self.hub_db, timeout=30)) as connection:
            return Counter(
                connection.execute(
                    "SELECT store, epoch.epoch, seq FROM event JOIN epoch ON epoch.pk = epoch_pk"
                )
            )

    def figures(self) -> dict[Hour, Counter[str]]:
        """Return what the hub's pages count, by shop and UTC hour."""
        names = ", ".join(f'"{name}"' for name in _FIGURES)
        with closing(sqlite3.connect(self.hub_db, timeout=30)) as connection:
            rows = connection.execute(f"SELECT store, hour, {names} FROM hourly").fetchall()
        return {
            (store, datetime.fromtimestamp(hour, UTC).strftime("%Y-%m-%dT%H")): Counter(
                dict(zip(_FIGURES, values, strict=True))
            )
            for store, hour, *values in rows
        }

    def pages(self) -> dict[str, dict[str, Any]]:
        """Return what head office's page shows of each shop today, as its JSON has it."""
        serve = self.hub("serve").start()
        try:
            until(lambda: answers(self.pages_port), what="the hub's pages")
            address = f"http://127.0.0.1:{self.pages_port}/api/v1/shops"
            shops = requests.get(address, timeout=30).json()["shops"]
        finally:
            serve.stop()
        return {shop["store_id"]: shop for shop in shops}

    def expected(self) -> dict[Hour, Counter[str]]:
        """Return what the pages must count: of all that a box still has, or had and delivered."""
        held = self.held()
        return hours_of({box.name: _delivered(box, held) for box in self.boxes})

    def close(self) -> None:
        """End everything."""
        for box in self.boxes:
            box.kill()
        for part in (self._ingest, self._relay, *self._brokers.values()):
            part.kill()
        for where in self._mounted:
            subprocess.run(["umount", where], check=True)
            where.rmdir()


def _delivered(box: Box, held: Counter[tuple[str, str, int]]) -> Iterator[dict[str, Any]]:
    for (epoch, seq), event in events_of(box.database, box.gone):
        if (box.name, epoch, seq) in held:
            yield event


def _one(database: Path, query: str) -> int:
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        value: int = connection.execute(query).fetchone()[0]
        return value


def _count(database: Path) -> int:
    try:
        return _one(database, "SELECT coalesce(sum(last_seq), 0) FROM epoch")
    except sqlite3.OperationalError:  # its first start is still making it
        return 0
