"""The shipped Mosquitto settings: certificates both ways, each box in its own topics."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from paho.mqtt.enums import CallbackAPIVersion

from tests.conftest import ROOT
from tests.support.processes import Running, answers, free_port, our_command, until

SHIPPED = ROOT / "firmware_config/mosquitto"


class Authority:
    """A certificate authority in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self._write("ca", self._sign("test authority", self._key, ca=True), self._key)

    def issue(self, file: str, common_name: str) -> None:
        """Write FILE.pem and FILE.key for a common name; good for localhost too."""
        key = ec.generate_private_key(ec.SECP256R1())
        self._write(file, self._sign(common_name, key, ca=False), key)

    def _sign(self, name: str, key: ec.EllipticCurvePrivateKey, *, ca: bool) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def _write(
        self, file: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
    ) -> None:
        pem = serialization.Encoding.PEM
        (self.folder / f"{file}.pem").write_bytes(certificate.public_bytes(pem))
        (self.folder / f"{file}.key").write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )


class Secured:
    """The shipped broker settings on a free port, and certificates for everybody."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder)
        for file, name in (
            ("broker", "localhost"),
            ("hub", "menkou-hub"),
            ("box", "nj-001/nj-001-a"),
            ("other", "nj-002/nj-002-a"),
        ):
            self.authority.issue(file, name)
        self.port = free_port()
        settings = (SHIPPED / "menkou.conf").read_text()
        settings = settings.replace("listener 8883", f"listener {self.port} 127.0.0.1")
        settings = settings.replace("/etc/mosquitto/menkou/", f"{folder}/")
        settings = settings.replace("/etc/mosquitto/menkou.acl", f"{folder}/menkou.acl")
        (folder / "menkou.conf").write_text(settings + "user root\n")
        (folder / "menkou.acl").write_text((SHIPPED / "menkou.acl").read_text())
        self.broker = Running(
            ["/usr/sbin/mosquitto", "-c", str(folder / "menkou.conf")], folder / "broker.log"
        )
        self.url = f"mqtts://localhost:{self.port}"

    def client(self, file: str | None) -> paho.Client:
        """Return a client with one of the certificates, or none."""
        client = paho.Client(CallbackAPIVersion.VERSION2)
        context = ssl.create_default_context(cafile=self.folder / "ca.pem")
        if file:
            context.load_cert_chain(self.folder / f"{file}.pem", self.folder / f"{file}.key")
        client.tls_set_context(context)
        return client


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Secured]:
    made = Secured(tmp_path)
    made.broker.start()
    until(lambda: answers(made.port), what="the broker")
    yield made
    made.broker.stop()


def test_box_and_hub_meet_over_tls_with_their_certificates(
    secured: Secured, recordings: Path
) -> None:
    folder = secured.folder
    film = recordings / "video/one-by-one.mp4"
    (folder / "hub.toml").write_text(
        f'[hub]\ndata_dir = "{folder}/hub"\n'
        f'[broker]\nurl = "{secured.url}"\nca = "{folder}/ca.pem"\n'
        f'cert = "{folder}/hub.pem"\nkey = "{folder}/hub.key"\n'
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
