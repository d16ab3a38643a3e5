"""How a phone comes to trust the pages: what to install, and whether it is the right one.

Called by `edge.console.app`. Open to everybody, since it is needed before a device is paired, and
a certificate is no secret. What keeps somebody else's from being installed is its fingerprint,
which is compared with the one that `menkou-edge pair` prints.
"""

import logging
import plistlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from flask import Blueprint, Response, abort, render_template
from flask.typing import ResponseReturnValue

from edge.console.view import ReachView, ShopView
from menkou.errors import MenkouFault, told

log = logging.getLogger(__name__)


class AuthorityUnreadable(MenkouFault):
    """The file of `[console] ca` holds no certificate."""


@dataclass(frozen=True, slots=True)
class Authority:
    """Who issued the pages' certificate. `der` is what a phone installs."""

    der: bytes
    name: str

    @property
    def fingerprint(self) -> str:
        """SHA-256 in pairs of digits, as phones show it."""
        return sha256(self.der).digest().hex(":").upper()


def read_authority(ca: Path) -> Authority:
    """Read `[console] ca`; of several certificates the first.

    Raises:
        AuthorityUnreadable: it holds none.
    """
    try:
        first = x509.load_pem_x509_certificates(ca.read_bytes())[0]
    except (OSError, ValueError) as exc:
        raise AuthorityUnreadable(
            f"[console] ca {ca}: expected a certificate in PEM, got: {told(exc)}"
        ) from exc
    return Authority(der=first.public_bytes(Encoding.DER), name=first.subject.rfc4514_string())


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """How the pages are served. `ca` None: by a certificate that phones trust anyway."""

    ca: Path | None = None
    port: int = 0
    has_tls: bool = False

    def authority(self) -> Authority | None:
        """Return who issued the certificate, as the file is now; None if that cannot be said."""
        if self.ca is None:
            return None
        try:
            return read_authority(self.ca)
        except AuthorityUnreadable as exc:
            log.error("%s; phones are offered nothing to install", exc)
            return None

    def address(self, reach: ReachView) -> str | None:
        """Return the address by the local name."""
        if reach.found_as is None:
            return None
        return f"{'https' if self.has_tls else 'http'}://{reach.found_as}:{self.port}/"


def trust_pages(view: Callable[[], ShopView], ways: Ways) -> Blueprint:
    """Make the page and the two forms of the certificate."""
    pages = Blueprint("trust", __name__)

    def authority() -> Authority:
        found = ways.authority()
        return found if found is not None else abort(404)

    @pages.get("/trust")
    def page() -> str:
        return render_template(
            "trust.html", authority=ways.authority(), address=ways.address(view().reach), ways=ways
        )

    @pages.get("/ca.crt")
    def certificate() -> ResponseReturnValue:
        return _file(authority().der, "application/x-x509-ca-cert", "menkou-ca.crt")

    @pages.get("/ca.mobileconfig")
    def profile() -> ResponseReturnValue:
        profile = plistlib.dumps(_profile(authority()))
        return _file(profile, "application/x-apple-aspen-config", "menkou-ca.mobileconfig")

    return pages


def _file(content: bytes, kind: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, content_type=kind, headers=headers)


def _profile(authority: Authority) -> dict[str, object]:
    """Return Apple's profile that installs a root (Configuration Profile Reference)."""
    mark = uuid.uuid5(uuid.NAMESPACE_OID, authority.fingerprint)
    common = {"PayloadVersion": 1, "PayloadOrganization": "Menkou"}
    root = common | {
        "PayloadType": "com.apple.security.root",
        "PayloadIdentifier": f"menkou.ca.{mark}",
        "PayloadUUID": str(mark).upper(),
        "PayloadDisplayName": authority.name,
        "PayloadCertificateFileName": "menkou-ca.crt",
        "PayloadContent": authority.der,
    }
    whole = uuid.uuid5(mark, "profile")
    return common | {
        "PayloadType": "Configuration",
        "PayloadIdentifier": f"menkou.profile.{whole}",
        "PayloadUUID": str(whole).upper(),
        "PayloadDisplayName": f"Menkou 门口: {authority.name}",
        "PayloadContent": [root],
    }
