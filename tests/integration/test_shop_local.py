"""The shop's own broker: a real Mosquitto, and a second client that acts as Home Assistant."""

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
import requests
from jinja2 import Environment
from paho.mqtt.enums import CallbackAPIVersion

from edge.bus import CameraNote, Note
from edge.core.visit import Occupied, Raised
from edge.ports import Fact
from edge.wire.codec import utc_text
from tests.support.front import FrontBox
from tests.support.processes import Mosquitto, Running, answers, free_port, until
from tests.support.secured import Authority

ROOT = "menkou/shop/nj-001/nj-001-a"
CAMERA = '[[camera]]\nname = "door"\nsource = "door.mp4"\n'
NAME, CALLED = "王·金丝雀", "金丝雀女士"


class HomeAssistant:
    """Hears what Home Assistant hears: discovery first, then the topics that were named."""

    def __init__(self, port: int) -> None:
        self.retained: dict[str, bytes] = {}
        self.heard: list[tuple[str, bytes, bool]] = []
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", port)
        self.client.subscribe([("homeassistant/#", 1), ("menkou/#", 1)])
        self.client.loop_start()

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        payload = bytes(message.payload)
        self.heard.append((message.topic, payload, message.retain))
        self.retained[message.topic] = payload

    def discovery(self) -> tuple[str, dict[str, Any]]:
        """Return topic and content of the only discovery message; wait until it is there."""

        def found() -> list[str]:
            return [one for one in self.retained if re.fullmatch(r"homeassistant/.*/config", one)]

        until(lambda: bool(found()), what="the discovery")
        (topic,) = found()
        return topic, json.loads(self.retained[topic])

    def available(self) -> str:
        """Return what the availability topic says."""
        return self.retained.get(f"{ROOT}/status", b"").decode()

    def state(self) -> dict[str, Any]:
        """Return the state, empty while there is none."""
        state: dict[str, Any] = json.loads(self.retained.get(f"{ROOT}/state", b"{}"))
        return state

    def sensor(self, key: str) -> str:
        """Return what Home Assistant shows for a component, by its template."""
        _, told = self.discovery()
        template = told["components"][key]["value_template"]
        return Environment().from_string(template).render(value_json=self.state())

    def says(self, state: str) -> None:
        """Announce birth or end of Home Assistant."""
        self.client.publish("homeassistant/status", state, qos=1).wait_for_publish(5)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path)
    made.start()
    yield made
    made.kill()


@pytest.fixture
def shop(tmp_path: Path, broker: Mosquitto) -> Iterator[FrontBox]:
    made = FrontBox(tmp_path, console=f'{CAMERA}[shop_local]\nbroker = "{broker.url}"\n')
    made.start()
    yield made
    made.close()


@pytest.fixture
def home(broker: Mosquitto) -> Iterator[HomeAssistant]:
    made = HomeAssistant(broker.port)
    yield made
    made.close()


def arrive(shop: FrontBox) -> tuple[str, str]:
    """Let a member come in and be told of; return the subject and the visit."""
    member = shop.box.member(NAME, called=CALLED)
    visit = shop.box.visit(member)
    raised = Raised(
        at=visit.opened_at, kind="member_arrived", visit=visit.id, subject=member.subject
    )
    shop.box.log.commit([Fact(change=raised, mono=1.0, clock="ok")])
    shop.tell()
    return member.subject, visit.id


def people(shop: FrontBox, number: int) -> None:
    """Let so many people be in the shop."""
    occupied = Occupied(at=datetime.now(UTC), people=number)
    shop.box.log.commit([Fact(change=occupied, mono=1.0, clock="ok")])
    shop.tell()


def test_home_assistant_accepts_the_discovery(shop: FrontBox, home: HomeAssistant) -> None:
    # https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery, and the schemas of its
    # integration: what is demanded of a device's discovery, of its parts, and of each platform.
    topic, told = home.discovery()
    assert re.fullmatch(r"homeassistant/device/[a-zA-Z0-9_-]+/config", topic)
    assert set(told) == {
        "device", "origin", "components", "state_topic", "availability_topic", "qos",
    }  # fmt: skip
    assert told["origin"]["name"]
    assert told["device"]["identifiers"]
    assert set(told["device"]) <= {
        "identifiers", "name", "manufacturer", "model", "sw_version", "serial_number",
    }  # fmt: skip
    assert told["qos"] in (0, 1, 2)
    assert told["state_topic"] == f"{ROOT}/state"
    assert told["availability_topic"] == f"{ROOT}/status"
    parts = told["components"]
    assert {part["platform"] for part in parts.values()} == {"sensor", "binary_sensor", "event"}
    ids = [part["unique_id"] for part in parts.values()]
    assert len(set(ids)) == len(ids)
    for key, part in parts.items():
        assert re.fullmatch(r"[a-zA-Z0-9_-]+", key)
        assert part["name"]
        assert part.get("entity_category") in (None, "diagnostic")
        if part["platform"] == "event":
            assert part["event_types"] == ["member_arrived"]
            assert part["state_topic"] == f"{ROOT}/alert"
            continue
        assert part["value_template"]
        if part.get("device_class") == "enum":
            assert part["options"]
            assert "state_class" not in part
            assert "unit_of_measurement" not in part
        if "state_class" in part:
            assert part["state_class"] in ("measurement", "total", "total_increasing")
    classes = {key: part.get("device_class") for key, part in parts.items()}
    assert classes["camera_door"] == "connectivity"
    assert classes["clock_ok"] == "problem"


def test_the_values_are_those_of_the_page(shop: FrontBox, home: HomeAssistant) -> None:
    arrive(shop)
    shop.box.visit()
    people(shop, 5)
    until(lambda: home.state().get("occupancy") == 5, what="the occupancy")
    page = requests.get(f"http://127.0.0.1:{shop.port}/api/state", timeout=5).json()
    assert page["visitors"] == 2
    for key, shown in (
        ("occupancy", "occupancy"),
        ("visitors_today", "visitors"),
        ("entered_today", "entered"),
        ("left_today", "left"),
    ):
        assert home.sensor(key) == str(page[shown]), key
    assert home.sensor("state") == ("attention" if page["notices"] else "ok")
    clock_is_wrong = "clock_suspect" in page["notices"]
    assert home.sensor("clock_ok") == ("ON" if clock_is_wrong else "OFF")
    assert home.sensor("camera_door") == "OFF"
    since = utc_text(datetime.now(UTC))
    note = CameraNote(name="door", state="ok", since=since, frames_per_s=5.0, dropped=0)
    shop.eyes.send("front", Note(sender="eyes", cameras=(note,)))
    until(lambda: home.sensor("camera_door") == "ON", what="the camera")


def test_an_arrival_is_an_event_of_its_kind_and_of_nobody(
    shop: FrontBox, home: HomeAssistant, broker: Mosquitto
) -> None:
    until(lambda: home.available() == "online", what="the box")
    subject, visit = arrive(shop)
    alert = (f"{ROOT}/alert", b'{"event_type":"member_arrived"}', False)
    until(lambda: alert in home.heard, what="the alert")
    until(lambda: home.state().get("visitors_today") == 1, what="the state")
    everything = b"".join(topic.encode() + payload for topic, payload, _ in home.heard)
    for secret in (subject, visit, NAME, CALLED):
        assert secret.encode() not in everything
    late = HomeAssistant(broker.port)
    until(lambda: bool(late.state()), what="what is retained")
    assert f"{ROOT}/alert" not in late.retained  # nobody arrives when Home Assistant starts
    assert late.available() == "online"
    assert all(retained for topic, _, retained in late.heard if topic != "homeassistant/status")
    late.close()
    assert [one for one in home.heard if one[0] == f"{ROOT}/alert"] == [alert]


def test_a_box_that_is_killed_is_offline_by_its_will_and_a_stopped_one_by_its_word(
    shop: FrontBox, home: HomeAssistant
) -> None:
    until(lambda: home.available() == "online", what="the box")
    shop.kill()
    until(lambda: home.available() == "offline", what="the will")
    shop.start()
    until(lambda: home.available() == "online", what="the box again")
    shop.stop()
    until(lambda: home.available() == "offline", what="the goodbye")


def test_a_will_that_comes_late_is_answered(shop: FrontBox, home: HomeAssistant) -> None:
    until(lambda: home.available() == "online", what="the box")
    home.client.publish(f"{ROOT}/status", b"offline", qos=1, retain=True).wait_for_publish(5)

    def said() -> list[bytes]:
        return [payload for topic, payload, _ in home.heard if topic == f"{ROOT}/status"]

    until(lambda: said()[-2:] == [b"offline", b"online"], what="the answer")


def test_when_home_assistant_is_born_the_box_introduces_itself_again(
    shop: FrontBox, home: HomeAssistant
) -> None:
    topic, _ = home.discovery()
    until(lambda: bool(home.state()), what="the state")

    def told(of: str) -> int:
        return sum(heard == of for heard, _, _ in home.heard)

    before = {of: told(of) for of in (topic, f"{ROOT}/status", f"{ROOT}/state")}
    home.says("offline")
    home.says("online")
    until(
        lambda: all(told(of) == number + 1 for of, number in before.items()),
        what="the second introduction",
    )


def test_the_page_serves_and_the_box_comes_back_while_the_broker_is_away(
    shop: FrontBox, broker: Mosquitto, home: HomeAssistant
) -> None:
    until(lambda: home.available() == "online", what="the box")
    home.close()
    broker.kill()
    people(shop, 3)
    arrive(shop)
    page = requests.get(f"http://127.0.0.1:{shop.port}/api/state", timeout=5).json()
    assert page["occupancy"] == 3
    broker.start()
    again = HomeAssistant(broker.port)  # a broker without persistence has forgotten everything
    until(lambda: again.available() == "online", what="the box again")
    until(lambda: again.state().get("occupancy") == 3, what="the state")
    again.discovery()
    assert f"{ROOT}/alert" not in again.retained  # who came meanwhile is no news
    again.close()


def test_over_tls_with_a_password_as_a_shops_own_mosquitto_wants_it(tmp_path: Path) -> None:
    Authority(tmp_path).issue("broker", "localhost")
    subprocess.run(
        ["mosquitto_passwd", "-b", "-c", str(tmp_path / "names"), "menkou", "s3cret-canary"],
        check=True, capture_output=True,
    )  # fmt: skip
    (tmp_path / "shop.password").write_text("s3cret-canary\n")
    tls, plain = free_port(), free_port()
    (tmp_path / "tls.conf").write_text(
        f"user root\nper_listener_settings true\nlistener {tls} 127.0.0.1\n"
        f"cafile {tmp_path}/ca.pem\ncertfile {tmp_path}/broker.pem\nkeyfile {tmp_path}/broker.key\n"
        f"allow_anonymous false\npassword_file {tmp_path}/names\n"
        f"listener {plain} 127.0.0.1\nallow_anonymous true\n"
    )
    broker = Running(["/usr/sbin/mosquitto", "-c", str(tmp_path / "tls.conf")], tmp_path / "b.log")
    broker.start()
    until(lambda: answers(tls) and answers(plain), what="the broker")
    shop = FrontBox(
        tmp_path,
        console=f'[shop_local]\nbroker = "mqtts://localhost:{tls}"\nca = "ca.pem"\n'
        'username = "menkou"\npassword = "file:shop.password"\nlanguage = "zh"\n',
    )
    home = HomeAssistant(plain)
    try:
        shop.start()
        _, told = home.discovery()
        assert told["components"]["occupancy"]["name"] == "店内人数"
        until(lambda: home.available() == "online", what="the box")
        assert "s3cret-canary" not in shop.log()
    finally:
        home.close()
        shop.close()
        broker.stop()
