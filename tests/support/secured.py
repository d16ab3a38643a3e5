"""A certificate authority, and the shipped Mosquitto settings on a free port of loopback."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import paho.mqtt.client as paho
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from paho.mqtt.enums import CallbackAPIVersion

from tests.conftest import ROOT
from tests.support.processes import Running, answers, free_port, until

SHIPPED = ROOT / "firmware_config/mosquitto"


class Authority:
    """A certificate authority in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self._write("ca", self._sign("test authority", self._key, ca=True), self._key)
        self._revoke_nobody()

    def issue(self, file: str, common_name: str) -> None:
        """Write FILE.pem and FILE.key for a common name; good for localhost too."""
        key = ec.generate_private_key(ec.SECP256R1())
        self._write(file, self._sign(common_name, key, ca=False), key)

    def _revoke_nobody(self) -> None:
        now = datetime.now(UTC)
        listed = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._name)
            .last_update(now - timedelta(days=1))
            .next_update(now + timedelta(days=1))
            .sign(self._key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        (self.folder / "revoked.pem").write_bytes(listed.public_bytes(pem))

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
    """The shipped broker settings on a free port, and certificates for everybody.

    Args:
        folder: where all of it lies.
        issued: whether the certificates are in the folder already.
    """

    def __init__(self, folder: Path, *, issued: bool = False) -> None:
        self.folder = folder
        if not issued:
            authority = Authority(folder)
            for file, name in (
                ("broker", "localhost"),
                ("hub", "menkou-hub"),
                ("box", "nj-001/nj-001-a"),
                ("other", "nj-002/nj-002-a"),
            ):
                authority.issue(file, name)
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

    def start(self) -> "Secured":
        """Start the broker and wait until it listens."""
        self.broker.start()
        until(lambda: answers(self.port), what="the broker")
        return self

    def client(self, file: str | None, client_id: str = "") -> paho.Client:
        """Return a client with one of the certificates, or none."""
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id)
        context = ssl.create_default_context(cafile=self.folder / "ca.pem")
        if file:
            context.load_cert_chain(self.folder / f"{file}.pem", self.folder / f"{file}.key")
        client.tls_set_context(context)
        return client
