"""The shipped Mosquitto settings: certificates both ways, each box in its own topics."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

from tests.support.processes import answers, our_command, until
from tests.support.secured import Secured


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Secured]:
    made = Secured(tmp_path)
    made.broker.start()
    until(lambda: answers(made.port), what="the broker")
    yield made
    made.broker.stop()


@pytest.mark.parametrize(
    "share", [pytest.param("", id="alone"), pytest.param('share = "menkou"\n', id="sharing")]
)
def test_box_and_hub_meet_over_tls_with_their_certificates(
    secured: Secured, recordings: Path, share: str
) -> None:
    folder = secured.folder
    film = recordings / "video/one-by-one.mp4"
    (folder / "hub.toml").write_text(
        f'[hub]\ndata_dir = "{folder}/hub"\n'
        f'[broker]\nurl = "{secured.url}"\nca = "{folder}/ca.pem"\n'
        f'cert = "{folder}/hub.pem"\nkey = "{folder}/hub.key"\n{share}'
    )
    (folder / "edge.toml").write_text(
        '[store]\nid = "nj-001"\nname = "南京东路店"\ntimezone = "Asia/Shanghai"\n'
        '[box]\nid = "nj-001-a"\ndata_dir = "box"\n'
        f'[[camera]]\nname = "door"\nsource = "{film}"\n'
        f'[uplink]\nbroker = "{secured.url}"\nca = "ca.pem"\ncert = "box.pem"\n'
        'key = "file:box.key"\n'
    )
    hub_config = ("--config", str(folder / "hub.toml"))
    migrate = our_command("cloud.cli", "migrate", *hub_config, log=folder / "migrate.log").start()
    assert migrate.wait() == 0, migrate.log()
    hub = our_command("cloud.cli", "ingest", *hub_config, log=folder / "ingest.log").start()
    replay = our_command(
        *("edge", "replay", "--config", str(folder / "edge.toml")),
        *("--camera", f"door={film}", "--publish", "30"),
        log=folder / "replay.log",
    ).start()
    try:
        assert replay.wait() == 0, replay.log() + hub.log()
    finally:
        assert hub.stop() == 0


def received(client: paho.Client, topic: str) -> list[str]:
    """Subscribe and return the list to which what arrives is added."""
    arrived: list[str] = []
    client.on_message = lambda _c, _u, message: arrived.append(message.topic)
    client.subscribe(topic, qos=1)
    return arrived


def test_a_box_can_neither_speak_nor_listen_for_another(secured: Secured) -> None:
    hub, box, other = (secured.client(file) for file in ("hub", "box", "other"))
    for client in (hub, box, other):
        client.connect("localhost", secured.port)
        client.loop_start()
    until(lambda: all(c.is_connected() for c in (hub, box, other)), what="connections")
    at_hub = received(hub, "menkou/v1/+/+/up")
    hub.subscribe("menkou/v1/+/+/late", qos=1)
    at_other = received(other, "menkou/v1/nj-001/nj-001-a/ack")
    at_box = received(box, "menkou/v1/nj-001/nj-001-a/ack")
    until(lambda: wait_acknowledged(hub), what="the subscription")
    for channel in ("up", "late"):
        forged = other.publish(f"menkou/v1/nj-001/nj-001-a/{channel}", b"forged", qos=1)
        forged.wait_for_publish(5)
    box.publish("menkou/v1/nj-001/nj-001-a/late", b"true", qos=1).wait_for_publish(5)
    box.publish("menkou/v1/nj-001/nj-001-a/up", b"true", qos=1).wait_for_publish(5)
    hub.publish("menkou/v1/nj-001/nj-001-a/ack", b"word", qos=1).wait_for_publish(5)
    until(lambda: len(at_hub) == 2 and bool(at_box), what="what is allowed")
    assert at_hub == ["menkou/v1/nj-001/nj-001-a/late", "menkou/v1/nj-001/nj-001-a/up"]
    assert at_other == []
    for client in (hub, box, other):
        client.disconnect()
        client.loop_stop()


def wait_acknowledged(client: paho.Client) -> bool:
    """Give a subscription a moment: a publish to oneself comes back behind it."""
    info: Any = client.publish("menkou/v1/nj-009/nj-009-a/ack", b"", qos=1)
    info.wait_for_publish(5)
    return bool(info.is_published())


def test_without_a_certificate_nobody_comes_in(secured: Secured) -> None:
    stranger = secured.client(None)
    refused: list[bool] = []
    stranger.on_connect = lambda *_: refused.append(False)
    stranger.on_disconnect = lambda *_: refused.append(True)
    try:
        stranger.connect("localhost", secured.port)
        stranger.loop_start()
        until(lambda: bool(refused), what="the refusal")
    except (ssl.SSLError, OSError):
        refused.append(True)
    stranger.loop_stop()
    assert refused[0]
