"""Metrics of real processes: a box's front, the hub's ingest and serve, read as Prometheus does."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from edge.app.board import hardware, temperatures
from edge.bus import CameraNote, Note, PartNote
from edge.core.visit import Raised
from edge.metrics import BoxCollector, BoxFigures, CameraFigures, UplinkFigures
from edge.ports import Fact
from edge.store.outbox import Outbox
from edge.uplink.link import Hardware
from edge.wire.codec import utc_text
from tests.conftest import ROOT
from tests.support.front import FrontBox
from tests.support.processes import Mosquitto, answers, free_port, our_command, until
from tests.web.shopbox import ShopBox

SHIPPED = ROOT / "firmware_config/prometheus"
NAME, CALLED, NOTE = "王·金丝雀", "金丝雀女士", "canary-13912345678"


class House:
    """A broker, a hub and a box's front process, each with its metrics."""

    def __init__(self, folder: Path, hub_metrics: str = "") -> None:
        self.broker = Mosquitto(folder)
        self.ports = {name: free_port() for name in ("serve", "ingest", "box")}
        (folder / "hub.toml").write_text(
            f'[hub]\ndata_dir = "hub"\nlisten = "127.0.0.1:{free_port()}"\n'
            f'[broker]\nurl = "{self.broker.url}"\n'
            f'[metrics]\nlisten = "127.0.0.1:{self.ports["serve"]}"\n'
            f'ingest_listen = "127.0.0.1:{self.ports["ingest"]}"\n{hub_metrics}'
        )
        named = ("--config", str(folder / "hub.toml"))
        self.hub = {
            word: our_command("cloud.cli", word, *named, log=folder / f"{word}.log")
            for word in ("migrate", "ingest", "serve")
        }
        self.database = folder / "hub/hub.db"
        self.box = FrontBox(
            folder,
            console=f'[uplink]\nbroker = "{self.broker.url}"\n'
            f'[metrics]\nlisten = "127.0.0.1:{self.ports["box"]}"\n'
            '[[camera]]\nname = "door"\nsource = "door.mp4"\n',
        )

    def start(self) -> "House":
        """Start all of it."""
        self.broker.start()
        assert self.hub["migrate"].start().wait() == 0
        self.hub["ingest"].start()
        self.hub["serve"].start()
        self.box.start()
        for name in self.ports:
            until(lambda name=name: self.text(name) != "", what=f"the metrics of {name}")  # type: ignore[misc]
        return self

    def text(self, name: str) -> str:
        """Return what a process tells, nothing while it does not answer."""
        try:
            answer = requests.get(f"http://127.0.0.1:{self.ports[name]}/metrics", timeout=5)
        except requests.RequestException:
            return ""
        assert answer.status_code == 200, answer.text
        return answer.text

    def samples(self, name: str) -> list[Sample]:
        """Return every sample of a process."""
        families = text_string_to_metric_families(self.text(name))
        return [sample for family in families for sample in family.samples]

    def value(self, name: str, metric: str, **labels: str) -> float:
        """Return the only sample of that name with these labels."""
        (value,) = [
            one.value
            for one in self.samples(name)
            if one.name == metric and labels.items() <= one.labels.items()
        ]
        return value

    def arrive(self) -> tuple[str, str]:
        """Let a member come in; return the random subject and the member's id."""
        member = self.box.box.member(NAME, called=CALLED, note=NOTE)
        visit = self.box.box.visit(member)
        raised = Raised(
            at=visit.opened_at, kind="member_arrived", visit=visit.id, subject=member.subject
        )
        self.box.box.log.commit([Fact(change=raised, mono=1.0, clock="ok")])
        self.box.tell()
        return member.subject, member.id

    def hub_rows(self, query: str) -> list[tuple[object, ...]]:
        """Return what stands in the hub's database."""
        with closing(sqlite3.connect(self.database, timeout=10)) as connection:
            return list(connection.execute(query))

    def close(self) -> None:
        """End all of it."""
        self.box.close()
        for process in self.hub.values():
            process.stop()
        self.broker.stop()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made.start()
    made.close()


def all_named(house: House) -> list[Sample]:
    return [sample for name in house.ports for sample in house.samples(name)]


def test_a_fact_is_seen_on_its_way_from_the_box_to_the_hubs_commit(house: House) -> None:
    until(lambda: house.value("box", "menkou_box_uplink_connected") == 1, what="the uplink")
    before = house.value("box", "menkou_box_events_committed_total")
    house.arrive()
    until(
        lambda: house.value("box", "menkou_box_events_acknowledged_total") >= 2,
        what="the acknowledgement",
    )
    committed = house.value("box", "menkou_box_events_committed_total")
    assert committed - before == len(house.hub_rows("SELECT 1 FROM event"))
    assert house.value("box", "menkou_box_events_sent_total") >= committed
    assert house.value("box", "menkou_box_outbox_events") == 0
    assert house.value("box", "menkou_box_outbox_oldest_age_seconds") == 0
    assert house.value("ingest", "menkou_ingest_events_total") >= committed
    assert house.value("ingest", "menkou_ingest_messages_total") >= 2  # hello and batch
    assert house.value("ingest", "menkou_ingest_commit_seconds_count") >= 1
    assert house.value("ingest", "menkou_ingest_connected") == 1
    until(lambda: house.value("serve", "menkou_hub_dirty_hours") == 0, what="the rollup")
    of_box = {"store": "nj-001", "box": "nj-001-a"}
    assert house.value("serve", "menkou_hub_box_online", **of_box) == 1
    assert house.value("serve", "menkou_hub_box_last_seen_age_seconds", **of_box) < 60
    assert house.value("serve", "menkou_hub_boxes", state="online") == 1


def supervise(house: House) -> None:
    """Say what the supervisor would say."""
    parts = (PartNote(name="eyes", state="restarting", restarts=3),)
    house.box.eyes.send("front", Note(sender="supervisor", parts=parts))
    restarts = "menkou_box_part_restarts_total{"
    until(lambda: restarts in house.text("box"), what="the supervisor's word")


def test_what_waits_and_what_is_broken_shows(house: House) -> None:
    house.hub["ingest"].stop()
    house.arrive()
    until(lambda: house.value("box", "menkou_box_outbox_events") > 0, what="the backlog")
    (oldest,) = house.box.box.db.execute("SELECT min(at) FROM outbox").fetchone()
    told = house.value("box", "menkou_box_outbox_oldest_timestamp_seconds")
    assert told == pytest.approx(datetime.fromisoformat(oldest).timestamp(), abs=0.001)
    camera = CameraNote(name="door", state="lost", since=utc_text(datetime.now(UTC)),
                        frames_per_s=0.0, dropped=0)  # fmt: skip
    of_camera = {"camera": "door", "state": "lost"}
    assert house.value("box", "menkou_box_camera_state", camera="door", state="unknown") == 1
    house.box.eyes.send(
        "front",
        Note(sender="eyes", mode="count", why=("models_missing",), refused=7, cameras=(camera,)),
    )
    until(lambda: house.value("box", "menkou_box_facts_refused_total") == 7, what="the eyes' word")
    assert house.value("box", "menkou_box_camera_state", **of_camera) == 1
    supervise(house)
    assert house.value("box", "menkou_box_part_restarts_total", part="eyes") == 3
    assert house.value("box", "menkou_box_part_state", part="eyes", state="restarting") == 1
    assert house.value("box", "menkou_box_chain_ok", chain="audit") == 1


def test_without_a_database_the_hub_says_so_and_answers(house: House) -> None:
    assert house.value("serve", "menkou_hub_database_up") == 1
    with closing(sqlite3.connect(house.database, timeout=10)) as connection:
        connection.execute("ALTER TABLE meter RENAME TO away")
        connection.commit()
        assert house.value("serve", "menkou_hub_database_up") == 0
        connection.execute("ALTER TABLE away RENAME TO meter")
        connection.commit()
    until(lambda: house.value("serve", "menkou_hub_database_up") == 1, what="the database again")


def test_no_label_and_no_value_names_a_person(house: House) -> None:
    subject, member = house.arrive()
    until(
        lambda: house.value("box", "menkou_box_events_acknowledged_total") >= 2,
        what="the hub's word",
    )
    assert (subject,) in house.hub_rows("SELECT subject FROM event")  # the search is not blind
    visit = str(house.hub_rows("SELECT visit FROM visit")[0][0])
    for name in house.ports:
        text = house.text(name)
        for secret in (subject, member, visit, NAME, CALLED, NOTE, "南京东路店", "127.0.0.1"):
            assert secret not in text, f"{secret} in the metrics of {name}"
        for sample in house.samples(name):
            assert set(sample.labels) <= {
                "box", "camera", "chain", "le", "mode", "part", "sensor", "state", "store",
                "version",
            }, sample  # fmt: skip
            assert "visitor" not in sample.name
            assert "occupancy" not in sample.name


def test_series_of_single_boxes_can_be_left_out(tmp_path: Path) -> None:
    house = House(tmp_path, "per_box = false\n")
    try:
        house.start()
        until(lambda: house.value("serve", "menkou_hub_boxes", state="online") == 1, what="the box")
        assert not [one for one in house.samples("serve") if one.name.startswith("menkou_hub_box_")]
    finally:
        house.close()


def test_a_hub_in_one_process_tells_all_at_one_address(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "hub.toml").write_text(
        f'[hub]\ndata_dir = "hub"\nlisten = "127.0.0.1:{free_port()}"\n'
        f'[broker]\nurl = "mqtt://127.0.0.1:{free_port()}"\nembedded = true\n'
        f'[metrics]\nlisten = "127.0.0.1:{port}"\n'
    )
    named = ("--config", str(tmp_path / "hub.toml"))
    hub = our_command("cloud.cli", "serve", *named, log=tmp_path / "hub.log").start()
    try:
        until(lambda: answers(port), what="the metrics")
        text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
    finally:
        assert hub.stop() == 0
    assert "menkou_hub_database_up 1.0" in text
    assert "menkou_ingest_waiting_messages 0.0" in text


def full() -> CollectorRegistry:
    """Return a box with everything that there may be: cameras, heat, a backlog."""
    now = datetime(2026, 11, 21, tzinfo=UTC)
    figures = BoxFigures(
        store="s",
        box="b",
        version="1",
        now=now,
        committed=1,
        waiting=1,
        oldest_at=now,
        uplink=UplinkFigures(connected=True, sent=1, acknowledged=1),
        refused=0,
        clock_ok=True,
        mode="count",
        mode_wanted="count",
        cameras=[CameraFigures(name="door", state="ok", frames_per_s=5.0)],
        parts={"eyes": ("running", 0)},
        store_bytes=1,
        store_limit=2,
        disk_free_bytes=1,
        disk_bytes=1,
        temperatures={"cpu-thermal": 50.0},
        chains={"audit": True},
        certificate_until=now,
    )
    registry = CollectorRegistry()
    registry.register(BoxCollector(lambda: figures))
    return registry


def test_every_metric_that_rules_and_dashboard_name_is_told_with_those_labels(
    house: House,
) -> None:
    heartbeat = "menkou_hub_box_oldest_unacked_age_seconds{"
    house.arrive()  # something waits: the box says so at once
    supervise(house)
    until(lambda: heartbeat in house.text("serve"), what="the box's heartbeat at the hub")
    of_box = text_string_to_metric_families(generate_latest(full()).decode())
    told: dict[str, set[str]] = {}
    for sample in [*all_named(house), *(one for family in of_box for one in family.samples)]:
        told.setdefault(sample.name, set()).update(sample.labels)
    # Heat, which a machine may not tell, and TLS aside, the real processes tell all of it.
    rare = {"menkou_box_temperature_celsius", "menkou_box_certificate_expires_timestamp_seconds"}
    rules = yaml.safe_load((SHIPPED / "menkou-alerts.yml").read_text())
    dashboard = json.loads((SHIPPED / "menkou-dashboard.json").read_text())
    asked = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    asked += [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    real = {sample.name for sample in all_named(house)}
    named = 0
    for expression in asked:
        for name, labels in re.findall(r"(menkou_[a-z_]+)(?:\{([^}]*)\})?", expression):
            named += 1
            assert name in told, expression
            assert name in real | rare, expression
            assert set(re.findall(r"(\w+)\s*(?:=~|!=|=)", labels)) <= told[name], expression
    assert named > 30
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        assert rule["annotations"]["summary"], rule["alert"]
        labels = {one for name in re.findall(r"menkou_[a-z_]+", rule["expr"]) for one in told[name]}
        named_labels = re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])
        assert set(named_labels) <= labels | {"instance", "job"}, rule["alert"]


def test_an_audit_log_that_was_changed_shows(tmp_path: Path) -> None:
    house = House(tmp_path)
    db = house.box.box.db
    house.box.box.member(NAME)
    for (trigger,) in db.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'"
    ).fetchall():
        db.execute(f"DROP TRIGGER {trigger}")
    db.execute("UPDATE audit SET actor = 'nobody' WHERE id = 1")
    try:
        house.start()
        until(lambda: "menkou_box_chain_ok{" in house.text("box"), what="the chains")
        assert house.value("box", "menkou_box_chain_ok", chain="audit") == 0
        assert house.value("box", "menkou_box_chain_ok", chain="consent") == 1
        assert "the chain of audit is broken at row 1" in house.box.log()
    finally:
        house.close()


def test_degrees_are_told_by_sensor_and_one_that_is_asleep_is_left_out(tmp_path: Path) -> None:
    for number, (kind, degrees) in enumerate(
        [("cpu-thermal", "48312"), ("cpu-thermal", "51000"), ("iwlwifi", ""), ("gpu", "-5000")]
    ):
        zone = tmp_path / f"thermal_zone{number}"
        zone.mkdir()
        (zone / "type").write_text(f"{kind}\n")
        (zone / "temp").write_text(f"{degrees}\n")
    assert temperatures(tmp_path) == {"cpu-thermal": 48.312, "cpu-thermal-1": 51.0, "gpu": -5.0}
    told = hardware(tmp_path, tmp_path)
    assert told.temperature_c == 51
    assert told.disk_mb is not None
    assert told.disk_free_mb is not None
    assert 0 <= told.disk_free_mb <= told.disk_mb


def test_of_a_board_without_sensors_and_of_a_disk_that_is_gone_nothing_is_told(
    tmp_path: Path,
) -> None:
    assert hardware(tmp_path / "gone", tmp_path) == Hardware()


def test_the_count_of_committed_events_never_falls(tmp_path: Path) -> None:
    box = ShopBox(tmp_path)
    box.visit()
    outbox = Outbox(box.db)
    before = outbox.committed()
    box.db.execute("DELETE FROM outbox")
    assert outbox.committed() == before > 0
