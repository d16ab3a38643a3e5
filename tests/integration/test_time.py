"""A box whose clock is wrong, steps and becomes right, as real processes: nobody gets lost."""

import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psutil
import pytest
import requests

from tests.integration.conftest import Chain
from tests.integration.test_faces_live import FAKETIME
from tests.integration.test_faces_live import Box as FacesBox
from tests.support.processes import Running, answers, child_of, free_port, until

ROOT: Final = Path(__file__).parents[2]
UNSYNCED: Final = ROOT / "tests/support/unsynced"


class Time:
    """The machine's clock, as libfaketime and a file show it to the processes of a test."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        if not FAKETIME.exists():
            pytest.fail(f"expected {FAKETIME} (Debian's package libfaketime), found none")
        self._offset, self._synchronised = folder / "offset", folder / "synchronised"
        self._offset.write_text("+0s\n")
        paths = [str(UNSYNCED), str(ROOT), os.environ.get("PYTHONPATH", "")]
        for name, value in {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": os.pathsep.join(paths),
            "MENKOU_TEST_SYNCHRONISED": str(self._synchronised),
        }.items():
            monkeypatch.setenv(name, value)
        self.began = datetime.now(UTC)

    def wrong_by(self, by: timedelta) -> None:
        """The clock is set, wrongly or rightly."""
        fresh = self._offset.with_suffix(".new")
        fresh.write_text(f"{by.total_seconds():+.0f}s\n")
        fresh.rename(self._offset)

    def synchronise(self) -> None:
        """A time server is reached: the clock is right."""
        self.wrong_by(timedelta())
        self._synchronised.touch()


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chain: Chain) -> Time:
    """The clock of what is started from now on; broker and hub keep the machine's."""
    chain.broker.start()
    chain.hub.start()
    return Time(tmp_path, monkeypatch)


class Box:
    """The chain's box, running."""

    def __init__(self, chain: Chain, clock: str) -> None:
        self.folder = chain.folder
        self.port = free_port()
        config = chain.folder / "edge.toml"
        text = config.read_text(encoding="utf-8")
        text = text.replace('data_dir = "box"\n', f'data_dir = "box"\nclock = "{clock}"\n')
        config.write_text(text.replace("127.0.0.1:0", f"127.0.0.1:{self.port}"), encoding="utf-8")
        self.process: Running = chain.box("run")

    def all(self, query: str) -> list[Any]:
        path = self.folder / "box/menkou.db"
        if not path.exists():
            return []
        with closing(sqlite3.connect(path, timeout=10)) as connection:
            try:
                return connection.execute(query).fetchall()
            except sqlite3.OperationalError as exc:
                if "no such table" in str(exc):
                    return []
                raise

    def count(self, query: str) -> int:
        rows = self.all(query)
        return int(rows[0][0]) if rows else 0

    def crossings(self) -> int:
        return self.count("SELECT count(*) FROM crossing")

    def more_crossings(self, number: int) -> None:
        before = self.crossings()
        until(lambda: self.crossings() >= before + number, within_s=90, what="more crossings")

    def eyes(self) -> psutil.Process:
        return child_of(self.process.pid, "eyes")

    def state(self) -> dict[str, Any]:
        try:
            answer = requests.get(f"http://127.0.0.1:{self.port}/api/state", timeout=5)
        except requests.RequestException:
            return {}
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
def make_box(chain: Chain, clock: Time) -> Iterator[Callable[[str], Box]]:
    made: list[Box] = []

    def make(whose: str) -> Box:
        made.append(Box(chain, whose))
        made[-1].process.start()
        return made[-1]

    yield make
    for box in made:
        box.process.stop()


def hub_has_all(chain: Chain, box: Box) -> bool:
    return set(chain.held()) == set(chain.committed()) and box.crossings() > 0


def test_when_the_time_is_known_at_last_everybody_is_moved_to_where_they_belong(
    chain: Chain, clock: Time, make_box: Callable[[str], Box]
) -> None:
    clock.wrong_by(timedelta(hours=-50))
    box = make_box("kernel")
    box.more_crossings(2)
    assert "clock_suspect" in box.state()["notices"]
    box.eyes().kill()  # another start of the process, in the same start of the machine
    box.more_crossings(2)
    sums = "SELECT sum(entered), sum(left), (SELECT count(*) FROM visit) FROM crossing_minute"
    clock.synchronise()
    until(lambda: box.count("SELECT count(*) FROM timeline") == 2, what="the time, as it is known")
    until(
        lambda: (
            not box.count("SELECT count(*) FROM crossing WHERE timeline IS NOT NULL")
            and not box.count("SELECT count(*) FROM visit WHERE doubt = 1")
        ),
        what="every fact in its place",
    )
    box.more_crossings(1)
    until(lambda: "clock_suspect" not in box.state()["notices"], what="a page without doubt")
    box.process.stop()
    began = clock.began.strftime("%Y-%m-%dT%H:%M")
    for wrong in (
        f"SELECT count(*) FROM crossing WHERE at < '{began}'",
        f"SELECT count(*) FROM visit WHERE opened_at < '{began}' OR closed_at < '{began}'",
        f"SELECT count(*) FROM crossing_minute WHERE entered + left > 0 AND minute < '{began}'",
    ):
        assert box.count(wrong) == 0, wrong
    ((entered, left, visits),) = box.all(sums)
    assert entered + left == box.crossings()
    make_box("kernel")  # to send what is left
    until(lambda: hub_has_all(chain, box), within_s=60, what="everything at the hub")
    began_ms = int(clock.began.timestamp() * 1000) - 60_000
    hub = "hub/hub.db"
    assert chain.figures(hub, f"SELECT count(*) FROM visit WHERE opened_at < {began_ms}") == (0,)
    counted = "SELECT coalesce(sum(entered + left), 0) FROM crossing_minute WHERE minute"
    assert chain.figures(hub, f"{counted} < {began_ms}") == (0,)
    known = chain.figures(hub, f"{counted} >= {began_ms}")[0]
    assert known == box.count("SELECT sum(entered + left) FROM crossing_minute")
    assert chain.figures(hub, "SELECT count(*) FROM visit")[0] >= visits


def test_a_step_of_a_clock_that_is_believed_loses_nobody(
    clock: Time, make_box: Callable[[str], Box]
) -> None:
    box = make_box("host")
    box.more_crossings(1)
    for by in (timedelta(days=1), timedelta(days=-2), timedelta()):
        clock.wrong_by(by)
        box.more_crossings(1)
    box.process.stop()
    ((entered, left),) = box.all("SELECT sum(entered), sum(left) FROM crossing_minute")
    assert entered + left == box.crossings()
    assert box.count("SELECT count(*) FROM timeline") == 4
    days = {at[:10] for (at,) in box.all("SELECT at FROM crossing")}
    assert len(days) >= 3
    closes = box.all("SELECT closed_rev, count(*) FROM visit WHERE closed_at NOT NULL GROUP BY 1")
    assert {rev for rev, _ in closes} <= {0}  # each ended once


@pytest.fixture
def faces(
    tmp_path: Path, recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[FacesBox, Time]]:
    photo = recordings / "faces/pairs/lin-manuel-miranda.png"
    made = FacesBox(tmp_path, recordings / "video/two-faces.mp4", photo)
    settings = made.shop.config.read_text(encoding="utf-8")
    settings = settings.replace('clock = "host"', 'clock = "kernel"')
    made.shop.config.write_text(settings, encoding="utf-8")
    yield made, Time(tmp_path, monkeypatch)
    made.process.stop()
    made.db.close()


def test_a_managers_word_lets_faces_be_read_and_a_box_that_begins_anew_remembers_it(
    faces: tuple[FacesBox, Time],
) -> None:
    box, _ = faces
    # The enrolment was done on the right time: the machine has begun anew since.
    box.db.execute("UPDATE timeline SET boot = 'before'")
    box.process.start()
    until(lambda: "clock_suspect" in box.mode(), within_s=60, what="a mode that reads no face")
    until(lambda: box.one("SELECT count(*) FROM visit") > 0, within_s=60, what="a visit")
    assert not box.reads_faces()
    page = requests.Session()
    url = f"http://127.0.0.1:{box.port}/time"
    until(lambda: answers(box.port), within_s=60, what="the pages, a process of their own")
    told = dict(re.findall(r'name="(csrf|timeline)" value="(\w+)"', page.get(url).text))
    assert page.post(f"{url}/confirm", data=told).url == url
    until(lambda: box.matches() > 0, within_s=60, what="a match")
    box.process.kill()
    # The visit goes on after the start, and is noted as found once: what grows is when it was seen.
    last_seen = "SELECT coalesce(max(seen_at), '') FROM visit WHERE subject IS NOT NULL"
    before = box.one(last_seen)
    box.process.start()
    until(lambda: box.one(last_seen) > before, within_s=60, what="the member, seen after a start")
