"""From a starting box by way of a real broker to a real hub process and back, with its key."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from paho.mqtt.enums import CallbackAPIVersion

from edge.uplink.link import Broker, client_for
from edge.uplink.release import ShareNotReleased, ShareRevoked, request_share
from edge.wire import codec
from edge.wire.messages import KeyRelease, KeyRequest
from edge.wire.sealing import release_context
from edge.wire.topics import BoxAddress
from tests.conftest import ROOT
from tests.support.processes import Mosquitto, Running, answers, free_port, our_command, until
from tests.support.secured import Secured

HERE = BoxAddress(store="nj-001", box="nj-001-a")
SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
ANOTHER = X25519PrivateKey.generate().public_key().public_bytes_raw().hex()


class Hub:
    """`menkou-hub` processes over one data directory."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.config = folder / "hub.toml"
        self.config.write_text(
            f'[hub]\ndata_dir = "{folder}/hub"\n[broker]\nurl = "{url}"\n', encoding="utf-8"
        )
        self.ingests: list[Running] = []
        assert self.command("migrate").returncode == 0

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "cloud.cli", *words, "--config", str(self.config)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def start_ingest(self) -> Running:
        log = self.folder / f"ingest-{len(self.ingests)}.log"
        self.ingests.append(
            our_command("cloud.cli", "ingest", "--config", str(self.config), log=log)
        )
        return self.ingests[-1].start()

    def log(self) -> str:
        return "".join(one.log() for one in self.ingests)


@pytest.fixture
def hub(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[Hub]:
    made = Hub(tmp_path, mosquitto.url)
    yield made
    for one in made.ingests:
        assert one.stop() in (0, None)


def at(mosquitto: Mosquitto) -> Broker:
    return Broker(host="127.0.0.1", port=mosquitto.port)


def test_a_box_gets_its_shares_loses_them_when_revoked_and_gets_them_back(
    hub: Hub, mosquitto: Mosquitto
) -> None:
    assert hub.command("key", "list").stdout == ""
    hub.start_ingest(), hub.start_ingest()  # whichever answers first, it is the same
    shares = {
        part: request_share(at(mosquitto), HERE, part, 30) for part in ("profile", "template")
    }
    assert len(set(shares.values())) == 2
    assert {len(share) for share in shares.values()} == {32}
    assert hub.command("key", "revoke", "nj-001/nj-001-a").returncode == 0
    with pytest.raises(ShareRevoked, match="menkou-hub key restore nj-001/nj-001-a"):
        request_share(at(mosquitto), HERE, "profile", 20)
    listed = hub.command("key", "list").stdout.splitlines()
    assert [line.split("\t")[:2] for line in listed] == [["nj-001/nj-001-a", "revoked"]]
    assert hub.command("key", "restore", "nj-001/nj-001-a").returncode == 0
    assert request_share(at(mosquitto), HERE, "profile", 20) == shares["profile"]
    assert "nj-001/nj-001-a: profile key: revoked" in hub.log()
    for secret in (*shares.values(), (hub.folder / "hub/share.secret").read_bytes()):
        assert secret.hex() not in hub.log()


def test_a_box_that_starts_before_the_hub_waits_for_it(hub: Hub, mosquitto: Mosquitto) -> None:
    late = threading.Timer(1.0, hub.start_ingest)
    late.start()
    assert len(request_share(at(mosquitto), HERE, "template", 60)) == 32
    late.join()


def test_a_box_that_reaches_no_hub_says_so_and_where_to_look(mosquitto: Mosquitto) -> None:
    began = time.monotonic()
    with pytest.raises(ShareNotReleased, match=r"reached, but no hub answers; look at \[uplink\]"):
        request_share(at(mosquitto), HERE, "template", 1)
    assert time.monotonic() - began < 5


def test_a_box_that_reaches_no_broker_says_why() -> None:
    broker = Broker(host="127.0.0.1", port=free_port())
    with pytest.raises(ShareNotReleased, match=r"no connection: .*refused"):
        request_share(broker, HERE, "template", 1)


def test_asking_does_not_disturb_the_boxs_own_connection(hub: Hub, mosquitto: Mosquitto) -> None:
    """A broker drops the older of two connections with one name."""
    hub.start_ingest()
    lost = threading.Event()
    uplink = client_for(at(mosquitto), HERE)
    uplink.on_disconnect = lambda *_: lost.set()
    uplink.connect("127.0.0.1", mosquitto.port)
    uplink.loop_start()
    until(uplink.is_connected, what="the uplink is connected")
    request_share(at(mosquitto), HERE, "template", 30)
    assert not lost.is_set()
    uplink.disconnect()
    uplink.loop_stop()


Forge = Callable[[KeyRequest], KeyRelease]


def forged(request: KeyRequest, address: BoxAddress = HERE, **changes: str) -> KeyRelease:
    """Answer as a hub would, but with some of what the seal binds changed."""
    fields = {"session": request.session, "part": request.part} | changes
    public = X25519PublicKey.from_public_bytes(bytes.fromhex(changes.get("public", request.public)))
    info = release_context(address, fields["part"], fields["session"])
    sealed = SUITE.encrypt(b"f" * 32, public, info=info).hex()
    return KeyRelease(session=request.session, part=request.part, state="released", sealed=sealed)


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda r: forged(r, public=ANOTHER), id="sealed to another key"),
        pytest.param(lambda r: forged(r, session="6" * 32), id="sealed for another request"),
        pytest.param(lambda r: forged(r, part="profile"), id="sealed for the other part"),
        pytest.param(
            lambda r: forged(r, BoxAddress(store="nj-002", box="x")), id="sealed for another box"
        ),
    ],
)
def test_a_share_that_is_not_sealed_to_this_request_is_refused(
    mosquitto: Mosquitto, forge: Forge
) -> None:
    with Answering(mosquitto.port, forge), pytest.raises(ShareNotReleased, match="does not open"):
        request_share(at(mosquitto), HERE, "template", 20)


def test_an_answer_to_somebody_elses_request_is_not_taken(mosquitto: Mosquitto) -> None:
    def other(request: KeyRequest) -> KeyRelease:
        return KeyRelease(session="6" * 32, part=request.part, state="revoked", sealed=None)

    with Answering(mosquitto.port, other), pytest.raises(ShareNotReleased, match="no hub answers"):
        request_share(at(mosquitto), HERE, "template", 1)


class Answering:
    """A hub that answers each request with what it is told to."""

    def __init__(self, port: int, forge: Forge) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._forge = forge
        self._client.on_message = self._on_message
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe(HERE.topic("up"), qos=1)
        assert subscribed.wait(10)

    def _on_message(self, client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        request, _ = codec.decode_up(bytes(message.payload))
        assert isinstance(request, KeyRequest)
        client.publish(HERE.topic("down"), codec.encode(self._forge(request)), qos=1)

    def __enter__(self) -> "Answering":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Secured]:
    made = Secured(tmp_path)
    made.broker.start()
    until(lambda: answers(made.port), what="the broker")
    yield made
    made.broker.stop()


def test_the_shipped_access_list_gives_a_box_its_own_key_and_no_others(secured: Secured) -> None:
    folder = secured.folder
    hub = Hub(folder, secured.url)
    with hub.config.open("a", encoding="utf-8") as config:
        config.write(
            f'ca = "{folder}/ca.pem"\ncert = "{folder}/hub.pem"\nkey = "{folder}/hub.key"\n'
        )
    ingest = hub.start_ingest()

    def broker(name: str) -> Broker:
        return Broker(
            host="localhost",
            port=secured.port,
            tls=True,
            ca=folder / "ca.pem",
            cert=folder / f"{name}.pem",
            key=folder / f"{name}.key",
        )

    heard: list[str] = []
    spy = secured.client("other")
    spy.on_message = lambda _c, _d, message: heard.append(message.topic)
    spy.connect("localhost", secured.port)
    spy.loop_start()
    spy.subscribe("menkou/v1/#", qos=1)
    try:
        assert len(request_share(broker("box"), HERE, "template", 30)) == 32
        with pytest.raises(ShareNotReleased, match="no hub answers"):
            request_share(broker("other"), HERE, "template", 3)
        own = BoxAddress(store="nj-002", box="nj-002-a")
        assert len(request_share(broker("other"), own, "template", 30)) == 32
        until(lambda: own.topic("down") in heard, what="the spy hears what is its own")
        assert HERE.topic("down") not in heard
    finally:
        spy.disconnect()
        spy.loop_stop()
        assert ingest.stop() == 0
