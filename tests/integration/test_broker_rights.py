"""The shipped Mosquitto settings, with certificates: who may say and hear what."""

import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from sqlalchemy import func, select

from cloud import tables
from cloud.db import open_engine, reading
from edge.uplink.link import Broker, client_for
from edge.wire.messages import PAYLOAD_BYTES_MAX
from edge.wire.topics import BoxAddress
from tests.conftest import ROOT
from tests.support.processes import Running, our_command, until
from tests.support.secured import SHIPPED, Secured

MINE, OTHERS = "menkou/v1/nj-001/nj-001-a", "menkou/v1/nj-002/nj-002-a"
FROM_BOX, TO_BOX = ("up", "status", "health"), ("ack", "down")


class Client:
    """A client with one of the certificates, and what it hears."""

    def __init__(self, secured: Secured, file: str, client_id: str = "") -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.lost = 0
        self.client = secured.client(file, client_id)
        self.client.on_message = lambda _c, _u, m: self.heard.append((m.topic, bytes(m.payload)))
        self.client.on_disconnect = self._on_disconnect
        self._port = secured.port

    def _on_disconnect(self, *_: Any) -> None:
        self.lost += 1

    def connect(self) -> "Client":
        self.client.connect("localhost", self._port)
        self.client.loop_start()
        until(self.client.is_connected, what="the connection")
        return self

    def hear(self, *topics: str) -> None:
        done: list[int] = []
        self.client.on_subscribe = lambda _c, _u, mid, *_: done.append(mid)
        wanted = [self.client.subscribe(topic, qos=1)[1] for topic in topics]
        until(lambda: set(wanted) <= set(done), what="the subscriptions")

    def say(self, topic: str, payload: bytes = b"x", *, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(5)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Secured]:
    made = Secured(tmp_path)
    yield made.start()
    made.broker.stop()


@pytest.fixture
def clients(secured: Secured) -> Iterator[tuple[Client, Client, Client]]:
    """The hub, a box and another box."""
    made = [Client(secured, file).connect() for file in ("hub", "box", "other")]
    yield made[0], made[1], made[2]
    for client in made:
        client.close()


WILDCARDS = (
    *("#", "+/#", "menkou/#", "menkou/v1/+/+/up", "menkou/v1/+/+/status", f"{MINE}/#"),
    *(f"{MINE}/{channel}" for channel in (*FROM_BOX, *TO_BOX)),
    *("$SYS/#", "$share/x/menkou/v1/+/+/up", "$share/x/#"),
)


def test_a_box_hears_nothing_of_another_by_no_name_and_no_wildcard_retained_or_not(
    clients: tuple[Client, Client, Client],
) -> None:
    hub, box, other = clients
    hub.hear(*(f"menkou/v1/+/+/{channel}" for channel in FROM_BOX))
    box.hear(*(f"{MINE}/{channel}" for channel in TO_BOX))
    for channel in FROM_BOX:
        box.say(f"{MINE}/{channel}", b"kept", retain=True)
    for channel in TO_BOX:
        hub.say(f"{MINE}/{channel}", b"kept", retain=True)
    other.hear(*WILDCARDS)  # after it was retained
    for channel in FROM_BOX:
        box.say(f"{MINE}/{channel}", b"live")
    for channel in TO_BOX:
        hub.say(f"{MINE}/{channel}", b"live")
    until(lambda: len(hub.heard) == 6 and len(box.heard) == 4, what="what is allowed")
    hub.say(f"{OTHERS}/ack", b"yours")  # behind all that: it would have come before
    until(lambda: bool(other.heard), what="the other's own")
    assert set(other.heard) == {(f"{OTHERS}/ack", b"yours")}


def test_what_a_box_says_in_anothers_name_or_in_the_hubs_reaches_nobody(
    secured: Secured, clients: tuple[Client, Client, Client]
) -> None:
    hub, box, other = clients
    hub.hear(*(f"menkou/v1/+/+/{channel}" for channel in FROM_BOX))
    box.hear(*(f"{MINE}/{channel}" for channel in TO_BOX))
    other.hear(*(f"{OTHERS}/{channel}" for channel in TO_BOX))
    for channel in (*FROM_BOX, *TO_BOX):
        other.say(f"{MINE}/{channel}", b"forged", retain=True)
    for channel in TO_BOX:
        other.say(f"{OTHERS}/{channel}", b"forged", retain=True)
    hub.say(f"{OTHERS}/up", b"forged")
    other.say(f"{OTHERS}/status", b"true", retain=True)
    hub.say(f"{MINE}/ack", b"true")
    hub.say(f"{OTHERS}/ack", b"true")
    until(lambda: bool(hub.heard and box.heard and other.heard), what="what is allowed")
    assert hub.heard == [(f"{OTHERS}/status", b"true")]
    assert box.heard == [(f"{MINE}/ack", b"true")]
    assert other.heard == [(f"{OTHERS}/ack", b"true")]
    late = Client(secured, "hub").connect()
    late.hear("menkou/v1/+/+/status")
    until(lambda: bool(late.heard), what="what was retained")
    assert late.heard == [(f"{OTHERS}/status", b"true")]
    late.close()


def test_a_will_in_anothers_name_is_not_carried_out(
    secured: Secured, clients: tuple[Client, Client, Client]
) -> None:
    hub, box, _ = clients
    hub.hear("menkou/v1/+/+/status")
    forger = Client(secured, "other")
    forger.client.will_set(f"{MINE}/status", b"offline", qos=1, retain=True)
    forger.connect()
    forger.client.loop_stop()
    forger.client.socket().close()  # type: ignore[union-attr]  # without a word
    honest = Client(secured, "other")
    honest.client.will_set(f"{OTHERS}/status", b"offline", qos=1, retain=True)
    honest.connect()
    honest.client.loop_stop()
    honest.client.socket().close()  # type: ignore[union-attr]
    until(lambda: (f"{OTHERS}/status", b"offline") in hub.heard, what="the honest will")
    box.say(f"{MINE}/status", b"online", retain=True)
    until(lambda: (f"{MINE}/status", b"online") in hub.heard, what="the box")
    assert (f"{MINE}/status", b"offline") not in hub.heard


def test_who_knows_a_boxs_name_cannot_cut_it_off(secured: Secured) -> None:
    folder = secured.folder
    broker = Broker(
        host="localhost",
        port=secured.port,
        tls=True,
        ca=folder / "ca.pem",
        cert=folder / "box.pem",
        key=folder / "box.key",
    )
    box = client_for(broker, BoxAddress(store="nj-001", box="nj-001-a"))
    lost: list[object] = []
    box.on_disconnect = lambda *_: lost.append(1)
    box.connect("localhost", secured.port)
    box.loop_start()
    until(box.is_connected, what="the box")
    namesake = Client(secured, "other", "menkou-nj-001-nj-001-a").connect()
    namesake.say(f"{OTHERS}/up")
    box.publish(f"{MINE}/up", b"x", qos=1).wait_for_publish(5)
    assert not lost
    namesake.close()
    box.disconnect()
    box.loop_stop()


def test_several_ingest_processes_share_what_boxes_say(secured: Secured) -> None:
    shared = [Client(secured, "hub").connect() for _ in range(2)]
    for one in shared:
        one.hear("$share/ingest/menkou/v1/+/+/up")
    box = Client(secured, "box").connect()
    for number in range(40):
        box.say(f"{MINE}/up", str(number).encode())
    until(lambda: sum(len(one.heard) for one in shared) >= 40, what="all of it")
    numbers = sorted(int(payload) for one in shared for _, payload in one.heard)
    assert numbers == list(range(40))
    assert all(one.heard for one in shared)
    for one in (*shared, box):
        one.close()


def test_the_largest_batch_passes_and_what_is_far_larger_does_not(
    clients: tuple[Client, Client, Client],
) -> None:
    hub, box, other = clients
    hub.hear("menkou/v1/+/+/up")
    box.say(f"{MINE}/up", b"x" * PAYLOAD_BYTES_MAX)
    until(lambda: bool(hub.heard), what="the largest batch")
    other.client.publish(f"{OTHERS}/up", b"x" * (2 * PAYLOAD_BYTES_MAX), qos=0)
    until(lambda: other.lost > 0, what="the end of who sends more")
    box.say(f"{MINE}/up", b"after")
    until(lambda: len(hub.heard) >= 2, what="the next")
    assert [len(payload) for _, payload in hub.heard] == [PAYLOAD_BYTES_MAX, 5]


def test_a_hub_that_is_slow_gets_all_that_a_chain_sends_at_once(
    secured: Secured, clients: tuple[Client, Client, Client]
) -> None:
    # Mosquitto's own default drops what is more than 1,000 messages.
    _, box, _ = clients
    slow, busy = Client(secured, "hub"), threading.Event()

    def take(_client: object, _data: object, message: paho.MQTTMessage) -> None:
        busy.wait(60)
        slow.heard.append((message.topic, bytes(message.payload)))

    slow.client.on_message = take
    slow.connect()
    slow.hear("menkou/v1/+/+/up")
    for number in range(6_000):
        box.client.publish(f"{MINE}/up", str(number).encode(), qos=1)
    box.say(f"{MINE}/up", b"6000")
    busy.set()
    until(lambda: len(slow.heard) == 6_001, within_s=60, what="all of it")
    slow.close()


def authority(folder: Path, *words: str) -> None:
    subprocess.run([SHIPPED / "authority", *words], cwd=folder, check=True, capture_output=True)


def is_let_in(secured: Secured, file: str) -> bool:
    """Say whether the broker takes a certificate."""
    client = secured.client(file)
    taken: list[bool] = []
    client.on_connect = lambda *_: taken.append(True)
    client.on_disconnect = lambda *_: taken.append(False)
    try:
        client.connect("localhost", secured.port)
        client.loop_start()
        until(lambda: bool(taken), what="an answer")
    except (ssl.SSLError, ConnectionError):
        taken.append(False)
    client.disconnect()
    client.loop_stop()
    return taken[0]


def test_certificates_are_issued_renewed_and_revoked_as_the_guide_says(tmp_path: Path) -> None:
    for words in (
        ("init",),
        ("broker", "localhost"),
        ("hub",),
        ("box", "nj-001/nj-001-a"),
        ("box", "nj-002/nj-002-a"),
    ):
        authority(tmp_path, *words)
    old = tmp_path / "old"
    for end in ("pem", "key"):
        (tmp_path / f"box-nj-001-nj-001-a.{end}").rename(f"{old}.{end}")
    secured = Secured(tmp_path, issued=True).start()
    try:
        files = ("hub", "old", "box-nj-002-nj-002-a")
        assert [is_let_in(secured, file) for file in files] == [True] * 3
        authority(tmp_path, "box", "nj-001/nj-001-a")
        assert is_let_in(secured, "box-nj-001-nj-001-a")
        assert is_let_in(secured, "old")  # until the box has the new one
        authority(tmp_path, "revoke", "old.pem")
        secured.broker.stop()
        secured.start()
        assert not is_let_in(secured, "old")
        assert is_let_in(secured, "box-nj-001-nj-001-a")
        assert is_let_in(secured, "hub")
    finally:
        secured.broker.stop()


def test_a_chain_is_simulated_over_a_broker_that_wants_certificates(tmp_path: Path) -> None:
    for words in (("init",), ("broker", "localhost"), ("hub",), ("simulator",)):
        authority(tmp_path, *words)
    secured = Secured(tmp_path, issued=True)
    guide = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    account = guide[guide.index("user menkou-simulator") :].split("```")[0]
    with (tmp_path / "menkou.acl").open("a") as rights:
        rights.write(f"\n{account}")
    config = tmp_path / "hub.toml"
    config.write_text(
        f'[hub]\ndata_dir = "{tmp_path}/hub"\n[broker]\nurl = "{secured.url}"\n'
        f'ca = "{tmp_path}/ca.pem"\ncert = "{tmp_path}/hub.pem"\nkey = "{tmp_path}/hub.key"\n'
    )

    def hub(command: str, *more: str) -> Running:
        words = (command, "--config", str(config), *more)
        return our_command("cloud.cli", *words, log=tmp_path / f"{command}.log").start()

    assert hub("migrate").wait() == 0
    secured.start()
    ingest = hub("ingest")

    def simulated(name: str, shops: int) -> Running:
        shown = [f"--ca={tmp_path}/ca.pem", f"--cert={tmp_path}/{name}.pem"]
        return hub(
            *("simulate", "--broker", secured.url, *shown, f"--key={tmp_path}/{name}.key"),
            *("--start", "2026-11-21T04:00:00Z", "--duration", "30m", "--rate", "360"),
            *("--shops", str(shops), "--settle", "3s"),
        )

    try:
        chain = simulated("simulator", 3)
        assert chain.wait() == 0, chain.log()
        told = json.loads(chain.log().splitlines()[-1])["told"]
        assert told > 20
        engine = open_engine(f"sqlite:///{tmp_path}/hub/hub.db")
        with reading(engine) as connection:
            held = connection.execute(select(func.count()).select_from(tables.event)).scalar_one()
        engine.dispose()
        assert held == told
        assert simulated("hub", 1).wait() == 1, "the hub's own account may not speak for boxes"
    finally:
        ingest.stop()
        secured.broker.stop()


def test_a_boxs_certificate_is_good_for_no_broker(tmp_path: Path) -> None:
    for words in (("init",), ("broker", "localhost"), ("box", "localhost/a"), ("hub",)):
        authority(tmp_path, *words)
    for end in ("pem", "key"):
        (tmp_path / f"broker.{end}").write_bytes((tmp_path / f"box-localhost-a.{end}").read_bytes())
    secured = Secured(tmp_path, issued=True).start()
    context = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    try:
        with (
            socket.create_connection(("127.0.0.1", secured.port)) as raw,
            pytest.raises(ssl.SSLCertVerificationError, match="unsuitable certificate purpose"),
        ):
            context.wrap_socket(raw, server_hostname="localhost")
    finally:
        secured.broker.stop()


@pytest.mark.parametrize("name", ["nj-001", "a/b/c", "a/#", "+/b", f"{'x' * 40}/{'y' * 40}"])
def test_names_that_are_no_shop_and_box_get_no_certificate(tmp_path: Path, name: str) -> None:
    authority(tmp_path, "init")
    with pytest.raises(subprocess.CalledProcessError):
        authority(tmp_path, "box", name)
    with pytest.raises(subprocess.CalledProcessError):
        authority(tmp_path, "init")  # never over an authority that is there
