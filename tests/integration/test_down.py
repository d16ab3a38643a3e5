"""From head office's command by way of a real broker to a running box, and its word back."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
import requests
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import insert

from cloud.anomalies import keep, word
from cloud.anomalies.tables import anomaly
from cloud.db import open_engine, writing
from cloud.orders import Issuer
from tests.integration.conftest import Chain
from tests.support.processes import free_port, until

DESIRED = """
[store]
name = "外滩店"
[hours]
mon = ["09:00", "21:00"]
[privacy]
mode_at_most = "count"
"""


class Linked(Chain):
    """A chain of one box that serves its page, and head office's commands."""

    def __init__(self, folder: Path, film: Path) -> None:
        super().__init__(folder, film)
        self.port = free_port()
        config = folder / "edge.toml"
        settings = config.read_text(encoding="utf-8").replace("127.0.0.1:0", self.address)
        config.write_text(settings.replace('data_dir = "box"', 'data_dir = "box"\nclock = "host"'))
        self.running = self.box("run")

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def office(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of the hub's commands to its end."""
        argv = [sys.executable, "-m", "cloud.cli", *arguments]
        done = subprocess.run(
            [*argv, "--config", str(self.folder / "hub.toml")],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done

    def edge(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of the box's commands to its end."""
        argv = [sys.executable, "-m", "edge", *arguments]
        return subprocess.run(
            [*argv, "--config", str(self.folder / "edge.toml")],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def wish(self, text: str) -> str:
        """Lay settings over the shop's; return their version."""
        path = self.folder / "desired.toml"
        path.write_text(text, encoding="utf-8")
        return self.office("config", "set", "nj-001", "--file", str(path)).stdout.strip()

    def standing(self) -> list[str]:
        """Return the box's line of `config list`."""
        lines = self.office("config", "list").stdout.splitlines()
        return lines[0].split("\t") if lines else []

    def state(self) -> dict[str, Any]:
        """Return the page as JSON, empty while it does not answer."""
        try:
            answer = requests.get(f"http://{self.address}/api/state", timeout=5)
        except requests.RequestException:
            return {}
        found: dict[str, Any] = answer.json()
        return found

    def page(self, language: str) -> str:
        """Return the page, empty while it does not answer."""
        try:
            return requests.get(f"http://{self.address}/?lang={language}", timeout=5).text
        except requests.RequestException:
            return ""

    def rows(self, database: str, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with closing(sqlite3.connect(self.folder / database, timeout=10)) as connection:
            return list(connection.execute(query))

    def waits(self) -> int:
        """Return how many orders wait for the box."""
        return len(self.rows("hub/hub.db", "SELECT 1 FROM box_order WHERE acked_at IS NULL"))

    def members(self) -> list[str]:
        """Return the names of the members that the box lists."""
        lines = self.edge("member", "list", "--json").stdout.splitlines()
        return [json.loads(line)["name"] for line in lines]


@pytest.fixture
def linked(tmp_path: Path, recordings: Path) -> Iterator[Linked]:
    made = Linked(tmp_path, recordings / "video/one-by-one.mp4")
    made.broker.start()
    made.hub.start()
    yield made
    made.running.stop()
    made.hub.stop()
    made.broker.stop()


def test_settings_of_head_office_are_in_force_within_seconds_and_told_back(linked: Linked) -> None:
    linked.running.start()
    until(lambda: linked.state().get("uplink") == "connected", what="the uplink")
    assert "南京东路店" in linked.page("zh")
    version = linked.wish(DESIRED)
    until(lambda: linked.standing()[1:4] == [version, version, "applied"], what="the report")
    until(lambda: "外滩店" in linked.page("zh"), what="the shop's new name")
    assert "总部已设定： 店名、 营业时间、 最高模式" in " ".join(linked.page("zh").split())
    assert "Head office has set: the shop" in " ".join(linked.page("en").split())
    assert linked.waits() == 0
    audit = linked.edge("audit", "list", "--json").stdout
    assert '"actor": "head_office"' in audit
    checked = linked.edge("check-config")
    assert "head office has laid over: name, hours, mode_at_most" in checked.stderr

    linked.wish("")
    until(lambda: "南京东路店" in linked.page("zh"), what="the box's own settings again")
    assert "总部已设定" not in linked.page("zh")


def test_a_box_that_was_off_gets_the_last_word_and_erases_who_was_erased(linked: Linked) -> None:
    linked.running.start()
    until(lambda: linked.state().get("uplink") == "connected", what="the uplink")
    enrolled = linked.edge("member", "enroll", "--name", "王芳")
    assert enrolled.returncode == 0, enrolled.stderr
    named = "SELECT subject FROM member_change WHERE change = 'joined' AND subject IS NOT NULL"
    until(lambda: bool(linked.rows("hub/hub.db", named)), what="the hub hears of her")
    ((subject,),) = linked.rows("hub/hub.db", named)
    assert linked.running.stop() == 0
    linked.wish('[store]\nname = "一"\n')
    version = linked.wish('[store]\nname = "二"\n')
    copy = linked.folder / "yesterday"
    shutil.copytree(linked.folder / "box", copy, ignore=shutil.ignore_patterns("run"))
    linked.office("member", "erase", subject, "--yes")
    assert linked.rows("hub/hub.db", named) == []
    linked.hub.stop()
    linked.hub.start()

    linked.running.start()
    until(lambda: linked.members() == [], what="her erasure")
    until(lambda: linked.standing()[1:4] == [version, version, "applied"], what="the report")
    until(lambda: linked.waits() == 0, what="all is carried out")
    told = "SELECT 1 FROM member_change WHERE change = 'erased'"
    until(lambda: bool(linked.rows("hub/hub.db", told)), what="the box's own word")
    applied = linked.rows("box/menkou.db", "SELECT 1 FROM outbox WHERE kind = 'config_reported'")
    assert len(applied) == 1, "the first of two wishes is never laid over"

    assert linked.running.stop() == 0
    shutil.rmtree(linked.folder / "box")
    copy.rename(linked.folder / "box")
    assert linked.members() == ["王芳"]
    linked.running.start()
    until(lambda: linked.members() == [], what="her erasure from the restored copy")
    until(lambda: linked.waits() == 0, what="all is carried out again")


def test_members_and_appointments_reach_the_box_sealed_and_an_erasure_takes_them_back(
    linked: Linked,
) -> None:
    folder = linked.folder
    (folder / "members.csv").write_text(
        "external_id,name\nMK7Q-1,王芳\nMK7Q-2,李明\n", encoding="utf-8"
    )
    today = datetime.now(UTC).isoformat()
    (folder / "today.csv").write_text(
        f"id,external_id,at,what,channel,state\nA-7,MK7Q-1,{today},取戒指,app,booked\n",
        encoding="utf-8",
    )
    heard: list[bytes] = []
    spy = paho.Client(CallbackAPIVersion.VERSION2)
    spy.on_message = lambda _c, _d, message: heard.append(bytes(message.payload))
    spy.connect("127.0.0.1", linked.broker.port)
    spy.subscribe("menkou/v1/#", qos=1)
    spy.loop_start()
    for kind, file in (("member", "members.csv"), ("appointment", "today.csv")):
        done = linked.office(kind, "import", str(folder / file), "--store", "nj-001")
        assert " added, " in done.stdout
    linked.running.start()
    until(lambda: sorted(linked.members()) == ["李明", "王芳"], 60, "the members on the new box")
    booked = "SELECT 1 FROM appointment WHERE ref IS NOT NULL"
    until(lambda: len(linked.rows("box/menkou.db", booked)) == 1, what="the appointment")
    until(lambda: linked.waits() == 0, what="all is carried out")
    linked.office("member", "erase", "--external-id", "mk7q-1", "--yes")
    until(lambda: linked.members() == ["李明"], what="her erasure")
    assert linked.rows("box/menkou.db", booked) == []
    spy.disconnect()
    spy.loop_stop()
    assert any(b'"sealed"' in payload for payload in heard)
    secrets = [word.encode() for word in ("王芳", "李明", "取戒指", "MK7Q-1")]
    assert not [word for word in secrets for payload in heard if word in payload]
    for kept in (*folder.glob("hub/hub.db*"), *folder.glob("*.log")):
        assert not [word for word in secrets if word in kept.read_bytes()], kept


def test_a_notice_of_head_office_stands_on_the_managers_page_until_it_is_over(
    linked: Linked,
) -> None:
    linked.running.start()
    until(lambda: linked.state().get("uplink") == "connected", what="the uplink")
    seen = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    name = "01KAJ3V7Z0AAAAAAAAAAAAAAAA"
    engine = open_engine(f"sqlite:///{linked.folder / 'hub' / 'hub.db'}")
    fresh = {"id": name, "store": "nj-001", "kind": "drop", "reason": "fewer", "since": seen}
    counts = {"expected": 412.3, "low": 360, "high": 470, "got": 230}
    with writing(engine) as connection:
        connection.execute(insert(anomaly), [{**fresh, **counts, "opened_at": seen}])
        assert word.tell(connection, Issuer(), name, "command", seen)

    def page(language: str) -> str:
        return requests.get(f"http://{linked.address}/manager?lang={language}", timeout=5).text

    until(lambda: "预计 412 人，来了 230 人" in page("zh"), what="the notice")
    assert "412 expected, 230 came" in page("en")
    until(lambda: linked.waits() == 0, what="the acknowledgement")
    with writing(engine) as connection:
        keep.close(connection, Issuer(), keep.going_on(connection).values(), "recovered", seen)
    until(lambda: f"notice-{name}" not in page("zh"), what="its end")
    engine.dispose()
