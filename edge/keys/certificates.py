"""Who a box is to other boxes: the certificate with which it also comes to the broker.

    own key ──sign──> statement, bundle          own `ca` ──> whose words they are, or Untrusted

Used by `app.sharing`, in the eyes, and for what arrives by `app.received`. Calls `cryptography`:
path validation after RFC 5280 (`x509.verification`), ECDSA and RSA-PSS, both with SHA-256. The
hub's and the broker's word on who somebody is counts for nothing here.
"""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from edge.keys.errors import KeyFault
from edge.wire import checks

_PSS: Final = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)
_ECDSA: Final = ec.ECDSA(SHA256())
_CHAIN_MAX: Final = checks.CERTIFICATES_MAX  # those above the box's own, the authority's included


class Untrusted(KeyFault):
    """Words that are not of the box that they name, as far as this box's authority can tell."""


def _for_clients(_policy: Policy, _certificate: x509.Certificate, usage: object) -> None:
    # A broker's or a page's certificate must not speak for a box, whatever its name.
    if not isinstance(usage, x509.ExtendedKeyUsage) or ExtendedKeyUsageOID.CLIENT_AUTH not in usage:
        raise ValueError("expected a certificate for clients (clientAuth)")


# A box has a common name and no address, so none that a web browser would look for.
_BOXES: Final = (
    ExtensionPolicy.webpki_defaults_ee()
    .may_be_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)
    .require_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _for_clients)
)
_AUTHORITIES: Final = ExtensionPolicy.webpki_defaults_ca()


class Authority:
    """Whom this box believes: the certificates of `[uplink] ca`.

    Args:
        ca: the PEM file.

    Raises:
        KeyFault: it cannot be read.
    """

    def __init__(self, ca: Path) -> None:
        try:
            self._store = Store(x509.load_pem_x509_certificates(ca.read_bytes()))
        except (OSError, ValueError) as exc:
            raise KeyFault(f"[uplink] ca {ca}: expected certificates in PEM, got {exc}") from None

    def check(
        self, place: str, certificates: Sequence[str], words: bytes, signature: str, now: datetime
    ) -> None:
        """Make sure that a box said these words.

        Args:
            place: the box, STORE/BOX: the whole common name of its certificate.
            certificates: its own first, DER in base64.
            words: what was signed.
            signature: in base64.
            now: the moment at which all certificates must be valid.

        Raises:
            Untrusted: it did not, or nobody can tell.
        """
        try:
            chain = [x509.load_der_x509_certificate(b64decode(one)) for one in certificates]
            self._require_path(place, chain[0], chain[1:], now)
            name = _common_name(chain[0])
        except Untrusted:
            raise
        except Exception:  # noqa: BLE001
            # The library has a dozen exceptions of no common kind for what it cannot read, and
            # anybody can make a certificate that it cannot.
            raise Untrusted(f"{place}: expected a certificate in DER, got another") from None
        if name != place:
            raise Untrusted(f"{place}: expected a certificate of this box, got another's")
        try:
            _verify(chain[0], b64decode(signature), words)
        except (InvalidSignature, ValueError, UnsupportedAlgorithm):
            raise Untrusted(f"{place}: expected words that this box signed, got others") from None

    def _require_path(
        self,
        place: str,
        leaf: x509.Certificate,
        between: Sequence[x509.Certificate],
        now: datetime,
    ) -> None:
        verifier = (
            PolicyBuilder()
            .store(self._store)
            .time(now)
            .max_chain_depth(_CHAIN_MAX)
            .extension_policies(ca_policy=_AUTHORITIES, ee_policy=_BOXES)
            .build_client_verifier()
        )
        try:
            verifier.verify(leaf, list(between))
        except (VerificationError, ValueError) as exc:
            why = str(exc).partition(" (encountered")[0]
            raise Untrusted(f"{place}: its certificate is not good here and now: {why}") from None


class Identity:
    """This box's own certificate and key. repr shows nothing of the key.

    Args:
        place: STORE/BOX, as the settings name the box.
        cert: the PEM file of `[uplink] cert`; certificates in between may follow.
        key: that of `[uplink] key`.

    Raises:
        KeyFault: they cannot be read, are another box's, or of a kind that nobody can check.
    """

    def __init__(self, place: str, cert: Path, key: Path) -> None:
        try:
            chain = x509.load_pem_x509_certificates(cert.read_bytes())
            private = load_pem_private_key(key.read_bytes(), password=None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as exc:
            raise KeyFault(
                f"[uplink] cert {cert} and key {key}: expected PEM files, got"
                f" {type(exc).__name__}: templates are not shared"
            ) from None
        if not isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise KeyFault(
                f"[uplink] key {key}: expected EC or RSA, got another: templates are not shared"
            )
        if _common_name(chain[0]) != place:
            raise KeyFault(
                f"[uplink] cert {cert}: expected the common name {place}, got another: templates"
                " are not shared; have the certificate issued for this box"
            )
        if private.public_key() != chain[0].public_key():
            raise KeyFault(f"[uplink] cert {cert} and key {key}: expected a pair, got two halves")
        self.place = place
        self._private = private
        self.certificates = tuple(
            b64encode(one.public_bytes(Encoding.DER)).decode() for one in chain
        )
        self.mark = sha256(self.certificates[0].encode()).hexdigest()
        try:
            checks.certificates(self.certificates)
            checks.signature(self.sign(b""))
        except ValueError as exc:
            raise KeyFault(f"[uplink] cert {cert}: {exc}: templates are not shared") from None

    def __repr__(self) -> str:
        return f"Identity({self.place!r})"

    def sign(self, words: bytes) -> str:
        """Return the signature of words, in base64."""
        if isinstance(self._private, rsa.RSAPrivateKey):
            signed = self._private.sign(words, _PSS, SHA256())
        else:
            signed = self._private.sign(words, _ECDSA)
        return b64encode(signed).decode()


def _common_name(certificate: x509.Certificate) -> str | None:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if len(names) == 1 else None


def _verify(certificate: x509.Certificate, signature: bytes, words: bytes) -> None:
    public = certificate.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(signature, words, _PSS, SHA256())
    elif isinstance(public, ec.EllipticCurvePublicKey):
        public.verify(signature, words, _ECDSA)
    else:
        raise UnsupportedAlgorithm("expected EC or RSA")
