"""A box that reads faces, and stops at once when it may not: real processes, real memory."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from edge.app.keys import keyring
from edge.config import load
from edge.keys.templates import TemplateOpener
from edge.store.database import connect
from edge.store.people import template_rows
from edge.store.switches import FACES, ask, switch
from tests.integration.conftest import Chain
from tests.support.memory import found_in
from tests.support.processes import Running, child_of, free_port, our_command, until
from tests.support.shop import ZONE, Shop

FAKETIME = Path("/usr/lib") / f"{os.uname().machine}-linux-gnu/faketime/libfaketime.so.1"
WITHIN_S = 5.0
"""How long faces may stay in memory once they may not be read (DESIGN section 2)."""


class Box:
    """A running box with one enrolled member, whom its camera sees over and over."""

    def __init__(self, folder: Path, film: Path, photo: Path, more: str = "") -> None:
        self.port = free_port()
        camera = f'[[camera]]\nname = "door"\nsource = "{film}"\nloop = true\n{ZONE}'
        console = f'[console]\nlisten = "127.0.0.1:{self.port}"\n'
        self.shop = Shop(folder, camera + console + more)
        self.member = self.shop.enrol("Lin-Manuel Miranda", photo)
        self.db = connect(self.shop.data)
        self.vector = self._template()
        log = folder / "run.log"
        self.process: Running = our_command(
            "edge", "run", "--config", str(self.shop.config), log=log
        )

    def _template(self) -> bytes:
        """Return the member's template as the eyes hold it in memory."""
        config = load(self.shop.config)
        (row,) = template_rows(self.db, datetime(2026, 11, 21, tzinfo=UTC))
        opener = TemplateOpener(keyring(config, self.db).root("template"))
        return opener.open(row.sealed_key, row.sealed, subject=row.subject).tobytes()

    def one(self, query: str) -> Any:
        return self.db.execute(query).fetchone()[0]

    def matches(self) -> int:
        return int(self.one("SELECT count(*) FROM audit WHERE what = 'match'"))

    def eyes(self) -> psutil.Process:
        return child_of(self.process.pid, "eyes")

    def holds_the_face(self) -> bool:
        return found_in(self.eyes().pid, self.vector)

    def reads_faces(self) -> bool:
        return any("onnxruntime" in m.path for m in self.eyes().memory_maps())

    def mode(self) -> str:
        """Return the mode that the eyes noted last."""
        query = "SELECT detail FROM audit WHERE what = 'mode' ORDER BY id DESC LIMIT 1"
        row = self.db.execute(query).fetchone()
        return str(row[0]) if row else ""


@pytest.fixture
def box(tmp_path: Path, recordings: Path) -> Iterator[Box]:
    photo = recordings / "faces/pairs/lin-manuel-miranda.png"
    made = Box(tmp_path, recordings / "video/two-faces.mp4", photo)
    yield made
    made.process.stop()
    made.db.close()


def within(holds: Callable[[], bool], limit_s: float, what: str) -> None:
    """Check that something comes to hold in time; the limit is the product's, not the machine's."""
    began = time.monotonic()
    until(holds, within_s=limit_s + 20, what=what)
    assert time.monotonic() - began < limit_s, f"{what} took {time.monotonic() - began:.1f} s"


def settled(count: Callable[[], int]) -> int:
    """Wait for what was under way, and is written behind: a count that stands for 3 s."""
    last = count()
    while True:
        time.sleep(3)
        if (now := count()) == last:
            return now
        last = now


def test_faces_off_empties_the_eyes_memory_and_on_brings_them_back(box: Box) -> None:
    box.process.start()
    until(lambda: box.matches() > 0, within_s=60, what="a match")
    assert box.holds_the_face()
    assert box.reads_faces()
    switch(box.db, FACES, "off", actor="local", now=datetime.now(UTC))
    within(lambda: not box.holds_the_face(), WITHIN_S, "an empty memory")
    until(lambda: "faces_off" in box.mode(), what="the mode in the audit log")
    assert not box.reads_faces()
    crossings = box.one("SELECT count(*) FROM crossing")
    until(
        lambda: box.one("SELECT count(*) FROM crossing") > crossings, what="counting that goes on"
    )
    last_seen = "SELECT max(seen_at) FROM visit WHERE subject IS NOT NULL"
    before = box.one(last_seen)
    switch(box.db, FACES, "on", actor="local", now=datetime.now(UTC))
    until(lambda: box.one(last_seen) > before, within_s=60, what="the member, seen again")
    assert box.reads_faces()


def test_head_office_that_lowers_the_mode_empties_the_eyes_memory(
    chain: Chain, recordings: Path
) -> None:
    photo = recordings / "faces/pairs/lin-manuel-miranda.png"
    uplink = f'[uplink]\nbroker = "{chain.broker.url}"\n'
    box = Box(chain.folder, recordings / "video/two-faces.mp4", photo, uplink)
    wish, none = chain.folder / "count.toml", chain.folder / "none.toml"
    wish.write_text('[privacy]\nmode_at_most = "count"\n')
    none.write_text("")
    chain.broker.start()
    chain.hub.start()
    box.process.start()
    try:
        until(lambda: box.matches() > 0, within_s=60, what="a match")
        until(lambda: "nj-001-a" in office(chain, "list"), what="the hub hears of the box")
        assert box.holds_the_face()
        office(chain, "set", "nj-001", "--file", str(wish))
        within(lambda: not box.holds_the_face(), WITHIN_S, "an empty memory")
        until(lambda: "head_office" in box.mode(), what="the mode in the audit log")
        assert not box.reads_faces()
        crossings = box.one("SELECT count(*) FROM crossing")
        until(lambda: box.one("SELECT count(*) FROM crossing") > crossings, what="counting goes on")
        last_seen = "SELECT max(seen_at) FROM visit WHERE subject IS NOT NULL"
        before = box.one(last_seen)
        office(chain, "set", "nj-001", "--file", str(none))
        until(lambda: box.one(last_seen) > before, within_s=60, what="the member, seen again")
    finally:
        box.process.stop()
        box.db.close()


def office(chain: Chain, *arguments: str) -> str:
    """Run `menkou-hub config ...`; return what it printed."""
    argv = [sys.executable, "-m", "cloud.cli", "config", *arguments]
    argv += ["--config", str(chain.folder / "hub.toml")]
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout


def test_an_expiring_declaration_empties_the_eyes_memory(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not FAKETIME.exists():
        pytest.fail(f"expected {FAKETIME} (Debian's package libfaketime), found none")
    left_s = 35  # until midnight in Shanghai on the declaration's last day
    end = datetime(2027, 11, 1, 16, tzinfo=UTC)
    ahead_s = (end - datetime.now(UTC)).total_seconds() - left_s
    monkeypatch.setenv("LD_PRELOAD", str(FAKETIME))
    monkeypatch.setenv("FAKETIME", f"+{ahead_s:.0f}s")
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    box.process.start()
    expires = time.monotonic() + left_s + 1
    until(lambda: box.matches() > 0, within_s=left_s - 1, what="a match")
    assert box.holds_the_face()
    until(lambda: not box.holds_the_face(), within_s=60, what="an empty memory")
    assert time.monotonic() < expires + WITHIN_S
    until(lambda: "declaration_expired" in box.mode(), what="the mode in the audit log")
    assert not box.reads_faces()


def test_an_erased_member_is_out_of_memory_at_once_and_never_named_again(box: Box) -> None:
    box.process.start()
    until(lambda: box.matches() > 0, within_s=60, what="a match")
    subject = box.one("SELECT subject FROM member")
    box.shop.member("erase", box.member, "--yes")
    # A second, as a rule; more where other work holds the machine.
    until(lambda: not box.holds_the_face(), what="the face out of memory")
    matches = settled(box.matches)
    visits = box.one(f"SELECT count(*) FROM visit WHERE subject = '{subject}'")
    time.sleep(12)  # longer than the film: she comes in once more
    assert box.matches() == matches
    assert box.one(f"SELECT count(*) FROM visit WHERE subject = '{subject}'") == visits
    assert box.reads_faces()


def test_a_correction_from_the_shop_reaches_the_visit_and_the_hub(box: Box) -> None:
    box.process.start()
    until(lambda: box.matches() > 0, within_s=60, what="a match")
    visit = box.one("SELECT id FROM visit WHERE subject IS NOT NULL")
    now = datetime.now(UTC)
    assert ask(box.db, kind="wrong_person", visit=visit, actor="device-1", now=now)
    assert not ask(box.db, kind="wrong_person", visit=visit, actor="device-1", now=now)
    until(
        lambda: box.one(f"SELECT subject IS NULL FROM visit WHERE id = '{visit}'") == 1,
        what="the visit without the member",
    )
    event = box.one("SELECT event FROM outbox WHERE kind = 'visit_revised' ORDER BY id DESC")
    assert '"wrong_person"' in event
    until(
        lambda: box.one("SELECT count(*) FROM request WHERE done_at IS NULL") == 0,
        what="the request noted as done",
    )
    assert box.one("SELECT actor FROM audit WHERE what = 'wrong_person'") == "device-1"


def test_a_key_that_is_gone_leaves_a_box_that_counts_and_says_so(box: Box) -> None:
    shutil.move(box.shop.data / "keys/template.key", box.shop.folder / "aside.key")
    box.process.start()
    until(lambda: "key_missing" in box.mode(), within_s=60, what="the reason in the audit log")
    until(lambda: box.one("SELECT count(*) FROM crossing") > 0, what="counting")
    assert not box.reads_faces()
    assert not (box.shop.data / "keys/template.key").exists()
